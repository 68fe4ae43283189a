/* What traces cost: bench_trace_store [MIB].
 *
 * MIB mebibytes of finished traces (1,024 unless said otherwise) are pushed through a store of 16
 * MiB; then spans with the usual attributes, ten to a trace, are stored with their metrics, one
 * tick every 50,000 of them; then one trace of 100,000 spans is built. Prints spans a second of one
 * core, the resident memory, and milliseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/span.h"
#include "flametop/trace/store.h"

#define SPANS_A_TRACE 10
#define SPANS_A_TICK 50000
#define SPANS_TIMED 2000000
#define SPANS_LARGE 100000

struct maker {
    struct trace_store *store;
    struct span_resource resource;
    struct span_attribute about[3];
    uint64_t number;
    bool ticks;
    struct instant now;
};

static double
resident_mib(void)
{
    char text[128];
    ssize_t n = file_read_at(-100, "/proc/self/statm", text, sizeof(text));
    struct str rest = {text, n > 0 ? (size_t)n : 0};
    uint64_t size, resident = 0;
    if (str_u64(&rest, &size)) {
        str_u64(&rest, &resident);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static void
make(struct maker *maker, struct trace_store *store)
{
    *maker = (struct maker){.store = store,
                            .ticks = true,
                            .now = {1000 * NS_PER_S, INT64_C(1785000000000000000), 0},
                            .about = {{.key = STR("service.name"), .text = STR("shop")},
                                      {.key = STR("service.version"), .text = STR("1.2.3")},
                                      {.key = STR("host.name"), .text = STR("web-01")}}};
    maker->resource = (struct span_resource){.service = STR("shop"),
                                             .scope = STR("bench"),
                                             .attributes = maker->about,
                                             .attribute_count = 3};
}

/* The i-th span of a trace: a server's, with calls to a database and to others below it. */
static void
send(struct maker *maker, uint64_t trace, uint64_t i)
{
    uint64_t trace_id[2] = {hash_u64(trace + 1), trace}, id = hash_mix(trace, i) | 1;
    uint64_t parent = hash_mix(trace, i > 4 ? i % 4 : 0) | 1;
    char query[64], user[24];
    int n = snprintf(query, sizeof(query), "SELECT * FROM orders WHERE id = %u", (unsigned)id);
    int m = snprintf(user, sizeof(user), "user-%u", (unsigned)(id % 1000));
    struct str query_text = {query, (size_t)n}, user_text = {user, (size_t)m};
    struct span_attribute http[] = {
        {.key = STR("http.request.method"), .text = STR("GET")},
        {.key = STR("http.route"), .text = STR("/orders/{id}")},
        {.key = STR("http.response.status_code"), .type = SPAN_INTEGER, .integer = 200},
        {.key = STR("user.id"), .text = user_text},
        {.key = STR("thread.id"), .type = SPAN_INTEGER, .integer = (int64_t)(id % 64)},
        {.key = STR("server.address"), .text = STR("web-01")}};
    struct span_attribute db[] = {
        {.key = STR("db.system"), .text = STR("postgresql")},
        {.key = STR("db.statement"), .text = query_text},
        {.key = STR("db.name"), .text = STR("shop")},
        {.key = STR("db.response.returned_rows"), .type = SPAN_INTEGER, .integer = 12},
        {.key = STR("thread.id"), .type = SPAN_INTEGER, .integer = (int64_t)(id % 64)},
        {.key = STR("server.address"), .text = STR("db-01")}};
    int64_t start_ns = maker->now.wall_ns + (int64_t)i * NS_PER_MS;
    struct span span = {.trace_id = {(const char *)trace_id, 16},
                        .span_id = {(const char *)&id, 8},
                        .parent_id = {(const char *)&parent, i == 0 ? 0 : 8},
                        .name = i % 2 == 0 ? STR("GET /orders/{id}") : STR("SELECT shop.orders"),
                        .kind = i % 2 == 0 ? SPAN_SERVER : SPAN_CLIENT,
                        .start_ns = start_ns,
                        .end_ns = start_ns + (int64_t)(id % 100 + 1) * NS_PER_MS,
                        .attributes = i % 2 == 0 ? http : db,
                        .attribute_count = 6,
                        .resource = &maker->resource};
    trace_store_span(maker->store, &span, maker->now);
    if (++maker->number % SPANS_A_TICK == 0 && maker->ticks) {
        maker->now.mono_ns += NS_PER_S;
        maker->now.wall_ns += NS_PER_S;
        traces_release(trace_store_publish(maker->store, maker->now));
    }
}

static void
print_rate(void)
{
    struct maker maker;
    make(&maker, trace_store_new(&(struct trace_store_options){0}));
    int64_t from_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < SPANS_TIMED; i++) {
        send(&maker, i / SPANS_A_TRACE, i % SPANS_A_TRACE);
    }
    trace_store_flush(maker.store, maker.now);
    double seconds = (double)(clock_thread_cpu_ns() - from_ns) / 1e9;
    printf("stored with metrics: %.0f k spans/s of one core (%.2f us each)\n",
           SPANS_TIMED / seconds / 1e3, seconds / SPANS_TIMED * 1e6);
    trace_store_free(maker.store);
}

static void
print_memory(double mib)
{
    struct maker maker;
    double before = resident_mib(), most = 0, bytes = 0;
    make(&maker, trace_store_new(&(struct trace_store_options){0}));
    uint64_t trace = UINT64_C(1) << 32;
    struct traces *list = NULL;
    for (; bytes < mib * 1048576; trace++) {
        for (uint64_t i = 0; i < SPANS_A_TRACE; i++) {
            send(&maker, trace, i);
        }
        bytes += 3400; /* of one that is finished, about; what is told below is exact */
        most = trace % 4096 == 0 ? MAX(most, resident_mib()) : most;
    }
    trace_store_flush(maker.store, maker.now);
    list = trace_store_publish(maker.store, maker.now);
    double weight = 0;
    const struct trace *one;
    size_t count = 0, size = 0;
    for (struct traces_cursor at = {0}; (one = traces_next(list, &at)) != NULL; count++) {
        weight += one->weight;
        size = one->bytes;
    }
    printf(
        "pushed through: %.0f MiB in %llu traces of %zu bytes; held %.1f of %.1f MiB, %zu traces "
        "that stand for %.0f; resident %.1f MiB at most (%.1f before)\n",
        (double)(trace - (UINT64_C(1) << 32)) * (double)size / 1048576,
        (unsigned long long)(trace - (UINT64_C(1) << 32)), size, (double)list->bytes / 1048576,
        (double)list->bytes_max / 1048576, count, weight, most, before);
    traces_release(list);
    trace_store_free(maker.store);
}

static void
print_large(void)
{
    struct maker maker;
    make(&maker, trace_store_new(&(struct trace_store_options){.bytes_max = (size_t)64 << 20}));
    maker.ticks = false;
    int64_t from_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < SPANS_LARGE; i++) {
        send(&maker, 7, i);
    }
    int64_t gathered_ns = clock_thread_cpu_ns();
    trace_store_flush(maker.store, maker.now);
    struct traces *list = trace_store_publish(maker.store, maker.now);
    int64_t done_ns = clock_thread_cpu_ns();
    struct traces_cursor at = {0};
    const struct trace *trace = traces_next(list, &at);
    printf("one trace of %u spans: gathered in %.0f ms, built in %.0f ms, %.1f MiB\n",
           trace != NULL ? trace->span_count : 0, (double)(gathered_ns - from_ns) / 1e6,
           (double)(done_ns - gathered_ns) / 1e6,
           trace != NULL ? (double)trace->bytes / 1048576 : 0);
    traces_release(list);
    trace_store_free(maker.store);
}

int
main(int argc, char **argv)
{
    print_memory(argc > 1 ? strtod(argv[1], NULL) : 1024); /* first: nothing was freed before */
    print_rate();
    print_large();
    return 0;
}
