/* Questions to many traces: groups by tags, each with sums, or a histogram where a percentile is
 * asked for. */
#include "flametop/trace/query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/arena.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/histogram.h"
#include "flametop/trace/filter.h"
#include "flametop/trace/path.h"
#include "tag.h"

#define TEXT_BYTES_MAX ((size_t)4 << 20)
#define WEIGHT_STEPS 8 /* a weight of 1 is so many counts of a histogram, so that shares stay */
#define OTHER "(other)"

enum function { SUM, AVG, LEAST, MOST, COUNT, RATE, STDDEV, PERCENTILE };

struct group {
    const char *tags[TRACE_QUERY_TAGS_MAX];
    double weight, sum, min, max;
    double mean, spread; /* spread: squares of how far values are off their mean, by weight */
    struct histogram histogram;
};

struct trace_query {
    enum function function;
    double quantile;
    bool of_spans, of_self, asks_field;
    struct tag field;
    struct tag tags[TRACE_QUERY_TAGS_MAX];
    size_t tag_count;
    struct trace_filter *filter;
    char value_name[TAG_KEY_MAX + 32];

    struct arena texts;
    struct map index;
    struct group *groups; /* the last is that of all others */
    size_t group_count;
    bool other;
    struct trace_path path;
    int64_t first_ns, last_ns;
    double span_s; /* 0: what the traces cover */

    bool counted, field_seen; /* something was wanted; something wanted had the field */
    unsigned tags_seen;       /* bits: and these tags */
};

/* ---- reading ---- */

static bool
say(char *why, size_t why_size, const char *what, struct str text)
{
    char shown[64];
    utf8_clean(text, shown, sizeof(shown));
    snprintf(why, why_size, "query: %s: %s", what, shown);
    return false;
}

static bool
is_word(struct str word, const char *text)
{
    return word.n == strlen(text) && strncasecmp(word.p, text, word.n) == 0;
}

static bool
parse_function(struct str word, struct trace_query *query)
{
    static const char *const names[] = {
        [SUM] = "sum",     [AVG] = "avg",   [LEAST] = "min",    [MOST] = "max",
        [COUNT] = "count", [RATE] = "rate", [STDDEV] = "stddev"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (is_word(word, names[i])) {
            query->function = (enum function)i;
            return true;
        }
    }
    struct str rest = {word.p + 1, word.n - MIN(word.n, (size_t)1)};
    double percent;
    if (word.n < 2 || (*word.p | 0x20) != 'p' || !str_double(&rest, &percent) || rest.n > 0 ||
        percent < 0 || percent > 100) {
        return false;
    }
    query->function = PERCENTILE;
    query->quantile = percent / 100;
    return true;
}

static bool
add_tags(struct str list, struct trace_query *query, char *why, size_t why_size)
{
    struct str part;
    while (str_until(&list, ',', &part)) {
        if (part.n == 0) {
            continue;
        }
        if (query->tag_count == TRACE_QUERY_TAGS_MAX) {
            return say(why, why_size, "too many tags", part);
        }
        if (!tag_parse(part, &query->tags[query->tag_count++])) {
            return say(why, why_size, "no tag", part);
        }
    }
    return true;
}

/* "a, b,c": as far as commas join them. */
static bool
parse_tags(struct str *rest, struct trace_query *query, char *why, size_t why_size)
{
    struct str word, before = *rest;
    bool more = true;
    while (str_word(rest, &word) && !is_word(word, "where") && (more || *word.p == ',')) {
        before = *rest;
        more = word.p[word.n - 1] == ',';
        if (!add_tags(word, query, why, why_size)) {
            return false;
        }
    }
    *rest = before;
    return query->tag_count > 0 || say(why, why_size, "by what?", *rest);
}

static bool
parse_filter(struct str rest, struct trace_query *query, char *why, size_t why_size)
{
    query->filter = trace_filter_new(rest, why, why_size);
    return query->filter != NULL || (why[0] != 0 ? false : say(why, why_size, "where what?", rest));
}

static bool
parse_field(struct str word, struct trace_query *query, char *why, size_t why_size)
{
    query->of_self = is_word(word, "self");
    return query->of_self || tag_parse(word, &query->field) || say(why, why_size, "no field", word);
}

static bool
parse(struct str text, struct trace_query *query, char *why, size_t why_size)
{
    struct str rest = text, word;
    bool good = true;
    if (!str_word(&rest, &word) || !parse_function(word, query)) {
        return say(why, why_size, "it begins with sum, avg, min, max, count, rate, stddev or pNN",
                   text);
    }
    while (good && str_word(&rest, &word)) {
        if (is_word(word, "by")) {
            good = parse_tags(&rest, query, why, why_size);
        } else if (is_word(word, "where")) {
            return parse_filter(rest, query, why, why_size);
        } else if (is_word(word, "of")) {
            good = str_word(&rest, &word) && is_word(word, "spans");
            query->of_spans = good;
            good = good || say(why, why_size, "of spans, or nothing", word);
        } else if (!query->asks_field && query->tag_count == 0) {
            query->asks_field = true;
            good = parse_field(word, query, why, why_size);
        } else {
            good = say(why, why_size,
                       query->tag_count > 0 ? "write a comma between tags, where before a filter"
                                            : "what is this?",
                       word);
        }
    }
    if (good && query->asks_field && (query->function == COUNT || query->function == RATE)) {
        good = say(why, why_size, "count and rate take no field: write by before a tag", text);
    }
    if (good && query->of_self && !query->of_spans) {
        good = say(why, why_size, "self is of spans: write `self of spans`", text);
    }
    return good;
}

static void
name_value(struct trace_query *query)
{
    static const char *const names[] = {"sum", "avg", "min", "max", "count", "rate", "stddev", "p"};
    const char *field = query->of_self ? "self" : query->field.key;
    const char *of = query->of_spans ? " of spans" : "";
    if (query->function == COUNT || query->function == RATE) {
        snprintf(query->value_name, sizeof(query->value_name), "%s%s", names[query->function], of);
    } else if (query->function == PERCENTILE) {
        snprintf(query->value_name, sizeof(query->value_name), "p%g %s%s", query->quantile * 100,
                 field, of);
    } else {
        snprintf(query->value_name, sizeof(query->value_name), "%s %s%s", names[query->function],
                 field, of);
    }
}

struct trace_query *
trace_query_new(struct str text, char *why, size_t why_size)
{
    struct trace_query *query = calloc(1, sizeof(*query));
    if (query == NULL) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    why[0] = 0;
    tag_parse(STR("duration"), &query->field);
    arena_init(&query->texts, TEXT_BYTES_MAX);
    map_init(&query->index, (size_t)TRACE_QUERY_GROUPS_MAX * 2);
    trace_path_init(&query->path);
    query->first_ns = INT64_MAX;
    query->last_ns = INT64_MIN;
    query->groups = calloc(TRACE_QUERY_GROUPS_MAX + 1, sizeof(query->groups[0]));
    if (query->groups == NULL || !parse(text, query, why, why_size)) {
        trace_query_free(query);
        return NULL;
    }
    name_value(query);
    return query;
}

void
trace_query_free(struct trace_query *query)
{
    if (query == NULL) {
        return;
    }
    for (size_t i = 0; query->groups != NULL && i <= TRACE_QUERY_GROUPS_MAX; i++) {
        histogram_done(&query->groups[i].histogram);
    }
    trace_filter_free(query->filter);
    trace_path_done(&query->path);
    map_done(&query->index);
    arena_done(&query->texts);
    free(query->groups);
    free(query);
}

/* ---- adding ---- */

static bool
begin(struct trace_query *query, struct group *group, const char *const *tags)
{
    for (size_t i = 0; i < query->tag_count; i++) {
        group->tags[i] = arena_text(&query->texts, tags[i], strlen(tags[i]));
    }
    group->min = INFINITY;
    group->max = -INFINITY;
    histogram_init(&group->histogram);
    return !query->texts.full;
}

static struct group *
group_of(struct trace_query *query, const char *const *tags)
{
    uint64_t key = 1;
    for (size_t i = 0; i < query->tag_count; i++) {
        key = hash_mix(key, hash_text(tags[i]));
    }
    struct group *group = map_get(&query->index, key);
    if (group != NULL) {
        return group;
    }
    if (query->group_count < TRACE_QUERY_GROUPS_MAX && !query->texts.full) {
        group = &query->groups[query->group_count];
        if (begin(query, group, tags) && map_put(&query->index, key, group)) {
            query->group_count++;
            return group;
        }
    }
    group = &query->groups[TRACE_QUERY_GROUPS_MAX];
    for (size_t i = 0; i < query->tag_count && !query->other; i++) {
        group->tags[i] = OTHER;
    }
    if (!query->other) {
        group->min = INFINITY;
        group->max = -INFINITY;
        histogram_init(&group->histogram);
    }
    query->other = true;
    return group;
}

/* After Welford, as West weighs it: of large numbers that differ little (times, sizes) nothing
 * would be left of the mean of their squares less the square of their mean. The weight counts
 * already. */
static void
spread(struct group *group, double value, double weight)
{
    double off = value - group->mean;
    group->mean += off * weight / group->weight;
    group->spread += weight * off * (value - group->mean);
}

static void
count(struct trace_query *query, const struct trace *trace, uint32_t span, double value)
{
    char scratch[TRACE_QUERY_TAGS_MAX][TAG_TEXT_MAX];
    const char *tags[TRACE_QUERY_TAGS_MAX];
    bool counts = query->function == COUNT || query->function == RATE;
    query->counted = true;
    query->field_seen |= counts || !isnan(value);
    for (size_t i = 0; i < query->tag_count; i++) {
        tags[i] = tag_text(&query->tags[i], trace, span, scratch[i]);
        query->tags_seen |= (tags[i][0] != 0 ? 1U : 0U) << i;
    }
    if (isnan(value) && !counts) {
        return;
    }
    struct group *group = group_of(query, tags);
    group->weight += trace->weight;
    if (isnan(value)) {
        return;
    }
    group->sum += value * trace->weight;
    spread(group, value, trace->weight);
    group->min = MIN(group->min, value);
    group->max = MAX(group->max, value);
    if (query->function == PERCENTILE) {
        double times = trace->weight * WEIGHT_STEPS + 0.5;
        histogram_add_times(&group->histogram, value, (uint32_t)CLAMP(times, 1.0, 1e6));
    }
}

static double
span_value(const struct trace_query *query, const struct trace *trace, uint32_t span)
{
    return query->of_self ? (double)query->path.times[span].self_ns / 1e9
                          : tag_number(&query->field, trace, span);
}

static bool
add_spans(struct trace_query *query, const struct trace *trace)
{
    bool any = false;
    if (query->of_self && !trace_path_of(&query->path, trace)) {
        return false;
    }
    for (uint32_t i = 0; i < trace->span_count; i++) {
        bool made_up = (trace_spans(trace)[i].flags & SPAN_MADE_UP) != 0;
        if (!made_up && trace_filter_matches_span(query->filter, trace, i)) {
            count(query, trace, i, span_value(query, trace, i));
            any = true;
        }
    }
    return any;
}

bool
trace_query_add(struct trace_query *query, const struct trace *trace)
{
    query->first_ns = MIN(query->first_ns, trace->start_ns);
    query->last_ns = MAX(query->last_ns, trace->start_ns + trace->duration_ns);
    if (query->of_spans) {
        return add_spans(query, trace);
    }
    if (!trace_filter_matches(query->filter, trace)) {
        return false;
    }
    count(query, trace, TRACE_NONE, tag_number(&query->field, trace, TRACE_NONE));
    return true;
}

void
trace_query_set_span(struct trace_query *query, double span_s)
{
    query->span_s = span_s;
}

/* ---- answers ---- */

const char *
trace_query_missing_field(const struct trace_query *query)
{
    return query->counted && !query->field_seen ? query->field.key : NULL;
}

const char *
trace_query_missing_tag(const struct trace_query *query, size_t index)
{
    for (size_t i = 0; query->counted && i < query->tag_count; i++) {
        bool missing = query->tags[i].field == TAG_ATTRIBUTE && (query->tags_seen >> i & 1) == 0;
        if (missing && index-- == 0) {
            return query->tags[i].key;
        }
    }
    return NULL;
}

static double
answer(const struct trace_query *query, const struct group *group)
{
    double mean = group->sum / group->weight;
    double covered_s =
        query->last_ns > query->first_ns ? (double)(query->last_ns - query->first_ns) / 1e9 : NAN;
    switch (query->function) {
    case SUM:
        return group->sum;
    case AVG:
        return mean;
    case LEAST:
        return group->min;
    case MOST:
        return group->max;
    case COUNT:
        return group->weight;
    case RATE:
        return group->weight / (query->span_s > 0 ? query->span_s : covered_s);
    case STDDEV:
        return sqrt(group->spread / group->weight);
    case PERCENTILE:
    default:
        return histogram_quantile(&group->histogram, query->quantile);
    }
}

static int
larger_first(const void *a, const void *b)
{
    const struct trace_query_row *x = a, *y = b;
    double left = isnan(x->value) ? -INFINITY : x->value;
    double right = isnan(y->value) ? -INFINITY : y->value;
    if (left != right) {
        return left > right ? -1 : 1;
    }
    for (size_t i = 0; i < TRACE_QUERY_TAGS_MAX && x->tags[i] != NULL; i++) {
        int order = strcmp(x->tags[i], y->tags[i]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

size_t
trace_query_row_count(const struct trace_query *query)
{
    return query->group_count + query->other;
}

size_t
trace_query_rows(struct trace_query *query, struct trace_query_row *ret_rows, size_t max)
{
    size_t count = trace_query_row_count(query);
    struct trace_query_row *rows = calloc(MAX(count, (size_t)1), sizeof(rows[0]));
    for (size_t i = 0; rows != NULL && i < count; i++) {
        const struct group *group =
            &query->groups[i < query->group_count ? i : TRACE_QUERY_GROUPS_MAX];
        memcpy(rows[i].tags, group->tags, sizeof(group->tags));
        rows[i].value = answer(query, group);
        rows[i].count = group->weight;
    }
    size_t taken = rows != NULL ? MIN(count, max) : 0;
    if (taken > 0) {
        qsort(rows, count, sizeof(rows[0]), larger_first);
        memcpy(ret_rows, rows, taken * sizeof(rows[0]));
    }
    free(rows);
    return taken;
}

size_t
trace_query_tag_count(const struct trace_query *query)
{
    return query->tag_count;
}

const char *
trace_query_tag(const struct trace_query *query, size_t index)
{
    return query->tags[index].key;
}

const char *
trace_query_value_name(const struct trace_query *query)
{
    return query->value_name;
}

const char *
trace_query_unit(const struct trace_query *query)
{
    bool time = query->of_self || query->field.field == TAG_DURATION;
    return query->function == RATE ? "/s" : query->function == COUNT ? "" : time ? "s" : "";
}
