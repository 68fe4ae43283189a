/* Vectors of points, and the memory of the one question that they are made for. */
#ifndef FLAMETOP_CORE_VECTOR_H
#define FLAMETOP_CORE_VECTOR_H

#include "flametop/core/picture.h"

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

/* What is asked for. */
struct range {
    const struct picture *picture;
    struct catalog *catalog;
    int64_t from_ns, to_ns; /* (from, to] */
    struct scratch *scratch;
};

/* Zeroed memory, to be given back; NULL when there is none. */
void *range_take(const struct range *range, size_t count, size_t size);
void range_give(const struct range *range, void *memory);

/* The same with more room, in place of `old`; NULL when there is none: then `old` stays. */
void *range_more(const struct range *range, void *old, size_t old_count, size_t count, size_t size);

void vector_done(const struct range *range, struct vector *vector);

/* Brings `v` onto the times of `onto`: each time takes the newest value not older than the hold. */
void vector_align(const struct range *range, struct vector *v, const struct vector *onto);

/* Folds one more vector of values in, gaps aside; when all are, what was never folded is NaN. */
void fold_values(enum metric_fold fold, double *folded, uint32_t *counts, const double *values,
                 size_t n);
void fold_finish(enum metric_fold fold, double *folded, const uint32_t *counts, size_t n);

#endif
