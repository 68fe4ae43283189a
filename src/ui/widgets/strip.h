/* A strip: buckets of time side by side, and how many columns each takes.
 *
 * Charts of a whole screen share one span, whatever their width: the bucket's length follows from
 * the span and the columns, but is not below 4 s, so that each refresh changes the newest columns
 * only. Who looks closer, at one chart alone, sees shorter ones. */
#ifndef FLAMETOP_UI_STRIP_H
#define FLAMETOP_UI_STRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/macros.h"
#include "flametop/core/chart.h"

#define STRIP_BUCKET_NS_MIN (4 * NS_PER_S)
#define SPAN_TEXT 40

struct strip {
    const struct bucket *ring; /* `count` buckets, the oldest at `first`; NULL: none */
    size_t count, first;
    int repeat;  /* columns a bucket; below 1 counts as 1 */
    size_t skip; /* newest buckets left out: a look back */
    size_t hold; /* gaps of up to this many buckets are none: strip_hold */
    bool half;   /* the newest bucket ends in the left one of two columns of a cell: the right one
                    stays free until the next comes, so that a chart moves by whole cells */
};

/* How many buckets of what length show span_ns in `columns` columns, and how many columns each
 * takes. None is shorter than bucket_min_ns. */
struct strip_plan {
    size_t count;
    int64_t bucket_ns;
    int repeat;
};

struct strip_plan strip_plan(int columns, int64_t span_ns, int64_t bucket_min_ns);

/* The strip of a chart that was updated with this plan. */
struct strip strip_of(const struct chart *chart, const struct strip_plan *plan);

/* How far apart readings usually are (nine of ten are no further), in buckets, 0 for side by side:
 * where a source is read less often than a bucket is long, a reading stands for the buckets after
 * it as well. */
size_t strip_hold(const struct strip *strip);

/* The bucket of column x of `columns`, the newest at the right end; NULL for a gap or nothing. */
const struct bucket *strip_at(const struct strip *strip, int columns, int x);

/* A round number not below the value: 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten. 1 for what is
 * not above zero. */
double nice_top(double value);

/* "10 min", "6 h", "90 s": a span, for the edge of a box. Answers dst. */
char *span_text(int64_t span_ns, char dst[SPAN_TEXT]);

#endif
