/* Any text as a snapshot document: the picture of what is taken can be asked, walked back and
 * written as JSON, and that reads again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/export/snapshot.h"
#include "flametop/export/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct metric metrics[] = {
    {.name = "c", .unit = "s", .labels = "cpu", .text = "", .kind = METRIC_COUNTER},
    {.name = "d", .unit = "1", .labels = "cpu", .text = "", .formula = "c / 2"},
};
static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 10},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
};
static const struct table_def rows = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 2, 4};
static const struct table_def *const tables[] = {&rows};

static void
ask(struct picture *picture)
{
    for (size_t i = 0; catalog_metric_at(picture->catalog, i) != NULL; i++) {
        query_once(picture, catalog_metric_at(picture->catalog, i)->name, NULL);
    }
    struct picture *past = picture_at(picture, picture_step(picture, picture->mono_ns, -1));
    picture_wall(picture, picture_oldest(picture));
    picture_release(past);
}

static void
write_again(struct catalog *catalog, struct picture *picture)
{
    struct buf out;
    char why[200];
    buf_init(&out, SNAPSHOT_BYTES_MAX);
    struct format_options options = {.span_ns = INT64_MAX, .rows_max = SIZE_MAX, .pretty = true};
    if (format_by_name("json")->write(picture, &options, &out) == 0 && !out.full) {
        struct picture *again =
            snapshot_read((struct str){out.data, out.n}, catalog, tables, 1, why, sizeof(why));
        if (again == NULL) {
            abort();
        }
        picture_release(again);
    }
    buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[200] = "";
    struct catalog *catalog = catalog_new(1000);
    catalog_add(catalog, metrics, ARRAY_SIZE(metrics));
    struct picture *picture =
        snapshot_read((struct str){(const char *)data, size}, catalog, tables, 1, why, sizeof(why));
    if (picture == NULL && why[0] == 0) {
        abort();
    }
    if (picture != NULL) {
        ask(picture);
        write_again(catalog, picture);
        picture_release(picture);
    }
    catalog_free(catalog);
    return 0;
}
