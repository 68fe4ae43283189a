/* Leaves: stored series that a condition names. */
#include "leaf.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "flametop/base/macros.h"
#include "flametop/core/rate.h"

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

/* The place for one more layout, or that of the oldest; NULL: out of memory. */
static struct columns *
cache_place(struct leaf *leaf)
{
    size_t count = leaf->cache_count;
    if (count == LEAF_LAYOUTS) {
        struct columns *oldest = &leaf->cache[leaf->cache_next++ % LEAF_LAYOUTS];
        free(oldest->list);
        return oldest;
    }
    if ((count & (count - 1)) == 0) { /* full: it doubles */
        size_t capacity = MIN(MAX(count * 2, (size_t)1), (size_t)LEAF_LAYOUTS);
        struct columns *grown = reallocarray(leaf->cache, capacity, sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        leaf->cache = grown;
    }
    leaf->cache_count++;
    return &leaf->cache[count];
}

size_t
leaf_columns(struct leaf *leaf, const struct layout *layout, const struct match **ret_list)
{
    for (size_t i = 0; i < leaf->cache_count; i++) {
        if (leaf->cache[i].serial == layout->serial) {
            *ret_list = leaf->cache[i].list;
            return leaf->cache[i].count;
        }
    }
    struct columns *place = cache_place(leaf);
    *ret_list = NULL;
    if (place == NULL) {
        return 0;
    }
    size_t count;
    place->serial = layout->serial;
    place->list = (leaf->only != NULL ? match_only : match_labels)(leaf, layout, &count);
    place->count = count;
    *ret_list = place->list;
    return count;
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
                uint32_t *grown = range_more(range, ids, count, capacity, sizeof(*ids));
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

const struct track *
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

struct vector
leaf_eval(struct leaf *leaf, const struct range *range)
{
    struct vector result = {0};
    struct coverage coverage;
    const struct track *track = leaf_track(leaf, range->picture);
    if (track == NULL || !coverage_find(track, range, RATE_NS_MIN + leaf->interval_ns, &coverage)) {
        return result;
    }
    uint32_t *ids;
    size_t id_count = union_ids(range, &coverage, leaf, &ids);
    size_t n = coverage.tick_count, out = n - coverage.lead;
    double *values = range_take(range, n, sizeof(*values));
    double *folded = range_take(range, out, sizeof(*folded));
    uint32_t *counts = range_take(range, out, sizeof(*counts));
    int64_t *times = range_take(range, out, sizeof(*times));
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
    range_give(range, times);
    range_give(range, folded);
    range_give(range, counts);
    range_give(range, values);
    range_give(range, ids);
    coverage_done(range, &coverage);
    return result;
}
