/* The record stream of one reader among many: what changed, the state who joins gets, history. */
#include "../check.h"

#include "record_ends.h"

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
test_record__changes_come_out_as_whole_batches(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    ends_open(&w, &r, check_same_batch);
    write_hello(&w);
    for (unsigned tick = 0; tick < 60; tick++) {
        write_evolving(&w, tick);
        if (tick == 30) { /* a whole one between */
            record_write_batch(w.writer, "proc.test", &w.batch);
        }
        feed_rest(&r);
    }
    assert_int_equal(r.batches, 61);
    assert_true(record_reader_dropped(r.reader) == 0 && record_writer_dropped(w.writer) == 0);
    ends_close(&w, &r);
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
    ends_open(&w, &r, check_same_batch);
    write_hello(&w);
    for (unsigned tick = 0; tick < 10; tick++) {
        struct record_mark mark = record_writer_mark(w.writer);
        size_t before = w.bytes.n;
        write_evolving(&w, tick);
        struct buf state_bytes;
        buf_init(&state_bytes, 1 << 20);
        if (tick == 4) { /* its names only */
            struct record_state names = {.known = mark};
            names.known.ticks = UINT64_MAX;
            record_write_state(w.writer, &names, &state_bytes);
            feed_bytes(&r, &state_bytes);
            r.fed = w.bytes.n;
            assert_true(before < r.fed);
        } else {
            feed_rest(&r);
        }
        if (tick == 7) { /* what it missed, whole */
            assert_true(record_reader_dropped(r.reader) == 3);
            struct record_state whole = {.known = record_writer_mark(w.writer)};
            record_write_state(w.writer, &whole, &state_bytes);
            feed_bytes(&r, &state_bytes);
        }
        buf_done(&state_bytes);
    }
    assert_int_equal(r.batches, 4 + 1 + 2);
    ends_close(&w, &r);
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
    struct link_status link = {.state = LINK_LIVE,
                               .target = "beam://a@b",
                               .kind = "beam",
                               .why = "",
                               .heard_mono_ns = 5,
                               .samples = 12,
                               .here = true};
    struct writing w;
    struct reading first, late;
    writing_init(&w);
    reading_init(&first);
    reading_init(&late);
    first.expected_link = late.expected_link = &link;
    first.expected = late.expected = &w;
    first.check = late.check = check_same_batch;
    first.expected_findings = late.expected_findings = &findings;
    write_hello(&w);
    struct record_hello hello = {.protocol = 1, .protocol_min = 1, .interval_ns = NS_PER_S};
    for (unsigned tick = 0; tick < 40; tick++) {
        write_evolving(&w, tick);
        record_write_findings(w.writer, &findings);
        link.heard_mono_ns += link.state == LINK_LIVE; /* which is no news */
        if (tick == 10) {
            link.state = LINK_LOST;
            link.why = "the node does not answer";
            link.retry_mono_ns = 77;
        }
        record_write_link(w.writer, &link);
        struct record_tick whole = {w.batch.at, NS_PER_S, tick, 2};
        record_write_tick(w.writer, &whole);
        feed_rest(&first);
        if (tick > 19) {
            feed_rest(&late);
        } else if (tick == 19) {
            struct buf joined;
            buf_init(&joined, 1 << 20);
            struct record_state join = {.hello = &hello};
            record_write_state(w.writer, &join, &joined);
            feed_bytes(&late, &joined);
            late.fed = w.bytes.n;
            assert_int_equal(late.hellos, 1);
            buf_done(&joined);
        }
    }
    assert_int_equal(first.batches, 40);
    assert_int_equal(first.ticks, 40);
    assert_int_equal(first.findings, 1);
    assert_int_equal(first.links, 2);
    assert_int_equal(late.batches, 21);
    assert_int_equal(late.ticks, 21);
    assert_int_equal(late.findings, 1);
    assert_int_equal(late.links, 1);
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
    ends_open(&w, &r, check_top);
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
                                    .rows_max = tick == 0 ? 10 : 0,
                                    .rows_had = tick == 0 ? 0 : 10};
        join.known.ticks = tick == 0 ? 0 : UINT64_MAX;
        record_write_state(w.writer, &join, &bytes);
        mark = record_writer_mark(w.writer);
        const struct buf *from = tick < 2 ? &bytes : &w.bytes;
        assert_int_equal(record_reader_feed(r.reader, from->data, from->n), 0);
    }
    assert_int_equal(r.batches, 4);
    assert_true(record_reader_dropped(r.reader) == 0);
    buf_done(&bytes);
    ends_close(&w, &r);
}

static void
test_record__history_goes_to_one_reader(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    ends_open(&w, &r, NULL);
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
    feed_rest(&r);
    feed_bytes(&r, &bytes);
    assert_int_equal(r.chunks, 1);
    buf_done(&bytes);
    chunk_release(chunk);
    head_release(head);
    layout_release(layout);
    ends_close(&w, &r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record__changes_come_out_as_whole_batches),
        cmocka_unit_test(test_record__what_did_not_change_costs_little),
        cmocka_unit_test(test_record__changes_of_what_is_missing_are_passed_over),
        cmocka_unit_test(test_record__a_reader_that_joins_is_where_the_others_are),
        cmocka_unit_test(test_record__tables_can_be_cut_for_the_first_screen),
        cmocka_unit_test(test_record__history_goes_to_one_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
