/* The hub: all readers of the record stream together.
 *
 * Who could not take a tick is behind until a tick can be sent whole again, made for it alone;
 * nobody has a queue that grows.
 *
 * What is sent is made once for all that are as far, and packed into pieces that fit behind
 * anything (piece.h): ticks are shared by all, a first picture by those that join at it (first.h).
 * What one reader is sent beside that is its own (reader.h).
 *
 * A slow reader keeps little alive: who takes next to nothing for a while, though something waits,
 * is let go, history that has not gone out after PAST_NS is not sent, and first pictures of before
 * are held up to FIRSTS_BYTES_MAX. */
#include "hub.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "first.h"
#include "flametop/base/macros.h"
#include "flametop/core/record.h"
#include "maker.h"
#include "past.h"
#include "piece.h"
#include "reader.h"
#include "wishes.h"

#define QUEUE_BYTES_MAX ((size_t)1 << 20)
#define PAST_NS (600 * NS_PER_S)
#define FIRSTS_BYTES_MAX ((size_t)64 << 20)

/* The same of what those were sent that had not all before this tick. */
struct caught {
    struct piece piece;
    bool packed;
    struct record_mark mark;
    size_t rows_had;
};

struct hub {
    struct hub_setup setup;
    struct maker maker;
    bool named; /* the series of the picture's whole history are */
    struct first first;
    struct caught caught;
    LIST_HEAD(, reader) readers;
    struct interest also; /* of those without a stream */
    struct hub_counts counts;
    bool ending;
};

/* ---- what all are sent ---- */

/* What is in `out` goes to everybody who has all that was before it. */
static void
share(struct hub *hub, bool whole_tick)
{
    struct maker *maker = &hub->maker;
    struct piece pieces[2] = {0}; /* plain, packed */
    struct reader *reader;
    struct record_mark mark = record_writer_mark(maker->writer);
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (!reader->joined || reader->behind || reader->cut) {
            continue;
        }
        struct piece *piece = &pieces[reader->packed];
        bool made = maker->out.n == 0 || piece->bytes != NULL ||
                    (!maker->out.full &&
                     piece_make(&maker->packer, &maker->out, reader->packed, false, piece));
        if (made && (maker->out.n == 0 || reader_push(reader, piece))) {
            reader->mark = mark;
        } else {
            reader->behind = true;
            hub->counts.ticks_dropped += whole_tick;
        }
    }
    if (whole_tick) {
        hub->counts.tick_bytes = maker->out.n;
        hub->counts.tick_bytes_packed = pieces[1].bytes != NULL ? pieces[1].bytes->n : 0;
    }
    piece_done(&pieces[0]);
    piece_done(&pieces[1]);
    buf_clear(&maker->out);
}

static bool
same_mark(const struct record_mark *a, const struct record_mark *b)
{
    return a->metrics == b->metrics && a->series == b->series && a->tables == b->tables &&
           a->texts == b->texts && a->forgotten == b->forgotten && a->ticks == b->ticks;
}

/* The tick for a reader that has not all that was before it: made once for all that are as far. */
static void
catch_up(struct reader *reader)
{
    struct hub *hub = reader->hub;
    struct caught *caught = &hub->caught;
    size_t rows_had = reader->cut ? reader->rows_had : 0;
    if (reader->behind && http_stream_queued(reader->stream) > 0) {
        hub->counts.ticks_dropped++;
        return;
    }
    if (caught->piece.bytes == NULL || caught->packed != reader->packed ||
        caught->rows_had != rows_had || !same_mark(&caught->mark, &reader->mark)) {
        struct record_state state = {.known = reader->mark, .rows_had = rows_had};
        piece_done(&caught->piece);
        *caught =
            (struct caught){.packed = reader->packed, .mark = reader->mark, .rows_had = rows_had};
        record_write_state(hub->maker.writer, &state, &hub->maker.aside);
        maker_piece(&hub->maker, reader->packed, false, &caught->piece);
    }
    if (caught->piece.bytes != NULL && reader_push(reader, &caught->piece)) {
        reader->behind = reader->cut = false;
        reader->mark = record_writer_mark(hub->maker.writer);
    } else {
        reader->behind = true;
        hub->counts.ticks_dropped++;
    }
}

/* ---- slow readers ---- */

static void
let_go(struct reader *reader, uint64_t *count)
{
    ++*count;
    http_stream_drop(reader->stream); /* on_gone frees the reader */
}

static void
judge_readers(struct hub *hub)
{
    struct reader *reader, *next;
    for (reader = LIST_FIRST(&hub->readers); reader != NULL; reader = next) {
        next = LIST_NEXT(reader, link);
        if (reader->past != NULL && hub->maker.picture->mono_ns - reader->joined_ns > PAST_NS) {
            reader_cut_history(reader);
            hub->counts.histories_cut++;
        }
        if (reader_is_stuck(reader)) {
            let_go(reader, &hub->counts.dropped_slow);
        }
    }
}

/* Readers stand in the list newest first: the last that holds a first picture has had it longest.
 * Answers the bytes of all of them, each once. */
static size_t
firsts_held(const struct hub *hub, struct reader **ret_oldest)
{
    struct reader *reader, *before;
    size_t bytes = 0;
    *ret_oldest = NULL;
    LIST_FOREACH(reader, &hub->readers, link)
    {
        before = LIST_FIRST(&hub->readers);
        while (before != reader && before->first != reader->first) {
            before = LIST_NEXT(before, link);
        }
        bytes += reader->first != NULL && before == reader ? reader->first->n : 0;
        *ret_oldest = reader->first != NULL ? reader : *ret_oldest;
    }
    return bytes;
}

/* Before another first picture is made. */
static void
make_room(struct hub *hub)
{
    struct reader *oldest;
    size_t max = hub->setup.firsts_bytes_max != 0 ? hub->setup.firsts_bytes_max : FIRSTS_BYTES_MAX;
    while (firsts_held(hub, &oldest) > max) {
        let_go(oldest, &hub->counts.dropped_memory);
    }
}

/* ---- joining ---- */

static struct record_hello
hello_of(const struct hub *hub, const struct picture *picture)
{
    return (struct record_hello){.protocol = RECORD_PROTOCOL,
                                 .protocol_min = RECORD_PROTOCOL,
                                 .at = clock_now(&clock_system),
                                 .interval_ns = picture->interval_ns,
                                 .host = picture->host,
                                 .instance = hub->setup.instance};
}

/* Each reader's own: its clock is set by it. */
static bool
push_hello(struct reader *reader)
{
    struct hub *hub = reader->hub;
    struct record_hello hello = hello_of(hub, hub->maker.picture);
    struct record_state state = {
        .hello = &hello, .known = record_writer_mark(hub->maker.writer), .names_only = true};
    struct piece piece = {0};
    record_write_state(hub->maker.writer, &state, &hub->maker.aside);
    bool pushed =
        maker_piece(&hub->maker, reader->packed, true, &piece) && reader_push(reader, &piece);
    piece_done(&piece);
    return pushed;
}

static void
name_track(struct record_writer *writer, const struct track *track)
{
    const struct layout *named = NULL;
    if (track->head != NULL) {
        record_write_names(writer, track->head->layout);
        named = track->head->layout;
    }
    for (size_t i = track->chunks != NULL ? track->chunks->count : 0; i-- > 0;) {
        const struct layout *layout = track->chunks->chunks[i]->layout;
        if (layout != named) {
            record_write_names(writer, layout);
            named = layout;
        }
    }
}

/* Before somebody joins at this picture: others may have to hear of it, too. */
static void
name_history(struct hub *hub)
{
    const struct picture *picture = hub->maker.picture;
    if (hub->named) {
        return;
    }
    for (size_t i = 0; i < picture->track_count; i++) {
        name_track(hub->maker.writer, &picture->tracks[i]);
    }
    for (size_t i = 0; i < picture->kept_count; i++) {
        record_write_table_name(hub->maker.writer, kept_def(picture->kept[i]));
    }
    hub->named = true;
    share(hub, false);
}

static void
join(struct reader *reader)
{
    struct hub *hub = reader->hub;
    struct first *first = &hub->first;
    name_history(hub);
    if (!first_suits(first, reader)) {
        make_room(hub);
        first_make(first, &hub->maker, reader);
    }
    if (first->piece.bytes == NULL || (!reader->begun && !push_hello(reader))) {
        return; /* with the next tick */
    }
    reader->joined = reader_push(reader, &first->piece);
    reader->joined_ns = reader->pace_ns = hub->maker.picture->mono_ns;
    reader->first = reader->joined ? http_bytes_acquire(first->piece.bytes) : NULL;
    reader->cut = true;
    reader->rows_had = first->rows_had;
    reader->mark = first->mark;
    if (reader->joined && first->past != NULL) {
        reader->past = past_acquire(first->past);
        reader_send_history(reader);
    }
}

/* ---- what they look at ---- */

static void
merge_interest(struct hub *hub)
{
    struct interest all = {.process_sort = -1};
    const struct reader *reader;
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (reader->interested) {
            interest_join(&all, &reader->interest);
        }
    }
    interest_join(&all, &hub->also);
    if (hub->setup.interest != NULL) {
        hub->setup.interest(hub->setup.context, &all);
    }
}

void
hub_also_interest(struct hub *hub, const struct interest *interest)
{
    static const struct interest none = {.process_sort = -1};
    hub->also = interest != NULL ? *interest : none;
    merge_interest(hub);
}

/* ---- requests ---- */

static void
on_writable(void *context, struct http_stream *stream)
{
    struct reader *reader = context;
    (void)stream;
    http_bytes_release(reader->first);
    reader->first = NULL;
    reader_send_history(reader);
    reader_send_traces(reader);
}

static void
on_gone(void *context, struct http_stream *stream)
{
    struct reader *reader = context;
    struct hub *hub = reader->hub;
    (void)stream;
    LIST_REMOVE(reader, link);
    hub->counts.readers--;
    if (reader->interested && !hub->ending) {
        merge_interest(hub);
    }
    reader_free(reader);
}

void
hub_answer_stream(struct hub *hub, const struct http_message *message)
{
    static const char *const packed[] = {"Content-Encoding: gzip", "Vary: Accept, Accept-Encoding",
                                         NULL};
    static const char *const plain[] = {"Vary: Accept, Accept-Encoding", NULL};
    struct reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        http_reply_error(message, 503, "out of memory");
        return;
    }
    reader->hub = hub;
    reader->maker = &hub->maker;
    reader_read_wishes(reader, message, hub->setup.instance);
    struct http_stream_events events = {reader, on_writable, on_gone};
    reader->stream = http_reply_stream(message, "application/x-flametop",
                                       reader->packed ? packed : plain, &events, QUEUE_BYTES_MAX);
    if (reader->stream == NULL) {
        free(reader);
        return;
    }
    LIST_INSERT_HEAD(&hub->readers, reader, link);
    hub->counts.readers++;
    if (hub->maker.picture != NULL && hub->maker.out.n == 0) {
        join(reader); /* else with the tick that is being made */
    }
}

void
hub_answer_interest(struct hub *hub, const struct http_message *message)
{
    const char *id = http_argument(message, "client");
    cJSON *body = cJSON_ParseWithLength(message->body.p, message->body.n);
    struct reader *reader = NULL;
    if (id != NULL && id[0] != '\0') {
        LIST_FOREACH(reader, &hub->readers, link)
        {
            if (strcmp(reader->id, id) == 0) {
                break;
            }
        }
    }
    if (!cJSON_IsObject(body)) {
        http_reply_error(message, 400, "the body is not a JSON object");
    } else if (reader == NULL) {
        http_reply_error(message, 404, "there is no stream of this client");
    } else {
        reader->interest = wishes_read(hub->maker.picture, body);
        reader->interested = true;
        merge_interest(hub);
        if (hub->maker.picture != NULL && hub->maker.out.n == 0) {
            reader_send_traces(reader);
        }
        http_reply(message, 200, "application/json", STR("{}\n"), NULL);
    }
    cJSON_Delete(body);
}

/* ---- ticks ---- */

void
hub_batch(struct hub *hub, const char *source, const struct batch *batch)
{
    if (!past_is_own(source)) {
        record_write_changes(hub->maker.writer, source, batch);
    }
}

/* What is watched may say only later who it is. */
static bool
is_same_host(const struct host *a, const struct host *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->system, b->system) == 0 &&
           strcmp(a->kernel, b->kernel) == 0 && a->cores == b->cores;
}

void
hub_picture(struct hub *hub, struct picture *picture)
{
    struct record_findings findings = {picture->findings, picture->finding_count,
                                       picture->looked_at, picture->not_looked_at};
    struct record_tick tick = {.at = clock_now(&clock_system),
                               .interval_ns = picture->interval_ns,
                               .number = picture->number,
                               .missed = picture->ticks_missed};
    tick.at.mono_ns = picture->mono_ns;
    tick.at.wall_ns = picture->wall_ns;
    first_forget(&hub->first);
    if (hub->maker.picture != NULL && !is_same_host(&hub->maker.picture->host, &picture->host)) {
        struct record_hello hello = hello_of(hub, picture);
        record_write_hello(hub->maker.writer, &hello);
    }
    picture_release(hub->maker.picture);
    hub->maker.picture = picture_acquire(picture);
    hub->named = false;
    judge_readers(hub);
    if (picture->link != NULL) {
        record_write_link(hub->maker.writer, picture->link);
    }
    record_write_findings(hub->maker.writer, &findings);
    record_write_tick(hub->maker.writer, &tick);
    share(hub, true);
    struct reader *reader;
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (!reader->joined) {
            join(reader);
        } else if (reader->mark.ticks < record_writer_mark(hub->maker.writer).ticks) {
            catch_up(reader);
        }
        reader_send_traces(reader);
    }
    piece_done(&hub->caught.piece);
}

struct hub_counts
hub_counts(const struct hub *hub)
{
    return hub->counts;
}

/* ---- life ---- */

struct hub *
hub_new(const struct hub_setup *setup)
{
    struct hub *hub = calloc(1, sizeof(*hub));
    if (hub == NULL) {
        return NULL;
    }
    hub->setup = *setup;
    hub->also.process_sort = -1;
    LIST_INIT(&hub->readers);
    if (!maker_init(&hub->maker)) {
        free(hub);
        return NULL;
    }
    return hub;
}

void
hub_end(struct hub *hub)
{
    struct reader *reader, *next;
    hub->ending = true;
    for (reader = LIST_FIRST(&hub->readers); reader != NULL; reader = next) {
        next = LIST_NEXT(reader, link);
        reader_end(reader);
    }
}

void
hub_free(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    first_forget(&hub->first);
    maker_done(&hub->maker);
    free(hub);
}
