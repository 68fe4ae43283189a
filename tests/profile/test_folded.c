/* Folded stacks into a profile. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/profile/read.h"

static struct profile *
read_text(const char *text)
{
    char why[200] = "";
    struct profile *profile = profile_new();
    if (!profile_read(str_from(text), profile, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    return profile;
}

static void
assert_node(const struct profile *profile, uint32_t node, const char *name, uint32_t parent,
            double value)
{
    assert_string_equal(profile->frames[profile->frame[node]].name, name);
    assert_int_equal(profile->parent[node], parent);
    assert_true(profile->values[0][0][node] == value);
}

static void
test_folded__merges_what_begins_alike(void **state)
{
    (void)state;
    struct profile *profile = read_text("# made by hand\nmain;a;b 3\r\nmain;a;bc 4\nmain;a 5\n\n"
                                        "main;a;b 1\nmain;std::map<int, int>::find 2");
    assert_int_equal(profile->node_count, 6);
    assert_node(profile, 1, "main", 0, 0);
    assert_node(profile, 2, "a", 1, 5);
    assert_node(profile, 3, "b", 2, 4);
    assert_node(profile, 4, "bc", 2, 4);
    assert_node(profile, 5, "std::map<int, int>::find", 1, 2);
    profile_release(profile);
}

static void
test_folded__says_which_line_is_wrong(void **state)
{
    (void)state;
    char why[200] = "";
    struct profile *profile = profile_new();
    char text[200000];
    memset(text, 0, sizeof(text));
    for (size_t i = 0; i < 20000; i++) { /* beyond what says which format it is */
        memcpy(text + i * 6, "a;b 1\n", 6);
    }
    strlcat(text, "a;b\n", sizeof(text));
    assert_false(profile_read(str_from(text), profile, why, sizeof(why)));
    assert_non_null(strstr(why, "line 20001"));
    assert_false(profile_read(STR("a;b 1\nbad line\n"), profile, why, sizeof(why)));
    assert_non_null(strstr(why, "line 2: folded stacks end in a number"));
    assert_false(profile_read(STR("a b\na;b 1\n"), profile, why, sizeof(why)));
    assert_non_null(strstr(why, "no profile that is known"));
    assert_false(profile_read(STR(""), profile, why, sizeof(why)));
    assert_string_equal(why, "the file is empty");
    profile_release(profile);
}

/* Its first line is longer than what says which format it is. */
static void
test_folded__reads_a_deep_stack(void **state)
{
    (void)state;
    size_t n = 200000;
    char *text = malloc(n + 8), why[200] = "";
    struct profile *profile = profile_new();
    for (size_t i = 0; i < n; i += 2) {
        memcpy(text + i, i % 4 == 0 ? "a;" : "b;", 2);
    }
    memcpy(text + n - 1, " 1\n", 4);
    assert_true(profile_read(str_from(text), profile, why, sizeof(why)));
    assert_int_equal(profile->cut, 1);
    assert_true(profile->node_count > 60000);
    profile_release(profile);
    free(text);
}

static void
test_folded__is_told_by_its_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } rows[] = {{"a;b 1\n", true},       {"a 1\n", false}, /* could be anything */
                {"a;b 1\nc;d\n", false}, {"a;b 1.5\n", true}, {"{\"a\": 1}\n", false}, {"", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(profile_detect(str_from(rows[i].text), true) != NULL, rows[i].is);
    }
    assert_non_null(profile_detect(STR("a;b 1\nc;d"), false)); /* the last line is cut */
}

static void
test_folded__leaves_out_values_below_zero(void **state)
{
    (void)state;
    struct profile *profile = read_text("a;b -1\na;c 2\na;d 1e30\n");
    assert_int_equal(profile->refused[0], 2);
    assert_true(profile->values[0][0][3] == 2);
    profile_release(profile);
}

/* In any order the same tree comes out. */
static void
test_folded__does_not_depend_on_the_order(void **state)
{
    (void)state;
    static const char *const orders[] = {
        "a;b;c;d 1\na;b;c 2\na;x;c;d 3\na;b;c;d;e 4\nb;c;d 5\na;b;c;e 6\n",
        "b;c;d 5\na;b;c;d;e 4\na;b;c;e 6\na;x;c;d 3\na;b;c;d 1\na;b;c 2\n",
        "a;b;c;d;e 4\nb;c;d 5\na;b;c 2\na;x;c;d 3\na;b;c;d 1\na;b;c;e 6\n"};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct profile *profile = read_text(orders[i]);
        double all = 0, squares = 0;
        for (uint32_t node = 0; node < profile->node_count; node++) {
            uint32_t depth = 0;
            for (uint32_t at = node; at != 0; at = profile->parent[at]) {
                depth++;
            }
            all += profile->values[0][0][node] * depth;
            squares += profile->values[0][0][node] * profile->values[0][0][node];
        }
        assert_int_equal(profile->node_count, 13);
        assert_true(all == 4 + 6 + 12 + 20 + 15 + 24);
        assert_true(squares == 1 + 4 + 9 + 16 + 25 + 36);
        profile_release(profile);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folded__merges_what_begins_alike),
        cmocka_unit_test(test_folded__does_not_depend_on_the_order),
        cmocka_unit_test(test_folded__says_which_line_is_wrong),
        cmocka_unit_test(test_folded__reads_a_deep_stack),
        cmocka_unit_test(test_folded__is_told_by_its_lines),
        cmocka_unit_test(test_folded__leaves_out_values_below_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
