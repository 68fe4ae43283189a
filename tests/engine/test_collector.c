/* The collector with sources made by hand and a clock that the test turns. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../world.h"
#include "flametop/base/macros.h"
#include "flametop/core/chart.h"
#include "flametop/core/query.h"
#include "flametop/engine/collector.h"

static const struct metric metrics[] = {
    {.name = "t.time", .unit = "s", .labels = "cpu state", .kind = METRIC_COUNTER, .text = ""},
    {.name = "t.utilization",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "1 - t.time{state=idle} / t.time",
     .text = ""},
    {.name = "t.worst",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_MAX,
     .formula = "t.utilization",
     .text = ""},
    {.name = "t.level", .unit = "By", .labels = "", .text = ""},
};

static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 10},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
};
static const struct table_def rows = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 2, 4};
static const struct table_def *const tables[] = {&rows};

/* Everything the test turns. */
struct world {
    int64_t mono_ns, wall_offset_ns;
    double busy[2], idle[2], level;
    unsigned extra;  /* series of the second core appear */
    int64_t late_ns; /* readings are of so long ago */
    bool silent;     /* there is none */
};
static struct world world;

/* Its wall clock may be set. */
static struct instant
own_now(void *context)
{
    struct world *w = context;
    return (struct instant){w->mono_ns, w->mono_ns + w->wall_offset_ns, w->mono_ns};
}

static enum source_step
source_poll(void *state, struct batch *batch)
{
    struct world *w = state;
    if (w->silent) {
        return SOURCE_IDLE;
    }
    batch->at.mono_ns -= w->late_ns;
    batch->at.wall_ns -= w->late_ns;
    for (unsigned cpu = 0; cpu <= w->extra; cpu++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "cpu=%u,state=user", cpu);
        batch_put(batch, &metrics[0], labels, w->busy[cpu]);
        snprintf(labels, sizeof(labels), "cpu=%u,state=idle", cpu);
        batch_put(batch, &metrics[0], labels, w->idle[cpu]);
    }
    batch_put(batch, &metrics[3], "", w->level);
    struct table *table = batch_table(batch, &rows, 8);
    for (int i = 0; i < 8; i++) {
        union cell *row = table_add(table, batch->arena);
        row[0].integer = 100 + i;
        row[1].text = arena_printf(batch->arena, "row-%d", i);
        row[2].real = i + w->level;
    }
    return SOURCE_DONE;
}

static const struct source source = WORLD_SOURCE("test", metrics, tables, source_poll);
static const struct source *const sources[] = {&source};

struct fixture {
    struct catalog *catalog;
    struct collector *collector;
};

static int
set_up(void **state)
{
    static struct fixture f;
    world = (struct world){.mono_ns = 1000 * NS_PER_S,
                           .wall_offset_ns = INT64_C(1700000000) * NS_PER_S};
    f.catalog = catalog_new(1000);
    struct collector_options options = {.catalog = f.catalog,
                                        .roots = {"/nonexistent", "/nonexistent", "/nonexistent"},
                                        .clock = {own_now, &world},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = 1};
    f.collector = collector_new(&options);
    *state = &f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    collector_free(f->collector);
    catalog_free(f->catalog);
    return 0;
}

/* One second later; the cores were busy for these shares of it. */
static struct picture *
second(struct fixture *f, double busy0, double busy1)
{
    world.mono_ns += NS_PER_S;
    world.busy[0] += busy0;
    world.idle[0] += 1 - busy0;
    world.busy[1] += busy1;
    world.idle[1] += 1 - busy1;
    return collector_tick(f->collector);
}

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void
test_collector__derives_rates_over_the_sum_of_cores(void **state)
{
    struct fixture *f = *state;
    world.extra = 1;
    struct picture *picture = second(f, 0, 0);
    assert_true(isnan(query_once(picture, "t.utilization", NULL)));
    picture_release(picture);
    picture = second(f, 0.5, 1.0);
    NEAR(query_once(picture, "t.utilization", NULL), 0.75);
    NEAR(query_once(picture, "t.utilization", "cpu=0"), 0.5);
    NEAR(query_once(picture, "t.worst", NULL), 1.0);
    assert_int_equal(picture->track_count, 2);
    picture_release(picture);
}

static void
test_collector__walks_back_over_sealed_chunks(void **state)
{
    struct fixture *f = *state;
    struct picture *picture = NULL;
    for (int i = 0; i < 200; i++) {
        picture_release(picture);
        world.level = i;
        if (i == 100) {
            world.extra = 1; /* a new layout in the middle of a head */
        }
        picture = second(f, i % 2 == 0 ? 0.25 : 0.75, 0);
    }
    char why[160];
    struct query *level = query_new(f->catalog, "t.level", NULL, why, sizeof(why));
    struct query *user = query_new(f->catalog, "t.time", "cpu=0,state=user", why, sizeof(why));
    struct point points[256];
    size_t n = query_points(level, picture, 0, INT64_MAX, points, 256);
    assert_int_equal(n, 200);
    for (size_t i = 0; i < n; i++) {
        NEAR(points[i].value, (double)i);
    }
    n = query_points(user, picture, 0, INT64_MAX, points, 256);
    assert_int_equal(n, 200);
    assert_true(isnan(points[0].value));
    for (size_t i = 1; i < n; i++) {
        NEAR(points[i].value, i % 2 == 0 ? 0.25 : 0.75);
    }
    for (int back = 1; back < 200; back += 7) {
        struct picture *past = picture_at(picture, picture->mono_ns - back * NS_PER_S);
        NEAR(query_now(level, past), 199.0 - back);
        const struct table *table = picture_table(past, "rows");
        assert_non_null(table);
        assert_int_equal(table->count, 4);
        double best = 0;
        for (size_t r = 0; r < table->count; r++) {
            const union cell *row = table_row(table, r);
            best = fmax(best, row[2].real);
            char want[16];
            snprintf(want, sizeof(want), "row-%d", (int)row[0].integer - 100);
            assert_string_equal(row[1].text, want);
        }
        NEAR(best, 199.0 - back + 7);
        assert_true(picture_step(past, past->mono_ns, 1) == past->mono_ns + NS_PER_S);
        if (back < 199) {
            assert_true(picture_step(past, past->mono_ns, -1) == past->mono_ns - NS_PER_S);
        }
        picture_release(past);
    }
    query_free(level);
    query_free(user);
    picture_release(picture);
}

static void
test_collector__keeps_a_metric_as_often_as_the_user_wants(void **state)
{
    struct fixture *f = *state;
    struct metric_settings settings = {.interval_ns = 10 * NS_PER_S};
    catalog_set_settings(f->catalog, &metrics[0], &settings);
    catalog_set_settings(f->catalog, &metrics[3], &settings);
    char why[160];
    struct query *level = query_new(f->catalog, "t.level", NULL, why, sizeof(why));
    struct picture *picture = NULL;
    for (int i = 0; i < 100; i++) {
        picture_release(picture);
        world.level = i;
        world.mono_ns +=
            i % 2 == 0 ? 20 * NS_PER_MS : -20 * NS_PER_MS; /* ticks come early and late */
        picture = second(f, 0.25, 0);
        NEAR(query_now(level, picture), (double)(i - i % 10)); /* the last one kept, never a gap */
        if (i >= 10) {
            assert_true(fabs(query_once(picture, "t.time", "cpu=0,state=user") - 0.25) < 0.01);
        }
    }
    struct point points[128];
    size_t known = 0, n = query_points(level, picture, 0, INT64_MAX, points, 128);
    for (size_t i = 0; i < n; i++) {
        known += !isnan(points[i].value);
    }
    assert_int_equal(known, 10);
    query_free(level);
    picture_release(picture);
}

static void
test_collector__a_clock_step_moves_wall_times_only(void **state)
{
    struct fixture *f = *state;
    picture_release(second(f, 0.5, 0));
    int64_t first = world.mono_ns;
    picture_release(second(f, 0.5, 0));
    world.wall_offset_ns += 3600 * NS_PER_S;
    struct picture *picture = second(f, 0.5, 0);
    NEAR(query_once(picture, "t.utilization", NULL), 0.5);
    assert_true(picture_wall(picture, world.mono_ns) - picture_wall(picture, first) ==
                3602 * NS_PER_S);
    picture_release(picture);
}

static void
test_collector__history_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct picture *picture = NULL;
    unsigned random = 1;
    for (int i = 0; i < 20000; i++) {
        picture_release(picture);
        random = random * 1103515245u + 12345u;
        world.level = random / 7.0;
        picture = second(f, (random >> 16) % 100 / 100.0, 0);
    }
    assert_true(query_once(picture, "flametop.history.usage", NULL) <= 1 << 20);
    assert_true(query_once(picture, "flametop.history.reach", NULL) > 100);
    picture_release(picture);
}

static void
test_collector__charts_follow_incrementally(void **state)
{
    struct fixture *f = *state;
    char why[160];
    struct chart chart;
    world.level = 5;
    struct picture *picture = second(f, 0, 0);
    chart_init(&chart, query_new(f->catalog, "t.level", NULL, why, sizeof(why)));
    for (int i = 0; i < 300; i++) {
        picture_release(picture);
        world.level = i == 250 ? 100 : i % 10;
        picture = second(f, 0, 0);
        chart_update(&chart, picture, 30, 4 * NS_PER_S);
    }
    NEAR(chart_max(&chart), 100);
    struct chart fresh;
    chart_init(&fresh, query_new(f->catalog, "t.level", NULL, why, sizeof(why)));
    chart_update(&fresh, picture, 30, 4 * NS_PER_S);
    for (size_t i = 0; i < 30; i++) {
        const struct bucket *a = chart_bucket(&chart, i), *b = chart_bucket(&fresh, i);
        assert_int_equal(a->count, b->count);
        assert_true(a->max == b->max || (isnan(a->max) && isnan(b->max)));
    }
    chart_done(&chart);
    chart_done(&fresh);
    picture_release(picture);
}

/* A counter that is kept every 5 s only makes a rate with a reading five ticks back. */
static void
test_collector__charts_of_rare_counters_lose_nothing(void **state)
{
    struct fixture *f = *state;
    char why[160];
    struct chart chart, fresh;
    struct metric_settings settings = {.interval_ns = 5 * NS_PER_S};
    catalog_set_settings(f->catalog, &metrics[0], &settings);
    struct picture *picture = second(f, 0, 0);
    chart_init(&chart, query_new(f->catalog, "t.time", "cpu=0,state=user", why, sizeof(why)));
    chart_init(&fresh, query_new(f->catalog, "t.time", "cpu=0,state=user", why, sizeof(why)));
    for (int i = 0; i < 100; i++) {
        picture_release(picture);
        picture = second(f, 0.5, 0);
        chart_update(&chart, picture, 120, NS_PER_S);
    }
    chart_update(&fresh, picture, 120, NS_PER_S);
    unsigned points = 0;
    for (size_t i = 0; i < 120; i++) {
        assert_int_equal(chart_bucket(&chart, i)->count, chart_bucket(&fresh, i)->count);
        points += chart_bucket(&chart, i)->count;
    }
    assert_true(points >= 18);
    chart_done(&chart);
    chart_done(&fresh);
    picture_release(picture);
}

/* Between the time of a reading that comes from elsewhere and its arrival there can be pictures. */
static void
test_collector__charts_take_what_comes_late(void **state)
{
    struct fixture *f = *state;
    char why[160];
    struct chart chart;
    struct picture *picture = NULL;
    unsigned points = 0;
    chart_init(&chart, query_new(f->catalog, "t.level", NULL, why, sizeof(why)));
    world.late_ns = NS_PER_S + NS_PER_S / 2;
    for (int i = 0; i < 40; i++) {
        picture_release(picture);
        world.silent = i % 4 != 0;
        world.level = i;
        picture = second(f, 0, 0);
        chart_update(&chart, picture, 60, NS_PER_S);
    }
    for (size_t i = 0; i < 60; i++) {
        points += chart_bucket(&chart, i)->count;
    }
    assert_int_equal(points, 10);
    NEAR(chart_max(&chart), 36);
    chart_done(&chart);
    picture_release(picture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_collector__derives_rates_over_the_sum_of_cores, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_collector__walks_back_over_sealed_chunks, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_collector__keeps_a_metric_as_often_as_the_user_wants,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_collector__a_clock_step_moves_wall_times_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_collector__history_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_collector__charts_of_rare_counters_lose_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_collector__charts_follow_incrementally, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_collector__charts_take_what_comes_late, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
