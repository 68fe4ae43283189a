/* Spans a second that the decoders read on one core: bench_otlp [FILE].
 *
 * Without FILE it makes 100,000 spans of six attributes, as a service sends them, in protobuf and
 * in JSON. A FILE is OTLP in protobuf. The sink counts and keeps nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/buf.h"
#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/receivers/decode.h"
#include "otlp_made.h"

#define SPANS 100000
#define BATCH 512
#define ROUNDS 5
#define BYTES_MAX ((size_t)1 << 30)

static const struct {
    const char *key, *value;
} texts[] = {{"http.request.method", "POST"},
             {"http.route", "/tools/invoke/{name}"},
             {"server.address", "shop.internal.example"},
             {"db.query.text", "SELECT id, name, price FROM products WHERE shop = ? ORDER BY id"},
             {"user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}};

static void
put_span(struct buf *out, uint64_t i)
{
    const uint64_t trace[2] = {i / 10 + 1, 77}, id = i + 1,
                   parent = i % 10 != 0 ? i / 10 * 10 + 1 : 0;
    put_bytes(out, 1, trace, sizeof(trace));
    put_bytes(out, 2, &id, sizeof(id));
    if (parent != 0) {
        put_bytes(out, 4, &parent, sizeof(parent));
    }
    put_bytes(out, 5, "POST /tools/invoke", 18);
    put_number(out, 6, 2);
    put_time(out, 7, UINT64_C(1785000000000000000) + i * 1000);
    put_time(out, 8, UINT64_C(1785000000000000000) + i * 1000 + 900);
    for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
        put_attribute(out, 9, texts[k].key, texts[k].value);
    }
    put_attribute(out, 9, "request.number", "1234567");
}

static void
make_protobuf(struct buf *body)
{
    struct buf resource, scope, span;
    buf_init(&resource, BYTES_MAX);
    buf_init(&scope, BYTES_MAX);
    buf_init(&span, 65536);
    for (uint64_t i = 0; i < SPANS;) {
        put_attribute(&span, 1, "service.name", "shop");
        put_message(&resource, 1, &span);
        for (unsigned n = 0; n < BATCH && i < SPANS; n++, i++) {
            put_span(&span, i);
            put_message(&scope, 2, &span);
        }
        put_message(&resource, 2, &scope);
        put_message(body, 1, &resource);
    }
    buf_done(&resource);
    buf_done(&scope);
    buf_done(&span);
}

static void
make_json(struct buf *body)
{
    buf_puts(body, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
                   "\"value\":{\"stringValue\":\"shop\"}}]},\"scopeSpans\":[{\"scope\":{},"
                   "\"spans\":[");
    for (uint64_t i = 0; i < SPANS; i++) {
        unsigned long long trace = i / 10 + 1, id = i + 1;
        buf_printf(body,
                   "%s{\"traceId\":\"%032llx\",\"spanId\":\"%016llx\",\"name\":\"POST "
                   "/tools/invoke\",\"kind\":2,\"startTimeUnixNano\":\"1785000000%09llu\","
                   "\"endTimeUnixNano\":\"1785000000%09llu\",\"attributes\":[",
                   i > 0 ? "," : "", trace, id, id * 1000, id * 1000 + 900);
        for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
            buf_printf(body, "%s{\"key\":\"%s\",\"value\":{\"stringValue\":\"%s\"}}",
                       k > 0 ? "," : "", texts[k].key, texts[k].value);
        }
        buf_puts(body, "]}");
    }
    buf_puts(body, "]}]}]}");
}

static bool
count_span(void *context, const struct span *span)
{
    uint64_t *attributes = context;
    *attributes += span->attribute_count;
    return true;
}

static void
measure(const char *name, decode_function *decode, struct str body)
{
    int64_t best_ns = INT64_MAX;
    uint64_t attributes = 0;
    struct span_sink sink = {&attributes, count_span, NULL};
    struct delivery delivery;
    for (int i = 0; i < ROUNDS; i++) {
        delivery = (struct delivery){0};
        int64_t begun_ns = clock_thread_cpu_ns();
        if (!decode(body, &sink, &delivery)) {
            printf("%s: %s\n", name, delivery.why);
            return;
        }
        best_ns = MIN(best_ns, clock_thread_cpu_ns() - begun_ns);
    }
    double seconds = (double)best_ns / 1e9;
    printf("%-14s %7llu spans, %llu attributes, %6.1f MB: %6.1f ms, %5.2f M spans/s, %4.0f MB/s\n",
           name, (unsigned long long)delivery.spans, (unsigned long long)attributes / ROUNDS,
           (double)body.n / 1e6, seconds * 1e3, (double)delivery.spans / seconds / 1e6,
           (double)body.n / seconds / 1e6);
}

int
main(int argc, char **argv)
{
    struct buf body;
    if (argc > 1) {
        char *data = NULL;
        ssize_t n = file_load(argv[1], BYTES_MAX, &data);
        if (n < 0) {
            printf("%s: %s\n", argv[1], strerror((int)-n));
            return 1;
        }
        measure(argv[1], otlp_traces_read, (struct str){data, (size_t)n});
        free(data);
        return 0;
    }
    buf_init(&body, BYTES_MAX);
    make_protobuf(&body);
    measure("OTLP protobuf", otlp_traces_read, (struct str){body.data, body.n});
    buf_clear(&body);
    make_json(&body);
    measure("OTLP JSON", otlp_json_read, (struct str){body.data, body.n});
    buf_done(&body);
    return 0;
}
