/* The wire.
 *
 * A frame is a length of 4 bytes, the highest first, and so many bytes: 'p', a control tuple and
 * for messages a payload, each begun with 131. A frame of no bytes is a tick, which is answered
 * with another: whoever is silent for a minute is taken for dead there.
 *
 * Invariant: a number is in use by one request at a time, and 28 bits of numbers go round in years.
 */
#include "beam_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define ROOM_BYTES 65536
#define WAITING_BYTES_MAX ((size_t)4 << 20)
#define FRAME_OUT_BYTES_MAX ((size_t)1 << 20)
#define NUMBER_BITS 15 /* of a pid's first number; 13 more are in the second */
#define NUMBER_MASK ((1u << 28) - 1)
#define VERSION_BYTE ((char)131)
#define PASS_THROUGH 'p'

enum control { CONTROL_SEND = 2, CONTROL_REG_SEND = 6, CONTROL_SEND_SENDER = 22 };

struct request {
    uint32_t number; /* 0: free */
    int64_t until_ns;
    void *context;
    beam_answer *answer;
};

struct beam_wire {
    uv_tcp_t stream;
    uv_timer_t timer;
    unsigned open; /* handles that are not closed yet */
    bool ended, freed;
    struct beam_wire_setup setup;
    char node[256];
    struct request requests[BEAM_REQUESTS_MAX];
    uint32_t number;
    struct buf frame; /* what came of the frame, from its length on */
    char room[ROOM_BYTES];
    int64_t heard_ns;
};

/* ---- requests ---- */

static void schedule(struct beam_wire *wire);

static void
finish(struct request *request, enum beam_outcome outcome, struct str value)
{
    struct request copy = *request;
    *request = (struct request){0};
    copy.answer(copy.context, outcome, value);
}

static void
on_late(uv_timer_t *timer)
{
    struct beam_wire *wire = timer->data;
    int64_t now_ns = clock_mono_ns();
    for (size_t i = 0; i < BEAM_REQUESTS_MAX && !wire->freed; i++) {
        if (wire->requests[i].number != 0 && wire->requests[i].until_ns <= now_ns) {
            finish(&wire->requests[i], BEAM_LATE, (struct str){"", 0});
        }
    }
    if (!wire->freed) {
        schedule(wire);
    }
}

/* The timer waits for the first of them. */
static void
schedule(struct beam_wire *wire)
{
    int64_t first_ns = INT64_MAX;
    for (size_t i = 0; i < BEAM_REQUESTS_MAX; i++) {
        if (wire->requests[i].number != 0) {
            first_ns = MIN(first_ns, wire->requests[i].until_ns);
        }
    }
    if (first_ns == INT64_MAX || wire->ended) {
        uv_timer_stop(&wire->timer);
        return;
    }
    int64_t wait_ns = MAX(first_ns - clock_mono_ns(), 0);
    uv_update_time(wire->setup.loop);
    uv_timer_start(&wire->timer, on_late, (uint64_t)(wait_ns / NS_PER_MS) + 1, 0);
}

/* What a request comes to that cannot be made. */
static enum beam_outcome
hindrance(const struct beam_wire *wire)
{
    return wire->ended ? BEAM_GONE : BEAM_BUSY;
}

static struct request *
new_request(struct beam_wire *wire, int64_t patience_ns, void *context, beam_answer *answer)
{
    for (size_t i = 0; i < BEAM_REQUESTS_MAX && !wire->ended; i++) {
        struct request *request = &wire->requests[i];
        if (request->number == 0) {
            wire->number = (wire->number + 1) & NUMBER_MASK;
            wire->number += wire->number == 0;
            *request =
                (struct request){wire->number, clock_mono_ns() + patience_ns, context, answer};
            return request;
        }
    }
    answer(context, hindrance(wire), (struct str){"", 0});
    return NULL;
}

/* ---- the end ---- */

static void
on_closed(uv_handle_t *handle)
{
    struct beam_wire *wire = handle->data;
    if (--wire->open == 0 && wire->freed) {
        buf_done(&wire->frame);
        free(wire);
    }
}

static void
close_handles(struct beam_wire *wire)
{
    if (!uv_is_closing((uv_handle_t *)&wire->stream)) {
        uv_close((uv_handle_t *)&wire->stream, on_closed);
        uv_close((uv_handle_t *)&wire->timer, on_closed);
    }
}

static void
give_up(struct beam_wire *wire)
{
    for (size_t i = 0; i < BEAM_REQUESTS_MAX; i++) {
        if (wire->requests[i].number != 0) {
            finish(&wire->requests[i], BEAM_GONE, (struct str){"", 0});
        }
    }
}

static void
end(struct beam_wire *wire, const char *why)
{
    if (wire->ended) {
        return;
    }
    wire->ended = true;
    close_handles(wire);
    give_up(wire);
    if (!wire->freed) {
        wire->setup.ended(wire->setup.context, why);
    }
}

/* ---- out ---- */

struct sent {
    uv_write_t request;
    struct buf bytes;
};

static void
on_sent(uv_write_t *request, int status)
{
    struct sent *sent = (struct sent *)request;
    (void)status; /* the reading side says what there is to say */
    buf_done(&sent->bytes);
    free(sent);
}

static struct sent *
sent_new(void)
{
    struct sent *sent = calloc(1, sizeof(*sent));
    if (sent != NULL) {
        buf_init(&sent->bytes, FRAME_OUT_BYTES_MAX);
        buf_add(&sent->bytes, "\0\0\0\0", 4);
    }
    return sent;
}

/* Writes the length and lets it go. False when it cannot be sent. */
static bool
send_off(struct beam_wire *wire, struct sent *sent)
{
    bool room = uv_stream_get_write_queue_size((uv_stream_t *)&wire->stream) < WAITING_BYTES_MAX;
    if (sent->bytes.full || wire->ended || !room) {
        buf_done(&sent->bytes);
        free(sent);
        return false;
    }
    size_t n = sent->bytes.n - 4;
    for (size_t i = 0; i < 4; i++) {
        sent->bytes.data[i] = (char)(n >> (24 - 8 * i));
    }
    uv_buf_t part = uv_buf_init(sent->bytes.data, (unsigned)sent->bytes.n);
    if (uv_write(&sent->request, (uv_stream_t *)&wire->stream, &part, 1, on_sent) != 0) {
        buf_done(&sent->bytes);
        free(sent);
        return false;
    }
    return true;
}

static struct etf_pid
our_pid(const struct beam_wire *wire, uint32_t number)
{
    return (struct etf_pid){.node = wire->node,
                            .id = number & ((1u << NUMBER_BITS) - 1),
                            .serial = number >> NUMBER_BITS,
                            .creation = wire->setup.creation};
}

static uint32_t
number_of(const struct etf_term *pid)
{
    return ((uint32_t)pid->serial << NUMBER_BITS | (uint32_t)pid->integer) & NUMBER_MASK;
}

static void
put_begin(struct buf *out)
{
    buf_putc(out, PASS_THROUGH);
    buf_putc(out, VERSION_BYTE);
}

static void
put_send(struct buf *out, const struct etf_pid *to)
{
    put_begin(out);
    etf_put_tuple(out, 3);
    etf_put_integer(out, CONTROL_SEND);
    etf_put_atom(out, "");
    etf_put_pid(out, to);
    buf_putc(out, VERSION_BYTE);
}

static void
dispatch(struct beam_wire *wire, struct sent *sent, struct request *request)
{
    if (sent != NULL && send_off(wire, sent)) {
        schedule(wire);
    } else if (request != NULL) {
        finish(request, hindrance(wire), (struct str){"", 0});
    }
}

void
beam_wire_call(struct beam_wire *wire, const char *module, const char *function,
               struct str arguments, unsigned count, int64_t patience_ns, void *context,
               beam_answer *answer)
{
    struct request *request = new_request(wire, patience_ns, context, answer);
    struct sent *sent = request != NULL ? sent_new() : NULL;
    if (sent != NULL) {
        struct buf *out = &sent->bytes;
        struct etf_pid own = our_pid(wire, request->number);
        put_begin(out);
        etf_put_tuple(out, 4);
        etf_put_integer(out, CONTROL_REG_SEND);
        etf_put_pid(out, &own);
        etf_put_atom(out, "");
        etf_put_atom(out, "rex");
        buf_putc(out, VERSION_BYTE);
        etf_put_tuple(out, 2);
        etf_put_pid(out, &own);
        etf_put_tuple(out, 5);
        etf_put_atom(out, "call");
        etf_put_atom(out, module);
        etf_put_atom(out, function);
        if (count > 0) {
            etf_put_list(out, count);
            buf_add(out, arguments.p, arguments.n);
        }
        etf_put_nil(out);
        etf_put_atom(out, "user");
    }
    dispatch(wire, sent, request);
}

void
beam_wire_ask(struct beam_wire *wire, const struct etf_pid *to, const char *tag,
              struct str arguments, unsigned count, int64_t patience_ns, void *context,
              beam_answer *answer)
{
    struct request *request = new_request(wire, patience_ns, context, answer);
    struct sent *sent = request != NULL ? sent_new() : NULL;
    if (sent != NULL) {
        struct buf *out = &sent->bytes;
        struct etf_pid own = our_pid(wire, request->number);
        put_send(out, to);
        etf_put_tuple(out, 3 + count);
        etf_put_atom(out, tag);
        etf_put_pid(out, &own);
        etf_put_integer(out, request->number);
        buf_add(out, arguments.p, arguments.n);
    }
    dispatch(wire, sent, request);
}

void
beam_wire_tell(struct beam_wire *wire, const struct etf_pid *to, const char *atom)
{
    struct sent *sent = sent_new();
    if (sent != NULL) {
        put_send(&sent->bytes, to);
        etf_put_atom(&sent->bytes, atom);
    }
    dispatch(wire, sent, NULL);
}

/* ---- in ---- */

static struct request *
request_of(struct beam_wire *wire, uint32_t number)
{
    for (size_t i = 0; number != 0 && i < BEAM_REQUESTS_MAX; i++) {
        if (wire->requests[i].number == number) {
            return &wire->requests[i];
        }
    }
    return NULL;
}

/* {rex, Value} or {Number, Value}: whose number it is not, it does not answer. */
static void
take_answer(struct request *request, struct str payload)
{
    struct str at = payload, first, value, inside;
    struct etf_term head;
    int64_t number;
    if (!etf_tuple(&at, 2) || !etf_skip(&at, &first) || !etf_skip(&at, &value)) {
        return;
    }
    if (etf_integer(&first, &number) ? number != request->number : !etf_is_atom(first, "rex")) {
        return;
    }
    inside = value;
    bool failed = etf_next(&inside, &head) && head.type == ETF_TUPLE && head.children == 2 &&
                  etf_is_atom(inside, "badrpc");
    if (failed) {
        etf_skip(&inside, NULL);
        value = inside;
    }
    finish(request, failed ? BEAM_FAILED : BEAM_ANSWERED, value);
}

/* False when it is no frame of the protocol. */
static bool
take_frame(struct beam_wire *wire, struct str frame)
{
    struct etf_term head, pid;
    int64_t control;
    if (frame.n < 2 || frame.p[0] != PASS_THROUGH || frame.p[1] != VERSION_BYTE) {
        return false;
    }
    struct str at = {frame.p + 2, frame.n - 2}, whole;
    if (!etf_skip(&at, &whole) || !etf_next(&whole, &head) || head.type != ETF_TUPLE ||
        !etf_integer(&whole, &control)) {
        return false;
    }
    bool message = control == CONTROL_SEND || control == CONTROL_SEND_SENDER;
    if (!message || head.children != 3 || !etf_skip(&whole, NULL) || !etf_next(&whole, &pid) ||
        pid.type != ETF_PID) {
        return true; /* links and monitors are no business of ours */
    }
    if (at.n < 1 || at.p[0] != VERSION_BYTE) {
        return false;
    }
    struct request *request = request_of(wire, number_of(&pid));
    if (request != NULL) {
        take_answer(request, (struct str){at.p + 1, at.n - 1});
    }
    return true;
}

/* What waits to be sent is a sign of life as well: ticks beside it would only pile up. */
static void
answer_tick(struct beam_wire *wire)
{
    bool waits = uv_stream_get_write_queue_size((uv_stream_t *)&wire->stream) > 0;
    struct sent *sent = waits ? NULL : sent_new();
    if (sent != NULL) {
        send_off(wire, sent);
    }
}

/* Whole frames out of what has come; what follows the last of them stays. */
static void
take_frames(struct beam_wire *wire)
{
    size_t at = 0;
    while (!wire->ended && wire->frame.n - at >= 4) {
        const unsigned char *p = (const unsigned char *)wire->frame.data + at;
        size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (n > BEAM_FRAME_BYTES_MAX) {
            end(wire, "it sent a message of more than 64 MiB, which nobody asked for");
            return;
        }
        if (wire->frame.n - at - 4 < n) {
            break;
        }
        if (n == 0) {
            answer_tick(wire);
        } else if (!take_frame(wire, (struct str){(const char *)p + 4, n})) {
            end(wire, "what it sends is not the distribution protocol of Erlang");
            return;
        }
        at += 4 + n;
    }
    if (wire->ended || at == 0) {
        return;
    }
    memmove(wire->frame.data, wire->frame.data + at, wire->frame.n - at);
    wire->frame.n -= at;
    if (wire->frame.n == 0 && wire->frame.capacity > ROOM_BYTES * 4) {
        buf_done(&wire->frame); /* a large answer is rare */
        buf_init(&wire->frame, BEAM_FRAME_BYTES_MAX + ROOM_BYTES + 8);
    }
}

static void
on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    struct beam_wire *wire = handle->data;
    (void)wanted;
    *ret = uv_buf_init(wire->room, sizeof(wire->room));
}

static void
on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct beam_wire *wire = stream->data;
    if (n == 0 || wire->ended) {
        return;
    }
    if (n < 0) {
        end(wire, "it has closed the connection");
        return;
    }
    wire->heard_ns = clock_mono_ns();
    buf_add(&wire->frame, bytes->base, (size_t)n);
    if (wire->frame.full) {
        end(wire, "there is no memory for what it sends");
        return;
    }
    take_frames(wire);
    if (!wire->ended) {
        schedule(wire);
    }
}

struct beam_wire *
beam_wire_new(const struct beam_wire_setup *setup)
{
    struct beam_wire *wire = calloc(1, sizeof(*wire));
    if (wire == NULL) {
        close(setup->fd);
        return NULL;
    }
    wire->setup = *setup;
    str_copy(str_from(setup->node), wire->node, sizeof(wire->node));
    wire->setup.node = wire->node;
    wire->open = 2;
    wire->heard_ns = clock_mono_ns();
    buf_init(&wire->frame, BEAM_FRAME_BYTES_MAX + ROOM_BYTES + 8);
    uv_tcp_init(setup->loop, &wire->stream);
    uv_timer_init(setup->loop, &wire->timer);
    wire->stream.data = wire->timer.data = wire;
    if (uv_tcp_open(&wire->stream, setup->fd) != 0) {
        close(setup->fd);
        beam_wire_free(wire);
        return NULL;
    }
    uv_tcp_nodelay(&wire->stream, 1);
    uv_read_start((uv_stream_t *)&wire->stream, on_room, on_bytes);
    return wire;
}

void
beam_wire_free(struct beam_wire *wire)
{
    if (wire == NULL) {
        return;
    }
    bool closed = wire->open == 0;
    wire->freed = true;
    if (!wire->ended) {
        end(wire, "");
    }
    if (closed) {
        buf_done(&wire->frame);
        free(wire);
    }
}

int64_t
beam_wire_heard_ns(const struct beam_wire *wire)
{
    return wire->heard_ns;
}
