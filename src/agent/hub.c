/* The hub.
 *
 * Invariant: the `mark` of a reader says what it has been sent: all names and ticks below it. Who
 * could not take a tick is behind until a tick can be sent whole again, made for it alone; nobody
 * has a queue that grows.
 *
 * What is sent is made once for all that are as far, and packed into pieces that fit behind
 * anything (piece.h): ticks are shared by all, a first picture by those that join at it.
 *
 * A slow reader keeps little alive: who takes less than PACE_BYTES in PACE_NS while something waits
 * is let go, history that has not gone out after PAST_NS is not sent, and first pictures of before
 * are held up to FIRSTS_BYTES_MAX. */
#include "hub.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "flametop/base/macros.h"
#include "flametop/core/record.h"
#include "past.h"
#include "piece.h"
#include "traces.h"
#include "wishes.h"

#define QUEUE_BYTES_MAX ((size_t)1 << 20)
#define PIECE_BYTES_MAX ((size_t)64 << 20)
#define FIRST_BYTES 13800 /* with the head of the answer what a connection may send at once */
#define RECENT_BYTES 2300 /* of these at least for the charts */
#define CLIENT_ID_BYTES 40
#define SPAN_S_MAX UINT64_C(10000000)
#define PACE_NS (60 * NS_PER_S)
#define PACE_BYTES (UINT64_C(64) << 10)
#define PAST_NS (600 * NS_PER_S)
#define FIRSTS_BYTES_MAX ((size_t)64 << 20)

struct reader {
    LIST_ENTRY(reader) link;
    struct hub *hub;
    struct http_stream *stream;
    char id[CLIENT_ID_BYTES];
    bool packed;      /* it takes gzip */
    bool brief;       /* it is of this version */
    bool begun;       /* the head of the gzip was sent */
    bool joined;      /* it has the first picture */
    bool behind, cut; /* it missed a tick; its tables were cut */
    size_t rows_had;  /* to so many */
    uint32_t crc;     /* of all that was sent, for the trailer */
    uint64_t n;
    struct record_mark mark;
    int64_t since_ns, span_ns;

    struct http_bytes *first; /* the first picture, until it has it */
    int64_t joined_ns;        /* when it was sent that */
    int64_t pace_ns;          /* since when it has taken less than PACE_BYTES */
    uint64_t pace_sent;       /* what it had taken then */

    struct past *past; /* the history that is being sent; NULL: none is left */
    struct past_place place;
    struct trace_feed traces;
    bool traces_come; /* it was told so */

    struct interest interest;
    bool interested;
};

/* What the last reader that joined at this picture was sent, for others that want the same. */
struct first {
    struct piece piece; /* names and picture; without bytes: none was made */
    bool packed, brief;
    int64_t since_ns, span_ns;
    struct record_mark mark;
    size_t rows_had;
    struct past *past; /* NULL: no history follows */
};

/* The same of what those were sent that had not all before this tick. */
struct caught {
    struct piece piece;
    bool packed;
    struct record_mark mark;
    size_t rows_had;
};

struct hub {
    struct hub_setup setup;
    struct record_writer *writer;
    struct buf out;   /* shared, of the tick being made */
    struct buf aside; /* for one reader */
    struct picture *picture;
    bool named; /* the series of its whole history are */
    struct first first;
    struct caught caught;
    struct packer packer;
    LIST_HEAD(, reader) readers;
    struct interest also; /* of those without a stream */
    struct hub_counts counts;
    bool ending;
};

/* ---- pieces ---- */

/* False when its queue is full: nothing was sent. */
static bool
push(struct reader *reader, const struct piece *piece)
{
    if (!http_stream_push(reader->stream, piece->bytes)) {
        return false;
    }
    reader->begun = true;
    reader->crc = (uint32_t)crc32_combine(reader->crc, piece->crc, (z_off_t)piece->n);
    reader->n += piece->n;
    return true;
}

/* Makes the piece of what is in `aside`, which is empty then; only once while it is there. */
static bool
make_aside(struct hub *hub, bool packed, bool head, struct piece *piece)
{
    bool good = piece->bytes != NULL ||
                (!hub->aside.full && piece_make(&hub->packer, &hub->aside, packed, head, piece));
    buf_clear(&hub->aside);
    return good;
}

static void
end_history(struct reader *reader)
{
    past_release(reader->past);
    reader->past = NULL;
}

/* Pieces of history, as long as nothing else waits. */
static void
send_history(struct reader *reader)
{
    struct hub *hub = reader->hub;
    struct piece piece;
    while (reader->past != NULL && http_stream_queued(reader->stream) == 0) {
        bool good =
            past_next(reader->past, &reader->place, hub->writer, &hub->aside, &hub->packer, &piece);
        bool more =
            good && piece.bytes != NULL && push(reader, &piece) && reader->place.part != PAST_END;
        piece_done(&piece);
        if (!more) {
            end_history(reader);
        }
    }
}

/* The next traces to `aside`, and whether older ones still come where that is news. */
static void
write_traces(struct reader *reader)
{
    struct hub *hub = reader->hub;
    trace_feed_write(&reader->traces, hub->picture->traces, hub->writer, &hub->aside);
    if (reader->traces.past != reader->traces_come) {
        reader->traces_come = reader->traces.past;
        record_write_coming(hub->writer, reader->traces_come ? LINK_REQUESTS_COME : 0, &hub->aside);
    }
}

/* Traces, once the rest of the history is sent, for who looks at requests. */
static void
send_traces(struct reader *reader)
{
    struct hub *hub = reader->hub;
    bool wanted = reader->joined && !reader->behind && reader->past == NULL &&
                  reader->interest.requests && hub->picture->traces != NULL;
    bool more = wanted;
    while (more && http_stream_queued(reader->stream) == 0) {
        struct piece piece = {0};
        write_traces(reader);
        more = hub->aside.n > 0 && make_aside(hub, reader->packed, false, &piece) &&
               push(reader, &piece);
        buf_clear(&hub->aside);
        piece_done(&piece);
    }
}

/* ---- readers ---- */

static void
name_track(struct hub *hub, const struct track *track)
{
    const struct layout *named = NULL;
    if (track->head != NULL) {
        record_write_names(hub->writer, track->head->layout);
        named = track->head->layout;
    }
    for (size_t i = track->chunks != NULL ? track->chunks->count : 0; i-- > 0;) {
        const struct layout *layout = track->chunks->chunks[i]->layout;
        if (layout != named) {
            record_write_names(hub->writer, layout);
            named = layout;
        }
    }
}

/* What is in `out` goes to everybody who has all that was before it. */
static void
share(struct hub *hub, bool whole_tick)
{
    struct piece pieces[2] = {0}; /* plain, packed */
    struct reader *reader;
    struct record_mark mark = record_writer_mark(hub->writer);
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (!reader->joined || reader->behind || reader->cut) {
            continue;
        }
        struct piece *piece = &pieces[reader->packed];
        bool made =
            hub->out.n == 0 || piece->bytes != NULL ||
            (!hub->out.full && piece_make(&hub->packer, &hub->out, reader->packed, false, piece));
        if (made && (hub->out.n == 0 || push(reader, piece))) {
            reader->mark = mark;
        } else {
            reader->behind = true;
            hub->counts.ticks_dropped += whole_tick;
        }
    }
    if (whole_tick) {
        hub->counts.tick_bytes = hub->out.n;
        hub->counts.tick_bytes_packed = pieces[1].bytes != NULL ? pieces[1].bytes->n : 0;
    }
    piece_done(&pieces[0]);
    piece_done(&pieces[1]);
    buf_clear(&hub->out);
}

static void
forget_first(struct hub *hub)
{
    piece_done(&hub->first.piece);
    past_release(hub->first.past);
    hub->first = (struct first){0};
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
        record_write_state(hub->writer, &state, &hub->aside);
        make_aside(hub, reader->packed, false, &caught->piece);
    }
    if (caught->piece.bytes != NULL && push(reader, &caught->piece)) {
        reader->behind = reader->cut = false;
        reader->mark = record_writer_mark(hub->writer);
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

/* That no history comes any more, though it was not all. */
static void
say_no_more(struct reader *reader)
{
    struct hub *hub = reader->hub;
    struct piece piece = {0};
    record_write_coming(hub->writer, 0, &hub->aside);
    if (make_aside(hub, reader->packed, false, &piece)) {
        push(reader, &piece);
    }
    piece_done(&piece);
}

/* Whether something waits, and hardly any of it was taken for a while. */
static bool
is_stuck(struct reader *reader)
{
    int64_t now_ns = reader->hub->picture->mono_ns;
    uint64_t sent = http_stream_sent(reader->stream);
    if (http_stream_queued(reader->stream) == 0 || sent - reader->pace_sent >= PACE_BYTES) {
        reader->pace_ns = now_ns;
        reader->pace_sent = sent;
    }
    return now_ns - reader->pace_ns > PACE_NS;
}

static void
judge_readers(struct hub *hub)
{
    struct reader *reader, *next;
    for (reader = LIST_FIRST(&hub->readers); reader != NULL; reader = next) {
        next = LIST_NEXT(reader, link);
        if (reader->past != NULL && hub->picture->mono_ns - reader->joined_ns > PAST_NS) {
            end_history(reader);
            say_no_more(reader);
            hub->counts.histories_cut++;
        }
        if (is_stuck(reader)) {
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

/* How large `aside` is, packed. */
static size_t
packed_size(struct hub *hub)
{
    struct piece piece = {0};
    bool made = piece_make(&hub->packer, &hub->aside, true, false, &piece);
    size_t n = made ? piece.bytes->n : hub->aside.n;
    piece_done(&piece);
    return n;
}

/* The newest ticks of the cards' sources, as many as there is room for. Answers since when. */
static int64_t
write_recent(struct hub *hub, int64_t from_ns, size_t room)
{
    static const int counts[] = {60, 40, 25, 15, 8, 3, 1};
    const struct picture *picture = hub->picture;
    size_t before = hub->aside.n;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        int64_t recent_ns = picture->mono_ns - (counts[i] + 1) * picture->interval_ns;
        recent_ns = MAX(recent_ns, from_ns);
        past_write_recent(picture, recent_ns, hub->writer, &hub->aside);
        if (hub->aside.n - before <= room) {
            return recent_ns;
        }
        hub->aside.n = before;
    }
    return INT64_MAX - 1;
}

/* Names and picture, with as much of the charts as there is room for: all that the first screen
 * needs. Answers since when the charts are there. */
static int64_t
write_first(struct hub *hub, int64_t from_ns, size_t room)
{
    const struct first *first = &hub->first;
    struct record_state names = {.names_only = true, .brief = first->brief, .own_texts = true};
    struct record_state state = {
        .known = first->mark, .own_texts = true, .rows_max = first->rows_had};
    state.known.ticks = 0;
    buf_clear(&hub->aside);
    record_write_state(hub->writer, &names, &hub->aside);
    if (first->span_ns > 0) {
        record_write_coming(hub->writer, LINK_HISTORY_COMES, &hub->aside);
    }
    int64_t recent_ns = room > 0 ? write_recent(hub, from_ns, room) : INT64_MAX - 1;
    record_write_state(hub->writer, &state, &hub->aside);
    return recent_ns;
}

/* Fewer rows when otherwise it would not fit into what a connection may send at once. */
static void
make_first(struct hub *hub, const struct reader *reader)
{
    static const size_t rows[] = {50, 30, 20, 12, 6};
    struct first *first = &hub->first;
    struct past_wish wish = {.from_ns =
                                 MAX(reader->since_ns, hub->picture->mono_ns - reader->span_ns),
                             .recent_ns = INT64_MAX - 1,
                             .packed = reader->packed};
    size_t packed = SIZE_MAX;
    forget_first(hub);
    make_room(hub);
    *first = (struct first){.packed = reader->packed,
                            .brief = reader->brief,
                            .since_ns = reader->since_ns,
                            .span_ns = reader->span_ns,
                            .mark = record_writer_mark(hub->writer)};
    first->mark.texts = 0; /* the dictionary comes with the next tick */
    for (size_t i = 0; i < ARRAY_SIZE(rows) && packed > FIRST_BYTES - RECENT_BYTES; i++) {
        first->rows_had = rows[i];
        write_first(hub, wish.from_ns, 0);
        packed = packed_size(hub);
    }
    if (packed < FIRST_BYTES && reader->span_ns > 0) {
        wish.recent_ns = write_first(hub, wish.from_ns, FIRST_BYTES - packed);
    }
    if (make_aside(hub, reader->packed, false, &first->piece) && reader->span_ns > 0) {
        first->past = past_new(hub->picture, &wish);
    }
}

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
    struct record_hello hello = hello_of(hub, hub->picture);
    struct record_state state = {
        .hello = &hello, .known = record_writer_mark(hub->writer), .names_only = true};
    struct piece piece = {0};
    record_write_state(hub->writer, &state, &hub->aside);
    bool pushed = make_aside(hub, reader->packed, true, &piece) && push(reader, &piece);
    piece_done(&piece);
    return pushed;
}

static void
join(struct reader *reader)
{
    struct hub *hub = reader->hub;
    struct first *first = &hub->first;
    for (size_t t = 0; !hub->named && t < hub->picture->track_count; t++) {
        name_track(hub, &hub->picture->tracks[t]);
    }
    for (size_t i = 0; !hub->named && i < hub->picture->kept_count; i++) {
        record_write_table_name(hub->writer, kept_def(hub->picture->kept[i]));
    }
    if (!hub->named) {
        hub->named = true;
        share(hub, false);
    }
    if (first->piece.bytes == NULL || first->packed != reader->packed ||
        first->brief != reader->brief || first->since_ns != reader->since_ns ||
        first->span_ns != reader->span_ns) {
        make_first(hub, reader);
    }
    if (first->piece.bytes == NULL || (!reader->begun && !push_hello(reader))) {
        return; /* with the next tick */
    }
    reader->joined = push(reader, &first->piece);
    reader->joined_ns = reader->pace_ns = hub->picture->mono_ns;
    reader->first = reader->joined ? http_bytes_acquire(first->piece.bytes) : NULL;
    reader->cut = true;
    reader->rows_had = first->rows_had;
    reader->mark = first->mark;
    if (reader->joined && first->past != NULL) {
        reader->past = past_acquire(first->past);
        send_history(reader);
    }
}

static void
merge_interest(struct hub *hub)
{
    struct interest all = {.process_sort = -1};
    const struct reader *reader;
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (reader->interested) {
            wishes_add(&all, &reader->interest);
        }
    }
    wishes_add(&all, &hub->also);
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

static void
on_writable(void *context, struct http_stream *stream)
{
    struct reader *reader = context;
    (void)stream;
    http_bytes_release(reader->first);
    reader->first = NULL;
    send_history(reader);
    send_traces(reader);
}

static void
on_gone(void *context, struct http_stream *stream)
{
    struct reader *reader = context;
    struct hub *hub = reader->hub;
    (void)stream;
    LIST_REMOVE(reader, link);
    hub->counts.readers--;
    http_bytes_release(reader->first);
    past_release(reader->past);
    if (reader->interested && !hub->ending) {
        merge_interest(hub);
    }
    free(reader);
}

/* ---- requests ---- */

/* A number with or without "s" behind it; the fallback when absent or something else. */
static uint64_t
number_of(const struct http_message *message, const char *name, uint64_t fallback, uint64_t max)
{
    const char *text = http_argument(message, name);
    struct str rest = str_from(text != NULL ? text : "");
    uint64_t value;
    bool good = str_u64(&rest, &value) && (rest.n == 0 || (rest.n == 1 && rest.p[0] == 's'));
    return good ? MIN(value, max) : fallback;
}

static void
set_wishes(struct reader *reader, const struct http_message *message)
{
    const char *id = http_argument(message, "client");
    const char *instance = http_argument(message, "instance");
    const char *version = http_argument(message, "version");
    const char *requests = http_argument(message, "requests");
    const char *encodings = http_header(message, "Accept-Encoding");
    str_copy(str_from(id != NULL ? id : ""), reader->id, sizeof(reader->id));
    reader->interest = (struct interest){
        .process_sort = -1, .requests = requests != NULL && strcmp(requests, "1") == 0};
    reader->packed = encodings != NULL && strstr(encodings, "gzip") != NULL;
    reader->brief = version != NULL && strcmp(version, FLAMETOP_VERSION) == 0;
    reader->span_ns = (int64_t)number_of(message, "span", SPAN_S_MAX, SPAN_S_MAX) * NS_PER_S;
    if (instance != NULL && strcmp(instance, reader->hub->setup.instance) == 0) {
        reader->since_ns = (int64_t)number_of(message, "since", 0, INT64_MAX / 4);
    }
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
    set_wishes(reader, message);
    struct http_stream_events events = {reader, on_writable, on_gone};
    reader->stream = http_reply_stream(message, "application/x-flametop",
                                       reader->packed ? packed : plain, &events, QUEUE_BYTES_MAX);
    if (reader->stream == NULL) {
        free(reader);
        return;
    }
    LIST_INSERT_HEAD(&hub->readers, reader, link);
    hub->counts.readers++;
    if (hub->picture != NULL && hub->out.n == 0) {
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
        reader->interest = wishes_read(hub->picture, body);
        reader->interested = true;
        merge_interest(hub);
        if (hub->picture != NULL && hub->out.n == 0) {
            send_traces(reader);
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
        record_write_changes(hub->writer, source, batch);
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
    forget_first(hub);
    if (hub->picture != NULL && !is_same_host(&hub->picture->host, &picture->host)) {
        struct record_hello hello = hello_of(hub, picture);
        record_write_hello(hub->writer, &hello);
    }
    picture_release(hub->picture);
    hub->picture = picture_acquire(picture);
    hub->named = false;
    judge_readers(hub);
    if (picture->link != NULL) {
        record_write_link(hub->writer, picture->link);
    }
    record_write_findings(hub->writer, &findings);
    record_write_tick(hub->writer, &tick);
    share(hub, true);
    struct reader *reader;
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (!reader->joined) {
            join(reader);
        } else if (reader->mark.ticks < record_writer_mark(hub->writer).ticks) {
            catch_up(reader);
        }
        send_traces(reader);
    }
    piece_done(&hub->caught.piece);
}

struct hub_counts
hub_counts(const struct hub *hub)
{
    return hub->counts;
}

/* ---- life ---- */

/* hello and magic are written for each reader, with its own time: those of the writer go nowhere.
 */
static void
swallow_magic(struct hub *hub)
{
    struct record_hello hello = {.protocol = RECORD_PROTOCOL, .interval_ns = 1};
    record_write_hello(hub->writer, &hello);
    buf_clear(&hub->out);
}

struct hub *
hub_new(const struct hub_setup *setup)
{
    struct hub *hub = calloc(1, sizeof(*hub));
    if (hub == NULL) {
        return NULL;
    }
    hub->setup = *setup;
    hub->also.process_sort = -1;
    buf_init(&hub->out, PIECE_BYTES_MAX);
    buf_init(&hub->aside, PIECE_BYTES_MAX);
    LIST_INIT(&hub->readers);
    hub->writer = record_writer_new(&hub->out);
    if (hub->writer == NULL || !packer_init(&hub->packer)) {
        record_writer_free(hub->writer);
        free(hub);
        return NULL;
    }
    swallow_magic(hub);
    return hub;
}

static void
end_reader(struct reader *reader)
{
    uint8_t tail[GZIP_TAIL_BYTES];
    gzip_tail(reader->crc, reader->n, tail);
    struct http_bytes *bytes = http_bytes_new(tail, sizeof(tail));
    if (bytes != NULL && reader->packed && reader->begun) {
        http_stream_push(reader->stream, bytes);
    }
    if (bytes != NULL) {
        http_bytes_release(bytes);
    }
    http_stream_end(reader->stream);
}

void
hub_end(struct hub *hub)
{
    struct reader *reader, *next;
    hub->ending = true;
    for (reader = LIST_FIRST(&hub->readers); reader != NULL; reader = next) {
        next = LIST_NEXT(reader, link);
        end_reader(reader);
    }
}

void
hub_free(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    forget_first(hub);
    picture_release(hub->picture);
    record_writer_free(hub->writer);
    packer_done(&hub->packer);
    buf_done(&hub->out);
    buf_done(&hub->aside);
    free(hub);
}
