/* The record stream for many readers, over real connections: what a reader gets and when, that the
 * bytes are the same packed and plain, who comes back, who does not read, who looks at what. */
#include "../check.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#include "../../src/agent/hub.h"
#include "../../src/agent/traces.h"
#include "flametop/base/macros.h"
#include "flametop/core/record.h"
#include "flametop/core/span.h"
#include "flametop/engine/collector.h"
#include "flametop/trace/store.h"

#define TURNS 5000 /* of the loop, a millisecond each, before a test gives up */
#define ROWS_MAX 3000
#define CHUNKS_MAX 64

static const struct metric metrics[] = {
    {.name = "t.time", .unit = "s", .labels = "", .kind = METRIC_COUNTER, .text = "A sentence."}};
static const struct column columns[] = {
    {"process.pid", "PID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"process.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 10},
    {"process.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
};
static const struct table_def processes = {"processes",         "Processes", "", columns,
                                           ARRAY_SIZE(columns), 2,           4};
static const struct table_def *const tables[] = {&processes};

struct world {
    int64_t mono_ns;
    size_t rows;
    uint64_t noise;
    int64_t age_ns; /* of what the other source brings */
};

static struct world world;

static struct instant
world_now(void *context)
{
    struct world *w = context;
    return (struct instant){w->mono_ns, w->mono_ns + INT64_C(1700000000) * NS_PER_S, w->mono_ns};
}

static int
source_open(const struct source_setup *setup, void **ret_state, char *why, size_t size)
{
    (void)setup;
    (void)why;
    (void)size;
    *ret_state = &world;
    return 0;
}

static enum source_step
source_poll(void *state, struct batch *batch)
{
    struct world *w = state;
    batch_put(batch, &metrics[0], "", (double)w->mono_ns / 1e9);
    struct table *table = batch_table(batch, &processes, w->rows);
    for (size_t i = 0; i < w->rows; i++) {
        union cell *row = table_add(table, batch->arena);
        w->noise = w->noise * UINT64_C(6364136223846793005) + 1;
        row[0].integer = 100 + (int64_t)i;
        row[1].text = "name";
        row[2].real = (double)(w->noise >> 11) / 1e15;
    }
    return SOURCE_DONE;
}

static void
source_close(void *state)
{
    (void)state;
}

/* "cpu": the history of the cards comes first. */
static const struct source cards = {.name = "cpu",
                                    .text = "",
                                    .metrics = metrics,
                                    .metric_count = 1,
                                    .tables = tables,
                                    .table_count = 1,
                                    .open = source_open,
                                    .poll = source_poll,
                                    .close = source_close};
static enum source_step
other_poll(void *state, struct batch *batch)
{
    const struct world *w = state;
    batch->at.mono_ns -= w->age_ns;
    batch_put(batch, &metrics[0], "", (double)w->mono_ns / 1e9);
    return SOURCE_DONE;
}

static const struct source other = {.name = "other",
                                    .text = "",
                                    .metrics = metrics,
                                    .metric_count = 1,
                                    .open = source_open,
                                    .poll = other_poll,
                                    .close = source_close};
static const struct source *const sources[] = {&cards, &other};

struct bench {
    uv_loop_t loop;
    struct catalog *catalog;
    struct collector *collector;
    struct http_server *server;
    struct hub *hub;
    struct interest interest;
    unsigned interests;
};

static void
on_interest(void *context, const struct interest *interest)
{
    struct bench *bench = context;
    bench->interest = *interest;
    bench->interests++;
}

static void
on_request(void *context, const struct http_message *message)
{
    struct bench *bench = context;
    if (strcmp(message->path, "/stream") == 0) {
        hub_answer_stream(bench->hub, message);
    } else {
        hub_answer_interest(bench->hub, message);
    }
}

static void
on_batch(void *context, const char *source, const struct batch *batch)
{
    struct bench *bench = context;
    hub_batch(bench->hub, source, batch);
}

static void
tick(struct bench *bench)
{
    world.mono_ns += NS_PER_S;
    struct picture *picture = collector_tick(bench->collector);
    hub_picture(bench->hub, picture);
    picture_release(picture);
}

static int
setup(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    char why[200] = "";
    struct bench *bench = calloc(1, sizeof(*bench));
    uv_loop_init(&bench->loop);
    world = (struct world){.mono_ns = 1000 * NS_PER_S, .rows = 3};
    bench->catalog = catalog_new(100);
    struct collector_options options = {.catalog = bench->catalog,
                                        .roots = {"/proc", "/sys", "/sys/fs/cgroup"},
                                        .clock = {world_now, &world},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = ARRAY_SIZE(sources),
                                        .traces = &(struct trace_store_options){.bytes_max = 0},
                                        .tap = {bench, on_batch}};
    bench->collector = collector_new(&options);
    struct hub_setup hub = {.instance = "this-one", .context = bench, .interest = on_interest};
    bench->hub = hub_new(&hub);
    struct http_server_options server = {.loop = &bench->loop,
                                         .listen = listen,
                                         .listen_count = 1,
                                         .body_max = 1 << 16,
                                         .context = bench,
                                         .handle = on_request};
    bench->server = http_server_new(&server, why, sizeof(why));
    if (bench->server == NULL) {
        fail_msg("%s", why);
    }
    *state = bench;
    return 0;
}

static int
teardown(void **state)
{
    struct bench *bench = *state;
    hub_end(bench->hub);
    http_server_free(bench->server);
    hub_free(bench->hub);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    collector_free(bench->collector);
    catalog_free(bench->catalog);
    free(bench);
    return 0;
}

/* ---- a reader ---- */

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

static void
note(struct client *client, char letter)
{
    size_t n = strlen(client->order);
    if (n + 1 < sizeof(client->order)) {
        client->order[n] = letter;
    }
}

static void
on_hello(void *context, const struct record_hello *hello)
{
    struct client *client = context;
    snprintf(client->instance, sizeof(client->instance), "%s", hello->instance);
    snprintf(client->host, sizeof(client->host), "%s", hello->host.name);
    client->hellos++;
    note(client, 'h');
}

static void
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

static void
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

static void
on_kept(void *context, const struct kept_part *part)
{
    struct client *client = context;
    if (strcmp(part->def->name, "processes") == 0) {
        note(client, 'k');
        client->kept_ticks += (unsigned)part->chunk->ticks;
        client->disordered |= part->chunk->last_ns >= client->batch_ns;
    }
}

static void
on_tick(void *context, const struct record_tick *at)
{
    struct client *client = context;
    client->ticks++;
    client->disordered |= at->at.mono_ns <= client->tick_ns;
    client->tick_ns = at->at.mono_ns;
    note(client, 't');
}

/* What is still on its way is told among what comes. */
static void
on_coming(void *context, unsigned coming)
{
    struct client *client = context;
    note(client, coming == LINK_HISTORY_COMES ? 'H' : coming == LINK_REQUESTS_COME ? 'R' : 'E');
}

static void
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

static int
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

static void
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

static void
client_close(struct client *client)
{
    record_reader_free(client->reader);
    catalog_free(client->catalog);
    inflateEnd(&client->inflater);
    buf_done(&client->raw);
    close(client->fd);
}

static void
feed(struct client *client, const void *bytes, size_t n)
{
    if (record_reader_feed(client->reader, bytes, n) != 0) {
        fail_msg("%s", record_reader_why(client->reader));
    }
}

static void
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

static void
drop(struct buf *buf, size_t n)
{
    memmove(buf->data, buf->data + n, buf->n - n);
    buf->n -= n;
}

/* The chunks of the body as far as they are whole. */
static void
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

static void
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
static void
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
static void
settle(struct bench *bench, struct client *client)
{
    for (int i = 0; i < 50; i++) {
        turn(bench, client);
        usleep(1000);
    }
}

static void
ticks(struct bench *bench, int count)
{
    while (count-- > 0) {
        tick(bench);
    }
}

/* ---- the tests ---- */

/* The picture with the newest of the cards, then history newest first, that of the cards before the
 * rest, then each tick. */
static void
check_whole(struct bench *bench, bool packed)
{
    struct client client;
    ticks(bench, 200);
    client_open(&client, bench, "", packed);
    hear(bench, &client, 1, 199);
    settle(bench, &client);
    assert_string_equal(client.order, "hHccbbtcccooookkkkE");
    assert_string_equal(client.instance, "this-one");
    assert_int_equal(client.chunk_ticks[0], 199);
    assert_int_equal(client.kept_ticks, 199);
    assert_true(client.oldest_ns == 1001 * NS_PER_S);
    assert_true(client.tick_ns == 1200 * NS_PER_S);
    assert_int_equal(client.rows, 3);
    ticks(bench, 3);
    hear(bench, &client, 4, 199);
    assert_string_equal(client.order + 19, "bbtbbtbbt");
    assert_true(client.tick_ns == 1203 * NS_PER_S && !client.disordered);
    assert_int_equal(client.chunk_ticks[1], 199);
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    assert_int_equal(hub_counts(bench->hub).ticks_dropped, 0);
    hub_end(bench->hub);
    settle(bench, &client);
    assert_true(client.ended && client.gzip_ended == packed);
    client_close(&client);
}

static void
test_hub__first_the_picture_then_history_then_ticks(void **state)
{
    check_whole(*state, false);
}

static void
test_hub__packed_it_is_the_same_and_ends_well(void **state)
{
    check_whole(*state, true);
}

static void
test_hub__history_reaches_as_far_as_asked(void **state)
{
    struct bench *bench = *state;
    struct client client;
    ticks(bench, 200);
    client_open(&client, bench, "span=10s", true);
    hear(bench, &client, 1, 9);
    settle(bench, &client);
    assert_true(client.oldest_ns == 1191 * NS_PER_S && client.chunk_ticks[0] == 9);
    assert_int_equal(client.kept_ticks, 9);
    client_close(&client);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    settle(bench, &client);
    assert_string_equal(client.order, "hbbt");
    client_close(&client);
}

static void
test_hub__who_comes_back_gets_what_it_missed(void **state)
{
    struct bench *bench = *state;
    struct client client;
    ticks(bench, 200);
    client_open(&client, bench, "instance=this-one&since=1150000000000", true);
    hear(bench, &client, 1, 49);
    settle(bench, &client);
    assert_int_equal(client.chunk_ticks[0], 49);
    assert_true(client.oldest_ns == 1151 * NS_PER_S && !client.disordered);
    client_close(&client);
    client_open(&client, bench, "instance=another&since=1150000000000", true);
    hear(bench, &client, 1, 199);
    client_close(&client);
}

/* What they are sent is made once, as far as they want the same. */
static void
test_hub__readers_that_join_together_each_get_what_they_asked(void **state)
{
    struct bench *bench = *state;
    struct client clients[6];
    static const char *const spans[] = {"span=30s", "span=100s"};
    ticks(bench, 200);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_open(&clients[i], bench, spans[i / 2 % 2], i % 2 == 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        hear(bench, &clients[i], 1, i / 2 % 2 == 0 ? 29 : 99);
    }
    ticks(bench, 2);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        hear(bench, &clients[i], 3, 0);
        assert_int_equal(clients[i].chunk_ticks[0], i / 2 % 2 == 0 ? 29 : 99);
        assert_int_equal(clients[i].chunk_ticks[0], clients[i].chunk_ticks[1]);
        assert_true(clients[i].rows == 3 && !clients[i].disordered);
        client_close(&clients[i]);
    }
}

/* Requests that each take 1 s, one a second. */
static void
send_traces(struct bench *bench, int from, int count)
{
    static const struct span_resource resource = {.service = {"shop", 4}};
    struct span_sink sink = collector_span_sink(bench->collector);
    for (int i = from; i < from + count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "request-%d", i);
        struct span span = {.trace_id = str_from(id),
                            .span_id = STR("a"),
                            .name = STR("GET /x"),
                            .start_ns = i * NS_PER_S,
                            .end_ns = (i + 1) * NS_PER_S,
                            .resource = &resource};
        assert_true(sink.span(sink.context, &span));
    }
}

/* Newest first what there was, then each new one, once; nothing for who does not look at them. */
static void
test_hub__who_looks_at_requests_is_sent_them(void **state)
{
    struct bench *bench = *state;
    struct client looks, not ;
    send_traces(bench, 1, 2000);
    ticks(bench, 3);
    client_open(&looks, bench, "span=0&requests=1", true);
    client_open(&not, bench, "span=0", false);
    hear(bench, &looks, 1, 0);
    hear(bench, &not, 1, 0);
    for (int i = 0; i < TURNS && looks.traces < 2000; i++) {
        turn(bench, &looks);
        usleep(1000);
    }
    settle(bench, &not );
    assert_int_equal(looks.traces, 2000);
    assert_int_equal(looks.newest_trace_ns, 2000 * NS_PER_S);
    assert_int_equal(looks.oldest_trace_ns, NS_PER_S);
    assert_int_equal(not .traces, 0);
    assert_string_equal(not .order, "hbbbt");
    assert_string_equal(looks.order, "hbbbtRE");
    send_traces(bench, 3001, 3);
    ticks(bench, 2);
    hear(bench, &looks, 3, 0);
    settle(bench, &looks);
    assert_int_equal(looks.traces, 2003);
    assert_int_equal(looks.newest_trace_ns, 3003 * NS_PER_S);
    client_close(&looks);
    client_close(&not );
}

static void
test_hub__who_was_there_before_the_first_picture_waits(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open(&client, bench, "", true);
    settle(bench, &client);
    assert_string_equal(client.order, "");
    ticks(bench, 2);
    hear(bench, &client, 2, 0);
    assert_string_equal(client.order, "hHbbtbbtE");
    client_close(&client);
}

/* A table is cut for the first screen, and whole with the tick after it. */
static void
test_hub__large_tables_come_whole_with_the_second_tick(void **state)
{
    struct bench *bench = *state;
    struct client client;
    world.rows = 200;
    ticks(bench, 2);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    assert_int_equal(client.rows, 50);
    tick(bench);
    hear(bench, &client, 2, 0);
    assert_int_equal(client.rows, 200);
    tick(bench);
    hear(bench, &client, 3, 0);
    assert_int_equal(client.rows, 200);
    client_close(&client);
}

/* What a node answers late is older than the tick before the one that it comes with. */
static void
test_hub__what_comes_late_comes_to_all(void **state)
{
    struct bench *bench = *state;
    struct client client;
    world.age_ns = 3 * NS_PER_S / 2;
    tick(bench);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    unsigned batches = client.batches;
    assert_true(batches >= 2);
    for (unsigned i = 2; i <= 4; i++) {
        tick(bench);
        hear(bench, &client, i, 0);
        assert_int_equal(client.batches, batches * i);
    }
    assert_true(record_reader_dropped(client.reader) == 0);
    client_close(&client);
}

static void
test_hub__another_host_is_told_to_all(void **state)
{
    struct bench *bench = *state;
    struct client client;
    struct host host = {
        .name = "shop@web-01", .system = "OTP 25", .kernel = "", .virtualization = ""};
    tick(bench);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    collector_set_host(bench->collector, &host);
    tick(bench);
    tick(bench);
    hear(bench, &client, 3, 0);
    assert_string_equal(client.host, "shop@web-01");
    assert_int_equal(client.hellos, 2);
    client_close(&client);
}

/* Who does not read loses whole ticks; the other gets each. Reading again, it is where all are. */
static void
test_hub__who_does_not_read_changes_nothing_for_others(void **state)
{
    struct bench *bench = *state;
    struct client mute, well;
    world.rows = ROWS_MAX;
    tick(bench);
    client_open(&mute, bench, "span=0", false);
    client_open(&well, bench, "span=0", false);
    hear(bench, &mute, 1, 0);
    hear(bench, &well, 1, 0);
    unsigned sent = 1;
    while (hub_counts(bench->hub).ticks_dropped < 20 && sent < 2000) {
        tick(bench);
        sent++;
        hear(bench, &well, sent, 0); /* fails when one is missing */
    }
    assert_in_range(sent, 20, 1999);
    assert_false(well.disordered);
    for (int i = 0; i < TURNS && mute.tick_ns < world.mono_ns; i++) {
        turn(bench, &mute);
        if (i % 100 == 99) {
            tick(bench);
        }
        usleep(1000);
    }
    assert_true(mute.tick_ns == world.mono_ns && mute.rows == ROWS_MAX && !mute.disordered);
    assert_in_range(mute.ticks, 2, sent - 1);
    client_close(&mute);
    client_close(&well);
    for (int i = 0; i < 100; i++) {
        tick(bench); /* that they left shows when something is sent */
        turn(bench, NULL);
        usleep(1000);
    }
    assert_int_equal(hub_counts(bench->hub).readers, 0);
}

/* Until the connection is closed from there. */
static void
hear_end(struct bench *bench, const struct client *client)
{
    char bytes[4096];
    for (int i = 0; i < TURNS; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return;
        }
        usleep(1000);
    }
    fail_msg("the connection is still open");
}

/* The loop does not turn meanwhile, so nothing that waits is taken. */
static void
test_hub__who_takes_nothing_for_long_is_let_go(void **state)
{
    struct bench *bench = *state;
    struct client mute;
    client_open(&mute, bench, "", false);
    settle(bench, &mute);
    ticks(bench, 60);
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    ticks(bench, 2);
    assert_int_equal(hub_counts(bench->hub).readers, 0);
    assert_int_equal(hub_counts(bench->hub).dropped_slow, 1);
    hear_end(bench, &mute);
    client_close(&mute);
}

static void
test_hub__who_takes_all_may_stay(void **state)
{
    struct bench *bench = *state;
    struct client well;
    client_open(&well, bench, "", true);
    settle(bench, &well);
    for (unsigned i = 1; i <= 150; i++) {
        tick(bench);
        hear(bench, &well, i, 0);
    }
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    client_close(&well);
}

static void
test_hub__history_is_not_held_for_ever(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open(&client, bench, "", false);
    settle(bench, &client);
    for (int i = 0; i < 200; i++) {
        world.mono_ns += NS_PER_S;
        picture_release(collector_tick(bench->collector));
    }
    tick(bench);
    assert_int_equal(hub_counts(bench->hub).histories_cut, 0);
    world.mono_ns += 600 * NS_PER_S;
    tick(bench);
    assert_int_equal(hub_counts(bench->hub).histories_cut, 1);
    client_close(&client);
}

/* Each wants another first picture, and there is room for one. */
static void
test_hub__first_pictures_that_wait_are_bounded(void **state)
{
    struct bench *bench = *state;
    struct client clients[3];
    static const char *const wishes[] = {"", "span=30s", "span=0"};
    hub_free(bench->hub);
    bench->hub = hub_new(&(struct hub_setup){
        .instance = "this-one", .context = bench, .interest = on_interest, .firsts_bytes_max = 1});
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_open(&clients[i], bench, wishes[i], i % 2 == 0);
        settle(bench, &clients[i]);
    }
    assert_int_equal(hub_counts(bench->hub).readers, 3);
    tick(bench);
    assert_int_equal(hub_counts(bench->hub).dropped_memory, 2);
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    hear(bench, &clients[0], 1, 0);
    hear_end(bench, &clients[1]);
    hear_end(bench, &clients[2]);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_close(&clients[i]);
    }
}

/* What the store has let go is gone, however slowly somebody reads. */
static void
test_hub__a_slow_reader_holds_no_traces(void **state)
{
    struct bench *bench = *state;
    struct client mute;
    client_open(&mute, bench, "span=0&requests=1", false);
    settle(bench, &mute);
    send_traces(bench, 1, 2000);
    ticks(bench, 3);
    world.mono_ns += NS_PER_S;
    struct picture *picture = collector_tick(bench->collector);
    struct traces *traces = traces_acquire(picture->traces);
    assert_true(traces->bytes > 2 * TRACES_PIECE_BYTES);
    hub_picture(bench->hub, picture);
    picture_release(picture);
    uv_run(&bench->loop, UV_RUN_NOWAIT); /* the first picture goes, and a piece of them comes */
    send_traces(bench, 3000, 1);
    ticks(bench, 3);
    assert_int_equal(traces->refs, 1);
    traces_release(traces);
    client_close(&mute);
}

/* The status of a POST. */
static long
post(struct bench *bench, const char *arguments, const char *body)
{
    char request[600], answer[1000] = "";
    int fd = dial(bench);
    int n = snprintf(request, sizeof(request),
                     "POST /interest?%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n%s",
                     arguments, strlen(body), body);
    assert_int_equal(send(fd, request, (size_t)n, 0), n);
    for (int i = 0; i < TURNS && answer[0] == '\0'; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        usleep(1000);
        recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
    }
    close(fd);
    return answer[0] != '\0' ? strtol(answer + strlen("HTTP/1.1 "), NULL, 10) : 0;
}

static void
test_hub__interests_are_joined_until_their_readers_leave(void **state)
{
    struct bench *bench = *state;
    struct client one, two;
    tick(bench);
    client_open(&one, bench, "client=one&span=0", true);
    client_open(&two, bench, "client=two&span=0", true);
    hear(bench, &one, 1, 0);
    hear(bench, &two, 1, 0);
    assert_int_equal(post(bench, "client=one",
                          "{\"columns\":[\"process.load\",\"no.such\"],\"sort\":\"process.load\","
                          "\"pids\":[7,8,-3,1e300,\"x\"],\"selected_pid\":8}"),
                     200);
    assert_true(bench->interest.process_columns == 4 && bench->interest.process_sort == 2);
    assert_true(bench->interest.pid_count == 2 && bench->interest.pids[1] == 8);
    assert_int_equal(bench->interest.selected_pid, 8);
    assert_int_equal(post(bench, "client=two",
                          "{\"columns\":[\"process.name\"],\"pids\":[9],\"filter_costly\":true,"
                          "\"cgroups\":true}"),
                     200);
    assert_int_equal(bench->interest.process_columns, 6);
    assert_int_equal(bench->interest.pid_count, 3);
    assert_true(bench->interest.process_filter_costly && bench->interest.cgroups);
    struct interest also = {.process_columns = 8, .process_sort = 1, .pids = {5}, .pid_count = 1};
    hub_also_interest(bench->hub, &also); /* of who asks for a table: takes nothing from readers */
    assert_true(bench->interest.process_columns == 14 && bench->interest.process_sort == 2);
    assert_int_equal(bench->interest.pid_count, 4);
    hub_also_interest(bench->hub, NULL);
    assert_int_equal(bench->interest.process_columns, 6);
    assert_int_equal(bench->interest.pid_count, 3);
    assert_int_equal(post(bench, "client=three", "{}"), 404);
    assert_int_equal(post(bench, "client=", "{}"), 404);
    assert_int_equal(post(bench, "client=one", "[1]"), 400);
    assert_int_equal(post(bench, "client=one", "{"), 400);
    client_close(&one);
    for (int i = 0; i < TURNS && bench->interest.pid_count > 1; i++) {
        tick(bench);
        turn(bench, &two);
        usleep(1000);
    }
    assert_true(bench->interest.pid_count == 1 && bench->interest.pids[0] == 9);
    assert_true(bench->interest.process_columns == 2 && bench->interest.process_sort == -1);
    client_close(&two);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_hub__first_the_picture_then_history_then_ticks),
        TEST(test_hub__packed_it_is_the_same_and_ends_well),
        TEST(test_hub__history_reaches_as_far_as_asked),
        TEST(test_hub__who_comes_back_gets_what_it_missed),
        TEST(test_hub__readers_that_join_together_each_get_what_they_asked),
        TEST(test_hub__who_looks_at_requests_is_sent_them),
        TEST(test_hub__who_was_there_before_the_first_picture_waits),
        TEST(test_hub__large_tables_come_whole_with_the_second_tick),
        TEST(test_hub__what_comes_late_comes_to_all),
        TEST(test_hub__another_host_is_told_to_all),
        TEST(test_hub__who_does_not_read_changes_nothing_for_others),
        TEST(test_hub__who_takes_nothing_for_long_is_let_go),
        TEST(test_hub__who_takes_all_may_stay),
        TEST(test_hub__history_is_not_held_for_ever),
        TEST(test_hub__first_pictures_that_wait_are_bounded),
        TEST(test_hub__a_slow_reader_holds_no_traces),
        TEST(test_hub__interests_are_joined_until_their_readers_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
