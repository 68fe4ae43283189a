/* Stacks that a node answered become a profile, outermost frame first. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/sources/etf.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/sources/beam_flame.h"

/* The folded stack of a node of the profile. */
static void
fold(const struct profile *profile, uint32_t node, char *dst, size_t size)
{
    char before[512] = "";
    dst[0] = '\0';
    for (; node != 0; node = profile->parent[node]) {
        const struct profile_frame *frame = &profile->frames[profile->frame[node]];
        snprintf(dst, size, "%.*s%s%s", (int)frame->name_n, frame->name,
                 before[0] != '\0' ? ";" : "", before);
        snprintf(before, sizeof(before), "%s", dst);
    }
}

static double
weight(const struct profile *profile, const char *folded)
{
    char text[512];
    for (uint32_t node = 1; node < profile->node_count; node++) {
        fold(profile, node, text, sizeof(text));
        if (strcmp(text, folded) == 0) {
            return profile->values[0][0] != NULL ? profile->values[0][0][node] : 0;
        }
    }
    return -1;
}

static struct str
load(char **ret_bytes)
{
    char path[512];
    const char *source = getenv("FLAMETOP_SOURCE");
    snprintf(path, sizeof(path), "%s/tests/fixtures/erlang/stacks.term",
             source != NULL ? source : ".");
    ssize_t n = file_load(path, 1 << 20, ret_bytes);
    assert_true(n > 1);
    return (struct str){*ret_bytes + 1, (size_t)n - 1};
}

static void
test_beam_flame__reads_stacks(void **state)
{
    (void)state;
    char *bytes = NULL;
    struct str term = load(&bytes);
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    struct beam_flame_part part = {0};
    assert_true(beam_flame_read(term, profile, measure, &part));
    assert_int_equal(part.samples, 42);
    assert_int_equal(part.looks, 80);
    assert_int_equal(part.busy_us, 4000);
    assert_int_equal(part.span_us, 800000);
    assert_int_equal(part.processes, 3);
    assert_int_equal(part.dropped, 5);
    assert_false(part.gone);
    assert_true(beam_flame_read(term, profile, measure, &part));
    assert_true(weight(profile, "mixer;Shop.Cart.add/2;lists:sort/1") == 60);
    assert_true(weight(profile, "proc_lib:init_p/5;gen_server:loop/7;[waiting]") == 20);
    assert_true(weight(profile, "mixer") == 4);
    profile_release(profile);
    free(bytes);
}

static void
test_beam_flame__survives_what_is_cut(void **state)
{
    (void)state;
    char *bytes = NULL;
    struct str term = load(&bytes);
    for (size_t n = 0; n < term.n; n++) {
        char *part = malloc(n + 1); /* so that a step too far is seen */
        struct beam_flame_part read = {0};
        struct profile *profile = profile_new();
        memcpy(part, term.p, n);
        assert_false(beam_flame_read((struct str){part, n}, profile,
                                     profile_measure(profile, STR("samples"), "", 1), &read));
        assert_int_equal(profile->node_count, 1);
        profile_release(profile);
        free(part);
    }
    free(bytes);
}

/* Numbers that no sampler says: their sums must not leave their type. */
static void
test_beam_flame__bounds_what_it_is_told(void **state)
{
    (void)state;
    const int64_t large = INT64_MAX;
    struct buf term;
    struct beam_flame_part part = {0};
    struct profile *profile = profile_new();
    buf_init(&term, 4096);
    etf_put_tuple(&term, 3);
    etf_put_integer(&term, large);
    etf_put_nil(&term);
    etf_put_tuple(&term, 5);
    for (int i = 0; i < 4; i++) {
        etf_put_integer(&term, large);
    }
    etf_put_atom(&term, "true");
    assert_true(beam_flame_read((struct str){term.data, term.n}, profile, PROFILE_NONE, &part));
    assert_true(part.looks < UINT32_MAX && part.busy_us < UINT32_MAX && part.span_us < UINT32_MAX);
    assert_int_equal(part.processes, INT32_MAX);
    buf_done(&term);
    profile_release(profile);
}

/* What is sampled is named by bytes, so that nothing in it can be more than a name. */
static void
test_beam_flame__asks_with_quoted_names(void **state)
{
    (void)state;
    struct beam_flame_options options = {.rate_hz = 100, .of = "a\">>, halt(), <<\"", .wall = true};
    struct buf text;
    buf_init(&text, 1 << 16);
    beam_flame_source(&options, &text);
    assert_false(text.full);
    static const char head[] = "Period = 10000, Wall = true, What = <<97,34,62,62,44,";
    assert_int_equal(strncmp(text.data, head, sizeof(head) - 1), 0);
    assert_null(strstr(text.data, "halt"));
    buf_done(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beam_flame__reads_stacks),
        cmocka_unit_test(test_beam_flame__survives_what_is_cut),
        cmocka_unit_test(test_beam_flame__bounds_what_it_is_told),
        cmocka_unit_test(test_beam_flame__asks_with_quoted_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
