/* Latency over time: how many requests began when and took how long, on a log scale.
 *
 * Buckets of time are given by the caller (aligned as charts are); rows are steps of one factor
 * from low to high, the outermost hold what lies beyond. Cells and selections use the same
 * boundaries, so a rectangle's requests are exactly those its cells count. */
#ifndef FLAMETOP_TRACE_HEAT_H
#define FLAMETOP_TRACE_HEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/trace/select.h"

#define TRACE_HEAT_CELLS_MAX 100000

struct trace_heat_options {
    int64_t from_ns, bucket_ns; /* the first column begins at from_ns (mono_ns) */
    int columns, rows;
    int64_t low_ns, high_ns;  /* of the scale; both 0: decades around what there is */
    struct trace_scope scope; /* its span of time is not looked at */
};

struct trace_heat {
    struct trace_heat_options options; /* low and high as they are */
    const double *counts;              /* [row * columns + column], row 0 the fastest */
    const double *errors;              /* the same, of those that failed */
    const int64_t *edges_ns;           /* row r: edges[r] <= duration < edges[r + 1] */
    double max, total;                 /* of counts */
    uint64_t number;                   /* of the list they are of; 0: none yet */
    struct trace_heat_work *work;
};

struct trace_heat *trace_heat_new(void); /* NULL when out of memory */
void trace_heat_free(struct trace_heat *heat);

/* As trace_groups_ask and trace_groups_step (trace/group.h). */
void trace_heat_ask(struct trace_heat *heat, struct traces *traces,
                    const struct trace_heat_options *options);
bool trace_heat_step(struct trace_heat *heat, int64_t until_ns);

/* The requests of a rectangle of cells, corners in any order; when there are cells (number > 0). */
struct trace_scope trace_heat_scope(const struct trace_heat *heat, int column, int row,
                                    int other_column, int other_row);

#endif
