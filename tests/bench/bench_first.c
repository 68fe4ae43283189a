/* One large trace from OTLP to its first picture: bench_first [SPANS [ROUNDS]].
 *
 * SPANS spans (100,000 unless said otherwise) of six attributes, batched by 512 as exporters do and
 * in the order in which they ended, come as protobuf. Milliseconds of CPU, the best of ROUNDS: of
 * decoding them alone, of decoding and gathering, of building the trace, of its critical path, and
 * of the sum of the last three. */
#include <stdio.h>
#include <stdlib.h>

#include "flametop/base/clock.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/receivers/decode.h"
#include "flametop/trace/path.h"
#include "flametop/trace/store.h"
#include "otlp_made.h"

#define SPANS 100000
#define ROUNDS 5
#define BATCH 512
#define BYTES_MAX ((size_t)1 << 30)
#define START_NS UINT64_C(1785000000000000000)

/* ---- the trace ---- */

struct plan {
    uint64_t id, parent, start_ns, end_ns;
};

static int
by_end(const void *a, const void *b)
{
    const struct plan *x = a, *y = b;
    return (x->end_ns > y->end_ns) - (x->end_ns < y->end_ns);
}

/* A tree: each below one of those before it, inside its time. */
static struct plan *
make_plan(uint64_t count)
{
    struct plan *plan = calloc(count, sizeof(*plan));
    for (uint64_t i = 0; plan != NULL && i < count; i++) {
        const struct plan *above = &plan[i / 8];
        uint64_t room = above->end_ns - above->start_ns, at = room > 8 ? room / 9 * (i % 8) : 0;
        plan[i] = (struct plan){.id = hash_u64(i + 1),
                                .parent = i > 0 ? above->id : 0,
                                .start_ns = i > 0 ? above->start_ns + at : START_NS,
                                .end_ns = i > 0 ? above->start_ns + at + MAX(room / 9, 1)
                                                : START_NS + UINT64_C(60000000000)};
    }
    if (plan != NULL) {
        qsort(plan, count, sizeof(*plan), by_end);
    }
    return plan;
}

static void
put_span(struct buf *out, const struct plan *plan)
{
    static const uint64_t trace[2] = {4711, 77};
    char query[64], user[24];
    bool server = plan->id % 2 == 0;
    snprintf(query, sizeof(query), "SELECT * FROM orders WHERE id = %u", (unsigned)plan->id);
    snprintf(user, sizeof(user), "user-%u", (unsigned)(plan->id % 1000));
    put_bytes(out, 1, trace, sizeof(trace));
    put_bytes(out, 2, &plan->id, sizeof(plan->id));
    if (plan->parent != 0) {
        put_bytes(out, 4, &plan->parent, sizeof(plan->parent));
    }
    const char *name = server ? "GET /orders/{id}" : "SELECT shop.orders";
    put_bytes(out, 5, name, strlen(name));
    put_number(out, 6, server ? SPAN_SERVER : SPAN_CLIENT);
    put_time(out, 7, plan->start_ns);
    put_time(out, 8, plan->end_ns);
    put_attribute(out, 9, server ? "http.request.method" : "db.system",
                  server ? "GET" : "postgresql");
    put_attribute(out, 9, server ? "http.route" : "db.statement", server ? "/orders/{id}" : query);
    put_pair(out, 9, server ? "http.response.status_code" : "db.response.returned_rows", NULL,
             server ? 200 : 12);
    put_attribute(out, 9, server ? "user.id" : "db.name", server ? user : "shop");
    put_pair(out, 9, "thread.id", NULL, plan->id % 64);
    put_attribute(out, 9, "server.address", server ? "web-01" : "db-01");
}

static void
make_body(struct buf *body, uint64_t count)
{
    struct buf resource, scope, span;
    struct plan *plan = make_plan(count);
    buf_init(&resource, BYTES_MAX);
    buf_init(&scope, BYTES_MAX);
    buf_init(&span, 65536);
    for (uint64_t i = 0; plan != NULL && i < count;) {
        put_attribute(&span, 1, "service.name", "shop");
        put_attribute(&span, 1, "service.version", "1.2.3");
        put_attribute(&span, 1, "host.name", "web-01");
        put_message(&resource, 1, &span);
        put_bytes(&span, 1, "@opentelemetry/instrumentation-http", 35);
        put_message(&scope, 1, &span);
        for (unsigned n = 0; n < BATCH && i < count; n++, i++) {
            put_span(&span, &plan[i]);
            put_message(&scope, 2, &span);
        }
        put_message(&resource, 2, &scope);
        put_message(body, 1, &resource);
    }
    free(plan);
    buf_done(&resource);
    buf_done(&scope);
    buf_done(&span);
}

/* ---- what it costs ---- */

enum part { PART_DECODE, PART_GATHER, PART_BUILD, PART_PATH, PARTS };

static bool
refuse_none(void *context, const struct span *span)
{
    (void)context;
    (void)span;
    return true;
}

static void
note(int64_t best_ns[PARTS], enum part part, int64_t from_ns)
{
    best_ns[part] = MIN(best_ns[part], clock_thread_cpu_ns() - from_ns);
}

static uint32_t
run(struct str body, int64_t best_ns[PARTS])
{
    struct trace_store *store =
        trace_store_new(&(struct trace_store_options){.bytes_max = (size_t)64 << 20});
    struct trace_store_sink at = {.store = store, .clock = &clock_system};
    struct span_sink sink = trace_store_sink(&at), none = {NULL, refuse_none, NULL};
    struct delivery delivery = {0};
    struct trace_path path;
    int64_t from_ns = clock_thread_cpu_ns();
    otlp_traces_read(body, &none, &delivery);
    note(best_ns, PART_DECODE, from_ns);
    from_ns = clock_thread_cpu_ns();
    otlp_traces_read(body, &sink, &delivery);
    note(best_ns, PART_GATHER, from_ns);
    from_ns = clock_thread_cpu_ns();
    trace_store_flush(store, clock_now(&clock_system));
    struct traces *list = trace_store_publish(store, clock_now(&clock_system));
    note(best_ns, PART_BUILD, from_ns);
    const struct trace *trace = traces_next(list, &(struct traces_cursor){0});
    uint32_t count = trace != NULL ? trace->span_count : 0;
    trace_path_init(&path);
    from_ns = clock_thread_cpu_ns();
    if (trace != NULL) {
        trace_path_of(&path, trace);
    }
    note(best_ns, PART_PATH, from_ns);
    trace_path_done(&path);
    traces_release(list);
    trace_store_free(store);
    return count;
}

int
main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : SPANS;
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : ROUNDS;
    int64_t best_ns[PARTS] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    uint32_t built = 0;
    struct buf body;
    buf_init(&body, BYTES_MAX);
    make_body(&body, count);
    for (unsigned long i = 0; i < rounds; i++) {
        built = run((struct str){body.data, body.n}, best_ns);
    }
    printf("one trace of %u spans, %.1f MB of OTLP, to its first picture: %.1f ms\n"
           "  decoded in %.1f ms; decoded and gathered %.1f, built %.1f, critical path %.1f\n",
           built, (double)body.n / 1e6,
           (double)(best_ns[PART_GATHER] + best_ns[PART_BUILD] + best_ns[PART_PATH]) / 1e6,
           (double)best_ns[PART_DECODE] / 1e6, (double)best_ns[PART_GATHER] / 1e6,
           (double)best_ns[PART_BUILD] / 1e6, (double)best_ns[PART_PATH] / 1e6);
    buf_done(&body);
    return 0;
}
