/* The canvas: clipping, wide characters, cuts, glyph sets, dumps. */
#include "../check.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/chart.h"
#include "flametop/core/finding.h"
#include "flametop/ui/canvas.h"

static const struct style plain = {0};
static const struct style marked = {
    .fg = ROLE_TITLE, .bg = ROLE_SELECT_BG, .attributes = CELL_BOLD};

static void
expect_dump(const struct canvas *canvas, const char *want)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    canvas_dump(canvas, &out);
    assert_string_equal(out.data, want);
    buf_done(&out);
}

static void
open_canvas(struct canvas *canvas, int width, int height)
{
    canvas_init(canvas);
    assert_true(canvas_resize(canvas, width, height));
}

static void
test_canvas__sizes_are_bounded(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 0, -5);
    assert_int_equal(canvas.width, 1);
    assert_int_equal(canvas.height, 1);
    assert_true(canvas_resize(&canvas, 5000, 2));
    assert_int_equal(canvas.width, 1000);
    canvas_done(&canvas);
    canvas_put(&canvas, 0, 0, 'x', plain); /* an empty canvas takes nothing */
    assert_null(canvas.cells);
}

static void
test_canvas__cuts_with_an_ellipsis(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 10, 6);
    assert_int_equal(canvas_text(&canvas, 0, 0, 10, STR("exactly 10"), plain), 10);
    assert_int_equal(canvas_text(&canvas, 0, 1, 5, STR("too long"), plain), 5);
    assert_int_equal(canvas_text(&canvas, 6, 2, 99, STR("over the edge"), plain), 4);
    assert_int_equal(canvas_text_right(&canvas, 0, 3, 8, STR("right"), plain), 5);
    assert_int_equal(canvas_text_right(&canvas, 0, 4, 3, STR("right"), plain), 3);
    assert_int_equal(canvas_printf(&canvas, 0, 5, 10, plain, "%d %%", 42), 4);
    expect_dump(&canvas, "exactly 10\ntoo …\n      ove…\n   right\nri…\n42 %\n");
    canvas_done(&canvas);
}

static void
test_canvas__keeps_wide_characters_whole(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 6, 5);
    canvas_text(&canvas, 0, 0, 6, STR("漢字漢"), plain);
    assert_int_equal(canvas.cells[1].c, 0);
    canvas_text(&canvas, 0, 1, 5, STR("漢字漢"), plain);
    canvas_text(&canvas, 0, 2, 6, STR("漢字"), plain);
    canvas_put(&canvas, 1, 2, 'x', plain);    /* takes the right half of the first */
    canvas_put(&canvas, 2, 2, 'y', plain);    /* the left half of the second */
    canvas_put(&canvas, 5, 3, 0x6F22, plain); /* half of it would be outside */
    canvas_put(&canvas, -1, 4, 0x6F22, marked);
    assert_int_equal(canvas.cells[4 * 6].c, ' ');
    assert_int_equal(canvas.cells[4 * 6].style.fg, ROLE_TITLE);
    expect_dump(&canvas, "漢字漢\n漢字…\n xy\n\n\n");
    canvas_done(&canvas);
}

static void
test_canvas__lets_no_control_character_through(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 40, 1);
    struct str hostile = STR("a\x1b[2Jb\tc\nd\x07\x7f\xc2\x9b"
                             "31m\xff\xe2\x80\xaetxt\xcc\x81");
    canvas_text(&canvas, 0, 0, 40, hostile, plain);
    expect_dump(&canvas, "a?[2Jb c d???31m?txt\n");
    canvas_put(&canvas, 0, 0, 0x1B, plain);
    canvas_put(&canvas, 1, 0, 0xD800, plain);
    canvas_put(&canvas, 2, 0, 0, plain);
    canvas_put(&canvas, 3, 0, 0x200B, plain); /* takes no cell, so it leaves none changed */
    expect_dump(&canvas, "?? 2Jb c d???31m?txt\n");
    canvas_done(&canvas);
}

static void
test_canvas__clips(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 8, 4);
    struct rect whole = canvas_clip(&canvas, (struct rect){2, 1, 4, 2});
    struct rect first = canvas_clip(&canvas, (struct rect){-100, 2, 1000, 1000});
    canvas_fill(&canvas, (struct rect){INT_MIN, INT_MIN, INT_MAX, INT_MAX}, '!', plain);
    canvas_fill(&canvas, (struct rect){-5, -5, INT_MAX, INT_MAX}, '#', plain);
    canvas_unclip(&canvas, first);
    canvas_text(&canvas, 0, 1, 8, STR("abcdefgh"), plain);
    canvas_restyle(&canvas, (struct rect){0, 0, 8, 4}, marked);
    canvas_unclip(&canvas, whole);
    expect_dump(&canvas, "\n  cde…\n  ####\n\n");
    assert_int_equal(canvas.cells[8 + 2].style.fg, ROLE_TITLE);
    assert_int_equal(canvas.cells[8 + 1].style.fg, ROLE_DEFAULT);
    canvas_done(&canvas);
}

static void
test_canvas__maps_glyphs(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 40, 1);
    struct str text = STR("┌─│╭╬▁▄█░▓⣿⡀⠀▲◆■↗…é‖µ×−漢ж");
    canvas_text(&canvas, 0, 0, 40, text, plain);
    expect_dump(&canvas, "┌─│╭╬▁▄█░▓⣿⡀⠀▲◆■↗…é‖µ×−漢ж\n");
    canvas_clear(&canvas);
    canvas.glyphs = GLYPHS_BLOCKS;
    canvas_text(&canvas, 0, 0, 40, text, plain);
    expect_dump(&canvas, "┌─│╭╬▁▄█░▓█▁ ▲◆■↗…é‖µ×−漢ж\n");
    canvas_clear(&canvas);
    canvas.glyphs = GLYPHS_ASCII;
    canvas_text(&canvas, 0, 0, 40, text, plain);
    expect_dump(&canvas, "+-|++.=#.*#. !X#/~e=ux-???\n");
    canvas_done(&canvas);
}

static void
test_canvas__ascii_is_ascii(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 4, 1);
    canvas.glyphs = GLYPHS_ASCII;
    for (uint32_t c = 0; c < 0x11000; c++) {
        canvas_put(&canvas, 1, 0, c, plain);
        assert_in_range(canvas.cells[1].c, 0x20, 0x7E);
        assert_in_range(canvas.cells[2].c, 0x20, 0x7E);
    }
    /* Every line and block drawing character has a stand-in of its own. */
    for (uint32_t c = 0x2500; c < 0x25A0; c++) {
        canvas_put(&canvas, 1, 0, c, plain);
        assert_int_not_equal(canvas.cells[1].c, '?');
    }
    canvas_done(&canvas);
}

static void
test_canvas__signs(void **state)
{
    (void)state;
    static const char levels[] = ".i!X#", trends[] = " -/\\~";
    for (int i = 0; i <= LEVEL_EMERGENCY; i++) {
        assert_int_equal(glyph_level(GLYPHS_ASCII, i), levels[i]);
        assert_int_equal(utf8_width(glyph_level(GLYPHS_BRAILLE, i)), 1);
    }
    for (int i = 0; i <= TREND_VOLATILE; i++) {
        assert_int_equal(glyph_trend(GLYPHS_ASCII, i), trends[i]);
    }
    assert_int_equal(glyph_level(GLYPHS_BLOCKS, LEVEL_CRITICAL), 0x25C6);
    assert_int_equal(glyph_trend(GLYPHS_BLOCKS, TREND_RISING), 0x2197);
    assert_int_equal(glyph_level(GLYPHS_ASCII, 99), '?');
    assert_int_equal(glyph_trend(GLYPHS_ASCII, -1), ' ');
}

static void
test_canvas__draws_boxes(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 5, 4);
    canvas_box(&canvas, (struct rect){0, 0, 5, 3}, plain);
    canvas_box(&canvas, (struct rect){0, 3, 5, 1}, plain); /* no room for one */
    canvas_box(&canvas, (struct rect){INT_MAX, 0, INT_MAX, 3}, plain);
    expect_dump(&canvas, "┌───┐\n│   │\n└───┘\n\n");
    canvas_done(&canvas);
}

static void
test_canvas__dumps_styles(void **state)
{
    (void)state;
    struct canvas canvas;
    open_canvas(&canvas, 4, 2);
    canvas_text(&canvas, 1, 0, 2, STR("ab"), marked);
    canvas_put(&canvas, 0, 1, 'c', (struct style){.fg = ROLE_RAMP_HEAT + 3});
    struct buf out;
    buf_init(&out, 1 << 16);
    canvas_dump_styles(&canvas, &out);
    assert_string_equal(out.data, " ab\nc\n--\n.aa.\nb...\n--\n"
                                  "a title on select.bg bold\nb ramp.heat.3 on default\n");
    buf_done(&out);
    canvas_done(&canvas);
}

/* Random drawing at random sizes. */

static uint32_t
next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static int
any_int(uint32_t *seed, int around)
{
    static const int extremes[] = {INT_MIN, INT_MAX, INT_MIN + 1, INT_MAX - 1, 0, -1};
    uint32_t r = next_random(seed);
    return r % 16 == 0 ? extremes[(r >> 8) % 6] : (int)(r % (uint32_t)(around + 8)) - 4;
}

static struct str
any_text(uint32_t *seed, char bytes[64])
{
    static const char *const parts[] = {"a", "漢", "é",         "\x1b[1m", "\xff",
                                        "─", "⣿",  "e\xcc\x81", "👍",       "\t"};
    size_t n = 0;
    for (uint32_t count = next_random(seed) % 12; count > 0; count--) {
        const char *part = parts[next_random(seed) % 10];
        size_t part_n = strlen(part);
        memcpy(bytes + n, part, part_n);
        n += part_n;
    }
    return (struct str){bytes, n};
}

static void
draw_something(struct canvas *canvas, uint32_t *seed)
{
    char bytes[64];
    int x = any_int(seed, canvas->width), y = any_int(seed, canvas->height);
    int width = any_int(seed, canvas->width), height = any_int(seed, canvas->height);
    struct rect area = {x, y, width, height};
    switch (next_random(seed) % 6) {
    case 0:
        canvas_put(canvas, x, y, next_random(seed) % 0x12000, marked);
        break;
    case 1:
        canvas_fill(canvas, area, next_random(seed) % 2 ? 0x6F22 : '#', marked);
        break;
    case 2: {
        int used = canvas_text(canvas, x, y, width, any_text(seed, bytes), marked);
        assert_in_range(used, 0, MAX(width, 0));
        break;
    }
    case 3: {
        int used = canvas_text_right(canvas, x, y, width, any_text(seed, bytes), marked);
        assert_in_range(used, 0, MAX(width, 0));
        break;
    }
    case 4:
        canvas_restyle(canvas, area, marked);
        break;
    default:
        canvas_box(canvas, area, marked);
    }
}

static bool
in_rect(struct rect r, int x, int y)
{
    return x >= r.x && y >= r.y && x - r.x < r.width && y - r.y < r.height;
}

/* Outside the clip only the cut half of a wide character may have become a blank. */
static void
expect_untouched(const struct canvas *canvas, const struct canvas_cell *before, struct rect clip)
{
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            size_t i = (size_t)y * (size_t)canvas->width + (size_t)x;
            if (!in_rect(clip, x, y) &&
                memcmp(&canvas->cells[i], &before[i], sizeof(*before)) != 0) {
                assert_int_equal(canvas->cells[i].c, ' ');
                assert_memory_equal(&canvas->cells[i].style, &before[i].style,
                                    sizeof(before[i].style));
                assert_true(in_rect(clip, x - 1, y) || in_rect(clip, x + 1, y));
            }
        }
    }
}

static void
expect_whole(const struct canvas *canvas)
{
    for (int y = 0; y < canvas->height; y++) {
        const struct canvas_cell *row = canvas->cells + (size_t)y * (size_t)canvas->width;
        for (int x = 0; x < canvas->width; x++) {
            if (row[x].c == 0) {
                assert_true(x > 0 && utf8_width(row[x - 1].c) == 2);
            } else {
                int width = utf8_width(row[x].c);
                assert_in_range(width, 1, 2);
                assert_true(width == 1 || (x + 1 < canvas->width && row[x + 1].c == 0));
            }
        }
    }
}

static void
test_canvas__holds_over_random_drawing(void **state)
{
    (void)state;
    uint32_t seed = 2463534242u;
    for (int round = 0; round < 200; round++) {
        struct canvas canvas;
        open_canvas(&canvas, (int)(next_random(&seed) % 90) + 1,
                    (int)(next_random(&seed) % 30) + 1);
        canvas.glyphs = (enum glyphs)(next_random(&seed) % 3);
        size_t bytes = (size_t)canvas.width * (size_t)canvas.height * sizeof(struct canvas_cell);
        struct canvas_cell *before = malloc(bytes);
        assert_non_null(before);
        for (int step = 0; step < 12; step++) {
            struct rect clip = {any_int(&seed, canvas.width), any_int(&seed, canvas.height),
                                any_int(&seed, canvas.width), any_int(&seed, canvas.height)};
            struct rect whole = canvas_clip(&canvas, clip);
            memcpy(before, canvas.cells, bytes);
            draw_something(&canvas, &seed);
            expect_untouched(&canvas, before, canvas.clip);
            expect_whole(&canvas);
            canvas_unclip(&canvas, whole);
        }
        free(before);
        canvas_done(&canvas);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canvas__sizes_are_bounded),
        cmocka_unit_test(test_canvas__cuts_with_an_ellipsis),
        cmocka_unit_test(test_canvas__keeps_wide_characters_whole),
        cmocka_unit_test(test_canvas__lets_no_control_character_through),
        cmocka_unit_test(test_canvas__clips),
        cmocka_unit_test(test_canvas__maps_glyphs),
        cmocka_unit_test(test_canvas__ascii_is_ascii),
        cmocka_unit_test(test_canvas__signs),
        cmocka_unit_test(test_canvas__draws_boxes),
        cmocka_unit_test(test_canvas__dumps_styles),
        cmocka_unit_test(test_canvas__holds_over_random_drawing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
