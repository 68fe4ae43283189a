/* What analysing traces costs: bench_traces [REQUESTS [SPANS]].
 *
 * 10,000 requests of about 20 spans with attributes, and one request of 100,000 spans: milliseconds
 * of CPU of everything the screen asks for, and of the longest step of each when it gives way every
 * 4 ms. */
#include <stdio.h>
#include <stdlib.h>

#include "flametop/base/clock.h"
#include "flametop/core/flame.h"
#include "flametop/trace/differ.h"
#include "flametop/trace/flame.h"
#include "flametop/trace/graph.h"
#include "flametop/trace/group.h"
#include "flametop/trace/heat.h"
#include "flametop/trace/path.h"
#include "requests_made.h"

#define REQUESTS_DEFAULT 10000
#define SPANS_DEFAULT 100000
#define STEP_NS (4 * NS_PER_MS)

struct cost {
    int64_t all_ns, longest_ns;
    unsigned steps;
};

typedef bool (*step_function)(void *object, int64_t until_ns);

/* Runs it in steps to the end. */
static struct cost
run(void *object, step_function step)
{
    struct cost cost = {0};
    bool done = false;
    while (!done) {
        int64_t from_ns = clock_thread_cpu_ns();
        done = step(object, clock_mono_ns() + STEP_NS);
        int64_t took_ns = clock_thread_cpu_ns() - from_ns;
        cost.all_ns += took_ns;
        cost.longest_ns = MAX(cost.longest_ns, took_ns);
        cost.steps++;
    }
    return cost;
}

static void
print(const char *what, struct cost cost)
{
    printf("  %-32s %8.2f ms   longest step %6.2f ms of %u\n", what, (double)cost.all_ns / 1e6,
           (double)cost.longest_ns / 1e6, cost.steps);
}

static bool
step_set(void *object, int64_t until_ns)
{
    return trace_set_step(object, until_ns);
}

static bool
step_flame(void *object, int64_t until_ns)
{
    return trace_flame_step(object, until_ns);
}

static bool
step_tree(void *object, int64_t until_ns)
{
    return flame_step(object, until_ns);
}

static bool
step_groups(void *object, int64_t until_ns)
{
    return trace_groups_step(object, until_ns);
}

static bool
step_heat(void *object, int64_t until_ns)
{
    return trace_heat_step(object, until_ns);
}

static bool
step_differ(void *object, int64_t until_ns)
{
    return trace_differ_step(object, until_ns);
}

static bool
step_graph(void *object, int64_t until_ns)
{
    return trace_graph_step(object, until_ns);
}

/* ---- all of it ---- */

static void
bench_flame(const struct trace_set *first, const struct trace_set *second, const char *what)
{
    struct trace_flame *flame = trace_flame_new(first, second);
    print(what, run(flame, step_flame));
    struct flame *tree =
        flame_new(flame->profile, &(struct flame_options){.measure = MEASURE_WALL});
    print("  its tree to be drawn", run(tree, step_tree));
    printf("  %-32s %8u\n", "  nodes", flame->profile->node_count);
    flame_free(tree);
    trace_flame_free(flame);
}

static void
bench_paths(const struct trace_set *set)
{
    struct trace_path path;
    trace_path_init(&path);
    uint64_t spans = 0;
    int64_t from_ns = clock_thread_cpu_ns();
    for (size_t i = 0; i < set->count; i++) {
        trace_path_of(&path, set->list[i]);
        spans += path.count;
    }
    int64_t took_ns = clock_thread_cpu_ns() - from_ns;
    printf("  %-32s %8.2f ms   %.0f ns a span\n", "critical paths", (double)took_ns / 1e6,
           (double)took_ns / (double)MAX(spans, UINT64_C(1)));
    trace_path_done(&path);
}

static void
bench_lists(struct traces *list, const struct trace_set *set)
{
    static const char *const names[] = {"groups by endpoint and tool", "groups by endpoint",
                                        "groups by tool", "groups by service",
                                        "groups by attribute"};
    for (int by = GROUP_REQUEST; by <= GROUP_ATTRIBUTE; by++) {
        struct trace_groups *groups = trace_groups_new();
        trace_groups_ask(
            groups, list,
            &(struct trace_grouping){.by = (enum trace_group_by)by, .attribute = "db.system"});
        print(names[by], run(groups, step_groups));
        trace_groups_free(groups);
    }
    struct trace_heat *heat = trace_heat_new();
    trace_heat_ask(
        heat, list,
        &(struct trace_heat_options){.bucket_ns = 4 * NS_PER_S, .columns = 180, .rows = 20});
    print("heatmap of 180 x 20", run(heat, step_heat));
    trace_heat_free(heat);
    struct trace_graph *graph = trace_graph_new(set, 0);
    print("call graph", run(graph, step_graph));
    trace_graph_free(graph);
}

int
main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : REQUESTS_DEFAULT;
    uint32_t spans = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : SPANS_DEFAULT;
    struct traces *list = requests(count);
    struct trace_set set, slow, typical;
    trace_set_init(&set);
    trace_set_init(&slow);
    trace_set_init(&typical);
    printf("%zu requests, %.1f MiB\n", count, (double)list->bytes / 0x1p20);
    trace_set_begin(&set, list, &(struct trace_scope){0});
    print("set of all", run(&set, step_set));
    bench_paths(&set);
    bench_flame(&set, NULL, "merged flame graph");
    trace_set_cohorts(&set, &slow, &typical);
    bench_flame(&slow, &typical, "slow against typical");
    struct trace_differ *differ = trace_differ_new(&slow, &set);
    print("differences of the slow", run(differ, step_differ));
    trace_differ_free(differ);
    bench_lists(list, &set);
    trace_set_done(&set);
    trace_set_done(&slow);
    trace_set_done(&typical);
    traces_release(list);

    uint64_t seed = 2;
    struct trace *large = request(&seed, spans, 0);
    list = made_list(&large, 1, 1);
    printf("1 request of %u spans, %.1f MiB\n", spans, (double)list->bytes / 0x1p20);
    trace_set_begin(&set, list, &(struct trace_scope){0});
    trace_set_step(&set, INT64_MAX);
    bench_paths(&set);
    bench_flame(&set, NULL, "flame graph");
    bench_lists(list, &set);
    trace_set_done(&set);
    traces_release(list);
    return 0;
}
