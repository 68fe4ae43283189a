#include "../check.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "stored.h"

/* As many requests as came are told by the weights of those that stayed, in the time they reach
 * back; slow and failed ones stay with weight 1. */
static void
test_segments__makes_room_by_sampling(void **state)
{
    (void)state;
    struct trace_store *store = store_of((size_t)4 << 20);
    enum { SENT = 40000 };
    for (uint64_t i = 0; i < SENT; i++) {
        struct generated *g = generate(GENERATE_PLAIN, 4, i + 1);
        int64_t after_ns = (int64_t)i * NS_PER_MS;
        for (size_t s = 0; s < g->count; s++) {
            g->spans[s].start_ns += after_ns;
            g->spans[s].end_ns += after_ns;
        }
        if (i % 100 == 0) {
            g->spans[0].status = SPAN_ERROR;
        }
        generate_send(g, store, after_ns);
        generate_free(g);
        if (i % 500 == 0) {
            traces_release(trace_store_publish(store, generate_now(after_ns)));
        }
    }
    trace_store_flush(store, generate_now((int64_t)SENT * NS_PER_MS));
    struct traces *list = trace_store_publish(store, generate_now((int64_t)SENT * NS_PER_MS));
    double weight = 0;
    size_t alive = 0, failed = 0;
    int64_t oldest = INT64_MAX;
    const struct trace *trace;
    for (struct traces_cursor cursor = {0}; (trace = traces_next(list, &cursor)) != NULL; alive++) {
        weight += trace->weight;
        failed += (trace->flags & TRACE_ERROR) != 0;
        oldest = MIN(oldest, trace->mono_ns);
    }
    assert_true(list->bytes <= list->bytes_max);
    assert_int_equal(list->count, alive);
    assert_true(list->sampled_out > 0);
    assert_int_equal(list->oldest_mono_ns, oldest);
    double within =
        (double)(generate_now((int64_t)SENT * NS_PER_MS).mono_ns - GENERATE_LENGTH_NS - oldest) /
        1e6;
    assert_true(within > 2.0 * (double)alive); /* sampling reaches further back */
    assert_true(fabs(weight / within - 1) < 0.02);
    assert_true(fabs((double)failed / (within / 100) - 1) < 0.02);
    traces_release(list);
    trace_store_free(store);
}

static void
test_segments__keeps_marked_traces_longest(void **state)
{
    (void)state;
    struct trace_store *store = store_of((size_t)2 << 20);
    struct generated *marked = generate(GENERATE_PLAIN, 4, 123456);
    struct str id = {(const char *)marked->trace_id, 16};
    assert_false(trace_store_mark(store, id, true));
    generate_send(marked, store, 0);
    trace_store_flush(store, generate_now(0));
    assert_true(trace_store_mark(store, id, true));
    for (uint64_t i = 0; i < 30000; i++) {
        struct generated *g = generate(GENERATE_PLAIN, 4, i + 1);
        generate_send(g, store, 0);
        generate_free(g);
    }
    struct traces *list = trace_store_publish(store, generate_now(0));
    const struct trace *trace = traces_find(list, id);
    assert_non_null(trace);
    assert_true((trace->flags & TRACE_MARKED) != 0);
    traces_release(list);
    assert_true(trace_store_mark(store, id, false));
    list = trace_store_publish(store, generate_now(0));
    assert_int_equal(traces_find(list, id)->flags & TRACE_MARKED, 0);
    traces_release(list);
    trace_store_free(store);
    generate_free(marked);
}

/* Room for what turned out to be no trace is room again, whatever comes between. */
static void
test_segments__keeps_no_room_for_what_was_refused(void **state)
{
    (void)state;
    size_t refused = (size_t)4 << 20, held = 0;
    struct generated *g = generate(GENERATE_ORPHANED, 40, 9);
    struct traces *from;
    const struct trace *trace = generate_trace(g, &from);
    struct trace *other = malloc(trace->bytes);
    void *nothing = calloc(1, refused);
    struct trace_store *store = store_of(0);
    assert_true(other != NULL && nothing != NULL);
    memcpy(other, trace, trace->bytes);
    for (uint8_t i = 0; i < 20; i++) {
        other->id[0] = i;
        assert_false(trace_store_trace(store, nothing, refused, generate_now(0)));
        assert_true(trace_store_trace(store, other, other->bytes, generate_now(0)));
    }
    struct traces *list = trace_store_publish(store, generate_now(0));
    for (size_t i = 0; i < list->part_count; i++) {
        held += list->parts[i].segment->capacity;
    }
    assert_int_equal(list->count, 20);
    assert_true(held <= refused);
    traces_release(list);
    traces_release(from);
    trace_store_free(store);
    generate_free(g);
    free(other);
    free(nothing);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments__makes_room_by_sampling),
        cmocka_unit_test(test_segments__keeps_marked_traces_longest),
        cmocka_unit_test(test_segments__keeps_no_room_for_what_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
