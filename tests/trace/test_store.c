#include "../check.h"

#include "flametop/base/macros.h"
#include "stored.h"

static const struct span *
sent(const struct generated *g, const struct trace_span *span)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct span *s = &g->spans[i];
        if (s->span_id.n == span->id_n && memcmp(s->span_id.p, span->id, span->id_n) == 0 &&
            (uint8_t)s->kind == span->kind) {
            return s;
        }
    }
    return NULL;
}

static void
check_order(const struct trace *trace)
{
    const struct trace_span *spans = trace_spans(trace);
    int64_t *last_ns =
        calloc(trace->span_count, sizeof(*last_ns)); /* start of a span's last child */
    assert_non_null(last_ns);
    for (uint32_t i = 0; i < trace->span_count; i++) {
        last_ns[i] = INT64_MIN;
    }
    for (uint32_t i = 1; i < trace->span_count; i++) {
        assert_true(spans[i].start_ns >= last_ns[spans[i].parent]);
        last_ns[spans[i].parent] = spans[i].start_ns;
    }
    free(last_ns);
}

/* Every span once, with its times, and its attributes. */
static void
check_against(const struct generated *g, const struct trace *trace)
{
    const struct trace_span *spans = trace_spans(trace);
    size_t made_up = 0;
    assert_true(trace_check(trace, trace->bytes));
    check_order(trace);
    for (uint32_t i = 0; i < trace->span_count; i++) {
        if ((spans[i].flags & SPAN_MADE_UP) != 0) {
            made_up++;
            continue;
        }
        const struct span *s = g->count > 2000 ? NULL : sent(g, &spans[i]);
        if (s == NULL) {
            assert_true(g->count > 2000);
            continue;
        }
        assert_int_equal(spans[i].start_ns + trace->start_ns, s->start_ns);
        assert_int_equal(spans[i].duration_ns, s->end_ns == 0 ? -1 : s->end_ns - s->start_ns);
        assert_int_equal(spans[i].attribute_count, s->attribute_count);
        const struct trace_attribute *load = trace_attribute(trace, i, "load");
        assert_non_null(load);
        assert_float_equal(load->real, s->attributes[3].real, 0);
        assert_string_equal(trace_text(trace, trace_resources(trace)[spans[i].resource].service),
                            s->resource->service.p);
    }
    assert_int_equal(trace->span_count, g->count + made_up);
    assert_true(made_up <= 1);
}

/* ---- tests ---- */

static void
test_store__keeps_what_was_sent(void **state)
{
    (void)state;
    for (int kind = 0; kind < GENERATE_KINDS; kind++) {
        for (uint64_t seed = 0; seed < 8; seed++) {
            struct generated *g = generate((enum generate_kind)kind, 1 + seed * 23, seed);
            struct traces *list;
            if (g->count == 0) {
                generate_free(g);
                continue;
            }
            const struct trace *trace = generate_trace(g, &list);
            assert_non_null(trace);
            assert_int_equal(list->count, 1);
            check_against(g, trace);
            traces_release(list);
            generate_free(g);
        }
    }
}

/* The same tree, whatever the order in which spans came. */
static void
test_store__does_not_mind_the_order(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2 * GENERATE_KINDS; kind++) {
        size_t count = kind < GENERATE_KINDS ? 60 : 900; /* many are sorted otherwise */
        struct generated *g = generate((enum generate_kind)(kind % GENERATE_KINDS), count, 7);
        struct traces *first, *second;
        const struct trace *a = generate_trace(g, &first);
        generate_shuffle(g);
        const struct trace *b = generate_trace(g, &second);
        assert_int_equal(a->span_count, b->span_count);
        assert_int_equal(a->flags, b->flags);
        assert_int_equal(a->start_ns, b->start_ns);
        assert_int_equal(a->duration_ns, b->duration_ns);
        assert_string_equal(trace_text(a, a->endpoint), trace_text(b, b->endpoint));
        for (uint32_t i = 0; i < a->span_count; i++) {
            const struct trace_span *x = &trace_spans(a)[i], *y = &trace_spans(b)[i];
            assert_memory_equal(x->id, y->id, sizeof(x->id));
            assert_int_equal(x->parent, y->parent);
            assert_int_equal(x->after, y->after);
            assert_int_equal(x->start_ns, y->start_ns);
        }
        traces_release(first);
        traces_release(second);
        generate_free(g);
    }
}

static void
test_store__counts_a_retried_batch_once(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_CONCURRENT, 40, 3);
    struct trace_store *store = store_of(0);
    generate_send(g, store, 0);
    generate_send(g, store, 0);
    struct traces *list = trace_store_publish(store, generate_now(NS_PER_S));
    assert_int_equal(list->count, 1);
    assert_int_equal(list->repeated, 40);
    assert_int_equal(list->received, 80);
    traces_release(list);
    generate_send(g, store, 2 * NS_PER_S); /* once more, when it is done */
    list = trace_store_publish(store, generate_now(60 * NS_PER_S));
    struct traces_cursor cursor = {0};
    const struct trace *trace = traces_next(list, &cursor);
    assert_int_equal(trace->version, 1);
    check_against(g, trace);
    assert_null(traces_next(list, &cursor));
    traces_release(list);
    trace_store_free(store);
    generate_free(g);
}

static void
test_store__waits_until_a_trace_is_whole_and_quiet(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_PLAIN, 10, 5);
    struct trace_store *store = store_of(0);
    for (size_t i = 1; i < g->count; i++) {
        assert_true(trace_store_span(store, &g->spans[i], generate_now(0)));
    }
    struct traces *list = trace_store_publish(store, generate_now(NS_PER_S));
    assert_int_equal(list->count, 0); /* no root */
    assert_int_equal(list->open, 1);
    traces_release(list);
    trace_store_span(store, &g->spans[0], generate_now(NS_PER_S));
    list = trace_store_publish(store, generate_now(NS_PER_S + TRACE_QUIET_NS / 2));
    assert_int_equal(list->count, 0); /* not quiet */
    traces_release(list);
    list = trace_store_publish(store, generate_now(NS_PER_S + TRACE_QUIET_NS));
    assert_int_equal(list->count, 1);
    assert_int_equal(list->open, 0);
    traces_release(list);
    trace_store_free(store);
    generate_free(g);
}

static void
test_store__late_spans_make_a_new_version(void **state)
{
    (void)state;
    for (int kind = 0; kind < GENERATE_KINDS; kind++) {
        struct generated *g = generate((enum generate_kind)kind, 50, 11);
        struct trace_store *store = store_of(0);
        size_t half = g->count / 2;
        generate_shuffle(g);
        for (size_t i = 0; i < half; i++) {
            trace_store_span(store, &g->spans[i], generate_now(0));
        }
        struct traces *early = trace_store_publish(store, generate_now(10 * NS_PER_S));
        assert_int_equal(early->count, 1);
        for (size_t i = half; i < g->count; i++) {
            trace_store_span(store, &g->spans[i], generate_now(11 * NS_PER_S));
        }
        struct traces *late = trace_store_publish(store, generate_now(40 * NS_PER_S));
        struct str id = {(const char *)g->trace_id, 16};
        assert_int_equal(late->count, 1);
        const struct trace *trace = traces_find(late, id);
        assert_int_equal(trace->version, 2);
        check_against(g, trace);
        assert_int_equal(traces_find(early, id)->version, 1); /* what was published stays */

        struct traces *list; /* as if all had come at once */
        const struct trace *whole = generate_trace(g, &list);
        assert_int_equal(whole->span_count, trace->span_count);
        for (uint32_t i = 0; i < trace->span_count; i++) {
            assert_int_equal(trace_spans(whole)[i].parent, trace_spans(trace)[i].parent);
            assert_int_equal(trace_spans(whole)[i].start_ns, trace_spans(trace)[i].start_ns);
        }
        traces_release(list);
        traces_release(early);
        traces_release(late);
        trace_store_free(store);
        generate_free(g);
    }
}

static void
test_store__takes_the_end_of_what_had_not_ended(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_PLAIN, 3, 1);
    struct trace_store *store = store_of(0);
    struct span open = g->spans[0];
    open.end_ns = 0;
    trace_store_span(store, &open, generate_now(0));
    generate_send(g, store, NS_PER_MS);
    struct traces *list = trace_store_publish(store, generate_now(NS_PER_S));
    const struct trace *trace = traces_find(list, g->spans[0].trace_id);
    assert_non_null(trace);
    assert_int_equal(trace->flags & TRACE_UNFINISHED, 0);
    assert_int_equal(trace->span_count, 3);
    assert_int_equal(trace->duration_ns, GENERATE_LENGTH_NS);
    traces_release(list);
    trace_store_free(store);
    generate_free(g);
}

static void
test_store__holds_large_and_deep_traces(void **state)
{
    (void)state;
    static const struct {
        enum generate_kind kind;
        size_t count;
    } cases[] = {{GENERATE_PLAIN, 32000}, {GENERATE_DEEP, 5000}, {GENERATE_WIDE, 32000}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct generated *g = generate(cases[i].kind, cases[i].count, 2);
        struct trace_store *store = store_of(0); /* of 16 MiB */
        generate_send(g, store, 0);
        struct traces *list = trace_store_publish(store, generate_now(NS_PER_S));
        const struct trace *trace = traces_find(list, g->spans[0].trace_id);
        assert_non_null(trace);
        assert_int_equal(trace->flags & TRACE_CUT, 0);
        check_against(g, trace);
        uint32_t depth = 0;
        for (uint32_t s = 0; s < trace->span_count; s++) {
            depth = MAX(depth, trace_spans(trace)[s].depth);
        }
        assert_true(cases[i].kind != GENERATE_DEEP || depth == 4999);
        traces_release(list);
        trace_store_free(store);
        generate_free(g);
    }
}

static void
test_store__refuses_what_has_no_ids(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_PLAIN, 2, 1);
    struct trace_store *store = store_of(0);
    struct span span = g->spans[0];
    span.trace_id.n = 0;
    assert_false(trace_store_span(store, &span, generate_now(0)));
    span = g->spans[0];
    span.span_id.n = 0;
    assert_false(trace_store_span(store, &span, generate_now(0)));
    struct traces *list = trace_store_publish(store, generate_now(0));
    assert_int_equal(list->refused, 2);
    traces_release(list);
    trace_store_free(store);
    generate_free(g);
}

static void
test_store__samples_by_rule(void **state)
{
    (void)state;
    struct trace_sampling rules[] = {{"other*", "", 1}, {"", "GET /users*", 0.25}};
    struct trace_store_options options = {
        .bytes_max = (size_t)64 << 20, .sampling = rules, .sampling_count = ARRAY_SIZE(rules)};
    struct trace_store *store = trace_store_new(&options);
    for (uint64_t i = 0; i < 4000; i++) {
        struct generated *g = generate(GENERATE_PLAIN, 3, i + 1);
        generate_send(g, store, 0);
        generate_free(g);
    }
    trace_store_flush(store, generate_now(0));
    struct traces *list = trace_store_publish(store, generate_now(0));
    struct traces_cursor cursor = {0};
    const struct trace *trace = traces_next(list, &cursor);
    assert_float_equal(trace->weight, 4, 0);
    assert_in_range(list->count, 900, 1100);
    assert_int_equal(list->sampled_out, 4000 - list->count);
    traces_release(list);
    trace_store_free(store);
}

static void
test_store__tells_slow_ones_by_threshold(void **state)
{
    (void)state;
    struct trace_threshold rules[] = {{"POST *", "", 0.001}, {"get /USERS/*", "", 0.9}};
    struct trace_store_options options = {.thresholds = rules, .threshold_count = 2};
    for (int with = 0; with < 2; with++) {
        options.threshold_count = with == 0 ? 0 : 2;
        struct trace_store *store = trace_store_new(&options);
        struct generated *g = generate(GENERATE_PLAIN, 3, 1); /* takes 1 s */
        generate_send(g, store, 0);
        struct traces *list = trace_store_publish(store, generate_now(NS_PER_S));
        const struct trace *trace = traces_find(list, g->spans[0].trace_id);
        assert_int_equal((trace->flags & TRACE_SLOW) != 0, with == 1);
        traces_release(list);
        trace_store_free(store);
        generate_free(g);
    }
}

static void
test_store__answers_the_same_list_while_nothing_changes(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_PLAIN, 3, 1);
    struct trace_store *store = store_of(0);
    assert_false(trace_store_used(store));
    generate_send(g, store, 0);
    assert_true(trace_store_used(store));
    struct traces *a = trace_store_publish(store, generate_now(NS_PER_S));
    struct traces *b = trace_store_publish(store, generate_now(2 * NS_PER_S));
    assert_ptr_equal(a, b);
    traces_release(a);
    traces_release(b);
    trace_store_free(store);
    generate_free(g);
}

/* Several at once, more than may be open: the oldest are finished early and nothing is lost. */
static void
test_store__finishes_early_when_there_are_too_many(void **state)
{
    (void)state;
    struct trace_store_options options = {.bytes_max = (size_t)64 << 20,
                                          .open_bytes_max = (size_t)256 << 10};
    struct trace_store *store = trace_store_new(&options);
    for (uint64_t i = 0; i < 2000; i++) {
        struct generated *g = generate(GENERATE_PLAIN, 5, i + 1);
        generate_send(g, store, 0);
        generate_free(g);
    }
    struct traces *list = trace_store_publish(store, generate_now(0));
    assert_true(list->open_bytes <= options.open_bytes_max);
    assert_int_equal(list->count + list->open, 2000);
    traces_release(list);
    trace_store_free(store);
}

static bool
send_one(struct trace_store *store, uint64_t trace, uint64_t id, size_t bytes, int64_t at_ns)
{
    static const struct span_resource resource = {.service = {"shop", 4}};
    static char text[4000];
    memset(text, 'x', sizeof(text));
    snprintf(text, sizeof(text), "%08llx", (unsigned long long)id);
    text[8] = 'x';
    struct span_attribute attribute = {.key = STR("k"), .text = {text, bytes}};
    struct span span = {.trace_id = {(const char *)&trace, sizeof(trace)},
                        .span_id = {(const char *)&id, sizeof(id)},
                        .name = STR("x"),
                        .start_ns = GENERATE_START_NS,
                        .end_ns = GENERATE_START_NS + 1,
                        .attributes = &attribute,
                        .attribute_count = 1,
                        .resource = &resource};
    return trace_store_span(store, &span, generate_now(at_ns));
}

/* More than may be open, of which each gets a span in turn: opening each again for every span would
 * cost all of it each time. */
static void
test_store__opens_only_so_much_again(void **state)
{
    (void)state;
    struct trace_store_options options = {.bytes_max = (size_t)64 << 20,
                                          .open_bytes_max = (size_t)1 << 20};
    struct trace_store *store = trace_store_new(&options);
    for (uint64_t i = 0; i < 400; i++) {
        assert_true(send_one(store, i / 20 + 1, i + 1, 4000, 0));
    }
    size_t refused = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        refused += !send_one(store, i % 20 + 1, 1000 + i, 8, 0);
    }
    assert_true(refused > 1000);
    assert_true(send_one(store, 1, 9000, 8, NS_PER_S));
    struct traces *list = trace_store_publish(store, generate_now(NS_PER_S));
    assert_int_equal(list->dropped, refused);
    traces_release(list);
    trace_store_free(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store__keeps_what_was_sent),
        cmocka_unit_test(test_store__does_not_mind_the_order),
        cmocka_unit_test(test_store__counts_a_retried_batch_once),
        cmocka_unit_test(test_store__waits_until_a_trace_is_whole_and_quiet),
        cmocka_unit_test(test_store__late_spans_make_a_new_version),
        cmocka_unit_test(test_store__takes_the_end_of_what_had_not_ended),
        cmocka_unit_test(test_store__holds_large_and_deep_traces),
        cmocka_unit_test(test_store__refuses_what_has_no_ids),
        cmocka_unit_test(test_store__samples_by_rule),
        cmocka_unit_test(test_store__tells_slow_ones_by_threshold),
        cmocka_unit_test(test_store__answers_the_same_list_while_nothing_changes),
        cmocka_unit_test(test_store__finishes_early_when_there_are_too_many),
        cmocka_unit_test(test_store__opens_only_so_much_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
