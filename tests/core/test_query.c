/* Queries over pictures made by hand. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/chunk.h"
#include "flametop/core/query.h"

static const struct metric metrics[] = {
    {.name = "c", .unit = "s", .labels = "cpu state", .kind = METRIC_COUNTER, .text = ""},
    {.name = "w", .unit = "By", .labels = "", .kind = METRIC_COUNTER, .bits = 32, .text = ""},
    {.name = "sum", .unit = "1", .labels = "n", .fold = FOLD_SUM, .text = ""},
    {.name = "most", .unit = "1", .labels = "n", .fold = FOLD_MAX, .text = ""},
    {.name = "least", .unit = "1", .labels = "n", .fold = FOLD_MIN, .text = ""},
    {.name = "mean", .unit = "1", .labels = "n", .fold = FOLD_MEAN, .text = ""},
    {.name = "other", .unit = "1", .labels = "", .text = ""},
    {.name = "busy",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "1 - c{state=idle} / c",
     .text = ""},
    {.name = "worst",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_MAX,
     .formula = "busy",
     .text = ""},
    {.name = "total",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_SUM,
     .formula = "busy",
     .text = ""},
    {.name = "loop", .unit = "1", .labels = "", .formula = "loop + 1", .text = ""},
};

#define COLUMNS_MAX 8

/* One source: columns by name, ticks as given. */
struct script {
    const char *columns[COLUMNS_MAX][2];
    size_t ticks;
    int64_t ms[8];
    double values[COLUMNS_MAX][8];
};

struct scene {
    struct catalog *catalog;
    struct picture *picture;
};

static void
scene_track(struct scene *scene, const struct script *script)
{
    const struct series *series[COLUMNS_MAX];
    size_t count = 0;
    while (count < COLUMNS_MAX && script->columns[count][0] != NULL) {
        const struct metric *metric = catalog_metric(scene->catalog, script->columns[count][0]);
        series[count] = catalog_series(scene->catalog, metric, script->columns[count][1]);
        count++;
    }
    struct layout *layout = layout_new(series, count);
    struct head *head = head_new(layout, 0);
    layout_release(layout);
    for (size_t t = 0; t < script->ticks; t++) {
        head->mono_ns[t] = script->ms[t] * NS_PER_MS;
        for (size_t c = 0; c < count; c++) {
            head->values[c * CHUNK_TICKS + t] = script->values[c][t];
        }
    }
    struct track *track = &scene->picture->tracks[scene->picture->track_count++];
    *track = (struct track){
        .name = "s", .text = "", .why = "", .head = head, .head_ticks = script->ticks};
    int64_t last = head->mono_ns[script->ticks - 1];
    scene->picture->mono_ns = MAX(scene->picture->mono_ns, last);
}

static void
scene_init(struct scene *scene)
{
    scene->catalog = catalog_new(100);
    catalog_add(scene->catalog, metrics, ARRAY_SIZE(metrics));
    scene->picture = picture_new(scene->catalog, 1 << 20);
    scene->picture->interval_ns = NS_PER_S;
    scene->picture->tracks = arena_news(&scene->picture->arena, struct track, 4);
}

static void
scene_done(struct scene *scene)
{
    picture_release(scene->picture);
    catalog_free(scene->catalog);
}

static double
now_of(const struct scene *scene, const char *formula)
{
    char why[160];
    struct query *query = query_new_formula(scene->catalog, formula, why, sizeof(why));
    if (query == NULL) {
        fail_msg("%s", why);
    }
    double value = query_now(query, scene->picture);
    query_free(query);
    return value;
}

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static const struct script folds = {
    .columns = {{"sum", "n=a"},
                {"sum", "n=b"},
                {"most", "n=a"},
                {"most", "n=b"},
                {"least", "n=a"},
                {"least", "n=b"},
                {"mean", "n=a"},
                {"mean", "n=b"}},
    .ticks = 2,
    .ms = {1000, 2000},
    .values = {{1, 2}, {10, 20}, {1, 2}, {10, 20}, {1, 2}, {10, 20}, {1, 2}, {10, 20}},
};

static void
test_query__folds_as_the_metric_says(void **state)
{
    (void)state;
    static const struct {
        const char *formula;
        double value;
    } rows[] = {
        {"sum", 22},
        {"most", 20},
        {"least", 2},
        {"mean", 11},
        {"sum{n=a}", 2},
        {"sum{n=a|b}", 22},
        {"sum{n=b} - 1", 19},
        {"2 + 3 * 4 - 6 / 2", 11},
        {"(2 + 3) * 4", 20},
        {"-sum{n=a}", -2},
        {"--3", 3},
        {"min(most, 7)", 7},
        {"max(most, 7)", 20},
        {"or(sum{n=zz}, 5)", 5},
        {"or(sum, 5)", 22},
        {"8 / 4 / 2", 1},
        {"1.5e1 + 0.5 * 2", 16},
    };
    struct scene scene;
    scene_init(&scene);
    scene_track(&scene, &folds);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        NEAR(now_of(&scene, rows[i].formula), rows[i].value);
    }
    assert_true(isnan(now_of(&scene, "sum / 0")));
    assert_true(isnan(now_of(&scene, "sum{n=zz} + 1")));
    assert_true(isnan(now_of(&scene, "min(sum{n=zz}, 1)")));
    assert_true(isnan(now_of(&scene, "max(1 / 0, 1)")));
    scene_done(&scene);
}

static void
test_query__errors_say_what_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *formula, *what;
        int at;
    } rows[] = {
        {"", "a number or a metric is missing", 1},
        {"1 +", "a number or a metric is missing", 4},
        {"(1", "a closing parenthesis is missing", 3},
        {"min(1)", "a comma is missing", 6},
        {"min(1, 2", "a closing parenthesis is missing", 9},
        {"2 * avg(1, 2)", "only min, max and or", 5},
        {"2 * nosuch * 2", "no such metric", 5},
        {"1 2", "nothing was expected here", 3},
        {"sum{n}", "a label condition", 6},
        {"sum{n=a", "a label condition", 8},
        {"sum}", "nothing was expected here", 4},
        {"loop", "derived from itself", 1},
    };
    struct scene scene;
    scene_init(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char why[200] = "x", at[40];
        assert_null(query_new_formula(scene.catalog, rows[i].formula, why, sizeof(why)));
        if (strstr(why, rows[i].what) == NULL) {
            fail_msg("\"%s\": %s", rows[i].formula, why);
        }
        snprintf(at, sizeof(at), "at character %d of", rows[i].at);
        if (rows[i].at != 1 && strstr(why, at) == NULL) {
            fail_msg("\"%s\": %s, not %s", rows[i].formula, why, at);
        }
    }
    char why[200];
    assert_null(query_new(scene.catalog, "nosuch", NULL, why, sizeof(why)));
    assert_string_equal(why, "no metric is called nosuch");
    assert_null(query_new(scene.catalog, "sum", "cpu=1", why, sizeof(why)));
    assert_string_equal(why, "sum has no label cpu");
    scene_done(&scene);
}

/* Neither deep nor long formulas exhaust the stack. */
static void
test_query__size_of_formulas_is_bounded(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1+", "(", "-", "1*", "min(1,", "sum-"};
    struct scene scene;
    scene_init(&scene);
    char *formula = malloc(2000001);
    assert_non_null(formula);
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        size_t n = 0, piece = strlen(pieces[i]);
        while (n + piece < 2000000) {
            memcpy(formula + n, pieces[i], piece);
            n += piece;
        }
        formula[n++] = '1';
        formula[n] = 0;
        char why[200];
        struct query *query = query_new_formula(scene.catalog, formula, why, sizeof(why));
        assert_null(query);
        assert_true(strlen(why) > 0);
    }
    free(formula);
    scene_done(&scene);
}

static const struct script cpus = {
    .columns = {{"c", "cpu=0,state=idle"},
                {"c", "cpu=0,state=user"},
                {"c", "cpu=1,state=idle"},
                {"c", "cpu=1,state=user"}},
    .ticks = 3,
    .ms = {1000, 2000, 3000},
    .values = {{0, 0.75, 1.25}, {0, 0.25, 0.75}, {0, 0, 0}, {0, 1, 2}},
};

static void
test_query__groups_evaluate_for_each_set_of_labels(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene_track(&scene, &cpus);
    NEAR(query_once(scene.picture, "busy", NULL), 0.75); /* the formula on the sums */
    NEAR(query_once(scene.picture, "busy", "cpu=0"), 0.5);
    NEAR(query_once(scene.picture, "worst", NULL), 1.0);
    NEAR(query_once(scene.picture, "worst", "cpu=0"), 0.5);
    NEAR(query_once(scene.picture, "total", NULL), 1.5);
    NEAR(now_of(&scene, "worst - total"), -0.5);
    const char *values[4];
    assert_int_equal(
        query_label_values(scene.picture, "worst", "cpu", &scene.picture->arena, values, 4), 2);
    assert_string_equal(values[0], "0");
    assert_string_equal(values[1], "1");
    scene_done(&scene);
}

static void
test_query__rates_wrap_reset_and_need_time(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct script script;
        double want[8];
    } rows[] = {
        {"steady", {{{"w", ""}}, 3, {1000, 2000, 4000}, {{10, 20, 50}}}, {NAN, 10, 15}},
        {"wraps at 2^32", {{{"w", ""}}, 2, {1000, 2000}, {{4294967290.0, 4}}}, {NAN, 10}},
        {"reset counts from zero", {{{"w", ""}}, 2, {1000, 2000}, {{1000, 4}}}, {NAN, 4}},
        {"a gap is bridged",
         {{{"w", ""}}, 4, {1000, 2000, 3000, 4000}, {{10, NAN, 30, 40}}},
         {NAN, NAN, 10, 10}},
        {"too near: the reading before",
         {{{"w", ""}}, 4, {1000, 1100, 1200, 1300}, {{0, 1, 2, 3}}},
         {NAN, NAN, NAN, 10}},
        {"250 ms suffice", {{{"w", ""}}, 2, {1000, 1250}, {{0, 1}}}, {NAN, 4}},
        {"249 ms do not", {{{"w", ""}}, 2, {1000, 1249}, {{0, 1}}}, {NAN, NAN}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scene scene;
        struct point points[8];
        char why[160];
        scene_init(&scene);
        scene_track(&scene, &rows[i].script);
        struct query *query = query_new(scene.catalog, "w", NULL, why, sizeof(why));
        size_t n = query_points(query, scene.picture, 0, INT64_MAX, points, 8);
        assert_int_equal(n, rows[i].script.ticks);
        for (size_t t = 0; t < n; t++) {
            bool same = isnan(rows[i].want[t]) ? isnan(points[t].value)
                                               : fabs(points[t].value - rows[i].want[t]) < 1e-9;
            if (!same) {
                fail_msg("%s: reading %zu is %g, not %g", rows[i].name, t, points[t].value,
                         rows[i].want[t]);
            }
        }
        query_free(query);
        scene_done(&scene);
    }
}

static void
test_query__64_bit_counters_do_not_wrap_at_32(void **state)
{
    (void)state;
    static const struct script script = {
        {{"c", "cpu=0,state=user"}}, 2, {1000, 2000}, {{4294967290.0, 4}}};
    struct scene scene;
    scene_init(&scene);
    scene_track(&scene, &script);
    NEAR(query_once(scene.picture, "c", NULL), 4);
    scene_done(&scene);
}

static void
test_query__a_range_has_the_rate_of_its_first_reading(void **state)
{
    (void)state;
    static const struct script script = {{{"w", ""}}, 4, {1000, 2000, 3000, 4000}, {{0, 1, 3, 6}}};
    struct scene scene;
    struct point points[8];
    char why[160];
    scene_init(&scene);
    scene_track(&scene, &script);
    struct query *query = query_new(scene.catalog, "w", NULL, why, sizeof(why));
    /* (2 s, 4 s], the newest kept when there is no room. */
    assert_int_equal(query_points(query, scene.picture, 2 * NS_PER_S, INT64_MAX, points, 8), 2);
    assert_true(points[0].mono_ns == 3 * NS_PER_S);
    NEAR(points[0].value, 2);
    NEAR(points[1].value, 3);
    assert_int_equal(query_points(query, scene.picture, 0, INT64_MAX, points, 1), 1);
    NEAR(points[0].value, 3);
    assert_int_equal(query_points(query, scene.picture, 4 * NS_PER_S, INT64_MAX, points, 8), 0);
    assert_int_equal(query_points(query, scene.picture, 0, 2 * NS_PER_S, points, 8), 2);
    NEAR(points[1].value, 1);
    query_free(query);
    scene_done(&scene);
}

/* A source that reads each second and one that reads each three. */
static void
test_query__tracks_are_aligned_on_the_left_one(void **state)
{
    (void)state;
    static const struct script quick = {
        {{"sum", "n=a"}}, 6, {1000, 2000, 3000, 4000, 5000, 6000}, {{1, 2, 3, 4, 5, 6}}};
    static const struct script lazy = {{{"other", ""}}, 2, {2500, 5500}, {{100, 200}}};
    struct scene scene;
    struct point points[8];
    char why[160];
    scene_init(&scene);
    scene_track(&scene, &quick);
    scene_track(&scene, &lazy);
    struct query *query = query_new_formula(scene.catalog, "sum + other", why, sizeof(why));
    static const double want[] = {NAN, NAN, 103, 104, 105, 206};
    assert_int_equal(query_points(query, scene.picture, 0, INT64_MAX, points, 8), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_true(isnan(want[i]) ? isnan(points[i].value) : points[i].value == want[i]);
    }
    query_free(query);
    NEAR(now_of(&scene, "sum + other"), 206);
    NEAR(now_of(&scene, "other + sum"), 205); /* at 5.5 s the newest of the quick one is 5 */
    scene_done(&scene);
}

static void
test_query__now_is_not_older_than_three_intervals(void **state)
{
    (void)state;
    static const struct script script = {{{"other", ""}}, 3, {1000, 2000, 3000}, {{1, 2, NAN}}};
    struct scene scene;
    scene_init(&scene);
    scene_track(&scene, &script);
    NEAR(query_once(scene.picture, "other", NULL), 2); /* a gap: the reading before stands */
    scene.picture->mono_ns = 4900 * NS_PER_MS;
    NEAR(query_once(scene.picture, "other", NULL), 2);
    scene.picture->mono_ns = 5001 * NS_PER_MS;
    assert_true(isnan(query_once(scene.picture, "other", NULL)));
    scene_done(&scene);
}

/* A slow source got another column, so its head was begun anew: each head has one tick. */
static void
test_query__knows_the_rhythm_across_heads(void **state)
{
    (void)state;
    static const struct script before = {
        .columns = {{"other", ""}}, .ticks = 1, .ms = {1000}, .values = {{4}}};
    static const struct script after = {
        .columns = {{"other", ""}, {"sum", "n=a"}}, .ticks = 1, .ms = {6000}, .values = {{5}, {1}}};
    struct scene scene;
    scene_init(&scene);
    scene_track(&scene, &before);
    scene_track(&scene, &after);
    struct track *tracks = scene.picture->tracks;
    struct chunk *chunk = chunk_seal(tracks[0].head, 1);
    tracks[1].chunks = chunk_list_new(&chunk, 1);
    chunk_release(chunk);
    head_release(tracks[0].head);
    tracks[0] = tracks[1];
    scene.picture->track_count = 1;
    scene.picture->mono_ns = 10 * NS_PER_S; /* later than 3 of its own intervals */
    NEAR(now_of(&scene, "other"), 5);
    scene.picture->mono_ns = 22 * NS_PER_S; /* and than 3 of the source's */
    assert_true(isnan(now_of(&scene, "other")));
    scene_done(&scene);
}

/* Days of an agent whose columns come and go: a chunk each few ticks. */
static void
test_query__reaches_the_oldest_of_many_chunks(void **state)
{
    (void)state;
    enum { CHUNKS = 5000 };
    struct scene scene;
    scene_init(&scene);
    static const struct script one = {
        .columns = {{"other", ""}}, .ticks = 1, .ms = {1000}, .values = {{1}}};
    scene_track(&scene, &one);
    struct track *track = &scene.picture->tracks[0];
    struct chunk **chunks = calloc(CHUNKS, sizeof(struct chunk *));
    assert_non_null(chunks);
    for (int i = 0; i < CHUNKS; i++) {
        track->head->mono_ns[0] = (i + 1) * NS_PER_S;
        track->head->values[0] = i + 1;
        chunks[i] = chunk_seal(track->head, 1);
    }
    track->chunks = chunk_list_new(chunks, CHUNKS);
    track->head_ticks = 0;
    for (int i = 0; i < CHUNKS; i++) {
        chunk_release(chunks[i]);
    }
    free(chunks);
    scene.picture->mono_ns = CHUNKS * NS_PER_S;
    char why[160];
    struct query *query = query_new(scene.catalog, "other", NULL, why, sizeof(why));
    for (int from = 0; from < CHUNKS; from += 333) {
        struct point points[8];
        int64_t from_ns = from * NS_PER_S;
        size_t n = query_points(query, scene.picture, from_ns, from_ns + 2 * NS_PER_S, points, 8);
        assert_int_equal(n, MIN(CHUNKS - from, 2));
        assert_true(points[0].mono_ns == from_ns + NS_PER_S);
        NEAR(points[0].value, from + 1);
        assert_int_equal(query_weight(query, scene.picture, from_ns, from_ns + 2 * NS_PER_S), n);
    }
    query_free(query);
    scene_done(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query__folds_as_the_metric_says),
        cmocka_unit_test(test_query__errors_say_what_and_where),
        cmocka_unit_test(test_query__size_of_formulas_is_bounded),
        cmocka_unit_test(test_query__groups_evaluate_for_each_set_of_labels),
        cmocka_unit_test(test_query__rates_wrap_reset_and_need_time),
        cmocka_unit_test(test_query__64_bit_counters_do_not_wrap_at_32),
        cmocka_unit_test(test_query__a_range_has_the_rate_of_its_first_reading),
        cmocka_unit_test(test_query__tracks_are_aligned_on_the_left_one),
        cmocka_unit_test(test_query__now_is_not_older_than_three_intervals),
        cmocka_unit_test(test_query__knows_the_rhythm_across_heads),
        cmocka_unit_test(test_query__reaches_the_oldest_of_many_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
