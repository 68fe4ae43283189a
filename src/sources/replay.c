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

#include "flametop/base/macros.h"
#include "remote.h"

#define PORTION_BYTES 4096

struct replay {
    struct catalog *catalog;
    const uint8_t *bytes;
    size_t n, at;
    struct record_reader *first, *second; /* the first keeps the definitions it made */
    const struct table_def *tables[REMOTE_SOURCES_MAX * BATCH_TABLES_MAX + BATCH_TABLES_MAX];
    size_t table_count, batch_count;
    struct record_hello hello;
    bool greeted;
    struct instant now;

    struct remotes sources;
    const struct source *list[REMOTE_SOURCES_MAX];
    struct moment *waiting, **waiting_end;
};

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
    int index = remotes_index(&replay->sources, name);
    if (index < 0) {
        return;
    }
    struct remote *source = replay->sources.list[index];
    replay->list[index] = &source->source;
    replay->batch_count++;
    remote_note_tables(source, batch);
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct table_def *def = batch->tables[i]->def;
        if (replay->table_count < ARRAY_SIZE(replay->tables) &&
            !tables_have(replay->tables, replay->table_count, def)) {
            replay->tables[replay->table_count++] = def;
        }
    }
}

/* ---- the second reading: tick by tick ---- */

static void
keep_batch(void *context, const char *name, const struct batch *batch)
{
    struct replay *replay = context;
    int index = remotes_index(&replay->sources, name);
    struct moment *moment = index >= 0 ? moment_new(batch) : NULL;
    if (moment != NULL) {
        moment->source = (size_t)index;
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
    for (size_t i = 0; i < replay->sources.count; i++) {
        moment_free(replay->sources.list[i]->moment);
        replay->sources.list[i]->moment = NULL;
    }
    if (!fill(replay)) {
        return false;
    }
    int64_t first_ns = replay->waiting->batch.at.mono_ns;
    while (fill(replay)) {
        const struct moment *next = replay->waiting;
        struct remote *source = replay->sources.list[next->source];
        if (source->moment != NULL ||
            next->batch.at.mono_ns - first_ns >= replay->hello.interval_ns / 2) {
            break;
        }
        source->moment = take_waiting(replay);
        replay->now = source->moment->batch.at;
    }
    return true;
}

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
    remotes_done(&replay->sources);
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
    *ret_count = replay->sources.count;
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
