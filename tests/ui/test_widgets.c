/* The widgets: plans of buckets, sparklines, heat rows, levels and cards, in each glyph set. */
#include "../check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../../src/ui/widgets/card.h"
#include "../../src/ui/widgets/heat.h"
#include "golden.h"

#define N 64

static struct bucket
bucket_of(double min, double mean, double max)
{
    return (struct bucket){(float)min, (float)max, (float)(mean * 4), 4};
}

/* A hill with a spike near the right end and a gap near the left. */
static void
fill(struct bucket *ring, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v = 0.5 + 0.45 * sin((double)i / 8);
        ring[i] = bucket_of(v * 0.5, v * 0.7, v);
    }
    ring[n - 4] = bucket_of(0.1, 0.2, 1.0);
    ring[n - 30] = ring[n - 31] = (struct bucket){NAN, NAN, 0, 0};
    ring[n - 40] = bucket_of(0, 0, 0);
}

static struct card
sample_card(const struct bucket *ring)
{
    return (struct card){
        .title = "Disk",
        .value = "312 MB/s",
        .scale = "max 312 MB/s",
        .spark = {.strip = {ring, N, 0, 1, 0, 0, false},
                  .high = 1,
                  .limits = {0.8, 0.95},
                  .role = ROLE_CHART_1},
        .parts = {{"read", "2.1"}, {"write", "310"}, {"busy", "98 %"}},
        .part_count = 3,
        .level = LEVEL_CRITICAL,
        .trend = TREND_RISING,
        .trend_word = "degrading",
        .fact = "psi 41 %",
    };
}

static void
test_strip__plans_show_the_span_in_buckets_of_4_s_or_more(void **state)
{
    (void)state;
    for (int columns = 1; columns <= 500; columns += 7) {
        for (int64_t span_s = 60; span_s <= 7 * 86400; span_s *= 5) {
            struct strip_plan plan = strip_plan(columns, span_s * NS_PER_S, STRIP_BUCKET_NS_MIN);
            assert_true(plan.bucket_ns >= STRIP_BUCKET_NS_MIN);
            assert_true(plan.repeat >= 1);
            int drawn = (int)plan.count * plan.repeat;
            assert_in_range(drawn, columns, columns + plan.repeat - 1);
            assert_true((int64_t)plan.count * plan.bucket_ns + plan.bucket_ns >= span_s * NS_PER_S);
        }
    }
    struct strip_plan plan = strip_plan(56, 600 * NS_PER_S, STRIP_BUCKET_NS_MIN);
    assert_int_equal(plan.count, 56);
    assert_int_equal(plan.bucket_ns / NS_PER_MS, 10714);
    plan = strip_plan(200, 30 * NS_PER_S, NS_PER_S); /* looked at closer */
    assert_int_equal(plan.bucket_ns / NS_PER_MS, 1050);
    assert_int_equal(plan.repeat, 7);
}

static void
test_strip__the_newest_bucket_is_at_the_right(void **state)
{
    (void)state;
    struct bucket ring[5];
    for (int i = 0; i < 5; i++) {
        ring[i] = bucket_of(i, i, i);
    }
    struct strip strip = {ring, 5, 2, 2, 0, 0, false}; /* oldest is ring[2] */
    assert_true(strip_at(&strip, 10, 9)->max == 1);
    assert_true(strip_at(&strip, 10, 8)->max == 1);
    assert_true(strip_at(&strip, 10, 7)->max == 0);
    assert_true(strip_at(&strip, 10, 0)->max == 2);
    assert_null(strip_at(&strip, 11, 0));
    strip.skip = 2; /* looks back: what was two buckets left of the end is the end */
    assert_true(strip_at(&strip, 10, 9)->max == 4);
    assert_null(strip_at(&strip, 10, 0));
    strip.skip = 0;
    assert_null(strip_at(&strip, 10, 10));
    assert_null(strip_at(&(struct strip){NULL, 5, 0, 1, 0, 0, false}, 10, 3));
}

static void
test_strip__readings_of_slow_sources_hold(void **state)
{
    (void)state;
    struct bucket ring[9] = {{0}};
    ring[0] = ring[3] = ring[5] = ring[8] = bucket_of(1, 1, 1);
    struct strip strip = {ring, 9, 0, 1, 0, 0, false};
    strip.hold = strip_hold(&strip);
    assert_int_equal(strip.hold, 3);
    for (int x = 0; x < 9; x++) {
        assert_non_null(strip_at(&strip, 9, x));
    }
    struct bucket steady[64];
    for (int i = 0; i < 64; i++) {
        steady[i] = i > 20 && i < 40 ? (struct bucket){NAN, NAN, 0, 0} : bucket_of(1, 1, 1);
    }
    strip = (struct strip){steady, 64, 0, 1, 0, 0, false};
    assert_int_equal(strip_hold(&strip), 0);
}

static void
test_strip__nice_tops_are_round_and_not_below(void **state)
{
    (void)state;
    static const double rows[][2] = {{312e6, 400e6},     {1, 1}, {0.3, 0.3}, {9.1, 10},
                                     {0.00011, 0.00015}, {0, 1}, {-5, 1},    {NAN, 1},
                                     {INFINITY, 1}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_true(fabs(nice_top(rows[i][0]) / rows[i][1] - 1) < 1e-9);
    }
}

static void
test_limits__levels_and_colours_follow_thresholds(void **state)
{
    (void)state;
    struct limits up = {0.8, 0.95}, down = {0.2, 0.1}, one = {5, 0}, none = {0, 0};
    assert_int_equal(limits_level(&up, 0.79), LEVEL_NORMAL);
    assert_int_equal(limits_level(&up, 0.8), LEVEL_WARNING);
    assert_int_equal(limits_level(&up, 0.95), LEVEL_CRITICAL);
    assert_int_equal(limits_level(&up, (double)0.95F), LEVEL_CRITICAL); /* as charts keep it */
    assert_int_equal(limits_level(&down, 0.5), LEVEL_NORMAL);
    assert_int_equal(limits_level(&down, 0.15), LEVEL_WARNING);
    assert_int_equal(limits_level(&down, 0.05), LEVEL_CRITICAL);
    assert_int_equal(limits_level(&one, 99), LEVEL_WARNING);
    assert_int_equal(limits_level(&none, 99), LEVEL_NORMAL);
    assert_int_equal(limits_level(&up, NAN), LEVEL_NORMAL);
    assert_int_equal(limits_role(&none, 3, ROLE_CHART_2), ROLE_CHART_2);
    int before = ROLE_RAMP_LOAD;
    for (double v = 0; v < 1.2; v += 0.01) {
        int role = limits_role(&up, v, ROLE_CHART_1);
        assert_in_range(role, before, ROLE_RAMP_LOAD + RAMP_STEPS - 1);
        before = role;
    }
    assert_int_equal(before, ROLE_RAMP_LOAD + RAMP_STEPS - 1);
}

static void
test_spark__a_gap_is_blank_and_zero_is_not(void **state)
{
    (void)state;
    struct bucket ring[2] = {{NAN, NAN, 0, 0}, bucket_of(0, 0, 0)};
    static const uint32_t zero[] = {
        [GLYPHS_ASCII] = '_', [GLYPHS_BLOCKS] = 0x2581, [GLYPHS_BRAILLE] = 0x2880};
    for (enum glyphs glyphs = GLYPHS_ASCII; glyphs <= GLYPHS_BRAILLE; glyphs++) {
        struct canvas canvas;
        canvas_init(&canvas);
        assert_true(canvas_resize(&canvas, 2, 1));
        canvas.glyphs = glyphs;
        struct spark spark = {.strip = {ring, 2, 0, 1, 0, 0, false}, .high = 1};
        int width = glyphs == GLYPHS_BRAILLE ? 1 : 2;
        spark_draw(&canvas, (struct rect){0, 0, width, 1}, &spark);
        assert_int_equal(canvas.cells[width - 1].c, zero[glyphs]);
        assert_int_equal(canvas.cells[glyphs == GLYPHS_BRAILLE ? 1 : 0].c, ' ');
        canvas_done(&canvas);
    }
}

static void
test_spark__moves_by_whole_cells(void **state)
{
    (void)state;
    struct bucket ring[2] = {bucket_of(0, 0, 0), bucket_of(1, 1, 1)};
    struct canvas canvas;
    canvas_init(&canvas);
    assert_true(canvas_resize(&canvas, 1, 1));
    struct spark spark = {.strip = {ring, 2, 0, 1, 0, 0, false}, .high = 1};
    spark_draw(&canvas, (struct rect){0, 0, 1, 1}, &spark);
    assert_int_equal(canvas.cells[0].c, 0x28F8); /* zero left, the newest right */
    spark.strip.half = true;
    spark_draw(&canvas, (struct rect){0, 0, 1, 1}, &spark);
    assert_int_equal(canvas.cells[0].c, 0x2847); /* the newest left, room for the next */
    canvas_done(&canvas);
}

static void
test_strip__ends_in_half_a_cell_every_other_bucket(void **state)
{
    (void)state;
    struct bucket ring[4] = {{NAN, NAN, 0, 0}};
    struct chart chart = {.buckets = ring, .count = 4, .last_bucket = 6};
    struct strip_plan plan = {.count = 4, .bucket_ns = NS_PER_S, .repeat = 1};
    assert_true(strip_of(&chart, &plan).half);
    chart.last_bucket = 7;
    assert_false(strip_of(&chart, &plan).half);
    chart.last_bucket = 6;
    plan.repeat = 2;
    assert_false(strip_of(&chart, &plan).half);
}

static void
test_heat__shades_say_what_colours_say(void **state)
{
    (void)state;
    struct bucket ring[5] = {bucket_of(0, 0, 0),
                             bucket_of(0.4, 0.4, 0.4),
                             bucket_of(0.6, 0.6, 0.6),
                             {NAN, NAN, 0, 0},
                             bucket_of(1, 1, 1)};
    struct strip strip = {ring, 5, 0, 1, 0, 0, false};
    struct canvas canvas;
    canvas_init(&canvas);
    assert_true(canvas_resize(&canvas, 5, 3));
    heat_row(&canvas, 0, 0, 5, &strip, 1);
    heat_pair(&canvas, 0, 1, 5, &strip, NULL, 1);
    heat_pair(&canvas, 0, 2, 5, &strip, &strip, 1);
    struct buf out;
    buf_init(&out, 4096);
    canvas_dump(&canvas, &out);
    assert_string_equal(out.data, "░▒▓ █\n▀▀▀ ▀\n▀▀▀ ▀\n");
    for (int x = 1; x < 5; x++) {
        assert_true(x == 3 || canvas.cells[x].style.fg > ROLE_RAMP_HEAT);
    }
    assert_int_equal(canvas.cells[4].style.fg, ROLE_RAMP_HEAT + RAMP_STEPS - 1);
    assert_int_equal(canvas.cells[2 * 5 + 1].style.bg, canvas.cells[2 * 5 + 1].style.fg);
    assert_int_equal(heat_step(NAN, 1), -1);
    assert_int_equal(heat_step(7, 1), RAMP_STEPS - 1);
    buf_done(&out);
    canvas_done(&canvas);
}

static void
draw_all(struct canvas *canvas, const struct bucket *ring)
{
    struct card card = sample_card(ring);
    card_draw(canvas, (struct rect){0, 0, 30, 6}, &card);
    card.focused = true;
    card.level = LEVEL_NORMAL;
    card.trend = TREND_UNKNOWN;
    card.fact = NULL;
    card_draw(canvas, (struct rect){30, 0, 28, 5}, &card);
    card_draw_line(canvas, 0, 6, 80, &card);
    card = sample_card(ring);
    card_draw_line(canvas, 0, 7, 80, &card);
    struct strip strip = {ring, N, 0, 1, 0, 0, false};
    heat_row(canvas, 0, 8, 40, &strip, 1);
    heat_pair(canvas, 40, 8, 40, &strip, &strip, 1);
    heat_legend(canvas, 60, 2, 16);
}

static void
test_card__looks_as_it_did(void **state)
{
    (void)state;
    static const char *const names[] = {[GLYPHS_ASCII] = "widgets-ascii",
                                        [GLYPHS_BLOCKS] = "widgets-blocks",
                                        [GLYPHS_BRAILLE] = "widgets-braille"};
    struct bucket ring[N];
    fill(ring, N);
    for (enum glyphs glyphs = GLYPHS_ASCII; glyphs <= GLYPHS_BRAILLE; glyphs++) {
        struct canvas canvas;
        canvas_init(&canvas);
        assert_true(canvas_resize(&canvas, 80, 9));
        canvas.glyphs = glyphs;
        draw_all(&canvas, ring);
        golden(names[glyphs], &canvas);
        canvas_done(&canvas);
    }
}

static bool
allowed(enum glyphs glyphs, uint32_t c)
{
    if (c >= 0x20 && c < 0x7F) {
        return true;
    }
    bool braille = c >= 0x2800 && c <= 0x28FF;
    bool block = (c >= 0x2500 && c <= 0x259F) || c == 0x2026 || c == 0xB7 ||
                 (c >= 0x2190 && c <= 0x2199) || (c >= 0x25A0 && c <= 0x25FF);
    return glyphs == GLYPHS_BRAILLE ? braille || block : glyphs == GLYPHS_BLOCKS && block;
}

static void
test_card__stays_inside_at_any_size(void **state)
{
    (void)state;
    struct bucket ring[N];
    fill(ring, N);
    unsigned seed = 20261121;
    for (int i = 0; i < 200; i++) {
        struct canvas canvas;
        canvas_init(&canvas);
        assert_true(canvas_resize(&canvas, 90, 30));
        canvas.glyphs = (enum glyphs)(i % 3);
        struct card card = sample_card(ring);
        card.focused = i % 2 == 0;
        struct rect area = {rand_r(&seed) % 20, rand_r(&seed) % 10, rand_r(&seed) % 60,
                            rand_r(&seed) % 15};
        card_draw(&canvas, area, &card);
        card_draw_line(&canvas, area.x, 29, area.width, &card);
        for (int y = 0; y < 30; y++) {
            for (int x = 0; x < 90; x++) {
                uint32_t c = canvas.cells[y * 90 + x].c;
                bool in = x >= area.x && x < area.x + area.width &&
                          ((y >= area.y && y < area.y + area.height) || y == 29);
                assert_true(allowed(canvas.glyphs, c));
                assert_true(in || c == ' ');
            }
        }
        canvas_done(&canvas);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strip__plans_show_the_span_in_buckets_of_4_s_or_more),
        cmocka_unit_test(test_strip__the_newest_bucket_is_at_the_right),
        cmocka_unit_test(test_strip__readings_of_slow_sources_hold),
        cmocka_unit_test(test_strip__nice_tops_are_round_and_not_below),
        cmocka_unit_test(test_limits__levels_and_colours_follow_thresholds),
        cmocka_unit_test(test_spark__a_gap_is_blank_and_zero_is_not),
        cmocka_unit_test(test_spark__moves_by_whole_cells),
        cmocka_unit_test(test_strip__ends_in_half_a_cell_every_other_bucket),
        cmocka_unit_test(test_heat__shades_say_what_colours_say),
        cmocka_unit_test(test_card__looks_as_it_did),
        cmocka_unit_test(test_card__stays_inside_at_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
