/* What is different about the slow: values, numbers, ids, chance. */
#include "../check.h"

#include <math.h>

#include "flametop/trace/differ.h"
#include "made.h"

static void
tell(struct made *made, uint32_t span, const char *key, const char *text, double real)
{
    struct made_span *s = &made->spans[span];
    s->attributes[s->attribute_count++] =
        (struct made_attribute){.key = key, .text = text, .real = real};
}

/* 20 slow and 180 others. The slow run version 2 (of the others one in ten), on any host, with more
 * rows; each has an id of its own; half of all have the flag. */
static struct traces *
requests(uint64_t *seed)
{
    struct trace *traces[200];
    for (uint32_t i = 0; i < 200; i++) {
        bool slow = i % 10 == 3;
        char id[16], host[16];
        snprintf(id, sizeof(id), "r%u", i);
        snprintf(host, sizeof(host), "web-%u", i % 4);
        struct made made = {.endpoint = "GET /a", .mono_ns = i, .flags = slow ? TRACE_ERROR : 0};
        made_span(&made, TRACE_NONE, "GET /a", 0, slow ? NS_PER_S : NS_PER_MS);
        uint32_t query = made_span(&made, 0, slow ? "SELECT all" : "SELECT one", 0, 1000);
        tell(&made, 0, "version", slow || i % 10 == 7 ? "2" : "1", 0);
        tell(&made, 0, "host.name", host, 0);
        tell(&made, 0, "request.id", id, 0);
        tell(&made, 0, "flag", made_pick(seed, 2) == 0 ? "on" : "off", 0);
        tell(&made, 0, "port", NULL, 8080);
        tell(&made, query, "rows", NULL, (slow ? 1000 : 0) + (double)made_pick(seed, 500));
        tell(&made, query, "size", NULL, (double)made_pick(seed, 500));
        traces[i] = made_trace(&made);
    }
    return made_list(traces, 200, 1);
}

static struct trace_set
set_of(struct traces *list, struct trace_scope scope)
{
    struct trace_set set;
    trace_set_init(&set);
    trace_set_begin(&set, list, &scope);
    assert_true(trace_set_step(&set, INT64_MAX));
    return set;
}

static struct trace_differ *
differ_of(const struct trace_set *selected, const struct trace_set *others)
{
    struct trace_differ *differ = trace_differ_new(selected, others);
    assert_non_null(differ);
    while (!trace_differ_step(differ, 0)) {
        assert_true(trace_differ_progress(differ) >= 0 && trace_differ_progress(differ) <= 1);
    }
    assert_false(differ->failed);
    assert_true(trace_differ_progress(differ) == 1);
    return differ;
}

static const struct trace_difference *
find(const struct trace_differ *differ, const char *key, const char *value)
{
    for (size_t i = 0; i < differ->count; i++) {
        const struct trace_difference *d = &differ->list[i];
        if (strcmp(d->key, key) == 0 && (value == NULL || strcmp(d->value, value) == 0)) {
            return d;
        }
    }
    return NULL;
}

static void
test_differ__ranks_what_is_different(void **state)
{
    (void)state;
    uint64_t seed = 2;
    struct traces *list = requests(&seed);
    struct trace_set slow = set_of(list, (struct trace_scope){.low_ns = NS_PER_S});
    struct trace_set all = set_of(list, (struct trace_scope){0});
    assert_int_equal(slow.count, 20);
    struct trace_differ *differ = differ_of(&slow, &all);
    assert_true(differ->selected == 20 && differ->rest == 180 && differ->ids == 1);
    for (size_t i = 1; i < differ->count; i++) {
        assert_true(differ->list[i].score <= differ->list[i - 1].score + 1e-9);
    }
    const struct trace_difference *error = find(differ, "status", "error");
    const struct trace_difference *version = find(differ, "version", "2");
    const struct trace_difference *rows = find(differ, "rows", NULL);
    const struct trace_difference *call = find(differ, "calls", "SELECT all");
    assert_true(error != NULL && error->share[0] == 1 && error->share[1] == 0);
    assert_true(fabs(error->score - sqrt(20)) < 1e-9 && error->distance == 1);
    assert_true(version != NULL && fabs(version->share[1] - 20 / 180.0) < 1e-12);
    assert_true(version->score < error->score);
    assert_true(rows != NULL && rows->value == NULL && rows->distance == 1);
    assert_true(rows->median[0] >= 1000 && rows->median[1] < 500);
    assert_non_null(call);
    assert_null(find(differ, "request.id", NULL));
    assert_null(find(differ, "size", NULL));
    assert_null(find(differ, "port", NULL));
    assert_null(find(differ, "endpoint", NULL));
    assert_null(find(differ, "service", NULL));
    assert_null(find(differ, "version", "1")); /* the other side of version 2 */
    trace_differ_free(differ);
    trace_set_done(&slow);
    trace_set_done(&all);
    traces_release(list);
}

static bool
is_every_third(const void *context, const struct trace *trace)
{
    (void)context;
    return trace->mono_ns % 3 == 0;
}

static void
test_differ__says_nothing_of_chance(void **state)
{
    (void)state;
    uint64_t seed = 6;
    struct traces *list = requests(&seed);
    struct trace_set third = set_of(list, (struct trace_scope){.accepts = is_every_third});
    struct trace_set all = set_of(list, (struct trace_scope){0});
    struct trace_differ *differ = differ_of(&third, &all);
    for (size_t i = 0; i < differ->count; i++) { /* one of dozens at 5 % may be there */
        assert_true(fabs(differ->list[i].distance) < 0.25);
    }
    assert_true(differ->count <= 2);
    trace_differ_free(differ);
    trace_set_done(&third);
    trace_set_done(&all);
    traces_release(list);
}

static void
test_differ__weights_count(void **state)
{
    (void)state;
    struct trace *traces[20];
    for (uint32_t i = 0; i < 20; i++) {
        struct made made = {.mono_ns = i, .weight = i % 2 == 0 ? 9 : 1};
        made_span(&made, TRACE_NONE, "root", 0, i < 10 ? NS_PER_S : 1);
        tell(&made, 0, "kind", i < 10 && i % 2 == 0 ? "heavy" : "light", 0);
        traces[i] = made_trace(&made);
    }
    struct traces *list = made_list(traces, 20, 1);
    struct trace_set slow = set_of(list, (struct trace_scope){.low_ns = NS_PER_S});
    struct trace_set all = set_of(list, (struct trace_scope){0});
    struct trace_differ *differ = differ_of(&slow, &all);
    assert_int_equal(differ->count, 1);
    assert_string_equal(differ->list[0].value, "heavy");
    assert_true(fabs(differ->list[0].share[0] - 0.9) < 1e-12 && differ->list[0].share[1] == 0);
    trace_differ_free(differ);
    trace_set_done(&slow);
    trace_set_done(&all);
    traces_release(list);
}

/* Of two requests everything may be different; ids are known by their names. */
static void
test_differ__two_requests(void **state)
{
    (void)state;
    struct made made = {.mono_ns = 1}, other = {.mono_ns = 2};
    made_span(&made, TRACE_NONE, "root", 0, 10);
    made_span(&other, TRACE_NONE, "root", 0, 20);
    tell(&made, 0, "cache", "hit", 0);
    tell(&made, 0, "user.id", "7", 0);
    tell(&other, 0, "cache", "miss", 0);
    tell(&other, 0, "user.id", "8", 0);
    struct trace *traces[] = {made_trace(&made), made_trace(&other)};
    struct traces *list = made_list(traces, 2, 1);
    struct trace_set one = set_of(list, (struct trace_scope){.low_ns = 20});
    struct trace_set all = set_of(list, (struct trace_scope){0});
    struct trace_differ *differ = differ_of(&one, &all);
    assert_int_equal(differ->count, 1);
    assert_string_equal(differ->list[0].value, "miss");
    trace_differ_free(differ);
    differ = differ_of(&all, &all); /* nothing is left to compare with */
    assert_int_equal(differ->count, 0);
    trace_differ_free(differ);
    trace_set_done(&one);
    trace_set_done(&all);
    traces_release(list);
}

static void
test_differ__is_bounded(void **state)
{
    (void)state;
    struct trace *traces[1200];
    for (uint32_t i = 0; i < 1200; i++) {
        struct made made = {.mono_ns = i};
        made_span(&made, TRACE_NONE, "root", 0, i < 100 ? NS_PER_S : 1);
        char keys[2][32], value[300];
        memset(value, 'x', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        for (uint32_t s = 0; s < 2; s++) {
            snprintf(keys[s], sizeof(keys[s]), "key %u", i * 2 + s);
            uint32_t span = made_span(&made, 0, "child", 0, 1);
            tell(&made, span, keys[s], value, 0);
            tell(&made, span, "serial", NULL, i * 2 + s);
        }
        traces[i] = made_trace(&made);
    }
    struct traces *list = made_list(traces, 1200, 1);
    struct trace_set slow = set_of(list, (struct trace_scope){.low_ns = NS_PER_S});
    struct trace_set all = set_of(list, (struct trace_scope){0});
    struct trace_differ *differ = differ_of(&slow, &all);
    assert_true(differ->dropped > 0);
    assert_true(differ->count <= TRACE_DIFFERENCES_MAX);
    assert_non_null(find(differ, "serial", NULL));
    trace_differ_free(differ);
    trace_set_done(&slow);
    trace_set_done(&all);
    traces_release(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differ__ranks_what_is_different),
        cmocka_unit_test(test_differ__says_nothing_of_chance),
        cmocka_unit_test(test_differ__weights_count),
        cmocka_unit_test(test_differ__two_requests),
        cmocka_unit_test(test_differ__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
