/* Themes: reading, errors, what is derived, and that the built-in ones can be read by eyes. */
#include "../check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/buf.h"
#include "flametop/base/file.h"
#include "flametop/ui/canvas.h"
#include "flametop/ui/theme.h"

static char *
source_file(const char *name)
{
    const char *root = getenv("FLAMETOP_SOURCE");
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", root != NULL ? root : ".", name);
    char *data = NULL;
    assert_true(file_load(path, 1 << 20, &data) > 0);
    return data;
}

static struct theme
parse_clean(const char *text)
{
    struct theme theme;
    struct buf errors;
    buf_init(&errors, 1 << 16);
    bool good = theme_parse(str_from(text), "t", &theme, &errors);
    if (!good) {
        fail_msg("%s", errors.data);
    }
    buf_done(&errors);
    return theme;
}

static struct theme
parse_source(const char *name)
{
    char *text = source_file(name);
    struct theme theme = parse_clean(text);
    free(text);
    return theme;
}

static void
expect_errors(const char *text, const char *want)
{
    struct theme theme;
    struct buf errors;
    buf_init(&errors, 1 << 16);
    assert_false(theme_parse(str_from(text), "t", &theme, &errors));
    assert_string_equal(errors.data, want);
    buf_done(&errors);
}

static void
expect_same(const struct theme *a, const struct theme *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->author, b->author);
    assert_int_equal(a->light, b->light);
    assert_int_equal(a->mono, b->mono);
    assert_memory_equal(a->colour, b->colour, sizeof(a->colour));
    assert_memory_equal(a->attributes, b->attributes, sizeof(a->attributes));
}

static void
test_theme__built_in_ones_are_the_files(void **state)
{
    (void)state;
    struct theme built_in, file = parse_source("themes/dark.theme");
    theme_default(&built_in);
    expect_same(&built_in, &file);
    assert_string_equal(built_in.name, "Dark");
    struct buf errors;
    buf_init(&errors, 1 << 16);
    file = parse_source("themes/light.theme");
    assert_true(theme_load("light", &built_in, &errors));
    expect_same(&built_in, &file);
    buf_done(&errors);
    file = parse_source("themes/mono.theme");
    theme_mono(&built_in);
    expect_same(&built_in, &file);
}

static double
channel(uint32_t byte)
{
    double c = byte / 255.0;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double
luminance(uint32_t rgb)
{
    return 0.2126 * channel(rgb >> 16 & 255) + 0.7152 * channel(rgb >> 8 & 255) +
           0.0722 * channel(rgb & 255);
}

/* WCAG 2.1's contrast ratio. */
static double
contrast(uint32_t a, uint32_t b)
{
    double x = luminance(a) + 0.05, y = luminance(b) + 0.05;
    return x > y ? x / y : y / x;
}

static void
expect_readable(const struct theme *theme, uint32_t back)
{
    static const int words[] = {ROLE_TEXT,
                                ROLE_DIM,
                                ROLE_TITLE,
                                ROLE_VALUE,
                                ROLE_KEY,
                                ROLE_TAB_ACTIVE,
                                ROLE_MARK,
                                ROLE_SEARCH,
                                ROLE_ERROR,
                                ROLE_LEVEL_NORMAL,
                                ROLE_LEVEL_INFO,
                                ROLE_LEVEL_WARNING,
                                ROLE_LEVEL_CRITICAL,
                                ROLE_LEVEL_EMERGENCY};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        /* The terminal's own text is as readable as its owner made it. */
        bool own = theme->colour[words[i]] == THEME_NO_COLOUR;
        assert_true(own || contrast(theme->colour[words[i]], back) >= 4.5);
    }
    for (int role = ROLE_CHART_1; role <= ROLE_CHART_6; role++) {
        assert_true(contrast(theme->colour[role], back) >= 3);
    }
    assert_true(contrast(theme->colour[ROLE_BORDER], back) >= 1.5);
    assert_true(contrast(theme->colour[ROLE_SELECT_FG], theme->colour[ROLE_SELECT_BG]) >= 7);
    for (int i = 0; i < RAMP_STEPS; i++) {
        assert_true(contrast(theme->colour[ROLE_SELECT_FG], theme->colour[ROLE_FLAME_HUES + i]) >=
                    4);
    }
}

static void
test_theme__ours_are_readable(void **state)
{
    (void)state;
    struct theme dark = parse_source("themes/dark.theme"),
                 light = parse_source("themes/light.theme");
    expect_readable(&dark, 0x101216);
    expect_readable(&light, 0xFFFFFF);
    assert_true(light.light && !dark.light);
    for (int i = 1; i < RAMP_STEPS; i++) { /* more is always brighter, on paper darker */
        assert_true(luminance(dark.colour[ROLE_RAMP_HEAT + i]) >
                    luminance(dark.colour[ROLE_RAMP_HEAT + i - 1]));
        assert_true(luminance(light.colour[ROLE_RAMP_HEAT + i]) <
                    luminance(light.colour[ROLE_RAMP_HEAT + i - 1]));
    }
}

static void
test_theme__mono_has_no_colour(void **state)
{
    (void)state;
    struct theme mono;
    theme_mono(&mono);
    assert_true(mono.mono);
    for (int role = 0; role < ROLE_COUNT; role++) {
        assert_int_equal(mono.colour[role], THEME_NO_COLOUR);
    }
    assert_int_equal(mono.attributes[ROLE_SELECT_FG], CELL_REVERSE);
    assert_int_equal(mono.attributes[ROLE_LEVEL_EMERGENCY], CELL_BOLD | CELL_REVERSE);
    assert_int_equal(mono.attributes[ROLE_RAMP_HEAT], CELL_DIM);
    assert_int_equal(mono.attributes[ROLE_RAMP_HEAT + RAMP_STEPS - 1], CELL_BOLD);
}

static void
test_theme__reads_values(void **state)
{
    (void)state;
    struct theme theme =
        parse_clean("# comment\r\n\r\n  name = Été \x1b[31m\r\nauthor=me\nbackground = light\n"
                    "text=#123456\ntitle = #fff bold underline\nheader.bg = #80\n"
                    "ramp.diff = #000000 #ffffff\nflame.hues = #111111 #222222 #333333\n");
    assert_string_equal(theme.name, "Été ?[31m");
    assert_true(theme.light);
    assert_false(theme.mono);
    assert_int_equal(theme.colour[ROLE_TEXT], 0x123456);
    assert_int_equal(theme.colour[ROLE_TITLE], 0xFFFFFF);
    assert_int_equal(theme.attributes[ROLE_TITLE], CELL_BOLD | CELL_UNDERLINE);
    assert_int_equal(theme.colour[ROLE_HEADER_BG], 0x808080);
    assert_int_equal(theme.colour[ROLE_VALUE], 0xFFFFFF); /* falls back to the title */
    assert_int_equal(theme.colour[ROLE_ERROR], 0x123456); /* over two steps to the text */
    assert_int_equal(theme.attributes[ROLE_SELECT_FG] & CELL_REVERSE, CELL_REVERSE);
    assert_int_equal(theme.colour[ROLE_RAMP_DIFF], 0);
    assert_int_equal(theme.colour[ROLE_RAMP_DIFF + 15], 0xFFFFFF);
    uint32_t third =
        theme.colour[ROLE_RAMP_DIFF + 5] & 255; /* a third of the lightness: 0x37 to the eye */
    assert_in_range(third, 0x2D, 0x41);
    assert_int_equal(theme.colour[ROLE_FLAME_HUES + 4], 0x222222);
    assert_int_not_equal(theme.colour[ROLE_RAMP_HEAT], THEME_NO_COLOUR); /* borrowed */
    assert_true(luminance(theme.colour[ROLE_RAMP_HEAT]) >
                luminance(theme.colour[ROLE_RAMP_HEAT + 15]));
}

static void
test_theme__collects_errors(void **state)
{
    (void)state;
    expect_errors(
        "text = #12345\nlevel.waring = #ffffff\n\n  titel=#fff\nxyzzy\x1b = 1\nno equals sign\n"
        "text = #000 #fff\nramp.heat = #000\nbackground = blue\ndim = blod\n"
        "ramp.load = 1 2\nramp.diff = #0 #1 #2\n"
        "flame.hues = #000 #000 #000 #000 #000 #000 #000 #000 #000 #000 #000 #000 #000 #000 #000 "
        "#000 #000\n",
        "t:1:8: text: \"#12345\" is no colour (#rrggbb, #rgb, default) and no attribute (bold, "
        "dim, "
        "reverse, underline, normal)\n"
        "t:2:1: level.waring: no such key; the nearest is level.warning\n"
        "t:4:3: titel: no such key; the nearest is title\n"
        "t:5:1: xyzzy?: no such key\n"
        "t:6:1: no equals sign: no \"=\": a line is `key = value`\n"
        "t:7:13: text: takes one colour\n"
        "t:8:1: ramp.heat: takes 2 to 16 stops\n"
        "t:9:14: background: is dark, light or none\n"
        "t:10:7: dim: \"blod\" is no colour (#rrggbb, #rgb, default) and no attribute (bold, dim, "
        "reverse, underline, normal)\n"
        "t:11:13: ramp.load: \"1\" is no colour (#rrggbb, #rgb, default) and no attribute (bold, "
        "dim, "
        "reverse, underline, normal)\n"
        "t:12:13: ramp.diff: \"#0\" is no colour (#rrggbb, #rgb, default) and no attribute (bold, "
        "dim, "
        "reverse, underline, normal)\n"
        "t:13:94: flame.hues: takes at most 16 stops\n");
}

static void
test_theme__bounds_errors(void **state)
{
    (void)state;
    struct buf text, errors;
    buf_init(&text, 1 << 16);
    buf_init(&errors, 1 << 16);
    for (int i = 0; i < 60; i++) {
        buf_puts(&text, "bad\n");
    }
    struct theme theme;
    assert_false(theme_parse((struct str){text.data, text.n}, "t", &theme, &errors));
    assert_non_null(strstr(errors.data, "t: 10 more errors\n"));
    buf_done(&text);
    buf_done(&errors);
}

static void
test_theme__reads_btop_files(void **state)
{
    (void)state;
    struct theme theme = parse_clean("# a theme of btop\n"
                                     "theme[main_bg]=\"#282a36\"\n"
                                     "theme[main_fg]=\"248 248 242\"\n"
                                     "theme[title]='#f8'\n"
                                     "theme[hi_fg]=\"#6272a4\" # why\n"
                                     "theme[selected_bg]=\"#ff79c6\"\n"
                                     "theme[selected_fg]=\"#f8f8f2\"\n"
                                     "theme[inactive_fg]=\"#44475a\"\n"
                                     "theme[div_line]=\"#44475a\"\n"
                                     "theme[cpu_box]=\"#bd93f9\"\n"
                                     "theme[temp_start]=\"#bd93f9\"\n"
                                     "theme[cpu_start]=\"#bd93f9\"\n"
                                     "theme[cpu_mid]=\"\"\n"
                                     "theme[cpu_end]=\"#50fa7b\"\n"
                                     "theme[free_mid]=\"#ffa6d9\"\n"
                                     "theme[some_new_key]=\"#ffffff\"\n");
    struct theme dark;
    theme_default(&dark);
    assert_int_equal(theme.colour[ROLE_BACKGROUND], 0x282A36);
    assert_int_equal(theme.colour[ROLE_TEXT], 0xF8F8F2);
    assert_int_equal(theme.colour[ROLE_TITLE], 0xF8F8F8);
    assert_int_equal(theme.colour[ROLE_KEY], 0x6272A4);
    assert_int_equal(theme.colour[ROLE_SELECT_BG], 0xFF79C6);
    assert_int_equal(theme.colour[ROLE_BORDER_FOCUS], 0xBD93F9);
    assert_int_equal(theme.colour[ROLE_RAMP_LOAD], 0xBD93F9);
    assert_int_equal(theme.colour[ROLE_RAMP_LOAD + 15], 0x50FA7B);
    assert_int_equal(theme.colour[ROLE_CHART_3], 0xFFA6D9);
    assert_int_equal(theme.colour[ROLE_LEVEL_WARNING], dark.colour[ROLE_LEVEL_WARNING]);
    assert_int_equal(theme.colour[ROLE_RAMP_HEAT + 7], dark.colour[ROLE_RAMP_HEAT + 7]);
    assert_true(luminance(theme.colour[ROLE_HEADER_BG]) > luminance(0x282A36));
    assert_false(theme.light);
    theme = parse_clean("theme[main_bg]=\"\"\ntheme[main_fg]=\"#222222\"\n");
    assert_true(theme.light); /* dark writing means a bright background */
    assert_true(contrast(theme.colour[ROLE_LEVEL_WARNING], 0xFFFFFF) >= 4);
    expect_errors(
        "theme[main_fg]=\"<html>\"\ntheme[main_bg=1\ntheme[title]=\"1 2 300\"\n",
        "t:1:17: main_fg: no colour: write \"#rrggbb\", \"#gg\", \"R G B\" (0-255) or \"\"\n"
        "t:2:1: theme[main_bg=1: not of the form theme[key]=\"value\"\n"
        "t:3:15: title: no colour: write \"#rrggbb\", \"#gg\", \"R G B\" (0-255) or \"\"\n");
}

static void
test_theme__loads_by_name_and_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/flametop-theme-XXXXXX", path[128], deep[128];
    assert_non_null(mkdtemp(folder));
    struct theme theme = {.name = "untouched"};
    struct buf errors;
    buf_init(&errors, 4096);
    assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    assert_false(theme_load("no-such-theme", &theme, &errors));
    assert_string_equal(theme.name, "untouched");
    assert_non_null(strstr(errors.data, "no-such-theme: no such theme"));
    buf_clear(&errors);
    assert_true(theme_load("mono", &theme, &errors));
    assert_string_equal(theme.name, "Mono");
    snprintf(path, sizeof(path), "%s/mine.theme", folder);
    assert_int_equal(file_write_atomic(path, "name = Mine\n", 12, 0600), 0);
    assert_true(theme_load(path, &theme, &errors));
    assert_string_equal(theme.name, "Mine");
    snprintf(deep, sizeof(deep), "%s/flametop", folder);
    assert_int_equal(mkdir(deep, 0700), 0);
    snprintf(deep, sizeof(deep), "%s/flametop/themes", folder);
    assert_int_equal(mkdir(deep, 0700), 0);
    snprintf(deep, sizeof(deep), "%s/flametop/themes/dark.theme", folder);
    assert_int_equal(file_write_atomic(deep, "name = My Dark\n", 15, 0600), 0);
    assert_true(theme_load("dark", &theme, &errors)); /* the user's own goes first */
    assert_string_equal(theme.name, "My Dark");
    unlink(deep);
    unlink(path);
    snprintf(deep, sizeof(deep), "%s/flametop/themes", folder);
    rmdir(deep);
    snprintf(deep, sizeof(deep), "%s/flametop", folder);
    rmdir(deep);
    assert_int_equal(rmdir(folder), 0);
    buf_done(&errors);
}

static void
test_theme__finds_near_colours(void **state)
{
    (void)state;
    static const struct {
        uint32_t rgb;
        int colours, want;
    } rows[] = {
        {0x000000, 256, 16}, {0xFFFFFF, 256, 231}, {0x808080, 256, 244}, {0xFF0000, 256, 196},
        {0x5F87AF, 256, 67}, {0x121212, 256, 233}, {0x000000, 16, 0},    {0xFFFFFF, 16, 15},
        {0xFF0000, 16, 9},   {0xCC0000, 16, 1},    {0x00FF00, 8, 2},     {0xE5E5E5, 8, 7},
        {0x0000EE, 8, 4},    {0x7F7F7F, 16, 8},    {0xE3B85A, 8, 3}, /* the levels keep their hues
                                                                        with few colours */
        {0x8FB8DE, 8, 6},    {0x6CB6EB, 16, 12}, /* and light blue is not made dark */
        {0xF2785C, 8, 1},    {0xFF5470, 8, 1},     {0x8FB996, 8, 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int got = theme_nearest(rows[i].rgb, rows[i].colours);
        if (got != rows[i].want) {
            fail_msg("#%06x of %d: %d instead of %d", (unsigned)rows[i].rgb, rows[i].colours, got,
                     rows[i].want);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_theme__built_in_ones_are_the_files),
        cmocka_unit_test(test_theme__ours_are_readable),
        cmocka_unit_test(test_theme__mono_has_no_colour),
        cmocka_unit_test(test_theme__reads_values),
        cmocka_unit_test(test_theme__collects_errors),
        cmocka_unit_test(test_theme__bounds_errors),
        cmocka_unit_test(test_theme__reads_btop_files),
        cmocka_unit_test(test_theme__loads_by_name_and_path),
        cmocka_unit_test(test_theme__finds_near_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
