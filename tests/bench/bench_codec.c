/* Bytes and nanoseconds a sample of the codec and of chunks: bench_codec [FILE…].
 *
 * Without FILE it makes a hard set: 500 series of 3,600 values, 35 % busy counters with 20 % noise
 * in their rate, 10 % sparse counters, 20 % gauges of memory in 4 KiB steps, 15 % percentages with
 * two decimals, 5 % doubles of all digits, 5 % small integers, 10 % constants. A FILE is what
 * record_proc.py wrote.
 *
 * Prints, for windows of 64, 120 and 3,600 values, bytes a sample and the nanoseconds to encode and
 * decode one; for 64 also as sealed chunks, with times and directory. Every value is checked to
 * come back bit for bit. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/core/chunk.h"
#include "flametop/core/codec.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)

/* values[column * rows + row] */
struct set {
    size_t columns, rows;
    double *values;
};

struct figure {
    size_t samples, bytes;
    int64_t encode_ns, decode_ns;
};

static uint64_t seed = 42;

static double
uniform(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (double)(seed * UINT64_C(2685821657736338717) >> 11) * 0x1p-53;
}

static double
normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

/* Each fills one series. */

static void
fill_busy_counter(double *values, size_t n)
{
    double rate = pow(10, 1 + 5 * uniform());
    double at = floor(1e9 * uniform());
    for (size_t i = 0; i < n; i++) {
        values[i] = at;
        at += floor(MAX(0.0, rate * (1 + 0.2 * normal())));
    }
}

static void
fill_sparse_counter(double *values, size_t n)
{
    double at = floor(1e5 * uniform());
    for (size_t i = 0; i < n; i++) {
        values[i] = at;
        at += uniform() < 0.03 ? 1 + floor(8 * uniform()) : 0;
    }
}

static void
fill_memory(double *values, size_t n)
{
    double pages = floor(1e6 * uniform());
    for (size_t i = 0; i < n; i++) {
        values[i] = pages * 4096;
        pages = MAX(0.0, pages + round(50 * normal()));
    }
}

static void
fill_percent(double *values, size_t n)
{
    double at = 100 * uniform();
    for (size_t i = 0; i < n; i++) {
        values[i] = round(at * 100) / 100;
        at = CLAMP(at + 2 * normal(), 0.0, 100.0);
    }
}

static void
fill_double(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = 50 + 10 * normal();
    }
}

static void
fill_small(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = floor(8 * uniform());
    }
}

static void
fill_constant(double *values, size_t n)
{
    double value = floor(1e6 * uniform());
    for (size_t i = 0; i < n; i++) {
        values[i] = value;
    }
}

static const struct {
    unsigned percent;
    void (*fill)(double *values, size_t n);
} mix[] = {
    {35, fill_busy_counter}, {10, fill_sparse_counter}, {20, fill_memory},   {15, fill_percent},
    {5, fill_double},        {5, fill_small},           {10, fill_constant},
};

static bool
set_make(struct set *set)
{
    *set = (struct set){.columns = 500, .rows = 3600};
    set->values = calloc(set->columns * set->rows, sizeof(double));
    if (set->values == NULL) {
        return false;
    }
    size_t column = 0;
    for (size_t i = 0; i < ARRAY_SIZE(mix); i++) {
        for (size_t n = mix[i].percent * set->columns / 100; n > 0; n--) {
            mix[i].fill(set->values + column++ * set->rows, set->rows);
        }
    }
    return true;
}

/* Rows in the file, columns in the set. */
static bool
set_turn(struct set *set, const char *data, size_t size)
{
    uint64_t columns;
    if (size < sizeof(columns)) {
        return false;
    }
    memcpy(&columns, data, sizeof(columns));
    if (columns == 0 || columns > size / sizeof(double)) {
        return false;
    }
    *set = (struct set){columns, (size - sizeof(columns)) / sizeof(double) / columns, NULL};
    set->values = calloc(set->columns * set->rows + 1, sizeof(double));
    for (size_t i = 0; set->values != NULL && i < set->columns * set->rows; i++) {
        size_t at = i % columns * set->rows + i / columns;
        memcpy(&set->values[at], data + sizeof(columns) + i * sizeof(double), sizeof(double));
    }
    return set->values != NULL;
}

static bool
set_load(struct set *set, const char *path)
{
    char *data;
    ssize_t size = file_load(path, FILE_BYTES_MAX, &data);
    if (size < 0) {
        return false;
    }
    bool ok = set_turn(set, data, (size_t)size);
    free(data);
    return ok;
}

static void
must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_codec: %s\n", what);
        exit(1);
    }
}

static void
figure_print(const char *what, size_t window, struct figure figure)
{
    double n = (double)MAX(figure.samples, (size_t)1);
    printf("  %-8s %5zu  %6.3f B/sample  encode %5.1f ns  decode %5.1f ns\n", what, window,
           (double)figure.bytes / n, (double)figure.encode_ns / n, (double)figure.decode_ns / n);
}

static void
measure_column(const double *values, size_t n, struct buf *out, double *got, struct figure *figure)
{
    buf_clear(out);
    int64_t from_ns = clock_thread_cpu_ns();
    codec_put_column(out, values, n);
    int64_t between_ns = clock_thread_cpu_ns();
    bool ok = codec_get_column((const uint8_t *)out->data, out->n, got, n);
    int64_t to_ns = clock_thread_cpu_ns();
    must(ok && memcmp(got, values, n * sizeof(*got)) == 0, "a column did not come back");
    figure->samples += n;
    figure->bytes += out->n;
    figure->encode_ns += between_ns - from_ns;
    figure->decode_ns += to_ns - between_ns;
}

static void
measure_columns(const struct set *set, size_t window)
{
    struct figure figure = {0};
    struct buf out;
    double *got = calloc(window, sizeof(*got));
    must(got != NULL, "out of memory");
    buf_init(&out, CODEC_ROOM(window));
    for (size_t column = 0; column < set->columns; column++) {
        const double *values = set->values + column * set->rows;
        for (size_t row = 0; row < set->rows; row += window) {
            measure_column(values + row, MIN(window, set->rows - row), &out, got, &figure);
        }
    }
    figure_print("columns", window, figure);
    buf_done(&out);
    free(got);
}

static void
fill_head(struct head *head, const struct set *set, size_t row)
{
    for (size_t tick = 0; tick < CHUNK_TICKS; tick++) {
        /* As a timer would: on the second, some microseconds late. */
        head->mono_ns[tick] = (int64_t)(row + tick) * NS_PER_S + (int64_t)(60e3 * uniform());
        for (size_t column = 0; column < set->columns; column++) {
            head->values[column * CHUNK_TICKS + tick] =
                set->values[column * set->rows + row + tick];
        }
    }
}

static void
measure_chunk(const struct head *head, struct figure *figure, int64_t *parse_ns)
{
    int64_t from_ns = clock_thread_cpu_ns();
    struct chunk *chunk = chunk_seal(head, CHUNK_TICKS);
    figure->encode_ns += clock_thread_cpu_ns() - from_ns;
    must(chunk != NULL, "a chunk was not sealed");
    from_ns = clock_thread_cpu_ns();
    for (size_t i = 0; i < chunk->layout->count; i++) {
        double got[CHUNK_TICKS];
        must(chunk_column(chunk, i, got) &&
                 memcmp(got, head->values + i * CHUNK_TICKS, sizeof(got)) == 0,
             "a chunk's column did not come back");
    }
    int64_t between_ns = clock_thread_cpu_ns();
    figure->decode_ns += between_ns - from_ns;
    chunk_release(chunk_parse(head->layout, chunk->bytes, chunk->size));
    *parse_ns += clock_thread_cpu_ns() - between_ns;
    figure->samples += CHUNK_TICKS * chunk->layout->count;
    figure->bytes += chunk_memory(chunk);
    chunk_release(chunk);
}

static void
measure_chunks(const struct set *set)
{
    struct figure figure = {0};
    int64_t parse_ns = 0;
    const struct series **series = calloc(set->columns, sizeof(const struct series *));
    struct layout *layout = series != NULL ? layout_new(series, set->columns) : NULL;
    struct head *head = layout != NULL ? head_new(layout, 0) : NULL;
    must(head != NULL, "out of memory");
    for (size_t row = 0; row + CHUNK_TICKS <= set->rows; row += CHUNK_TICKS) {
        fill_head(head, set, row);
        measure_chunk(head, &figure, &parse_ns);
    }
    figure_print("chunks", CHUNK_TICKS, figure);
    printf("  chunk_parse %.1f ns a sample\n",
           (double)parse_ns / (double)MAX(figure.samples, (size_t)1));
    head_release(head);
    layout_release(layout);
    free(series);
}

static void
measure(const char *name, struct set *set)
{
    static const size_t windows[] = {CHUNK_TICKS, 120, 3600};
    printf("%s: %zu series of %zu values\n", name, set->columns, set->rows);
    for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
        measure_columns(set, windows[i]);
    }
    measure_chunks(set);
    free(set->values);
}

int
main(int argc, char **argv)
{
    struct set set;
    if (argc < 2) {
        must(set_make(&set), "out of memory");
        measure("hard set", &set);
    }
    for (int i = 1; i < argc; i++) {
        must(set_load(&set, argv[i]), "cannot read the file");
        measure(argv[i], &set);
    }
    return 0;
}
