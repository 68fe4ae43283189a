/* What tells most. A candidate is a metric with at least one known value in the newest ticks; its
 * points are what it is called, what it is, and whether it moves. */
#include "telling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "reading.h"

#define CANDIDATES_MAX 4096
#define TICKS_MIN 3   /* fewer say nothing of what moves */
#define LOOK_AGAIN 15 /* pictures, when series came, went or ended */

/* Pictures after the first at which is looked again, while less and less new can be learned. */
static const uint64_t looks_at[] = {0, 4, 12, 40, 120};

enum {
    POINTS_MOVES = 40,
    POINTS_RISES_ONLY = 12, /* a level that only grows: perhaps a counter, perhaps a clock */
    POINTS_NOT_ZERO = 10,
    POINTS_LIMITS = 40,
    POINTS_SHARE = 12,
    POINTS_UNIT = 5,
    POINTS_WORD = 8,
    POINTS_RATE = 8,   /* how much is done a second */
    POINTS_MANY = -12, /* series: the rows of a table, which say it one by one */
    POINTS_INNER = -20,
    POINTS_ZERO = 5,
};

struct candidate {
    const struct metric *metric, *count;
    const struct series *series[TELLING_PARTS + 1]; /* the first of them */
    size_t series_count, order;
    bool moves, falls, known, not_zero, taken;
    bool lasts;    /* it was known lately, too */
    bool ticks_on; /* it went on by the time that passed, and never otherwise */
    bool jumps;    /* it did otherwise */
    int points;
};

struct field {
    struct map by_metric;
    struct candidate *list; /* CANDIDATES_MAX */
    size_t count;
};

/* ---- what there is ---- */

static struct candidate *
candidate_of(struct field *field, const struct metric *metric)
{
    uint64_t key = hash_u64((uint64_t)(uintptr_t)metric);
    struct candidate *candidate = map_get(&field->by_metric, key);
    if (candidate == NULL && field->count < CANDIDATES_MAX) {
        candidate = &field->list[field->count];
        *candidate = (struct candidate){.metric = metric, .order = field->count};
        field->count += map_put(&field->by_metric, key, candidate);
    }
    return candidate;
}

/* Seconds, or thousandths of them, as a clock counts them. */
static bool
is_time(double step, int64_t passed_ns)
{
    double seconds = (double)passed_ns / 1e9;
    return fabs(step - seconds) < 0.2 * seconds || fabs(step - seconds * 1e3) < 200 * seconds;
}

static void
take_series(struct candidate *candidate, const struct series *series, const double *values,
            const int64_t *times_ns, size_t ticks)
{
    double before = NAN;
    int64_t before_ns = 0;
    for (size_t i = 0; i < ticks; i++) {
        if (isnan(values[i])) {
            continue;
        }
        candidate->lasts |= i + LOOK_AGAIN >= ticks;
        double step = isnan(before) ? 0 : values[i] - before;
        bool time = is_time(step, times_ns[i] - before_ns);
        candidate->moves |= step != 0;
        candidate->falls |= step < 0;
        candidate->ticks_on |= step != 0 && time;
        candidate->jumps |= step != 0 && !time;
        before = values[i];
        before_ns = times_ns[i];
    }
    bool known = !isnan(before);
    candidate->known |= known;
    candidate->not_zero |= known && before != 0;
    if (known && candidate->series_count < ARRAY_SIZE(candidate->series)) {
        candidate->series[candidate->series_count] = series;
    }
    candidate->series_count += known;
}

static void
gather(struct field *field, const struct picture *picture)
{
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct head *head = picture->tracks[i].head;
        for (size_t c = 0; head != NULL && c < head->layout->count; c++) {
            const struct series *series = head->layout->series[c];
            struct candidate *candidate = strncmp(series->metric->name, "flametop.", 9) != 0
                                              ? candidate_of(field, series->metric)
                                              : NULL;
            if (candidate != NULL) {
                take_series(candidate, series, &head->values[c * CHUNK_TICKS], head->mono_ns,
                            picture->tracks[i].head_ticks);
            }
        }
    }
}

/* ---- points ---- */

static bool
ends_in(const char *name, const char *const *ends, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(name), end = strlen(ends[i]);
        bool whole = n == end || (n > end && strchr("._", name[n - end - 1]) != NULL) ||
                     strchr("._", ends[i][0]) != NULL;
        if (n >= end && whole && strcasecmp(name + n - end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Numbers that are names, dates and addresses, and the parts of distributions. */
static bool
says_nothing(const struct metric *metric)
{
    static const char *const ends[] = {"_bucket",
                                       "_created",
                                       "_info",
                                       "id",
                                       "pid",
                                       "port",
                                       "version",
                                       "timestamp",
                                       "time",
                                       "date",
                                       "uptime",
                                       "start_time",
                                       "build",
                                       "year",
                                       "last_seen",
                                       "now",
                                       "revision",
                                       "started",
                                       "time_unix",
                                       "epoch",
                                       "last_update",
                                       "start_time_seconds",
                                       "last_reload_success_timestamp_seconds",
                                       "timestamp_seconds"};
    return ends_in(metric->name, ends, ARRAY_SIZE(ends)) ||
           strstr(metric->name, "uptime") != NULL || strstr(metric->name, "timestamp") != NULL;
}

/* A level by its name, however long it only rises: a leak and a growing queue do. */
static bool
is_level(const char *name)
{
    static const char *const ends[] = {
        "memory",  "mem",    "heap",    "rss",    "used",  "usage",   "depth", "size",     "length",
        "backlog", "active", "pending", "queued", "queue", "waiting", "free",  "available"};
    return ends_in(name, ends, ARRAY_SIZE(ends));
}

static int
word_points(const char *name)
{
    static const char *const words[] = {
        "request", "error",   "fail",    "queue",   "latency", "duration", "pending", "active",
        "connect", "busy",    "memory",  "cpu",     "load",    "wait",     "message", "job",
        "heap",    "session", "depth",   "backlog", "timeout", "retr",     "drop",    "utiliz",
        "lag",     "rate",    "workers", "hit",     "miss",    "sent",     "received"};
    int points = 0;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        points += strcasestr(name, words[i]) != NULL ? POINTS_WORD : 0;
    }
    return MIN(points, 3 * POINTS_WORD);
}

/* What every program of a kind tells of its insides, and where names ran out. */
static bool
is_inner(const char *name)
{
    static const char *const starts[] = {"go_",     "process_",    "promhttp_",
                                         "python_", "jvm_",        "nodejs_",
                                         "scrape_", "json.values", "json.counters"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (strncmp(name, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool
has_limits(const struct metric *metric)
{
    return metric->warning != 0 || metric->critical != 0;
}

static int
points_of(const struct candidate *candidate)
{
    const struct metric *metric = candidate->metric;
    bool counter = metric->kind == METRIC_COUNTER;
    bool clock = candidate->ticks_on && !candidate->jumps;
    if (!candidate->known || says_nothing(metric)) {
        return -1000;
    }
    int points = word_points(metric->name);
    if (candidate->moves) {
        bool whole = counter || candidate->falls || is_level(metric->name);
        points += whole ? POINTS_MOVES : clock ? 0 : POINTS_RISES_ONLY;
    } else {
        points += candidate->not_zero ? POINTS_NOT_ZERO : POINTS_ZERO;
    }
    points += has_limits(metric) ? POINTS_LIMITS : 0;
    points += strcmp(metric->unit, "1") == 0 ? POINTS_SHARE
              : metric->unit[0] != '\0'      ? POINTS_UNIT
                                             : 0;
    points += counter && candidate->moves ? POINTS_RATE : 0;
    points += candidate->series_count > 8 ? POINTS_MANY : 0;
    points += is_inner(metric->name) ? POINTS_INNER : 0;
    return points;
}

/* The candidate whose name is this one's with another end. */
static struct candidate *
sibling(struct field *field, const struct candidate *of, const char *end, const char *other)
{
    char name[256];
    size_t n = strlen(of->metric->name), end_n = strlen(end);
    if (n < end_n || strcmp(of->metric->name + n - end_n, end) != 0 || n >= sizeof(name)) {
        return NULL;
    }
    snprintf(name, sizeof(name), "%.*s%s", (int)(n - end_n), of->metric->name, other);
    for (size_t i = 0; i < field->count; i++) {
        if (strcmp(field->list[i].metric->name, name) == 0) {
            return &field->list[i];
        }
    }
    return NULL;
}

/* A sum and its count are a mean; what is told as a rate or as a share is not told as a level as
 * well, or the other way round where the level is what is judged, or what the name says, or all
 * that is still known. */
static void
join(struct field *field)
{
    static const char *const better[] = {".rate", ".utilization"};
    for (size_t i = 0; i < field->count; i++) {
        struct candidate *candidate = &field->list[i], *other;
        bool counter = candidate->metric->kind == METRIC_COUNTER;
        if (counter && (other = sibling(field, candidate, "_sum", "_count")) != NULL) {
            candidate->count = other->metric;
        }
        for (size_t b = 0; b < ARRAY_SIZE(better); b++) {
            if ((other = sibling(field, candidate, better[b], "")) != NULL) {
                bool level = has_limits(other->metric) || (!candidate->lasts && other->lasts) ||
                             (b == 0 && is_level(other->metric->name));
                (level ? candidate : other)->points = -1000;
            }
        }
    }
}

/* ---- what is told ---- */

static void
write_title(const struct candidate *candidate, char dst[TELLING_TITLE_BYTES])
{
    static const char *const ends[] = {"_total", "_sum",     "_seconds", "_bytes",      "_ratio",
                                       ".rate",  "_celsius", "_count",   ".utilization"};
    const char *name = candidate->metric->name;
    name = strncmp(name, "json.", 5) == 0 ? name + 5 : name;
    char whole[160];
    utf8_clean(str_from(name), whole, sizeof(whole));
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        size_t n = strlen(whole), end = strlen(ends[i]);
        if (n > end && strcmp(whole + n - end, ends[i]) == 0) {
            whole[n - end] = '\0';
        }
    }
    snprintf(dst, TELLING_TITLE_BYTES, "%.40s%s", whole, candidate->count != NULL ? " mean" : "");
}

/* One segment of a pointer. */
static struct str
segment(const char *pointer, size_t which)
{
    struct str rest = str_from(pointer), part = {"", 0};
    for (size_t i = 0; i <= which; i++) {
        if (!str_until(&rest, '/', &part)) {
            return (struct str){"", 0};
        }
    }
    return part;
}

/* The segment in which two pointers differ, of the first. */
static struct str
distinct_segment(const char *pointer, const char *other)
{
    for (size_t i = 0; i < 32; i++) {
        struct str a = segment(pointer, i), b = segment(other, i);
        if (a.n != b.n || (a.n > 0 && memcmp(a.p, b.p, a.n) != 0)) {
            return a;
        }
    }
    return (struct str){"", 0};
}

/* By what a series is told from another of its metric: the first value they do not share. */
static void
write_label(const char *labels, const char *other, char dst[TELLING_LABEL_BYTES])
{
    struct str rest = str_from(labels), key, value, theirs;
    char mine[200], its[200];
    dst[0] = '\0';
    while (dst[0] == '\0' && labels_next(&rest, &key, &value)) {
        char name[64];
        str_copy(key, name, sizeof(name));
        bool shared = labels_get(other, name, &theirs) && theirs.n == value.n &&
                      memcmp(theirs.p, value.p, value.n) == 0;
        if (shared || value.n >= sizeof(mine) || theirs.n >= sizeof(its)) {
            continue;
        }
        labels_unescape(value, mine, sizeof(mine));
        labels_unescape(theirs, its, sizeof(its));
        struct str shown =
            strcmp(name, "pointer") == 0 ? distinct_segment(mine, its) : str_from(mine);
        utf8_clean(shown, dst, 16);
    }
}

static void
write_parts(const struct candidate *candidate, struct told *told)
{
    size_t count = candidate->series_count;
    if (count < 2 || candidate->count != NULL) {
        return;
    }
    for (size_t i = 0; i < MIN(count, (size_t)TELLING_PARTS); i++) {
        const struct series *other = candidate->series[i == 0 ? 1 : 0];
        struct told_part *part = &told->parts[told->part_count];
        write_label(candidate->series[i]->labels, other->labels, part->label);
        part->labels = candidate->series[i]->labels;
        told->part_count += part->label[0] != '\0';
    }
}

static void
tell(const struct candidate *candidate, struct told *told)
{
    *told = (struct told){
        .metric = candidate->metric, .count = candidate->count, .moves = candidate->jumps};
    write_title(candidate, told->title);
    write_parts(candidate, told);
}

static int
compare_points(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->points != right->points) {
        return left->points > right->points ? -1 : 1;
    }
    return left->order < right->order ? -1 : left->order > right->order;
}

static struct candidate *
find(struct field *field, const struct metric *metric)
{
    for (size_t i = 0; i < field->count; i++) {
        if (field->list[i].metric == metric) {
            return &field->list[i];
        }
    }
    return NULL;
}

/* What moves comes first and keeps its order, whatever else moves by now; the first looks, which
 * know nothing of that, bind nobody. */
static void
choose(struct telling *telling, struct field *field, bool anew)
{
    struct told list[TELLING_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < telling->count && !anew; i++) {
        struct candidate *candidate = find(field, telling->list[i].metric);
        bool moves = telling->list[i].moves || (candidate != NULL && candidate->jumps);
        if (candidate != NULL && candidate->points >= 0 && moves) {
            tell(candidate, &list[count]);
            list[count++].moves = true;
            candidate->taken = true;
        }
    }
    for (size_t i = 0; i < field->count && count < TELLING_MAX; i++) {
        if (!field->list[i].taken && field->list[i].points >= 0) {
            tell(&field->list[i], &list[count++]);
        }
    }
    telling->changes += count != telling->count || memcmp(list, telling->list, sizeof(list)) != 0;
    memcpy(telling->list, list, sizeof(list));
    telling->count = count;
}

static void
look(struct telling *telling, const struct picture *picture, bool anew)
{
    struct field field = {.list = calloc(CANDIDATES_MAX, sizeof(struct candidate))};
    map_init(&field.by_metric, CANDIDATES_MAX);
    if (field.list != NULL) {
        gather(&field, picture);
        for (size_t i = 0; i < field.count; i++) {
            field.list[i].points = points_of(&field.list[i]);
        }
        join(&field);
        qsort(field.list, field.count, sizeof(*field.list), compare_points);
        choose(telling, &field, anew);
    }
    map_done(&field.by_metric);
    free(field.list);
}

/* Whether the metric of the first n bytes of a name was known in one of the newest ticks. */
static bool
is_known_lately(const struct picture *picture, const char *name, size_t n)
{
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct head *head = picture->tracks[i].head;
        size_t ticks = picture->tracks[i].head_ticks;
        for (size_t c = 0; head != NULL && c < head->layout->count; c++) {
            const char *other = head->layout->series[c]->metric->name;
            bool same = strncmp(other, name, n) == 0 && other[n] == '\0';
            for (size_t t = ticks - MIN(ticks, (size_t)LOOK_AGAIN); same && t < ticks; t++) {
                if (!isnan(head->values[c * CHUNK_TICKS + t])) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* A rate that was guessed ends when its number falls: from then on that is told by its level. */
static bool
has_ended(const struct telling *telling, const struct picture *picture)
{
    static const char end[] = ".rate";
    for (size_t i = 0; i < telling->count; i++) {
        const char *name = telling->list[i].metric->name;
        size_t n = strlen(name), end_n = sizeof(end) - 1;
        if (n > end_n && strcmp(name + n - end_n, end) == 0 && !is_known_lately(picture, name, n) &&
            is_known_lately(picture, name, n - end_n)) {
            return true;
        }
    }
    return false;
}

void
telling_update(struct telling *telling, const struct picture *picture)
{
    uint64_t signature = picture_signature(picture);
    if (telling->looks == 0) {
        telling->first = picture->number;
    } else if (picture->number <= telling->last || picture->base != NULL) {
        return; /* of the past */
    }
    size_t ticks = 0;
    for (size_t i = 0; i < picture->track_count; i++) {
        ticks = MAX(ticks, picture->tracks[i].head_ticks);
    }
    uint64_t seen = picture->number - telling->first;
    bool due = telling->looks < ARRAY_SIZE(looks_at) && seen >= looks_at[telling->looks] &&
               (telling->looks == 0 || ticks >= TICKS_MIN);
    bool other = picture->number - telling->last >= LOOK_AGAIN &&
                 (signature != telling->signature ||
                  (picture->number % LOOK_AGAIN == 0 && has_ended(telling, picture)));
    if (!due && !other && telling->count > 0) {
        return;
    }
    look(telling, picture, telling->looks < 2);
    telling->looks += due;
    telling->last = picture->number;
    telling->signature = signature;
}
