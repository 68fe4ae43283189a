/* Tables on screen: order, selection, tree, filter, columns. */
#include "../check.h"

#include "../../src/ui/table_view.h"
#include "fake_picture.h"

struct shown {
    struct fake fake;
    struct table *table;
    struct table_view view;
    struct canvas canvas;
    struct panel_context context;
};

static void
draw(struct shown *shown, int width, int height)
{
    canvas_resize(&shown->canvas, width, height);
    table_view_update(&shown->view, shown->table, shown->fake.picture);
    table_view_draw(&shown->view, &shown->context, &shown->canvas,
                    (struct rect){0, 0, width, height}, true);
}

static struct shown *
shown_new(size_t rows)
{
    struct shown *shown = calloc(1, sizeof(*shown));
    fake_init(&shown->fake);
    shown->table = fake_processes(&shown->fake, rows);
    shown->context =
        (struct panel_context){.picture = shown->fake.picture, .glyphs = GLYPHS_BRAILLE};
    table_view_init(&shown->view, NULL, "process.parent_pid", "process.name");
    canvas_init(&shown->canvas);
    draw(shown, 120, 20);
    return shown;
}

static void
shown_free(struct shown *shown)
{
    table_view_done(&shown->view);
    canvas_done(&shown->canvas);
    fake_done(&shown->fake);
    free(shown);
}

static void
command(struct shown *shown, const char *name, const char *argument)
{
    assert_true((table_view_command(&shown->view, &shown->context, name, argument) &
                 REACTION_HANDLED) != 0);
    draw(shown, 120, 20);
}

static int64_t
pid_at(const struct shown *shown, size_t i)
{
    const union cell *cells = table_view_visible(&shown->view, i);
    return cells != NULL ? cells[FAKE_PID].integer : -1;
}

/* A newer picture in which two rows changed places. */
static void
next_picture(struct shown *shown)
{
    shown->fake.picture->number++;
    draw(shown, 120, 20);
}

static void
test_table_view__sorts_with_unknown_last(void **state)
{
    (void)state;
    struct shown *shown = shown_new(6);
    assert_int_equal(pid_at(shown, 0), 812);
    command(shown, "sort.set", "mem");
    assert_int_equal(pid_at(shown, 0), 812);
    assert_int_equal(pid_at(shown, 5), 860); /* its memory is unknown */
    command(shown, "sort.invert", "");
    assert_int_equal(pid_at(shown, 0), 848);
    assert_int_equal(pid_at(shown, 5), 860);
    command(shown, "sort.set", "name");
    assert_int_equal(pid_at(shown, 0), 812); /* texts from a to z */
    shown_free(shown);
}

static void
test_table_view__selection_is_a_row_not_a_place(void **state)
{
    (void)state;
    struct shown *shown = shown_new(6);
    assert_int_equal(table_view_selected(&shown->view)[FAKE_PID].integer, 812);
    table_row(shown->table, 2)[FAKE_CPU].real = 0.9;
    next_picture(shown);
    assert_int_equal(table_view_selected(&shown->view)[FAKE_PID].integer,
                     824); /* nobody moved: the first row */
    command(shown, "move.down", "");
    assert_int_equal(table_view_selected(&shown->view)[FAKE_PID].integer, 812);
    table_row(shown->table, 1)[FAKE_CPU].real = 0;
    next_picture(shown);
    assert_int_equal(table_view_selected(&shown->view)[FAKE_PID].integer, 812);
    assert_true(shown->view.at > 1);
    /* Esc has nothing to close: the selection stays. */
    assert_int_equal(table_view_command(&shown->view, &shown->context, "escape", ""),
                     REACTION_NONE);
    draw(shown, 120, 20);
    assert_int_equal(table_view_selected(&shown->view)[FAKE_PID].integer, 812);
    shown_free(shown);
}

static void
test_table_view__window_goes_along_only_when_followed(void **state)
{
    (void)state;
    struct shown *shown = shown_new(100);
    command(shown, "move.down", "");
    union cell *row = table_row(shown->table, 0);
    for (size_t i = 0; i < shown->table->count; i++) {
        row = table_row(shown->table, i)[FAKE_PID].integer == (int64_t)shown->view.selected
                  ? table_row(shown->table, i)
                  : row;
    }
    row[FAKE_CPU].real = -1;
    next_picture(shown);
    assert_int_equal(shown->view.at, 99);
    assert_int_equal(shown->view.first, 0);
    command(shown, "follow", "");
    assert_int_equal(shown->view.first, 81);
    command(shown, "move.up", "");
    assert_false(shown->view.follow);
    shown_free(shown);
}

static void
test_table_view__tree_keeps_children_below_parents(void **state)
{
    (void)state;
    struct shown *shown = shown_new(60);
    command(shown, "tree", "");
    assert_int_equal(shown->view.count, 60);
    assert_int_equal(pid_at(shown, 0), 1);
    assert_int_equal(pid_at(shown, 1), 812);
    assert_int_equal(shown->view.rows[2].depth, 2);
    command(shown, "move.down", "");
    command(shown, "tree.fold", "");
    assert_true(shown->view.count < 60);
    assert_true(shown->view.rows[1].folded);
    command(shown, "tree.unfold", "");
    assert_int_equal(shown->view.count, 60);
    command(shown, "tree", "");
    assert_int_equal(pid_at(shown, 0), 812);
    shown_free(shown);
}

static void
test_table_view__a_ring_of_parents_ends(void **state)
{
    (void)state;
    struct shown *shown = shown_new(6);
    table_row(shown->table, 1)[FAKE_PPID].integer = 824;
    table_row(shown->table, 2)[FAKE_PPID].integer = 812;
    table_row(shown->table, 3)[FAKE_PPID].integer = 836; /* its own parent */
    command(shown, "tree", "");
    assert_int_equal(shown->view.count, 4);
    shown_free(shown);
}

static void
test_table_view__filters_and_searches(void **state)
{
    (void)state;
    struct shown *shown = shown_new(100);
    command(shown, "filter.set", "nginx");
    assert_int_equal(shown->view.count, 20);
    command(shown, "search.set", "worker");
    command(shown, "escape", "");
    assert_int_equal(shown->view.count, 20); /* the search first, then the filter */
    command(shown, "escape", "");
    assert_int_equal(shown->view.count, 100);
    command(shown, "search.set", "kworker");
    assert_string_equal(table_view_selected(&shown->view)[FAKE_NAME].text, "kworker/0:1");
    int64_t first = table_view_selected(&shown->view)[FAKE_PID].integer;
    command(shown, "search.next", "");
    assert_int_not_equal(table_view_selected(&shown->view)[FAKE_PID].integer, first);
    command(shown, "search.previous", "");
    assert_int_equal(table_view_selected(&shown->view)[FAKE_PID].integer, first);
    command(shown, "filter.set", "no such thing");
    assert_null(table_view_selected(&shown->view));
    command(shown, "move.down", "");
    shown_free(shown);
}

static bool
has_place(const struct shown *shown, int column)
{
    for (size_t i = 0; i < shown->view.place_count; i++) {
        if (shown->view.places[i].column == column) {
            return true;
        }
    }
    return false;
}

static void
test_table_view__sort_column_is_always_shown(void **state)
{
    (void)state;
    struct shown *shown = shown_new(6);
    draw(shown, 60, 10);
    assert_false(has_place(shown, FAKE_WRITE));
    command(shown, "sort.set", "write");
    draw(shown, 60, 10);
    assert_true(has_place(shown, FAKE_WRITE));
    struct buf out;
    buf_init(&out, 1 << 16);
    canvas_dump(&shown->canvas, &out);
    assert_non_null(strstr(out.data, "▼WRITE"));
    command(shown, "sort.invert", "");
    draw(shown, 60, 10);
    buf_clear(&out);
    canvas_dump(&shown->canvas, &out);
    assert_non_null(strstr(out.data, "▲WRITE"));
    buf_done(&out);
    shown_free(shown);
}

static void
test_table_view__right_scrolls_what_is_not_the_row_s_name(void **state)
{
    (void)state;
    struct shown *shown = shown_new(6);
    draw(shown, 70, 10);
    assert_true(has_place(shown, FAKE_USER));
    assert_false(has_place(shown, FAKE_WRITE));
    for (int i = 0; i < 20; i++) {
        table_view_command(&shown->view, &shown->context, "move.right", "");
        draw(shown, 70, 10);
    }
    assert_false(has_place(shown, FAKE_USER));
    assert_true(has_place(shown, FAKE_WRITE));
    assert_true(has_place(shown, FAKE_PID));
    assert_true(has_place(shown, FAKE_NAME));
    assert_true(has_place(shown, FAKE_CPU));
    assert_int_equal(shown->view.missing, 0);
    for (int i = 0; i < 20; i++) {
        table_view_command(&shown->view, &shown->context, "move.left", "");
    }
    draw(shown, 70, 10);
    assert_true(has_place(shown, FAKE_USER));
    shown_free(shown);
}

static void
test_table_view__columns_keep_their_places(void **state)
{
    (void)state;
    struct shown *shown = shown_new(20);
    struct table_view_place before[TABLE_VIEW_COLUMNS];
    size_t count = shown->view.place_count;
    memcpy(before, shown->view.places, sizeof(before));
    table_row(shown->table, 1)[FAKE_CPU].real = 160;
    table_row(shown->table, 1)[FAKE_MEM].real = 9e15;
    next_picture(shown);
    assert_int_equal(shown->view.place_count, count);
    assert_memory_equal(before, shown->view.places, count * sizeof(before[0]));
    for (int width = 1; width < 130; width++) {
        draw(shown, width, 6);
        for (size_t i = 0; i < shown->view.place_count; i++) {
            assert_true(shown->view.places[i].x + shown->view.places[i].width <= MAX(width, 1 + 7));
        }
    }
    shown_free(shown);
}

static void
test_table_view__formats(void **state)
{
    (void)state;
    static const struct {
        size_t column;
        union cell cell;
        const char *want;
    } rows[] = {
        {FAKE_CPU, {.real = 0.612}, "61.2 %"}, {FAKE_CPU, {.real = 16}, "1600 %"},
        {FAKE_CPU, {.real = NAN}, "–"},        {FAKE_PID, {.integer = CELL_UNKNOWN}, "–"},
        {FAKE_NAME, {.text = NULL}, "–"},      {FAKE_NAME, {.text = "a\x1b[2Jb"}, "a?[2Jb"},
        {FAKE_AGE, {.real = 271}, "4 m 31 s"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[64];
        assert_string_equal(table_view_format(&fake_process_columns[rows[i].column], rows[i].cell,
                                              false, false, text, sizeof(text)),
                            rows[i].want);
    }
}

static struct table_view_row *
row_of(const struct shown *shown, int64_t pid)
{
    for (size_t i = 0; i < shown->view.count; i++) {
        if (table_row(shown->table, shown->view.rows[i].row)[FAKE_PID].integer == pid) {
            return &shown->view.rows[i];
        }
    }
    return NULL;
}

/* Who had a tick a moment ago keeps its place for some time; who does more has it by that alone. */
static void
test_table_view__small_changes_move_no_rows(void **state)
{
    (void)state;
    struct shown *shown = shown_new(3);
    union cell *first = shown->table->cells, *second = first + shown->view.def->column_count;
    int64_t pid = first[FAKE_PID].integer, other = second[FAKE_PID].integer;
    first[FAKE_MEM].real = 1e6;
    second[FAKE_MEM].real = 2e6;
    first[FAKE_CPU].real = 0.01;
    second[FAKE_CPU].real = 0;
    next_picture(shown);
    assert_true(row_of(shown, pid) < row_of(shown, other));
    first[FAKE_CPU].real = 0;
    shown->fake.picture->mono_ns += 15 * NS_PER_S;
    next_picture(shown);
    assert_true(row_of(shown, pid) < row_of(shown, other)); /* held */
    shown->fake.picture->mono_ns += 6 * NS_PER_S;
    next_picture(shown);
    assert_true(row_of(shown, pid) > row_of(shown, other)); /* for so long it means something */
    second[FAKE_CPU].real = 0.02;
    first[FAKE_CPU].real = 0.025;
    next_picture(shown);
    assert_true(row_of(shown, pid) < row_of(shown, other));
    first[FAKE_CPU].real = 0.015;
    next_picture(shown);
    assert_true(row_of(shown, pid) > row_of(shown, other)); /* more than a tick: at once */
    shown_free(shown);
}

static void
assert_each_once(const struct shown *shown, size_t count)
{
    bool seen[64] = {false};
    assert_int_equal(shown->view.count, count);
    for (size_t i = 0; i < count; i++) {
        size_t row = shown->view.rows[i].row;
        assert_true(row < count && !seen[row]);
        seen[row] = true;
    }
}

static void
assert_in_order(const struct shown *shown, size_t count)
{
    assert_each_once(shown, count);
    for (size_t i = 0; i < count; i++) {
        size_t row = shown->view.rows[i].row;
        double before = i > 0 ? table_row(shown->table, shown->view.rows[i - 1].row)[FAKE_CPU].real
                              : (double)INFINITY;
        assert_true(before >= table_row(shown->table, row)[FAKE_CPU].real);
    }
}

static void
test_table_view__order_does_not_depend_on_the_one_before(void **state)
{
    (void)state;
    enum { ROWS = 40 };
    struct shown *shown = shown_new(ROWS);
    for (size_t step = 0; step < 6; step++) { /* one row moves, many do, all are turned round */
        for (size_t i = 0; i < ROWS; i++) {
            size_t rank = step < 2 ? (i + 7 * step * (i == 3)) % ROWS : i * (2 * step + 3) % ROWS;
            table_row(shown->table, i)[FAKE_CPU].real =
                0.02 + 0.02 * (double)(step == 5 ? ROWS - i : rank);
        }
        next_picture(shown);
        assert_in_order(shown, ROWS);
    }
    shown_free(shown);
}

static void
test_table_view__rows_filtered_away_come_back(void **state)
{
    (void)state;
    struct shown *shown = shown_new(12);
    command(shown, "filter.set", "cpu>0.1");
    size_t matching = shown->view.count;
    assert_true(matching > 0 && matching < 12);
    command(shown, "filter.set", "");
    assert_int_equal(shown->view.count, 12);
    command(shown, "filter.set", "cpu>0.1");
    shown->table->count = matching; /* as many rows, but not the same ones */
    command(shown, "filter.set", "");
    assert_each_once(shown, matching);
    shown_free(shown);
}

static void
test_table_view__equal_rows_by_the_other_ranks(void **state)
{
    (void)state;
    struct shown *shown = shown_new(3);
    union cell *first = shown->table->cells, *second = first + shown->view.def->column_count;
    first[FAKE_CPU].real = 0.0001;
    second[FAKE_CPU].real = 0;
    first[FAKE_MEM].real = 1e6;
    second[FAKE_MEM].real = 2e6;
    shown->fake.picture->mono_ns += 21 * NS_PER_S; /* nothing is held any more */
    next_picture(shown);
    assert_true(row_of(shown, second[FAKE_PID].integer) < row_of(shown, first[FAKE_PID].integer));
    first[FAKE_CPU].real = 0.01; /* both did no more than a tick's work in a second */
    second[FAKE_CPU].real = 0.002;
    next_picture(shown);
    assert_true(row_of(shown, second[FAKE_PID].integer) < row_of(shown, first[FAKE_PID].integer));
    shown_free(shown);
}

/* Of two that do the same the one that did more so far stands first, whatever its memory; only
 * where the order goes by a share. */
static void
test_table_view__equal_rows_by_what_shares_add_up_to(void **state)
{
    (void)state;
    struct shown *shown = shown_new(3);
    const struct table_def *usual = shown->table->def;
    struct column columns[FAKE_COMMAND + 1];
    struct table_def def = *usual;
    assert_int_equal(def.column_count, ARRAY_SIZE(columns));
    memcpy(columns, def.columns, sizeof(columns));
    columns[FAKE_AGE].flags |= COLUMN_TOTAL;
    def.columns = columns;
    shown->table->def = &def;
    union cell *first = shown->table->cells, *second = first + def.column_count;
    first[FAKE_CPU].real = second[FAKE_CPU].real = 0;
    first[FAKE_MEM].real = 1e6;
    second[FAKE_MEM].real = 2e6;
    first[FAKE_AGE].real = 50;
    second[FAKE_AGE].real = 40;
    shown->fake.picture->mono_ns += 21 * NS_PER_S; /* nothing is held any more */
    next_picture(shown);
    assert_true(row_of(shown, first[FAKE_PID].integer) < row_of(shown, second[FAKE_PID].integer));
    first[FAKE_THREADS].integer = second[FAKE_THREADS].integer = 1;
    command(shown, "sort.set", "thr");
    assert_true(row_of(shown, second[FAKE_PID].integer) < row_of(shown, first[FAKE_PID].integer));
    shown->table->def = usual;
    shown_free(shown);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_view__sorts_with_unknown_last),
        cmocka_unit_test(test_table_view__small_changes_move_no_rows),
        cmocka_unit_test(test_table_view__equal_rows_by_the_other_ranks),
        cmocka_unit_test(test_table_view__equal_rows_by_what_shares_add_up_to),
        cmocka_unit_test(test_table_view__order_does_not_depend_on_the_one_before),
        cmocka_unit_test(test_table_view__rows_filtered_away_come_back),
        cmocka_unit_test(test_table_view__selection_is_a_row_not_a_place),
        cmocka_unit_test(test_table_view__window_goes_along_only_when_followed),
        cmocka_unit_test(test_table_view__tree_keeps_children_below_parents),
        cmocka_unit_test(test_table_view__a_ring_of_parents_ends),
        cmocka_unit_test(test_table_view__filters_and_searches),
        cmocka_unit_test(test_table_view__columns_keep_their_places),
        cmocka_unit_test(test_table_view__sort_column_is_always_shown),
        cmocka_unit_test(test_table_view__right_scrolls_what_is_not_the_row_s_name),
        cmocka_unit_test(test_table_view__formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
