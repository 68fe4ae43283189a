/* The record stream: what is written is read, whatever the portions; what is damaged stops where it
 * is. */
#include "../check.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/record.h"

static const struct metric metrics[] = {
    {.name = "t.time",
     .unit = "s",
     .labels = "cpu state",
     .text = "Time.",
     .kind = METRIC_COUNTER,
     .bits = 32},
    {.name = "t.level",
     .unit = "By",
     .labels = "",
     .text = "Level.",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 0.5,
     .critical = 0.9},
    {.name = "t.odd", .unit = "1", .labels = "kind", .text = ""},
};

static const struct column columns[] = {
    {"row.id", "ID", "", "The key.", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 0},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
    {"row.none", "NONE", "1", "", COLUMN_REAL, COLUMN_HIDDEN, 6},
};
static const struct table_def rows_def = {"rows", "Rows", "All rows.", columns, ARRAY_SIZE(columns),
                                          2,      4};

/* The same name, another order, one column less and one of another type. */
static const struct column newer_columns[] = {
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_RANK, 6},
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_INTEGER, 0, 6},
    {"row.new", "NEW", "1", "", COLUMN_REAL, 0, 6},
};
static const struct table_def newer_def = {
    "rows", "Rows", "", newer_columns, ARRAY_SIZE(newer_columns), 0, 4};

/* ---- what is written ---- */

struct writing {
    struct catalog *catalog;
    struct buf bytes;
    struct record_writer *writer;
    struct batch batch;
    struct arena arena;
};

static void
writing_init(struct writing *w)
{
    w->catalog = catalog_new(1000);
    catalog_add(w->catalog, metrics, ARRAY_SIZE(metrics));
    buf_init(&w->bytes, (size_t)64 << 20);
    w->writer = record_writer_new(&w->bytes);
    batch_init(&w->batch, w->catalog);
    arena_init(&w->arena, (size_t)64 << 20);
}

static void
writing_done(struct writing *w)
{
    record_writer_free(w->writer);
    batch_done(&w->batch);
    arena_done(&w->arena);
    buf_done(&w->bytes);
    catalog_free(w->catalog);
}

static void
write_hello(struct writing *w)
{
    struct record_hello hello = {.protocol = RECORD_PROTOCOL,
                                 .protocol_min = 1,
                                 .at = {5, INT64_C(1700000000) * NS_PER_S, 7},
                                 .interval_ns = NS_PER_S,
                                 .instance = "4f",
                                 .host = {.name = "web-01",
                                          .system = "Debian 12",
                                          .kernel = "6.1",
                                          .virtualization = "",
                                          .cores = 16,
                                          .core_limit = 2.5,
                                          .uptime_s = 100}};
    record_write_hello(w->writer, &hello);
}

static const double odd_values[] = {0.0,     -0.0,     1.0,          -1.0,
                                    0.1,     1e300,    DBL_MIN,      DBL_MAX,
                                    5e-324,  INFINITY, -INFINITY,    9007199254740993.0,
                                    123.456, 1e15,     4294967295.0, M_PI};

static void
begin_tick(struct writing *w, unsigned tick)
{
    arena_clear(&w->arena);
    struct instant at = {tick * NS_PER_S, INT64_C(1700000000) * NS_PER_S + tick * NS_PER_S,
                         tick * NS_PER_S};
    batch_begin(&w->batch, at, &w->arena);
}

static void
put_values(struct writing *w, unsigned tick)
{
    for (unsigned i = 0; i < 20; i++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "cpu=%u,state=a\\,b", i);
        batch_put(&w->batch, &metrics[0], labels, tick * 1.25 + i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(odd_values); i++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "kind=%u", i);
        batch_put(&w->batch, &metrics[2], labels, odd_values[i]);
    }
    batch_put(&w->batch, &metrics[1], "", tick % 2 == 0 ? (double)NAN : tick);
}

static void
put_rows(struct writing *w, unsigned tick, unsigned count)
{
    struct table *table = batch_table(&w->batch, &rows_def, 4);
    for (unsigned i = 0; i < count; i++) {
        union cell *row = table_add(table, &w->arena);
        if ((i + tick) % 3 != 0) {
            row[0].integer = i == 4 ? INT64_MAX : i == 5 ? INT64_MIN + 1 : (int64_t)i * 1000 - 500;
        }
        if ((i + tick) % 4 != 0) {
            row[1].text = i % 2 == 0 ? "däemon" : arena_printf(&w->arena, "row-%u", i);
        }
        row[2].real = odd_values[i % ARRAY_SIZE(odd_values)];
    }
    table->total = count + tick;
}

static void
write_tick(struct writing *w, unsigned tick)
{
    begin_tick(w, tick);
    put_values(w, tick);
    put_rows(w, tick, 11);
    if (tick == 3) {
        batch_fail(&w->batch, SOURCE_DEGRADED, "one file is missing");
        w->batch.rejected = 9;
    }
    record_write_batch(w->writer, "proc.test", &w->batch);
}

/* ---- what is read ---- */

struct reading {
    struct catalog *catalog;
    struct record_reader *reader;
    struct writing *expected; /* its batch is what the last write was */
    unsigned hellos, batches, chunks, ends, tables, ticks, findings;
    struct record_tick tick;
    const struct record_findings *expected_findings;
    double sum;
    const struct table_def *def;
    struct record_hello hello;
    struct chunk *chunk;
    void (*check)(struct reading *, const char *source, const struct batch *);
};

static void
on_hello(void *context, const struct record_hello *hello)
{
    struct reading *r = context;
    r->hellos++;
    r->hello = *hello;
}

static void
on_batch(void *context, const char *source, const struct batch *batch)
{
    struct reading *r = context;
    r->batches++;
    for (size_t i = 0; i < batch->table_count; i++) {
        r->tables++;
        r->def = batch->tables[i]->def;
        /* Touched, so that the sanitizers see every cell. */
        for (size_t c = 0; c < batch->tables[i]->count * batch->tables[i]->def->column_count; c++) {
            bool text = r->def->columns[c % r->def->column_count].type == COLUMN_TEXT;
            const char *cell = text ? batch->tables[i]->cells[c].text : NULL;
            r->sum += cell != NULL ? (double)strlen(cell) : 0;
        }
    }
    if (r->check != NULL) {
        r->check(r, source, batch);
    }
}

static void
on_chunk(void *context, const char *source, struct chunk *chunk)
{
    struct reading *r = context;
    assert_string_equal(source, "proc.test");
    r->chunks++;
    chunk_release(r->chunk);
    r->chunk = chunk_acquire(chunk);
}

static void
on_end(void *context)
{
    struct reading *r = context;
    r->ends++;
}

static void
on_tick(void *context, const struct record_tick *tick)
{
    struct reading *r = context;
    r->ticks++;
    r->tick = *tick;
}

static void
check_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL) {
        assert_string_equal(a, b);
    }
}

static void
on_findings(void *context, const struct record_findings *findings)
{
    struct reading *r = context;
    const struct record_findings *want = r->expected_findings;
    r->findings++;
    check_text(findings->looked_at, want->looked_at);
    check_text(findings->not_looked_at, want->not_looked_at);
    assert_int_equal(findings->count, want->count);
    for (size_t i = 0; i < want->count; i++) {
        const struct finding *a = &findings->list[i], *b = &want->list[i];
        check_text(a->id, b->id);
        check_text(a->sentence, b->sentence);
        check_text(a->short_sentence, b->short_sentence);
        check_text(a->culprit, b->culprit);
        check_text(a->advice, b->advice);
        assert_true(a->culprit_pid == b->culprit_pid && a->since_wall_ns == b->since_wall_ns &&
                    a->until_wall_ns == b->until_wall_ns && a->impact == b->impact &&
                    a->level == b->level);
        assert_int_equal(a->evidence_count, b->evidence_count);
        for (size_t e = 0; e < b->evidence_count; e++) {
            check_text(a->evidence[e].label, b->evidence[e].label);
            check_text(a->evidence[e].value, b->evidence[e].value);
            check_text(a->evidence[e].metric, b->evidence[e].metric);
            check_text(a->evidence[e].labels, b->evidence[e].labels);
        }
    }
}

static struct record_events
events_for(struct reading *r)
{
    return (struct record_events){r,      on_hello, on_batch,    on_chunk,
                                  on_end, on_tick,  on_findings, NULL};
}

static void
reading_init(struct reading *r)
{
    *r = (struct reading){.catalog = catalog_new(1000)};
    struct record_events events = events_for(r);
    r->reader = record_reader_new(r->catalog, &events);
}

static void
reading_done(struct reading *r)
{
    chunk_release(r->chunk);
    record_reader_free(r->reader);
    catalog_free(r->catalog);
}

static double
value_of(const struct batch *batch, const char *metric, const char *labels)
{
    for (size_t i = 0; i < batch->column_count; i++) {
        if (strcmp(batch->columns[i]->metric->name, metric) == 0 &&
            strcmp(batch->columns[i]->labels, labels) == 0) {
            return batch->values[i];
        }
    }
    return NAN;
}

/* Bit for bit what the writer's batch holds now. */
static void
check_values(const struct batch *got, const struct batch *want)
{
    size_t known = 0;
    for (size_t i = 0; i < want->column_count; i++) {
        if (isnan(want->values[i])) {
            continue;
        }
        known++;
        double value = value_of(got, want->columns[i]->metric->name, want->columns[i]->labels);
        assert_memory_equal(&value, &want->values[i], sizeof(value));
    }
    assert_int_equal(got->column_count, known);
}

static void
check_table(const struct table *got, const struct table *want)
{
    assert_int_equal(got->count, want->count);
    assert_int_equal(got->total, want->total);
    assert_string_equal(got->def->name, want->def->name);
    for (size_t row = 0; row < want->count; row++) {
        for (size_t c = 0; c < want->def->column_count; c++) {
            union cell a = table_row(got, row)[c], b = table_row(want, row)[c];
            enum column_type type = want->def->columns[c].type;
            assert_int_equal(cell_known(type, a), cell_known(type, b));
            if (cell_known(type, b) && type == COLUMN_TEXT) {
                assert_string_equal(a.text, b.text);
            } else if (cell_known(type, b)) {
                assert_true(a.integer == b.integer); /* the bits, also of reals */
            }
        }
    }
}

static void
check_same_batch(struct reading *r, const char *source, const struct batch *batch)
{
    const struct batch *want = &r->expected->batch;
    assert_string_equal(source, "proc.test");
    assert_memory_equal(&batch->at, &want->at, sizeof(batch->at));
    assert_int_equal(batch->state, want->state);
    assert_string_equal(batch->why, want->why);
    assert_true(batch->rejected == want->rejected && batch->dropped == want->dropped);
    check_values(batch, want);
    assert_int_equal(batch->table_count, want->table_count);
    for (size_t i = 0; i < batch->table_count; i++) {
        check_table(batch->tables[i], want->tables[i]);
    }
}

static void
test_record__batches_come_back_bit_for_bit(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.expected = &w;
    r.check = check_same_batch;
    write_hello(&w);
    size_t fed = 0;
    for (unsigned tick = 0; tick < 8; tick++) {
        write_tick(&w, tick);
        assert_int_equal(record_reader_feed(r.reader, w.bytes.data + fed, w.bytes.n - fed), 0);
        fed = w.bytes.n;
        assert_int_equal(r.batches, tick + 1);
    }
    record_write_end(w.writer);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data + fed, w.bytes.n - fed), 0);
    assert_int_equal(record_reader_finish(r.reader), 0);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.hellos, 1);
    assert_string_equal(r.hello.host.name, "web-01");
    assert_string_equal(r.hello.host.kernel, "6.1");
    assert_string_equal(r.hello.instance, "4f");
    assert_int_equal(r.hello.host.cores, 16);
    assert_true(r.hello.host.core_limit == 2.5 && r.hello.interval_ns == NS_PER_S);
    assert_true(record_writer_dropped(w.writer) == 0);
    reading_done(&r);
    writing_done(&w);
}

static void
test_record__metrics_and_tables_describe_themselves(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    write_hello(&w);
    write_tick(&w, 1);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
        const struct metric *made = catalog_metric(r.catalog, metrics[i].name);
        assert_non_null(made);
        assert_string_equal(made->unit, metrics[i].unit);
        assert_string_equal(made->labels, metrics[i].labels);
        assert_string_equal(made->text, metrics[i].text);
        assert_true(made->kind == metrics[i].kind && made->better == metrics[i].better &&
                    made->fold == metrics[i].fold && made->bits == metrics[i].bits &&
                    made->warning == metrics[i].warning && made->critical == metrics[i].critical);
    }
    assert_non_null(r.def);
    assert_string_equal(r.def->title, "Rows");
    assert_string_equal(r.def->text, "All rows.");
    assert_int_equal(r.def->column_count, rows_def.column_count);
    assert_int_equal(r.def->sort_column, 2);
    assert_int_equal(r.def->kept_rows, 4);
    for (size_t c = 0; c < rows_def.column_count; c++) {
        assert_string_equal(r.def->columns[c].name, columns[c].name);
        assert_string_equal(r.def->columns[c].title, columns[c].title);
        assert_string_equal(r.def->columns[c].unit, columns[c].unit);
        assert_string_equal(r.def->columns[c].text, columns[c].text);
        assert_true(r.def->columns[c].type == columns[c].type &&
                    r.def->columns[c].flags == columns[c].flags &&
                    r.def->columns[c].width == columns[c].width);
    }
    reading_done(&r);
    writing_done(&w);
}

static void
check_newer(struct reading *r, const char *source, const struct batch *batch)
{
    (void)source;
    const struct table *want = r->expected->batch.tables[0], *got = batch->tables[0];
    assert_ptr_equal(got->def, &newer_def);
    assert_int_equal(got->count, want->count);
    for (size_t row = 0; row < got->count; row++) {
        const union cell *a = table_row(got, row), *b = table_row(want, row);
        assert_true(a[0].integer == b[2].integer); /* the load's bits */
        assert_true(a[1].integer == b[0].integer);
        assert_true(a[2].integer == CELL_UNKNOWN && isnan(a[3].real));
    }
}

static void
test_record__a_known_definition_is_preferred(void **state)
{
    (void)state;
    static const struct table_def *const known[] = {&newer_def};
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.expected = &w;
    r.check = check_newer;
    record_reader_tables(r.reader, known, 1);
    write_hello(&w);
    write_tick(&w, 1);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(r.batches, 1);
    reading_done(&r);
    writing_done(&w);
}

static void
write_ticks(struct writing *w, unsigned count)
{
    write_hello(w);
    for (unsigned tick = 0; tick < count; tick++) {
        write_tick(w, tick);
    }
    record_write_end(w->writer);
}

static void
test_record__any_portions_read_the_same(void **state)
{
    (void)state;
    struct writing w;
    writing_init(&w);
    write_ticks(&w, 3);
    for (size_t portion = 1; portion < 300; portion += portion < 20 ? 1 : 37) {
        struct reading r;
        reading_init(&r);
        for (size_t at = 0; at < w.bytes.n; at += portion) {
            size_t n = MIN(portion, w.bytes.n - at);
            assert_int_equal(record_reader_feed(r.reader, w.bytes.data + at, n), 0);
        }
        assert_int_equal(record_reader_finish(r.reader), 0);
        assert_true(r.hellos == 1 && r.batches == 3 && r.ends == 1 && r.tables == 3);
        reading_done(&r);
    }
    writing_done(&w);
}

static void
test_record__what_stands_before_a_tear_stays(void **state)
{
    (void)state;
    struct writing w;
    writing_init(&w);
    write_hello(&w);
    size_t whole[4];
    for (unsigned tick = 0; tick < 3; tick++) {
        write_tick(&w, tick);
        whole[tick] = w.bytes.n;
    }
    for (size_t n = 0; n < w.bytes.n; n++) {
        struct reading r;
        reading_init(&r);
        assert_int_equal(record_reader_feed(r.reader, w.bytes.data, n), 0);
        unsigned expected = (n >= whole[0]) + (n >= whole[1]) + (n >= whole[2]);
        assert_int_equal(r.batches, expected);
        int error = record_reader_finish(r.reader);
        assert_true(error == 0 || error == -EBADMSG || (n == 0 && error == -ENODATA));
        assert_true((error == 0) == (record_reader_why(r.reader)[0] == 0));
        if (n == whole[0] || n == whole[1]) {
            assert_int_equal(error, 0);
        }
        reading_done(&r);
    }
    writing_done(&w);
}

static void
test_record__every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct writing w;
    writing_init(&w);
    write_ticks(&w, 2);
    char *damaged = malloc(w.bytes.n);
    assert_non_null(damaged);
    for (size_t bit = 0; bit < w.bytes.n * 8; bit += 3) {
        struct reading r;
        reading_init(&r);
        memcpy(damaged, w.bytes.data, w.bytes.n);
        damaged[bit / 8] = (char)(damaged[bit / 8] ^ 1 << bit % 8);
        record_reader_feed(r.reader, damaged, w.bytes.n);
        int error = record_reader_finish(r.reader);
        assert_true(error < 0);
        assert_true(strstr(record_reader_why(r.reader), "byte") != NULL);
        /* After an error nothing more is read. */
        assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), error);
        reading_done(&r);
    }
    free(damaged);
    writing_done(&w);
}

static void
put_record(struct buf *out, unsigned type, const void *payload, size_t n)
{
    uint8_t byte = (uint8_t)type;
    buf_putc(out, (char)byte);
    buf_put_varint(out, n);
    buf_put_u32(out, hash_crc32c(hash_crc32c(0, &byte, 1), payload, n));
    buf_add(out, payload, n);
}

static void
test_record__unknown_records_and_names_are_skipped(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    write_hello(&w);
    put_record(&w.bytes, 77, "of a later version", 18);
    put_record(&w.bytes, 255, "", 0);
    put_record(&w.bytes, RECORD_NAMES,
               "\x63\x04"
               "abcd",
               6);
    write_tick(&w, 1);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(r.batches, 1);
    reading_done(&r);
    writing_done(&w);
}

static void
test_record__refuses_what_is_no_stream(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int error;
        const char *says;
    } rows[] = {
        {"", 0, -ENODATA, "empty"},
        {"flame", 5, -EBADMSG, "too short"},
        {"{\"schema\": 1}", 13, -EBADMSG, "no flametop recording"},
        {"flametop\x02", 9, -EPROTONOSUPPORT, "version"},
        {"flametop\x01\x03\x80\x80\x80\x80\x10\0\0\0\0", 19, -EBADMSG, "longer than"},
        {"flametop\x01\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 21, -EBADMSG,
         "length is wrong"},
        {"flametop\x01\x03\x05"
         "abc",
         14, -EBADMSG, "breaks off"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct reading r;
        reading_init(&r);
        record_reader_feed(r.reader, rows[i].bytes, rows[i].n);
        assert_int_equal(record_reader_finish(r.reader), rows[i].error);
        assert_non_null(strstr(record_reader_why(r.reader), rows[i].says));
        reading_done(&r);
    }
}

static void
feed_fails(const struct buf *bytes, int error, const char *says)
{
    struct reading r;
    reading_init(&r);
    assert_int_equal(record_reader_feed(r.reader, bytes->data, bytes->n), error);
    assert_non_null(strstr(record_reader_why(r.reader), says));
    reading_done(&r);
}

static void
test_record__order_and_protocol_are_checked(void **state)
{
    (void)state;
    struct writing w;
    writing_init(&w);
    write_tick(&w, 1);
    feed_fails(&w.bytes, -EBADMSG, "does not begin with hello");
    writing_done(&w);

    writing_init(&w);
    struct record_hello hello = {.protocol = 9, .protocol_min = 2, .interval_ns = 1};
    record_write_hello(w.writer, &hello);
    feed_fails(&w.bytes, -EPROTONOSUPPORT, "newer flametop");
    writing_done(&w);

    writing_init(&w);
    hello.protocol_min = 1;
    record_write_hello(w.writer, &hello);
    record_write_end(w.writer);
    buf_putc(&w.bytes, 1);
    feed_fails(&w.bytes, -EBADMSG, "follow the end");
    writing_done(&w);

    /* A batch whose ids nobody defined. */
    writing_init(&w);
    record_write_hello(w.writer, &hello);
    struct buf payload;
    buf_init(&payload, 1000);
    buf_add(&payload, "\x01s", 2);
    for (int i = 0; i < 3; i++) {
        buf_put_u64(&payload, 1);
    }
    buf_add(&payload, "\0\0\0\0\0\x05", 6);
    put_record(&w.bytes, RECORD_BATCH, payload.data, payload.n);
    feed_fails(&w.bytes, -EBADMSG, "batch record is damaged: its contents");
    buf_done(&payload);
    writing_done(&w);
}

static void
check_times(struct reading *r, const char *source, const struct batch *batch)
{
    (void)r;
    (void)source;
    fail_msg("a batch at %" PRId64, batch->at.mono_ns);
}

static void
test_record__times_beyond_reason_are_damage(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MAX, INT64_MIN, (INT64_C(1) << 61) + 1};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct writing w;
        struct reading r;
        writing_init(&w);
        reading_init(&r);
        r.check = check_times;
        write_hello(&w);
        batch_begin(&w.batch, (struct instant){times[i], 0, 0}, &w.arena);
        record_write_batch(w.writer, "s", &w.batch);
        assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), -EBADMSG);
        reading_done(&r);
        writing_done(&w);
    }
}

static void
test_record__chunks_come_back_and_share_layouts(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    write_hello(&w);
    const struct series *series[] = {catalog_series(w.catalog, &metrics[1], ""),
                                     catalog_series(w.catalog, &metrics[0], "cpu=0,state=user")};
    struct layout *layout = layout_new(series, 2);
    struct head *head = head_new(layout, 12345);
    for (size_t i = 0; i < CHUNK_TICKS; i++) {
        head->mono_ns[i] = (int64_t)i * NS_PER_S + 7;
        head->values[i] = i % 5 == 0 ? NAN : (double)i / 3;
        head->values[CHUNK_TICKS + i] = (double)i;
    }
    struct chunk *chunk = chunk_seal(head, CHUNK_TICKS);
    record_write_chunk(w.writer, "proc.test", chunk);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(r.chunks, 1);
    assert_int_equal(r.chunk->size, chunk->size);
    assert_memory_equal(r.chunk->bytes, chunk->bytes, chunk->size);
    assert_string_equal(r.chunk->layout->series[1]->labels, "cpu=0,state=user");
    assert_true(r.chunk->wall_offset_ns == 12345 && r.chunk->last_ns == chunk->last_ns);
    struct layout *first = layout_acquire(r.chunk->layout);
    size_t fed = w.bytes.n;
    record_write_chunk(w.writer, "proc.test", chunk);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data + fed, w.bytes.n - fed), 0);
    assert_ptr_equal(r.chunk->layout, first);

    /* Times that run backwards do not pass. */
    head->mono_ns[9] = 3;
    struct chunk *backwards = chunk_seal(head, CHUNK_TICKS);
    fed = w.bytes.n;
    record_write_chunk(w.writer, "proc.test", backwards);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data + fed, w.bytes.n - fed), -EBADMSG);
    layout_release(first);
    chunk_release(backwards);
    chunk_release(chunk);
    head_release(head);
    layout_release(layout);
    reading_done(&r);
    writing_done(&w);
}

static void
check_refused(struct reading *r, const char *source, const struct batch *batch)
{
    (void)source;
    assert_int_equal(batch->column_count, 5);
    assert_int_equal(batch->dropped, 32 + r->expected->batch.dropped);
}

static void
test_record__series_the_catalog_refuses_are_counted(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    struct record_events events = events_for(&r);
    struct catalog *small = catalog_new(5);
    record_reader_free(r.reader);
    r.reader = record_reader_new(small, &events);
    r.expected = &w;
    r.check = check_refused;
    write_hello(&w);
    write_tick(&w, 1);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(r.batches, 1);
    reading_done(&r);
    catalog_free(small);
    writing_done(&w);
}

/* More distinct texts than the dictionary takes, in one batch and over many. */
static void
test_record__texts_pass_when_the_dictionary_is_full(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.expected = &w;
    r.check = check_same_batch;
    write_hello(&w);
    size_t fed = 0;
    for (unsigned tick = 0; tick < 4; tick++) {
        begin_tick(&w, tick);
        struct table *table = batch_table(&w.batch, &rows_def, 4);
        for (unsigned i = 0; i < 20000; i++) {
            union cell *row = table_add(table, &w.arena);
            row[0].integer = i;
            row[1].text = arena_printf(&w.arena, "worker %u of a long name", i + tick / 2 * 10000);
        }
        table->total = table->count;
        record_write_batch(w.writer, "proc.test", &w.batch);
        assert_int_equal(record_reader_feed(r.reader, w.bytes.data + fed, w.bytes.n - fed), 0);
        fed = w.bytes.n;
    }
    assert_int_equal(r.batches, 4);
    assert_true(record_writer_dropped(w.writer) == 0);
    reading_done(&r);
    writing_done(&w);
}

/* All rows alike: the writer fills the table up to what the reader asks for. */
static void
test_record__tables_of_equal_rows_are_read(void **state)
{
    (void)state;
    static const struct column one[] = {{"n", "N", "", "", COLUMN_INTEGER, COLUMN_KEY, 5}};
    static const struct table_def def = {"one", "One", "", one, 1, 0, 0};
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.expected = &w;
    r.check = check_same_batch;
    write_hello(&w);
    begin_tick(&w, 1);
    struct table *table = batch_table(&w.batch, &def, 4);
    for (unsigned i = 0; i < 60000; i++) {
        table_add(table, &w.arena);
    }
    table->total = table->count;
    record_write_batch(w.writer, "proc.test", &w.batch);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(r.batches, 1);
    assert_true(w.bytes.n < 2000);
    reading_done(&r);
    writing_done(&w);
}

static void
test_record__a_full_buffer_ends_with_a_whole_record(void **state)
{
    (void)state;
    for (size_t max = 0; max < 4000; max += 61) {
        struct writing w;
        struct reading r;
        writing_init(&w);
        reading_init(&r);
        buf_done(&w.bytes);
        buf_init(&w.bytes, max);
        write_ticks(&w, 9);
        assert_true(w.bytes.full && record_writer_dropped(w.writer) > 0);
        assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
        assert_true(record_reader_finish(r.reader) == (w.bytes.n == 0 ? -ENODATA : 0));
        assert_int_equal(r.ends, 0);
        reading_done(&r);
        writing_done(&w);
    }
}

static void
check_clean(struct reading *r, const char *source, const struct batch *batch)
{
    (void)r;
    assert_string_equal(source, "s?[2J");
    assert_string_equal(table_row(batch->tables[0], 0)[1].text, "?[31mred?");
    assert_string_equal(batch->columns[0]->labels, "kind=?[0m");
}

static void
test_record__texts_are_cleaned(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.check = check_clean;
    write_hello(&w);
    begin_tick(&w, 1);
    batch_put(&w.batch, &metrics[2], "kind=\033[0m", 1);
    struct table *table = batch_table(&w.batch, &rows_def, 1);
    table_add(table, &w.arena)[1].text = "\033[31mred\xff";
    record_write_batch(w.writer, "s\033[2J", &w.batch);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(r.batches, 1);
    reading_done(&r);
    writing_done(&w);
}

static void
check_alike(struct reading *r, const char *source, const struct batch *batch)
{
    (void)r;
    (void)source;
    assert_int_equal(batch->column_count, 1);
    assert_int_equal(batch->dropped, 1);
    assert_true(batch->values[0] == 1);
}

/* Two series whose labels are the same once cleaned: the first has the name. */
static void
test_record__series_alike_once_cleaned_are_one(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.check = check_alike;
    write_hello(&w);
    begin_tick(&w, 1);
    batch_put(&w.batch, &metrics[2], "kind=\001", 1);
    batch_put(&w.batch, &metrics[2], "kind=\002", 2);
    record_write_batch(w.writer, "proc.test", &w.batch);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(r.batches, 1);
    reading_done(&r);
    writing_done(&w);
}

/* ---- changes ---- */

/* Counters of several kinds that grow or stand, gauges, gaps, columns that come late, rows that
 * come and go and change places. */
static void
write_evolving(struct writing *w, unsigned tick)
{
    static const double scales[] = {1, 0.01, 0.001, 1e-6, 1e-9};
    begin_tick(w, tick);
    for (unsigned i = 0; i < 30 + tick / 4; i++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "cpu=%u,state=a", i);
        unsigned moved = i % 3 == 0 ? 0 : tick * (i * 7919 + 3);
        batch_put(&w->batch, &metrics[0], labels,
                  (i + tick) % 17 == 5 ? (double)NAN : (moved + i * 1e6) * scales[i % 5]);
        snprintf(labels, sizeof(labels), "kind=%u", i);
        batch_put(&w->batch, &metrics[2], labels, odd_values[(i + tick / 3) % 16] / (1 + i % 2));
    }
    struct table *table = batch_table(&w->batch, &rows_def, 4);
    for (unsigned i = 0; i < 12 + tick % 5; i++) {
        union cell *row = table_add(table, &w->arena);
        unsigned id = tick % 7 == 3 ? 100 - i : i + tick / 5;
        row[0].integer = id % 11 == 7 ? CELL_UNKNOWN : (int64_t)id;
        row[1].text = id % 4 == 0 ? NULL : arena_printf(&w->arena, "worker-%u", id + tick / 9);
        row[2].real = id % 5 == 0 ? (double)NAN : id + tick / 4 * 0.25;
    }
    table->total = table->count + 3;
    batch_fail(&w->batch, tick % 6 == 5 ? SOURCE_DEGRADED : SOURCE_OK, "tick %u", tick);
    record_write_changes(w->writer, "proc.test", &w->batch);
}

static void
feed_rest(struct reading *r, const struct writing *w, size_t *fed)
{
    record_reader_feed(r->reader, w->bytes.data + *fed, w->bytes.n - *fed);
    assert_string_equal(record_reader_why(r->reader), "");
    *fed = w->bytes.n;
}

static void
test_record__changes_come_out_as_whole_batches(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.expected = &w;
    r.check = check_same_batch;
    write_hello(&w);
    size_t fed = 0;
    for (unsigned tick = 0; tick < 60; tick++) {
        write_evolving(&w, tick);
        if (tick == 30) { /* a whole one between */
            record_write_batch(w.writer, "proc.test", &w.batch);
        }
        feed_rest(&r, &w, &fed);
    }
    assert_int_equal(r.batches, 61);
    assert_true(record_reader_dropped(r.reader) == 0 && record_writer_dropped(w.writer) == 0);
    reading_done(&r);
    writing_done(&w);
}

static void
test_record__what_did_not_change_costs_little(void **state)
{
    (void)state;
    struct writing w;
    writing_init(&w);
    write_hello(&w);
    for (unsigned tick = 0; tick < 2; tick++) {
        begin_tick(&w, tick);
        for (unsigned i = 0; i < 500; i++) {
            char labels[64];
            snprintf(labels, sizeof(labels), "kind=%u", i);
            batch_put(&w.batch, &metrics[2], labels, i / 7.0);
        }
        put_rows(&w, 1, 200);
        size_t before = w.bytes.n;
        record_write_changes(w.writer, "proc.test", &w.batch);
        assert_true(tick == 0 ? w.bytes.n - before > 3000 : w.bytes.n - before < 100);
    }
    writing_done(&w);
}

/* A reader that misses a tick is not misled: it gets nothing until the source comes whole. */
static void
test_record__changes_of_what_is_missing_are_passed_over(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.expected = &w;
    r.check = check_same_batch;
    write_hello(&w);
    size_t fed = 0;
    for (unsigned tick = 0; tick < 10; tick++) {
        struct record_mark mark = record_writer_mark(w.writer);
        size_t before = w.bytes.n;
        write_evolving(&w, tick);
        struct buf state_bytes;
        buf_init(&state_bytes, 1 << 20);
        if (tick == 4) { /* its names only */
            struct record_state names = {.known = mark, .since_mono_ns = INT64_MAX};
            record_write_state(w.writer, &names, &state_bytes);
            assert_int_equal(record_reader_feed(r.reader, state_bytes.data, state_bytes.n), 0);
            fed = w.bytes.n;
            assert_true(before < fed);
        } else {
            feed_rest(&r, &w, &fed);
        }
        if (tick == 7) { /* what it missed, whole */
            assert_true(record_reader_dropped(r.reader) == 3);
            struct record_state whole = {.known = record_writer_mark(w.writer),
                                         .since_mono_ns = 3 * NS_PER_S};
            record_write_state(w.writer, &whole, &state_bytes);
            assert_int_equal(record_reader_feed(r.reader, state_bytes.data, state_bytes.n), 0);
        }
        buf_done(&state_bytes);
    }
    assert_int_equal(r.batches, 4 + 1 + 2);
    reading_done(&r);
    writing_done(&w);
}

static const struct evidence proofs[] = {{"busy", "98 %", "t.level", "cpu=1"},
                                         {"tasks", "4", NULL, NULL}};
static const struct finding found[] = {
    {.id = "disk.saturated:sda",
     .sentence = "disk sda is busy",
     .short_sentence = "sda busy",
     .culprit = "dd (812)",
     .advice = "wait",
     .culprit_pid = 812,
     .since_wall_ns = 1700000000123456789,
     .until_wall_ns = 1700000001123456789,
     .impact = 81,
     .level = LEVEL_CRITICAL,
     .evidence = proofs,
     .evidence_count = ARRAY_SIZE(proofs)},
    {.id = "x", .sentence = "something"},
};

static void
test_record__a_reader_that_joins_is_where_the_others_are(void **state)
{
    (void)state;
    static const struct record_findings findings = {found, 2, "cpu, disk", "network: no rights"};
    struct writing w;
    struct reading first, late;
    writing_init(&w);
    reading_init(&first);
    reading_init(&late);
    first.expected = late.expected = &w;
    first.check = late.check = check_same_batch;
    first.expected_findings = late.expected_findings = &findings;
    write_hello(&w);
    size_t fed = 0;
    struct record_hello hello = {.protocol = 1, .protocol_min = 1, .interval_ns = NS_PER_S};
    for (unsigned tick = 0; tick < 40; tick++) {
        write_evolving(&w, tick);
        record_write_findings(w.writer, &findings);
        struct record_tick whole = {w.batch.at, NS_PER_S, tick, 2};
        record_write_tick(w.writer, &whole);
        size_t before = fed;
        feed_rest(&first, &w, &fed);
        if (tick > 19) {
            assert_int_equal(
                record_reader_feed(late.reader, w.bytes.data + before, w.bytes.n - before), 0);
        } else if (tick == 19) {
            struct buf joined;
            buf_init(&joined, 1 << 20);
            struct record_state join = {.hello = &hello, .since_mono_ns = INT64_MIN};
            record_write_state(w.writer, &join, &joined);
            assert_int_equal(record_reader_feed(late.reader, joined.data, joined.n), 0);
            assert_int_equal(late.hellos, 1);
            buf_done(&joined);
        }
    }
    assert_int_equal(first.batches, 40);
    assert_int_equal(first.ticks, 40);
    assert_int_equal(first.findings, 1);
    assert_int_equal(late.batches, 21);
    assert_int_equal(late.ticks, 21);
    assert_int_equal(late.findings, 1);
    assert_true(late.tick.number == 39 && late.tick.missed == 2 &&
                late.tick.at.mono_ns == 39 * NS_PER_S && late.tick.interval_ns == NS_PER_S);
    assert_true(record_reader_dropped(late.reader) == 0);
    reading_done(&first);
    reading_done(&late);
    writing_done(&w);
}

static void
check_top(struct reading *r, const char *source, const struct batch *batch)
{
    (void)source;
    const struct table *want = r->expected->batch.tables[0], *got = batch->tables[0];
    if (r->batches > 1) {
        check_table(got, want);
        return;
    }
    assert_int_equal(got->count, 10);
    assert_int_equal(got->total, want->total);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(table_row(got, i)[2].real == 199 - i);
    }
}

/* The top rows first, all of them with the next tick, then changes as for everybody. */
static void
test_record__tables_can_be_cut_for_the_first_screen(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    r.expected = &w;
    r.check = check_top;
    struct record_hello hello = {.protocol = 1, .protocol_min = 1, .interval_ns = NS_PER_S};
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    struct record_mark mark = {0};
    for (unsigned tick = 0; tick < 4; tick++) {
        begin_tick(&w, tick);
        struct table *table = batch_table(&w.batch, &rows_def, 4);
        for (unsigned i = 0; i < 200; i++) {
            union cell *row = table_add(table, &w.arena);
            row[0].integer = i;
            row[1].text = arena_printf(&w.arena, "worker-%u", i + tick);
            row[2].real = i * 77 % 200;
        }
        table->total = 200;
        buf_clear(&w.bytes);
        record_write_changes(w.writer, "proc.test", &w.batch);
        buf_clear(&bytes);
        struct record_state join = {.hello = tick == 0 ? &hello : NULL,
                                    .known = mark,
                                    .since_mono_ns = tick == 0 ? INT64_MIN : INT64_MAX,
                                    .rows_max = tick == 0 ? 10 : 0,
                                    .rows_had = tick == 0 ? 0 : 10};
        record_write_state(w.writer, &join, &bytes);
        mark = record_writer_mark(w.writer);
        const struct buf *from = tick < 2 ? &bytes : &w.bytes;
        assert_int_equal(record_reader_feed(r.reader, from->data, from->n), 0);
    }
    assert_int_equal(r.batches, 4);
    assert_true(record_reader_dropped(r.reader) == 0);
    buf_done(&bytes);
    reading_done(&r);
    writing_done(&w);
}

static void
test_record__history_goes_to_one_reader(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    writing_init(&w);
    reading_init(&r);
    write_hello(&w);
    const struct series *series[] = {catalog_series(w.catalog, &metrics[1], "")};
    struct layout *layout = layout_new(series, 1);
    struct head *head = head_new(layout, 0);
    for (int i = 0; i < 3; i++) {
        head->mono_ns[i] = i;
        head->values[i] = i;
    }
    struct chunk *chunk = chunk_seal(head, 3);
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    record_write_history(w.writer, "proc.test", chunk, &bytes);
    assert_true(bytes.n == 0 && record_writer_dropped(w.writer) == 1);
    record_write_names(w.writer, layout);
    size_t shared = w.bytes.n;
    record_write_history(w.writer, "proc.test", chunk, &bytes);
    assert_int_equal(w.bytes.n, shared);
    assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), 0);
    assert_int_equal(record_reader_feed(r.reader, bytes.data, bytes.n), 0);
    assert_int_equal(r.chunks, 1);
    buf_done(&bytes);
    chunk_release(chunk);
    head_release(head);
    layout_release(layout);
    reading_done(&r);
    writing_done(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record__batches_come_back_bit_for_bit),
        cmocka_unit_test(test_record__metrics_and_tables_describe_themselves),
        cmocka_unit_test(test_record__a_known_definition_is_preferred),
        cmocka_unit_test(test_record__any_portions_read_the_same),
        cmocka_unit_test(test_record__what_stands_before_a_tear_stays),
        cmocka_unit_test(test_record__every_flipped_bit_is_noticed),
        cmocka_unit_test(test_record__unknown_records_and_names_are_skipped),
        cmocka_unit_test(test_record__refuses_what_is_no_stream),
        cmocka_unit_test(test_record__order_and_protocol_are_checked),
        cmocka_unit_test(test_record__times_beyond_reason_are_damage),
        cmocka_unit_test(test_record__chunks_come_back_and_share_layouts),
        cmocka_unit_test(test_record__series_the_catalog_refuses_are_counted),
        cmocka_unit_test(test_record__texts_pass_when_the_dictionary_is_full),
        cmocka_unit_test(test_record__tables_of_equal_rows_are_read),
        cmocka_unit_test(test_record__a_full_buffer_ends_with_a_whole_record),
        cmocka_unit_test(test_record__texts_are_cleaned),
        cmocka_unit_test(test_record__series_alike_once_cleaned_are_one),
        cmocka_unit_test(test_record__changes_come_out_as_whole_batches),
        cmocka_unit_test(test_record__what_did_not_change_costs_little),
        cmocka_unit_test(test_record__changes_of_what_is_missing_are_passed_over),
        cmocka_unit_test(test_record__a_reader_that_joins_is_where_the_others_are),
        cmocka_unit_test(test_record__tables_can_be_cut_for_the_first_screen),
        cmocka_unit_test(test_record__history_goes_to_one_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
