#include "../check.h"

#include "flametop/base/macros.h"
#include "stored.h"

/* Resources that differ in what is not kept of them are one, others are not. */
static void
test_intake__tells_resources_by_what_is_kept(void **state)
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
test_intake__reads_a_resource_once(void **state)
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
test_intake__tells_what_comes_for_traces_in_turn(void **state)
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intake__tells_resources_by_what_is_kept),
        cmocka_unit_test(test_intake__reads_a_resource_once),
        cmocka_unit_test(test_intake__tells_what_comes_for_traces_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
