/* The store of one source. */
#include "store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void
store_init(struct store *store)
{
    *store = (struct store){0};
}

void
store_done(struct store *store)
{
    history_done(&store->history);
    for (size_t i = 0; i < store->keep_count; i++) {
        keep_free(store->keeps[i]);
    }
    free(store->column_of);
    free(store->last_tick);
    free(store->interval_ns);
    free(store->kept_ns);
    store_init(store);
}

static bool
grow_columns(struct store *store, const struct batch *batch)
{
    size_t count = batch->column_count;
    if (count <= store->column_count) {
        return true;
    }
    int *column_of = reallocarray(store->column_of, count, sizeof(*column_of));
    store->column_of = column_of != NULL ? column_of : store->column_of;
    uint64_t *last_tick = reallocarray(store->last_tick, count, sizeof(*last_tick));
    store->last_tick = last_tick != NULL ? last_tick : store->last_tick;
    int64_t *interval_ns = reallocarray(store->interval_ns, count, sizeof(*interval_ns));
    store->interval_ns = interval_ns != NULL ? interval_ns : store->interval_ns;
    int64_t *kept_ns = reallocarray(store->kept_ns, count, sizeof(*kept_ns));
    store->kept_ns = kept_ns != NULL ? kept_ns : store->kept_ns;
    if (column_of == NULL || last_tick == NULL || interval_ns == NULL || kept_ns == NULL) {
        return false;
    }
    for (size_t i = store->column_count; i < count; i++) {
        column_of[i] = -1;
        last_tick[i] = 0;
        interval_ns[i] = catalog_settings(batch->catalog, batch->columns[i]->metric).interval_ns;
        kept_ns[i] = INT64_MIN / 2;
    }
    store->column_count = count;
    return true;
}

/* A layout of the columns that have had a value within the last head. */
static bool
new_layout(struct store *store, const struct batch *batch)
{
    const struct series **series = calloc(batch->column_count + 1, sizeof(*series));
    if (series == NULL) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < batch->column_count; i++) {
        bool alive = store->last_tick[i] != 0 && store->tick - store->last_tick[i] < CHUNK_TICKS;
        store->column_of[i] = alive ? (int)n : -1;
        if (alive) {
            series[n++] = batch->columns[i];
        }
    }
    struct layout *layout = layout_new(series, n);
    free(series);
    if (layout == NULL) {
        return false;
    }
    history_set_layout(&store->history, layout);
    layout_release(layout);
    return true;
}

/* Notes which columns have values; true when a new layout is needed: a column appeared, or a
 * new head is due anyway and some have gone silent. */
static bool
layout_is_stale(struct store *store, const struct batch *batch)
{
    bool due = history_is_due(&store->history, batch->at);
    bool stale = store->history.layout == NULL;
    for (size_t i = 0; i < batch->column_count; i++) {
        if (!isnan(batch->values[i])) {
            store->last_tick[i] = store->tick;
            stale |= store->column_of[i] < 0;
        } else if (due && store->column_of[i] >= 0) {
            stale |= store->tick - store->last_tick[i] >= CHUNK_TICKS;
        }
    }
    return stale;
}

static struct head *
begin(struct store *store, const struct batch *batch)
{
    if (!grow_columns(store, batch)) {
        return NULL;
    }
    store->tick++;
    if (layout_is_stale(store, batch) && !new_layout(store, batch)) {
        return NULL;
    }
    return history_begin(&store->history, batch->at);
}

static void
keep_tables(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct table *table = batch->tables[i];
        struct keep *keep = NULL;
        for (size_t k = 0; k < store->keep_count && keep == NULL; k++) {
            keep = keep_def(store->keeps[k]) == table->def ? store->keeps[k] : NULL;
        }
        if (keep == NULL && table->def->kept_rows > 0 && store->keep_count < BATCH_TABLES_MAX) {
            keep = keep_new(table->def);
            if (keep != NULL) {
                store->keeps[store->keep_count++] = keep;
            }
        }
        if (keep != NULL) {
            keep_add(keep, table, batch->at);
        }
    }
}

/* The reading of a column, or a gap while one of a metric with an interval of its own is not due.
 * Ticks come a little early or late: half of the shortest interval is forgiven. */
static double
due_value(struct store *store, const struct batch *batch, size_t column)
{
    double value = batch->values[column];
    if (store->interval_ns[column] == 0 || isnan(value)) {
        return value;
    }
    if (batch->at.mono_ns - store->kept_ns[column] < store->interval_ns[column] - 50 * NS_PER_MS) {
        return NAN;
    }
    store->kept_ns[column] = batch->at.mono_ns;
    return value;
}

void
store_add(struct store *store, const struct batch *batch)
{
    keep_tables(store, batch);
    if (batch->at.mono_ns <= history_newest(&store->history)) {
        return;
    }
    struct head *head = batch->column_count > 0 ? begin(store, batch) : NULL;
    size_t tick = store->history.head_ticks;
    if (head == NULL) {
        return;
    }
    for (size_t i = 0; i < batch->column_count; i++) {
        if (store->column_of[i] >= 0) {
            head->values[(size_t)store->column_of[i] * CHUNK_TICKS + tick] =
                due_value(store, batch, i);
        }
    }
    history_commit(&store->history, batch->at);
}

void
store_view(const struct store *store, struct track *ret_track)
{
    const struct history *history = &store->history;
    ret_track->chunks = chunk_list_acquire(history->chunks);
    ret_track->head = history->head != NULL ? head_acquire(history->head) : NULL;
    ret_track->head_ticks = history->head_ticks;
}

struct history *
store_history(struct store *store, size_t index)
{
    return index == 0                   ? &store->history
           : index <= store->keep_count ? keep_history(store->keeps[index - 1])
                                        : NULL;
}
