/* Kept rows: one row followed over sealed chunks and the growing end, whatever slot it had. */
#include "../check.h"

#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/picture.h"
#include "flametop/core/record.h"

static const struct column columns[] = {
    {"row.name", "NAME", "", "Name.", COLUMN_TEXT, COLUMN_KEEP, 8},
    {"row.id", "ID", "", "Id.", COLUMN_INTEGER, COLUMN_KEY | COLUMN_KEEP, 8},
    {"row.secret", "X", "", "Not kept.", COLUMN_REAL, 0, 8},
    {"row.rank", "RANK", "1", "Rank.", COLUMN_REAL, COLUMN_RANK | COLUMN_KEEP, 8},
    {"row.size", "SIZE", "By", "Size.", COLUMN_REAL, COLUMN_KEEP, 8},
};
static const struct table_def def = {"rows", "Rows", "Rows.", columns, ARRAY_SIZE(columns), 3, 2};
static const size_t wanted[] = {4, 3};

#define TICKS 150

/* Three rows of which two are kept. Row 7 is among them but for the ticks 40-49, and then comes
 * back, to whichever slot is free. */
static struct kept *
make(struct keep **ret_keep)
{
    struct keep *keep = keep_new(&def);
    assert_non_null(keep);
    for (int tick = 0; tick < TICKS; tick++) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        struct table *table = table_new(&arena, &def, 3);
        for (int64_t id = 6; id <= 8; id++) {
            union cell *row = table_add(table, &arena);
            row[0].text = id == 7 ? "seven" : "other";
            row[1].integer = id;
            row[2].real = 5;
            row[3].real = id == 7     ? (tick >= 40 && tick < 50 ? 0.01 : 0.5)
                          : id == 6   ? 0.2
                          : tick < 20 ? 0.1
                                      : 0.3;
            row[4].real = id == 7 && tick == 60 ? (double)NAN : (double)(id * 1000 + tick);
        }
        int64_t mono_ns = (tick + 1) * NS_PER_S;
        keep_add(keep, table, (struct instant){.mono_ns = mono_ns, .wall_ns = mono_ns});
        arena_done(&arena);
    }
    *ret_keep = keep;
    struct kept *kept = keep_view(keep);
    assert_non_null(kept);
    return kept;
}

static void
test_keep__a_row_over_time(void **state)
{
    (void)state;
    struct keep *keep;
    struct kept *kept = make(&keep);
    int64_t times[TICKS];
    double values[TICKS * 2];
    size_t n = kept_row_values(kept, 7, wanted, 2, 0, INT64_MAX, times, values, TICKS);
    assert_int_equal(n, TICKS - 10);
    for (size_t i = 0; i < n; i++) {
        int64_t tick = (int64_t)(i < 40 ? i : i + 10);
        assert_true(times[i] == (tick + 1) * NS_PER_S);
        if (tick == 60) {
            assert_true(isnan(values[2 * i]));
        } else {
            assert_true((int64_t)values[2 * i] == 7000 + tick);
        }
        assert_true(fabs(values[2 * i + 1] - 0.5) < 1e-12);
    }
    assert_int_equal(kept_row_values(kept, 9, wanted, 2, 0, INT64_MAX, times, values, TICKS), 0);
    kept_release(kept);
    keep_free(keep);
}

static void
test_keep__a_row_within_bounds(void **state)
{
    (void)state;
    struct keep *keep;
    struct kept *kept = make(&keep);
    int64_t times[4] = {0};
    double values[8];
    /* After 100 s, up to 110 s, the newest four. */
    assert_int_equal(
        kept_row_values(kept, 7, wanted, 2, 100 * NS_PER_S, 110 * NS_PER_S, times, values, 4), 4);
    assert_true(times[0] == 107 * NS_PER_S && times[3] == 110 * NS_PER_S);
    assert_true((int64_t)values[6] == 7109);
    assert_int_equal(
        kept_row_values(kept, 7, wanted, 2, 148 * NS_PER_S, INT64_MAX, times, values, 4), 2);
    assert_true(times[0] == 149 * NS_PER_S && (int64_t)values[0] == 7148);
    assert_int_equal(
        kept_row_values(kept, 7, wanted, 2, 200 * NS_PER_S, INT64_MAX, times, values, 4), 0);
    kept_release(kept);
    keep_free(keep);
}

/* More texts than one dictionary takes: with a fresh one, old chunks keep theirs. */
static void
test_keep__texts_outlive_their_dictionary(void **state)
{
    (void)state;
    struct keep *keep = keep_new(&def);
    assert_non_null(keep);
    int64_t ticks = (int64_t)CHUNK_TICKS * 40;
    for (int64_t tick = 1; tick <= ticks; tick++) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        struct table *table = table_new(&arena, &def, 1);
        union cell *row = table_add(table, &arena);
        row[0].text = arena_printf(&arena, "text-%d", (int)tick);
        row[1].integer = 7;
        row[3].real = 1;
        keep_add(keep, table,
                 (struct instant){.mono_ns = tick * NS_PER_S, .wall_ns = tick * NS_PER_S});
        arena_done(&arena);
    }
    struct kept *kept = keep_view(keep);
    const struct chunk_list *chunks = keep_history(keep)->chunks;
    assert_ptr_not_equal(chunks->chunks[0]->layout, chunks->chunks[chunks->count - 1]->layout);
    size_t alone = 0;
    for (size_t i = 0; i < chunks->count; i++) {
        alone += chunk_memory(chunks->chunks[i]);
    }
    assert_true(keep_history(keep)->bytes > alone); /* and the dictionary only chunks need */
    while (history_drop_oldest(keep_history(keep))) {
    }
    assert_int_equal(keep_history(keep)->bytes, 0);
    for (int64_t tick = 1; tick <= ticks; tick += 61) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        struct table *table = kept_table_at(kept, tick * NS_PER_S, &arena);
        assert_non_null(table);
        assert_int_equal(table->count, 1);
        assert_string_equal(table_row(table, 0)[0].text,
                            arena_printf(&arena, "text-%d", (int)tick));
        arena_done(&arena);
    }
    kept_release(kept);
    keep_free(keep);
}

/* Sentences with numbers in them are others at each tick: none is lost before a dictionary is due.
 */
static void
test_keep__texts_that_change_find_room(void **state)
{
    (void)state;
    enum { ROWS = 8, CHANGES = 4 * CHUNK_TICKS };
    static const struct table_def wide = {"rows", "Rows", "Rows.", columns, ARRAY_SIZE(columns),
                                          3,      ROWS};
    struct keep *keep = keep_new(&wide);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int64_t tick = 1; tick <= CHANGES; tick++) {
        arena_clear(&arena);
        struct table *table = table_new(&arena, &wide, ROWS);
        for (int64_t id = 1; id <= ROWS; id++) {
            union cell *row = table_add(table, &arena);
            row[0].text = arena_printf(&arena, "%0200d", (int)(tick * ROWS + id));
            row[1].integer = id;
            row[3].real = 1;
        }
        keep_add(keep, table, (struct instant){.mono_ns = tick, .wall_ns = tick});
    }
    struct kept *kept = keep_view(keep);
    for (int64_t tick = 1; tick <= CHANGES; tick++) {
        arena_clear(&arena);
        const struct table *table = kept_table_at(kept, tick, &arena);
        assert_int_equal(table->count, ROWS);
        for (size_t i = 0; i < ROWS; i++) {
            const union cell *row = table_row(table, i);
            assert_string_equal(
                row[0].text, arena_printf(&arena, "%0200d", (int)(tick * ROWS + row[1].integer)));
        }
    }
    arena_done(&arena);
    kept_release(kept);
    keep_free(keep);
}

/* The same rows as another version has them: other places, a column more and two less. */
static const struct column other_columns[] = {
    {"row.rank", "RANK", "1", "Rank.", COLUMN_REAL, COLUMN_RANK | COLUMN_KEEP, 8},
    {"row.new", "NEW", "", "New.", COLUMN_INTEGER, COLUMN_KEEP, 8},
    {"row.id", "ID", "", "Id.", COLUMN_INTEGER, COLUMN_KEY | COLUMN_KEEP, 8},
    {"row.name", "NAME", "", "Name.", COLUMN_TEXT, COLUMN_KEEP, 8},
};
static const struct table_def other_def = {
    "rows", "Rows", "Rows.", other_columns, ARRAY_SIZE(other_columns), 0, 2};

struct arrival {
    struct keep *keep;
    unsigned parts, refused;
};

static void
on_kept(void *context, const struct kept_part *part)
{
    struct arrival *arrival = context;
    arrival->parts++;
    arrival->refused += !keep_add_part(arrival->keep, part);
}

/* Everything as bytes, newest first, twice: what is there already is refused. */
static void
write_all(const struct kept *kept, struct buf *bytes)
{
    struct record_writer *writer = record_writer_new(bytes);
    struct record_hello hello = {.protocol = 1, .protocol_min = 1, .interval_ns = NS_PER_S};
    record_write_hello(writer, &hello);
    record_write_table_name(writer, &def);
    for (size_t i = 0; i < 2 * kept_chunk_count(kept); i++) {
        struct chunk *chunk = kept_chunk(kept, i % kept_chunk_count(kept));
        record_write_kept(writer, &def, chunk, bytes);
        chunk_release(chunk);
    }
    assert_true(record_writer_dropped(writer) == 0);
    record_writer_free(writer);
}

/* All of it in another, which has the definition, by way of bytes. */
static struct arrival
send_over(const struct kept *kept, const struct table_def *other)
{
    struct arrival arrival = {.keep = keep_new(other)};
    struct record_events events = {.context = &arrival, .kept = on_kept};
    struct catalog *catalog = catalog_new(10);
    struct record_reader *reader = record_reader_new(catalog, &events);
    struct buf bytes;
    buf_init(&bytes, 8 << 20);
    write_all(kept, &bytes);
    record_reader_tables(reader, &other, 1);
    assert_int_equal(record_reader_feed(reader, bytes.data, bytes.n), 0);
    record_reader_free(reader);
    catalog_free(catalog);
    buf_done(&bytes);
    return arrival;
}

static const union cell *
row_of(const struct table *table, size_t key_column, int64_t key)
{
    for (size_t i = 0; table != NULL && i < table->count; i++) {
        if (table_row(table, i)[key_column].integer == key) {
            return table_row(table, i);
        }
    }
    return NULL;
}

static void
check_same_rows(const struct kept *a, const struct kept *b, int64_t mono_ns)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    const struct table *before = kept_table_at(a, mono_ns, &arena);
    const struct table *after = kept_table_at(b, mono_ns, &arena);
    assert_non_null(after);
    assert_int_equal(after->count, 2);
    for (int64_t id = 6; id <= 8; id++) {
        const union cell *from = row_of(before, 1, id), *to = row_of(after, 2, id);
        assert_true((from == NULL) == (to == NULL));
        if (to != NULL) {
            assert_string_equal(to[3].text, id == 7 ? "seven" : "other");
            assert_true(memcmp(&to[0].real, &from[3].real, sizeof(double)) == 0);
            assert_true(to[1].integer == CELL_UNKNOWN);
        }
    }
    arena_done(&arena);
}

static void
test_keep__rows_travel_to_another(void **state)
{
    (void)state;
    struct keep *keep;
    struct kept *kept = make(&keep);
    struct arrival arrival = send_over(kept, &other_def);
    assert_true(arrival.parts == 6 && arrival.refused == 3);
    struct kept *there = keep_view(arrival.keep);
    for (int tick = 1; tick <= TICKS; tick++) {
        check_same_rows(kept, there, tick * NS_PER_S);
    }
    assert_true(kept_newest(there) == kept_newest(kept) && kept_newest(kept) == TICKS * NS_PER_S);
    kept_release(there);
    kept_release(kept);
    keep_free(arrival.keep);
    keep_free(keep);
}

/* Hours come at once, with more texts than a dictionary takes. */
static void
test_keep__all_texts_travel(void **state)
{
    (void)state;
    int64_t ticks = (int64_t)CHUNK_TICKS * 80;
    struct keep *keep = keep_new(&def);
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (int64_t tick = 1; tick <= ticks; tick++) {
        arena_clear(&arena);
        struct table *table = table_new(&arena, &def, 1);
        union cell *row = table_add(table, &arena);
        row[0].text = arena_printf(&arena, "text-%d", (int)tick);
        row[1].integer = 7;
        row[3].real = 1;
        keep_add(keep, table, (struct instant){.mono_ns = tick, .wall_ns = tick});
    }
    struct kept *kept = keep_view(keep);
    struct arrival arrival = send_over(kept, &def);
    struct kept *there = keep_view(arrival.keep);
    for (int64_t tick = 1; tick <= ticks; tick += 61) {
        arena_clear(&arena);
        const struct table *table = kept_table_at(there, tick, &arena);
        assert_non_null(table);
        assert_int_equal(table->count, 1);
        assert_non_null(table_row(table, 0)[0].text);
        assert_string_equal(table_row(table, 0)[0].text,
                            arena_printf(&arena, "text-%d", (int)tick));
    }
    kept_release(there);
    kept_release(kept);
    keep_free(arrival.keep);
    keep_free(keep);
    arena_done(&arena);
}

/* Bytes of others: whatever is cut off or flipped, nothing breaks. */
static void
test_keep__damaged_rows_are_refused(void **state)
{
    (void)state;
    struct keep *keep;
    struct kept *kept = make(&keep);
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    write_all(kept, &bytes);
    for (size_t n = 0; n < bytes.n; n += 7) {
        struct arrival arrival = {.keep = keep_new(&def)};
        struct record_events events = {.context = &arrival, .kept = on_kept};
        struct catalog *catalog = catalog_new(10);
        struct record_reader *reader = record_reader_new(catalog, &events);
        bytes.data[n] = (char)(bytes.data[n] ^ 16);
        record_reader_feed(reader, bytes.data, bytes.n);
        assert_true(record_reader_why(reader)[0] != '\0' ||
                    record_reader_finish(reader) != 0); /* the checksum, or a length */
        assert_in_range(arrival.parts, 0, 5);
        bytes.data[n] = (char)(bytes.data[n] ^ 16);
        record_reader_free(reader);
        catalog_free(catalog);
        keep_free(arrival.keep);
    }
    kept_release(kept);
    keep_free(keep);
    buf_done(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep__a_row_over_time),
        cmocka_unit_test(test_keep__a_row_within_bounds),
        cmocka_unit_test(test_keep__texts_outlive_their_dictionary),
        cmocka_unit_test(test_keep__texts_that_change_find_room),
        cmocka_unit_test(test_keep__rows_travel_to_another),
        cmocka_unit_test(test_keep__all_texts_travel),
        cmocka_unit_test(test_keep__damaged_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
