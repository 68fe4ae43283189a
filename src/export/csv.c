/* The numbers of a moment as lines for spreadsheets and scripts (RFC 4180). */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/json.h"
#include "flametop/core/format.h"
#include "flametop/export/document.h"
#include "reading.h"

struct csv {
    struct buf *out;
    char time[40];
};

static void
field(struct buf *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        buf_puts(out, text);
        return;
    }
    buf_putc(out, '"');
    for (const char *p = text; *p != 0; p++) {
        buf_puts(out, *p == '"' ? "\"" : "");
        buf_putc(out, *p);
    }
    buf_putc(out, '"');
}

static void
line(void *context, const struct reading *reading)
{
    const struct csv *csv = context;
    char number[32], unit[64];
    if (isnan(reading->value)) {
        return;
    }
    field(csv->out, reading->metric->name);
    buf_putc(csv->out, ',');
    field(csv->out, reading->labels);
    buf_printf(csv->out, ",%s,", json_double_text(reading->value, number));
    field(csv->out, document_unit(reading->metric, unit, sizeof(unit)));
    buf_printf(csv->out, ",%s\r\n", csv->time);
}

static int
csv_write(const struct picture *picture, const struct format_options *options, struct buf *out)
{
    struct csv csv = {.out = out};
    clock_rfc3339(picture->wall_ns, csv.time, sizeof(csv.time));
    if (!options->continues) {
        buf_puts(out, "metric,labels,value,unit,time\r\n");
    }
    readings_each(picture, line, &csv);
    return out->full ? -EFBIG : 0;
}

extern const struct format format_csv;
const struct format format_csv = {
    .name = "csv",
    .extension = ".csv",
    .media_type = "text/csv; charset=utf-8",
    .text = "The newest value of each series, one a line: metric, labels, value, unit, time.",
    .write = csv_write,
};
