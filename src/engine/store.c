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
    layout_release(store->layout);
    head_release(store->head);
    chunk_list_release(store->chunks);
    for (size_t i = 0; i < store->keep_count; i++) {
        keep_free(store->keeps[i]);
    }
    free(store->column_of);
    free(store->last_tick);
    free(store->interval_ns);
    free(store->kept_ns);
    store_init(store);
}

/* The list with a chunk more at the end, or `skip` fewer at the front. Pictures keep the list they
 * have. */
static void
replace_list(struct store *store, size_t skip, struct chunk *added)
{
    size_t count = store->chunks != NULL ? store->chunks->count : 0;
    struct chunk **chunks = calloc(count + 1, sizeof(*chunks));
    if (chunks == NULL) {
        return;
    }
    size_t n = 0;
    for (size_t i = skip; i < count; i++) {
        chunks[n++] = store->chunks->chunks[i];
    }
    if (added != NULL) {
        chunks[n++] = added;
    }
    struct chunk_list *list = chunk_list_new(chunks, n);
    free(chunks);
    if (list != NULL) {
        chunk_list_release(store->chunks);
        store->chunks = list;
    }
}

static void
seal(struct store *store)
{
    struct chunk *chunk = store->head_ticks > 0 ? chunk_seal(store->head, store->head_ticks) : NULL;
    if (chunk != NULL) {
        replace_list(store, 0, chunk);
        store->memory += chunk_memory(chunk);
        chunk_release(chunk);
    }
    head_release(store->head);
    store->head = NULL;
    store->head_ticks = 0;
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
    layout_release(store->layout);
    store->layout = layout;
    return true;
}

/* Notes which columns have values; true when a new layout is needed: a column appeared, or the head
 * is full and some have gone silent. */
static bool
layout_is_stale(struct store *store, const struct batch *batch)
{
    bool stale = store->layout == NULL;
    for (size_t i = 0; i < batch->column_count; i++) {
        if (!isnan(batch->values[i])) {
            store->last_tick[i] = store->tick;
            stale |= store->column_of[i] < 0;
        } else if (store->head_ticks == CHUNK_TICKS && store->column_of[i] >= 0) {
            stale |= store->tick - store->last_tick[i] >= CHUNK_TICKS;
        }
    }
    return stale;
}

static bool
ready(struct store *store, const struct batch *batch)
{
    if (!grow_columns(store, batch)) {
        return false;
    }
    store->tick++;
    int64_t offset = batch->at.wall_ns - batch->at.mono_ns;
    bool stale = layout_is_stale(store, batch);
    bool stepped =
        store->head != NULL && llabs(offset - store->head->wall_offset_ns) > NS_PER_S / 2;
    if (stale || stepped || store->head_ticks == CHUNK_TICKS) {
        seal(store);
    }
    if (stale && !new_layout(store, batch)) {
        return false;
    }
    if (store->head == NULL) {
        store->head = head_new(store->layout, offset);
    }
    return store->head != NULL;
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
    if (batch->column_count == 0 || !ready(store, batch)) {
        return;
    }
    struct head *head = store->head;
    size_t tick = store->head_ticks;
    for (size_t i = 0; i < batch->column_count; i++) {
        if (store->column_of[i] >= 0) {
            head->values[(size_t)store->column_of[i] * CHUNK_TICKS + tick] =
                due_value(store, batch, i);
        }
    }
    head->mono_ns[tick] = batch->at.mono_ns;
    store->head_ticks = tick + 1;
}

void
store_view(const struct store *store, struct track *ret_track)
{
    ret_track->chunks = store->chunks != NULL ? chunk_list_acquire(store->chunks) : NULL;
    ret_track->head = store->head != NULL ? head_acquire(store->head) : NULL;
    ret_track->head_ticks = store->head_ticks;
}

size_t
store_memory(const struct store *store)
{
    size_t memory = store->memory;
    for (size_t i = 0; i < store->keep_count; i++) {
        memory += keep_memory(store->keeps[i]);
    }
    return memory;
}

int64_t
store_oldest(const struct store *store)
{
    int64_t oldest = store->chunks != NULL && store->chunks->count > 0
                         ? store->chunks->chunks[0]->first_ns
                         : INT64_MAX;
    for (size_t i = 0; i < store->keep_count; i++) {
        oldest = MIN(oldest, keep_oldest(store->keeps[i]));
    }
    return oldest;
}

void
store_drop_oldest(struct store *store)
{
    int64_t oldest = store_oldest(store);
    if (store->chunks != NULL && store->chunks->count > 0 &&
        store->chunks->chunks[0]->first_ns == oldest) {
        store->memory -= chunk_memory(store->chunks->chunks[0]);
        replace_list(store, 1, NULL);
    }
    for (size_t i = 0; i < store->keep_count; i++) {
        if (keep_oldest(store->keeps[i]) == oldest) {
            keep_drop_oldest(store->keeps[i]);
        }
    }
}
