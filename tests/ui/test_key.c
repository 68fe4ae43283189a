/* Keys: names, the table that ships, presets, binding. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/ui/term.h"
#include "../../src/ui/command.h"
#include "../../src/ui/key.h"
#include "../../src/ui/view.h"

static bool
view_shows(const struct view *view, const char *context)
{
    if (context[0] == '\0' || strcmp(view->name, context) == 0) {
        return true;
    }
    for (size_t row = 0; row < ARRAY_SIZE(view->rows); row++) {
        for (size_t i = 0; i < ARRAY_SIZE(view->rows[row].cells); i++) {
            const char *panel = view->rows[row].cells[i].panel;
            bool stopgap = view->rows[row].cells[i].weight == 0; /* not beside the others */
            if (panel != NULL && !stopgap && strcmp(panel, context) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void
test_key__has_one_meaning_in_a_view(void **state)
{
    (void)state;
    struct keymap keymap;
    keymap_init(&keymap);
    for (size_t v = 0; v < view_count; v++) {
        for (size_t i = 0; i < keymap.count; i++) {
            for (size_t j = i + 1; j < keymap.count; j++) {
                bool same = keymap.rows[i].key == keymap.rows[j].key &&
                            strcmp(keymap.rows[i].command, keymap.rows[j].command) != 0 &&
                            view_shows(&view_table[v], keymap.rows[i].context) &&
                            view_shows(&view_table[v], keymap.rows[j].context);
                if (same) {
                    char name[KEY_NAME_BYTES];
                    print_message("view %s: %s means %s and %s\n", view_table[v].name,
                                  key_name(keymap.rows[i].key, name), keymap.rows[i].command,
                                  keymap.rows[j].command);
                }
                assert_false(same);
            }
        }
    }
}

static void
test_key__every_row_is_right(void **state)
{
    (void)state;
    struct keymap keymap;
    keymap_init(&keymap);
    for (size_t i = 0; i < keymap.count; i++) {
        const struct key_row *row = &keymap.rows[i];
        char name[KEY_NAME_BYTES];
        int32_t back;
        assert_int_not_equal(row->key, KEY_NONE);
        assert_true(key_parse(key_name(row->key, name), &back));
        assert_int_equal(back, row->key);
        assert_true(row->context[0] == '\0' || view_is_context(row->context));
        assert_non_null(command_of_line(row->command, NULL));
    }
}

static void
test_key__parses_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t key; /* 0: none */
    } rows[] = {
        {"q", 'q'},    {"Space", ' '}, {"ctrl-c", 3}, {"F12", TERM_F12},      {"F13", 0}, {"", 0},
        {"Ctrl-1", 0}, {"ab", 0},      {"ä", 0xE4},   {"PgUp", TERM_PAGE_UP}, {"F", 'F'}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int32_t key = 0;
        assert_int_equal(key_parse(rows[i].text, &key), rows[i].key != 0);
        assert_int_equal(key, rows[i].key);
    }
}

static void
test_key__binds(void **state)
{
    (void)state;
    struct keymap keymap;
    char why[128] = "";
    keymap_init(&keymap);
    assert_true(key_bind(&keymap, "", "x", "view 3", why, sizeof(why)));
    assert_string_equal(keymap_find(&keymap, "system", "system", 'x'), "view 3");
    assert_true(key_bind(&keymap, "processes", "x", "tree", why, sizeof(why)));
    assert_string_equal(keymap_find(&keymap, "processes", "processes", 'x'), "tree");
    assert_true(key_bind(&keymap, "processes", "x", "", why, sizeof(why)));
    assert_string_equal(keymap_find(&keymap, "processes", "processes", 'x'), "view 3");
    assert_false(key_bind(&keymap, "", "Nokey", "quit", why, sizeof(why)));
    assert_non_null(strstr(why, "Nokey"));
    assert_false(key_bind(&keymap, "nowhere", "x", "quit", why, sizeof(why)));
    assert_false(key_bind(&keymap, "", "x", "explode", why, sizeof(why)));
    static const struct {
        const char *command;
        bool right;
    } lines[] = {
        {"view 33", false},     {"view proc", true},       {"view", true},
        {"span soon", false},   {"span 5m", true},         {"interval 5ms", false},
        {"interval 2s", true},  {"time.go noon", false},   {"time.go 13:58", true},
        {"time.skip x", false}, {"time.skip -1m", true},   {"time.step 1.5", false},
        {"time.step -1", true}, {"process.nice +", false}, {"process.nice +5", true},
        {"pause now", false},   {"filter.set a b", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        why[0] = '\0';
        if (key_bind(&keymap, "", "x", lines[i].command, why, sizeof(why)) != lines[i].right ||
            (why[0] == '\0') != lines[i].right) {
            fail_msg("%s: %s", lines[i].command, why);
        }
    }
    assert_true(keymap_preset(&keymap, "htop", why, sizeof(why)));
    assert_string_equal(keymap_find(&keymap, "processes", "processes", 'k'), "process.signal");
    assert_true(keymap_preset(&keymap, "vim", why, sizeof(why)));
    assert_true(keymap_preset(&keymap, "atop", why, sizeof(why)));
    assert_false(keymap_preset(&keymap, "emacs", why, sizeof(why)));
}

static void
test_command__completes_and_finds(void **state)
{
    (void)state;
    char line[64];
    const char *argument;
    assert_true(command_complete("them", line, sizeof(line)));
    assert_string_equal(line, "theme ");
    assert_true(command_complete("fi", line, sizeof(line)));
    assert_string_equal(line, "filter.set ");
    assert_true(command_complete("mov", line, sizeof(line)));
    assert_string_equal(line, "move.");
    assert_false(command_complete("zzz", line, sizeof(line)));
    char names[128];
    command_candidates("time", names, sizeof(names));
    assert_string_equal(names, "time.go time.skip time.step");
    command_candidates("them", names, sizeof(names)); /* the only one: it is completed */
    assert_string_equal(names, "");
    assert_string_equal(command_of_line("  filter beam cpu>5", &argument)->name, "filter.set");
    assert_string_equal(argument, "beam cpu>5");
    assert_null(command_of_line("mo", NULL));
    assert_null(command_of_line("", NULL));
    for (size_t i = 1; i < command_count; i++) {
        assert_true(strcmp(command_table[i - 1].name, command_table[i].name) < 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key__has_one_meaning_in_a_view),
        cmocka_unit_test(test_key__every_row_is_right),
        cmocka_unit_test(test_key__parses_names),
        cmocka_unit_test(test_key__binds),
        cmocka_unit_test(test_command__completes_and_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
