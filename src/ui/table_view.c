/* Tables on screen: their rows. They are made anew (filter, then sort, then tree) only when the
 * picture or a setting changed. table_view_draw.c draws them, table_view_command.c is what keys and
 * clicks do. */
#include "table_view_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"

#define DEPTH_MAX 200
#define TREE_WIDTH_MAX 24
#define HOLD_NS (20 * NS_PER_S)
#define HOLD_TICK 0.01
#define HOLD_MAX                                                                                   \
    0.0105 /* a clock tick of 10 ms in a second: who does more has its place by that               \
            */
#define SORT_MOVES_A_ROW 4

void
table_view_init(struct table_view *view, const char *const *order, const char *parent,
                const char *indented)
{
    *view =
        (struct table_view){.order = order, .parent = parent, .indented = indented, .settings = 1};
}

void
table_view_done(struct table_view *view)
{
    filter_free(view->filter);
    free(view->rows);
}

static int
key_column(const struct table_def *def)
{
    for (size_t i = 0; i < def->column_count; i++) {
        if ((def->columns[i].flags & COLUMN_KEY) != 0) {
            return (int)i;
        }
    }
    return 0;
}

static uint64_t
key_of(const struct table_def *def, int column, const union cell *row)
{
    union cell cell = row[column];
    if (!cell_known(def->columns[column].type, cell)) {
        return 0;
    }
    return def->columns[column].type == COLUMN_TEXT ? hash_text(cell.text) : (uint64_t)cell.integer;
}

uint64_t
table_view_key(const struct table_view *view, size_t i)
{
    return key_of(view->def, key_column(view->def), table_row(view->table, view->rows[i].row));
}

static void
adopt(struct table_view *view, const struct table_def *def)
{
    if (view->def == def) {
        return;
    }
    bool first = view->def == NULL;
    view->def = def;
    view->sort = (int)def->sort_column;
    view->ascending = def->columns[def->sort_column].type == COLUMN_TEXT;
    view->chosen = 0;
    for (size_t i = 0; i < MIN(def->column_count, TABLE_VIEW_COLUMNS); i++) {
        view->chosen |= (def->columns[i].flags & COLUMN_HIDDEN) == 0 ? UINT64_C(1) << i : 0;
    }
    if (!first || view->filter_text[0] != '\0') {
        char why[128];
        filter_free(view->filter);
        view->filter = filter_new(str_from(view->filter_text), def, why, sizeof(why));
    }
}

static bool
is_share(const struct column *column)
{
    return column->type == COLUMN_REAL && strcmp(column->unit, "1") == 0;
}

/* By what shares add up to, then by the table's rank columns, largest first, then by key: rows that
 * do the same stay where they are. */
static int
compare_tied(const struct table_view *view, const union cell *a, const union cell *b)
{
    for (size_t i = 0; i < view->tie_count; i++) {
        size_t column = view->ties[i];
        int order = cell_compare(view->def->columns[column].type, a[column], b[column]);
        if (order != 0) {
            return -order;
        }
    }
    int key = key_column(view->def);
    return cell_compare(view->def->columns[key].type, a[key], b[key]);
}

static int
compare(const void *a, const void *b, void *context)
{
    const struct table_view *view = context;
    const struct table_view_row *row_a = a, *row_b = b;
    const union cell *cells_a = table_row(view->table, row_a->row),
                     *cells_b = table_row(view->table, row_b->row);
    enum column_type type = view->def->columns[view->sort].type;
    int order = view->by_share ? (row_a->share > row_b->share) - (row_a->share < row_b->share)
                               : cell_compare(type, cells_a[view->sort], cells_b[view->sort]);
    if (order != 0) {
        bool known = cell_known(type, cells_a[view->sort]) && cell_known(type, cells_b[view->sort]);
        return known && view->ascending ? order : -order;
    }
    return compare_tied(view, cells_a, cells_b);
}

static void
add_ties(struct table_view *view, unsigned flag)
{
    for (size_t i = 0; i < MIN(view->def->column_count, TABLE_VIEW_COLUMNS); i++) {
        const struct column *column = &view->def->columns[i];
        if ((column->flags & flag) != 0 && !is_share(column) && (int)i != view->sort &&
            view->tie_count < TABLE_VIEW_COLUMNS) {
            view->ties[view->tie_count++] = (uint8_t)i;
        }
    }
}

/* What the order goes by. */
static void
plan_order(struct table_view *view)
{
    view->by_share = is_share(&view->def->columns[view->sort]);
    view->tie_count = 0;
    if (view->by_share) {
        add_ties(view, COLUMN_TOTAL);
    }
    add_ties(view, COLUMN_RANK);
}

/* A picture's rows mostly stand as those of the picture before did: few moves put them right. */
static void
sort_rows(struct table_view *view)
{
    size_t moves = SORT_MOVES_A_ROW * view->count;
    for (size_t i = 1; i < view->count; i++) {
        struct table_view_row row = view->rows[i];
        size_t at = i;
        while (at > 0 && moves > 0 && compare(&view->rows[at - 1], &row, view) > 0) {
            view->rows[at] = view->rows[at - 1];
            at--;
            moves--;
        }
        view->rows[at] = row;
        if (moves == 0) {
            qsort_r(view->rows, view->count, sizeof(*view->rows), compare, view);
            return;
        }
    }
}

static struct table_view_held *
find_held(struct table_view *view, uint64_t key)
{
    for (size_t i = 0; i < view->held_count; i++) {
        if (view->held[i].key == key) {
            return &view->held[i];
        }
    }
    return NULL;
}

/* What a row is sorted by: its share as it is shown, to a tenth of a per cent, where what is no
 * more than a clock tick a second counts as one, and for some time the larger one it had before. A
 * process that works now and then would change places with its neighbours every second, which
 * nobody can read and which costs most of what an idle screen sends. */
static float
hold(struct table_view *view, uint64_t key, double share, int64_t now_ns)
{
    if (isnan(share)) {
        return -1;
    }
    double shown = round(share * 1000) / 1000;
    shown = shown > 0 ? fmax(shown, HOLD_TICK) : shown;
    struct table_view_held *held = find_held(view, key);
    if (held != NULL && held->value > shown && held->value <= HOLD_MAX && now_ns < held->until_ns) {
        return (float)held->value;
    }
    if (held == NULL && shown > 0 && view->held_count < TABLE_VIEW_HELD) {
        held = &view->held[view->held_count++];
    }
    if (held != NULL) {
        *held = (struct table_view_held){key, shown, now_ns + HOLD_NS};
    }
    return (float)shown;
}

/* Forgets what is over, and everything when time went back or the order is another. */
static void
let_go(struct table_view *view, int64_t now_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < view->held_count && view->held_sort == view->sort; i++) {
        if (view->held[i].until_ns > now_ns && view->held[i].until_ns <= now_ns + HOLD_NS) {
            view->held[kept++] = view->held[i];
        }
    }
    view->held_count = kept;
    view->held_sort = view->sort;
}

static bool
reserve(struct table_view *view, size_t count)
{
    if (count > view->capacity) {
        struct table_view_row *rows = realloc(view->rows, count * sizeof(*rows));
        if (rows == NULL) {
            return false;
        }
        view->rows = rows;
        view->capacity = count;
    }
    return true;
}

bool
table_view_is_folded(const struct table_view *view, uint64_t key)
{
    for (size_t i = 0; i < view->folded_count; i++) {
        if (view->folded[i] == key) {
            return true;
        }
    }
    return false;
}

/* Parents before their children, children in the order of the sort. Rows whose parent is not among
 * them are roots; what a damaged table ties into a ring is reached by no root and is left out. */
struct forest {
    uint32_t *child, *sibling; /* of sorted row i: first child + 1, next sibling + 1; 0: none */
    uint32_t roots;
    struct table_view_row *out;
    size_t count;
};

static void
link_rows(const struct table_view *view, struct forest *forest, int parent)
{
    struct map map;
    map_init(&map, view->count + 1);
    for (size_t i = 0; i < view->count; i++) {
        uint64_t key = table_view_key(view, i);
        if (map_get(&map, key) == NULL) {
            map_put(&map, key, &view->rows[i]);
        }
    }
    for (size_t i = view->count; i-- > 0;) {
        const union cell *cells = table_row(view->table, view->rows[i].row);
        const struct table_view_row *above = map_get(&map, key_of(view->def, parent, cells));
        bool is_root = above == NULL || above == &view->rows[i];
        uint32_t *head = is_root ? &forest->roots : &forest->child[above - view->rows];
        forest->sibling[i] = *head;
        *head = (uint32_t)i + 1;
    }
    map_done(&map);
}

static void
emit(const struct table_view *view, struct forest *forest, size_t i, int depth, uint64_t above)
{
    struct table_view_row *row = &forest->out[forest->count++];
    *row = view->rows[i];
    row->depth = (uint16_t)depth;
    row->more = above;
    if (depth < TREE_DEPTHS && forest->sibling[i] != 0) {
        row->more |= UINT64_C(1) << depth;
    }
    row->folded = forest->child[i] != 0 && table_view_is_folded(view, table_view_key(view, i));
}

static void
walk(const struct table_view *view, struct forest *forest)
{
    uint32_t path[DEPTH_MAX];
    int depth = 0;
    uint32_t next = forest->roots;
    uint64_t above = 0; /* more[] of the ancestors */
    for (;;) {
        while (next == 0 && depth > 0) {
            next = forest->sibling[path[--depth] - 1];
        }
        if (next == 0) {
            return;
        }
        above &= depth < TREE_DEPTHS ? (UINT64_C(1) << depth) - 1 : UINT64_MAX;
        emit(view, forest, next - 1, depth, above);
        above = forest->out[forest->count - 1].more;
        bool folded = forest->out[forest->count - 1].folded;
        if (forest->child[next - 1] != 0 && !folded && depth < DEPTH_MAX) {
            path[depth++] = next;
            next = forest->child[next - 1];
        } else {
            next = forest->sibling[next - 1];
        }
    }
}

static void
make_tree(struct table_view *view)
{
    int parent = view->parent != NULL ? table_column(view->def, view->parent) : -1;
    size_t n = view->count;
    struct forest forest = {.child = calloc(n + 1, sizeof(uint32_t)),
                            .sibling = calloc(n + 1, sizeof(uint32_t)),
                            .out = calloc(n + 1, sizeof(struct table_view_row))};
    if (parent >= 0 && forest.child != NULL && forest.sibling != NULL && forest.out != NULL) {
        link_rows(view, &forest, parent);
        walk(view, &forest);
        memcpy(view->rows, forest.out, forest.count * sizeof(*view->rows));
        view->whole = view->whole && view->count == forest.count;
        view->count = forest.count;
        view->tree_width = 0;
        for (size_t i = 0; i < view->count; i++) {
            view->tree_width = MAX(view->tree_width, MIN(view->rows[i].depth * 2, TREE_WIDTH_MAX));
        }
    }
    free(forest.child);
    free(forest.sibling);
    free(forest.out);
}

/* Puts the selection back on its key. */
static void
settle(struct table_view *view)
{
    if (view->count == 0) {
        view->at = view->first = 0;
        return;
    }
    if (!view->pinned) {
        view->at = 0;
        return;
    }
    for (size_t i = 0; i < view->count; i++) {
        if (table_view_key(view, i) == view->selected) {
            view->loose = view->loose || i != view->at;
            view->at = i;
            return;
        }
    }
    view->at = MIN(view->at, view->count - 1);
    view->selected = table_view_key(view, view->at);
    view->follow = false;
}

/* Those that the filter lets through; where it is all of them and was before, in the order they
 * had, whichever rows these are now. */
static bool
choose_rows(struct table_view *view)
{
    const struct table *table = view->table;
    if (view->whole && view->filter == NULL && view->count == table->count) {
        for (size_t i = 0; i < view->count; i++) {
            view->rows[i] = (struct table_view_row){.row = view->rows[i].row};
        }
        return true;
    }
    view->count = 0;
    view->whole = false;
    if (!reserve(view, table->count)) {
        return false;
    }
    for (size_t i = 0; i < table->count; i++) {
        if (filter_matches(view->filter, table_row(table, i))) {
            view->rows[view->count++] = (struct table_view_row){.row = (uint32_t)i};
        }
    }
    view->whole = view->count == table->count;
    return true;
}

void
table_view_update(struct table_view *view, const struct table *table, const struct picture *picture)
{
    adopt(view, table->def);
    uint64_t stamp = hash_mix(hash_mix(picture->number, (uint64_t)picture->mono_ns),
                              hash_mix((uint64_t)(uintptr_t)table, view->settings));
    if (stamp == view->stamp && table == view->table) {
        return;
    }
    view->stamp = stamp;
    view->table = table;
    if (!choose_rows(view)) {
        return;
    }
    plan_order(view);
    if (view->by_share) {
        let_go(view, picture->mono_ns);
        for (size_t i = 0; i < view->count; i++) {
            const union cell *cells = table_row(table, view->rows[i].row);
            view->rows[i].share =
                hold(view, table_view_key(view, i), cells[view->sort].real, picture->mono_ns);
        }
    }
    sort_rows(view);
    if (view->tree) {
        make_tree(view);
    }
    settle(view);
}

const char *
table_view_current(const struct table_view *view, const char *command)
{
    return strcmp(command, "filter.set") == 0   ? view->filter_text
           : strcmp(command, "search.set") == 0 ? view->search
                                                : NULL;
}

const union cell *
table_view_selected(const struct table_view *view)
{
    return view->at < view->count ? table_row(view->table, view->rows[view->at].row) : NULL;
}

const union cell *
table_view_visible(const struct table_view *view, size_t i)
{
    bool inside = (int)i < view->area.height - 1 && view->first + i < view->count;
    return inside ? table_row(view->table, view->rows[view->first + i].row) : NULL;
}
