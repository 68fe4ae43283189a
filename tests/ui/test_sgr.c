/* Sequences for colours and attributes, folded. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/ui/sgr.h"

#define MUTED "\33[38;2;127;135;148m"

/* In memory of exactly this length, so that a look beyond its end is found. */
static void
folded(const char *bytes, const char *want)
{
    size_t n = strlen(bytes);
    char *own = malloc(n + (n == 0));
    assert_non_null(own);
    memcpy(own, bytes, n);
    size_t left = sgr_fold(own, n);
    assert_int_equal(left, strlen(want));
    assert_memory_equal(own, want, left);
    free(own);
}

static void
test_sgr__drops_what_the_next_one_resets(void **state)
{
    (void)state;
    folded(MUTED "0 B\33[39m\33[m 4", MUTED "0 B\33[m 4");
    folded("\33[39;49m\33[48;5;7m\33[0;1mx", "\33[0;1mx");
    folded("\33[1m\33[0m", "\33[0m");
    folded("a\33[39m\33[m\33[7mb\33[49m\33[m", "a\33[m\33[7mb\33[m");
}

static void
test_sgr__keeps_what_is_drawn_or_adds_up(void **state)
{
    (void)state;
    folded("", "");
    folded("plain \xe2\xa3\xbf", "plain \xe2\xa3\xbf");
    folded(MUTED "\33[48;5;7mx", MUTED "\33[48;5;7mx");
    folded("\33[39m\33[1m", "\33[39m\33[1m"); /* 1 and 01 set bold and reset nothing */
    folded("\33[39m\33[01m", "\33[39m\33[01m");
    folded("\33[39m \33[m", "\33[39m \33[m");
    folded("\33[39m\33[2;3H\33[m", "\33[39m\33[2;3H\33[m");
    folded("\33[39m\33[?25l\33[m", "\33[39m\33[?25l\33[m");
}

static void
test_sgr__leaves_what_is_cut_off(void **state)
{
    (void)state;
    folded("\33[39m\33", "\33[39m\33");
    folded("\33[39m\33[", "\33[39m\33[");
    folded("\33[39m\33[0;1", "\33[39m\33[0;1");
    folded("\33[\33[m", "\33[\33[m");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgr__drops_what_the_next_one_resets),
        cmocka_unit_test(test_sgr__keeps_what_is_drawn_or_adds_up),
        cmocka_unit_test(test_sgr__leaves_what_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
