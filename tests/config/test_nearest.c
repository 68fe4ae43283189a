/* Edit distance and suggestions. */
#include "../check.h"
#include "flametop/base/macros.h"
#include "flametop/config/nearest.h"

static void
test_nearest__counts_edits(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned distance;
    } rows[] = {{"", "", 0},
                {"", "abc", 3},
                {"interval", "interval", 0},
                {"Theme", "theme", 0},
                {"intrval", "interval", 1},
                {"theem", "theme", 1},
                {"span", "spawn", 1},
                {"view", "mouse", 5}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(nearest_distance(str_from(rows[i].a), str_from(rows[i].b)),
                         rows[i].distance);
        assert_int_equal(nearest_distance(str_from(rows[i].b), str_from(rows[i].a)),
                         rows[i].distance);
    }
}

static void
test_nearest__suggests_the_first_of_the_nearest_or_nothing(void **state)
{
    (void)state;
    struct nearest nearest;
    nearest_init(&nearest, STR("gliphs"));
    nearest_try(&nearest, "theme");
    nearest_try(&nearest, "glyphs");
    nearest_try(&nearest, "gluphs");
    assert_string_equal(nearest.best, "glyphs");
    nearest_init(&nearest, STR("xyzzy"));
    nearest_try(&nearest, "interval");
    nearest_try(&nearest, "history.bytes");
    assert_null(nearest.best);
}

static void
test_nearest__long_texts_are_far_apart(void **state)
{
    (void)state;
    static char text[1000];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 'a';
    }
    assert_int_equal(nearest_distance((struct str){text, sizeof(text)}, STR("a")), 1000);
    assert_int_equal(nearest_distance((struct str){text, 64}, (struct str){text, 63}), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest__counts_edits),
        cmocka_unit_test(test_nearest__suggests_the_first_of_the_nearest_or_nothing),
        cmocka_unit_test(test_nearest__long_texts_are_far_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
