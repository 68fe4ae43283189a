/* Replay. The stream is read twice: once to learn which sources and tables there are, then tick by
 * tick.
 *
 * Invariant: `waiting` are batches in the order of the stream, all copied; those of the current
 * tick have been handed to their sources, at most one to each. */
#include "flametop/sources/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"

#define SOURCES_MAX 60
#define NAME_BYTES 64
#define PORTION_BYTES 4096
#define TABLES_BYTES_MAX ((size_t)64 << 20)

/* A batch of the stream, copied. */
struct moment {
    struct moment *next;
    size_t source;
    struct batch batch; /* columns, values and tables are its own */
    struct arena arena;
};

struct replay_source {
    struct source source; /* first: what open is given */
    struct replay *replay;
    char name[NAME_BYTES];
    const struct table_def *tables[BATCH_TABLES_MAX];
    struct map columns;    /* series -> its batch column + 1 */
    struct moment *moment; /* of this tick; NULL: nothing */
};

struct replay {
    struct catalog *catalog;
    const uint8_t *bytes;
    size_t n, at;
    struct record_reader *first, *second; /* the first keeps the definitions it made */
    const struct table_def *tables[SOURCES_MAX * BATCH_TABLES_MAX + BATCH_TABLES_MAX];
    size_t table_count, batch_count;
    struct record_hello hello;
    bool greeted;
    struct instant now;

    struct replay_source sources[SOURCES_MAX];
    const struct source *list[SOURCES_MAX];
    size_t source_count;
    struct moment *waiting, **waiting_end;
};

static void
moment_free(struct moment *moment)
{
    if (moment != NULL) {
        batch_done(&moment->batch);
        arena_done(&moment->arena);
        free(moment);
    }
}

static const struct source source_template;

/* The source of that name, made when it is new; -1 when there are too many. */
static int
source_index(struct replay *replay, const char *name)
{
    for (size_t i = 0; i < replay->source_count; i++) {
        if (strcmp(replay->sources[i].name, name) == 0) {
            return (int)i;
        }
    }
    if (replay->source_count == SOURCES_MAX || strlen(name) >= NAME_BYTES) {
        return -1;
    }
    struct replay_source *source = &replay->sources[replay->source_count];
    source->source = source_template;
    source->replay = replay;
    str_copy(str_from(name), source->name, sizeof(source->name));
    source->source.name = source->name;
    source->source.tables = source->tables;
    map_init(&source->columns, SIZE_MAX);
    replay->list[replay->source_count] = &source->source;
    return (int)replay->source_count++;
}

static bool
has_table(const struct table_def *const *tables, size_t count, const struct table_def *def)
{
    for (size_t i = 0; i < count; i++) {
        if (tables[i] == def) {
            return true;
        }
    }
    return false;
}

/* ---- the first reading: what there is ---- */

static void
note_hello(void *context, const struct record_hello *hello)
{
    struct replay *replay = context;
    if (!replay->greeted) {
        replay->greeted = true;
        replay->hello = *hello;
        replay->now = hello->at;
    }
}

static void
note_batch(void *context, const char *name, const struct batch *batch)
{
    struct replay *replay = context;
    int index = source_index(replay, name);
    if (index < 0) {
        return;
    }
    struct replay_source *source = &replay->sources[index];
    replay->batch_count++;
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct table_def *def = batch->tables[i]->def;
        if (source->source.table_count < BATCH_TABLES_MAX &&
            !has_table(source->tables, source->source.table_count, def)) {
            source->tables[source->source.table_count++] = def;
        }
        if (replay->table_count < ARRAY_SIZE(replay->tables) &&
            !has_table(replay->tables, replay->table_count, def)) {
            replay->tables[replay->table_count++] = def;
        }
    }
}

/* ---- the second reading: tick by tick ---- */

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

static struct moment *
moment_new(size_t source, const struct batch *batch)
{
    struct moment *moment = calloc(1, sizeof(*moment));
    if (moment == NULL) {
        return NULL;
    }
    moment->source = source;
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

static void
keep_batch(void *context, const char *name, const struct batch *batch)
{
    struct replay *replay = context;
    int index = source_index(replay, name);
    struct moment *moment = index >= 0 ? moment_new((size_t)index, batch) : NULL;
    if (moment != NULL) {
        *replay->waiting_end = moment;
        replay->waiting_end = &moment->next;
    }
}

/* Feeds until a batch waits; false at the end of what can be read. */
static bool
fill(struct replay *replay)
{
    while (replay->waiting == NULL && replay->at < replay->n) {
        size_t portion = MIN(replay->n - replay->at, (size_t)PORTION_BYTES);
        int error = record_reader_feed(replay->second, replay->bytes + replay->at, portion);
        replay->at = error == 0 ? replay->at + portion : replay->n;
    }
    return replay->waiting != NULL;
}

static struct moment *
take_waiting(struct replay *replay)
{
    struct moment *moment = replay->waiting;
    replay->waiting = moment->next;
    if (replay->waiting == NULL) {
        replay->waiting_end = &replay->waiting;
    }
    return moment;
}

bool
replay_next(struct replay *replay)
{
    for (size_t i = 0; i < replay->source_count; i++) {
        moment_free(replay->sources[i].moment);
        replay->sources[i].moment = NULL;
    }
    if (!fill(replay)) {
        return false;
    }
    int64_t first_ns = replay->waiting->batch.at.mono_ns;
    while (fill(replay)) {
        const struct moment *next = replay->waiting;
        struct replay_source *source = &replay->sources[next->source];
        if (source->moment != NULL ||
            next->batch.at.mono_ns - first_ns >= replay->hello.interval_ns / 2) {
            break;
        }
        source->moment = take_waiting(replay);
        replay->now = source->moment->batch.at;
    }
    return true;
}

/* ---- as sources ---- */

static int
source_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    *ret_state =
        (void *)(uintptr_t)setup->source; /* it is inside a replay_source, which is not const */
    return 0;
}

/* The column of a series, remembered: there may be thousands. */
static int
column_of(struct replay_source *source, struct batch *batch, const struct series *series)
{
    uint64_t key = (uint64_t)(uintptr_t)series;
    uintptr_t known = (uintptr_t)map_get(&source->columns, key);
    if (known == 0) {
        int column = batch_column(batch, series->metric, series->labels);
        if (column < 0 || !map_put(&source->columns, key, (void *)((uintptr_t)column + 1))) {
            return column;
        }
        known = (uintptr_t)column + 1;
    }
    return (int)known - 1;
}

static enum source_step
source_poll(void *state, struct batch *batch)
{
    struct replay_source *source = state;
    if (source->moment == NULL) {
        return SOURCE_IDLE;
    }
    const struct batch *from = &source->moment->batch;
    batch->at = from->at;
    batch->state = from->state;
    str_copy(str_from(from->why), batch->why, sizeof(batch->why));
    batch->rejected = from->rejected;
    batch->dropped = from->dropped;
    batch->errors = from->errors;
    for (size_t i = 0; i < from->column_count; i++) {
        batch_set(batch, column_of(source, batch, from->columns[i]), from->values[i]);
    }
    for (size_t i = 0; i < from->table_count; i++) {
        struct table *table = table_copy(batch->arena, from->tables[i]);
        if (table != NULL) {
            batch->tables[batch->table_count++] = table;
        }
    }
    return SOURCE_DONE;
}

static void
source_close(void *state)
{
    struct replay_source *source = state;
    map_done(&source->columns);
}

static const struct source source_template = {
    .text = "What a recording holds of this source.",
    .open = source_open,
    .poll = source_poll,
    .close = source_close,
};

/* ---- making it ---- */

static void
refuse(char *why, size_t why_size, const char *what)
{
    snprintf(why, why_size, "%s", what);
}

struct replay *
replay_new(struct catalog *catalog, const struct table_def *const *tables, size_t table_count,
           const void *bytes, size_t n, char *why, size_t why_size)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL) {
        refuse(why, why_size, "there is not enough memory");
        return NULL;
    }
    struct record_events noting = {.context = replay, .hello = note_hello, .batch = note_batch};
    struct record_events keeping = {.context = replay, .batch = keep_batch};
    replay->catalog = catalog;
    replay->bytes = bytes;
    replay->n = n;
    replay->waiting_end = &replay->waiting;
    replay->first = record_reader_new(catalog, &noting);
    replay->second = record_reader_new(catalog, &keeping);
    if (replay->first == NULL || replay->second == NULL) {
        refuse(why, why_size, "there is not enough memory");
        replay_free(replay);
        return NULL;
    }
    record_reader_tables(replay->first, tables, table_count);
    record_reader_feed(replay->first, bytes, n);
    record_reader_finish(replay->first);
    refuse(why, why_size, record_reader_why(replay->first));
    if (replay->batch_count == 0) {
        if (why_size > 0 && why[0] == 0) {
            refuse(why, why_size, "the recording is empty: it holds no readings");
        }
        replay_free(replay);
        return NULL;
    }
    record_reader_tables(replay->second, replay->tables, replay->table_count);
    return replay;
}

void
replay_free(struct replay *replay)
{
    if (replay == NULL) {
        return;
    }
    for (size_t i = 0; i < replay->source_count; i++) {
        moment_free(replay->sources[i].moment);
        map_done(&replay->sources[i].columns);
    }
    while (replay->waiting != NULL) {
        moment_free(take_waiting(replay));
    }
    record_reader_free(replay->second);
    record_reader_free(replay->first);
    free(replay);
}

const struct record_hello *
replay_hello(const struct replay *replay)
{
    return &replay->hello;
}

const struct source *const *
replay_sources(const struct replay *replay, size_t *ret_count)
{
    *ret_count = replay->source_count;
    return replay->list;
}

static struct instant
recorded_now(void *context)
{
    return ((const struct replay *)context)->now;
}

struct clock
replay_clock(struct replay *replay)
{
    return (struct clock){recorded_now, replay};
}
