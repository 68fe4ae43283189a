/* Histories: what is sealed when, who may still read it, and that bytes are those of the chunks. */
#include "../check.h"

#include "flametop/base/macros.h"
#include "flametop/core/history.h"

static const struct metric metric = {.name = "m", .unit = "", .labels = "", .text = ""};
static const struct series series = {&metric, "", 0};
static const struct series *const columns[] = {&series};

static struct history
make(void)
{
    struct history history = {0};
    struct layout *layout = layout_new(columns, 1);
    history_set_layout(&history, layout);
    layout_release(layout);
    return history;
}

static void
add(struct history *history, int first, int count, int64_t wall_offset_ns)
{
    for (int tick = first; tick < first + count; tick++) {
        int64_t mono_ns = tick * NS_PER_S;
        struct instant at = {.mono_ns = mono_ns, .wall_ns = mono_ns + wall_offset_ns};
        struct head *head = history_begin(history, at);
        assert_non_null(head);
        head->values[history->head_ticks] = tick;
        history_commit(history, at);
    }
}

static void
test_history__a_full_head_is_sealed(void **state)
{
    (void)state;
    struct history history = make();
    add(&history, 0, CHUNK_TICKS, 0);
    assert_null(history.chunks);
    assert_true(history_oldest(&history) == INT64_MAX);
    assert_int_equal(history.bytes, 0);
    add(&history, CHUNK_TICKS, 1, 0);
    assert_int_equal(history.chunks->count, 1);
    assert_int_equal(history.chunks->chunks[0]->ticks, CHUNK_TICKS);
    assert_int_equal(history.head_ticks, 1);
    assert_true(history_oldest(&history) == 0);
    assert_int_equal(history.bytes, chunk_memory(history.chunks->chunks[0]));
    history_done(&history);
}

static void
test_history__other_columns_or_another_wall_clock_seal(void **state)
{
    (void)state;
    struct history history = make();
    add(&history, 0, 3, 0);
    add(&history, 3, 4, NS_PER_S); /* the wall clock was set */
    assert_int_equal(history.chunks->count, 1);
    assert_int_equal(history.chunks->chunks[0]->ticks, 3);
    assert_true(history.head->wall_offset_ns == NS_PER_S);
    struct layout *layout = layout_new(columns, 1);
    history_set_layout(&history, layout);
    layout_release(layout);
    assert_int_equal(history.chunks->count, 2);
    assert_int_equal(history.chunks->chunks[1]->ticks, 4);
    add(&history, 7, 1, NS_PER_S);
    assert_ptr_equal(history.head->layout, layout);
    history_done(&history);
}

static void
test_history__the_oldest_goes_and_readers_keep_it(void **state)
{
    (void)state;
    struct history history = make();
    add(&history, 0, 3 * CHUNK_TICKS + 1, 0);
    assert_int_equal(history.chunks->count, 3);
    struct chunk_list *held = chunk_list_acquire(history.chunks);
    size_t bytes = history.bytes, first = chunk_memory(held->chunks[0]);
    assert_true(history_drop_oldest(&history));
    assert_int_equal(history.chunks->count, 2);
    assert_true(history_oldest(&history) == CHUNK_TICKS * NS_PER_S);
    assert_int_equal(history.bytes, bytes - first);
    assert_true(history_drop_oldest(&history) && history_drop_oldest(&history));
    assert_false(history_drop_oldest(&history));
    assert_int_equal(history.bytes, 0);
    assert_int_equal(history.head_ticks, 1); /* the growing end stays */
    double values[CHUNK_TICKS];
    assert_int_equal(held->count, 3);
    assert_true(chunk_column(held->chunks[0], 0, values) && (int)values[5] == 5);
    chunk_list_release(held);
    history_done(&history);
}

static void
test_history__chunks_from_elsewhere_go_where_they_belong(void **state)
{
    (void)state;
    struct history other = make(), history = {0};
    add(&other, 0, 4 * CHUNK_TICKS, 0);
    add(&other, 4 * CHUNK_TICKS, 1, 0);
    struct chunk *const *chunks = other.chunks->chunks;
    assert_true(history_add_chunk(&history, chunks[2]));
    assert_true(history_add_chunk(&history, chunks[0]));
    assert_true(history_add_chunk(&history, chunks[1]));
    assert_false(history_add_chunk(&history, chunks[1]));
    assert_int_equal(history.chunks->count, 3);
    assert_int_equal(history.bytes,
                     chunk_memory(chunks[0]) + chunk_memory(chunks[1]) + chunk_memory(chunks[2]));
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(history.chunks->chunks[i], chunks[i]);
    }
    history_set_layout(&history, other.layout);
    add(&history, 3 * CHUNK_TICKS + 8, 1, 0);
    assert_false(history_add_chunk(&history, chunks[3])); /* it reaches into the head */
    history_done(&history);
    history_done(&other);
}

static struct chunk *
chunk_of(int first, int count)
{
    struct history other = make();
    add(&other, first, count, 0);
    struct chunk *chunk = chunk_seal(other.head, other.head_ticks);
    history_done(&other);
    return chunk;
}

/* A link was cut from 10 to 30: the head has ticks of both sides when what was missed comes. */
static void
test_history__what_was_missed_fits_into_the_head(void **state)
{
    (void)state;
    struct history history = make();
    struct chunk *late = chunk_of(20, 10), *early = chunk_of(10, 10), *wrong = chunk_of(8, 4);
    add(&history, 0, 10, 0);
    add(&history, 30, 5, 0);
    struct head *held = head_acquire(history.head);
    assert_false(history_add_chunk(&history, wrong));
    assert_int_equal(history.head_ticks, 15);
    assert_true(history_add_chunk(&history, late)); /* newest first */
    assert_true(history_add_chunk(&history, early));
    assert_false(history_add_chunk(&history, early));
    assert_int_equal(history.chunks->count, 3);
    assert_true(history.chunks->chunks[0]->last_ns == 9 * NS_PER_S);
    assert_ptr_equal(history.chunks->chunks[1], early);
    assert_ptr_equal(history.chunks->chunks[2], late);
    assert_true(history.head_ticks == 5 && history.head->mono_ns[0] == 30 * NS_PER_S);
    assert_true((int)history.head->values[0] == 30 && (int)history.head->values[4] == 34);
    add(&history, 35, 1, 0);
    assert_int_equal(history.head_ticks, 6);
    assert_true((int)held->values[9] == 9 && (int)held->values[14] == 34); /* readers keep it */
    assert_true(history_newest(&history) == 35 * NS_PER_S);
    head_release(held);
    chunk_release(late);
    chunk_release(early);
    chunk_release(wrong);
    history_done(&history);
}

/* It may also come before anything newer does. */
static void
test_history__what_was_missed_goes_behind_the_head(void **state)
{
    (void)state;
    struct history history = make();
    struct chunk *missed = chunk_of(10, 5);
    assert_true(history_newest(&history) == INT64_MIN);
    add(&history, 0, 10, 0);
    assert_true(history_add_chunk(&history, missed));
    assert_true(history.chunks->count == 2 && history.head_ticks == 0);
    assert_true(history_newest(&history) == 14 * NS_PER_S);
    add(&history, 15, 1, 0);
    assert_true(history.chunks->count == 2 && history.head_ticks == 1);
    chunk_release(missed);
    history_done(&history);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__a_full_head_is_sealed),
        cmocka_unit_test(test_history__other_columns_or_another_wall_clock_seal),
        cmocka_unit_test(test_history__the_oldest_goes_and_readers_keep_it),
        cmocka_unit_test(test_history__chunks_from_elsewhere_go_where_they_belong),
        cmocka_unit_test(test_history__what_was_missed_fits_into_the_head),
        cmocka_unit_test(test_history__what_was_missed_goes_behind_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
