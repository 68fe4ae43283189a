/* The receiver of the network: what hangs together, and the source that tells of it. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/utf8.h"
#include "receive_parts.h"

#define CONNECTIONS_MAX 256
#define NOTE_NS (600 * NS_PER_S)
#define TURN_NS (8 * NS_PER_MS) /* of the loop, with bodies that are decoded at once */

static const char *const protocols[RECEIVE_PROTOCOLS] = {
    [RECEIVE_OTLP_HTTP] = "otlp/http", [RECEIVE_OTLP_GRPC] = "otlp/grpc",
    [RECEIVE_ZIPKIN] = "zipkin",       [RECEIVE_REQUESTS] = "requests",
    [RECEIVE_SAMPLES] = "samples",     [RECEIVE_STATSD] = "statsd"};

/* ---- what came ---- */

static bool
take_span(void *context, const struct span *span)
{
    struct receive *receive = context;
    const struct span_sink *sink = &receive->setup.spans;
    return sink->span != NULL && sink->span(sink->context, span);
}

static bool
take_reading(void *context, const struct measurement *reading)
{
    struct receive *receive = context;
    return fold_reading(receive->fold, reading, clock_mono_ns());
}

static void
count(struct receive *receive, enum receive_protocol protocol, size_t bytes,
      const struct delivery *delivery, bool good)
{
    struct receive_counts *counts = &receive->counts[protocol];
    counts->messages++;
    counts->bytes += bytes;
    counts->spans += delivery->spans;
    counts->readings += delivery->readings;
    counts->refused += delivery->refused;
    counts->cut += delivery->cut;
    counts->errors += !good;
    if (!good) {
        char why[160];
        utf8_clean(str_from(delivery->why), why, sizeof(why));
        log_info("%s: what was sent cannot be read: %s", protocols[protocol], why);
    }
}

bool
receive_decode(struct receive *receive, enum receive_protocol protocol, decode_function *decode,
               struct str body, struct delivery *ret_delivery)
{
    *ret_delivery = (struct delivery){.now_ns = clock_now(&clock_system).wall_ns};
    bool good = decode(body, &receive->sink, ret_delivery);
    count(receive, protocol, body.n, ret_delivery, good);
    return good;
}

bool
receive_is_large(const struct receive *receive, struct str body)
{
    int64_t began_ns = (int64_t)uv_now(receive->setup.loop) * NS_PER_MS;
    return body.n >= DECODING_BYTES_MIN || clock_mono_ns() - began_ns > TURN_NS;
}

static void
on_decoded(void *context, const struct decoding *decoding, enum decoded how)
{
    struct receive_large *large = context;
    if (how != DECODED_ENDED) {
        count(large->receive, large->protocol, decoding->body.n, &decoding->delivery,
              how == DECODED_GOOD);
    }
    large->answer(large, &decoding->delivery, how);
}

bool
receive_decode_large(struct receive_large *large, decode_function *decode, struct str body)
{
    struct decoding decoding = {.decode = decode,
                                .body = body,
                                .delivery = {.now_ns = clock_now(&clock_system).wall_ns},
                                .done = on_decoded,
                                .context = large};
    return decodings_add(large->receive->decodings, &decoding);
}

void
receive_error(struct receive *receive, enum receive_protocol protocol)
{
    receive->counts[protocol].messages++;
    receive->counts[protocol].errors++;
}

void
receive_tell(struct place *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(place->note, sizeof(place->note), format, args);
    va_end(args);
    place->noted_ns = clock_mono_ns();
    log_warning("receiving: %s", place->note);
}

/* ---- as a source ---- */

enum {
    METRIC_MESSAGES,
    METRIC_BYTES,
    METRIC_SPANS,
    METRIC_READINGS,
    METRIC_REFUSED,
    METRIC_CUT,
    METRIC_ERRORS,
    METRIC_SERIES
};

#define COUNTED(id, metric_name, metric_unit, which_is_better, sentence)                           \
    [id] = {.name = metric_name,                                                                   \
            .unit = metric_unit,                                                                   \
            .labels = "protocol",                                                                  \
            .kind = METRIC_COUNTER,                                                                \
            .better = which_is_better,                                                             \
            .text = sentence}

static const struct metric metrics[] = {
    COUNTED(METRIC_MESSAGES, "flametop.receive.messages", "{message}", BETTER_NEITHER,
            "Requests and datagrams with spans or readings that came."),
    COUNTED(METRIC_BYTES, "flametop.receive.io", "By", BETTER_NEITHER, "Bytes of them, unpacked."),
    COUNTED(METRIC_SPANS, "flametop.receive.spans", "{span}", BETTER_NEITHER, "Spans that came."),
    COUNTED(METRIC_READINGS, "flametop.receive.readings", "{sample}", BETTER_NEITHER,
            "Readings of custom metrics that came."),
    COUNTED(METRIC_REFUSED, "flametop.receive.refused", "{item}", BETTER_LOWER,
            "Spans and readings that came and were not taken: without a name or an id, or a limit "
            "left no room."),
    COUNTED(METRIC_CUT, "flametop.receive.cut", "{item}", BETTER_LOWER,
            "Attributes, events and links of spans that were more than are kept."),
    COUNTED(METRIC_ERRORS, "flametop.receive.errors", "{message}", BETTER_LOWER,
            "Requests and datagrams that could not be read."),
    [METRIC_SERIES] = {.name = "flametop.receive.series",
                       .unit = "{series}",
                       .labels = "",
                       .better = BETTER_NEITHER,
                       .text = "Series of custom metrics that came from outside."},
};

enum {
    COLUMN_ADDRESS,
    COLUMN_TAKES,
    COLUMN_STATE,
    COLUMN_ACCEPTED,
    COLUMN_HEARD,
    COLUMN_NOTE,
};

static const struct column columns[] = {
    [COLUMN_ADDRESS] = {.name = "receiver.address",
                        .title = "ADDRESS",
                        .unit = "",
                        .text = "Where it listens.",
                        .type = COLUMN_TEXT,
                        .flags = COLUMN_KEY,
                        .width = 22},
    [COLUMN_TAKES] = {.name = "receiver.takes",
                      .title = "TAKES",
                      .unit = "",
                      .text = "What may be sent there.",
                      .type = COLUMN_TEXT,
                      .width = 24},
    [COLUMN_STATE] = {.name = "receiver.state",
                      .title = "STATE",
                      .unit = "",
                      .text = "Whether it listens.",
                      .type = COLUMN_TEXT,
                      .width = 14},
    [COLUMN_ACCEPTED] = {.name = "receiver.accepted",
                         .title = "ACCEPTED",
                         .unit = "",
                         .text = "Connections or datagrams accepted.",
                         .type = COLUMN_INTEGER,
                         .width = 9},
    [COLUMN_HEARD] = {.name = "receiver.heard",
                      .title = "HEARD",
                      .unit = "s",
                      .text = "Time since the last one.",
                      .type = COLUMN_REAL,
                      .width = 8},
    [COLUMN_NOTE] = {.name = "receiver.note",
                     .title = "NOTE",
                     .unit = "",
                     .text = "What is wrong, or who knocked in vain and what to set.",
                     .type = COLUMN_TEXT},
};

const struct table_def receive_table = {
    .name = "receivers",
    .title = "Receivers",
    .text = "Where spans and readings of services are received.",
    .columns = columns,
    .column_count = ARRAY_SIZE(columns),
    .sort_column = COLUMN_ACCEPTED,
};

static const struct table_def *const tables[] = {&receive_table};

static int
received_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    *ret_state =
        (void *)(uintptr_t)((const char *)setup->source - offsetof(struct receive, source));
    return 0;
}

static void
put_counts(const struct receive *receive, struct batch *batch)
{
    for (size_t i = 0; i < RECEIVE_PROTOCOLS; i++) {
        const struct receive_counts *counts = &receive->counts[i];
        const uint64_t values[] = {
            [METRIC_MESSAGES] = counts->messages, [METRIC_BYTES] = counts->bytes,
            [METRIC_SPANS] = counts->spans,       [METRIC_READINGS] = counts->readings,
            [METRIC_REFUSED] = counts->refused,   [METRIC_CUT] = counts->cut,
            [METRIC_ERRORS] = counts->errors};
        char labels[40] = "";
        labels_add(labels, sizeof(labels), "protocol", str_from(protocols[i]));
        for (size_t m = 0; m < ARRAY_SIZE(values) && counts->messages > 0; m++) {
            batch_put(batch, &metrics[m], labels, (double)values[m]);
        }
    }
    batch_put(batch, &metrics[METRIC_SERIES], "", (double)fold_series_count(receive->fold));
}

static const char *
takes_text(const struct place *place)
{
    return place->udp ? "StatsD" : "OTLP, Zipkin, JSON";
}

/* The second address of a bare port is shown with the first, unless there is something to say. */
static bool
is_news(const struct place *place)
{
    return place->note[0] != '\0' || (place->listening && !place->spare);
}

/* What came to a place and, with a bare port, to its second address. */
static void
put_heard(const struct place *place, const struct place *end, union cell *row)
{
    const struct place *second =
        place + 1 < end && place[1].spare && is_news(place) && !is_news(&place[1]) ? place + 1
                                                                                   : NULL;
    uint64_t accepted = place->accepted + (second != NULL ? second->accepted : 0);
    int64_t heard_ns = MAX(place->heard_ns, second != NULL ? second->heard_ns : 0);
    row[COLUMN_ACCEPTED].integer = (int64_t)accepted;
    if (heard_ns != 0) {
        row[COLUMN_HEARD].real = (double)(clock_mono_ns() - heard_ns) / 1e9;
    }
}

/* Without taking its status from whoever started it. */
static void
put_child(const struct receive_child *child, struct table *table, struct batch *batch)
{
    union cell *row = table_add(table, batch->arena);
    siginfo_t info = {.si_pid = 0};
    if (row == NULL) {
        return;
    }
    bool known = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    row[COLUMN_ADDRESS].text = arena_printf(batch->arena, "pid %lld", (long long)child->pid);
    row[COLUMN_TAKES].text = arena_text(batch->arena, child->name, strlen(child->name));
    row[COLUMN_STATE].text = "running";
    if (known && info.si_pid != 0) {
        row[COLUMN_STATE].text = arena_printf(
            batch->arena, info.si_code == CLD_EXITED ? "ended (%d)" : "signal %d", info.si_status);
    }
    row[COLUMN_NOTE].text = arena_printf(batch->arena, "its output is in %s", child->output);
}

static void
put_places(const struct receive *receive, struct batch *batch)
{
    struct table *table = batch_table(batch, &receive_table, receive->place_count + 2);
    for (size_t i = 0; table != NULL && i < receive->place_count; i++) {
        const struct place *place = &receive->places[i];
        union cell *row = is_news(place) ? table_add(table, batch->arena) : NULL;
        if (row == NULL) {
            continue;
        }
        row[COLUMN_ADDRESS].text =
            arena_printf(batch->arena, "%s%s", place->udp ? "udp:" : "", place->where);
        row[COLUMN_TAKES].text = takes_text(place);
        row[COLUMN_STATE].text = place->listening ? "listening" : "not listening";
        put_heard(place, receive->places + receive->place_count, row);
        if (place->note[0] != '\0') {
            row[COLUMN_NOTE].text = arena_text(batch->arena, place->note, strlen(place->note));
        }
    }
    if (table != NULL && receive->options->child != NULL) {
        put_child(receive->options->child, table, batch);
    }
    if (table != NULL) {
        table->total = table->count;
    }
}

static void
put_state(const struct receive *receive, struct batch *batch)
{
    size_t listening = 0;
    const char *note = NULL;
    for (size_t i = 0; i < receive->place_count; i++) {
        listening += receive->places[i].listening;
        note = note == NULL && receive->places[i].note[0] != '\0' ? receive->places[i].note : note;
    }
    if (note != NULL) {
        batch_fail(batch, listening > 0 ? SOURCE_DEGRADED : SOURCE_FAILED, "%s", note);
    }
}

/* Who knocked in vain is told for a while; what is in use stays so. */
static void
forget_notes(struct receive *receive)
{
    int64_t old_ns = clock_mono_ns() - NOTE_NS;
    for (size_t i = 0; i < receive->place_count; i++) {
        struct place *place = &receive->places[i];
        if (place->listening && place->noted_ns < old_ns) {
            place->note[0] = '\0';
        }
    }
}

static enum source_step
received_poll(void *state, struct batch *batch)
{
    struct receive *receive = state;
    forget_notes(receive);
    put_counts(receive, batch);
    put_places(receive, batch);
    put_state(receive, batch);
    fold_put(receive->fold, batch);
    return SOURCE_DONE;
}

static void
received_close(void *state)
{
    (void)state; /* the receiver's */
}

const struct source source_received = {
    .name = "received",
    .text = "What services send: custom metrics, and how receiving goes.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .tables = tables,
    .table_count = ARRAY_SIZE(tables),
    .open = received_open,
    .poll = received_poll,
    .close = received_close,
};

/* ---- all of it ---- */

static struct http_server *
start_http(struct receive *receive, char *why, size_t why_size)
{
    struct http_server_options options = {.loop = receive->setup.loop,
                                          .connections_max = CONNECTIONS_MAX,
                                          .body_max = RECEIVE_BODY_MAX,
                                          .bodies_max = RECEIVE_BODIES_MAX,
                                          .pages = true,
                                          .open = receive->options->open,
                                          .takes = true,
                                          .context = receive,
                                          .handle = http_handle,
                                          .refuse = http_refuse};
    return http_server_new(&options, why, why_size);
}

/* Without it who speaks gRPC is told what to set. */
static struct grpc_server *
start_grpc(struct receive *receive)
{
    char why[120] = "";
    struct grpc_server_options options = {.loop = receive->setup.loop,
                                          .connections_max = CONNECTIONS_MAX,
                                          .message_max = RECEIVE_BODY_MAX,
                                          .messages_max = RECEIVE_BODIES_MAX,
                                          .timeout_ns = 20 * NS_PER_S,
                                          .context = receive,
                                          .handle = grpc_handle,
                                          .refused = grpc_refused};
    struct grpc_server *grpc = grpc_server_new(&options, why, sizeof(why));
    if (grpc == NULL) {
        log_info("receiving: %s", why);
    }
    return grpc;
}

static size_t
listen_all(struct receive *receive)
{
    size_t listening = 0;
    for (size_t i = 0; i < receive->place_count; i++) {
        struct place *place = &receive->places[i];
        bool can = place->udp || receive->http != NULL;
        listening += place->listening ||
                     (can && place_listen(place, receive->options->proc, receive->setup.loop,
                                          place->udp ? datagram_ready : door_ready));
    }
    return listening;
}

/* Only when it begins: libmicrohttpd costs memory that nobody needs who receives nothing. */
static void
begin(struct receive *receive)
{
    char why[200] = "out of memory";
    receive->door = door_new(receive);
    receive->http = receive->door != NULL ? start_http(receive, why, sizeof(why)) : NULL;
    receive->grpc = start_grpc(receive);
    for (size_t i = 0; i < receive->place_count && receive->http == NULL; i++) {
        if (!receive->places[i].udp && !receive->places[i].spare) {
            receive_tell(&receive->places[i], "%s", why);
        }
    }
    receive->setup.source(receive->setup.context, &receive->source);
    receive->begun = true;
}

static void
network_start(void *state, char *why, size_t why_size)
{
    struct receive *receive = state;
    if (!receive->begun) {
        begin(receive);
    }
    bool listens = listen_all(receive) > 0; /* what was in use may be free now */
    str_copy(str_from(listens ? "" : receive->places[0].note), why, why_size);
}

static void
network_close(void *state)
{
    struct receive *receive = state;
    for (size_t i = 0; i < receive->place_count; i++) {
        place_close(&receive->places[i]);
    }
    decodings_free(receive->decodings); /* answers those that the servers below wait for */
    door_free(receive->door);
    http_server_free(receive->http);
    grpc_server_free(receive->grpc);
    fold_free(receive->fold);
    free(receive);
}

static int
network_open(const struct receiver_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct receive *receive = calloc(1, sizeof(*receive));
    snprintf(why, why_size, "out of memory");
    if (receive == NULL) {
        return -ENOMEM;
    }
    receive->setup = *setup;
    receive->options = setup->options;
    receive->source = source_received;
    receive->sink = (struct span_sink){receive, take_span, take_reading};
    receive->fold = fold_new(setup->catalog, clock_now(&clock_system).wall_ns);
    receive->decodings = decodings_new(setup->loop, &receive->sink, RECEIVE_BODIES_MAX);
    if (receive->fold == NULL || receive->decodings == NULL ||
        !places_read(receive, receive->options->listen, receive->options->listen_count, why,
                     why_size)) {
        network_close(receive);
        return -EINVAL;
    }
    if (receive->options->now) {
        begin(receive);
        listen_all(receive);
    }
    *ret_state = receive;
    return 0;
}

const struct receiver receiver_network = {
    .name = "network",
    .open = network_open,
    .start = network_start,
    .close = network_close,
};
