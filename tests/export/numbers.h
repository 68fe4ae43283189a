/* A picture of a few series, for the formats that write numbers. */
#ifndef FLAMETOP_TESTS_EXPORT_NUMBERS_H
#define FLAMETOP_TESTS_EXPORT_NUMBERS_H

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/picture.h"

#define NUMBERS_WALL INT64_C(1700000000123456789)

static const struct metric number_metrics[] = {
    {.name = "t.io",
     .unit = "By",
     .labels = "device",
     .kind = METRIC_COUNTER,
     .text = "Bytes \\ \"moved\"."},
    {.name = "t.level", .unit = "1", .labels = "mount", .text = "How full."},
    {.name = "t.worst",
     .unit = "1",
     .labels = "mount",
     .fold = FOLD_MAX,
     .formula = "t.level * 2",
     .text = "Twice."},
    {.name = "t.count", .unit = "{thing}", .labels = "", .text = ""},
    {.name = "t.number",
     .unit = "{thing}",
     .labels = "",
     .text = "Has the name t.count got already."},
    {.name = "t.unknown", .unit = "s", .labels = "", .text = "Never read."},
};

/* Series of one metric stand apart, as they may in a layout. The values are those of two ticks, a
 * second apart. */
static struct picture *
numbers_picture(struct catalog *catalog)
{
    catalog_add(catalog, number_metrics, ARRAY_SIZE(number_metrics));
    const struct metric *m = number_metrics;
    const struct series *series[] = {
        catalog_series(catalog, &m[0], "device=sda"),
        catalog_series(catalog, &m[1], "mount=/a\\,b\"c\\\\d\ne\xff"),
        catalog_series(catalog, &m[3], ""),
        catalog_series(catalog, &m[4], ""),
        catalog_series(catalog, &m[0], "device=sdb"),
        catalog_series(catalog, &m[5], ""),
    };
    static const double values[][2] = {{1000, 1500}, {0.25, 0.5},      {7, 8},
                                       {9, 9},       {5, (double)NAN}, {(double)NAN, (double)NAN}};
    struct picture *picture = picture_new(catalog, 1 << 20);
    struct layout *layout = layout_new(series, ARRAY_SIZE(series));
    struct track *track = arena_news(&picture->arena, struct track, 1);
    *track = (struct track){.name = "test", .text = "", .why = "", .head_ticks = 2};
    track->head = head_new(layout, NUMBERS_WALL - 2 * NS_PER_S);
    for (size_t t = 0; t < 2; t++) {
        track->head->mono_ns[t] = (int64_t)(t + 1) * NS_PER_S;
        for (size_t c = 0; c < ARRAY_SIZE(series); c++) {
            track->head->values[c * CHUNK_TICKS + t] = values[c][t];
        }
    }
    layout_release(layout);
    picture->tracks = track;
    picture->track_count = 1;
    picture->mono_ns = track->mono_ns = 2 * NS_PER_S;
    picture->wall_ns = NUMBERS_WALL;
    picture->interval_ns = NS_PER_S;
    return picture;
}

#endif
