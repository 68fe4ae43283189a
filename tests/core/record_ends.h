/* The two ends of a record stream: what is written, and what a reader makes of it. */
#ifndef FLAMETOP_TESTS_CORE_RECORD_ENDS_H
#define FLAMETOP_TESTS_CORE_RECORD_ENDS_H

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

static inline void
writing_init(struct writing *w)
{
    w->catalog = catalog_new(1000);
    catalog_add(w->catalog, metrics, ARRAY_SIZE(metrics));
    buf_init(&w->bytes, (size_t)64 << 20);
    w->writer = record_writer_new(&w->bytes);
    batch_init(&w->batch, w->catalog);
    arena_init(&w->arena, (size_t)64 << 20);
}

static inline void
writing_done(struct writing *w)
{
    record_writer_free(w->writer);
    batch_done(&w->batch);
    arena_done(&w->arena);
    buf_done(&w->bytes);
    catalog_free(w->catalog);
}

static inline void
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

static inline void
begin_tick(struct writing *w, unsigned tick)
{
    arena_clear(&w->arena);
    struct instant at = {tick * NS_PER_S, INT64_C(1700000000) * NS_PER_S + tick * NS_PER_S,
                         tick * NS_PER_S};
    batch_begin(&w->batch, at, &w->arena);
}

static inline void
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

static inline void
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

static inline void
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
    size_t fed;               /* of what it wrote */
    unsigned hellos, batches, chunks, ends, tables, ticks, findings, links;
    struct record_tick tick;
    const struct record_findings *expected_findings;
    const struct link_status *expected_link;
    double sum;
    const struct table_def *def;
    struct record_hello hello;
    struct chunk *chunk;
    void (*check)(struct reading *, const char *source, const struct batch *);
};

static inline void
on_hello(void *context, const struct record_hello *hello)
{
    struct reading *r = context;
    r->hellos++;
    r->hello = *hello;
}

static inline void
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

static inline void
on_chunk(void *context, const char *source, struct chunk *chunk)
{
    struct reading *r = context;
    assert_string_equal(source, "proc.test");
    r->chunks++;
    chunk_release(r->chunk);
    r->chunk = chunk_acquire(chunk);
}

static inline void
on_end(void *context)
{
    struct reading *r = context;
    r->ends++;
}

static inline void
on_tick(void *context, const struct record_tick *tick)
{
    struct reading *r = context;
    r->ticks++;
    r->tick = *tick;
}

static inline void
check_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL) {
        assert_string_equal(a, b);
    }
}

static inline void
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

static inline void
on_link(void *context, const struct link_status *status)
{
    struct reading *r = context;
    const struct link_status *want = r->expected_link;
    bool live = want->state == LINK_LIVE;
    r->links++;
    check_text(status->target, want->target);
    check_text(status->kind, want->kind);
    check_text(status->why, want->why);
    assert_int_equal(status->state, want->state);
    assert_int_equal(status->samples, want->samples);
    assert_true(status->heard_mono_ns == (live ? 0 : want->heard_mono_ns) &&
                status->retry_mono_ns == (live ? 0 : want->retry_mono_ns) &&
                status->here == want->here);
}

static inline struct record_events
events_for(struct reading *r)
{
    return (struct record_events){.context = r,
                                  .hello = on_hello,
                                  .batch = on_batch,
                                  .chunk = on_chunk,
                                  .end = on_end,
                                  .tick = on_tick,
                                  .findings = on_findings,
                                  .link = on_link};
}

static inline void
reading_init(struct reading *r)
{
    *r = (struct reading){.catalog = catalog_new(1000)};
    struct record_events events = events_for(r);
    r->reader = record_reader_new(r->catalog, &events);
}

static inline void
reading_done(struct reading *r)
{
    chunk_release(r->chunk);
    record_reader_free(r->reader);
    catalog_free(r->catalog);
}

/* ---- both ---- */

/* `check`, which may be NULL, meets each batch that is read. */
static inline void
ends_open(struct writing *w, struct reading *r,
          void (*check)(struct reading *, const char *source, const struct batch *))
{
    writing_init(w);
    reading_init(r);
    r->expected = w;
    r->check = check;
}

static inline void
ends_close(struct writing *w, struct reading *r)
{
    reading_done(r);
    writing_done(w);
}

/* What was written since the last time; the reader has nothing against it. */
static inline void
feed_rest(struct reading *r)
{
    const struct buf *bytes = &r->expected->bytes;
    int error = record_reader_feed(r->reader, bytes->data + r->fed, bytes->n - r->fed);
    assert_string_equal(record_reader_why(r->reader), "");
    assert_int_equal(error, 0);
    r->fed = bytes->n;
}

/* Bytes that do not stand among what was written. */
static inline void
feed_bytes(struct reading *r, const struct buf *bytes)
{
    assert_int_equal(record_reader_feed(r->reader, bytes->data, bytes->n), 0);
}

/* ---- checks ---- */

static inline double
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
static inline void
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

static inline void
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

static inline void
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

#endif
