/* /api/v1/metrics/query: the readings of a metric in steps, or as statistics of the whole window.
 *
 * A step holds the readings with from + i * step <= time < from + (i + 1) * step of the wall clock;
 * a step without one is null, never a guess.
 *
 * An answer is made in one go on the engine's thread, so what it looks at and what it holds are
 * bounded: steps get longer, then older readings are left out, and the answer says so. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/arena.h"
#include "flametop/base/macros.h"
#include "flametop/base/numbers.h"
#include "flametop/export/document.h"
#include "parts.h"

#define SPAN_NS (300 * NS_PER_S)
#define SLACK_NS (60 * NS_PER_S) /* clocks may have been set: looked at wider, cut by wall time */
#define STEPS 100                /* when no step is asked for */
#define STEPS_MAX 11000
#define SERIES_MAX 256
#define VALUES_MAX 400000    /* of all series together */
#define READINGS_MAX 2000000 /* that all series are made of, unless the agent has another */
#define ARENA_BYTES_MAX ((size_t)1 << 20)
#define TIME_S_MAX 9e9 /* of the wall clock: what nanoseconds in 64 bits hold, with room */

/* How the readings of a step become one number: `n` > 0 values in order of time. */
struct aggregate {
    const char *name;
    double (*of)(double *values, const int64_t *times_ns, size_t n, double argument);
};

static double
sum_of(double *values, const int64_t *times_ns, size_t n, double argument)
{
    double sum = 0;
    (void)times_ns;
    (void)argument;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum;
}

static double
mean_of(double *values, const int64_t *times_ns, size_t n, double argument)
{
    return sum_of(values, times_ns, n, argument) / (double)n;
}

static double
min_of(double *values, const int64_t *times_ns, size_t n, double argument)
{
    double min = values[0];
    (void)times_ns;
    (void)argument;
    for (size_t i = 1; i < n; i++) {
        min = fmin(min, values[i]);
    }
    return min;
}

static double
max_of(double *values, const int64_t *times_ns, size_t n, double argument)
{
    double max = values[0];
    (void)times_ns;
    (void)argument;
    for (size_t i = 1; i < n; i++) {
        max = fmax(max, values[i]);
    }
    return max;
}

static double
count_of(double *values, const int64_t *times_ns, size_t n, double argument)
{
    (void)values;
    (void)times_ns;
    (void)argument;
    return (double)n;
}

static double
last_of(double *values, const int64_t *times_ns, size_t n, double argument)
{
    (void)times_ns;
    (void)argument;
    return values[n - 1];
}

/* How fast a gauge changes; counters are rates already. */
static double
rate_of_gauge(double *values, const int64_t *times_ns, size_t n, double argument)
{
    (void)argument;
    int64_t dt_ns = times_ns[n - 1] - times_ns[0];
    return dt_ns > 0 ? (values[n - 1] - values[0]) / ((double)dt_ns / 1e9) : NAN;
}

/* Sorts the values. */
static double
percentile_of(double *values, const int64_t *times_ns, size_t n, double percent)
{
    (void)times_ns;
    numbers_sort(values, n);
    return numbers_percentile(values, n, percent);
}

static const struct aggregate aggregates[] = {
    {"avg", mean_of},    {"min", min_of},   {"max", max_of},         {"sum", sum_of},
    {"count", count_of}, {"last", last_of}, {"rate", rate_of_gauge},
};
static const struct aggregate percentile = {"p", percentile_of};

/* What was asked for. */
struct asked {
    struct agent *agent;
    const struct http_message *message;
    const struct picture *picture;
    const char *name, *labels, *by;
    const struct metric *metric; /* NULL: a formula */
    int64_t from_ns, to_ns, step_ns;
    size_t steps;
    const struct aggregate *aggregate; /* NULL: statistics */
    const char *aggregate_name;
    double argument;
    const char *note; /* what was asked for and is not answered; NULL: nothing */
};

/* What is answered. */
struct chosen {
    struct arena arena;
    size_t count;
    const char *labels[SERIES_MAX];
    struct query *queries[SERIES_MAX];
};

/* Seconds since 1970; nothing before it. */
static bool
wall_time(double seconds, int64_t *ret_ns)
{
    if (!(seconds >= 0 && seconds < TIME_S_MAX)) {
        return false;
    }
    *ret_ns = (int64_t)(seconds * 1e9);
    return true;
}

/* "2026-11-21T14:02:31.250Z", seconds since 1970, or "-5m": before now. */
static bool
parse_time(const char *text, int64_t now_ns, int64_t *ret_ns)
{
    struct tm tm = {0};
    int64_t ago_ns;
    double seconds;
    struct str rest = str_from(text);
    if (text[0] == '-' && agent_parse_duration((struct str){text + 1, rest.n - 1}, &ago_ns)) {
        *ret_ns = now_ns - ago_ns;
        return true;
    }
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (end != NULL) {
        double fraction = 0;
        rest = str_from(end);
        if (rest.n > 0 && rest.p[0] == '.' &&
            (!str_double(&rest, &fraction) || !(fraction >= 0 && fraction < 1))) {
            return false;
        }
        int64_t whole_ns;
        if (!str_is(rest, "Z") || !wall_time((double)timegm(&tm), &whole_ns)) {
            return false;
        }
        *ret_ns = whole_ns + (int64_t)(fraction * 1e9);
        return true;
    }
    return str_double(&rest, &seconds) && rest.n == 0 && wall_time(seconds, ret_ns);
}

bool
agent_time(const struct http_message *message, const struct picture *picture, const char *name,
           int64_t fallback_ns, int64_t *ret_ns)
{
    const char *text = http_argument(message, name);
    *ret_ns = fallback_ns;
    if (text == NULL || parse_time(text, picture->wall_ns, ret_ns)) {
        return true;
    }
    http_reply_error(message, 400,
                     "%s is a time in UTC, as 2026-11-21T14:02:31Z, seconds since 1970, or -5m",
                     name);
    return false;
}

static bool
read_aggregate(struct asked *asked)
{
    const char *name = http_argument(asked->message, "agg");
    struct str rest;
    name = name != NULL ? name : "avg";
    asked->aggregate_name = name;
    for (size_t i = 0; i < ARRAY_SIZE(aggregates); i++) {
        if (strcmp(aggregates[i].name, name) == 0) {
            asked->aggregate = &aggregates[i];
            return true;
        }
    }
    rest = str_from(name[0] == 'p' ? name + 1 : "");
    if (str_double(&rest, &asked->argument) && rest.n == 0 && asked->argument >= 0 &&
        asked->argument <= 100) {
        asked->aggregate = &percentile;
        return true;
    }
    if (strcmp(name, "stats") == 0) {
        return true;
    }
    http_reply_error(asked->message, 400,
                     "agg is avg, min, max, sum, count, last, rate, stats, or a percentile as p99");
    return false;
}

static bool
read_window(struct asked *asked)
{
    const struct picture *picture = asked->picture;
    const struct http_message *message = asked->message;
    if (!agent_time(message, picture, "to", picture->wall_ns, &asked->to_ns) ||
        !agent_time(message, picture, "from", asked->to_ns - SPAN_NS, &asked->from_ns)) {
        return false;
    }
    if (asked->from_ns >= asked->to_ns) {
        http_reply_error(asked->message, 400, "from is not before to");
        return false;
    }
    int64_t step_ns = MAX((asked->to_ns - asked->from_ns) / STEPS, picture->interval_ns);
    if (!agent_duration(asked->message, "step", step_ns, &asked->step_ns)) {
        return false;
    }
    int64_t steps = (asked->to_ns - asked->from_ns + asked->step_ns - 1) / MAX(asked->step_ns, 1);
    if (steps > STEPS_MAX) {
        http_reply_error(asked->message, 400, "more than %d steps: ask for longer ones", STEPS_MAX);
        return false;
    }
    asked->steps = asked->aggregate != NULL ? (size_t)steps : 1;
    return true;
}

static struct query *
make_query(const struct asked *asked, const char *labels, char *why, size_t why_size)
{
    struct catalog *catalog = asked->agent->setup.catalog;
    return asked->metric != NULL ? query_new(catalog, asked->metric->name, labels, why, why_size)
                                 : query_new_formula(catalog, asked->name, why, why_size);
}

/* For the readings of one series at a time. */
struct room {
    struct point *points;
    double *values;
    int64_t *times_ns;
    size_t count; /* there is room for */
};

/* The readings of the window, oldest first, without gaps, as values and their wall times. */
static size_t
readings(const struct asked *asked, struct query *query, const struct room *room)
{
    const struct picture *picture = asked->picture;
    int64_t shift_ns = picture->wall_ns - picture->mono_ns;
    size_t count = query_points(query, picture, asked->from_ns - shift_ns - SLACK_NS,
                                MIN(asked->to_ns - shift_ns + SLACK_NS, picture->mono_ns),
                                room->points, room->count);
    double *values = room->values;
    int64_t *times_ns = room->times_ns;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t wall_ns = picture_wall(picture, room->points[i].mono_ns);
        if (!isnan(room->points[i].value) && wall_ns >= asked->from_ns && wall_ns <= asked->to_ns) {
            values[n] = room->points[i].value;
            times_ns[n++] = wall_ns;
        }
    }
    return n;
}

static void
write_steps(const struct asked *asked, double *values, const int64_t *times_ns, size_t n,
            struct json *json)
{
    size_t at = 0;
    json_key(json, "values");
    json_array(json);
    for (size_t i = 0; i < asked->steps; i++) {
        int64_t end_ns = asked->from_ns + (int64_t)(i + 1) * asked->step_ns;
        size_t first = at;
        bool last = i + 1 == asked->steps; /* takes what is exactly at `to` */
        while (at < n && (times_ns[at] < end_ns || last)) {
            at++;
        }
        json_double(json, at > first ? asked->aggregate->of(values + first, times_ns + first,
                                                            at - first, asked->argument)
                                     : NAN);
    }
    json_array_end(json);
}

static void
write_statistics(double *values, size_t n, struct json *json)
{
    static const double percents[] = {50, 75, 90, 95, 99, 99.9, 99.99};
    double sum = n > 0 ? sum_of(values, NULL, n, 0) : NAN, squares = 0;
    double mean = n > 0 ? sum / (double)n : NAN;
    for (size_t i = 0; i < n; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    const struct {
        const char *name;
        double value;
    } rows[] = {{"sum", sum},
                {"min", n > 0 ? min_of(values, NULL, n, 0) : NAN},
                {"max", n > 0 ? max_of(values, NULL, n, 0) : NAN},
                {"mean", mean},
                {"stddev", n > 0 ? sqrt(squares / (double)n) : NAN}};
    json_key(json, "statistics");
    json_object(json);
    json_key(json, "count");
    json_uint(json, n);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_key(json, rows[i].name);
        json_double(json, rows[i].value);
    }
    numbers_sort(values, n);
    json_key(json, "percentiles");
    json_object(json);
    for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
        char name[32];
        bool known =
            (double)n * (1 - percents[i] / 100) >= 1; /* else too few for it to mean much */
        json_key(json, json_double_text(percents[i], name));
        json_double(json, known ? numbers_percentile(values, n, percents[i]) : NAN);
    }
    json_object_end(json);
    json_object_end(json);
}

static void
write_series(const struct asked *asked, const struct chosen *chosen, size_t index,
             const struct room *room, struct json *json)
{
    size_t n = readings(asked, chosen->queries[index], room);
    json_object(json);
    json_key(json, "labels");
    document_labels(json, chosen->labels[index]);
    if (asked->aggregate != NULL) {
        write_steps(asked, room->values, room->times_ns, n, json);
    } else {
        write_statistics(room->values, n, json);
    }
    json_object_end(json);
}

static void
write_head(const struct asked *asked, struct json *json)
{
    const struct metric *metric = asked->metric;
    char unit[64] = "";
    if (metric != NULL) {
        document_unit(metric, unit, sizeof(unit));
    }
    json_key(json, "name");
    json_text(json, metric != NULL ? metric->name : asked->name);
    json_key(json, "unit");
    json_text(json, unit);
    json_key(json, "from");
    json_time(json, asked->from_ns);
    json_key(json, "to");
    json_time(json, asked->to_ns);
    json_key(json, "note");
    json_text(json, asked->note);
    json_key(json, "agg");
    json_text(json, asked->aggregate_name);
    if (asked->aggregate != NULL) {
        json_key(json, "step_s");
        json_double(json, (double)asked->step_ns / 1e9);
    }
}

static bool
read_name(struct asked *asked)
{
    asked->name = http_argument(asked->message, "name");
    asked->labels = http_argument(asked->message, "labels");
    asked->by = http_argument(asked->message, "by");
    if (asked->name == NULL || asked->name[0] == '\0') {
        http_reply_error(asked->message, 400, "name is missing: a metric or a formula");
        return false;
    }
    asked->metric = catalog_metric(asked->agent->setup.catalog, asked->name);
    if (asked->metric == NULL && (asked->labels != NULL || asked->by != NULL)) {
        http_reply_error(asked->message, 400,
                         "labels and by need the name of a metric; a formula names its own, as in "
                         "system.disk.io{device=sda}");
        return false;
    }
    asked->labels = asked->labels != NULL ? asked->labels : "";
    return true;
}

/* ---- what is answered ---- */

/* False and the request is answered when it cannot be asked. */
static bool
choose(const struct asked *asked, struct chosen *chosen, const char *labels)
{
    char why[200] = "";
    struct query *query = make_query(asked, labels, why, sizeof(why));
    if (query == NULL) {
        http_reply_error(asked->message, 400, "%s", why);
        return false;
    }
    chosen->labels[chosen->count] = labels;
    chosen->queries[chosen->count++] = query;
    return true;
}

/* One series, or one for each value of the label `by`. */
static bool
choose_all(struct asked *asked, struct chosen *chosen)
{
    if (asked->by == NULL) {
        return choose(asked, chosen, asked->labels);
    }
    const char *values[SERIES_MAX + 1];
    size_t count = query_label_values(asked->picture, asked->metric->name, asked->by,
                                      &chosen->arena, values, ARRAY_SIZE(values));
    if (count > SERIES_MAX) {
        asked->note = "there are more than 256 series: the first of them are here";
        count = SERIES_MAX;
    }
    bool right = true;
    for (size_t i = 0; right && i < count; i++) {
        char labels[1024];
        str_copy(str_from(asked->labels), labels, sizeof(labels));
        labels_add(labels, sizeof(labels), asked->by, str_from(values[i]));
        right = choose(asked, chosen, arena_text(&chosen->arena, labels, strlen(labels)));
    }
    return right;
}

/* Readings that one of the chosen looks at, about. */
static size_t
weight_of(const struct asked *asked, struct query *query, int64_t slack_ns)
{
    const struct picture *picture = asked->picture;
    int64_t shift_ns = picture->wall_ns - picture->mono_ns;
    return query_weight(query, picture, asked->from_ns - shift_ns - slack_ns,
                        asked->to_ns - shift_ns + slack_ns);
}

static size_t
weight_of_all(const struct asked *asked, const struct chosen *chosen)
{
    size_t weight = 0;
    for (size_t i = 0; i < chosen->count; i++) {
        weight += weight_of(asked, chosen->queries[i], 0);
    }
    return weight;
}

/* Leaves the older half out: whole steps, as long as there are several. */
static void
halve(struct asked *asked)
{
    size_t gone = asked->steps - asked->steps / 2;
    if (asked->steps > 1) {
        asked->from_ns += (int64_t)gone * asked->step_ns;
        asked->steps -= gone;
    } else {
        asked->from_ns += (asked->to_ns - asked->from_ns) / 2;
        asked->step_ns = asked->to_ns - asked->from_ns;
    }
}

/* Longer steps, then less time, until one answer may hold it. */
static void
fit(struct asked *asked, const struct chosen *chosen)
{
    int64_t span_ns = asked->to_ns - asked->from_ns;
    if (asked->steps * chosen->count > VALUES_MAX) {
        int64_t steps = (int64_t)(VALUES_MAX / chosen->count);
        asked->step_ns = (span_ns + steps - 1) / steps;
        asked->steps = (size_t)((span_ns + asked->step_ns - 1) / asked->step_ns);
        asked->note = "the steps are longer than asked for: they are too many for one answer";
    }
    size_t max = asked->agent->options->readings_max;
    max = max != 0 ? max : READINGS_MAX;
    while (asked->to_ns - asked->from_ns > NS_PER_S && weight_of_all(asked, chosen) > max) {
        halve(asked);
        asked->note = "older readings are left out: they are too many for one answer";
    }
}

static void
write_answer(const struct asked *asked, const struct chosen *chosen, const struct room *room,
             struct json *json)
{
    json_object(json);
    write_head(asked, json);
    json_key(json, "series");
    json_array(json);
    for (size_t i = 0; i < chosen->count; i++) {
        write_series(asked, chosen, i, room, json);
    }
    json_array_end(json);
    json_object_end(json);
}

/* False when out of memory. */
static bool
make_room(const struct asked *asked, const struct chosen *chosen, struct room *room)
{
    size_t most = 1;
    for (size_t i = 0; i < chosen->count; i++) {
        most = MAX(most, weight_of(asked, chosen->queries[i], SLACK_NS));
    }
    *room = (struct room){calloc(most, sizeof(*room->points)), calloc(most, sizeof(*room->values)),
                          calloc(most, sizeof(*room->times_ns)), most};
    return room->points != NULL && room->values != NULL && room->times_ns != NULL;
}

static void
reply(struct asked *asked, const struct chosen *chosen)
{
    struct room room;
    struct buf out;
    struct json json;
    buf_init(&out, AGENT_ANSWER_BYTES_MAX);
    json_init(&json, &out, false);
    fit(asked, chosen);
    if (make_room(asked, chosen, &room)) {
        write_answer(asked, chosen, &room, &json);
        agent_reply_json(asked->message, &out);
    } else {
        http_reply_error(asked->message, 503, "out of memory");
    }
    buf_done(&out);
    free(room.points);
    free(room.values);
    free(room.times_ns);
}

void
answer_query(struct agent *agent, const struct http_message *message, const char *name)
{
    struct asked asked = {.agent = agent, .message = message};
    struct chosen chosen = {.count = 0};
    (void)name;
    asked.picture = agent_picture(agent, message);
    if (asked.picture == NULL || !read_name(&asked) || !read_aggregate(&asked) ||
        !read_window(&asked)) {
        return;
    }
    arena_init(&chosen.arena, ARENA_BYTES_MAX);
    if (choose_all(&asked, &chosen)) {
        reply(&asked, &chosen);
    }
    for (size_t i = 0; i < chosen.count; i++) {
        query_free(chosen.queries[i]);
    }
    arena_done(&chosen.arena);
}
