/* The fleet's table. The marks of what stands apart lie in a second table of the same picture, row
 * by row and column by column beside the first. */
#include "fleet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/arena.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/link.h"
#include "flametop/core/query.h"
#include "app_state.h"
#include "odd.h"

#define ARENA_BYTES_MAX ((size_t)16 << 20)
#define SENTENCE_BYTES 400
#define RANKS 1000             /* impacts of one level */
#define LATE_INTERVALS 3       /* so many without a picture, and a target is late */
#define LATE_NS (2 * NS_PER_S) /* and at least so long */

/* What is compared. In a container its limit counts, so that metric is asked first. */
static const struct fleet_reading {
    const char *metrics[2];
    double odd_least, odd_share; /* smaller differences are none */
} readings[FLEET_READINGS] = {
    {{"container.cpu.utilization", "system.cpu.utilization"}, 0.1, 0},
    {{"container.memory.utilization", "system.memory.utilization"}, 0.1, 0},
    {{"system.disk.utilization", NULL}, 0.1, 0},
    {{"system.network.io", NULL}, 100e3, 0.5},
    {{"request.duration.p95", NULL}, 0.02, 0.5},
    {{"request.error.ratio", NULL}, 0.01, 0.5},
};

static const struct column columns[FLEET_COLUMNS] = {
    [FLEET_INDEX] = {"fleet.index", "#", "", "Place on the command line.", COLUMN_INTEGER,
                     COLUMN_KEY | COLUMN_HIDDEN, 3},
    [FLEET_HOST] = {"fleet.host", "HOST", "", "The target, as it was named.", COLUMN_TEXT, 0, 14},
    [FLEET_RANK] = {"fleet.level", "LEVEL", "", "How bad its worst finding is, with its impact.",
                    COLUMN_INTEGER, COLUMN_RANK, 6},
    [FLEET_AGE] = {"fleet.age", "AGE", "s", "How long nothing has been heard of it.", COLUMN_REAL,
                   0, 5},
    [FLEET_READING] = {"fleet.cpu", "CPU", "1", "CPU use of all its cores, or of its limit.",
                       COLUMN_REAL, 0, 7},
    {"fleet.memory", "MEM", "1", "Memory use, or use of its limit.", COLUMN_REAL, 0, 7},
    {"fleet.disk", "DISK", "1", "Share of the time its busiest disk was busy.", COLUMN_REAL, 0, 7},
    {"fleet.network", "NET", "By/s", "Bytes received and sent per second.", COLUMN_REAL, 0, 9},
    {"fleet.p95", "P95", "s", "95 of 100 requests took at most so long.", COLUMN_REAL, 0, 8},
    {"fleet.errors", "ERR", "1", "Share of requests that failed.", COLUMN_REAL, 0, 7},
    [FLEET_ODD] = {"fleet.odd", "ODD", "", "How many of its values stand apart from the others'.",
                   COLUMN_INTEGER, COLUMN_HIDDEN, 3},
    [FLEET_DIAGNOSIS] = {"fleet.diagnosis", "DIAGNOSIS", "",
                         "Its worst finding, or how the connection is doing.", COLUMN_TEXT, 0, 0},
};

const struct table_def fleet_table = {
    .name = "fleet",
    .title = "Fleet",
    .text = "Targets, one a row.",
    .columns = columns,
    .column_count = ARRAY_SIZE(columns),
    .sort_column = FLEET_RANK,
};

static const struct table_def mark_table = {
    .name = "fleet.marks",
    .title = "Marks",
    .text = "Which values stand apart, and whether a row is of now (in the index).",
    .columns = columns,
    .column_count = ARRAY_SIZE(columns),
};

int64_t
fleet_rank(enum level level, int impact)
{
    return (int64_t)level * RANKS + CLAMP(impact, 0, RANKS - 1);
}

enum level
fleet_rank_level(int64_t rank)
{
    return (enum level)CLAMP(rank / RANKS, LEVEL_NORMAL, LEVEL_EMERGENCY);
}

int
fleet_rank_impact(int64_t rank)
{
    return (int)(rank % RANKS);
}

void
fleet_queries_done(struct fleet_queries *queries)
{
    for (size_t i = 0; i < FLEET_READINGS; i++) {
        query_free(queries->queries[i][0]);
        query_free(queries->queries[i][1]);
    }
}

/* A metric that no source has brought yet is asked for again the next time. */
static double
read_value(const struct fleet_row *row, size_t reading, struct catalog *catalog)
{
    char why[160];
    double value = NAN;
    for (size_t i = 0; i < 2 && isnan(value) && row->picture != NULL; i++) {
        struct query **query = &row->queries->queries[reading][i];
        const char *metric = readings[reading].metrics[i];
        if (*query == NULL && metric != NULL) {
            *query = query_new(catalog, metric, NULL, why, sizeof(why));
        }
        value = *query != NULL ? query_now(*query, row->picture) : NAN;
    }
    return value;
}

static bool
is_file(const struct fleet_row *row)
{
    return row->picture != NULL && row->picture->past;
}

/* Of who never said anything: since we listen. */
static double
age_s(const struct fleet_row *row, int64_t now_ns)
{
    int64_t heard_ns = row->link != NULL ? row->link->heard_mono_ns : row->came_mono_ns;
    heard_ns = heard_ns > 0 ? heard_ns : row->since_mono_ns;
    return is_file(row) ? NAN : (double)(MAX(now_ns - heard_ns, 0) / NS_PER_S);
}

static bool
is_late(const struct fleet_row *row, int64_t now_ns)
{
    int64_t interval_ns = row->picture != NULL ? row->picture->interval_ns : NS_PER_S;
    return age_s(row, now_ns) * 1e9 > (double)MAX(LATE_INTERVALS * interval_ns, LATE_NS);
}

static bool
is_up(const struct fleet_row *row)
{
    return row->picture != NULL && attached_is_live(row->link);
}

/* What is over alarms nobody. */
static const struct finding *
worst_of(const struct fleet_row *row)
{
    const struct picture *picture = row->picture;
    bool any = picture->finding_count > 0 && picture->findings[0].until_wall_ns == 0;
    return any ? &picture->findings[0] : NULL;
}

struct judged {
    enum level level;
    int impact;
    char sentence[SENTENCE_BYTES];
};

static void
judge(const struct fleet_row *row, int64_t now_ns, struct judged *ret_judged)
{
    *ret_judged = (struct judged){.level = LEVEL_NORMAL};
    const struct finding *worst = is_up(row) ? worst_of(row) : NULL;
    char *sentence = ret_judged->sentence;
    if (!is_up(row)) {
        bool coming = row->link == NULL || row->link->state == LINK_CONNECTING;
        ret_judged->level = coming ? LEVEL_INFO : LEVEL_CRITICAL;
        ret_judged->impact = FLEET_IMPACT_AWAY;
        char text[ATTACHED_BYTES] = "connecting";
        if (row->link != NULL) {
            attached_sentence(row->link, now_ns, text);
        }
        strlcpy(sentence, text, SENTENCE_BYTES);
    } else if (worst != NULL) {
        ret_judged->level = worst->level;
        ret_judged->impact = worst->impact;
        utf8_clean(
            str_from(worst->short_sentence != NULL ? worst->short_sentence : worst->sentence),
            sentence, SENTENCE_BYTES);
    } else {
        bool looked = row->picture->looked_at != NULL && row->picture->looked_at[0] != '\0';
        strlcpy(sentence, looked ? "nothing unusual" : "looking at it", SENTENCE_BYTES);
    }
}

static const char *
own(struct arena *arena, const char *text)
{
    return arena_text(arena, text, strlen(text));
}

static void
fill_row(union cell *cells, const struct fleet_row *row, size_t index, const struct judged *judged,
         struct catalog *catalog, int64_t now_ns, struct arena *arena)
{
    cells[FLEET_INDEX].integer = (int64_t)index + 1;
    cells[FLEET_HOST].text = own(arena, row->name);
    cells[FLEET_RANK].integer = fleet_rank(judged->level, judged->impact);
    cells[FLEET_AGE].real = age_s(row, now_ns);
    for (size_t i = 0; i < FLEET_READINGS; i++) {
        cells[FLEET_READING + i].real = read_value(row, i, catalog);
    }
    cells[FLEET_DIAGNOSIS].text = own(arena, judged->sentence);
}

/* The worst of each target, as findings of the fleet. Their evidence is in the target. */
static void
add_finding(struct picture *picture, const struct fleet_row *row, size_t index,
            const struct judged *judged)
{
    const struct finding *worst = is_up(row) ? worst_of(row) : NULL;
    bool away = judged->level == LEVEL_CRITICAL && worst == NULL;
    if (worst == NULL && !away) {
        return;
    }
    struct finding *finding = &picture->findings[picture->finding_count++];
    char text[SENTENCE_BYTES * 2], id[160];
    *finding = (struct finding){.level = judged->level, .impact = away ? 100 : judged->impact};
    snprintf(id, sizeof(id), "%zu:%s", index, worst != NULL ? worst->id : "away");
    snprintf(text, sizeof(text), "%s: %s", row->name,
             worst != NULL ? worst->sentence : judged->sentence);
    finding->id = own(&picture->arena, id);
    finding->sentence = own(&picture->arena, text);
    snprintf(text, sizeof(text), "%s: %s", row->name, judged->sentence);
    finding->short_sentence = own(&picture->arena, text);
    finding->since_wall_ns = worst != NULL ? worst->since_wall_ns : 0;
    finding->advice = away ? "Open it: its page says what can be done."
                           : "Open it for the evidence: Enter in view 0.";
}

static void
mark(const struct fleet_row *rows, struct table *table, struct table *marks, struct arena *arena)
{
    double *values = arena_news(arena, double, table->count),
           *scratch = arena_news(arena, double, table->count);
    signed char *odd = arena_news(arena, signed char, table->count);
    for (size_t c = 0; c < FLEET_READINGS && values != NULL && scratch != NULL && odd != NULL;
         c++) {
        for (size_t i = 0; i < table->count; i++) {
            values[i] = is_up(&rows[i]) ? table_row(table, i)[FLEET_READING + c].real : NAN;
        }
        odd_mark(values, table->count, readings[c].odd_least, readings[c].odd_share, scratch, odd);
        for (size_t i = 0; i < table->count; i++) {
            table_row(marks, i)[FLEET_READING + c].real = odd[i];
            table_row(table, i)[FLEET_ODD].integer += odd[i] != 0;
        }
    }
}

/* "40 targets" and "37 live, 2 lost, 1 refused". */
static void
describe(struct picture *picture, const struct fleet_row *rows, size_t count)
{
    static const char *const words[] = {"connecting", "live", "lost", "refused"};
    static const enum link_state order[] = {LINK_LIVE, LINK_LOST, LINK_REFUSED, LINK_CONNECTING};
    size_t counts[ARRAY_SIZE(words)] = {0};
    for (size_t i = 0; i < count; i++) {
        counts[is_up(&rows[i])        ? LINK_LIVE
               : rows[i].link == NULL ? LINK_CONNECTING
                                      : rows[i].link->state]++;
    }
    char text[96] = "", part[40];
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        if (counts[order[i]] > 0) {
            snprintf(part, sizeof(part), "%s%zu %s", text[0] != '\0' ? ", " : "", counts[order[i]],
                     words[order[i]]);
            strlcat(text, part, sizeof(text));
        }
    }
    picture->host.system = own(&picture->arena, text);
    snprintf(text, sizeof(text), "%zu targets", count);
    picture->host.name = own(&picture->arena, text);
    picture->looked_at = own(&picture->arena, text);
    picture->host.kernel = picture->host.virtualization = "";
}

static bool
fill(struct picture *picture, const struct fleet_row *rows, size_t count, struct catalog *catalog)
{
    struct arena *arena = &picture->arena;
    struct table *table = table_new(arena, &fleet_table, count),
                 *marks = table_new(arena, &mark_table, count);
    picture->tables = arena_news(arena, struct table *, 2);
    picture->findings = arena_news(arena, struct finding, count);
    if (table == NULL || marks == NULL || picture->tables == NULL || picture->findings == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        union cell *cells = table_add(table, arena), *beside = table_add(marks, arena);
        struct judged judged;
        if (cells == NULL || beside == NULL) {
            return false;
        }
        judge(&rows[i], picture->mono_ns, &judged);
        fill_row(cells, &rows[i], i, &judged, catalog, picture->mono_ns, arena);
        cells[FLEET_ODD].integer = 0;
        beside[FLEET_INDEX].integer = is_up(&rows[i]) && !is_late(&rows[i], picture->mono_ns);
        add_finding(picture, &rows[i], i, &judged);
    }
    table->total = count;
    mark(rows, table, marks, arena);
    picture->tables[0] = table;
    picture->tables[1] = marks;
    picture->table_count = 2;
    findings_sort(picture->findings, picture->finding_count);
    return true;
}

struct picture *
fleet_picture(const struct fleet_row *rows, size_t count, struct catalog *catalog,
              const struct instant *now, uint64_t number)
{
    struct picture *picture = picture_new(catalog, ARENA_BYTES_MAX);
    if (picture == NULL) {
        return NULL;
    }
    picture->number = number;
    picture->mono_ns = now->mono_ns;
    picture->wall_ns = now->wall_ns;
    picture->interval_ns = FLEET_EVERY_NS;
    describe(picture, rows, count);
    if (!fill(picture, rows, count, catalog)) {
        picture_release(picture);
        return NULL;
    }
    return picture;
}

int
fleet_mark(const struct picture *picture, size_t row, int column)
{
    const struct table *marks = picture_table(picture, mark_table.name);
    bool reading = column >= FLEET_READING && column < FLEET_READING + FLEET_READINGS;
    double value = marks != NULL && reading ? table_row(marks, row)[column].real : 0;
    return (value > 0) - (value < 0);
}

bool
fleet_is_fresh(const struct picture *picture, size_t row)
{
    const struct table *marks = picture_table(picture, mark_table.name);
    return marks != NULL && table_row(marks, row)[FLEET_INDEX].integer == 1;
}
