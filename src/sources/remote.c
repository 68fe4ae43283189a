/* Remote sources. */
#include "remote.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/str.h"

#define TABLES_BYTES_MAX ((size_t)64 << 20)

/* ---- moments ---- */

void
moment_free(struct moment *moment)
{
    if (moment != NULL) {
        batch_done(&moment->batch);
        arena_done(&moment->arena);
        free(moment);
    }
}

static bool
copy_columns(struct batch *to, const struct batch *from)
{
    size_t n = from->column_count;
    to->columns = calloc(n + 1, sizeof(*to->columns));
    to->values = calloc(n + 1, sizeof(*to->values));
    if (to->columns == NULL || to->values == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        to->columns[i] = from->columns[i];
        to->values[i] = from->values[i];
    }
    to->column_count = to->column_capacity = n;
    return true;
}

struct moment *
moment_new(const struct batch *batch)
{
    struct moment *moment = calloc(1, sizeof(*moment));
    if (moment == NULL) {
        return NULL;
    }
    moment->batch = *batch;
    moment->batch.columns = NULL;
    moment->batch.values = NULL;
    moment->batch.table_count = 0;
    arena_init(&moment->arena, TABLES_BYTES_MAX);
    bool good = copy_columns(&moment->batch, batch);
    for (size_t i = 0; good && i < batch->table_count; i++) {
        struct table *table = table_copy(&moment->arena, batch->tables[i]);
        good = table != NULL;
        moment->batch.tables[moment->batch.table_count] = table;
        moment->batch.table_count += good;
    }
    if (!good) {
        moment_free(moment);
        return NULL;
    }
    return moment;
}

/* ---- as sources ---- */

static int
remote_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    *ret_state = (void *)(uintptr_t)setup->source; /* it is inside a remote, which is not const */
    return 0;
}

/* The column of a series, remembered: there may be thousands. */
static int
column_of(struct remote *remote, struct batch *batch, const struct series *series)
{
    uint64_t key = (uint64_t)(uintptr_t)series;
    uintptr_t known = (uintptr_t)map_get(&remote->columns, key);
    if (known == 0) {
        int column = batch_column(batch, series->metric, series->labels);
        if (column < 0 || !map_put(&remote->columns, key, (void *)((uintptr_t)column + 1))) {
            return column;
        }
        known = (uintptr_t)column + 1;
    }
    return (int)known - 1;
}

static void
deliver(struct remote *remote, const struct batch *from, struct batch *batch)
{
    batch->at = from->at;
    batch->state = from->state;
    str_copy(str_from(from->why), batch->why, sizeof(batch->why));
    batch->rejected = from->rejected;
    batch->dropped = from->dropped;
    batch->errors = from->errors;
    for (size_t i = 0; i < from->column_count; i++) {
        batch_set(batch, column_of(remote, batch, from->columns[i]), from->values[i]);
    }
    for (size_t i = 0; i < from->table_count; i++) {
        struct table *table = table_copy(batch->arena, from->tables[i]);
        if (table != NULL) {
            batch->tables[batch->table_count++] = table;
        }
    }
}

static enum source_step
remote_poll(void *state, struct batch *batch)
{
    struct remote *remote = state;
    struct moment *moment =
        remote->take != NULL ? remote->take(remote->context, remote) : remote->moment;
    if (moment == NULL) {
        return SOURCE_IDLE;
    }
    deliver(remote, &moment->batch, batch);
    if (remote->take != NULL) {
        moment_free(moment);
    }
    return SOURCE_DONE;
}

static void
remote_close(void *state)
{
    struct remote *remote = state;
    map_done(&remote->columns);
}

static const struct source remote_template = {
    .text = "What comes from elsewhere of this source.",
    .open = remote_open,
    .poll = remote_poll,
    .close = remote_close,
};

/* ---- the list ---- */

void
remotes_done(struct remotes *remotes)
{
    for (size_t i = 0; i < remotes->count; i++) {
        moment_free(remotes->list[i]->moment);
        map_done(&remotes->list[i]->columns);
        free(remotes->list[i]);
    }
    remotes->count = 0;
}

int
remotes_index(struct remotes *remotes, const char *name)
{
    for (size_t i = 0; i < remotes->count; i++) {
        if (strcmp(remotes->list[i]->name, name) == 0) {
            return (int)i;
        }
    }
    struct remote *remote = NULL;
    if (remotes->count < REMOTE_SOURCES_MAX && strlen(name) < sizeof(remote->name)) {
        remote = calloc(1, sizeof(*remote));
    }
    if (remote == NULL) {
        return -1;
    }
    remote->source = remote_template;
    str_copy(str_from(name), remote->name, sizeof(remote->name));
    remote->source.name = remote->name;
    remote->source.tables = remote->tables;
    map_init(&remote->columns, SIZE_MAX);
    remotes->list[remotes->count] = remote;
    return (int)remotes->count++;
}

bool
tables_have(const struct table_def *const *tables, size_t count, const struct table_def *def)
{
    for (size_t i = 0; i < count; i++) {
        if (tables[i] == def) {
            return true;
        }
    }
    return false;
}

void
remote_note_tables(struct remote *remote, const struct batch *batch)
{
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct table_def *def = batch->tables[i]->def;
        if (remote->source.table_count < BATCH_TABLES_MAX &&
            !tables_have(remote->tables, remote->source.table_count, def)) {
            remote->tables[remote->source.table_count++] = def;
        }
    }
}
