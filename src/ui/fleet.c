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
#include "flametop/core/unit.h"
#include "app_state.h"
#include "odd.h"

#define ARENA_BYTES_MAX ((size_t)16 << 20)
#define SENTENCE_BYTES 400
#define RANKS 1000             /* impacts of one level */
#define INSTANCE_LATE_S 150    /* twice the usual minute between two readings, and a little */
#define NEVER_CAME_IMPACT 50   /* of a target: it may be the name that is wrong */
#define VALUE_IMPACT 90        /* of one at its limit */
#define ALERT_IMPACT 90        /* of a rule somebody has written */
#define LATE_INTERVALS 3       /* so many without a picture, and a target is late */
#define LATE_NS (2 * NS_PER_S) /* and at least so long */

/* What is compared. In a container its limit counts, and of an Erlang node what it does itself, so
 * those metrics are asked first. The last one has the thresholds. */
static const struct fleet_reading {
    const char *metrics[FLEET_METRICS];
    double odd_least, odd_share; /* smaller differences are none */
} readings[FLEET_READINGS] = {
    {{"beam.scheduler.utilization", "container.cpu.utilization", "system.cpu.utilization"}, 0.1, 0},
    {{"container.memory.utilization", "system.memory.utilization"}, 0.1, 0},
    {{"system.disk.utilization", NULL}, 0.1, 0},
    {{"beam.io", "system.network.io", NULL}, 100e3, 0.5},
    {{"request.duration.p95", NULL}, 0.02, 0.5},
    {{"request.error.ratio", NULL}, 0.01, 0.5},
};

static const struct column columns[FLEET_COLUMNS] = {
    [FLEET_INDEX] = {"fleet.index", "#", "", "Place on the command line.", COLUMN_INTEGER,
                     COLUMN_HIDDEN, 3},
    [FLEET_HOST] = {"fleet.host", "HOST", "", "The target, as it was named.", COLUMN_TEXT,
                    COLUMN_KEY, 14},
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
        for (size_t j = 0; j < FLEET_METRICS; j++) {
            query_free(queries->queries[i][j]);
        }
    }
}

/* Of a node its own value or none: that of the machine it is on says something else. */
static size_t
metrics_of(const struct fleet_row *row, size_t reading)
{
    bool node = strncmp(readings[reading].metrics[0], "beam.", strlen("beam.")) == 0 &&
                picture_table(row->picture, "beam.nodes") != NULL;
    return node ? 1 : FLEET_METRICS;
}

/* A metric that no source has brought yet is asked for again the next time. */
static double
read_value(const struct fleet_row *row, size_t reading, struct catalog *catalog)
{
    char why[160];
    double value = NAN;
    size_t count = row->picture != NULL ? metrics_of(row, reading) : 0;
    for (size_t i = 0; i < count && isnan(value); i++) {
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

/* The row of an Erlang node is of the node: the machine below it has a row of its own, or is none
 * of the fleet. */
static bool
is_of_row(const struct fleet_row *row, const struct finding *finding)
{
    bool node = row->link != NULL && strcmp(row->link->kind, "beam") == 0;
    return !node || strncmp(finding->id, "beam.", 5) == 0 || strncmp(finding->id, "pool.", 5) == 0;
}

/* What is over alarms nobody: it comes after what is not. */
static const struct finding *
worst_of(const struct fleet_row *row)
{
    const struct picture *picture = row->picture;
    size_t i = 0;
    while (i < picture->finding_count && picture->findings[i].until_wall_ns == 0 &&
           !is_of_row(row, &picture->findings[i])) {
        i++;
    }
    bool any = i < picture->finding_count && picture->findings[i].until_wall_ns == 0;
    return any ? &picture->findings[i] : NULL;
}

/* What one row comes to. */
struct judged {
    enum level level;
    int impact;
    bool is_up, is_fresh, is_away;
    double age_s, values[FLEET_READINGS];
    const struct finding *worst; /* NULL: none, or not of this machine's analysis */
    char sentence[SENTENCE_BYTES];
};

static void
judge_away(const struct fleet_row *row, int64_t now_ns, struct judged *judged)
{
    char text[ATTACHED_BYTES] = "connecting";
    bool coming = row->link == NULL || row->link->state == LINK_CONNECTING;
    bool failed = coming && row->link != NULL && row->link->why[0] != '\0';
    judged->level = failed ? LEVEL_WARNING : coming ? LEVEL_INFO : LEVEL_CRITICAL;
    judged->impact = failed ? NEVER_CAME_IMPACT : FLEET_IMPACT_AWAY;
    judged->is_away = judged->level > LEVEL_INFO;
    if (row->link != NULL) {
        attached_sentence(row->link, now_ns, text);
    }
    strlcpy(judged->sentence, text, SENTENCE_BYTES);
}

static void
judge(const struct fleet_row *row, struct catalog *catalog, int64_t now_ns,
      struct judged *ret_judged)
{
    *ret_judged = (struct judged){.level = LEVEL_NORMAL, .is_up = is_up(row)};
    ret_judged->is_fresh = ret_judged->is_up && !is_late(row, now_ns);
    ret_judged->age_s = age_s(row, now_ns);
    for (size_t i = 0; i < FLEET_READINGS; i++) {
        ret_judged->values[i] = read_value(row, i, catalog);
    }
    const struct finding *worst = ret_judged->is_up ? worst_of(row) : NULL;
    if (!ret_judged->is_up) {
        judge_away(row, now_ns, ret_judged);
    } else if (worst != NULL) {
        ret_judged->worst = worst;
        ret_judged->level = worst->level;
        ret_judged->impact = worst->impact;
        utf8_clean(
            str_from(worst->short_sentence != NULL ? worst->short_sentence : worst->sentence),
            ret_judged->sentence, SENTENCE_BYTES);
    } else {
        bool looked = row->picture->looked_at != NULL && row->picture->looked_at[0] != '\0';
        strlcpy(ret_judged->sentence, looked ? "nothing unusual" : "looking at it", SENTENCE_BYTES);
    }
}

/* ---- instances ---- */

void
fleet_instances_init(struct fleet_instances *instances, const struct table *table,
                     const struct link_status *link)
{
    *instances = (struct fleet_instances){.table = table, .link = link};
    for (size_t i = 0; i < INSTANCE_COLUMNS; i++) {
        const struct column *wanted = &instance_table.columns[i];
        int column = table_column(table->def, wanted->name);
        bool fits = column >= 0 && table->def->columns[column].type == wanted->type;
        instances->columns[i] = fits ? column : -1;
    }
}

static bool
instance_cell(const struct fleet_instances *instances, size_t row, enum instance_column which,
              union cell *ret_cell)
{
    int column = instances->columns[which];
    if (column < 0) {
        return false;
    }
    *ret_cell = table_row(instances->table, row)[column];
    return cell_known(instance_table.columns[which].type, *ret_cell);
}

static double
instance_real(const struct fleet_instances *instances, size_t row, enum instance_column which)
{
    union cell cell;
    return instance_cell(instances, row, which, &cell) ? cell.real : NAN;
}

static const char *
instance_text(const struct fleet_instances *instances, size_t row, enum instance_column which)
{
    union cell cell;
    return instance_cell(instances, row, which, &cell) ? cell.text : "";
}

static void
add_words(struct judged *judged, const char *between, const char *words)
{
    strlcat(judged->sentence, judged->sentence[0] != '\0' ? between : "", SENTENCE_BYTES);
    strlcat(judged->sentence, words, SENTENCE_BYTES);
}

/* Values above their thresholds, all in words: nobody else has judged them. */
static void
judge_values(struct judged *judged, struct catalog *catalog)
{
    const char *between = "; ";
    for (size_t i = 0; i < FLEET_READINGS; i++) {
        const struct fleet_reading *reading = &readings[i];
        size_t last = FLEET_METRICS - 1;
        while (last > 0 && reading->metrics[last] == NULL) {
            last--;
        }
        const char *name = reading->metrics[last];
        const struct metric *metric = catalog_metric(catalog, name);
        double warning, critical, value = judged->values[i];
        if (metric == NULL || !catalog_thresholds(catalog, metric, &warning, &critical) ||
            !(value >= warning)) {
            continue;
        }
        bool share = strcmp(metric->unit, "1") == 0;
        enum level level = value >= critical ? LEVEL_CRITICAL : LEVEL_WARNING;
        judged->level = MAX(judged->level, level);
        judged->impact =
            MAX(judged->impact, share ? (int)(MIN(value, 1) * VALUE_IMPACT) : VALUE_IMPACT / 2);
        char number[32], part[64];
        unit_format(value, metric->unit, false, number, sizeof(number));
        snprintf(part, sizeof(part), "%s %s", columns[FLEET_READING + i].title, number);
        add_words(judged, between, part);
        between = ", ";
    }
}

/* The worst rule of the server that fires. */
static void
judge_alert(const struct fleet_instances *instances, size_t row, struct judged *judged)
{
    union cell level;
    if (!instance_cell(instances, row, INSTANCE_LEVEL, &level) || level.integer <= LEVEL_NORMAL) {
        return;
    }
    const char *text = instance_text(instances, row, INSTANCE_TEXT);
    char clean[SENTENCE_BYTES];
    utf8_clean(str_from(text[0] != '\0' ? text : "an alert fires"), clean, sizeof(clean));
    judged->level = (enum level)MIN(level.integer, (int64_t)LEVEL_EMERGENCY);
    judged->impact = ALERT_IMPACT;
    add_words(judged, "", clean);
}

/* Whether it answers the server that watches it. */
static void
judge_up(const struct fleet_instances *instances, size_t row, struct judged *judged)
{
    union cell up;
    bool known = instance_cell(instances, row, INSTANCE_UP, &up);
    judged->is_up = known && up.integer > 0;
    judged->is_fresh = judged->is_up && !(judged->age_s > INSTANCE_LATE_S);
    if (judged->is_up) {
        return;
    }
    judged->level = known ? LEVEL_CRITICAL : LEVEL_INFO;
    judged->impact = FLEET_IMPACT_AWAY;
    judged->is_away = known;
    const char *why = instance_text(instances, row, INSTANCE_WHY);
    char text[SENTENCE_BYTES];
    snprintf(text, sizeof(text), "%s%s%s", known ? "down" : "not read yet",
             why[0] != '\0' ? ": " : "", why);
    utf8_clean(str_from(text), judged->sentence, SENTENCE_BYTES);
}

static void
judge_instance(const struct fleet_instances *instances, size_t row, struct catalog *catalog,
               struct judged *ret_judged)
{
    *ret_judged = (struct judged){.level = LEVEL_NORMAL};
    ret_judged->age_s = instance_real(instances, row, INSTANCE_AGE);
    for (size_t i = 0; i < FLEET_READINGS; i++) {
        ret_judged->values[i] =
            instance_real(instances, row, (enum instance_column)(INSTANCE_CPU + i));
    }
    judge_up(instances, row, ret_judged);
    if (!ret_judged->is_up) {
        return;
    }
    judge_alert(instances, row, ret_judged);
    judge_values(ret_judged, catalog);
    if (ret_judged->sentence[0] == '\0') {
        add_words(ret_judged, "", "nothing above its thresholds");
    }
}

/* ---- the picture ---- */

static const char *
own(struct arena *arena, const char *text)
{
    return arena_text(arena, text, strlen(text));
}

/* What is made, row by row. */
struct making {
    struct picture *picture;
    struct table *table, *marks;
    size_t up, away, coming;
};

/* The worst of each target, as findings of the fleet. Their evidence is in the target. */
static void
add_finding(struct picture *picture, const char *name, const struct judged *judged)
{
    const struct finding *worst = judged->worst;
    if (judged->level < LEVEL_INFO || (worst == NULL && judged->level < LEVEL_WARNING)) {
        return;
    }
    struct finding *finding = &picture->findings[picture->finding_count++];
    char text[SENTENCE_BYTES * 2];
    *finding = (struct finding){.level = judged->level, .impact = judged->impact};
    if (judged->is_away) {
        finding->impact = judged->level >= LEVEL_CRITICAL ? 100 : NEVER_CAME_IMPACT;
    }
    snprintf(text, sizeof(text), "%s:%s", name,
             worst != NULL     ? worst->id
             : judged->is_away ? "away"
                               : "level");
    finding->id = own(&picture->arena, text);
    snprintf(text, sizeof(text), "%s: %s", name,
             worst != NULL ? worst->sentence : judged->sentence);
    finding->sentence = own(&picture->arena, text);
    snprintf(text, sizeof(text), "%s: %s", name, judged->sentence);
    finding->short_sentence = own(&picture->arena, text);
    finding->since_wall_ns = worst != NULL ? worst->since_wall_ns : 0;
    finding->advice = judged->is_away ? "Open it: its page says what can be done."
                                      : "Open it for the evidence: Enter in view 0.";
}

static bool
add_row(struct making *making, const char *name, const struct judged *judged)
{
    struct arena *arena = &making->picture->arena;
    union cell *cells = table_add(making->table, arena), *beside = table_add(making->marks, arena);
    if (cells == NULL || beside == NULL) {
        return false;
    }
    cells[FLEET_INDEX].integer = (int64_t)making->table->count;
    cells[FLEET_HOST].text = own(arena, name);
    cells[FLEET_RANK].integer = fleet_rank(judged->level, judged->impact);
    cells[FLEET_AGE].real = judged->age_s;
    for (size_t i = 0; i < FLEET_READINGS; i++) {
        cells[FLEET_READING + i].real = judged->values[i];
    }
    cells[FLEET_ODD].integer = 0;
    cells[FLEET_DIAGNOSIS].text = own(arena, judged->sentence);
    beside[FLEET_INDEX].integer = judged->is_fresh;
    beside[FLEET_ODD].integer = judged->is_up;
    making->up += judged->is_up;
    add_finding(making->picture, name, judged);
    return true;
}

static void
mark(struct table *table, struct table *marks, struct arena *arena)
{
    double *values = arena_news(arena, double, table->count),
           *scratch = arena_news(arena, double, table->count);
    signed char *odd = arena_news(arena, signed char, table->count);
    for (size_t c = 0; c < FLEET_READINGS && values != NULL && scratch != NULL && odd != NULL;
         c++) {
        for (size_t i = 0; i < table->count; i++) {
            bool counts = table_row(marks, i)[FLEET_ODD].integer == 1;
            values[i] = counts ? table_row(table, i)[FLEET_READING + c].real : NAN;
        }
        odd_mark(values, table->count, readings[c].odd_least, readings[c].odd_share, scratch, odd);
        for (size_t i = 0; i < table->count; i++) {
            table_row(marks, i)[FLEET_READING + c].real = odd[i];
            table_row(table, i)[FLEET_ODD].integer += odd[i] != 0;
        }
    }
}

/* "37 live, 2 lost" of numbers and words, without what there is none of. */
struct part {
    size_t count;
    const char *word;
};

static const char *
join_parts(struct arena *arena, const struct part *parts, size_t count)
{
    char text[120] = "", part[40];
    for (size_t i = 0; i < count; i++) {
        if (parts[i].count > 0) {
            snprintf(part, sizeof(part), "%s%zu %s", text[0] != '\0' ? ", " : "", parts[i].count,
                     parts[i].word);
            strlcat(text, part, sizeof(text));
        }
    }
    return own(arena, text);
}

static void
describe(struct picture *picture, const char *name, const char *state)
{
    picture->host.name = own(&picture->arena, name);
    picture->looked_at = picture->host.name;
    picture->host.system = state;
    picture->host.kernel = picture->host.virtualization = "";
}

static void
describe_targets(struct picture *picture, const struct fleet_row *rows, size_t count)
{
    size_t counts[4] = {0};
    char name[48];
    for (size_t i = 0; i < count; i++) {
        counts[is_up(&rows[i])        ? LINK_LIVE
               : rows[i].link == NULL ? LINK_CONNECTING
                                      : rows[i].link->state]++;
    }
    struct part parts[] = {{counts[LINK_LIVE], "live"},
                           {counts[LINK_LOST], "lost"},
                           {counts[LINK_REFUSED], "refused"},
                           {counts[LINK_CONNECTING], "connecting"}};
    snprintf(name, sizeof(name), "%zu targets", count);
    describe(picture, name, join_parts(&picture->arena, parts, ARRAY_SIZE(parts)));
}

static void
describe_instances(const struct making *making, const struct fleet_instances *instances)
{
    struct picture *picture = making->picture;
    size_t count = making->table->count, total = instances->table->total;
    struct part parts[] = {
        {making->up, "up"}, {making->away, "down"}, {making->coming, "not read"}};
    char name[64];
    if (total > count) {
        snprintf(name, sizeof(name), "%zu of %zu instances", count, total);
    } else {
        snprintf(name, sizeof(name), "%zu instance%s", count, count == 1 ? "" : "s");
    }
    describe(picture, name, join_parts(&picture->arena, parts, ARRAY_SIZE(parts)));
}

/* The server's link is the fleet's: without it nobody knows of its instances. */
static void
copy_link(struct picture *picture, const struct link_status *link)
{
    struct link_status *copy = link != NULL ? arena_alloc(&picture->arena, sizeof(*copy)) : NULL;
    if (copy != NULL) {
        *copy = *link;
        copy->target = own(&picture->arena, link->target);
        copy->kind = own(&picture->arena, link->kind);
        copy->why = own(&picture->arena, link->why);
        copy->offer = NULL; /* it is the server's, and made there */
        picture->link = copy;
    }
}

static bool
begin(struct making *making, size_t count, struct catalog *catalog, const struct instant *now,
      uint64_t number)
{
    struct picture *picture = picture_new(catalog, ARENA_BYTES_MAX);
    *making = (struct making){.picture = picture};
    if (picture == NULL) {
        return false;
    }
    struct arena *arena = &picture->arena;
    picture->number = number;
    picture->mono_ns = now->mono_ns;
    picture->wall_ns = now->wall_ns;
    picture->interval_ns = FLEET_EVERY_NS;
    picture->tables = arena_news(arena, struct table *, 2);
    picture->findings = arena_news(arena, struct finding, count + 1);
    making->table = table_new(arena, &fleet_table, count);
    making->marks = table_new(arena, &mark_table, count);
    return making->table != NULL && making->marks != NULL && picture->tables != NULL &&
           picture->findings != NULL;
}

static struct picture *
finish(struct making *making, bool good)
{
    struct picture *picture = making->picture;
    if (!good) {
        picture_release(picture);
        return NULL;
    }
    making->table->total = making->table->count;
    mark(making->table, making->marks, &picture->arena);
    picture->tables[0] = making->table;
    picture->tables[1] = making->marks;
    picture->table_count = 2;
    findings_sort(picture->findings, picture->finding_count);
    return picture;
}

struct picture *
fleet_picture(const struct fleet_row *rows, size_t count, struct catalog *catalog,
              const struct instant *now, uint64_t number)
{
    struct making making;
    struct judged judged;
    bool good = begin(&making, count, catalog, now, number);
    for (size_t i = 0; good && i < count; i++) {
        judge(&rows[i], catalog, now->mono_ns, &judged);
        good = add_row(&making, rows[i].name, &judged);
    }
    if (good) {
        describe_targets(making.picture, rows, count);
    }
    return finish(&making, good);
}

struct picture *
fleet_picture_of(const struct fleet_instances *instances, struct catalog *catalog,
                 const struct instant *now, uint64_t number)
{
    struct making making;
    struct judged judged;
    size_t count = MIN(instances->table->count, (size_t)INSTANCES_MAX);
    bool good = begin(&making, count, catalog, now, number);
    for (size_t i = 0; good && i < count; i++) {
        judge_instance(instances, i, catalog, &judged);
        making.away += judged.is_away;
        making.coming += !judged.is_up && !judged.is_away;
        good = add_row(&making, instance_text(instances, i, INSTANCE_NAME), &judged);
    }
    if (good) {
        describe_instances(&making, instances);
        copy_link(making.picture, instances->link);
    }
    return finish(&making, good);
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
fleet_is_up(const struct picture *picture, size_t row)
{
    const struct table *marks = picture_table(picture, mark_table.name);
    return marks != NULL && table_row(marks, row)[FLEET_ODD].integer == 1;
}

bool
fleet_is_fresh(const struct picture *picture, size_t row)
{
    const struct table *marks = picture_table(picture, mark_table.name);
    return marks != NULL && table_row(marks, row)[FLEET_INDEX].integer == 1;
}
