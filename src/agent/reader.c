/* What is sent to one reader alone, and how fast it takes it. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/str.h"
#include "flametop/core/record.h"

#define SPAN_S_MAX UINT64_C(10000000)
#define PACE_NS (60 * NS_PER_S)
#define PACE_BYTES (UINT64_C(64) << 10)

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

void
reader_read_wishes(struct reader *reader, const struct http_message *message,
                   const char *own_instance)
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
    if (instance != NULL && strcmp(instance, own_instance) == 0) {
        reader->since_ns = (int64_t)number_of(message, "since", 0, INT64_MAX / 4);
    }
}

bool
reader_push(struct reader *reader, const struct piece *piece)
{
    if (!http_stream_push(reader->stream, piece->bytes)) {
        return false;
    }
    reader->begun = true;
    reader->crc = (uint32_t)crc32_combine(reader->crc, piece->crc, (z_off_t)piece->n);
    reader->n += piece->n;
    return true;
}

static void
end_history(struct reader *reader)
{
    past_release(reader->past);
    reader->past = NULL;
}

void
reader_cut_history(struct reader *reader)
{
    struct maker *maker = reader->maker;
    struct piece piece = {0};
    end_history(reader);
    record_write_coming(maker->writer, 0, &maker->aside);
    if (maker_piece(maker, reader->packed, false, &piece)) {
        reader_push(reader, &piece);
    }
    piece_done(&piece);
}

void
reader_send_history(struct reader *reader)
{
    struct maker *maker = reader->maker;
    struct piece piece;
    while (reader->past != NULL && http_stream_queued(reader->stream) == 0) {
        bool good = past_next(reader->past, &reader->place, maker, &piece);
        bool more = good && piece.bytes != NULL && reader_push(reader, &piece) &&
                    reader->place.part != PAST_END;
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
    struct maker *maker = reader->maker;
    trace_feed_write(&reader->traces, maker->picture->traces, maker->writer, &maker->aside);
    if (reader->traces.past != reader->traces_come) {
        reader->traces_come = reader->traces.past;
        record_write_coming(maker->writer, reader->traces_come ? LINK_REQUESTS_COME : 0,
                            &maker->aside);
    }
}

void
reader_send_traces(struct reader *reader)
{
    struct maker *maker = reader->maker;
    bool wanted = reader->joined && !reader->behind && reader->past == NULL &&
                  reader->interest.requests && maker->picture->traces != NULL;
    bool more = wanted;
    while (more && http_stream_queued(reader->stream) == 0) {
        struct piece piece = {0};
        write_traces(reader);
        more = maker->aside.n > 0 && maker_piece(maker, reader->packed, false, &piece) &&
               reader_push(reader, &piece);
        buf_clear(&maker->aside);
        piece_done(&piece);
    }
}

bool
reader_is_stuck(struct reader *reader)
{
    int64_t now_ns = reader->maker->picture->mono_ns;
    uint64_t sent = http_stream_sent(reader->stream);
    if (http_stream_queued(reader->stream) == 0 || sent - reader->pace_sent >= PACE_BYTES) {
        reader->pace_ns = now_ns;
        reader->pace_sent = sent;
    }
    return now_ns - reader->pace_ns > PACE_NS;
}

void
reader_end(struct reader *reader)
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
reader_free(struct reader *reader)
{
    http_bytes_release(reader->first);
    past_release(reader->past);
    free(reader);
}
