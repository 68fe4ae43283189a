/* The arena: zeroed, aligned, stays in place, never passes its maximum. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/arena.h"

static void
test_arena__memory_is_zeroed_aligned_and_stays(void **state)
{
    (void)state;
    struct arena arena;
    unsigned char *pieces[200];
    arena_init(&arena, (size_t)1 << 20);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 200; i++) {
            size_t n = i * 7 % 900 + 1;
            pieces[i] = arena_alloc(&arena, n);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            for (size_t b = 0; b < n; b++) {
                assert_int_equal(pieces[i][b], 0);
            }
            memset(pieces[i], (int)i, n);
        }
        for (unsigned i = 0; i < 200; i++) {
            for (size_t b = 0; b < i * 7 % 900 + 1; b++) {
                assert_int_equal(pieces[i][b], i);
            }
        }
        arena_clear(&arena);
    }
    arena_done(&arena);
}

static void
test_arena__clear_keeps_the_blocks(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, (size_t)1 << 20);
    size_t held = 0;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 100; i++) {
            assert_non_null(arena_alloc(&arena, 1000));
        }
        assert_true(round == 0 || arena.bytes == held);
        held = arena.bytes;
        arena_clear(&arena);
    }
    arena_done(&arena);
}

static void
test_arena__says_when_it_is_full(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_non_null(arena_alloc(&arena, 900));
    assert_false(arena.full);
    assert_null(arena_alloc(&arena, 900));
    assert_true(arena.full && arena.bytes <= 1000);
    char text[200];
    memset(text, 'x', sizeof(text));
    assert_string_equal(arena_text(&arena, text, sizeof(text)), "");
    assert_string_equal(arena_printf(&arena, "%.*s", 200, text), "");
    assert_non_null(arena_alloc(&arena, 16));
    assert_true(arena.full);
    arena_clear(&arena);
    assert_false(arena.full);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 7));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
    assert_true(arena.full);
    arena_done(&arena);
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_alloc(&arena, SIZE_MAX - 7)); /* rounding up must not wrap */
    arena_done(&arena);
}

static void
test_arena__texts_are_ended(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, (size_t)1 << 16);
    assert_string_equal(arena_text(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
    const char *wide = arena_printf(&arena, "%2000d", 7);
    assert_int_equal(strlen(wide), 2000);
    assert_int_equal(wide[1999], '7');
    const char *edge = arena_printf(&arena, "%512d", 7);
    assert_int_equal(strlen(edge), 512);
    arena_done(&arena);
}

static void
test_arena__wipe_overwrites_what_was_there(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const char *secret = arena_text(&arena, "hunter2", 7);
    arena_wipe(&arena); /* the block stays */
    static const char nothing[7];
    assert_memory_equal(secret, nothing, sizeof(nothing));
    assert_ptr_equal(arena_alloc(&arena, 8), secret);
    arena_done(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena__memory_is_zeroed_aligned_and_stays),
        cmocka_unit_test(test_arena__clear_keeps_the_blocks),
        cmocka_unit_test(test_arena__says_when_it_is_full),
        cmocka_unit_test(test_arena__texts_are_ended),
        cmocka_unit_test(test_arena__wipe_overwrites_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
