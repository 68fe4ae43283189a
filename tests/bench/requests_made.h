/* Many requests, or a large one, of spans with attributes: what benches analyse and show. */
#ifndef FLAMETOP_TESTS_BENCH_REQUESTS_MADE_H
#define FLAMETOP_TESTS_BENCH_REQUESTS_MADE_H

#include <stdio.h>

#include "../trace/made.h"

static const char *const labels[] = {"auth",           "SELECT orders", "SELECT users",
                                     "GET /stock/{}",  "cache get",     "render",
                                     "tool_execution", "INSERT audit"};
static const char *const endpoints[] = {"GET /orders", "POST /orders", "GET /users/{}",
                                        "POST /tools/invoke"};

static inline struct trace *
request(uint64_t *seed, uint32_t spans, int64_t mono_ns)
{
    char user[24], host[24];
    struct made made = {.endpoint = endpoints[made_pick(seed, 4)], .mono_ns = mono_ns};
    int64_t left_ns = NS_PER_MS * (1 + made_pick(seed, 400));
    made_span(&made, TRACE_NONE, made.endpoint, 0, left_ns);
    made.spans[0].kind = SPAN_SERVER;
    for (uint32_t i = 1; i < spans; i++) {
        uint32_t parent = made_pick(seed, 3) == 0 ? made_pick(seed, i) : 0;
        const struct made_span *above = &made.spans[parent];
        int64_t room_ns = MAX(above->duration_ns, INT64_C(2));
        int64_t from_ns = above->start_ns + (int64_t)(made_random(seed) % (uint64_t)room_ns);
        uint32_t which = made_pick(seed, 8);
        uint32_t at = made_span(&made, parent, labels[which], from_ns,
                                from_ns + (int64_t)(made_random(seed) % (uint64_t)room_ns) / 4);
        struct made_span *span = &made.spans[at];
        span->kind = SPAN_CLIENT;
        span->attributes[0] = (struct made_attribute){.key = "db.system", .text = "postgresql"};
        span->attributes[1] = (struct made_attribute){.key = "rows", .real = made_pick(seed, 1000)};
        span->attributes[2] = (struct made_attribute){.key = "thread", .text = labels[which]};
        span->attribute_count = 3;
    }
    snprintf(user, sizeof(user), "u%u", made_pick(seed, 100000));
    snprintf(host, sizeof(host), "web-%u", made_pick(seed, 8));
    made.spans[0].attributes[0] = (struct made_attribute){.key = "user.id", .text = user};
    made.spans[0].attributes[1] = (struct made_attribute){.key = "host.name", .text = host};
    made.spans[0].attribute_count = 2;
    return made_trace(&made);
}

static inline struct traces *
requests(size_t count)
{
    uint64_t seed = 1;
    struct trace **traces = calloc(count, sizeof(*traces));
    for (size_t i = 0; i < count; i++) {
        traces[i] = request(&seed, 10 + made_pick(&seed, 21), (int64_t)i * 60 * NS_PER_MS);
    }
    struct traces *list = made_list(traces, count, 1);
    free(traces);
    return list;
}

#endif
