/* The key decoder. */
#include "../check.h"

#include <stdbool.h>
#include <string.h>

#include "../../src/ui/keys.h"
#include "flametop/base/macros.h"

static void
test_keys__table(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int32_t key;
        size_t taken;
    } rows[] = {
        {"q", 'q', 1},
        {"\r", '\r', 1},
        {"\n", '\r', 1},
        {"\t", '\t', 1},
        {"\x03", 3, 1},
        {"\x7f", TERM_BACKSPACE, 1},
        {"\x08", TERM_BACKSPACE, 1},
        {"é", 0xE9, 2},
        {"漢x", 0x6F22, 3},
        {"👍", 0x1F44D, 4},
        {"\xff"
         "a",
         KEY_NONE, 1},
        {"\xc2\x9b", KEY_NONE, 2}, /* C1 */
        {"\33[A", TERM_UP, 3},
        {"\33OB", TERM_DOWN, 3},
        {"\33[1;5C", TERM_RIGHT, 6},
        {"\33[5~", TERM_PAGE_UP, 4},
        {"\33[3;2~", TERM_DELETE, 6},
        {"\33[H", TERM_HOME, 3},
        {"\33[4~", TERM_END, 4},
        {"\33[8~", TERM_END, 4},
        {"\33[Z", TERM_BACK_TAB, 3},
        {"\33OP", TERM_F1, 3},
        {"\33[11~", TERM_F1, 5},
        {"\33[[C", TERM_F3, 4},
        {"\33[15~", TERM_F5, 5},
        {"\33[24~", TERM_F12, 5},
        {"\33Oq", '1', 3},
        {"\33OM", '\r', 3},
        {"\33q", 27, 1}, /* Escape, then q */
        {"\33\33[A", 27, 1},
        {"\33[200~rm", KEY_NONE, 6},
        {"\33[999999999999999~", KEY_NONE, 18},
        {"\33]12;rgb:0/0/0\33\\x", KEY_NONE, 16},
        {"\33P>|xterm\7", KEY_NONE, 10},
        {"\33[12\33[A", KEY_NONE, 4}, /* broken off */
        {"\33[Mabc", KEY_NONE, 6},
        {"\33[?64;1c", KEY_NONE, 8},
        {"", 0, 0},
        {"\33", 0, 0},
        {"\33[", 0, 0},
        {"\33[1;", 0, 0},
        {"\33O", 0, 0},
        {"\33[<0;1", 0, 0},
        {"\xe6\xbc", 0, 0},
        {"\33]52;c;", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct term_event event = {.key = 12345};
        size_t taken = keys_decode(str_from(rows[i].bytes), false, NULL, 0, &event);
        if (taken != rows[i].taken || (taken > 0 && event.key != rows[i].key)) {
            fail_msg("row %zu: took %zu, key %d", i, taken, (int)event.key);
        }
        assert_true(taken > 0 || event.key == 12345);
    }
}

static void
test_keys__silence_ends_a_sequence(void **state)
{
    (void)state;
    struct term_event event;
    assert_int_equal(keys_decode(STR("\33"), true, NULL, 0, &event), 1);
    assert_int_equal(event.key, 27);
    assert_int_equal(keys_decode(STR("\33[1"), true, NULL, 0, &event), 1);
    assert_int_equal(event.key, 27);
    assert_int_equal(keys_decode(STR("\xe6\xbc"), true, NULL, 0, &event), 1);
    assert_int_equal(event.key, KEY_NONE);
}

static void
test_keys__mouse(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int32_t key;
        int x, y;
        enum term_button button;
    } rows[] = {
        {"\33[<0;5;7M", TERM_MOUSE, 4, 6, TERM_CLICK},
        {"\33[<0;5;7m", TERM_MOUSE, 4, 6, TERM_RELEASE},
        {"\33[<32;6;7M", TERM_MOUSE, 5, 6, TERM_DRAG},
        {"\33[<64;1;1M", TERM_MOUSE, 0, 0, TERM_WHEEL_UP},
        {"\33[<65;1;1M", TERM_MOUSE, 0, 0, TERM_WHEEL_DOWN},
        {"\33[<16;500;300M", TERM_MOUSE, 499, 299, TERM_CLICK},
        {"\33[<2;5;7M", KEY_NONE, 0, 0, 0},
        {"\33[<0;0;7M", KEY_NONE, 0, 0, 0},
        {"\33[?2026;2$y", KEYS_SYNC_STATE, 2, 0, 0},
        {"\33]11;rgb:ffff/fefe/f0f0\33\\", KEYS_BACKGROUND, 1, 0, 0},
        {"\33]11;rgb:1c/1f/23\7", KEYS_BACKGROUND, 0, 0, 0},
        {"\33]11;rgb:1c//23\7", KEY_NONE, 0, 0, 0},
        {"\33]10;rgb:ff/ff/ff\7", KEY_NONE, 0, 0, 0},
        {"\33[?3;5R", KEYS_CURSOR, 4, 2, 0},
        {"\33[1;2R", TERM_F3, 0, 0, 0}, /* no answer: Shift-F3 */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct term_event event = {0};
        assert_int_equal(keys_decode(str_from(rows[i].bytes), false, NULL, 0, &event),
                         strlen(rows[i].bytes));
        assert_int_equal(event.key, rows[i].key);
        assert_int_equal(event.x, rows[i].x);
        assert_int_equal(event.y, rows[i].y);
        assert_int_equal(event.button, rows[i].button);
    }
}

static void
test_keys__terminals_own_go_first(void **state)
{
    (void)state;
    static const struct key_string own[] = {
        {"", 0, 0}, {"\33A", 2, TERM_UP}, {"\33[11~", 5, TERM_F5}};
    struct term_event event;
    assert_int_equal(keys_decode(STR("\33A"), false, own, 3, &event), 2);
    assert_int_equal(event.key, TERM_UP);
    assert_int_equal(keys_decode(STR("\33[11~"), false, own, 3, &event), 5);
    assert_int_equal(event.key, TERM_F5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys__table),
        cmocka_unit_test(test_keys__silence_ends_a_sequence),
        cmocka_unit_test(test_keys__mouse),
        cmocka_unit_test(test_keys__terminals_own_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
