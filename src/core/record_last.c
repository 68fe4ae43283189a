/* Last batches. Tables are copied into one of two arenas in turn, so that those of before are there
 * while the new ones are made of them. */
#include "record_last.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/str.h"

void
lasts_done(struct lasts *lasts)
{
    for (size_t i = 0; i < lasts->count; i++) {
        last_forget(lasts->list[i]);
        free(lasts->list[i]);
    }
    lasts->count = 0;
}

struct last *
lasts_find(const struct lasts *lasts, const char *name)
{
    for (size_t i = 0; i < lasts->count; i++) {
        if (strcmp(lasts->list[i]->name, name) == 0) {
            return lasts->list[i];
        }
    }
    return NULL;
}

struct last *
lasts_add(struct lasts *lasts, const char *name)
{
    struct last *last = NULL;
    if (lasts->count < LASTS_MAX && strlen(name) < sizeof(last->name)) {
        last = calloc(1, sizeof(*last));
    }
    if (last != NULL) {
        str_copy(str_from(name), last->name, sizeof(last->name));
        last_forget(last);
        lasts->list[lasts->count++] = last;
    }
    return last;
}

size_t
lasts_bytes(const struct lasts *lasts)
{
    size_t bytes = 0;
    for (size_t i = 0; i < lasts->count; i++) {
        const struct last *last = lasts->list[i];
        bytes += last->arenas[0].bytes + last->arenas[1].bytes +
                 last->batch.column_capacity * (sizeof(void *) + sizeof(double)) +
                 last->places.capacity * sizeof(struct map_slot);
    }
    return bytes;
}

void
last_forget(struct last *last)
{
    last->known = false;
    batch_done(&last->batch);
    map_done(&last->places);
    map_init(&last->places, SERIES_IDS_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(last->arenas); i++) {
        arena_done(&last->arenas[i]);
        arena_init(&last->arenas[i], LAST_BYTES_MAX);
    }
}

bool
last_add_column(struct last *last, const struct series *series)
{
    struct batch *batch = &last->batch;
    if (!batch_reserve(batch, batch->column_count + 1)) {
        return false;
    }
    batch->columns[batch->column_count] = series;
    batch->values[batch->column_count++] = NAN;
    return true;
}

void
last_set_header(struct last *last, const struct batch *batch)
{
    struct batch *to = &last->batch;
    to->at = batch->at;
    to->state = batch->state;
    str_copy(str_from(batch->why), to->why, sizeof(to->why));
    to->rejected = batch->rejected;
    to->dropped = batch->dropped;
    to->errors = batch->errors;
}

bool
last_set_tables(struct last *last, struct table *const *tables, size_t count)
{
    unsigned next = !last->now;
    arena_clear(&last->arenas[next]);
    last->batch.table_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct table *copy = table_copy(&last->arenas[next], tables[i]);
        if (copy == NULL || last->arenas[next].full) {
            last->batch.table_count = 0;
            return false;
        }
        last->batch.tables[last->batch.table_count++] = copy;
    }
    last->now = next;
    return true;
}
