/* The record stream: what is written is read, whatever the portions; what is damaged stops where it
 * is. */
#include "../check.h"

#include "record_ends.h"

static void
test_record__batches_come_back_bit_for_bit(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    ends_open(&w, &r, check_same_batch);
    write_hello(&w);
    for (unsigned tick = 0; tick < 8; tick++) {
        write_tick(&w, tick);
        feed_rest(&r);
        assert_int_equal(r.batches, tick + 1);
    }
    record_write_end(w.writer);
    feed_rest(&r);
    assert_int_equal(record_reader_finish(r.reader), 0);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.hellos, 1);
    assert_string_equal(r.hello.host.name, "web-01");
    assert_string_equal(r.hello.host.kernel, "6.1");
    assert_string_equal(r.hello.instance, "4f");
    assert_int_equal(r.hello.host.cores, 16);
    assert_true(r.hello.host.core_limit == 2.5 && r.hello.interval_ns == NS_PER_S);
    assert_true(record_writer_dropped(w.writer) == 0);
    ends_close(&w, &r);
}

static void
test_record__metrics_and_tables_describe_themselves(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    ends_open(&w, &r, NULL);
    write_hello(&w);
    write_tick(&w, 1);
    feed_rest(&r);
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
    ends_close(&w, &r);
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
    ends_open(&w, &r, check_newer);
    record_reader_tables(r.reader, known, 1);
    write_hello(&w);
    write_tick(&w, 1);
    feed_rest(&r);
    assert_int_equal(r.batches, 1);
    ends_close(&w, &r);
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
    ends_open(&w, &r, NULL);
    write_hello(&w);
    put_record(&w.bytes, 77, "of a later version", 18);
    put_record(&w.bytes, 255, "", 0);
    put_record(&w.bytes, RECORD_NAMES,
               "\x63\x04"
               "abcd",
               6);
    write_tick(&w, 1);
    feed_rest(&r);
    assert_int_equal(r.batches, 1);
    ends_close(&w, &r);
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
        ends_open(&w, &r, check_times);
        write_hello(&w);
        batch_begin(&w.batch, (struct instant){times[i], 0, 0}, &w.arena);
        record_write_batch(w.writer, "s", &w.batch);
        assert_int_equal(record_reader_feed(r.reader, w.bytes.data, w.bytes.n), -EBADMSG);
        ends_close(&w, &r);
    }
}

static void
test_record__chunks_come_back_and_share_layouts(void **state)
{
    (void)state;
    struct writing w;
    struct reading r;
    ends_open(&w, &r, NULL);
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
    feed_rest(&r);
    assert_int_equal(r.chunks, 1);
    assert_int_equal(r.chunk->size, chunk->size);
    assert_memory_equal(r.chunk->bytes, chunk->bytes, chunk->size);
    assert_string_equal(r.chunk->layout->series[1]->labels, "cpu=0,state=user");
    assert_true(r.chunk->wall_offset_ns == 12345 && r.chunk->last_ns == chunk->last_ns);
    struct layout *first = layout_acquire(r.chunk->layout);
    size_t fed = w.bytes.n;
    record_write_chunk(w.writer, "proc.test", chunk);
    feed_rest(&r);
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
    ends_close(&w, &r);
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
    ends_open(&w, &r, NULL);
    struct record_events events = events_for(&r);
    struct catalog *small = catalog_new(5);
    record_reader_free(r.reader);
    r.reader = record_reader_new(small, &events);
    r.expected = &w;
    r.check = check_refused;
    write_hello(&w);
    write_tick(&w, 1);
    feed_rest(&r);
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
    ends_open(&w, &r, check_same_batch);
    write_hello(&w);
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
        feed_rest(&r);
    }
    assert_int_equal(r.batches, 4);
    assert_true(record_writer_dropped(w.writer) == 0);
    ends_close(&w, &r);
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
    ends_open(&w, &r, check_same_batch);
    write_hello(&w);
    begin_tick(&w, 1);
    struct table *table = batch_table(&w.batch, &def, 4);
    for (unsigned i = 0; i < 60000; i++) {
        table_add(table, &w.arena);
    }
    table->total = table->count;
    record_write_batch(w.writer, "proc.test", &w.batch);
    feed_rest(&r);
    assert_int_equal(r.batches, 1);
    assert_true(w.bytes.n < 2000);
    ends_close(&w, &r);
}

static void
test_record__a_full_buffer_ends_with_a_whole_record(void **state)
{
    (void)state;
    for (size_t max = 0; max < 4000; max += 61) {
        struct writing w;
        struct reading r;
        ends_open(&w, &r, NULL);
        buf_done(&w.bytes);
        buf_init(&w.bytes, max);
        write_ticks(&w, 9);
        assert_true(w.bytes.full && record_writer_dropped(w.writer) > 0);
        feed_rest(&r);
        assert_true(record_reader_finish(r.reader) == (w.bytes.n == 0 ? -ENODATA : 0));
        assert_int_equal(r.ends, 0);
        ends_close(&w, &r);
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
    ends_open(&w, &r, check_clean);
    write_hello(&w);
    begin_tick(&w, 1);
    batch_put(&w.batch, &metrics[2], "kind=\033[0m", 1);
    struct table *table = batch_table(&w.batch, &rows_def, 1);
    table_add(table, &w.arena)[1].text = "\033[31mred\xff";
    record_write_batch(w.writer, "s\033[2J", &w.batch);
    feed_rest(&r);
    assert_int_equal(r.batches, 1);
    ends_close(&w, &r);
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
    ends_open(&w, &r, check_alike);
    write_hello(&w);
    begin_tick(&w, 1);
    batch_put(&w.batch, &metrics[2], "kind=\001", 1);
    batch_put(&w.batch, &metrics[2], "kind=\002", 2);
    record_write_batch(w.writer, "proc.test", &w.batch);
    feed_rest(&r);
    assert_int_equal(r.batches, 1);
    ends_close(&w, &r);
}

/* ---- changes ---- */

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
