/* Snapshots written and read back. */
#include "../check.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/export/snapshot.h"
#include "flametop/export/table.h"

static const struct metric metrics[] = {
    {.name = "t.time", .unit = "s", .labels = "cpu state", .kind = METRIC_COUNTER, .text = ""},
    {.name = "t.utilization",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "1 - t.time{state=idle} / t.time",
     .text = ""},
    {.name = "t.level", .unit = "By", .labels = "mount", .text = ""},
};
static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_TEXT, 0, 10},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_RANK, 6},
};
static const struct table_def rows = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 2, 4};
static const struct table_def *const tables[] = {&rows};

#define TICKS 150
#define WALL INT64_C(1700000000123456789)

/* A picture with one source of 150 ticks, a table with unknown cells and hostile text, and a
 * finding. */
static struct picture *
make(struct catalog *catalog)
{
    catalog_add(catalog, metrics, ARRAY_SIZE(metrics));
    const struct series *series[] = {
        catalog_series(catalog, &metrics[0], "cpu=0,state=user"),
        catalog_series(catalog, &metrics[0], "cpu=0,state=idle"),
        catalog_series(catalog, &metrics[2], "mount=/a\\,b\\=c"),
    };
    struct picture *picture = picture_new(catalog, 1 << 20);
    struct layout *layout = layout_new(series, 3);
    picture->tracks = arena_news(&picture->arena, struct track, 1);
    picture->track_count = 1;
    struct track *track = picture->tracks;
    *track =
        (struct track){.name = "test", .text = "", .why = "", .samples = 450, .duration_ns = 31001};
    int64_t mono = 5000 * NS_PER_S, offset = WALL - mono - (TICKS - 1) * NS_PER_S;
    struct chunk *chunks[TICKS / CHUNK_TICKS];
    size_t chunk_count = 0;
    for (int i = 0; i < TICKS; i++) {
        if (i % CHUNK_TICKS == 0) {
            if (track->head != NULL) {
                chunks[chunk_count++] = chunk_seal(track->head, CHUNK_TICKS);
                head_release(track->head);
            }
            track->head = head_new(layout, offset);
        }
        int t = i % CHUNK_TICKS;
        track->head->mono_ns[t] = mono + i * NS_PER_S;
        track->head->values[t] = i * 0.25;
        track->head->values[CHUNK_TICKS + t] = i * 0.75;
        track->head->values[2 * CHUNK_TICKS + t] = i == 7 ? NAN : 9007199254740993.0;
        track->head_ticks = (size_t)t + 1;
    }
    track->chunks = chunk_list_new(chunks, chunk_count);
    for (size_t i = 0; i < chunk_count; i++) {
        chunk_release(chunks[i]);
    }
    layout_release(layout);
    picture->mono_ns = track->mono_ns = mono + (TICKS - 1) * NS_PER_S;
    picture->wall_ns = WALL;
    picture->interval_ns = NS_PER_S;
    picture->host = (struct host){.name = "web \"01\"",
                                  .system = "Debian 12",
                                  .kernel = "6.1",
                                  .virtualization = "",
                                  .cores = 4,
                                  .uptime_s = 77};
    picture->tables = arena_news(&picture->arena, struct table *, 1);
    picture->tables[picture->table_count++] = table_new(&picture->arena, &rows, 3);
    for (int i = 0; i < 3; i++) {
        union cell *row = table_add(picture->tables[0], &picture->arena);
        row[0].integer = i == 1 ? CELL_UNKNOWN : 10 + i;
        row[1].text = i == 0 ? "\x1b[31mred\xff" : NULL;
        row[2].real = i == 2 ? NAN : (double)i;
    }
    picture->tables[0]->total = 99;
    picture->findings = arena_news(&picture->arena, struct finding, 1);
    picture->finding_count = 1;
    picture->findings[0] = (struct finding){.id = "cpu.saturated",
                                            .sentence = "CPU is full",
                                            .culprit = "dd (7)",
                                            .culprit_pid = 7,
                                            .since_wall_ns = WALL / NS_PER_S * NS_PER_S,
                                            .impact = 87,
                                            .level = LEVEL_CRITICAL};
    picture->looked_at = "cpu";
    return picture;
}

static void
write(const struct picture *picture, struct buf *out)
{
    struct format_options options = {.span_ns = 600 * NS_PER_S, .rows_max = 100, .pretty = true};
    buf_init(out, 8 << 20);
    assert_int_equal(format_by_path("x.json")->write(picture, &options, out), 0);
}

static void
test_snapshot__comes_back_with_its_history(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(100), *other = catalog_new(100);
    struct picture *picture = make(catalog);
    struct buf text;
    char why[200] = "";
    write(picture, &text);
    catalog_add(other, &metrics[1], 1); /* derived here; the stored ones come out of the document */
    catalog_add(other, &metrics[0], 1);
    struct picture *back =
        snapshot_read((struct str){text.data, text.n}, other, tables, 1, why, sizeof(why));
    assert_string_equal(why, "");
    assert_non_null(back);
    assert_true(back->wall_ns == WALL && back->past);
    assert_string_equal(back->host.name, "web \"01\"");
    assert_int_equal(back->host.cores, 4);
    assert_int_equal(back->tracks[0].duration_ns,
                     31001); /* which cutting instead of rounding makes one less */
    assert_int_equal(back->finding_count, 1);
    assert_int_equal(back->findings[0].impact, 87);
    assert_int_equal(back->findings[0].level, LEVEL_CRITICAL);
    assert_true(back->findings[0].since_wall_ns == WALL / NS_PER_S * NS_PER_S);
    assert_true(fabs(query_once(back, "t.utilization", NULL) - 0.25) < 1e-12);
    assert_true(query_once(back, "t.level", "mount=/a\\,b\\=c") == 9007199254740993.0);

    struct query *query = query_new(other, "t.utilization", "cpu=0", why, sizeof(why));
    struct point points[TICKS];
    assert_int_equal(query_points(query, back, 0, INT64_MAX, points, TICKS), TICKS);
    for (int i = 1; i < TICKS; i++) {
        assert_true(fabs(points[i].value - 0.25) < 1e-12);
        assert_true(picture_wall(back, points[i].mono_ns) == WALL - (TICKS - 1 - i) * NS_PER_S);
    }
    query_free(query);

    const struct table *table = picture_table(back, "rows");
    assert_int_equal(table->count, 3);
    assert_int_equal(table->total, 99);
    /* Sorted by load, the unknown last. */
    assert_true(table_row(table, 0)[0].integer == CELL_UNKNOWN && table_row(table, 0)[2].real == 1);
    assert_non_null(strstr(table_row(table, 1)[1].text, "[31mred"));
    assert_null(strchr(table_row(table, 1)[1].text, 27));
    assert_true(isnan(table_row(table, 2)[2].real));
    picture_release(back);
    buf_done(&text);
    picture_release(picture);
    catalog_free(catalog);
    catalog_free(other);
}

static void
test_snapshot__is_json_others_can_read(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(100);
    struct picture *picture = make(catalog);
    struct buf text;
    write(picture, &text);
    cJSON *root = cJSON_ParseWithLength(text.data, text.n);
    assert_non_null(root);
    assert_int_equal(cJSON_GetObjectItem(root, "schema")->valueint, SNAPSHOT_SCHEMA);
    assert_string_equal(cJSON_GetObjectItem(root, "time")->valuestring, "2023-11-14T22:13:20.123Z");
    bool found = false;
    const cJSON *metric;
    cJSON_ArrayForEach(metric, cJSON_GetObjectItem(root, "metrics"))
    {
        found |= strcmp(cJSON_GetObjectItem(metric, "name")->valuestring, "t.utilization") == 0 &&
                 cJSON_GetObjectItem(metric, "value")->valuedouble == 0.25;
    }
    assert_true(found);
    cJSON_Delete(root);
    buf_done(&text);
    picture_release(picture);
    catalog_free(catalog);
}

static void
test_snapshot__refuses_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } refused[] = {
        {"", "not valid JSON"},
        {"{", "not valid JSON"},
        {"[]", "no flametop snapshot"},
        {"{\"schema\":\"x\"}", "no flametop snapshot"},
        {"{\"schema\":2}", "schema 2"},
        {"{\"schema\":1}", "time_ns"},
        {"{\"schema\":1,\"time_ns\":-5}", "time_ns"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct catalog *catalog = catalog_new(100);
        char why[200] = "";
        assert_null(snapshot_read(str_from(refused[i].text), catalog, tables, 1, why, sizeof(why)));
        assert_non_null(strstr(why, refused[i].want));
        catalog_free(catalog);
    }
}

static void
test_snapshot__survives_cuts_and_lies(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(100);
    struct picture *picture = make(catalog);
    struct buf text;
    write(picture, &text);
    char why[200];
    unsigned random = 7;
    for (int i = 0; i < 300; i++) {
        char *copy = malloc(text.n);
        memcpy(copy, text.data, text.n);
        for (int flips = 0; flips < 4; flips++) {
            random = random * 1103515245u + 12345u;
            copy[(random >> 8) % text.n] = "0-9[]{}\",:null"[(random >> 4) % 14];
        }
        struct catalog *other = catalog_new(100);
        struct picture *back =
            snapshot_read((struct str){copy, text.n}, other, tables, 1, why, sizeof(why));
        picture_release(back);
        catalog_free(other);
        free(copy);
    }
    buf_done(&text);
    picture_release(picture);
    catalog_free(catalog);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot__comes_back_with_its_history),
        cmocka_unit_test(test_snapshot__is_json_others_can_read),
        cmocka_unit_test(test_snapshot__refuses_with_a_sentence),
        cmocka_unit_test(test_snapshot__survives_cuts_and_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
