/* Groups are made anew whenever they are asked for, in two phases: every trace into its group's
 * histograms and buckets, then every group into a row. The rows that are shown are replaced at the
 * end, all at once. */
#include "flametop/trace/group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/arena.h"
#include "flametop/base/clock.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/histogram.h"

#define PORTION 128     /* traces between two looks at the clock */
#define SPANS_AS_ONE 16 /* a condition may look at each of them */
#define PORTION_ROWS 16
#define TEXT_BYTES_MAX ((size_t)4 << 20)
#define SPAN_MIN_NS (10 * NS_PER_S) /* of fewer seconds no rate is told */
#define RATIO_TRACES_MIN 10         /* requests on either side of a ratio, without weights */

struct making { /* one group */
    struct trace_group row;
    struct histogram before, recent; /* durations: the first three quarters of the span, the last */
    uint32_t traces_before, traces_recent; /* that are in them */
    double sums[TRACE_GROUP_BUCKETS], counts[TRACE_GROUP_BUCKETS];
    double waited_s;
};

struct wish {
    struct traces *traces; /* one reference */
    struct trace_grouping grouping;
    char *attribute; /* what grouping.attribute points to */
};

struct trace_groups_work {
    struct wish wish;  /* asked for last */
    struct wish doing; /* traces NULL: nothing */
    bool wanted;       /* the wish is not begun yet */
    struct traces_cursor cursor;
    struct trace_wanted key_of_attribute;
    int64_t from_ns, to_ns;
    bool counted;
    size_t finished;
    struct map index; /* key → place + 1 */
    struct making *groups;
    size_t count, capacity;
    struct making all, others;
    struct arena texts[2]; /* of the rows that are shown, and of those that are made */
    unsigned shown;
};

/* ---- keys ---- */

/* The value of the attribute of a request; NULL: it has none. */
static const char *
attribute_of(const struct trace *trace, const char *key, const struct trace_wanted *wanted)
{
    if (!trace_signature_has(trace, wanted)) {
        return NULL;
    }
    for (uint32_t i = 0; i < trace->span_count; i++) {
        const struct trace_attribute *attribute = trace_attribute(trace, i, key);
        if (attribute != NULL) {
            return trace_text(trace, attribute->text);
        }
    }
    return NULL;
}

static const char *
name_of(const struct trace_grouping *grouping, const struct trace_wanted *wanted,
        const struct trace *trace)
{
    const char *value = NULL;
    switch (grouping->by) {
    case GROUP_REQUEST:
    case GROUP_ENDPOINT:
        return trace_text(trace, trace->endpoint);
    case GROUP_TOOL:
        return trace_text(trace, trace->tool);
    case GROUP_SERVICE:
        return trace_text(trace, trace->service);
    case GROUP_ATTRIBUTE:
    default:
        value = attribute_of(trace, grouping->attribute, wanted);
        return value != NULL ? value : "";
    }
}

static uint64_t
key_of(const struct trace_grouping *grouping, const char *name, const struct trace *trace)
{
    uint64_t key = hash_text(name);
    return grouping->by == GROUP_REQUEST ? hash_mix(key, hash_text(trace_text(trace, trace->tool)))
                                         : key;
}

uint64_t
trace_group_key(const struct trace_grouping *grouping, const struct trace *trace)
{
    struct trace_wanted wanted = {{0}};
    if (grouping->by == GROUP_ATTRIBUTE) {
        wanted = trace_wanted(grouping->attribute, NULL);
    }
    return key_of(grouping, name_of(grouping, &wanted, trace), trace);
}

/* ---- life ---- */

struct trace_groups *
trace_groups_new(void)
{
    struct trace_groups *groups = calloc(1, sizeof(*groups));
    struct trace_groups_work *work = calloc(1, sizeof(*work));
    if (groups == NULL || work == NULL) {
        free(groups);
        free(work);
        return NULL;
    }
    map_init(&work->index, TRACE_GROUPS_MAX);
    arena_init(&work->texts[0], TEXT_BYTES_MAX);
    arena_init(&work->texts[1], TEXT_BYTES_MAX);
    groups->work = work;
    return groups;
}

static void
making_done(struct making *making)
{
    histogram_done(&making->before);
    histogram_done(&making->recent);
}

static void
wish_done(struct wish *wish)
{
    traces_release(wish->traces);
    free(wish->attribute);
    *wish = (struct wish){0};
}

static void
drop_doing(struct trace_groups_work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        making_done(&work->groups[i]);
    }
    making_done(&work->all);
    making_done(&work->others);
    work->count = 0;
    wish_done(&work->doing);
}

void
trace_groups_free(struct trace_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    struct trace_groups_work *work = groups->work;
    drop_doing(work);
    wish_done(&work->wish);
    map_done(&work->index);
    arena_done(&work->texts[0]);
    arena_done(&work->texts[1]);
    free(work->groups);
    free(work);
    free(groups->rows);
    free(groups);
}

/* ---- asking ---- */

static bool
is_same(const struct wish *wish, const struct traces *traces, const struct trace_grouping *grouping)
{
    const struct trace_scope *a = &wish->grouping.scope, *b = &grouping->scope;
    return wish->traces != NULL && wish->traces->number == traces->number &&
           wish->grouping.by == grouping->by && a->from_ns == b->from_ns && a->to_ns == b->to_ns &&
           a->low_ns == b->low_ns && a->high_ns == b->high_ns && trace_scope_agrees(a, b) &&
           (grouping->by != GROUP_ATTRIBUTE || strcmp(wish->attribute, grouping->attribute) == 0);
}

void
trace_groups_ask(struct trace_groups *groups, struct traces *traces,
                 const struct trace_grouping *grouping)
{
    struct trace_groups_work *work = groups->work;
    if (is_same(&work->wish, traces, grouping)) {
        return;
    }
    char *attribute = strdup(grouping->by == GROUP_ATTRIBUTE ? grouping->attribute : "");
    if (attribute == NULL) {
        return; /* the rows stay what they are */
    }
    if (!trace_scope_agrees(&work->doing.grouping.scope, &grouping->scope)) {
        drop_doing(work);
    }
    struct traces *held = traces_acquire(traces);
    wish_done(&work->wish);
    work->wish = (struct wish){.traces = held, .grouping = *grouping, .attribute = attribute};
    work->wish.grouping.attribute = attribute;
    work->wanted = true;
}

/* The span of time that rates are over: not before the oldest trace that is held. */
static void
begin(struct trace_groups_work *work)
{
    struct wish *wish = &work->wish;
    work->doing = (struct wish){.traces = traces_acquire(wish->traces),
                                .grouping = wish->grouping,
                                .attribute = strdup(wish->attribute)};
    work->doing.grouping.attribute = work->doing.attribute;
    work->wanted = false;
    if (work->doing.attribute == NULL) {
        wish_done(&work->doing); /* out of memory: the rows stay what they are */
        return;
    }
    const struct trace_scope *scope = &work->doing.grouping.scope;
    struct traces_cursor cursor = {0};
    const struct trace *newest = traces_next(wish->traces, &cursor);
    work->to_ns = scope->to_ns != 0 || newest == NULL ? scope->to_ns : newest->mono_ns + 1;
    int64_t oldest_ns = MIN(wish->traces->oldest_mono_ns, work->to_ns - SPAN_MIN_NS);
    work->from_ns = scope->from_ns != 0 ? MAX(scope->from_ns, oldest_ns) : oldest_ns;
    work->from_ns = MIN(work->from_ns, work->to_ns - 1);
    work->cursor = (struct traces_cursor){0};
    work->counted = false;
    work->finished = 0;
    if (wish->grouping.by == GROUP_ATTRIBUTE) {
        work->key_of_attribute = trace_wanted(wish->attribute, NULL);
    }
    map_clear(&work->index);
    arena_clear(&work->texts[1 - work->shown]);
    work->all = work->others = (struct making){0};
    histogram_init(&work->all.before);
    histogram_init(&work->all.recent);
    histogram_init(&work->others.before);
    histogram_init(&work->others.recent);
}

/* ---- counting ---- */

static const char *
copy(struct trace_groups_work *work, const char *text)
{
    return arena_text(&work->texts[1 - work->shown], text, strlen(text));
}

static void
name_group(struct trace_groups_work *work, struct making *making, const char *name, uint64_t key,
           const struct trace *trace)
{
    making->row.key = key;
    making->row.name = name != NULL ? copy(work, name) : NULL;
    making->row.endpoint = copy(work, trace_text(trace, trace->endpoint));
    making->row.tool = copy(work, trace_text(trace, trace->tool));
    making->row.service = copy(work, trace_text(trace, trace->service));
}

/* The group of this key, made where there is none yet; `others` where there is no room. */
static struct making *
group_of(struct trace_groups_work *work, const char *name, uint64_t key, const struct trace *trace)
{
    uintptr_t place = (uintptr_t)map_get(&work->index, key);
    if (place != 0) {
        return &work->groups[place - 1];
    }
    if (work->count == work->capacity && work->count < TRACE_GROUPS_MAX) {
        size_t wider = MAX(work->capacity * 2, (size_t)16);
        struct making *grown = realloc(work->groups, wider * sizeof(*grown));
        work->groups = grown != NULL ? grown : work->groups;
        work->capacity = grown != NULL ? wider : work->capacity;
    }
    if (work->count == work->capacity || work->count == TRACE_GROUPS_MAX ||
        !map_put(&work->index, key, (void *)(uintptr_t)(work->count + 1))) {
        if (work->others.row.traces == 0) {
            name_group(work, &work->others, NULL, key, trace);
        }
        return &work->others;
    }
    struct making *making = &work->groups[work->count++];
    *making = (struct making){0};
    histogram_init(&making->before);
    histogram_init(&making->recent);
    name_group(work, making, name, key, trace);
    return making;
}

static const char *
common(const char *text, const struct trace *trace, uint32_t other)
{
    return text != NULL && strcmp(text, trace_text(trace, other)) == 0 ? text : NULL;
}

static void
count_in(const struct trace_groups_work *work, struct making *making, const struct trace *trace)
{
    struct trace_group *row = &making->row;
    double weight = (double)trace_weight(trace) / TRACE_WEIGHT_ONE;
    double seconds = (double)trace->duration_ns * 1e-9;
    row->endpoint = common(row->endpoint, trace, trace->endpoint);
    row->tool = common(row->tool, trace, trace->tool);
    row->service = common(row->service, trace, trace->service);
    row->traces++;
    row->count += weight;
    row->errors += (trace->flags & TRACE_ERROR) != 0 ? weight : 0;
    row->slow += (trace->flags & TRACE_SLOW) != 0 ? weight : 0;
    if ((trace->flags & TRACE_UNFINISHED) != 0) {
        row->running += weight;
        return;
    }
    int64_t since_ns = MAX(trace->mono_ns - work->from_ns, INT64_C(0));
    double part = (double)since_ns / (double)(work->to_ns - work->from_ns);
    size_t bucket = (size_t)MIN(part * TRACE_GROUP_BUCKETS, TRACE_GROUP_BUCKETS - 1.0);
    making->sums[bucket] += seconds * weight;
    making->counts[bucket] += weight;
    making->waited_s += seconds * weight;
    bool recent = part >= 0.75;
    making->traces_before += !recent;
    making->traces_recent += recent;
    histogram_add_times(recent ? &making->recent : &making->before, seconds,
                        (uint32_t)MIN(weight + 0.5, 1e9));
}

/* True at the end of the list. */
static bool
count_portion(struct trace_groups_work *work)
{
    const struct trace_grouping *grouping = &work->doing.grouping;
    for (unsigned i = 0; i < PORTION;) {
        const struct trace *trace = traces_next(work->doing.traces, &work->cursor);
        if (trace == NULL) {
            return true;
        }
        i += 1 + trace->span_count / SPANS_AS_ONE;
        if (trace_scope_has(&grouping->scope, trace)) {
            const char *name = name_of(grouping, &work->key_of_attribute, trace);
            uint64_t key = key_of(grouping, name, trace);
            if (work->all.row.traces == 0) {
                name_group(work, &work->all, NULL, 0, trace);
            }
            count_in(work, group_of(work, name, key, trace), trace);
            count_in(work, &work->all, trace);
        }
    }
    return false;
}

/* ---- rows ---- */

/* NaN where there are too few; weights do not make them more. */
static double
quantile_of(const struct making *making, double q)
{
    bool known = q <= 0.5 || (double)making->row.traces * (1 - q) >= 1 - 1e-9;
    return known ? histogram_quantile(&making->before, q) : (double)NAN;
}

static enum trend
trend_of(const struct trace_group *row)
{
    struct bucket buckets[TRACE_GROUP_BUCKETS];
    for (size_t i = 0; i < TRACE_GROUP_BUCKETS; i++) {
        float mean = row->trend_s[i];
        buckets[i] = (struct bucket){.min = mean, .max = mean, .sum = mean, .count = !isnan(mean)};
    }
    const struct chart chart = {.buckets = buckets, .count = TRACE_GROUP_BUCKETS};
    return chart_trend(&chart, 0);
}

static void
finish(const struct trace_groups_work *work, struct making *making)
{
    struct trace_group *row = &making->row;
    double span_s = (double)(work->to_ns - work->from_ns) * 1e-9;
    bool enough = MIN(making->traces_before, making->traces_recent) >= RATIO_TRACES_MIN;
    double newest = histogram_quantile(&making->recent, 0.5);
    double rest = histogram_quantile(&making->before, 0.5);
    row->ratio = enough && rest > 0 ? newest / rest : (double)NAN;
    histogram_merge(&making->before, &making->recent);
    row->rate = row->count / span_s;
    row->waited_s = making->waited_s / MAX(span_s / 60, 1.0); /* seconds do not foretell a minute */
    row->mean_s = histogram_mean(&making->before);
    row->p50_s = quantile_of(making, 0.5);
    row->p95_s = quantile_of(making, 0.95);
    row->p99_s = quantile_of(making, 0.99);
    row->max_s = making->before.max;
    for (size_t i = 0; i < TRACE_GROUP_BUCKETS; i++) {
        double count = making->counts[i];
        row->trend_s[i] = count > 0 ? (float)(making->sums[i] / count) : NAN;
    }
    row->trend = trend_of(row);
}

static int
compare_rows(const void *a, const void *b)
{
    const struct trace_group *left = a, *right = b;
    if (left->waited_s != right->waited_s) {
        return left->waited_s > right->waited_s ? -1 : 1;
    }
    return left->key < right->key ? -1 : left->key > right->key;
}

/* Puts what was made in the place of what is shown. Without memory that stays. */
static void
show(struct trace_groups *groups, struct trace_groups_work *work)
{
    size_t count = work->count + (work->others.row.traces > 0);
    struct trace_group *rows = calloc(MAX(count, (size_t)1), sizeof(*rows));
    if (rows != NULL) {
        for (size_t i = 0; i < work->count; i++) {
            rows[i] = work->groups[i].row;
        }
        qsort(rows, work->count, sizeof(*rows), compare_rows);
        if (count > work->count) {
            finish(work, &work->others);
            rows[work->count] = work->others.row;
        }
        finish(work, &work->all);
        free(groups->rows);
        groups->rows = rows;
        groups->count = count;
        groups->all = work->all.row;
        groups->number = work->doing.traces->number;
        groups->span_s = (double)(work->to_ns - work->from_ns) * 1e-9;
        work->shown = 1 - work->shown;
    }
    drop_doing(work);
}

/* One portion of what is being made. */
static void
step(struct trace_groups *groups, struct trace_groups_work *work)
{
    if (!work->counted) {
        work->counted = count_portion(work);
        return;
    }
    for (unsigned i = 0; i < PORTION_ROWS && work->finished < work->count; i++) {
        finish(work, &work->groups[work->finished++]);
    }
    if (work->finished == work->count) {
        show(groups, work);
    }
}

bool
trace_groups_step(struct trace_groups *groups, int64_t until_ns)
{
    struct trace_groups_work *work = groups->work;
    while (work->doing.traces != NULL || work->wanted) {
        if (work->doing.traces == NULL) {
            begin(work);
        } else {
            step(groups, work);
        }
        if (clock_mono_ns() >= until_ns) {
            break;
        }
    }
    return work->doing.traces == NULL && !work->wanted;
}
