/* A reader of the record stream: what it heard, taken apart to the last byte. */
#ifndef FLAMETOP_TESTS_AGENT_HEARD_H
#define FLAMETOP_TESTS_AGENT_HEARD_H

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "flametop/core/record.h"
#include "flametop/core/trace.h"
#include "streamed.h"

#define TURNS 5000 /* of the loop, a millisecond each, before a test gives up */

struct client {
    int fd;
    bool packed, head_read, ended; /* ended: by the last chunk of the body */
    struct buf raw;                /* what was not taken apart yet */
    z_stream inflater;
    bool gzip_ended;
    struct catalog *catalog;
    struct record_reader *reader;

    char order[4096]; /* h hello, b batch, t tick, c o chunks, k kept rows, H R E what comes:
                         a letter for each */
    char instance[64], host[64];
    unsigned hellos, batches, ticks;
    size_t rows;
    int64_t batch_ns, tick_ns, last_chunk_ns[2];
    unsigned chunk_ticks[2]; /* of cpu, of other */
    unsigned kept_ticks;     /* of the processes */
    int64_t oldest_ns;
    unsigned traces;
    int64_t newest_trace_ns, oldest_trace_ns; /* the latest start; that of the last that came */
    bool disordered;
};

static inline void
note(struct client *client, char letter)
{
    size_t n = strlen(client->order);
    if (n + 1 < sizeof(client->order)) {
        client->order[n] = letter;
    }
}

static inline void
on_hello(void *context, const struct record_hello *hello)
{
    struct client *client = context;
    snprintf(client->instance, sizeof(client->instance), "%s", hello->instance);
    snprintf(client->host, sizeof(client->host), "%s", hello->host.name);
    client->hellos++;
    note(client, 'h');
}

static inline void
on_record_batch(void *context, const char *source, const struct batch *batch)
{
    struct client *client = context;
    note(client, 'b');
    client->batches++;
    client->disordered |= batch->at.mono_ns < client->batch_ns;
    client->batch_ns = batch->at.mono_ns;
    if (strcmp(source, "cpu") == 0) {
        client->rows = batch->tables[0]->count;
    }
}

static inline void
on_chunk(void *context, const char *source, struct chunk *chunk)
{
    struct client *client = context;
    int which = strcmp(source, "other") == 0;
    note(client, which ? 'o' : 'c');
    int64_t before = client->last_chunk_ns[which];
    client->disordered |= before != 0 && chunk->last_ns >= before;
    client->disordered |= client->batch_ns != 0 && chunk->last_ns >= client->batch_ns;
    client->last_chunk_ns[which] = chunk->first_ns;
    client->oldest_ns = chunk->first_ns;
    client->chunk_ticks[which] += (unsigned)chunk->ticks;
}

static inline void
on_kept(void *context, const struct kept_part *part)
{
    struct client *client = context;
    if (strcmp(part->def->name, "processes") == 0) {
        note(client, 'k');
        client->kept_ticks += (unsigned)part->chunk->ticks;
        client->disordered |= part->chunk->last_ns >= client->batch_ns;
    }
}

static inline void
on_tick(void *context, const struct record_tick *at)
{
    struct client *client = context;
    client->ticks++;
    client->disordered |= at->at.mono_ns <= client->tick_ns;
    client->tick_ns = at->at.mono_ns;
    note(client, 't');
}

/* What is still on its way is told among what comes. */
static inline void
on_coming(void *context, unsigned coming)
{
    struct client *client = context;
    note(client, coming == LINK_HISTORY_COMES ? 'H' : coming == LINK_REQUESTS_COME ? 'R' : 'E');
}

static inline void
on_trace(void *context, const void *bytes, size_t n)
{
    struct client *client = context;
    struct trace *trace = malloc(n);
    memcpy(trace, bytes, n);
    assert_true(trace_check(trace, n));
    client->traces++;
    client->newest_trace_ns = MAX(client->newest_trace_ns, trace->start_ns);
    client->oldest_trace_ns = trace->start_ns;
    free(trace);
}

static inline int
dial(struct bench *bench)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(bench->server, 0)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int little = 4096, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static inline void
client_open(struct client *client, struct bench *bench, const char *arguments, bool packed)
{
    *client = (struct client){.fd = dial(bench), .packed = packed};
    struct record_events events = {.context = client,
                                   .hello = on_hello,
                                   .batch = on_record_batch,
                                   .chunk = on_chunk,
                                   .kept = on_kept,
                                   .tick = on_tick,
                                   .trace = on_trace,
                                   .coming = on_coming};
    char request[300];
    int n =
        snprintf(request, sizeof(request), "GET /stream?%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                 arguments, packed ? "Accept-Encoding: gzip\r\n" : "");
    assert_int_equal(send(client->fd, request, (size_t)n, 0), n);
    buf_init(&client->raw, 64 << 20);
    assert_int_equal(inflateInit2(&client->inflater, 15 + 16), Z_OK);
    client->catalog = catalog_new(100);
    client->reader = record_reader_new(client->catalog, &events);
}

static inline void
client_close(struct client *client)
{
    record_reader_free(client->reader);
    catalog_free(client->catalog);
    inflateEnd(&client->inflater);
    buf_done(&client->raw);
    close(client->fd);
}

static inline void
feed(struct client *client, const void *bytes, size_t n)
{
    if (record_reader_feed(client->reader, bytes, n) != 0) {
        fail_msg("%s", record_reader_why(client->reader));
    }
}

static inline void
unpack(struct client *client, char *bytes, size_t n)
{
    static unsigned char plain[1 << 16];
    if (!client->packed) {
        feed(client, bytes, n);
        return;
    }
    client->inflater.next_in = (Bytef *)bytes;
    client->inflater.avail_in = (uInt)n;
    do {
        client->inflater.next_out = plain;
        client->inflater.avail_out = sizeof(plain);
        int result = inflate(&client->inflater, Z_SYNC_FLUSH);
        assert_true(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        client->gzip_ended |= result == Z_STREAM_END;
        feed(client, plain, sizeof(plain) - client->inflater.avail_out);
    } while (client->inflater.avail_out == 0);
}

static inline void
drop(struct buf *buf, size_t n)
{
    memmove(buf->data, buf->data + n, buf->n - n);
    buf->n -= n;
}

/* The chunks of the body as far as they are whole. */
static inline void
take_apart(struct client *client)
{
    struct buf *raw = &client->raw;
    buf_putc(raw, '\0');
    raw->n--;
    const char *body = client->head_read ? raw->data : strstr(raw->data, "\r\n\r\n");
    if (body == NULL) {
        return;
    }
    if (!client->head_read) {
        assert_non_null(strstr(raw->data, "200 OK"));
        assert_non_null(strstr(raw->data, "application/x-flametop"));
        assert_true((strstr(raw->data, "Content-Encoding: gzip") != NULL) == client->packed);
        client->head_read = true;
        drop(raw, (size_t)(body + 4 - raw->data));
    }
    for (;;) {
        char *end = memmem(raw->data, raw->n, "\r\n", 2);
        size_t size = end != NULL ? strtoul(raw->data, NULL, 16) : 0;
        size_t from = end != NULL ? (size_t)(end + 2 - raw->data) : 0;
        if (end == NULL || raw->n < from + size + 2) {
            return;
        }
        client->ended |= size == 0;
        unpack(client, raw->data + from, size);
        drop(raw, from + size + 2);
    }
}

static inline void
turn(struct bench *bench, struct client *client)
{
    static char bytes[1 << 18];
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    ssize_t n = client != NULL ? recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT) : 0;
    if (n > 0) {
        buf_add(&client->raw, bytes, (size_t)n);
        take_apart(client);
    }
}

/* Until so many ticks came, and so many ticks of history of the other source. */
static inline void
hear(struct bench *bench, struct client *client, unsigned ticks, unsigned history)
{
    for (int i = 0; i < TURNS; i++) {
        if (client->ticks >= ticks && client->chunk_ticks[1] >= history) {
            return;
        }
        turn(bench, client);
        usleep(1000);
    }
    fail_msg("only %u ticks and %u of history came: %s", client->ticks, client->chunk_ticks[1],
             client->order);
}

/* So that what was pushed is on its way, and nothing more comes. */
static inline void
settle(struct bench *bench, struct client *client)
{
    for (int i = 0; i < 50; i++) {
        turn(bench, client);
        usleep(1000);
    }
}

#endif
