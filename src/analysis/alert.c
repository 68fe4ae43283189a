/* What the other end's own rules say: alerts that fire are findings. Nothing is held back or
 * smoothed here, their rules did that. */
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/alert.h"
#include "flametop/core/analyzer.h"

extern const struct analyzer analyzer_alert;

static void *
alert_open(struct catalog *catalog)
{
    static char none;
    (void)catalog;
    return &none;
}

static void
alert_close(void *state)
{
    (void)state;
}

static int
impact_of(enum level level)
{
    static const int impacts[] = {[LEVEL_NORMAL] = 0,
                                  [LEVEL_INFO] = 10,
                                  [LEVEL_WARNING] = 50,
                                  [LEVEL_CRITICAL] = 85,
                                  [LEVEL_EMERGENCY] = 100};
    return impacts[level];
}

/* "TargetDown: web-01:9100 is down", with the instance where neither says it. */
static const char *
sentence_of(struct arena *arena, const union cell *row)
{
    const char *name = row[ALERT_NAME].text, *text = row[ALERT_SUMMARY].text;
    const char *instance = row[ALERT_INSTANCE].text;
    if (text == NULL) {
        text = name != NULL ? name : "an alert without a name";
    }
    bool titled = name != NULL && strcmp(name, text) != 0;
    bool placed = instance != NULL && strstr(text, instance) == NULL;
    return arena_printf(arena, "%s%s%s%s%s", titled ? name : "", titled ? ": " : "", text,
                        placed ? " at " : "", placed ? instance : "");
}

static void
say(struct findings *findings, const union cell *row, int64_t now_wall_ns)
{
    bool known =
        row[ALERT_LEVEL].integer >= LEVEL_NORMAL && row[ALERT_LEVEL].integer <= LEVEL_EMERGENCY;
    enum level level = known ? (enum level)row[ALERT_LEVEL].integer : LEVEL_WARNING;
    bool firing = row[ALERT_STATE].text != NULL && strcmp(row[ALERT_STATE].text, "firing") == 0;
    if (!firing || level == LEVEL_NORMAL || findings->count == FINDINGS_MAX) {
        return;
    }
    int64_t since_s = row[ALERT_SINCE].integer;
    const char *key = row[ALERT_KEY].text != NULL ? row[ALERT_KEY].text : "";
    bool sane = since_s > 0 && since_s < INT64_MAX / NS_PER_S;
    findings->list[findings->count++] = (struct finding){
        .id = arena_printf(findings->arena, "alert:%s", key),
        .sentence = sentence_of(findings->arena, row),
        .advice = "A rule of the server that is attached says so.",
        .since_wall_ns = sane ? since_s * NS_PER_S : now_wall_ns,
        .impact = impact_of(level),
        .level = level,
    };
}

static void
alert_run(void *state, const struct picture *picture, struct findings *findings)
{
    const struct table *table = picture_table(picture, alert_table.name);
    (void)state;
    if (table == NULL || table->def != &alert_table) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        say(findings, table_row(table, i), picture->wall_ns);
    }
    bool first = findings->looked_at == NULL || findings->looked_at[0] == '\0';
    findings->looked_at = arena_printf(findings->arena, "%s%salerts",
                                       first ? "" : findings->looked_at, first ? "" : ", ");
}

const struct analyzer analyzer_alert = {
    .name = "alert",
    .text = "Alerts that the rules of an attached server raised.",
    .open = alert_open,
    .run = alert_run,
    .close = alert_close,
};
