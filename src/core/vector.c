/* Vectors of points. */
#include "vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

#define HOLD_NS_MIN (15 * NS_PER_S)

void *
range_take(const struct range *range, size_t count, size_t size)
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

void
range_give(const struct range *range, void *memory)
{
    uintptr_t from = (uintptr_t)range->scratch->bytes;
    if ((uintptr_t)memory - from >= sizeof(range->scratch->bytes)) {
        free(memory);
    }
}

void *
range_more(const struct range *range, void *old, size_t old_count, size_t count, size_t size)
{
    void *grown = range_take(range, count, size);
    if (grown != NULL && old_count > 0) {
        memcpy(grown, old, old_count * size);
    }
    if (grown != NULL) {
        range_give(range, old);
    }
    return grown;
}

void
vector_done(const struct range *range, struct vector *vector)
{
    range_give(range, vector->times);
    range_give(range, vector->values);
    *vector = (struct vector){0};
}

void
vector_align(const struct range *range, struct vector *v, const struct vector *onto)
{
    if (v->scalar || onto->scalar) {
        return;
    }
    if (v->n == onto->n &&
        (v->n == 0 || memcmp(v->times, onto->times, v->n * sizeof(*v->times)) == 0)) {
        return;
    }
    struct vector held = {.n = onto->n,
                          .times = range_take(range, onto->n, sizeof(*held.times)),
                          .values = range_take(range, onto->n, sizeof(*held.values))};
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

void
fold_values(enum metric_fold fold, double *folded, uint32_t *counts, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            folded[i] = counts[i] == 0 ? values[i] : fold_into(fold, folded[i], values[i]);
            counts[i]++;
        }
    }
}

void
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
