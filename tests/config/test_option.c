/* The option table and values typed by its rows. */
#include "../check.h"
#include "flametop/base/macros.h"
#include "flametop/config/option.h"

#include <string.h>

static bool
parse(const char *name, const char *text, struct option_value *ret_value, char *why,
      size_t why_size, struct arena *arena)
{
    const struct option *option = option_find(name);
    assert_non_null(option);
    return option_parse(option, NULL, str_from(text), arena, ret_value, why, why_size);
}

static void
test_option__values_print_as_they_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *printed;
    } rows[] = {
        {"interval", "1500ms", "1500ms"},
        {"interval", "0.1s", "100ms"},
        {"interval", "60 s", "1m"},
        {"span", "10m", "10m"},
        {"span", "7d", "7d"},
        {"history.bytes", "2048KiB", "2MiB"},
        {"history.bytes", "100001", "100001B"},
        {"mouse", "No", "false"},
        {"mouse", "on", "true"},
        {"colours", "256", "256"},
        {"theme", "a \"b\"\\\n", "\"a \\\"b\\\"\\\\\\x0a\""},
        {"processes.pids", "1, 22", "[\"1\", \"22\"]"},
        {"processes.users", "", "[]"},
        {"snapshot.count", "3600", "3600"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena arena;
        struct option_value value;
        struct buf out;
        char why[256] = "";
        arena_init(&arena, 65536);
        buf_init(&out, 4096);
        if (!parse(rows[i].name, rows[i].text, &value, why, sizeof(why), &arena)) {
            fail_msg("%s '%s': %s", rows[i].name, rows[i].text, why);
        }
        option_print(option_find(rows[i].name), NULL, &value, &out);
        assert_string_equal(out.data, rows[i].printed);
        buf_done(&out);
        arena_done(&arena);
    }
}

static void
test_option__refuses_what_its_row_does_not_allow(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *why;
    } rows[] = {
        {"interval", "5", "5: did you mean 5s?"},
        {"interval", "500", "500: did you mean 500ms?"},
        {"interval", "100000000", "100000000: did you mean 100000000s or 100000000ms?"},
        {"span", "90", "90: did you mean 90s or 90m?"},
        {"snapshot.for", "1", "1: did you mean 1s or 1m?"},
        {"interval", "10ms", "10ms is out of bounds (100ms to 1m)"},
        {"interval", "61s", "61s is out of bounds (100ms to 1m)"},
        {"history.bytes", "1KiB", "1KiB is out of bounds (64KiB to 1GiB)"},
        {"mouse", "maybe", "'maybe' is neither true nor false"},
        {"glyphs", "unicode", "'unicode' is none of: auto ascii blocks braille"},
        {"glyphs", "Auto", "'Auto' is none of: auto ascii blocks braille"},
        {"processes.pids", "1,x", "'x' is not a number"},
        {"processes.pids", "0", "0 is out of bounds (1 to 4194304)"},
        {"processes.pids", "1,,2", "the list has an empty item"},
        {"snapshot.count", "1.5", "'1.5' is not a whole number"},
        {"snapshot.count", "0", "0 is out of bounds (1 to 1000000000)"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena arena;
        struct option_value value;
        char why[256] = "";
        arena_init(&arena, 65536);
        assert_false(parse(rows[i].name, rows[i].text, &value, why, sizeof(why), &arena));
        assert_string_equal(why, rows[i].why);
        arena_done(&arena);
    }
}

/* What help, file, environment and --print-config rely on. */
static void
test_option__rows_are_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *a = &option_table[i];
        const char *dot = strchr(a->name, '.');
        assert_true(dot == NULL || strchr(dot + 1, '.') == NULL);
        assert_non_null(a->group);
        assert_non_null(a->text);
        assert_true(a->text[strlen(a->text) - 1] == '.');
        assert_true(a->type == OPTION_BOOL || a->flag == NULL || a->argument != NULL);
        assert_true(a->type != OPTION_CHOICE || a->choices != NULL);
        for (size_t j = 0; j < i; j++) {
            const struct option *b = &option_table[j];
            assert_string_not_equal(a->name, b->name);
            /* Two commands may each have a flag of the same name. */
            bool apart =
                a->command != NULL && b->command != NULL && strcmp(a->command, b->command) != 0;
            assert_true(apart || a->flag == NULL || b->flag == NULL ||
                        strcmp(a->flag, b->flag) != 0);
            assert_true(apart || a->letter == 0 || a->letter != b->letter);
            /* Rows of one group in the file stand together, so that its heading is printed once. */
            if (dot != NULL && strncmp(a->name, b->name, (size_t)(dot - a->name) + 1) == 0) {
                assert_true(
                    strncmp(a->name, option_table[i - 1].name, (size_t)(dot - a->name) + 1) == 0);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_option__values_print_as_they_read),
        cmocka_unit_test(test_option__refuses_what_its_row_does_not_allow),
        cmocka_unit_test(test_option__rows_are_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
