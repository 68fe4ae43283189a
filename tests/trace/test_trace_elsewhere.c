#include "../check.h"

#include "stored.h"

static void
test_trace_elsewhere__is_taken(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_ORPHANED, 40, 9);
    struct traces *from, *to;
    const struct trace *trace = generate_trace(g, &from);
    struct trace_store *store = store_of(0);
    assert_true(trace_store_trace(store, trace, trace->bytes, generate_now(0)));
    assert_true(trace_store_trace(store, trace, trace->bytes, generate_now(0)));
    assert_false(trace_store_trace(store, trace, trace->bytes - 8, generate_now(0)));
    to = trace_store_publish(store, generate_now(0));
    assert_int_equal(to->count, 1);
    assert_memory_equal(traces_find(to, g->spans[0].trace_id), trace, trace->bytes);
    struct trace *shared = malloc(trace->bytes); /* each span claims all attributes there are */
    assert_non_null(shared);
    memcpy(shared, trace, trace->bytes);
    assert_true(shared->attribute_count > 0);
    for (uint32_t i = 0; i < shared->span_count; i++) {
        struct trace_span *span = (struct trace_span *)(shared + 1) + i;
        span->attribute = 0;
        span->attribute_count = shared->attribute_count;
    }
    assert_false(trace_store_trace(store, shared, shared->bytes, generate_now(0)));
    free(shared);
    traces_release(from);
    traces_release(to);
    trace_store_free(store);
    generate_free(g);
}

/* Too large for a record of an agent, which sends its head first, and not for the store. */
static void
test_trace_elsewhere__is_not_left_out_that_came_after_its_head(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_ORPHANED, 40, 9);
    struct traces *from, *to;
    const struct trace *trace = generate_trace(g, &from);
    struct trace_store *store = store_of((size_t)1 << 20);
    for (int whole = 0; whole <= 1; whole++) {
        assert_int_equal(
            trace_store_trace(store, trace, whole ? trace->bytes : sizeof(*trace), generate_now(0)),
            whole);
        to = trace_store_publish(store, generate_now(0));
        assert_int_equal(to->left, !whole);
        assert_int_equal(to->count, whole);
        traces_release(to);
    }
    traces_release(from);
    trace_store_free(store);
    generate_free(g);
}

static void
check_left(struct trace_store *store, uint64_t count, uint32_t bytes, const char *id)
{
    struct traces *list = trace_store_publish(store, generate_now(0));
    assert_int_equal(list->left, count);
    assert_int_equal(list->left_bytes, bytes);
    assert_string_equal(list->left_id, id);
    traces_release(list);
}

/* Each connection sends the heads of all of them again, and what comes whole is any of them. */
static void
test_trace_elsewhere__is_told_of_each_that_is_left_out(void **state)
{
    (void)state;
    struct generated *g[3];
    struct traces *from[3];
    const struct trace *traces[3];
    char ids[3][2 * SPAN_ID_BYTES_MAX + 1];
    struct trace_store *store = store_of((size_t)1 << 20);
    for (size_t i = 0; i < 3; i++) {
        g[i] = generate(GENERATE_PLAIN, 10 + i, i + 1);
        traces[i] = generate_trace(g[i], &from[i]);
        trace_id_text(traces[i], ids[i], sizeof(ids[i]));
    }
    for (size_t i = 0; i < 6; i++) {
        assert_false(trace_store_trace(store, traces[i % 3], sizeof(*traces[0]), generate_now(0)));
        check_left(store, MIN(i + 1, (size_t)3), traces[i % 3]->bytes, ids[i % 3]);
    }
    assert_true(trace_store_trace(store, traces[2], traces[2]->bytes, generate_now(0)));
    check_left(store, 2, traces[1]->bytes, ids[1]);
    assert_true(trace_store_trace(store, traces[0], traces[0]->bytes, generate_now(0)));
    check_left(store, 1, traces[1]->bytes, ids[1]);
    assert_true(trace_store_trace(store, traces[1], traces[1]->bytes, generate_now(0)));
    check_left(store, 0, 0, "");
    for (size_t i = 0; i < 3; i++) {
        traces_release(from[i]);
        generate_free(g[i]);
    }
    trace_store_free(store);
}

/* More than are remembered: the last ones are. */
static void
test_trace_elsewhere__is_forgotten_when_too_many_are_left_out(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_PLAIN, 10, 1);
    struct traces *from;
    struct trace head = *generate_trace(g, &from);
    char id[2 * SPAN_ID_BYTES_MAX + 1];
    struct trace_store *store = store_of((size_t)1 << 20);
    for (uint8_t i = 0; i < 100; i++) {
        head.id[0] = i;
        assert_false(trace_store_trace(store, &head, sizeof(head), generate_now(0)));
    }
    check_left(store, 64, head.bytes, trace_id_text(&head, id, sizeof(id)));
    traces_release(from);
    trace_store_free(store);
    generate_free(g);
}

/* By its head alone, as an agent sends it; until it comes. It takes nobody's place, and the next
 * takes its. */
static void
test_trace_elsewhere__is_beside_the_others_when_large(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_ORPHANED, 40, 9);
    struct traces *from, *to;
    const struct trace *trace = generate_trace(g, &from);
    struct trace_store *store = store_of(trace->bytes - 1);
    char id[2 * SPAN_ID_BYTES_MAX + 1];
    trace_id_text(trace, id, sizeof(id));
    for (int i = 0; i < 2; i++) { /* twice the same */
        assert_false(trace_store_trace(store, trace, sizeof(*trace), generate_now(0)));
    }
    to = trace_store_publish(store, generate_now(0));
    assert_int_equal(to->count, 0);
    assert_int_equal(to->left, 1);
    assert_int_equal(to->left_bytes, trace->bytes);
    assert_string_equal(to->left_id, id);
    traces_release(to);
    struct generated *small = generate(GENERATE_PLAIN, 5, 2),
                     *next = generate(GENERATE_ORPHANED, 41, 3);
    struct traces *small_from, *next_from;
    const struct trace *other = generate_trace(small, &small_from);
    const struct trace *larger = generate_trace(next, &next_from);
    assert_true(other->bytes < trace->bytes && larger->bytes >= trace->bytes);
    assert_true(trace_store_trace(store, other, other->bytes, generate_now(0)));
    assert_true(trace_store_trace(store, trace, trace->bytes, generate_now(0)));
    assert_true(trace_store_trace(store, trace, trace->bytes, generate_now(0)));
    to = trace_store_publish(store, generate_now(0));
    assert_int_equal(to->count, 2);
    assert_int_equal(to->left, 0);
    assert_non_null(traces_find(to, (struct str){(const char *)trace->id, trace->id_n}));
    assert_true(trace_store_trace(store, larger, larger->bytes, generate_now(0)));
    assert_true(trace_store_mark(store, (struct str){(const char *)larger->id, larger->id_n},
                                 true)); /* it is there */
    struct traces *after = trace_store_publish(store, generate_now(0));
    assert_int_equal(after->count, 2);
    assert_null(traces_find(after, (struct str){(const char *)trace->id, trace->id_n}));
    assert_non_null(traces_find(after, (struct str){(const char *)larger->id, larger->id_n}));
    assert_non_null(traces_find(after, (struct str){(const char *)other->id, other->id_n}));
    assert_non_null(traces_find(to, (struct str){(const char *)trace->id, trace->id_n}));
    struct trace *wrong = malloc(larger->bytes);
    memcpy(wrong, larger, larger->bytes);
    wrong->version++;
    wrong->span_count = 1000000;
    assert_false(trace_store_trace(store, wrong, larger->bytes, generate_now(0)));
    free(wrong);
    traces_release(after);
    traces_release(from);
    traces_release(to);
    traces_release(small_from);
    traces_release(next_from);
    trace_store_free(store);
    generate_free(small);
    generate_free(next);
    generate_free(g);
}

/* Bytes from elsewhere that were changed anywhere are refused, or are safe to read. */
static void
test_trace_elsewhere__is_read_safely_when_spoilt(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_ASYNC, 12, 4);
    struct traces *list;
    const struct trace *trace = generate_trace(g, &list);
    struct trace *copy = malloc(trace->bytes);
    size_t refused = 0;
    for (size_t i = 0; i < trace->bytes; i++) {
        memcpy(copy, trace, trace->bytes);
        ((uint8_t *)copy)[i] ^= 0xFF;
        if (!trace_check(copy, copy->bytes <= trace->bytes ? copy->bytes : 0)) {
            refused++;
            continue;
        }
        for (uint32_t s = 0; s < copy->span_count; s++) {
            trace_attribute(copy, s, "no such key");
            assert_true(strlen(trace_text(copy, trace_spans(copy)[s].label)) < copy->text_bytes);
        }
    }
    assert_true(refused > trace->bytes / 4);
    free(copy);
    traces_release(list);
    generate_free(g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace_elsewhere__is_taken),
        cmocka_unit_test(test_trace_elsewhere__is_not_left_out_that_came_after_its_head),
        cmocka_unit_test(test_trace_elsewhere__is_told_of_each_that_is_left_out),
        cmocka_unit_test(test_trace_elsewhere__is_forgotten_when_too_many_are_left_out),
        cmocka_unit_test(test_trace_elsewhere__is_beside_the_others_when_large),
        cmocka_unit_test(test_trace_elsewhere__is_read_safely_when_spoilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
