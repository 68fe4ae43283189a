#include "../check.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "generate.h"

/* ---- helpers ---- */

static struct trace_store *
store_of(size_t bytes_max)
{
    struct trace_store_options options = {.bytes_max = bytes_max};
    struct trace_store *store = trace_store_new(&options);
    assert_non_null(store);
    return store;
}

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

/* As many requests as came are told by the weights of those that stayed, in the time they reach
 * back; slow and failed ones stay with weight 1. */
static void
test_store__makes_room_by_sampling(void **state)
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
test_store__keeps_marked_traces_longest(void **state)
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
test_store__takes_traces_from_elsewhere(void **state)
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

/* Resources that differ in what is not kept of them are one, others are not. */
static void
test_store__tells_resources_by_what_is_kept(void **state)
{
    (void)state;
    static char texts[3][TRACE_TEXT_BYTES_MAX + 100];
    struct trace_store *store = store_of(0);
    for (size_t i = 0; i < 3; i++) {
        memset(texts[i], 'x', sizeof(texts[i]));
        texts[i][i < 2 ? sizeof(texts[i]) - 1 : 0] = (char)('a' + i);
        struct span_attribute attribute = {
            .key = STR("k"), .type = SPAN_TEXT, .text = {texts[i], sizeof(texts[i])}};
        struct span_resource resource = {.service = STR("shop"),
                                         .scope = STR(""),
                                         .attributes = &attribute,
                                         .attribute_count = 1};
        char id[] = {'s', (char)('0' + i)};
        struct span span = {.trace_id = STR("t"),
                            .span_id = {id, sizeof(id)},
                            .parent_id = {i > 0 ? "s0" : "", i > 0 ? 2 : 0},
                            .name = STR("x"),
                            .start_ns = GENERATE_START_NS,
                            .end_ns = GENERATE_START_NS + 1,
                            .resource = &resource};
        assert_true(trace_store_span(store, &span, generate_now(0)));
    }
    trace_store_flush(store, generate_now(0));
    struct traces *list = trace_store_publish(store, generate_now(0));
    assert_int_equal(traces_find(list, STR("t"))->resource_count, 2);
    traces_release(list);
    trace_store_free(store);
}

/* The attributes are read once for all spans of a resource, whatever its scope. */
static void
test_store__reads_a_resource_once(void **state)
{
    (void)state;
    struct trace_store *store = store_of(0);
    char texts[2][2] = {"a", "b"};
    struct span_memo memo = {0};
    struct span_attribute attribute = {.key = STR("k"), .type = SPAN_TEXT, .text = {texts[0], 1}};
    struct span_resource resource = {.service = STR("shop"),
                                     .scope = STR("one"),
                                     .attributes = &attribute,
                                     .attribute_count = 1,
                                     .memo = &memo};
    for (size_t i = 0; i < 4; i++) {
        char id[] = {'s', (char)('0' + i)};
        struct span span = {.trace_id = STR("t"),
                            .span_id = {id, sizeof(id)},
                            .parent_id = {i > 0 ? "s0" : "", i > 0 ? 2 : 0},
                            .name = STR("x"),
                            .start_ns = GENERATE_START_NS,
                            .end_ns = GENERATE_START_NS + 1,
                            .resource = &resource};
        if (i == 1) {
            attribute.text.p = texts[1]; /* which nobody looks at */
        } else if (i == 2) {
            resource.scope = STR("two"); /* another, of the same attributes */
        } else if (i == 3) {
            memo = (struct span_memo){0}; /* another delivery */
        }
        assert_true(trace_store_span(store, &span, generate_now(0)));
    }
    trace_store_flush(store, generate_now(0));
    struct traces *list = trace_store_publish(store, generate_now(0));
    assert_int_equal(traces_find(list, STR("t"))->resource_count, 3);
    traces_release(list);
    trace_store_free(store);
}

/* A key's last text, numbers and names are remembered for one trace: what comes for several in turn
 * is theirs all the same. */
static void
test_store__tells_what_comes_for_traces_in_turn(void **state)
{
    (void)state;
    static const char *const texts[] = {"x", "xy", "x", "password=1", "password=1", "x\n", "x "};
    struct trace_store *store = store_of(0);
    struct span_resource resource = {.service = STR("shop"), .scope = STR("")};
    char trace_ids[][2] = {"t", "u"}, id[] = "s0";
    for (size_t i = 0; i < 2 * ARRAY_SIZE(texts); i++) {
        struct span_attribute list[] = {
            {.key = STR("k"), .type = SPAN_TEXT, .text = str_from(texts[i / 2])},
            {.key = STR("k"), .type = SPAN_INTEGER, .integer = (int64_t)(i / 2 * 256)},
            {.key = STR("api_key"), .type = SPAN_TEXT, .text = str_from(texts[i / 2])}};
        id[1] = (char)('0' + i / 2);
        struct span span = {.trace_id = {trace_ids[i % 2], 1},
                            .span_id = {id, 2},
                            .parent_id = {i > 1 ? "s0" : "", i > 1 ? 2 : 0},
                            .name = STR("x"),
                            .start_ns = GENERATE_START_NS + (int64_t)i,
                            .end_ns = GENERATE_START_NS + 100,
                            .attributes = list,
                            .attribute_count = ARRAY_SIZE(list),
                            .resource = &resource};
        assert_true(trace_store_span(store, &span, generate_now(0)));
    }
    trace_store_flush(store, generate_now(0));
    struct traces *list = trace_store_publish(store, generate_now(0));
    assert_int_equal(list->count, 2);
    for (size_t t = 0; t < 2; t++) {
        const struct trace *trace = traces_find(list, (struct str){trace_ids[t], 1});
        assert_true(trace_check(trace, trace->bytes));
        for (uint32_t i = 0; i < ARRAY_SIZE(texts); i++) {
            static const char *const kept[] = {
                "x", "xy", "x", "password=[redacted]", "password=[redacted]", "x ", "x "};
            const struct trace_attribute *of =
                trace_attributes(trace) + trace_spans(trace)[i].attribute;
            char number[16];
            snprintf(number, sizeof(number), "%u", i * 256);
            assert_string_equal(trace_text(trace, of[0].text), kept[i]);
            assert_int_equal(of[0].redacted, i == 3 || i == 4);
            assert_string_equal(trace_text(trace, of[1].text), number);
            assert_string_equal(trace_text(trace, of[2].text), "[redacted]");
            assert_int_equal(of[2].redacted, 1);
        }
    }
    traces_release(list);
    trace_store_free(store);
}

/* Room for what turned out to be no trace is room again, whatever comes between. */
static void
test_store__keeps_no_room_for_what_was_refused(void **state)
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

/* Too large for a record of an agent, which sends its head first, and not for the store. */
static void
test_store__leaves_no_trace_out_that_came_after_its_head(void **state)
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

/* By its head alone, as an agent sends it; until it comes. It takes nobody's place, and the next
 * takes its. */
static void
test_store__has_one_large_trace_of_elsewhere_beside_the_others(void **state)
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

/* Bytes from elsewhere that were changed anywhere are refused, or are safe to read. */
static void
test_store__reads_spoilt_traces_safely(void **state)
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
        cmocka_unit_test(test_store__keeps_what_was_sent),
        cmocka_unit_test(test_store__does_not_mind_the_order),
        cmocka_unit_test(test_store__counts_a_retried_batch_once),
        cmocka_unit_test(test_store__waits_until_a_trace_is_whole_and_quiet),
        cmocka_unit_test(test_store__late_spans_make_a_new_version),
        cmocka_unit_test(test_store__takes_the_end_of_what_had_not_ended),
        cmocka_unit_test(test_store__holds_large_and_deep_traces),
        cmocka_unit_test(test_store__refuses_what_has_no_ids),
        cmocka_unit_test(test_store__makes_room_by_sampling),
        cmocka_unit_test(test_store__keeps_marked_traces_longest),
        cmocka_unit_test(test_store__samples_by_rule),
        cmocka_unit_test(test_store__tells_slow_ones_by_threshold),
        cmocka_unit_test(test_store__takes_traces_from_elsewhere),
        cmocka_unit_test(test_store__tells_resources_by_what_is_kept),
        cmocka_unit_test(test_store__reads_a_resource_once),
        cmocka_unit_test(test_store__tells_what_comes_for_traces_in_turn),
        cmocka_unit_test(test_store__keeps_no_room_for_what_was_refused),
        cmocka_unit_test(test_store__has_one_large_trace_of_elsewhere_beside_the_others),
        cmocka_unit_test(test_store__leaves_no_trace_out_that_came_after_its_head),
        cmocka_unit_test(test_store__answers_the_same_list_while_nothing_changes),
        cmocka_unit_test(test_store__finishes_early_when_there_are_too_many),
        cmocka_unit_test(test_store__opens_only_so_much_again),
        cmocka_unit_test(test_store__reads_spoilt_traces_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
