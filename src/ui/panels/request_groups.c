/* Requests in groups: how many a second, how long, how many failed, which way it goes, and how long
 * people waited for them. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"

#define TREND_CELLS 8
#define ERRORS_WARNING 0.01
#define ERRORS_CRITICAL 0.05
#define RATIO_STEADY 1.15 /* less than this much longer is no change */

enum {
    GROUP_KEY,
    GROUP_LEVEL,
    GROUP_NAME,
    GROUP_OF_TOOL,
    GROUP_OF_SERVICE,
    GROUP_RATE,
    GROUP_P50,
    GROUP_P95,
    GROUP_P99,
    GROUP_MAX,
    GROUP_ERRORS,
    GROUP_TREND,
    GROUP_WAITED,
    GROUP_RUNNING,
    GROUP_SLOW,
    GROUP_COUNT,
};

static const struct column columns[] = {
    [GROUP_KEY] = {"request.group.key", "KEY", "", "What tells groups apart.", COLUMN_INTEGER,
                   COLUMN_KEY | COLUMN_HIDDEN, 20},
    [GROUP_LEVEL] = {"request.group.level", "!", "", "How bad it is.", COLUMN_INTEGER, 0, 1},
    [GROUP_NAME] = {"request.group", "ENDPOINT", "", "What the requests are grouped by.",
                    COLUMN_TEXT, 0, 30},
    [GROUP_OF_TOOL] = {"request.tool", "TOOL", "", "Tool that was run.", COLUMN_TEXT, 0, 18},
    [GROUP_OF_SERVICE] = {"service.name", "SERVICE", "", "Service that was asked.", COLUMN_TEXT,
                          COLUMN_HIDDEN, 16},
    [GROUP_RATE] = {"request.rate", "/s", "{request}/s", "Requests a second.", COLUMN_REAL, 0, 7},
    [GROUP_P50] = {"request.duration.p50", "p50", "s", "Half of them took no longer.", COLUMN_REAL,
                   0, 7},
    [GROUP_P95] = {"request.duration.p95", "p95", "s", "95 of 100 took no longer.", COLUMN_REAL, 0,
                   7},
    [GROUP_P99] = {"request.duration.p99", "p99", "s", "99 of 100 took no longer.", COLUMN_REAL, 0,
                   7},
    [GROUP_MAX] = {"request.duration.max", "MAX", "s", "The longest.", COLUMN_REAL, COLUMN_HIDDEN,
                   7},
    [GROUP_ERRORS] = {"request.error.ratio", "ERR", "1", "Share that failed.", COLUMN_REAL, 0, 7},
    [GROUP_TREND] = {"request.duration.trend", "TREND", "",
                     "Durations over the span; how much longer the newest quarter took.",
                     COLUMN_REAL, 0, 15},
    [GROUP_WAITED] = {"request.waited", "WAITED/min", "s",
                      "Time people waited for them, a minute; before there is a minute, so far.",
                      COLUMN_REAL, COLUMN_RANK, 11},
    [GROUP_RUNNING] = {"request.running", "RUN", "", "Running now.", COLUMN_REAL, COLUMN_HIDDEN, 5},
    [GROUP_SLOW] = {"request.slow", "SLOW", "", "Beyond requests.slow.", COLUMN_REAL, COLUMN_HIDDEN,
                    6},
    [GROUP_COUNT] = {"request.count", "COUNT", "{request}", "How many there were.", COLUMN_REAL,
                     COLUMN_HIDDEN, 8},
};

static const struct table_def def = {
    .name = "request_groups",
    .title = "Groups",
    .text = "Requests in groups.",
    .columns = columns,
    .column_count = ARRAY_SIZE(columns),
    .sort_column = GROUP_WAITED,
};

static const char *const order[] = {
    "request.group.level",
    "request.group",
    "request.tool",
    "request.rate",
    "request.duration.p50",
    "request.duration.p95",
    "request.duration.p99",
    "request.error.ratio",
    "request.duration.trend",
    "request.waited",
    NULL,
};

static const char *const narrow_order[] = {
    "request.group.level",  "request.group",       "request.tool",   "request.rate",
    "request.duration.p95", "request.error.ratio", "request.waited", NULL,
};

static double
error_ratio(const struct trace_group *group)
{
    return group->count > 0 ? group->errors / group->count : (double)NAN;
}

static enum level
group_level(const struct trace_group *group, const struct traces *traces)
{
    double errors = error_ratio(group);
    if (errors >= ERRORS_CRITICAL) {
        return LEVEL_CRITICAL;
    }
    if (errors >= ERRORS_WARNING || (traces->slow_s > 0 && group->p95_s >= traces->slow_s) ||
        group->ratio >= 2) {
        return LEVEL_WARNING;
    }
    return group->errors > 0 || group->slow > 0 ? LEVEL_INFO : LEVEL_NORMAL;
}

/* "▁▁▂▂▃▅▇ ↗ 3.1×" */
static void
trend_text(const struct trace_group *group, bool ascii, char *dst, size_t size)
{
    static const char *const steps[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii_steps[] = {"_", ".", "-", "=", "+", "*", "%", "#"};
    const int each = TRACE_GROUP_BUCKETS / TREND_CELLS;
    float buckets[TREND_CELLS], most = 0;
    for (int i = 0; i < TREND_CELLS; i++) {
        buckets[i] = (float)NAN;
        for (int j = 0; j < each; j++) {
            buckets[i] = fmaxf(buckets[i], group->trend_s[i * each + j]);
        }
        most = fmaxf(most, buckets[i]);
    }
    dst[0] = '\0';
    for (int i = 0; i < TREND_CELLS; i++) {
        int step = isnan(buckets[i]) || most <= 0 ? -1 : (int)(buckets[i] / most * 7.0F + 0.5F);
        strlcat(dst, step < 0 ? " " : ascii ? ascii_steps[step] : steps[step], size);
    }
    char ratio[32] = "      ";
    if (!isnan(group->ratio)) {
        const char *way = group->ratio >= RATIO_STEADY       ? (ascii ? "^" : "↗")
                          : group->ratio <= 1 / RATIO_STEADY ? (ascii ? "v" : "↘")
                                                             : (ascii ? ">" : "→");
        snprintf(ratio, sizeof(ratio), " %s %.1f%s", way, fmin(group->ratio, 99.9),
                 ascii ? "x" : "×");
    }
    strlcat(dst, ratio, size);
}

static void
dress(const struct table_view *view, const struct panel_context *context, size_t row, int column,
      char *text, size_t size, struct style *style)
{
    const struct request_sheet *sheet = (const struct request_sheet *)(const void *)view;
    const struct trace_group *group = sheet->of[row];
    enum level level =
        group_level(group, context->picture->traces != NULL ? context->picture->traces
                                                            : sheet->requests->shown.traces);
    if (column == GROUP_LEVEL) {
        size_t n = utf8_put(glyph_level(context->glyphs, level), text);
        text[n] = '\0';
        style->fg = level_role(level);
    } else if (column == GROUP_TREND) {
        trend_text(group, context->glyphs == GLYPHS_ASCII, text, size);
        style->fg = group->ratio >= 2              ? ROLE_LEVEL_WARNING
                    : group->ratio >= RATIO_STEADY ? ROLE_TEXT
                                                   : ROLE_DIM;
    } else if (column == GROUP_ERRORS) {
        style->fg = error_ratio(group) >= ERRORS_WARNING ? level_role(level) : style->fg;
    } else if (column >= GROUP_P50 && column <= GROUP_MAX) {
        request_seconds_text(table_row(sheet->table, row)[column].real,
                             context->glyphs == GLYPHS_ASCII, text);
    } else if (column == GROUP_WAITED) {
        unit_format(group->waited_s, "s", context->glyphs == GLYPHS_ASCII, text, size);
    }
}

void
request_groups_init(struct request_sheet *sheet)
{
    table_view_init(&sheet->view, order, NULL, "request.group");
    sheet->view.dress = dress;
    sheet->order = order;
    sheet->narrow_order = narrow_order;
}

static void
add(struct request_sheet *sheet, const struct trace_group *group)
{
    struct arena *arena = &sheet->arenas[sheet->arena];
    const char *name = group->name == NULL      ? "(all the others)"
                       : group->name[0] != '\0' ? group->name
                                                : "(without)";
    bool request = sheet->requests->grouping.by == GROUP_REQUEST && group->endpoint != NULL;
    name = request ? group->endpoint : name;
    union cell *row = request_sheet_add(sheet, group);
    if (row == NULL) {
        return;
    }
    row[GROUP_KEY].integer = (int64_t)(group->key & INT64_MAX);
    row[GROUP_LEVEL].integer = (int64_t)group_level(group, sheet->requests->shown.traces);
    row[GROUP_NAME].text = arena_text(arena, name, strlen(name));
    row[GROUP_OF_TOOL].text =
        group->tool == NULL ? "several" : arena_text(arena, group->tool, strlen(group->tool));
    row[GROUP_OF_SERVICE].text = group->service == NULL
                                     ? "several"
                                     : arena_text(arena, group->service, strlen(group->service));
    row[GROUP_RATE].real = group->rate;
    row[GROUP_P50].real = group->p50_s;
    row[GROUP_P95].real = group->p95_s;
    row[GROUP_P99].real = group->p99_s;
    row[GROUP_MAX].real = group->max_s;
    row[GROUP_ERRORS].real = error_ratio(group);
    row[GROUP_TREND].real = group->ratio;
    row[GROUP_WAITED].real = group->waited_s;
    row[GROUP_RUNNING].real = group->running;
    row[GROUP_SLOW].real = group->slow;
    row[GROUP_COUNT].real = group->count;
}

bool
request_groups_work(struct requests *requests, const struct panel_context *context,
                    int64_t until_ns)
{
    struct trace_groups *groups = requests->groups;
    struct request_sheet *sheet = &requests->group_sheet;
    if (groups == NULL || requests->shown.traces == NULL) {
        return false;
    }
    requests->grouping.scope = request_scope(requests, context);
    trace_groups_ask(groups, context->picture->traces, &requests->grouping);
    const struct trace_group *before = groups->rows;
    bool done = trace_groups_step(groups, until_ns);
    uint64_t serial = hash_mix(groups->number, (uint64_t)(uintptr_t)groups->rows);
    serial = hash_mix(serial, (uint64_t)context->picture->mono_ns + done);
    serial = hash_mix(serial, (uint64_t)(uintptr_t)requests->wish);
    serial = hash_mix(serial, (uint64_t)context->span_ns + requests->grouping.by);
    if (groups->number == 0 || (serial == sheet->serial && groups->rows == before)) {
        return !done;
    }
    sheet->serial = serial;
    if (request_sheet_begin(sheet, &def, groups->count)) {
        for (size_t i = 0; i < groups->count; i++) {
            add(sheet, &groups->rows[i]);
        }
    }
    return !done;
}

/* ---- what they are grouped by ---- */

static const struct {
    const char *name, *text;
    enum trace_group_by by;
} choices[] = {
    {"request", "endpoint and tool", GROUP_REQUEST},
    {"endpoint", "endpoint", GROUP_ENDPOINT},
    {"tool", "tool", GROUP_TOOL},
    {"service", "service", GROUP_SERVICE},
};

void
request_groups_menu(struct requests *requests, const struct panel_context *context,
                    const char *argument)
{
    struct menu_item items[ARRAY_SIZE(choices) + 1];
    size_t selected = ARRAY_SIZE(choices);
    struct trace_grouping *grouping = &requests->grouping;
    for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
        items[i] = (struct menu_item){.text = choices[i].text, .argument = choices[i].name};
        selected = grouping->by == choices[i].by ? i : selected;
        if (strcmp(argument, choices[i].name) == 0) {
            *grouping = (struct trace_grouping){.by = choices[i].by};
            requests->group_sheet.serial = 0;
            return;
        }
    }
    if (argument[0] == '\0') {
        items[ARRAY_SIZE(choices)] =
            (struct menu_item){.text = "an attribute …", .argument = "attribute"};
        panel_menu(context, "Group requests by", items, ARRAY_SIZE(items), selected,
                   "request.group");
    } else if (strcmp(argument, "attribute") == 0) {
        panel_prompt(context, "group by the attribute",
                     grouping->by == GROUP_ATTRIBUTE ? grouping->attribute : "http.route",
                     "request.group");
    } else {
        *grouping = (struct trace_grouping){
            .by = GROUP_ATTRIBUTE,
            .attribute = arena_text(&requests->names, argument, strlen(argument))};
        requests->group_sheet.serial = 0;
    }
}
