/* The record stream of an agent. */
#include "agent_stream.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/trace.h"

/* ---- what it says ---- */

static void
on_hello(void *context, const struct record_hello *hello)
{
    struct agent_stream *stream = context;
    const struct link_sink *sink = &stream->setup->sink;
    int64_t trip_ns = clock_mono_ns() - stream->asked_ns;
    sink->host(sink->context, &hello->host);
    if (stream->greeted) { /* another host: it came when it changed, which tells no time */
        return;
    }
    stream->greeted = true;
    stream->interval_ns = hello->interval_ns;
    agent_clock_begin(&stream->clock, hello, trip_ns);
}

/* Whether the definition stays as long as the link: those that a stream made need its reader, of
 * which so many are kept. */
static bool
keep_table(struct agent_stream *stream, const struct table_def *def)
{
    if (tables_have(stream->tables, stream->table_count, def)) {
        return true;
    }
    if (stream->table_count == AGENT_TABLES_MAX || stream->kept_count == AGENT_READERS_KEPT) {
        return false;
    }
    stream->tables[stream->table_count++] = def;
    return true;
}

static void
on_batch(void *context, const char *name, const struct batch *whole)
{
    struct agent_stream *stream = context;
    struct batch own = *whole, *batch = &own;
    batch->table_count = 0;
    for (size_t i = 0; i < whole->table_count; i++) {
        if (keep_table(stream, whole->tables[i]->def)) {
            batch->tables[batch->table_count++] = whole->tables[i];
        }
    }
    agent_turns_put(&stream->turns, name, batch, stream->clock.shift_ns);
}

/* History before a restart of the machine cannot be shifted: it is left out. */
static void
on_chunk(void *context, const char *name, struct chunk *chunk)
{
    struct agent_stream *stream = context;
    const struct link_sink *sink = &stream->setup->sink;
    if (stream->clock.shift_ns == 0 && agent_turns_source(&stream->turns, name)) {
        sink->chunk(sink->context, name, chunk);
        agent_turns_show(&stream->turns);
    }
}

static void
on_kept(void *context, const struct kept_part *part)
{
    struct agent_stream *stream = context;
    const struct link_sink *sink = &stream->setup->sink;
    if (stream->clock.shift_ns == 0 && sink->kept != NULL) {
        sink->kept(sink->context, part);
    }
}

/* With the next tick; what has come to its end is shown soon. */
static void
on_coming(void *context, unsigned coming)
{
    struct agent_stream *stream = context;
    bool less = coming < stream->coming;
    stream->coming = coming;
    if (less) {
        agent_turns_show(&stream->turns);
    }
}

/* Its time is the agent's, as all that comes; `shift_ns` lays it behind what is older. */
static void
on_trace(void *context, const void *bytes, size_t n)
{
    struct agent_stream *stream = context;
    const struct link_sink *sink = &stream->setup->sink;
    struct trace *copy = n >= sizeof(*copy) && n <= TRACE_BYTES_MAX ? malloc(n) : NULL;
    if (copy == NULL || sink->trace == NULL) {
        free(copy);
        return;
    }
    memcpy(copy, bytes, n);
    if (copy->mono_ns > -INT64_MAX / 4 && copy->mono_ns < INT64_MAX / 4) {
        copy->mono_ns += stream->clock.shift_ns;
    }
    sink->trace(sink->context, copy, n);
    if (n == sizeof(*copy)) { /* the head of one that is too large for the stream */
        agent_large_want(&stream->large, copy);
    }
    free(copy);
}

static void
on_findings(void *context, const struct record_findings *findings)
{
    struct agent_stream *stream = context;
    const struct link_sink *sink = &stream->setup->sink;
    sink->findings(sink->context, findings->list, findings->count, findings->looked_at,
                   findings->not_looked_at);
}

static void
on_link(void *context, const struct link_status *status)
{
    struct agent_stream *stream = context;
    agent_far_take(&stream->far, status,
                   stream->clock.shift_ns - agent_clock_offset(&stream->clock));
}

static void
on_tick(void *context, const struct record_tick *tick)
{
    struct agent_stream *stream = context;
    stream->interval_ns = tick->interval_ns;
    stream->clock.newest_ns = MAX(stream->clock.newest_ns, tick->at.mono_ns);
    stream->ticked(stream->context);
}

/* ---- its connections ---- */

bool
agent_stream_begin(struct agent_stream *stream)
{
    struct record_events events = {.context = stream,
                                   .hello = on_hello,
                                   .batch = on_batch,
                                   .chunk = on_chunk,
                                   .kept = on_kept,
                                   .tick = on_tick,
                                   .findings = on_findings,
                                   .trace = on_trace,
                                   .link = on_link,
                                   .coming = on_coming};
    stream->tables_before = stream->table_count;
    stream->greeted = false;
    stream->reader = record_reader_new(stream->setup->catalog, &events);
    stream->asked_ns = clock_mono_ns();
    if (stream->reader != NULL) {
        record_reader_tables(stream->reader, stream->tables, stream->table_count);
    }
    return stream->reader != NULL;
}

/* The definitions that this stream made are used by the collector: its reader stays. */
static void
drop_reader(struct agent_stream *stream)
{
    if (stream->reader != NULL && stream->table_count > stream->tables_before &&
        stream->kept_count < AGENT_READERS_KEPT) {
        stream->kept_readers[stream->kept_count++] = stream->reader;
    } else {
        record_reader_free(stream->reader);
    }
    stream->reader = NULL;
}

void
agent_stream_lose(struct agent_stream *stream)
{
    stream->far.there = false;
    stream->coming = 0;
    agent_large_lose(&stream->large);
    agent_turns_drop_torn(&stream->turns);
    drop_reader(stream);
}

const struct table_def *
agent_stream_table(const struct agent_stream *stream, const char *name)
{
    for (size_t i = 0; i < stream->table_count; i++) {
        if (strcmp(stream->tables[i]->name, name) == 0) {
            return stream->tables[i];
        }
    }
    return NULL;
}

bool
agent_stream_init(struct agent_stream *stream, const struct link_setup *setup,
                  struct http_client *client, void *context, void (*ticked)(void *context))
{
    stream->setup = setup;
    stream->context = context;
    stream->ticked = ticked;
    stream->interval_ns = setup->interval_ns;
    stream->clock.sink = &setup->sink;
    stream->large = (struct agent_large){
        .client = client, .context = stream, .take = on_trace, .newest_ns = INT64_MIN};
    stream->table_count = MIN(setup->table_count, (size_t)AGENT_TABLES_MAX);
    for (size_t i = 0; i < stream->table_count; i++) {
        stream->tables[i] = setup->tables[i];
    }
    if (stream->table_count < AGENT_TABLES_MAX) {
        stream->tables[stream->table_count++] = &finding_table;
    }
    return agent_turns_init(&stream->turns, setup->loop, &setup->sink);
}

void
agent_stream_done(struct agent_stream *stream)
{
    agent_turns_done(&stream->turns);
    record_reader_free(stream->reader);
    for (size_t i = 0; i < stream->kept_count; i++) {
        record_reader_free(stream->kept_readers[i]);
    }
}
