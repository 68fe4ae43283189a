/* Queries. A query is compiled once into a tree of nodes (formula.h); asking it turns each node
 * into a vector of points.
 *
 * Vectors are as long as the ticks asked for, so asking for "now" costs a few readings of the head,
 * and asking for a span decodes just the columns it names. */
#include "flametop/core/query.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/rate.h"
#include "formula.h"

#define GROUPS_MAX 1024
#define RATE_NS_MIN (250 * NS_PER_MS)
#define FIRST_SPACING_NS (5 * NS_PER_S)
#define LEAD_TICKS_MIN 3
#define HOLD_NS_MIN (15 * NS_PER_S)

struct query {
    struct catalog *catalog;
    const struct metric *metric;
    struct node *root;
};

/* Points of one node. */
struct vector {
    bool scalar;
    double number;
    size_t n;
    int64_t *times;
    double *values;
};

/* Memory of one question: most take a few ticks of a few series, for which the heap would cost more
 * than the answer. What does not fit comes from the heap. */
struct scratch {
    size_t used;
    _Alignas(max_align_t) char bytes[8192];
};

struct range {
    const struct picture *picture;
    struct catalog *catalog;
    int64_t from_ns, to_ns; /* (from, to] */
    struct scratch *scratch;
};

/* Zeroed memory, to be given back; NULL when there is none. */
static void *
take(const struct range *range, size_t count, size_t size)
{
    struct scratch *scratch = range->scratch;
    count = MAX(count, (size_t)1);
    size_t room = sizeof(scratch->bytes) - scratch->used;
    if (count > room / size) {
        return calloc(count, size);
    }
    char *bytes = scratch->bytes + scratch->used;
    size_t align = _Alignof(max_align_t);
    scratch->used += MIN((count * size + align - 1) / align * align, room);
    return memset(bytes, 0, count * size);
}

static void
give(const struct range *range, void *memory)
{
    uintptr_t from = (uintptr_t)range->scratch->bytes;
    if ((uintptr_t)memory - from >= sizeof(range->scratch->bytes)) {
        free(memory);
    }
}

static void *
take_more(const struct range *range, void *old, size_t old_count, size_t count, size_t size)
{
    void *grown = take(range, count, size);
    if (grown != NULL && old_count > 0) {
        memcpy(grown, old, old_count * size);
    }
    if (grown != NULL) {
        give(range, old);
    }
    return grown;
}

static struct query *
query_wrap(struct catalog *catalog, const struct metric *metric, struct node *root)
{
    struct query *query = root != NULL ? calloc(1, sizeof(*query)) : NULL;
    if (query == NULL) {
        node_free(root);
        return NULL;
    }
    *query = (struct query){catalog, metric, root};
    return query;
}

struct query *
query_new(struct catalog *catalog, const char *name, const char *labels, char *why, size_t why_size)
{
    if (why_size > 0) {
        why[0] = 0;
    }
    const struct metric *metric = catalog_metric(catalog, name);
    if (metric == NULL) {
        snprintf(why, why_size, "no metric is called %s", name);
        return NULL;
    }
    return query_wrap(catalog, metric, formula_of_metric(catalog, metric, labels, why, why_size));
}

struct query *
query_new_formula(struct catalog *catalog, const char *formula, char *why, size_t why_size)
{
    if (why_size > 0) {
        why[0] = 0;
    }
    return query_wrap(catalog, NULL, formula_parse(catalog, formula, why, why_size));
}

void
query_free(struct query *query)
{
    if (query != NULL) {
        node_free(query->root);
        free(query);
    }
}

/* ---- leaves ---- */

static int
by_id(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Where a series is in a layout; SIZE_MAX. Sources append what is new, so ids mostly ascend: who
 * asks for all series one by one must not look at all columns for each. */
static size_t
series_column(const struct layout *layout, const struct series *series)
{
    size_t low = 0, high = layout->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (layout->series[middle]->id < series->id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < layout->count && layout->series[low] == series) {
        return low;
    }
    for (size_t c = 0; c < layout->count; c++) {
        if (layout->series[c] == series) {
            return c;
        }
    }
    return SIZE_MAX;
}

/* A list of the one column, or NULL and 0. */
static struct match *
match_only(const struct leaf *leaf, const struct layout *layout, size_t *ret_count)
{
    size_t column = series_column(layout, leaf->only);
    struct match *list = column != SIZE_MAX ? malloc(sizeof(*list)) : NULL;
    *ret_count = list != NULL;
    if (list != NULL) {
        *list = (struct match){leaf->only->id, (uint32_t)column};
    }
    return list;
}

/* A list of those that match, sorted by series id, or NULL and 0. */
static struct match *
match_labels(const struct leaf *leaf, const struct layout *layout, size_t *ret_count)
{
    size_t count = 0;
    struct match *list = NULL;
    for (size_t pass = 0; pass < 2; pass++) {
        count = 0;
        for (size_t c = 0; c < layout->count; c++) {
            const struct series *series = layout->series[c];
            if (series->metric == leaf->metric && labels_match(leaf->matchers, series->labels)) {
                if (list != NULL) {
                    list[count] = (struct match){series->id, (uint32_t)c};
                }
                count++;
            }
        }
        if (count == 0) {
            break;
        }
        list = list != NULL ? list : calloc(count, sizeof(*list));
        if (list == NULL) {
            count = 0;
            break;
        }
    }
    if (count > 1) {
        qsort(list, count, sizeof(*list), by_id);
    }
    *ret_count = count;
    return list;
}

/* The columns of a layout that match, sorted by series id. */
static size_t
leaf_columns(struct leaf *leaf, const struct layout *layout, const struct match **ret_list)
{
    for (size_t i = 0; i < ARRAY_SIZE(leaf->cache); i++) {
        if (leaf->cache[i].serial == layout->serial) {
            *ret_list = leaf->cache[i].list;
            return leaf->cache[i].count;
        }
    }
    size_t count;
    struct match *list = (leaf->only != NULL ? match_only : match_labels)(leaf, layout, &count);
    size_t slot = leaf->cache_next++ % ARRAY_SIZE(leaf->cache);
    free(leaf->cache[slot].list);
    leaf->cache[slot].serial = layout->serial;
    leaf->cache[slot].count = count;
    leaf->cache[slot].list = list;
    *ret_list = list;
    return count;
}

/* A run of ticks inside one chunk or the head. */
struct segment {
    const struct chunk *chunk; /* or the head */
    const struct head *head;
    const struct layout *layout;
    size_t first, count; /* ticks inside it */
};

#define SEGMENTS_MAX 4096

/* The segments of a track that cover (from, to], and one reading before `from` old enough for a
 * rate. */
struct coverage {
    struct segment *segments; /* oldest first */
    size_t segment_count;
    int64_t *times;
    size_t tick_count;
    size_t lead; /* ticks at the front that are not in the range */
};

static void
coverage_done(const struct range *range, struct coverage *coverage)
{
    give(range, coverage->segments);
    give(range, coverage->times);
}

static const int64_t *
segment_times(const struct track *track, size_t index_from_end, struct segment *ret_segment,
              int64_t scratch[CHUNK_TICKS])
{
    if (index_from_end == 0) {
        *ret_segment =
            (struct segment){NULL, track->head, track->head->layout, 0, track->head_ticks};
        return track->head->mono_ns;
    }
    const struct chunk *chunk = track->chunks->chunks[track->chunks->count - index_from_end];
    *ret_segment = (struct segment){chunk, NULL, chunk->layout, 0, chunk->ticks};
    if (!chunk_times(chunk, scratch)) {
        ret_segment->count = 0;
    }
    return scratch;
}

static void
reverse_segments(struct segment *segments, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct segment swap = segments[i];
        segments[i] = segments[count - 1 - i];
        segments[count - 1 - i] = swap;
    }
}

static void
reverse_times(int64_t *times, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        int64_t swap = times[i];
        times[i] = times[count - 1 - i];
        times[count - 1 - i] = swap;
    }
}

/* Room for one more segment and its ticks. */
static bool
coverage_grow(const struct range *range, struct coverage *c, size_t *segment_capacity,
              size_t *tick_capacity, size_t ticks)
{
    if (c->segment_count == *segment_capacity) {
        size_t capacity = *segment_capacity == 0 ? 4 : *segment_capacity * 2;
        struct segment *grown =
            take_more(range, c->segments, c->segment_count, capacity, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        c->segments = grown;
        *segment_capacity = capacity;
    }
    if (c->tick_count + ticks > *tick_capacity) {
        size_t capacity = MAX(*tick_capacity * 2, c->tick_count + ticks);
        int64_t *grown = take_more(range, c->times, c->tick_count, capacity, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        c->times = grown;
        *tick_capacity = capacity;
    }
    return true;
}

/* Collected newest first, then turned round. Before the range stand the lead's ticks: the first
 * reading of a counter makes a rate with an earlier one, and that may be some ticks back, past a
 * gap. False when there is nothing in the range. */
static bool
cover(const struct track *track, const struct range *range, int64_t lead_ns, struct coverage *ret)
{
    size_t chunk_count = track->chunks != NULL ? track->chunks->count : 0;
    size_t parts = MIN(chunk_count + 1, (size_t)SEGMENTS_MAX);
    struct coverage c = {0};
    size_t capacity = 0, segments_capacity = 0;
    int64_t first_ns = INT64_MAX;
    size_t leading = 0;
    bool enough = false;
    for (size_t i = track->head_ticks > 0 ? 0 : 1; i < parts && !enough; i++) {
        int64_t scratch[CHUNK_TICKS];
        struct segment segment;
        if (i > 0 && track->chunks->chunks[chunk_count - i]->first_ns > range->to_ns) {
            continue;
        }
        const int64_t *times = segment_times(track, i, &segment, scratch);
        size_t end = segment.count;
        while (end > 0 && times[end - 1] > range->to_ns) {
            end--;
        }
        /* Back to the start of the range, and on to a reading old enough to make a rate with the
         * first. */
        size_t start = end;
        while (start > 0 && !enough) {
            int64_t time = times[start - 1];
            if (time <= range->from_ns && first_ns == INT64_MAX) {
                enough = true;
                break;
            }
            start--;
            if (time > range->from_ns) {
                first_ns = time;
            } else {
                leading++;
                enough = first_ns - time >= lead_ns && leading >= LEAD_TICKS_MIN;
            }
        }
        if (start == end) {
            continue;
        }
        segment.first = start;
        segment.count = end - start;
        if (!coverage_grow(range, &c, &segments_capacity, &capacity, segment.count)) {
            break;
        }
        for (size_t t = 0; t < segment.count; t++) { /* newest first for now */
            c.times[c.tick_count + t] = times[end - 1 - t];
        }
        c.tick_count += segment.count;
        c.segments[c.segment_count++] = segment;
    }
    reverse_segments(c.segments, c.segment_count);
    reverse_times(c.times, c.tick_count);
    while (c.lead < c.tick_count && c.times[c.lead] <= range->from_ns) {
        c.lead++;
    }
    if (c.lead == c.tick_count) {
        coverage_done(range, &c);
        return false;
    }
    *ret = c;
    return true;
}

/* The values of one series over the coverage; NaN where a segment lacks it. */
static void
gather(const struct coverage *coverage, struct leaf *leaf, uint32_t id, double *ret_values)
{
    size_t at = 0;
    for (size_t s = 0; s < coverage->segment_count; s++) {
        const struct segment *segment = &coverage->segments[s];
        const struct match *list;
        size_t count = leaf_columns(leaf, segment->layout, &list);
        struct match key = {id, 0};
        const struct match *match =
            count > 0 ? bsearch(&key, list, count, sizeof(*list), by_id) : NULL;
        double decoded[CHUNK_TICKS];
        const double *values = NULL;
        if (match != NULL && segment->head != NULL) {
            values = segment->head->values + (size_t)match->column * CHUNK_TICKS;
        } else if (match != NULL && chunk_column(segment->chunk, match->column, decoded)) {
            values = decoded;
        }
        for (size_t i = 0; i < segment->count; i++) {
            ret_values[at++] = values != NULL ? values[segment->first + i] : NAN;
        }
    }
}

/* In place, newest first: each value becomes the rate since the newest reading at least 250 ms
 * older. */
static void
to_rates(const struct coverage *coverage, unsigned bits, double *values)
{
    size_t before = coverage->tick_count;
    for (size_t i = coverage->tick_count; i-- > 0;) {
        before = MIN(before, i);
        while (before > 0 && (coverage->times[i] - coverage->times[before] < RATE_NS_MIN ||
                              isnan(values[before]))) {
            before--;
        }
        int64_t dt = coverage->times[i] - coverage->times[before];
        values[i] =
            before < i && dt >= RATE_NS_MIN ? rate_of(values[before], values[i], dt, bits) : NAN;
        if (before == i) {
            values[i] = NAN;
        }
    }
}

static double
fold_into(enum metric_fold fold, double folded, double value)
{
    switch (fold) {
    case FOLD_MAX:
        return fmax(folded, value);
    case FOLD_MIN:
        return fmin(folded, value);
    case FOLD_SUM:
    case FOLD_MEAN:
    case FOLD_FORMULA:
    default:
        return folded + value;
    }
}

/* Folds one more vector of values in, gaps aside. */
static void
fold_values(enum metric_fold fold, double *folded, uint32_t *counts, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            folded[i] = counts[i] == 0 ? values[i] : fold_into(fold, folded[i], values[i]);
            counts[i]++;
        }
    }
}

static void
fold_finish(enum metric_fold fold, double *folded, const uint32_t *counts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (counts[i] == 0) {
            folded[i] = NAN;
        } else if (fold == FOLD_MEAN) {
            folded[i] /= counts[i];
        }
    }
}

static void
vector_done(const struct range *range, struct vector *vector)
{
    give(range, vector->times);
    give(range, vector->values);
    *vector = (struct vector){0};
}

/* The ids of all series of the coverage, ascending. */
static size_t
union_ids(const struct range *range, const struct coverage *coverage, struct leaf *leaf,
          uint32_t **ret_ids)
{
    uint32_t *ids = NULL;
    size_t count = 0, capacity = 0;
    const struct layout *seen = NULL;
    for (size_t s = coverage->segment_count; s-- > 0;) {
        const struct match *list;
        if (coverage->segments[s].layout == seen) {
            continue;
        }
        seen = coverage->segments[s].layout;
        size_t n = leaf_columns(leaf, seen, &list);
        for (size_t i = 0; i < n; i++) {
            size_t at = 0, high = count;
            while (at < high) {
                size_t middle = (at + high) / 2;
                if (ids[middle] < list[i].id) {
                    at = middle + 1;
                } else {
                    high = middle;
                }
            }
            if (at < count && ids[at] == list[i].id) {
                continue;
            }
            if (count == capacity) {
                capacity = capacity == 0 ? n : capacity * 2;
                uint32_t *grown = take_more(range, ids, count, capacity, sizeof(*ids));
                if (grown == NULL) {
                    break;
                }
                ids = grown;
            }
            assert(ids != NULL);
            memmove(&ids[at + 1], &ids[at], (count - at) * sizeof(*ids));
            ids[at] = list[i].id;
            count++;
        }
    }
    *ret_ids = ids;
    return count;
}

/* Whether there is nothing to search for. Most metrics that a view could show are of devices and
 * features that a machine lacks. */
static bool
leaf_is_absent(struct leaf *leaf, struct catalog *catalog)
{
    size_t count = catalog_series_count(catalog);
    if (leaf->counted != count) {
        leaf->counted = count;
        leaf->absent = !catalog_has_series(catalog, leaf->metric);
    }
    return leaf->absent;
}

/* The track whose newest layout has series of this leaf. */
static const struct track *
leaf_track(struct leaf *leaf, const struct picture *picture)
{
    if (leaf_is_absent(leaf, picture->catalog)) {
        return NULL;
    }
    for (size_t n = 0; n < picture->track_count; n++) {
        size_t i = (leaf->track + n) % picture->track_count;
        const struct track *track = &picture->tracks[i];
        const struct match *list;
        if (track->head != NULL && leaf_columns(leaf, track->head->layout, &list) > 0) {
            leaf->track = i;
            return track;
        }
    }
    /* Gone by now, but there may be history. */
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        for (size_t c = track->chunks != NULL ? track->chunks->count : 0; c-- > 0;) {
            const struct match *list;
            bool same = c + 1 < track->chunks->count &&
                        track->chunks->chunks[c]->layout == track->chunks->chunks[c + 1]->layout;
            if (!same && leaf_columns(leaf, track->chunks->chunks[c]->layout, &list) > 0) {
                return track;
            }
        }
    }
    return NULL;
}

static struct vector
eval_leaf(struct leaf *leaf, const struct range *range)
{
    struct vector result = {0};
    struct coverage coverage;
    const struct track *track = leaf_track(leaf, range->picture);
    if (track == NULL || !cover(track, range, RATE_NS_MIN + leaf->interval_ns, &coverage)) {
        return result;
    }
    uint32_t *ids;
    size_t id_count = union_ids(range, &coverage, leaf, &ids);
    size_t n = coverage.tick_count, out = n - coverage.lead;
    double *values = take(range, n, sizeof(*values));
    double *folded = take(range, out, sizeof(*folded));
    uint32_t *counts = take(range, out, sizeof(*counts));
    int64_t *times = take(range, out, sizeof(*times));
    if (values != NULL && folded != NULL && counts != NULL && times != NULL) {
        for (size_t i = 0; i < id_count; i++) {
            gather(&coverage, leaf, ids[i], values);
            if (leaf->metric->kind == METRIC_COUNTER) {
                to_rates(&coverage, leaf->metric->bits, values);
            }
            fold_values(leaf->metric->fold, folded, counts, values + coverage.lead, out);
        }
        fold_finish(leaf->metric->fold, folded, counts, out);
        memcpy(times, coverage.times + coverage.lead, out * sizeof(*times));
        result = (struct vector){.n = out, .times = times, .values = folded};
        times = NULL;
        folded = NULL;
    }
    give(range, times);
    give(range, folded);
    give(range, counts);
    give(range, values);
    give(range, ids);
    coverage_done(range, &coverage);
    return result;
}

/* ---- inner nodes ---- */

static struct vector eval(struct node *node, const struct range *range);

/* Brings `v` onto the times of `onto`: each time takes the newest value not older than the hold. */
static void
align(const struct range *range, struct vector *v, const struct vector *onto)
{
    if (v->scalar || onto->scalar) {
        return;
    }
    if (v->n == onto->n &&
        (v->n == 0 || memcmp(v->times, onto->times, v->n * sizeof(*v->times)) == 0)) {
        return;
    }
    struct vector held = {.n = onto->n,
                          .times = take(range, onto->n, sizeof(*held.times)),
                          .values = take(range, onto->n, sizeof(*held.values))};
    if (held.times == NULL || held.values == NULL) {
        vector_done(range, &held);
        vector_done(range, v);
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < onto->n; i++) {
        while (at < v->n && v->times[at] <= onto->times[i]) {
            at++;
        }
        held.times[i] = onto->times[i];
        bool fresh = at > 0 && onto->times[i] - v->times[at - 1] <= HOLD_NS_MIN;
        held.values[i] = fresh ? v->values[at - 1] : NAN;
    }
    vector_done(range, v);
    *v = held;
}

static double
apply(enum node_type type, double a, double b)
{
    switch (type) {
    case NODE_ADD:
        return a + b;
    case NODE_SUB:
        return a - b;
    case NODE_MUL:
        return a * b;
    case NODE_DIV:
        return b == 0 ? NAN : a / b;
    case NODE_MIN:
        return isnan(a) || isnan(b) ? NAN : fmin(a, b);
    case NODE_MAX:
        return isnan(a) || isnan(b) ? NAN : fmax(a, b);
    case NODE_OR:
        return isnan(a) ? b : a;
    case NODE_NUMBER:
    case NODE_LEAF:
    case NODE_GROUPS:
    default:
        return NAN;
    }
}

static struct vector
eval_pair(struct node *node, const struct range *range)
{
    struct vector a = eval(node->a, range), b = eval(node->b, range);
    if (node->type == NODE_OR && !a.scalar && a.n == 0) {
        vector_done(range, &a);
        return b;
    }
    if (a.scalar && b.scalar) {
        return (struct vector){.scalar = true, .number = apply(node->type, a.number, b.number)};
    }
    if (a.scalar) {
        for (size_t i = 0; i < b.n; i++) {
            b.values[i] = apply(node->type, a.number, b.values[i]);
        }
        return b;
    }
    bool missing = !b.scalar && b.n == 0 && node->type != NODE_OR;
    align(range, &b, &a);
    for (size_t i = 0; i < a.n; i++) {
        double right = b.scalar ? b.number : i < b.n ? b.values[i] : NAN;
        a.values[i] = apply(node->type, a.values[i], right);
    }
    vector_done(range, &b);
    if (missing) {
        vector_done(range, &a);
    }
    return a;
}

static struct leaf *
first_leaf(struct node *node, struct str key)
{
    if (node == NULL) {
        return NULL;
    }
    if (node->leaf != NULL && has_word(node->leaf->metric->labels, key)) {
        return node->leaf;
    }
    if (node->groups != NULL) {
        return first_leaf(node->groups->probe, key);
    }
    struct leaf *leaf = first_leaf(node->a, key);
    return leaf != NULL ? leaf : first_leaf(node->b, key);
}

/* The open labels of a series, as a label text; false when it lacks one. */
static bool
open_labels(const struct groups *groups, const char *labels, char *ret, size_t size)
{
    struct str rest = str_from(groups->metric->labels), key, value;
    ret[0] = 0;
    while (str_word(&rest, &key)) {
        char name[48], plain[LABEL_BYTES];
        if (!labels_get(labels, str_copy(key, name, sizeof(name)), &value)) {
            return false;
        }
        labels_unescape(value, plain, sizeof(plain));
        labels_add(ret, size, name, str_from(plain));
    }
    return true;
}

static void
groups_refresh(struct groups *groups, const struct range *range)
{
    struct str keys = str_from(groups->metric->labels), key;
    if (!str_word(&keys, &key)) {
        return;
    }
    struct leaf *leaf = first_leaf(groups->probe, key);
    const struct track *track = leaf != NULL ? leaf_track(leaf, range->picture) : NULL;
    const struct layout *layout = track == NULL         ? NULL
                                  : track->head != NULL ? track->head->layout
                                  : track->chunks != NULL && track->chunks->count > 0
                                      ? track->chunks->chunks[track->chunks->count - 1]->layout
                                      : NULL;
    if (layout == NULL || layout->serial == groups->signature) {
        return;
    }
    for (size_t i = 0; i < groups->count; i++) {
        node_free(groups->children[i]);
    }
    free(groups->children);
    groups->children = NULL;
    groups->count = 0;
    groups->signature = layout->serial;
    const struct match *list;
    size_t n = leaf_columns(leaf, layout, &list);
    char(*seen)[LABEL_BYTES] = n > 0 ? calloc(MIN(n, (size_t)GROUPS_MAX), LABEL_BYTES) : NULL;
    groups->children = n > 0 ? calloc(MIN(n, (size_t)GROUPS_MAX), sizeof(*groups->children)) : NULL;
    size_t seen_count = 0;
    for (size_t i = 0; seen != NULL && groups->children != NULL && i < n; i++) {
        char labels[LABEL_BYTES];
        bool there =
            !open_labels(groups, layout->series[list[i].column]->labels, labels, sizeof(labels));
        for (size_t j = 0; !there && j < seen_count; j++) {
            there = strcmp(seen[j], labels) == 0;
        }
        if (there || seen_count == GROUPS_MAX || !labels_match(groups->matchers, labels)) {
            continue;
        }
        memcpy(seen[seen_count++], labels, LABEL_BYTES);
        struct node *child = formula_of_group(range->catalog, groups, labels);
        if (child != NULL) {
            groups->children[groups->count++] = child;
        }
    }
    free(seen);
}

static struct vector
eval_groups(struct groups *groups, const struct range *range)
{
    groups_refresh(groups, range);
    struct vector result = {0};
    uint32_t *counts = NULL;
    for (size_t i = 0; i < groups->count; i++) {
        struct vector child = eval(groups->children[i], range);
        if (child.scalar || child.n == 0) {
            vector_done(range, &child);
            continue;
        }
        if (counts == NULL) {
            counts = take(range, child.n, sizeof(*counts));
            if (counts == NULL) {
                vector_done(range, &child);
                break;
            }
            result = child;
            for (size_t t = 0; t < child.n; t++) {
                counts[t] = !isnan(child.values[t]);
            }
            continue;
        }
        align(range, &child, &result);
        fold_values(groups->metric->fold, result.values, counts, child.values, child.n);
        vector_done(range, &child);
    }
    if (counts != NULL) {
        fold_finish(groups->metric->fold, result.values, counts, result.n);
    }
    give(range, counts);
    return result;
}

static struct vector
eval(struct node *node, const struct range *range)
{
    switch (node->type) {
    case NODE_NUMBER:
        return (struct vector){.scalar = true, .number = node->number};
    case NODE_LEAF:
        return eval_leaf(node->leaf, range);
    case NODE_GROUPS:
        return eval_groups(node->groups, range);
    case NODE_ADD:
    case NODE_SUB:
    case NODE_MUL:
    case NODE_DIV:
    case NODE_MIN:
    case NODE_MAX:
    case NODE_OR:
    default:
        return eval_pair(node, range);
    }
}

/* ---- asking ---- */

/* The first leaf's track says how often there are readings. */
static struct leaf *
any_leaf(struct node *node)
{
    if (node == NULL) {
        return NULL;
    }
    if (node->leaf != NULL) {
        return node->leaf;
    }
    if (node->groups != NULL) {
        return any_leaf(node->groups->probe);
    }
    struct leaf *leaf = any_leaf(node->a);
    return leaf != NULL ? leaf : any_leaf(node->b);
}

/* Between its newest readings; of the first one, a while: how often it is read is not known yet. */
static int64_t
track_spacing(const struct track *track)
{
    if (track->head_ticks >= 2) {
        return track->head->mono_ns[track->head_ticks - 1] -
               track->head->mono_ns[track->head_ticks - 2];
    }
    if (track->chunks != NULL && track->chunks->count > 0) {
        const struct chunk *chunk = track->chunks->chunks[track->chunks->count - 1];
        if (chunk->ticks >= 2) {
            return (chunk->last_ns - chunk->first_ns) / (int64_t)(chunk->ticks - 1);
        }
        return track->head_ticks == 1 ? track->head->mono_ns[0] - chunk->last_ns : 0;
    }
    return track->head_ticks == 1 ? FIRST_SPACING_NS : 0;
}

double
query_now(struct query *query, const struct picture *picture)
{
    struct leaf *leaf = any_leaf(query->root);
    const struct track *track = leaf != NULL ? leaf_track(leaf, picture) : NULL;
    int64_t interval = track != NULL ? MAX(track_spacing(track), picture->interval_ns) : 0;
    if (leaf != NULL) { /* kept less often than read */
        interval = MAX(interval, leaf->interval_ns);
    }
    struct scratch scratch;
    scratch.used = 0;
    struct range range = {picture, query->catalog,
                          picture->mono_ns - 3 * MAX(interval, RATE_NS_MIN), picture->mono_ns,
                          &scratch};
    struct vector vector = eval(query->root, &range);
    double value = vector.scalar ? vector.number : NAN;
    for (size_t i = vector.n; i-- > 0 && isnan(value);) {
        value = vector.values[i];
    }
    vector_done(&range, &vector);
    return value;
}

size_t
query_points(struct query *query, const struct picture *picture, int64_t from_ns, int64_t to_ns,
             struct point *ret_points, size_t max)
{
    struct scratch scratch;
    scratch.used = 0;
    struct range range = {picture, query->catalog, from_ns, MIN(to_ns, picture->mono_ns), &scratch};
    if (range.to_ns <= range.from_ns) {
        return 0;
    }
    struct vector vector = eval(query->root, &range);
    size_t skip = vector.n > max ? vector.n - max : 0;
    for (size_t i = skip; i < vector.n; i++) {
        ret_points[i - skip] = (struct point){vector.times[i], vector.values[i]};
    }
    size_t count = vector.n - skip;
    vector_done(&range, &vector);
    return count;
}

double
query_once(const struct picture *picture, const char *metric, const char *labels)
{
    char why[160];
    struct query *query = query_new(picture->catalog, metric, labels, why, sizeof(why));
    double value = query != NULL ? query_now(query, picture) : NAN;
    query_free(query);
    return value;
}

double
query_series(const struct picture *picture, const struct series *series)
{
    char why[160];
    struct query *query = query_new(picture->catalog, series->metric->name, NULL, why, sizeof(why));
    if (query == NULL || query->root->type != NODE_LEAF) {
        query_free(query);
        return NAN;
    }
    query->root->leaf->only = series;
    double value = query_now(query, picture);
    query_free(query);
    return value;
}

size_t
query_label_values(const struct picture *picture, const char *metric, const char *label,
                   struct arena *arena, const char **ret_values, size_t max)
{
    char why[160];
    struct query *query = query_new(picture->catalog, metric, NULL, why, sizeof(why));
    struct leaf *leaf = query != NULL ? first_leaf(query->root, str_from(label)) : NULL;
    const struct track *track = leaf != NULL ? leaf_track(leaf, picture) : NULL;
    size_t count = 0;
    if (track != NULL && track->head != NULL) {
        const struct layout *layout = track->head->layout;
        for (size_t c = 0; c < layout->count && count < max; c++) {
            const struct series *series = layout->series[c];
            struct str value;
            if (series->metric != leaf->metric || !labels_match(leaf->matchers, series->labels) ||
                !labels_get(series->labels, label, &value)) {
                continue;
            }
            char plain[LABEL_BYTES];
            labels_unescape(value, plain, sizeof(plain));
            bool there = false;
            for (size_t i = 0; i < count && !there; i++) {
                there = strcmp(ret_values[i], plain) == 0;
            }
            if (!there) {
                ret_values[count++] = arena_text(arena, plain, strlen(plain));
            }
        }
    }
    query_free(query);
    return count;
}
