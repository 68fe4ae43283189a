/* Two walks over the list: the first finds the scale, the second counts into cells that replace
 * what is shown when they are whole. */
#include "flametop/trace/heat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define PORTION 512     /* traces between two looks at the clock */
#define SPANS_AS_ONE 16 /* a condition may look at each of them */
#define LOW_NS NS_PER_MS
#define HIGH_NS (10 * NS_PER_S) /* the scale without any trace */

struct cells {
    struct trace_heat_options options;
    double *counts, *errors;
    int64_t *edges_ns;
    double max, total;
};

struct trace_heat_work {
    struct traces *asked, *traces; /* references; traces NULL: nothing is being made */
    struct trace_heat_options wish;
    bool wanted, scaled;
    struct traces_cursor cursor;
    int64_t shortest_ns, longest_ns;
    struct cells making, shown;
};

static void
cells_done(struct cells *cells)
{
    free(cells->counts);
    free(cells->errors);
    free(cells->edges_ns);
    *cells = (struct cells){0};
}

struct trace_heat *
trace_heat_new(void)
{
    struct trace_heat *heat = calloc(1, sizeof(*heat));
    struct trace_heat_work *work = calloc(1, sizeof(*work));
    if (heat == NULL || work == NULL) {
        free(heat);
        free(work);
        return NULL;
    }
    heat->work = work;
    return heat;
}

static void
drop_making(struct trace_heat_work *work)
{
    cells_done(&work->making);
    traces_release(work->traces);
    work->traces = NULL;
}

void
trace_heat_free(struct trace_heat *heat)
{
    if (heat == NULL) {
        return;
    }
    drop_making(heat->work);
    cells_done(&heat->work->shown);
    traces_release(heat->work->asked);
    free(heat->work);
    free(heat);
}

/* ---- asking ---- */

static bool
is_same(const struct trace_heat_options *a, const struct trace_heat_options *b)
{
    return a->from_ns == b->from_ns && a->bucket_ns == b->bucket_ns && a->columns == b->columns &&
           a->rows == b->rows && a->low_ns == b->low_ns && a->high_ns == b->high_ns &&
           a->scope.low_ns == b->scope.low_ns && a->scope.high_ns == b->scope.high_ns &&
           trace_scope_agrees(&a->scope, &b->scope);
}

void
trace_heat_ask(struct trace_heat *heat, struct traces *traces,
               const struct trace_heat_options *options)
{
    struct trace_heat_work *work = heat->work;
    bool drawable = options->columns > 0 && options->rows > 0 && options->bucket_ns > 0 &&
                    options->columns <= TRACE_HEAT_CELLS_MAX / options->rows;
    bool same = work->asked != NULL && work->asked->number == traces->number &&
                is_same(&work->wish, options);
    if (!drawable || same) {
        return;
    }
    if (!trace_scope_agrees(&work->making.options.scope, &options->scope)) {
        drop_making(work);
    }
    struct traces *held = traces_acquire(traces);
    traces_release(work->asked);
    work->asked = held;
    work->wish = *options;
    work->wanted = true;
}

static void
begin(struct trace_heat_work *work)
{
    size_t cells = (size_t)work->wish.columns * (size_t)work->wish.rows;
    work->wanted = false;
    work->making = (struct cells){
        .options = work->wish,
        .counts = calloc(cells, sizeof(double)),
        .errors = calloc(cells, sizeof(double)),
        .edges_ns = calloc((size_t)work->wish.rows + 1, sizeof(int64_t)),
    };
    work->making.options.scope.from_ns = work->wish.from_ns;
    work->making.options.scope.to_ns =
        work->wish.from_ns + work->wish.columns * work->wish.bucket_ns;
    if (work->making.counts == NULL || work->making.errors == NULL ||
        work->making.edges_ns == NULL) {
        cells_done(&work->making); /* what is shown stays */
        return;
    }
    work->traces = traces_acquire(work->asked);
    work->cursor = (struct traces_cursor){0};
    work->scaled = false;
    work->shortest_ns = INT64_MAX;
    work->longest_ns = 0;
}

/* ---- the scale ---- */

/* The power of ten that is not above. */
static int64_t
decade_of(int64_t ns)
{
    int64_t decade = 1;
    while (decade <= ns / 10) {
        decade *= 10;
    }
    return decade;
}

/* Whole decades around what there is, so that they do not move with each request. */
static void
choose_scale(struct trace_heat_work *work)
{
    struct trace_heat_options *options = &work->making.options;
    if (options->high_ns <= options->low_ns || options->low_ns <= 0) {
        bool any = work->longest_ns > 0;
        options->low_ns = any ? decade_of(MAX(work->shortest_ns, INT64_C(1))) : LOW_NS;
        int64_t high_ns = any ? decade_of(work->longest_ns) : HIGH_NS;
        bool above = any && (high_ns < work->longest_ns || high_ns == options->low_ns);
        options->high_ns = above && high_ns <= INT64_MAX / 10 ? high_ns * 10 : high_ns;
    }
    double low = (double)options->low_ns, high = (double)options->high_ns;
    for (int row = 0; row <= options->rows; row++) {
        double edge = low * pow(high / low, (double)row / options->rows);
        work->making.edges_ns[row] = row == options->rows ? options->high_ns : llround(edge);
    }
}

/* ---- counting ---- */

static int
row_of(const int64_t *edges_ns, int rows, int64_t duration_ns)
{
    int low = 0, high = rows - 1; /* the answer is in between */
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (edges_ns[middle] <= duration_ns) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static void
count(struct cells *cells, const struct trace *trace)
{
    const struct trace_heat_options *options = &cells->options;
    double weight = (double)trace_weight(trace) / TRACE_WEIGHT_ONE;
    int64_t column = (trace->mono_ns - options->from_ns) / options->bucket_ns;
    int row = row_of(cells->edges_ns, options->rows, trace->duration_ns);
    size_t at = (size_t)(row * options->columns + column);
    cells->counts[at] += weight;
    cells->errors[at] += (trace->flags & TRACE_ERROR) != 0 ? weight : 0;
    cells->total += weight;
    cells->max = MAX(cells->max, cells->counts[at]);
}

static void
look_at(struct trace_heat_work *work, const struct trace *trace)
{
    if (!trace_scope_has(&work->making.options.scope, trace)) {
        return;
    }
    if (work->scaled) {
        count(&work->making, trace);
        return;
    }
    work->shortest_ns = MIN(work->shortest_ns, trace->duration_ns);
    work->longest_ns = MAX(work->longest_ns, trace->duration_ns);
}

static void
show(struct trace_heat *heat, struct trace_heat_work *work)
{
    cells_done(&work->shown);
    work->shown = work->making;
    work->making = (struct cells){0};
    heat->options = work->shown.options;
    heat->counts = work->shown.counts;
    heat->errors = work->shown.errors;
    heat->edges_ns = work->shown.edges_ns;
    heat->max = work->shown.max;
    heat->total = work->shown.total;
    heat->number = work->traces->number;
    traces_release(work->traces);
    work->traces = NULL;
}

/* Some of the list; at its end on to the next walk, or to the screen. */
static void
step(struct trace_heat *heat, struct trace_heat_work *work)
{
    for (unsigned i = 0; i < PORTION;) {
        const struct trace *trace = traces_next(work->traces, &work->cursor);
        if (trace == NULL && work->scaled) {
            show(heat, work);
            return;
        }
        if (trace == NULL) {
            choose_scale(work);
            work->scaled = true;
            work->cursor = (struct traces_cursor){0};
            return;
        }
        i += 1 + trace->span_count / SPANS_AS_ONE;
        look_at(work, trace);
    }
}

bool
trace_heat_step(struct trace_heat *heat, int64_t until_ns)
{
    struct trace_heat_work *work = heat->work;
    while (work->traces != NULL || work->wanted) {
        if (work->traces == NULL) {
            begin(work);
        } else {
            step(heat, work);
        }
        if (clock_mono_ns() >= until_ns) {
            break;
        }
    }
    return work->traces == NULL && !work->wanted;
}

struct trace_scope
trace_heat_scope(const struct trace_heat *heat, int column, int row, int other_column,
                 int other_row)
{
    const struct trace_heat_options *options = &heat->options;
    int left = CLAMP(MIN(column, other_column), 0, options->columns - 1);
    int right = CLAMP(MAX(column, other_column), 0, options->columns - 1);
    int low = CLAMP(MIN(row, other_row), 0, options->rows - 1);
    int high = CLAMP(MAX(row, other_row), 0, options->rows - 1);
    struct trace_scope scope = options->scope;
    scope.from_ns = options->from_ns + left * options->bucket_ns;
    scope.to_ns = options->from_ns + (right + 1) * options->bucket_ns;
    scope.low_ns = low == 0 ? scope.low_ns : MAX(scope.low_ns, heat->edges_ns[low]);
    int64_t above_ns = high == options->rows - 1 ? 0 : heat->edges_ns[high + 1];
    bool lower = above_ns != 0 && (scope.high_ns == 0 || above_ns < scope.high_ns);
    scope.high_ns = lower ? above_ns : scope.high_ns;
    return scope;
}
