/* The exposition formats of Prometheus: text 0.0.4 and OpenMetrics 1.0, of the same lines.
 *
 * Stored counters are given as read, so that the server makes its own rates; gauges and derived
 * metrics as they are now. No times: what is asked for is the present. Names follow
 * "Compatibility: Prometheus and OpenMetrics" of OpenTelemetry's specification. */
#include "prometheus.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/json.h"
#include "flametop/base/utf8.h"
#include "flametop/core/format.h"
#include "reading.h"

#define FAMILIES_MAX 65536
#define BUCKETS_A_BOUND 16 /* of scale 6: bounds of scale 2 */

struct exposition {
    struct buf *out;
    bool open;                   /* OpenMetrics */
    const struct metric *metric; /* of the lines being written */
    bool skip;                   /* another metric has the name already */
    char name[PROMETHEUS_NAME_BYTES];
    struct map families; /* by hash of the name */
};

static bool
is_counter(const struct metric *metric)
{
    return metric->kind == METRIC_COUNTER && metric->formula == NULL;
}

/* Letters, digits and single underscores, never a digit first. */
static size_t
add_name(struct str text, char *dst, size_t n, size_t size)
{
    for (size_t i = 0; i < text.n && n + 1 < size; i++) {
        char c = text.p[i];
        bool digit = c >= '0' && c <= '9';
        bool fits = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (n == 0 && digit) {
            dst[n++] = '_';
        }
        if (fits && n + 1 < size) {
            dst[n++] = c;
        } else if (!fits && n > 0 && dst[n - 1] != '_') {
            dst[n++] = '_';
        }
    }
    dst[n] = 0;
    return n;
}

/* One unit in words; "" for what is counted ({request}) and for what has none. */
static const char *
unit_word(struct str unit)
{
    static const struct {
        const char *unit, *word;
    } words[] = {{"s", "seconds"},      {"ms", "milliseconds"}, {"us", "microseconds"},
                 {"ns", "nanoseconds"}, {"min", "minutes"},     {"h", "hours"},
                 {"d", "days"},         {"By", "bytes"},        {"KiBy", "kibibytes"},
                 {"MiBy", "mebibytes"}, {"GiBy", "gibibytes"},  {"Hz", "hertz"},
                 {"Cel", "celsius"},    {"%", "percent"},       {"V", "volts"},
                 {"A", "amperes"},      {"W", "watts"},         {"J", "joules"},
                 {"m", "meters"},       {"g", "grams"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_is(unit, words[i].unit)) {
            return words[i].word;
        }
    }
    return "";
}

/* "bytes", "ratio", "bytes_per_second", "per_second". */
static void
unit_suffix(const struct metric *metric, char *dst, size_t size)
{
    struct str rest = str_from(metric->unit), over;
    if (strcmp(metric->unit, "1") == 0) {
        snprintf(dst, size, "%s", is_counter(metric) ? "" : "ratio");
        return;
    }
    str_copy(STR(""), dst, size);
    if (!str_until(&rest, '/', &over)) {
        return;
    }
    const char *above = unit_word(over), *below = unit_word(rest);
    size_t n = strlen(below);
    int singular =
        n > 1 && below[n - 1] == 's' && strcmp(below, "celsius") != 0 ? (int)n - 1 : (int)n;
    snprintf(dst, size, "%s%s%s%.*s", above, above[0] != 0 && n > 0 ? "_" : "", n > 0 ? "per_" : "",
             singular, below);
}

/* Whether a name ends in these words already. */
static bool
ends_in(const char *name, size_t n, const char *words)
{
    size_t m = strlen(words);
    return n >= m && memcmp(name + n - m, words, m) == 0 && (n == m || name[n - m - 1] == '_');
}

static void
append(char *name, const char *words)
{
    size_t n = strlen(name);
    if (words[0] != 0 && !ends_in(name, n, words)) {
        snprintf(name + n, PROMETHEUS_NAME_BYTES - n, "_%s", words);
    }
}

/* Ends that say "counter" or "histogram" to those who read the name. */
static void
change_end(char *name)
{
    static const struct {
        const char *end, *instead;
    } ends[] = {{"count", "number"}, {"total", "all"}, {"sum", "amount"}, {"bucket", "slot"}};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t m = strlen(ends[i].end);
        if (n > m && ends_in(name, n, ends[i].end)) {
            snprintf(name + n - m, PROMETHEUS_NAME_BYTES - n + m, "%s", ends[i].instead);
            return;
        }
    }
}

char *
prometheus_name(const struct metric *metric, char dst[PROMETHEUS_NAME_BYTES])
{
    char suffix[64];
    size_t n = add_name(str_from(metric->name), dst, 0, PROMETHEUS_NAME_BYTES - sizeof(suffix) - 8);
    while (is_counter(metric) && ends_in(dst, n, "total") && n > 6) {
        dst[n -= 6] = 0;
    }
    unit_suffix(metric, suffix, sizeof(suffix));
    if (!ends_in(dst, n, "info")) { /* always 1: what it says is in its labels */
        append(dst, suffix);
    }
    if (!is_counter(metric)) {
        change_end(dst);
    }
    return dst;
}

/* In quotes both forms escape the same; help has quotes escaped by OpenMetrics alone. */
static void
put_escaped(struct buf *out, const char *text, bool quotes)
{
    struct str rest = str_from(text);
    while (rest.n > 0) {
        char bytes[4];
        uint32_t c = utf8_next(&rest);
        if (c == '\n') {
            buf_puts(out, "\\n");
        } else if (c == '\\' || (c == '"' && quotes)) {
            buf_printf(out, "\\%c", (char)c);
        } else {
            buf_add(out, bytes, utf8_put(c, bytes));
        }
    }
}

static void
put_number(struct buf *out, double value)
{
    char text[32];
    if (isnan(value) || isinf(value)) {
        buf_puts(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    } else {
        buf_puts(out, json_double_text(value, text));
    }
}

/* The pairs without their braces; answers whether there are any. */
static bool
put_pairs(struct buf *out, const char *labels)
{
    struct str rest = str_from(labels), key, value;
    bool any = false;
    while (labels_next(&rest, &key, &value)) {
        char name[64], plain[1024];
        add_name(key, name, 0, sizeof(name));
        buf_printf(out, "%s%s=\"", any ? "," : "", name);
        put_escaped(out, labels_unescape(value, plain, sizeof(plain)), true);
        buf_putc(out, '"');
        any = true;
    }
    return any;
}

static void
put_labels(struct buf *out, const char *labels)
{
    if (labels[0] != 0) {
        buf_putc(out, '{');
        put_pairs(out, labels);
        buf_putc(out, '}');
    }
}

static void
put_bucket(struct buf *out, const char *name, const char *labels, double bound, uint64_t count)
{
    buf_printf(out, "%s_bucket{", name);
    buf_puts(out, put_pairs(out, labels) ? "," : "");
    buf_puts(out, "le=\"");
    put_number(out, bound);
    buf_printf(out, "\"} %llu\n", (unsigned long long)count);
}

void
prometheus_histogram(struct buf *out, const char *name, const char *labels,
                     const struct histogram *histogram)
{
    uint64_t count = histogram->zero_count;
    for (uint32_t i = 0; i < histogram->size; i++) {
        int32_t next =
            histogram->offset + (int32_t)i + 1; /* the bucket ends where this one begins */
        count += histogram->counts[i];
        if (next % BUCKETS_A_BOUND == 0 || i + 1 == histogram->size) {
            /* The last bound is the first one that holds all. */
            int32_t up = next + (BUCKETS_A_BOUND - next % BUCKETS_A_BOUND) % BUCKETS_A_BOUND;
            put_bucket(out, name, labels, exp2((double)up / 64), count);
        }
    }
    put_bucket(out, name, labels, (double)INFINITY, histogram->count);
    buf_printf(out, "%s_sum", name);
    put_labels(out, labels);
    buf_putc(out, ' ');
    put_number(out, histogram->sum);
    buf_printf(out, "\n%s_count", name);
    put_labels(out, labels);
    buf_printf(out, " %llu\n", (unsigned long long)histogram->count);
}

/* HELP and TYPE. Text 0.0.4 names the lines, OpenMetrics the family. */
static void
begin_family(struct exposition *page, const struct metric *metric)
{
    page->metric = metric;
    prometheus_name(metric, page->name);
    uint64_t hash = hash_bytes(page->name, strlen(page->name));
    page->skip = map_get(&page->families, hash) != NULL || !map_put(&page->families, hash, page);
    if (page->skip) {
        return;
    }
    const char *end = is_counter(metric) && !page->open ? "_total" : "";
    buf_printf(page->out, "# HELP %s%s ", page->name, end);
    put_escaped(page->out, metric->text[0] != 0 ? metric->text : metric->name, page->open);
    buf_printf(page->out, "\n# TYPE %s%s %s\n", page->name, end,
               is_counter(metric) ? "counter" : "gauge");
}

static void
line(void *context, const struct reading *reading)
{
    struct exposition *page = context;
    if (reading->folded || isnan(reading->raw)) {
        return; /* sums are the server's business: beside their parts they would count twice */
    }
    if (page->metric != reading->metric) {
        begin_family(page, reading->metric);
    }
    if (page->skip) {
        return;
    }
    buf_printf(page->out, "%s%s", page->name, is_counter(reading->metric) ? "_total" : "");
    put_labels(page->out, reading->labels);
    buf_putc(page->out, ' ');
    put_number(page->out, reading->raw);
    buf_putc(page->out, '\n');
}

static int
write(const struct picture *picture, bool open, struct buf *out)
{
    struct exposition page = {.out = out, .open = open};
    map_init(&page.families, FAMILIES_MAX);
    readings_each(picture, line, &page);
    map_done(&page.families);
    buf_puts(out, open ? "# EOF\n" : "");
    return out->full ? -EFBIG : 0;
}

static int
prometheus_write(const struct picture *picture, const struct format_options *options,
                 struct buf *out)
{
    (void)options;
    return write(picture, false, out);
}

static int
openmetrics_write(const struct picture *picture, const struct format_options *options,
                  struct buf *out)
{
    (void)options;
    return write(picture, true, out);
}

extern const struct format format_prometheus, format_openmetrics;
const struct format format_prometheus = {
    .name = "prometheus",
    .extension = ".prom",
    .media_type = "text/plain; version=0.0.4; charset=utf-8",
    .text = "Counters and gauges as Prometheus reads them (text 0.0.4).",
    .one_moment = true,
    .write = prometheus_write,
};
const struct format format_openmetrics = {
    .name = "openmetrics",
    .extension = ".om",
    .media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
    .text = "The same as OpenMetrics 1.0.",
    .one_moment = true,
    .write = openmetrics_write,
};
