/* A recording, replayed into a collector, answers every question as the collector did that it was
 * made of. The recording of tests/fixtures/scripted.flametop stays what it is, so that later
 * versions read it: it is written anew only with FLAMETOP_GOLDEN=update, after a change of the
 * script below. */
#include "../check.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../world.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/engine/collector.h"
#include "flametop/sources/replay.h"

#define TICKS 150

static const struct metric fast_metrics[] = {
    {.name = "t.time", .unit = "s", .labels = "cpu state", .kind = METRIC_COUNTER, .text = ""},
    {.name = "t.utilization",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "1 - t.time{state=idle} / t.time",
     .text = ""},
    {.name = "t.wrapping",
     .unit = "By",
     .labels = "",
     .kind = METRIC_COUNTER,
     .bits = 32,
     .text = ""},
};
static const struct metric slow_metrics[] = {
    {.name = "t.slow", .unit = "By", .labels = "mount", .fold = FOLD_MAX, .text = ""},
};
static const struct metric *const all_metrics[] = {fast_metrics, slow_metrics};

static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 10},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
    {"row.bytes", "BYTES", "By", "", COLUMN_INTEGER, 0, 6},
};
static const struct table_def rows_def = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 2, 4};
static const struct table_def *const tables[] = {&rows_def};

/* ---- the script: everything follows from the tick ---- */

struct world {
    unsigned tick;
    int64_t wall_step_ns;
};

static struct instant
script_now(void *context)
{
    const struct world *world = context;
    int64_t mono_ns = 1000 * NS_PER_S + (int64_t)world->tick * NS_PER_S;
    return (struct instant){mono_ns, INT64_C(1700000000) * NS_PER_S + mono_ns + world->wall_step_ns,
                            mono_ns};
}

static void
put_rows(struct batch *batch, unsigned tick)
{
    struct table *table = batch_table(batch, &rows_def, 16);
    for (unsigned i = 0; i < 12; i++) {
        unsigned id = i < 6 ? i : i + tick / 3; /* the lower half comes and goes */
        union cell *row = table_add(table, batch->arena);
        row[0].integer = 100 + id;
        row[1].text = arena_printf(batch->arena, "worker-%u", id);
        row[2].real = (double)((id * 7 + tick) % 13) / 8;
        if (id % 3 != 0) {
            row[3].integer = (int64_t)id * 4096 * tick;
        }
    }
    table->total = 40 + tick % 5;
}

static enum source_step
fast_poll(void *state, struct batch *batch)
{
    unsigned tick = ((const struct world *)state)->tick, cpus = tick < 70 ? 2 : 4;
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        char labels[64];
        double busy = tick * 0.25 + tick % 7 * 0.01 * cpu;
        snprintf(labels, sizeof(labels), "cpu=%u,state=user", cpu);
        batch_put(batch, &fast_metrics[0], labels, busy);
        snprintf(labels, sizeof(labels), "cpu=%u,state=idle", cpu);
        batch_put(batch, &fast_metrics[0], labels, tick - busy);
    }
    batch_put(batch, &fast_metrics[2], "",
              tick % 11 == 5 ? (double)NAN : (double)(uint32_t)(tick * 100000007u));
    put_rows(batch, tick);
    if (tick == 20) {
        batch_fail(batch, SOURCE_DEGRADED, "the script says so");
    }
    return SOURCE_DONE;
}

static enum source_step
slow_poll(void *state, struct batch *batch)
{
    unsigned tick = ((const struct world *)state)->tick;
    batch_put(batch, &slow_metrics[0], "mount=/", 1e9 + tick);
    batch_put(batch, &slow_metrics[0], "mount=/a\\,b", tick / 3.0);
    return SOURCE_DONE;
}

static const struct source fast = WORLD_SOURCE("fast", fast_metrics, tables, fast_poll);
static const struct source slow = {.name = "slow",
                                   .text = "",
                                   .metrics = slow_metrics,
                                   .metric_count = ARRAY_SIZE(slow_metrics),
                                   .every = 3,
                                   .open = world_open,
                                   .poll = slow_poll,
                                   .close = world_close};
static const struct source *const scripted[] = {&fast, &slow};

/* ---- a collector of the script, and one of a recording ---- */

struct side {
    struct catalog *catalog;
    struct collector *collector;
    struct picture *picture;
};

static void
record_batch(void *context, const char *source, const struct batch *batch)
{
    if (strcmp(source, "flametop") !=
        0) { /* what the program makes of itself is different each time */
        record_write_batch(context, source, batch);
    }
}

static void
side_init(struct side *side, struct clock clock, const struct source *const *sources, size_t count,
          struct collector_tap tap)
{
    struct collector_options options = {.catalog = side->catalog,
                                        .roots = {"/nonexistent", "/nonexistent", "/nonexistent"},
                                        .clock = clock,
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = count,
                                        .tap = tap};
    side->collector = collector_new(&options);
    assert_non_null(side->collector);
}

static void
side_tick(struct side *side)
{
    picture_release(side->picture);
    side->picture = collector_tick(side->collector);
    assert_non_null(side->picture);
}

static void
side_done(struct side *side)
{
    picture_release(side->picture);
    collector_free(side->collector);
    catalog_free(side->catalog);
}

static struct catalog *
catalog_with_metrics(void)
{
    struct catalog *catalog = catalog_new(1000);
    catalog_add(catalog, all_metrics[0], ARRAY_SIZE(fast_metrics));
    catalog_add(catalog, all_metrics[1], ARRAY_SIZE(slow_metrics));
    return catalog;
}

/* ---- the same answers ---- */

static void
check_double(double a, double b)
{
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static const char *const questions[][2] = {
    {"t.time", NULL},           {"t.time", "cpu=1,state=user"}, {"t.utilization", NULL},
    {"t.utilization", "cpu=0"}, {"t.utilization", "cpu=3"},     {"t.wrapping", NULL},
    {"t.slow", NULL},           {"t.slow", "mount=/a\\,b"},
};

static void
check_tables(const struct table *a, const struct table *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a == NULL) {
        return;
    }
    assert_true(a->count == b->count && a->total == b->total);
    for (size_t row = 0; row < a->count; row++) {
        for (size_t c = 0; c < a->def->column_count; c++) {
            enum column_type type = a->def->columns[c].type;
            int other = table_column(b->def, a->def->columns[c].name);
            assert_true(other >= 0);
            assert_int_equal(cell_compare(type, table_row(a, row)[c], table_row(b, row)[other]), 0);
        }
    }
}

static void
check_now(const struct picture *a, const struct picture *b)
{
    assert_true(a->mono_ns == b->mono_ns);
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        check_double(query_once(a, questions[i][0], questions[i][1]),
                     query_once(b, questions[i][0], questions[i][1]));
    }
    check_tables(picture_table(a, "rows"), picture_table(b, "rows"));
    for (size_t i = 0; i < ARRAY_SIZE(scripted); i++) {
        const struct track *x = picture_track(a, scripted[i]->name),
                           *y = picture_track(b, scripted[i]->name);
        assert_true(x->state == y->state && x->mono_ns == y->mono_ns && x->samples == y->samples);
        assert_string_equal(x->why, y->why);
    }
}

static void
check_points(const struct side *a, const struct side *b, const char *const question[2])
{
    static struct point x[2 * TICKS], y[2 * TICKS];
    char why[160];
    struct query *of_a = query_new(a->catalog, question[0], question[1], why, sizeof(why));
    struct query *of_b = query_new(b->catalog, question[0], question[1], why, sizeof(why));
    size_t n = query_points(of_a, a->picture, 0, INT64_MAX, x, ARRAY_SIZE(x));
    assert_true(n > TICKS / 4);
    assert_int_equal(query_points(of_b, b->picture, 0, INT64_MAX, y, ARRAY_SIZE(y)), n);
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i].mono_ns == y[i].mono_ns);
        check_double(x[i].value, y[i].value);
    }
    query_free(of_a);
    query_free(of_b);
}

static void
check_history(const struct side *a, const struct side *b)
{
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        check_points(a, b, questions[i]);
    }
    for (unsigned back = 1; back < TICKS; back += 13) {
        int64_t at = a->picture->mono_ns - back * NS_PER_S;
        struct picture *x = picture_at(a->picture, at), *y = picture_at(b->picture, at);
        check_tables(picture_table(x, "rows"), picture_table(y, "rows"));
        assert_true(picture_wall(x, at) == picture_wall(y, at));
        picture_release(x);
        picture_release(y);
    }
}

/* Records the script, and replays the bytes (the fixture's when given) beside it. */
static void
replay_beside(const char *fixture, size_t fixture_size, bool known_tables,
              struct buf *ret_recording)
{
    struct world world = {0};
    struct buf bytes;
    buf_init(&bytes, (size_t)4 << 20);
    struct record_writer *writer = record_writer_new(&bytes);
    struct side original = {.catalog = catalog_new(1000)},
                replayed = {.catalog = catalog_with_metrics()};
    side_init(&original, (struct clock){script_now, &world}, scripted, ARRAY_SIZE(scripted),
              (struct collector_tap){writer, record_batch});
    struct record_hello hello = {.protocol = RECORD_PROTOCOL,
                                 .protocol_min = 1,
                                 .at = script_now(&world),
                                 .interval_ns = NS_PER_S};
    record_write_hello(writer, &hello);
    struct picture *pictures[TICKS];
    for (world.tick = 1; world.tick <= TICKS; world.tick++) {
        world.wall_step_ns = world.tick > 100 ? 3600 * NS_PER_S : 0;
        side_tick(&original);
        pictures[world.tick - 1] = picture_acquire(original.picture);
    }
    record_write_end(writer);
    assert_false(bytes.full);

    char why[200];
    const void *data = fixture != NULL ? fixture : bytes.data;
    struct replay *replay = replay_new(replayed.catalog, tables, known_tables ? 1 : 0, data,
                                       fixture != NULL ? fixture_size : bytes.n, why, sizeof(why));
    assert_non_null(replay);
    assert_string_equal(why, "");
    assert_true(replay_hello(replay)->interval_ns == NS_PER_S);
    size_t count;
    const struct source *const *sources = replay_sources(replay, &count);
    assert_int_equal(count, 2);
    side_init(&replayed, replay_clock(replay), sources, count, (struct collector_tap){0});
    for (unsigned tick = 0; tick < TICKS; tick++) {
        assert_true(replay_next(replay));
        side_tick(&replayed);
        check_now(pictures[tick], replayed.picture);
        picture_release(pictures[tick]);
    }
    assert_false(replay_next(replay));
    check_history(&original, &replayed);
    side_done(&replayed);
    side_done(&original);
    replay_free(replay);
    record_writer_free(writer);
    if (ret_recording != NULL) {
        *ret_recording = bytes;
    } else {
        buf_done(&bytes);
    }
}

static void
test_replay__answers_as_the_original_did(void **state)
{
    (void)state;
    replay_beside(NULL, 0, true, NULL);
}

static void
test_replay__makes_the_tables_it_is_not_given(void **state)
{
    (void)state;
    replay_beside(NULL, 0, false, NULL);
}

static const char *
fixture_path(char dst[512])
{
    const char *root = getenv("FLAMETOP_SOURCE");
    snprintf(dst, 512, "%s/tests/fixtures/scripted.flametop", root != NULL ? root : ".");
    return dst;
}

static void
test_replay__reads_the_recording_of_each_release(void **state)
{
    (void)state;
    char path[512], *fixture;
    const char *update = getenv("FLAMETOP_GOLDEN");
    if (update != NULL && strcmp(update, "update") == 0) {
        struct buf recording;
        replay_beside(NULL, 0, true, &recording);
        assert_int_equal(file_write_atomic(fixture_path(path), recording.data, recording.n, 0644),
                         0);
        buf_done(&recording);
    }
    ssize_t n = file_load(fixture_path(path), 60000, &fixture);
    assert_true(n > 0);
    replay_beside(fixture, (size_t)n, true, NULL);
    free(fixture);
}

static void
test_replay__replays_what_stands_before_damage(void **state)
{
    (void)state;
    char path[512], why[200] = "", *bytes;
    ssize_t n = file_load(fixture_path(path), 60000, &bytes);
    assert_true(n > 0);
    bytes[n / 2] = (char)(bytes[n / 2] ^ 64);
    struct catalog *catalog = catalog_with_metrics();
    struct replay *replay = replay_new(catalog, tables, 1, bytes, (size_t)n, why, sizeof(why));
    assert_non_null(replay);
    assert_non_null(strstr(why, "byte"));
    unsigned ticks = 0;
    while (replay_next(replay)) {
        ticks++;
    }
    assert_true(ticks > TICKS / 4 && ticks < TICKS * 3 / 4);
    replay_free(replay);
    assert_null(replay_new(catalog, tables, 1, "flame", 5, why, sizeof(why)));
    assert_non_null(strstr(why, "no flametop recording"));
    catalog_free(catalog);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay__answers_as_the_original_did),
        cmocka_unit_test(test_replay__makes_the_tables_it_is_not_given),
        cmocka_unit_test(test_replay__reads_the_recording_of_each_release),
        cmocka_unit_test(test_replay__replays_what_stands_before_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
