/* The hub.
 *
 * Invariant: `mark` and `at_ns` of a reader say what it has been sent: all names below the mark,
 * all batches up to that time. Who could not take a tick is behind them until a tick can be sent
 * whole again, made for it alone; nobody has a queue that grows.
 *
 * What is sent is cut into pieces that are deflated by themselves (Z_FULL_FLUSH), so that a shared
 * piece fits behind anything; the gzip trailer is combined from the pieces' checksums. */
#include "hub.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <zlib.h>

#include "flametop/base/macros.h"
#include "flametop/core/record.h"

#define QUEUE_BYTES_MAX ((size_t)1 << 20)
#define PIECE_BYTES_MAX ((size_t)64 << 20)
#define HISTORY_PIECE_BYTES ((size_t)48 << 10)
#define FIRST_BYTES 13800 /* with the head of the answer what a connection may send at once */
#define RECENT_BYTES 2300 /* of these at least for the charts */
#define CLIENT_ID_BYTES 40
#define SPAN_S_MAX UINT64_C(10000000)

struct piece {
    struct http_bytes *plain, *packed; /* NULL: nobody wanted it yet */
    uint32_t crc;
    size_t n;
};

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
    size_t rows;      /* to so many */
    uint32_t crc;     /* of all that was sent, for the trailer */
    uint64_t n;
    struct record_mark mark;
    int64_t at_ns, since_ns, span_ns;

    struct picture *past; /* whose history is being sent; NULL: none is left */
    int64_t from_ns;      /* later than this */
    int64_t recent_ns;    /* after this the cards' history came with the picture */
    bool others;          /* after the sources of the cards */
    size_t track, depth;  /* the next: chunk number `depth` of that track, 0 is the head */
    bool any;             /* a track had a chunk that deep */

    struct interest interest;
    bool interested;
};

struct hub {
    struct hub_setup setup;
    struct record_writer *writer;
    struct buf out;   /* shared, of the tick being made */
    struct buf aside; /* for one reader */
    struct picture *picture;
    z_stream deflater;
    LIST_HEAD(, reader) readers;
    struct hub_counts counts;
    bool ending;
};

/* ---- pieces ---- */

/* Deflated by itself; `first`: with the head of the gzip before it. */
static struct http_bytes *
pack(struct hub *hub, const void *bytes, size_t n, bool first)
{
    static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    z_stream *z = &hub->deflater;
    deflateReset(z);
    size_t room = deflateBound(z, n) + 16, before = first ? sizeof(head) : 0;
    struct buf out;
    buf_init(&out, before + room);
    char *to = buf_reserve(&out, before + room);
    if (to == NULL) {
        return NULL;
    }
    memcpy(to, head, before);
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)n;
    z->next_out = (Bytef *)to + before;
    z->avail_out = (uInt)room;
    struct http_bytes *packed = NULL;
    if (deflate(z, Z_FULL_FLUSH) == Z_OK && z->avail_in == 0 && z->avail_out > 0) {
        packed = http_bytes_new(to, before + room - z->avail_out);
    }
    buf_done(&out);
    return packed;
}

static void
piece_done(struct piece *piece)
{
    if (piece->plain != NULL) {
        http_bytes_release(piece->plain);
    }
    if (piece->packed != NULL) {
        http_bytes_release(piece->packed);
    }
    *piece = (struct piece){0};
}

/* False when its queue is full, or memory is out: nothing was sent. */
static bool
push(struct reader *reader, struct piece *piece, const struct buf *bytes)
{
    struct http_bytes **form = reader->packed ? &piece->packed : &piece->plain;
    if (*form == NULL) {
        *form = reader->packed ? pack(reader->hub, bytes->data, bytes->n, !reader->begun)
                               : http_bytes_new(bytes->data, bytes->n);
    }
    if (piece->n == 0) {
        piece->n = bytes->n;
        piece->crc = (uint32_t)crc32(0, (const Bytef *)bytes->data, (uInt)bytes->n);
    }
    if (*form == NULL || !http_stream_push(reader->stream, *form)) {
        return false;
    }
    reader->begun = true; /* by a piece of its own: what is shared comes after that */
    reader->crc = (uint32_t)crc32_combine(reader->crc, piece->crc, (z_off_t)piece->n);
    reader->n += piece->n;
    return true;
}

/* What is in `aside`, to one reader. */
static bool
push_aside(struct reader *reader)
{
    struct piece piece = {0};
    struct buf *aside = &reader->hub->aside;
    bool pushed = !aside->full && (aside->n == 0 || push(reader, &piece, aside));
    piece_done(&piece);
    buf_clear(aside);
    return pushed;
}

/* ---- history ---- */

/* What the program makes of itself is not sent: the reader's program has its own of that name. */
static bool
is_own(const char *source)
{
    return strcmp(source, "flametop") == 0;
}

/* Those that the cards of the first screen show. */
static bool
is_on_cards(const struct track *track)
{
    static const char *const names[] = {"cpu", "memory", "disk", "network", "pressure"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(track->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The ticks of a chunk in from_ns < t < to_ns as a chunk; NULL: none, or no memory. */
static struct chunk *
chunk_between(const struct chunk *chunk, int64_t from_ns, int64_t to_ns)
{
    int64_t times[CHUNK_TICKS];
    double values[CHUNK_TICKS];
    if (!chunk_times(chunk, times)) {
        return NULL;
    }
    size_t first = 0, end = chunk->ticks;
    while (first < end && times[first] <= from_ns) {
        first++;
    }
    while (end > first && times[end - 1] >= to_ns) {
        end--;
    }
    struct head *head = end > first ? head_new(chunk->layout, chunk->wall_offset_ns) : NULL;
    if (head == NULL) {
        return NULL;
    }
    memcpy(head->mono_ns, times + first, (end - first) * sizeof(times[0]));
    bool good = true;
    for (size_t c = 0; c < chunk->layout->count && good; c++) {
        good = chunk_column(chunk, c, values);
        memcpy(head->values + c * CHUNK_TICKS, values + first, (end - first) * sizeof(values[0]));
    }
    struct chunk *part = good ? chunk_seal(head, end - first) : NULL;
    head_release(head);
    return part;
}

static size_t
track_depth(const struct track *track)
{
    return 1 + (track->chunks != NULL ? track->chunks->count : 0);
}

/* The chunk number `depth` of a track, newest first, with what lies in from_ns < t < to_ns. One
 * reference; NULL: nothing. */
static struct chunk *
chunk_at_depth(const struct track *track, size_t depth, int64_t from_ns, int64_t to_ns)
{
    struct chunk *whole = NULL, *part;
    if (depth == 0) {
        whole = track->head != NULL && track->head_ticks > 0
                    ? chunk_seal(track->head, track->head_ticks)
                    : NULL;
    } else {
        whole = chunk_acquire(track->chunks->chunks[track->chunks->count - depth]);
    }
    if (whole == NULL || (whole->first_ns > from_ns && whole->last_ns < to_ns)) {
        return whole;
    }
    part = chunk_between(whole, from_ns, to_ns);
    chunk_release(whole);
    return part;
}

/* The newest batch itself comes with the picture. */
static void
write_chunk(struct hub *hub, const struct track *track, size_t depth, int64_t from_ns,
            int64_t to_ns)
{
    struct chunk *chunk = is_own(track->name)
                              ? NULL
                              : chunk_at_depth(track, depth, from_ns, MIN(to_ns, track->mono_ns));
    if (chunk != NULL) {
        record_write_history(hub->writer, track->name, chunk, &hub->aside);
        chunk_release(chunk);
    }
}

/* The next chunk of what the reader shall have; false at the end. */
static bool
write_next(struct reader *reader)
{
    const struct picture *past = reader->past;
    int64_t from_ns = reader->from_ns;
    if (reader->track == past->track_count) {
        reader->track = 0;
        reader->depth++;
        if (!reader->any && reader->others) {
            return false;
        }
        if (!reader->any) {
            reader->others = true;
            reader->depth = 0;
        }
        reader->any = false;
    }
    const struct track *track = &past->tracks[reader->track++];
    if (is_on_cards(track) == reader->others || reader->depth >= track_depth(track)) {
        return true;
    }
    if (reader->depth > 0 &&
        track->chunks->chunks[track->chunks->count - reader->depth]->last_ns <= from_ns) {
        return true;
    }
    reader->any = true;
    write_chunk(reader->hub, track, reader->depth, from_ns,
                reader->others ? INT64_MAX : reader->recent_ns + 1);
    return true;
}

/* A piece of history, when nothing else waits. */
static void
send_history(struct reader *reader)
{
    struct hub *hub = reader->hub;
    while (reader->past != NULL && http_stream_queued(reader->stream) == 0) {
        bool more = true;
        while (more && hub->aside.n < HISTORY_PIECE_BYTES) {
            more = write_next(reader);
        }
        if (!push_aside(reader) || !more) {
            picture_release(reader->past);
            reader->past = NULL;
        }
    }
}

/* ---- readers ---- */

/* All series of the history get names before any of it is sent to one reader. */
static void
name_history(struct hub *hub)
{
    const struct picture *picture = hub->picture;
    for (size_t t = 0; t < picture->track_count; t++) {
        const struct track *track = &picture->tracks[t];
        if (track->head != NULL) {
            record_write_names(hub->writer, track->head->layout);
        }
        for (size_t i = 0; track->chunks != NULL && i < track->chunks->count; i++) {
            record_write_names(hub->writer, track->chunks->chunks[i]->layout);
        }
    }
}

/* What is in `out` goes to everybody who has all that was before it. */
static void
share(struct hub *hub, bool whole_tick)
{
    struct piece piece = {0};
    struct reader *reader;
    struct record_mark mark = record_writer_mark(hub->writer);
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (!reader->joined || reader->behind || reader->cut) {
            continue;
        }
        if (!hub->out.full && (hub->out.n == 0 || push(reader, &piece, &hub->out))) {
            reader->mark = mark;
            reader->at_ns = whole_tick ? hub->picture->mono_ns : reader->at_ns;
        } else {
            reader->behind = true;
            hub->counts.ticks_dropped += whole_tick;
        }
    }
    if (whole_tick) {
        hub->counts.tick_bytes = hub->out.n;
        hub->counts.tick_bytes_packed = piece.packed != NULL ? piece.packed->n : 0;
    }
    piece_done(&piece);
    buf_clear(&hub->out);
}

/* The tick for a reader that has not all that was before it. */
static void
catch_up(struct reader *reader)
{
    struct hub *hub = reader->hub;
    struct record_state state = {.known = reader->mark,
                                 .since_mono_ns = reader->at_ns,
                                 .rows_had = reader->cut ? reader->rows : 0};
    if (reader->behind && http_stream_queued(reader->stream) > 0) {
        hub->counts.ticks_dropped++;
        return;
    }
    record_write_state(hub->writer, &state, &hub->aside);
    if (push_aside(reader)) {
        reader->behind = reader->cut = false;
        reader->mark = record_writer_mark(hub->writer);
        reader->at_ns = hub->picture->mono_ns;
    } else {
        reader->behind = true;
        hub->counts.ticks_dropped++;
    }
}

/* How large `aside` is, packed. */
static size_t
packed_size(struct hub *hub)
{
    struct http_bytes *packed = pack(hub, hub->aside.data, hub->aside.n, true);
    size_t n = packed != NULL ? packed->n : hub->aside.n;
    http_bytes_release(packed);
    return n;
}

/* The newest ticks of the cards' sources, as many as there is room for. */
static void
write_recent(struct reader *reader, size_t room)
{
    static const int counts[] = {60, 40, 25, 15, 8, 3, 1};
    struct hub *hub = reader->hub;
    const struct picture *picture = hub->picture;
    size_t before = hub->aside.n;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        int64_t from_ns = picture->mono_ns - (counts[i] + 1) * picture->interval_ns;
        from_ns = MAX(from_ns, reader->from_ns);
        for (size_t t = 0; t < picture->track_count; t++) {
            const struct track *track = &picture->tracks[t];
            for (size_t depth = 0; is_on_cards(track) && depth < track_depth(track) && depth < 2;
                 depth++) {
                write_chunk(hub, track, depth, from_ns, INT64_MAX);
            }
        }
        reader->recent_ns = from_ns;
        if (hub->aside.n - before <= room) {
            return;
        }
        hub->aside.n = before;
    }
    reader->recent_ns = INT64_MAX - 1;
}

/* Names, then the picture: all that the first screen needs. */
static void
write_first(struct reader *reader, const struct record_state *names, size_t room)
{
    struct hub *hub = reader->hub;
    struct record_state state = {.known = reader->mark,
                                 .since_mono_ns = INT64_MIN,
                                 .own_texts = true,
                                 .rows_max = reader->rows};
    buf_clear(&hub->aside);
    record_write_state(hub->writer, names, &hub->aside);
    if (room > 0) {
        write_recent(reader, room);
    }
    record_write_state(hub->writer, &state, &hub->aside);
}

static void
join(struct reader *reader)
{
    static const size_t rows[] = {50, 30, 20};
    struct hub *hub = reader->hub;
    const struct picture *picture = hub->picture;
    struct record_hello hello = {.protocol = RECORD_PROTOCOL,
                                 .protocol_min = RECORD_PROTOCOL,
                                 .at = clock_now(&clock_system),
                                 .interval_ns = picture->interval_ns,
                                 .host = picture->host,
                                 .instance = hub->setup.instance};
    struct record_state names = {
        .hello = &hello, .names_only = true, .brief = reader->brief, .own_texts = true};
    name_history(hub);
    share(hub, false);
    reader->mark = record_writer_mark(hub->writer);
    reader->mark.texts = 0;
    reader->from_ns = MAX(reader->since_ns, picture->mono_ns - reader->span_ns);
    reader->recent_ns = INT64_MAX - 1;
    size_t packed = SIZE_MAX;
    for (size_t i = 0; i < ARRAY_SIZE(rows) && packed > FIRST_BYTES - RECENT_BYTES; i++) {
        reader->rows = rows[i];
        write_first(reader, &names, 0);
        packed = packed_size(hub);
    }
    if (packed < FIRST_BYTES && reader->span_ns > 0) {
        write_first(reader, &names, FIRST_BYTES - packed);
    }
    reader->joined = push_aside(reader);
    reader->behind = !reader->joined;
    reader->cut = true;
    reader->at_ns = picture->mono_ns;
    if (reader->joined && reader->span_ns > 0) {
        reader->past = picture_acquire(hub->picture);
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
        const struct interest *one = &reader->interest;
        if (!reader->interested) {
            continue;
        }
        all.process_columns |= one->process_columns;
        all.process_sort = all.process_sort >= 0 ? all.process_sort : one->process_sort;
        all.process_filter_costly |= one->process_filter_costly;
        all.cgroups |= one->cgroups;
        for (unsigned i = 0; i < one->pid_count && all.pid_count < INTEREST_ROWS_MAX; i++) {
            all.pids[all.pid_count++] = one->pids[i];
        }
        if (all.selected_pid == 0) {
            all.selected_pid = one->selected_pid;
        }
    }
    hub->setup.interest(hub->setup.context, &all);
}

static void
on_writable(void *context, struct http_stream *stream)
{
    (void)stream;
    send_history(context);
}

static void
on_gone(void *context, struct http_stream *stream)
{
    struct reader *reader = context;
    struct hub *hub = reader->hub;
    (void)stream;
    LIST_REMOVE(reader, link);
    hub->counts.readers--;
    picture_release(reader->past);
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
    const char *encodings = http_header(message, "Accept-Encoding");
    str_copy(str_from(id != NULL ? id : ""), reader->id, sizeof(reader->id));
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
    static const char *const packed[] = {"Content-Encoding: gzip", "Cache-Control: no-store",
                                         "Vary: Accept, Accept-Encoding", NULL};
    static const char *const plain[] = {"Cache-Control: no-store", "Vary: Accept, Accept-Encoding",
                                        NULL};
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

static uint64_t
columns_of(const struct hub *hub, const cJSON *names, const cJSON *sort, int *ret_sort)
{
    const struct table *table =
        hub->picture != NULL ? picture_table(hub->picture, "processes") : NULL;
    uint64_t columns = 0;
    const cJSON *name;
    *ret_sort = -1;
    if (table == NULL) {
        return 0;
    }
    cJSON_ArrayForEach(name, names)
    {
        int column = cJSON_IsString(name) ? table_column(table->def, name->valuestring) : -1;
        columns |= column >= 0 && column < 64 ? UINT64_C(1) << column : 0;
    }
    *ret_sort = cJSON_IsString(sort) ? table_column(table->def, sort->valuestring) : -1;
    return columns;
}

static int64_t
pid_of(const cJSON *item)
{
    return cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < 1e15
               ? (int64_t)item->valuedouble
               : 0;
}

static struct interest
read_interest(const struct hub *hub, const cJSON *body)
{
    struct interest interest = {0};
    const cJSON *pid;
    interest.process_columns =
        columns_of(hub, cJSON_GetObjectItemCaseSensitive(body, "columns"),
                   cJSON_GetObjectItemCaseSensitive(body, "sort"), &interest.process_sort);
    interest.process_filter_costly =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "filter_costly"));
    interest.cgroups = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "cgroups"));
    interest.selected_pid = pid_of(cJSON_GetObjectItemCaseSensitive(body, "selected_pid"));
    cJSON_ArrayForEach(pid, cJSON_GetObjectItemCaseSensitive(body, "pids"))
    {
        if (interest.pid_count < INTEREST_ROWS_MAX && pid_of(pid) > 0) {
            interest.pids[interest.pid_count++] = pid_of(pid);
        }
    }
    return interest;
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
        reader->interest = read_interest(hub, body);
        reader->interested = true;
        merge_interest(hub);
        http_reply(message, 200, "application/json", STR("{}\n"), NULL);
    }
    cJSON_Delete(body);
}

/* ---- ticks ---- */

void
hub_batch(struct hub *hub, const char *source, const struct batch *batch)
{
    if (!is_own(source)) {
        record_write_changes(hub->writer, source, batch);
    }
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
    picture_release(hub->picture);
    hub->picture = picture_acquire(picture);
    record_write_findings(hub->writer, &findings);
    record_write_tick(hub->writer, &tick);
    share(hub, true);
    struct reader *reader;
    LIST_FOREACH(reader, &hub->readers, link)
    {
        if (!reader->joined) {
            join(reader);
        } else if (reader->at_ns < picture->mono_ns) {
            catch_up(reader);
        }
    }
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
    buf_init(&hub->out, PIECE_BYTES_MAX);
    buf_init(&hub->aside, PIECE_BYTES_MAX);
    LIST_INIT(&hub->readers);
    hub->writer = record_writer_new(&hub->out);
    if (hub->writer == NULL ||
        deflateInit2(&hub->deflater, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
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
    uint8_t tail[10] = {3, 0}; /* an empty last block */
    for (size_t i = 0; i < 4; i++) {
        tail[2 + i] = (uint8_t)(reader->crc >> 8 * i);
        tail[6 + i] = (uint8_t)(reader->n >> 8 * i);
    }
    struct http_bytes *bytes = http_bytes_new(tail, sizeof(tail));
    if (bytes != NULL && reader->packed && reader->joined) {
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
    picture_release(hub->picture);
    record_writer_free(hub->writer);
    deflateEnd(&hub->deflater);
    buf_done(&hub->out);
    buf_done(&hub->aside);
    free(hub);
}
