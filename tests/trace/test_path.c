/* Self time and the critical path: by hand, and as properties of traces of every awkward kind. */
#include "../check.h"

#include "flametop/trace/path.h"
#include "generate.h"
#include "made.h"

static void
check_path(const struct trace *trace, const struct trace_path *path)
{
    int64_t at_ns = path->times[0].start_ns, sum_ns = 0;
    int64_t *on_path = calloc(path->count, sizeof(*on_path));
    for (size_t i = 0; i < path->segment_count; i++) {
        const struct trace_segment_of_path *segment = &path->segments[i];
        const struct trace_times *times = &path->times[segment->span];
        assert_true(segment->start_ns == at_ns && segment->end_ns > segment->start_ns);
        assert_true(segment->start_ns >= times->start_ns && segment->end_ns <= times->end_ns);
        assert_true(times->counted);
        assert_true(i == 0 || segment->span != path->segments[i - 1].span);
        on_path[segment->span] += segment->end_ns - segment->start_ns;
        at_ns = segment->end_ns;
    }
    assert_true(at_ns == path->times[0].end_ns);
    for (uint32_t i = 0; i < path->count; i++) {
        const struct trace_times *times = &path->times[i];
        assert_true(times->path_ns == on_path[i]);
        assert_true(times->self_ns >= 0 && times->self_ns <= times->end_ns - times->start_ns);
        assert_false(times->counted && times->apart);
        sum_ns += times->path_ns;
        if (i > 0 && times->counted) {
            const struct trace_times *above = &path->times[trace_spans(trace)[i].parent];
            assert_true(times->start_ns >= above->start_ns && times->end_ns <= above->end_ns);
        }
    }
    assert_true(sum_ns == path->duration_ns);
    assert_true(path->duration_ns == path->times[0].end_ns - path->times[0].start_ns);
    free(on_path);
}

/* The time of a span that no child covers, counted nanosecond by nanosecond. */
static int64_t
self_by_hand(const struct trace *trace, const struct trace_path *path, uint32_t span)
{
    int64_t self_ns = 0;
    const struct trace_span *spans = trace_spans(trace);
    for (int64_t t = path->times[span].start_ns; t < path->times[span].end_ns; t++) {
        bool covered = false;
        for (uint32_t i = span + 1; i < spans[span].after; i = spans[i].after) {
            const struct trace_times *times = &path->times[i];
            bool waited = (times->counted || times->apart) && !trace_is_apart(trace, i);
            covered |= waited && times->start_ns <= t && t < times->end_ns;
        }
        self_ns += !covered;
    }
    return self_ns;
}

static void
test_path__partitions_awkward_traces(void **state)
{
    (void)state;
    struct trace_path path;
    trace_path_init(&path);
    uint64_t seed = 7;
    for (int round = 0; round < 1000; round++) {
        enum made_awkward kind = (enum made_awkward)(round % AWKWARD_KINDS);
        struct trace *trace = made_awkward(&seed, kind, round % 7 == 0 ? 200 : 12);
        assert_true(trace_check(trace, trace->bytes));
        assert_true(trace_path_of(&path, trace));
        check_path(trace, &path);
        const struct trace_span *root = trace_spans(trace);
        assert_true(path.duration_ns == (root->duration_ns >= 0
                                             ? root->duration_ns
                                             : MIN(trace->duration_ns, INT64_C(1) << 60)));
        bool few = path.count <= 12 && kind != AWKWARD_HUGE; /* by hand it takes long */
        for (uint32_t i = 0; i < path.count && few; i++) {
            assert_true(path.times[i].self_ns == self_by_hand(trace, &path, i));
        }
        free(trace);
    }
    trace_path_done(&path);
}

/* The same as the store builds them of what was received. */
static void
test_path__partitions_what_the_store_builds(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 7, 40, 300};
    struct trace_path path;
    trace_path_init(&path);
    for (int kind = 0; kind < GENERATE_KINDS; kind++) {
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
            struct generated *g = generate((enum generate_kind)kind, counts[i], 1 + i);
            struct traces *list;
            const struct trace *trace = generate_trace(g, &list);
            if (trace != NULL) {
                assert_true(trace_path_of(&path, trace));
                check_path(trace, &path);
            }
            traces_release(list);
            generate_free(g);
        }
    }
    trace_path_done(&path);
}

static void
test_path__takes_large_traces(void **state)
{
    (void)state;
    static const enum made_awkward kinds[] = {AWKWARD_WIDE, AWKWARD_CONCURRENT, AWKWARD_TOUCHING};
    struct trace_path path;
    trace_path_init(&path);
    uint64_t seed = 3;
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        struct made made = {0};
        made_span(&made, TRACE_NONE, "root", 0, 1000000);
        while (made.count < 100000) {
            made_add(&made, made_awkward_span(&seed, &made, kinds[k], made.count));
        }
        struct trace *trace = made_trace(&made);
        unsigned steps = 1;
        assert_true(trace_path_begin(&path, trace));
        while (!trace_path_step(&path, 0)) {
            steps++;
        }
        assert_true(steps > 2);
        check_path(trace, &path);
        free(trace);
    }
    struct made made = {0};
    made_span(&made, TRACE_NONE, "root", 0, 1000000);
    for (uint32_t i = 1; i <= 5000; i++) {
        made_span(&made, i - 1, "deeper", i, 1000000 - i);
    }
    struct trace *trace = made_trace(&made);
    assert_true(trace_path_of(&path, trace));
    check_path(trace, &path);
    assert_true(path.times[5000].path_ns == 1000000 - 2 * 5000);
    assert_true(path.times[17].path_ns == 2 && path.times[17].self_ns == 2);
    free(trace);
    trace_path_done(&path);
}

/* Spans (parent, start, end) of 1,000 ns, and what they should have on the path and for
 * themselves; parents come first, siblings by start, so that numbers are places. */
struct expected {
    uint32_t parent;
    int64_t start_ns, end_ns, path_ns, self_ns;
};

static void
check_spans(const struct expected *spans, uint32_t count)
{
    struct made made = {0};
    for (uint32_t i = 0; i < count; i++) {
        made_span(&made, spans[i].parent, "x", spans[i].start_ns, spans[i].end_ns);
    }
    struct trace *trace = made_trace(&made);
    struct trace_path path;
    trace_path_init(&path);
    assert_true(trace_path_of(&path, trace));
    check_path(trace, &path);
    for (uint32_t i = 0; i < count; i++) {
        if (path.times[i].path_ns != spans[i].path_ns ||
            path.times[i].self_ns != spans[i].self_ns) {
            fail_msg("span %u: path %lld, not %lld; self %lld, not %lld", i,
                     (long long)path.times[i].path_ns, (long long)spans[i].path_ns,
                     (long long)path.times[i].self_ns, (long long)spans[i].self_ns);
        }
    }
    trace_path_done(&path);
    free(trace);
}

static void
test_path__follows_what_was_waited_for(void **state)
{
    (void)state;
    /* one after the other, with gaps */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 300, 300},
                                          {0, 100, 400, 300, 300},
                                          {0, 500, 900, 400, 400}},
                3);
    /* at once: the last to end is what was waited for */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 200, 200},
                                          {0, 100, 700, 0, 600},
                                          {0, 100, 900, 800, 800}},
                3);
    /* one ends exactly where the next begins */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 0, 0},
                                          {0, 0, 500, 500, 500},
                                          {0, 500, 1000, 500, 500}},
                3);
    /* below a child that runs beside the path nothing is on it */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 0, 0},
                                          {0, 0, 1000, 400, 400},
                                          {1, 200, 800, 600, 600},
                                          {0, 100, 600, 0, 300},
                                          {3, 200, 400, 0, 200}},
                5);
}

static void
test_path__allows_a_little_overlap(void **state)
{
    (void)state;
    /* 10 of 1,000: clipped, counted once */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 0, 0},
                                          {0, 0, 510, 500, 510},
                                          {0, 500, 1000, 500, 500}},
                3);
    /* 11 are too many */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 500, 0},
                                          {0, 0, 511, 0, 511},
                                          {0, 500, 1000, 500, 500}},
                3);
    /* mostly beside the next, however short */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 500, 498},
                                          {0, 498, 506, 0, 8},
                                          {0, 500, 1000, 500, 500}},
                3);
    /* of those that end at once the longest */
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 0, 0},
                                          {0, 0, 1000, 1000, 1000},
                                          {0, 900, 1000, 0, 100}},
                3);
}

static void
test_path__clips_to_the_parent(void **state)
{
    (void)state;
    check_spans((const struct expected[]){{TRACE_NONE, 0, 1000, 500, 500},
                                          {0, -200, 300, 300, 300},
                                          {0, 800, 1500, 0, 0},
                                          {2, 700, 1400, 200, 200},
                                          {0, 1000, 1200, 0, 0},
                                          {4, 1050, 1100, 0, 0}},
                6);
    struct made made = {0};
    made_span(&made, TRACE_NONE, "root", 0, 1000);
    made_span(&made, 0, "outside", 1000, 1200);
    made_span(&made, 1, "below", 1000, 1200);
    made_span(&made, 0, "instant", 1000, 1000);
    struct trace *trace = made_trace(&made);
    struct trace_path path;
    trace_path_init(&path);
    assert_true(trace_path_of(&path, trace));
    assert_false(path.times[1].counted || path.times[1].apart);
    assert_false(path.times[2].counted || path.times[2].apart);
    assert_true(path.times[3].counted);
    trace_path_done(&path);
    free(trace);
}

static void
test_path__puts_clocks_right(void **state)
{
    (void)state;
    struct made made = {0};
    made_span(&made, TRACE_NONE, "root", 0, 1000);
    uint32_t client = made_span(&made, 0, "call", 100, 600);
    uint32_t server = made_span(&made, client, "serve", -5000, -4700);
    made_span(&made, server, "query", -4900, -4800);
    uint32_t long_one = made_span(&made, client, "serve longer", 5000, 5900);
    uint32_t ours = made_span(&made, client, "ours", 580, 620);
    made.spans[client].kind = SPAN_CLIENT;
    made.spans[server].kind = made.spans[long_one].kind = made.spans[ours].kind = SPAN_SERVER;
    made.spans[server].service = made.spans[long_one].service = "stock";
    struct trace *trace = made_trace(&made);
    struct trace_path path;
    trace_path_init(&path);
    assert_true(trace_path_of(&path, trace));
    check_path(trace, &path);
    const struct trace_times *times = path.times;
    assert_true(times[2].skew_ns == 5200 && times[2].start_ns == 200 && times[2].end_ns == 500);
    assert_true(times[3].skew_ns == 5200 && times[3].start_ns == 300 && times[3].path_ns == 100);
    assert_true(times[4].skew_ns == 0 && times[4].start_ns == 580); /* our own clock: clipped */
    assert_true(times[4].end_ns == 600 && times[4].counted);
    assert_true(times[5].skew_ns == 0 && !times[5].counted); /* it does not fit */
    trace_path_done(&path);
    free(trace);
}

static void
test_path__waits_neither_for_consumers_nor_followers(void **state)
{
    (void)state;
    struct made made = {0};
    made_span(&made, TRACE_NONE, "root", 0, 1000);
    uint32_t send = made_span(&made, 0, "send", 100, 300);
    uint32_t take = made_span(&made, send, "take", 200, 5000);
    made_span(&made, take, "work", 1000, 4000);
    uint32_t later = made_span(&made, 0, "later", 200, 900);
    made.spans[send].kind = SPAN_PRODUCER;
    made.spans[take].kind = SPAN_CONSUMER;
    made.spans[later].follows = true;
    struct trace *trace = made_trace(&made);
    struct trace_path path;
    trace_path_init(&path);
    assert_true(trace_path_of(&path, trace));
    check_path(trace, &path);
    const struct trace_times *times = path.times;
    assert_true(times[0].path_ns == 800 && times[0].self_ns == 800);
    assert_true(times[1].path_ns == 200 && times[1].self_ns == 200);
    assert_true(times[2].apart && !times[2].counted && times[2].path_ns == 0);
    assert_true(times[2].end_ns == 5000 && times[2].self_ns == 1800);
    assert_true(times[3].apart && times[3].self_ns == 3000);
    assert_true(times[4].apart && times[4].self_ns == 700 && times[4].path_ns == 0);
    trace_path_done(&path);
    free(trace);
}

static void
test_path__what_has_not_ended_lasts_as_long_as_its_parent(void **state)
{
    (void)state;
    struct made made = {0};
    made_span(&made, TRACE_NONE, "root", 0, -1);
    uint32_t open = made_span(&made, 0, "open", 100, 0);
    made_span(&made, 0, "known", 200, 900);
    made.spans[0].duration_ns = made.spans[open].duration_ns = -1;
    struct trace *trace = made_trace(&made);
    struct trace_path path;
    trace_path_init(&path);
    assert_true(trace_path_of(&path, trace));
    check_path(trace, &path);
    assert_true(path.duration_ns == 900);
    assert_true(path.times[1].start_ns == 100 && path.times[1].end_ns == 900);
    assert_true(path.times[1].path_ns == 800);
    trace_path_done(&path);
    free(trace);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path__partitions_awkward_traces),
        cmocka_unit_test(test_path__partitions_what_the_store_builds),
        cmocka_unit_test(test_path__takes_large_traces),
        cmocka_unit_test(test_path__follows_what_was_waited_for),
        cmocka_unit_test(test_path__allows_a_little_overlap),
        cmocka_unit_test(test_path__clips_to_the_parent),
        cmocka_unit_test(test_path__puts_clocks_right),
        cmocka_unit_test(test_path__waits_neither_for_consumers_nor_followers),
        cmocka_unit_test(test_path__what_has_not_ended_lasts_as_long_as_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
