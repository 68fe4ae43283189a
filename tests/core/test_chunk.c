/* Chunks: what a head held comes back, and nothing else is a chunk. */
#include "../check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/chunk.h"

#define COLUMNS 40

static double
value_at(size_t column, size_t tick)
{
    switch (column % 5) {
    case 0:
        return 0;
    case 1:
        return 1e6 + (double)(tick * column * 4096);
    case 2:
        return tick % 7 == 3 ? (double)NAN : (double)column / 100;
    case 3:
        return sin((double)(tick + column));
    default:
        return (double)NAN;
    }
}

static struct head *
make_head(size_t columns)
{
    const struct series *series[COLUMNS] = {NULL};
    struct layout *layout = layout_new(series, columns);
    struct head *head = head_new(layout, INT64_C(1700000000) * NS_PER_S);
    assert_non_null(head);
    layout_release(layout);
    for (size_t tick = 0; tick < CHUNK_TICKS; tick++) {
        head->mono_ns[tick] = 5 * NS_PER_S + (int64_t)tick * NS_PER_S + (int64_t)(tick * tick % 11);
        for (size_t column = 0; column < columns; column++) {
            head->values[column * CHUNK_TICKS + tick] = value_at(column, tick);
        }
    }
    return head;
}

static void
check_same(const struct chunk *chunk, const struct head *head, size_t n)
{
    int64_t times[CHUNK_TICKS];
    double values[CHUNK_TICKS];
    assert_int_equal(chunk->ticks, n);
    assert_int_equal(chunk->first_ns, head->mono_ns[0]);
    assert_int_equal(chunk->last_ns, head->mono_ns[n - 1]);
    assert_int_equal(chunk->wall_offset_ns, head->wall_offset_ns);
    assert_true(chunk_times(chunk, times));
    assert_memory_equal(times, head->mono_ns, n * sizeof(times[0]));
    for (size_t column = 0; column < head->layout->count; column++) {
        assert_true(chunk_column(chunk, column, values));
        assert_memory_equal(values, head->values + column * CHUNK_TICKS, n * sizeof(values[0]));
    }
    assert_false(chunk_column(chunk, head->layout->count, values));
}

static void
test_chunk__seal_and_parse_keep_everything(void **state)
{
    (void)state;
    static const size_t widths[] = {0, 1, 15, 16, 17, COLUMNS};
    for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
        struct head *head = make_head(widths[i]);
        for (size_t n = 1; n <= CHUNK_TICKS; n++) {
            struct chunk *sealed = chunk_seal(head, n);
            assert_non_null(sealed);
            check_same(sealed, head, n);
            struct chunk *parsed = chunk_parse(head->layout, sealed->bytes, sealed->size);
            assert_non_null(parsed);
            check_same(parsed, head, n);
            chunk_release(parsed);
            chunk_release(sealed);
        }
        head_release(head);
    }
}

static void
test_chunk__is_freed_with_its_last_reference(void **state)
{
    (void)state;
    struct head *head = make_head(3);
    struct layout *layout = head->layout;
    struct chunk *chunk = chunk_seal(head, 5);
    assert_int_equal(layout->refs, 2);
    assert_ptr_equal(chunk_acquire(chunk), chunk);
    assert_int_equal(chunk->refs, 2);
    chunk_release(chunk);
    assert_int_equal(layout->refs, 2);
    chunk_release(chunk);
    assert_int_equal(layout->refs, 1);
    chunk_release(NULL);
    head_release(head);
}

static void
test_chunk__memory_counts_all_of_it(void **state)
{
    (void)state;
    struct head *head = make_head(COLUMNS);
    struct chunk *chunk = chunk_seal(head, CHUNK_TICKS);
    assert_in_range(chunk_memory(chunk), sizeof(*chunk) + chunk->size,
                    sizeof(*chunk) + chunk->size + COLUMNS);
    assert_true(chunk_memory(chunk) < CHUNK_TICKS * COLUMNS * sizeof(double) / 2);
    chunk_release(chunk);
    head_release(head);
}

static void
test_chunk__other_layouts_are_refused(void **state)
{
    (void)state;
    struct head *head = make_head(4), *other = make_head(5);
    struct chunk *chunk = chunk_seal(head, 9);
    assert_null(chunk_parse(other->layout, chunk->bytes, chunk->size));
    chunk_release(chunk);
    head_release(other);
    head_release(head);
}

/* Whatever is taken must be readable to the end. */
static void
check_hostile(struct layout *layout, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    struct chunk *chunk = chunk_parse(layout, copy, size);
    free(copy);
    if (chunk != NULL) {
        int64_t times[CHUNK_TICKS];
        double values[CHUNK_TICKS];
        assert_in_range(chunk->ticks, 1, CHUNK_TICKS);
        assert_true(chunk_times(chunk, times));
        for (size_t i = 0; i < layout->count; i++) {
            assert_true(chunk_column(chunk, i, values));
        }
        chunk_release(chunk);
    }
}

static void
test_chunk__truncated_bytes_are_refused(void **state)
{
    (void)state;
    struct head *head = make_head(20);
    struct chunk *chunk = chunk_seal(head, CHUNK_TICKS);
    for (size_t size = 0; size < chunk->size; size++) {
        uint8_t *copy = malloc(size > 0 ? size : 1);
        memcpy(copy, chunk->bytes, size);
        assert_null(chunk_parse(head->layout, copy, size));
        free(copy);
    }
    uint8_t *longer = calloc(1, chunk->size + 1);
    memcpy(longer, chunk->bytes, chunk->size);
    assert_null(chunk_parse(head->layout, longer, chunk->size + 1));
    free(longer);
    chunk_release(chunk);
    head_release(head);
}

static void
test_chunk__flipped_bits_are_harmless(void **state)
{
    (void)state;
    struct head *head = make_head(20);
    struct chunk *chunk = chunk_seal(head, CHUNK_TICKS);
    for (size_t bit = 0; bit < chunk->size * 8; bit++) {
        chunk->bytes[bit / 8] = (uint8_t)(chunk->bytes[bit / 8] ^ 1 << bit % 8);
        check_hostile(head->layout, chunk->bytes, chunk->size);
        chunk->bytes[bit / 8] = (uint8_t)(chunk->bytes[bit / 8] ^ 1 << bit % 8);
    }
    chunk_release(chunk);
    head_release(head);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk__seal_and_parse_keep_everything),
        cmocka_unit_test(test_chunk__is_freed_with_its_last_reference),
        cmocka_unit_test(test_chunk__memory_counts_all_of_it),
        cmocka_unit_test(test_chunk__other_layouts_are_refused),
        cmocka_unit_test(test_chunk__truncated_bytes_are_refused),
        cmocka_unit_test(test_chunk__flipped_bits_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
