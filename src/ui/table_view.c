/* Tables on screen. Rows are made anew (filter, then sort, then tree) only when the picture or a
 * setting changed. */
#include "table_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "flametop/ui/term.h"
#include "list.h"

#define DEPTH_MAX 200
#define TREE_DEPTHS 64
#define TREE_WIDTH_MAX 24
#define TEXT_WIDTH_MIN 8 /* of a name that makes room for numbers */
#define SHARE_STEPS 5    /* colours of shares: more are more bytes and tell no more */
#define SHARE_OF_A_TICK 0.015
#define HOLD_NS (20 * NS_PER_S)
#define HOLD_TICK 0.01
#define HOLD_MAX                                                                                   \
    0.0105 /* a clock tick of 10 ms in a second: who does more has its place by that               \
            */
#define SORT_MOVES_A_ROW 4
#define LAST_WIDTH_MIN 8 /* of the column that takes what is left */

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

static uint64_t
row_key(const struct table_view *view, size_t i)
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

/* ---- making the rows ---- */

static bool
is_share(const struct column *column)
{
    return column->type == COLUMN_REAL && strcmp(column->unit, "1") == 0;
}

/* By the table's rank columns, largest first, then by key: rows that do the same stay where they
 * are. */
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

/* What the order goes by. */
static void
plan_order(struct table_view *view)
{
    view->by_share = is_share(&view->def->columns[view->sort]);
    view->tie_count = 0;
    for (size_t i = 0; i < MIN(view->def->column_count, TABLE_VIEW_COLUMNS); i++) {
        const struct column *column = &view->def->columns[i];
        if ((column->flags & COLUMN_RANK) != 0 && !is_share(column) && (int)i != view->sort) {
            view->ties[view->tie_count++] = (uint8_t)i;
        }
    }
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

static bool
is_folded(const struct table_view *view, uint64_t key)
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
        uint64_t key = row_key(view, i);
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
    row->folded = forest->child[i] != 0 && is_folded(view, row_key(view, i));
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
        if (row_key(view, i) == view->selected) {
            view->loose = view->loose || i != view->at;
            view->at = i;
            return;
        }
    }
    view->at = MIN(view->at, view->count - 1);
    view->selected = row_key(view, view->at);
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
                hold(view, row_key(view, i), cells[view->sort].real, picture->mono_ns);
        }
    }
    sort_rows(view);
    if (view->tree) {
        make_tree(view);
    }
    settle(view);
}

/* ---- drawing ---- */

char *
table_view_format(const struct column *column, union cell cell, bool full, bool ascii, char *dst,
                  size_t size)
{
    if (!cell_known(column->type, cell)) {
        snprintf(dst, size, "%s", ascii ? "-" : "–");
    } else if (column->type == COLUMN_TEXT) {
        utf8_clean(str_from(cell.text), dst, size);
    } else if (column->type == COLUMN_INTEGER && column->unit[0] == '\0') {
        snprintf(dst, size, "%lld", (long long)cell.integer);
    } else {
        double value = column->type == COLUMN_INTEGER ? (double)cell.integer : cell.real;
        if (strcmp(column->unit, "s") == 0 && value >= 1) {
            unit_format_age(value, dst, size);
        } else if (!full && strcmp(column->unit, "1") == 0) {
            snprintf(dst, size, value < 0.9995 ? "%.1f %%" : "%.0f %%", value * 100);
        } else if (full) {
            unit_format(value, column->unit, ascii, dst, size);
        } else {
            unit_format_short(value, column->unit, ascii, dst, size);
        }
    }
    return dst;
}

void
table_view_draw_fact(const struct column *column, union cell cell, int label_width,
                     struct canvas *canvas, struct rect row)
{
    char text[TABLE_VIEW_TEXT];
    table_view_format(column, cell, true, canvas->glyphs == GLYPHS_ASCII, text, sizeof(text));
    int label = canvas_printf(canvas, row.x, row.y, row.width, (struct style){.fg = ROLE_DIM},
                              "%-*s ", label_width, column->title);
    canvas_text(canvas, row.x + label, row.y, MAX(row.width - label, 0), str_from(text),
                (struct style){.fg = cell_known(column->type, cell) ? ROLE_VALUE : ROLE_DIM});
}

/* Columns in the order they are shown. */
static size_t
ordered(const struct table_view *view, int columns[TABLE_VIEW_COLUMNS])
{
    size_t count = 0;
    uint64_t left = (view->chosen & ~view->absent) | UINT64_C(1) << view->sort;
    for (size_t i = 0; view->order != NULL && view->order[i] != NULL; i++) {
        int column = table_column(view->def, view->order[i]);
        if (column >= 0 && column < TABLE_VIEW_COLUMNS && (left >> column & 1) != 0) {
            columns[count++] = column;
            left &= ~(UINT64_C(1) << column);
        }
    }
    if (view->narrow) {
        for (size_t i = 0; i < MIN(view->def->column_count, TABLE_VIEW_COLUMNS); i++) {
            left &= view->def->columns[i].width == 0 || (int)i == view->sort ? ~UINT64_C(0)
                                                                             : ~(UINT64_C(1) << i);
        }
    }
    int last = -1;
    for (int i = 0; i < (int)MIN(view->def->column_count, TABLE_VIEW_COLUMNS); i++) {
        if ((left >> i & 1) != 0 && view->def->columns[i].width == 0 && last < 0) {
            last = i;
        } else if ((left >> i & 1) != 0) {
            columns[count++] = i;
        }
    }
    if (last >= 0) {
        columns[count++] = last;
    }
    return count;
}

static bool
is_name(const struct table_view *view, const struct column *column)
{
    return view->indented != NULL && strcmp(column->name, view->indented) == 0;
}

static int
column_width(const struct table_view *view, const struct column *column)
{
    bool name = is_name(view, column);
    int width = view->name_width > 0 && name ? view->name_width : (int)column->width;
    width += view->tree && name ? view->tree_width : 0;
    return MAX(width, (int)strlen(column->title));
}

static bool
is_left(const struct column *column)
{
    return column->type == COLUMN_TEXT;
}

/* How much narrower the first text column becomes so that the others fit as well. */
static int
squeeze(const struct table_view *view, const int *columns, size_t count, int room)
{
    int wanted = 0, text = -1;
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &view->def->columns[columns[i]];
        wanted += column->width > 0 ? column_width(view, column) + 1 : 0;
        text = text < 0 && is_left(column) && column->width > TEXT_WIDTH_MIN ? columns[i] : text;
    }
    int spare = text >= 0 ? column_width(view, &view->def->columns[text]) - TEXT_WIDTH_MIN : 0;
    return view->narrow && wanted - room <= spare ? MAX(wanted - room, 0) : 0;
}

static bool
is_elastic(const struct table_view *view, int column)
{
    return view->def->columns[column].width == 0;
}

/* What stays when the others are scrolled: what says which row it is, and what it is sorted by. */
static bool
is_kept(const struct table_view *view, int column)
{
    const struct column *shown = &view->def->columns[column];
    return column == view->sort || (shown->flags & COLUMN_KEY) != 0 || is_name(view, shown);
}

/* Takes the first `skip` columns that do not stay out of the list. Answers what is left. */
static size_t
skip_columns(const struct table_view *view, int *columns, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0, skipped = 0; i < count; i++) {
        bool stays = is_kept(view, columns[i]) || is_elastic(view, columns[i]);
        if (stays || skipped == view->skip) {
            columns[kept++] = columns[i];
        } else {
            skipped++;
        }
    }
    return kept;
}

/* Room for the column that takes what is left, where there is room for it at all. */
static int
elastic_room(const struct table_view *view, const int *columns, size_t count, int width)
{
    bool there = count > 0 && is_elastic(view, columns[count - 1]);
    return !there || view->narrow ? 0 : MAX(width / 5, LAST_WIDTH_MIN) + 1;
}

/* Gives columns their places; those that do not fit are dropped from the right, never the one the
 * rows are sorted by. */
static void
place(struct table_view *view, struct rect area)
{
    int columns[TABLE_VIEW_COLUMNS], x = area.x + 1, end = area.x + area.width;
    size_t count = ordered(view, columns);
    count = skip_columns(view, columns, count);
    int squeezed = squeeze(view, columns, count, area.width);
    int fixed_end = end - elastic_room(view, columns, count, area.width);
    int sorted =
        is_elastic(view, view->sort) ? 0 : column_width(view, &view->def->columns[view->sort]) + 1;
    bool full = false;
    view->place_count = view->missing = 0;
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &view->def->columns[columns[i]];
        bool rest = is_elastic(view, columns[i]), is_sort = columns[i] == view->sort;
        int width = rest ? end - x : column_width(view, column);
        if (!rest && is_left(column) && column->width > TEXT_WIDTH_MIN) {
            width -= squeezed;
            squeezed = 0;
        }
        sorted = is_sort ? 0 : sorted;
        full = full || (!rest && !is_sort && x + width + sorted > fixed_end);
        bool fits = rest ? width >= LAST_WIDTH_MIN : (is_sort ? x + width <= end : !full);
        if (!fits && (rest || view->place_count > 0)) {
            view->missing++;
            continue;
        }
        width = MIN(width, end - x);
        view->places[view->place_count++] = (struct table_view_place){columns[i], x, width};
        x += width + 1;
    }
}

/* The sign of the sort stands in the blank beside the title: no column moves for it. */
static void
draw_sort_sign(const struct table_view *view, struct canvas *canvas,
               const struct table_view_place *place, int y, struct style style)
{
    const struct column *column = &view->def->columns[place->column];
    int title = MIN((int)strlen(column->title), place->width);
    int x = is_left(column) ? place->x + title : place->x + place->width - title - 1;
    uint32_t sign = canvas->glyphs == GLYPHS_ASCII ? (view->ascending ? '^' : 'v')
                    : view->ascending              ? 0x25B2
                                                   : 0x25BC;
    canvas_put(canvas, x, y, sign, style);
}

static void
draw_head(const struct table_view *view, struct canvas *canvas, struct rect area)
{
    struct style style = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    for (size_t i = 0; i < view->place_count; i++) {
        const struct table_view_place *place = &view->places[i];
        const struct column *column = &view->def->columns[place->column];
        struct style here = style;
        here.attributes =
            (uint8_t)(style.attributes | (place->column == view->sort ? CELL_UNDERLINE : 0));
        if (is_left(column)) {
            canvas_text(canvas, place->x, area.y, place->width, str_from(column->title), here);
        } else {
            canvas_text_right(canvas, place->x, area.y, place->width, str_from(column->title),
                              here);
        }
        if (place->column == view->sort && !view->tree) {
            draw_sort_sign(view, canvas, place, area.y, style);
        }
    }
    if (view->skip > 0) {
        canvas_put(canvas, area.x, area.y, canvas->glyphs == GLYPHS_ASCII ? '<' : 0x2039,
                   (struct style){.fg = ROLE_KEY});
    }
}

/* Zeros recede, and so does a share of a clock tick a second: what idles looks calm, and a process
 * that ticks now and then does not change its colour each second. */
static bool
is_next_to_nothing(const struct column *column, union cell cell)
{
    bool share = strcmp(column->unit, "1") == 0;
    return column->type == COLUMN_REAL && fabs(cell.real) <= (share ? SHARE_OF_A_TICK : 0.0);
}

static struct style
cell_style(const struct column *column, union cell cell, bool exited)
{
    if (exited || !cell_known(column->type, cell) || is_next_to_nothing(column, cell)) {
        return (struct style){.fg = ROLE_DIM};
    }
    if (column->type == COLUMN_REAL && strcmp(column->unit, "1") == 0) {
        int step = (int)(CLAMP(cell.real, 0.0, 1.0) * (SHARE_STEPS - 1)) * (RAMP_STEPS - 1) /
                   (SHARE_STEPS - 1);
        return (struct style){.fg = (uint8_t)(ROLE_RAMP_LOAD + step)};
    }
    return (struct style){.fg = ROLE_TEXT};
}

static bool
has_state_exited(const struct table_def *def, const union cell *cells)
{
    int state = table_column(def, "process.state");
    return state >= 0 && cells[state].text != NULL && cells[state].text[0] == 'X';
}

static bool
row_found(const struct table_view *view, const union cell *cells)
{
    for (size_t i = 0; view->search[0] != '\0' && i < view->def->column_count; i++) {
        const struct column *column = &view->def->columns[i];
        char text[TABLE_VIEW_TEXT];
        bool key = (column->flags & COLUMN_KEY) != 0;
        if ((column->type == COLUMN_TEXT || key) && cell_known(column->type, cells[i]) &&
            strcasestr(table_view_format(column, cells[i], false, true, text, sizeof(text)),
                       view->search) != NULL) {
            return true;
        }
    }
    return false;
}

/* The lines of the tree before a name. Answers their width. */
static int
draw_branch(struct canvas *canvas, int x, int y, int width, const struct table_view_row *row)
{
    struct style style = {.fg = ROLE_DIM};
    int indent = MAX(MIN(row->depth * 2, width / 2), row->folded ? 2 : 0);
    for (int at = 0; at + 2 < indent; at += 2) {
        int depth = at / 2 + 1;
        bool more = depth < TREE_DEPTHS && (row->more >> depth & 1) != 0;
        canvas_text(canvas, x + at, y, 2, more ? STR("│ ") : STR("  "), style);
    }
    if (indent >= 2) {
        bool more = row->depth < TREE_DEPTHS && (row->more >> row->depth & 1) != 0;
        struct str sign = row->folded ? STR("+ ") : more ? STR("├ ") : STR("└ ");
        canvas_text(canvas, x + indent - 2, y, 2, sign, style);
    }
    return indent;
}

static void
draw_row(const struct table_view *view, const struct panel_context *context, struct canvas *canvas,
         size_t i, struct rect row, bool focused)
{
    const struct table_view_row *shown = &view->rows[i];
    const union cell *cells = table_row(view->table, shown->row);
    bool exited = has_state_exited(view->def, cells), found = row_found(view, cells);
    for (size_t p = 0; p < view->place_count; p++) {
        const struct table_view_place *place = &view->places[p];
        const struct column *column = &view->def->columns[place->column];
        char text[TABLE_VIEW_TEXT * 2];
        struct style style = cell_style(column, cells[place->column], exited);
        /* no more of a long text than tells that it is cut */
        size_t size = MIN(sizeof(text), 4 * (size_t)place->width + 6);
        table_view_format(column, cells[place->column], false, context->glyphs == GLYPHS_ASCII,
                          text, size);
        if (view->dress != NULL) {
            view->dress(view, context, shown->row, place->column, text, sizeof(text), &style);
        }
        int x = place->x, width = place->width;
        if (is_left(column)) {
            if (view->tree && is_name(view, column)) {
                int indent = draw_branch(canvas, x, row.y, width, shown);
                x += indent;
                width -= indent;
            }
            style.fg = found && column->type == COLUMN_TEXT ? ROLE_SEARCH : style.fg;
            canvas_text(canvas, x, row.y, width, str_from(text), style);
        } else {
            canvas_text_right(canvas, x, row.y, width, str_from(text), style);
        }
    }
    if (focused && i == view->at) {
        canvas_restyle(canvas, row, (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
        canvas->cursor_x = row.x;
        canvas->cursor_y = row.y;
    }
}

static void
scroll(struct table_view *view, size_t rows)
{
    size_t most = view->count > rows ? view->count - rows : 0;
    if (view->follow && rows > 0) {
        view->first = view->at > rows / 2 ? view->at - rows / 2 : 0;
    } else if (!view->loose || view->keep) {
        view->first = list_first(view->first, view->at, view->count, rows);
    }
    view->first = MIN(view->first, most);
}

static void
draw_nothing(const struct table_view *view, struct canvas *canvas, struct rect row)
{
    char text[TABLE_VIEW_TEXT + 64];
    if (view->filter != NULL) {
        snprintf(text, sizeof(text), "No row matches the filter “%s”: Esc clears it.",
                 view->filter_text);
    } else {
        snprintf(text, sizeof(text), "%s", view->nothing != NULL ? view->nothing : "No rows.");
    }
    canvas_text(canvas, row.x, row.y, row.width, str_from(text), (struct style){.fg = ROLE_DIM});
}

void
table_view_draw(struct table_view *view, const struct panel_context *context, struct canvas *canvas,
                struct rect area, bool focused)
{
    view->area = area;
    place(view, area);
    draw_head(view, canvas, area);
    size_t rows = (size_t)MAX(area.height - 1, 0);
    scroll(view, rows);
    if (view->count == 0) {
        draw_nothing(view, canvas, (struct rect){area.x + 1, area.y + 1, area.width - 2, 1});
    }
    for (size_t i = 0; i < rows && view->first + i < view->count; i++) {
        draw_row(view, context, canvas, view->first + i,
                 (struct rect){area.x, area.y + 1 + (int)i, area.width, 1}, focused);
    }
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

/* ---- commands ---- */

static void
select_at(struct table_view *view, int64_t at)
{
    if (view->count > 0) {
        view->at = (size_t)CLAMP(at, 0, (int64_t)view->count - 1);
        view->selected = row_key(view, view->at);
        view->pinned = true;
        view->loose = false;
        view->follow = false;
    }
}

void
table_view_pin(struct table_view *view)
{
    if (!view->pinned) {
        select_at(view, (int64_t)view->at);
    }
}

static bool
move_by(struct table_view *view, const char *name)
{
    size_t at = view->at;
    if (!list_move(name, view->count, (size_t)MAX(view->area.height - 2, 1), &at)) {
        return false;
    }
    select_at(view, (int64_t)at);
    return true;
}

/* Shows columns further right, or further left again. */
static bool
scroll_columns(struct table_view *view, const char *name)
{
    bool right = strcmp(name, "move.right") == 0;
    if (!right && strcmp(name, "move.left") != 0) {
        return false;
    }
    view->skip += right && view->missing > 0;
    view->skip -= !right && view->skip > 0;
    return true;
}

static void
sort_by(struct table_view *view, int column)
{
    view->ascending =
        view->sort == column ? !view->ascending : view->def->columns[column].type == COLUMN_TEXT;
    view->sort = column;
    view->tree = false;
    view->settings++;
}

static void
sort_step(struct table_view *view, int step)
{
    int columns[TABLE_VIEW_COLUMNS];
    size_t count = ordered(view, columns), at = 0;
    for (size_t i = 0; i < count; i++) {
        at = columns[i] == view->sort ? i : at;
    }
    if (count > 0) {
        sort_by(view, columns[(at + count + (size_t)step) % count]);
    }
}

/* A menu of the columns; for the chooser with the state of each. */
static void
open_menu(struct table_view *view, const struct panel_context *context, const char *title,
          const char *command, bool states, int selected)
{
    struct menu_item items[TABLE_VIEW_COLUMNS];
    char texts[TABLE_VIEW_COLUMNS][128];
    size_t count = MIN(view->def->column_count, TABLE_VIEW_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &view->def->columns[i];
        bool on = (view->chosen >> i & 1) != 0;
        snprintf(texts[i], sizeof(texts[i]), "%s%-8s %s",
                 !states ? ""
                 : on    ? "[x] "
                         : "[ ] ",
                 column->title, column->text);
        items[i] = (struct menu_item){texts[i], column->name};
    }
    panel_menu(context, title, items, count, (size_t)MAX(selected, 0), command);
}

static void
set_sort(struct table_view *view, const struct panel_context *context, const char *argument)
{
    int column = argument[0] != '\0' ? filter_column(view->def, str_from(argument)) : -1;
    if (argument[0] == '\0') {
        open_menu(view, context, "Sort by", "sort.set", false, view->sort);
    } else if (column < 0) {
        panel_say(context, "sort: no such column: %s", argument);
    } else if (column != view->sort || view->tree) {
        view->sort = column;
        view->ascending = view->def->columns[column].type == COLUMN_TEXT;
        view->tree = false;
        view->settings++;
    }
}

static void
choose_column(struct table_view *view, const struct panel_context *context, const char *argument)
{
    int column = argument[0] != '\0' ? filter_column(view->def, str_from(argument)) : -1;
    if (column >= 0 && column < TABLE_VIEW_COLUMNS) {
        view->chosen ^= UINT64_C(1) << column;
    }
    open_menu(view, context, "Columns: Enter shows or hides", "columns", true, column);
}

static void
set_filter(struct table_view *view, const struct panel_context *context, const char *argument)
{
    char why[160];
    struct filter *filter = filter_new(str_from(argument), view->def, why, sizeof(why));
    if (filter == NULL && why[0] != '\0') {
        panel_say(context, "%s", why);
        return;
    }
    filter_free(view->filter);
    view->filter = filter;
    snprintf(view->filter_text, sizeof(view->filter_text), "%s", filter != NULL ? argument : "");
    view->settings++;
}

static void
search_step(struct table_view *view, const struct panel_context *context, int step)
{
    for (size_t i = 1; view->search[0] != '\0' && i <= view->count; i++) {
        size_t at = (view->at + view->count + (step > 0 ? i : view->count - i)) % view->count;
        if (row_found(view, table_row(view->table, view->rows[at].row))) {
            select_at(view, (int64_t)at);
            return;
        }
    }
    panel_say(context,
              view->search[0] != '\0' ? "not found: %s" : "nothing is searched for: / asks what%s",
              view->search);
}

static void
fold(struct table_view *view, bool on)
{
    uint64_t key = view->count > 0 ? row_key(view, view->at) : 0;
    if (on && !is_folded(view, key) && view->folded_count < ARRAY_SIZE(view->folded)) {
        view->folded[view->folded_count++] = key;
    }
    for (size_t i = 0; !on && i < view->folded_count; i++) {
        if (view->folded[i] == key) {
            view->folded[i] = view->folded[--view->folded_count];
        }
    }
    select_at(view, (int64_t)view->at);
    view->settings++;
}

static void
follow(struct table_view *view)
{
    bool on = !view->follow;
    select_at(view, (int64_t)view->at);
    view->follow = on && view->count > 0;
}

/* Clears one thing; false when there is nothing left to clear. The selection stays: what was meant
 * for the row somebody chose must not hit the one that happens to be first. */
static bool
escape(struct table_view *view, const struct panel_context *context)
{
    if (view->search[0] != '\0') {
        view->search[0] = '\0';
    } else if (view->filter != NULL) {
        set_filter(view, context, "");
    } else if (view->follow) {
        view->follow = false;
    } else {
        return false;
    }
    return true;
}

static void
copy_row(const struct table_view *view, const struct panel_context *context)
{
    const union cell *cells = table_view_selected(view);
    char line[4096], text[1024];
    size_t n = 0;
    line[0] = '\0';
    for (size_t i = 0; cells != NULL && i < view->def->column_count && n < sizeof(line); i++) {
        table_view_format(&view->def->columns[i], cells[i], true, false, text, sizeof(text));
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i > 0 ? "\t" : "", text);
    }
    panel_copy(context, str_from(line));
}

enum reaction
table_view_command(struct table_view *view, const struct panel_context *context, const char *name,
                   const char *argument)
{
    if (view->def == NULL) {
        return REACTION_NONE;
    }
    if (move_by(view, name) || scroll_columns(view, name)) {
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (strcmp(name, "sort.next") == 0) {
        sort_step(view, 1);
    } else if (strcmp(name, "sort.previous") == 0) {
        sort_step(view, -1);
    } else if (strcmp(name, "sort.invert") == 0) {
        sort_by(view, view->sort);
    } else if (strcmp(name, "sort.set") == 0) {
        set_sort(view, context, argument);
    } else if (strcmp(name, "filter.set") == 0 && str_ends(str_from(argument), "=")) {
        panel_prompt(context, "filter", argument, name); /* "user=": which one is asked for */
    } else if (strcmp(name, "filter.set") == 0) {
        set_filter(view, context, argument);
    } else if (strcmp(name, "search.set") == 0) {
        snprintf(view->search, sizeof(view->search), "%s", argument);
        search_step(view, context, 1);
    } else if (strcmp(name, "search.next") == 0 || strcmp(name, "search.previous") == 0) {
        search_step(view, context, strcmp(name, "search.next") == 0 ? 1 : -1);
    } else if (strcmp(name, "tree") == 0 && view->parent != NULL) {
        view->tree = !view->tree;
        view->settings++;
    } else if (strcmp(name, "tree.fold") == 0 || strcmp(name, "tree.unfold") == 0) {
        fold(view, strcmp(name, "tree.fold") == 0);
    } else if (strcmp(name, "columns") == 0) {
        choose_column(view, context, argument);
    } else if (strcmp(name, "follow") == 0) {
        follow(view);
    } else if (strcmp(name, "copy") == 0) {
        copy_row(view, context);
    } else if (strcmp(name, "escape") != 0 || !escape(view, context)) {
        return REACTION_NONE;
    }
    return REACTION_HANDLED | REACTION_INTEREST;
}

enum reaction
table_view_mouse(struct table_view *view, const struct panel_context *context, int x, int y,
                 int button)
{
    if (button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN) {
        select_at(view, (int64_t)view->at + (button == TERM_WHEEL_UP ? -3 : 3));
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    (void)context;
    if (y == view->area.y) {
        for (size_t i = 0; i < view->place_count; i++) {
            if (x >= view->places[i].x && x <= view->places[i].x + view->places[i].width) {
                sort_by(view, view->places[i].column);
            }
        }
    } else if (y > view->area.y && view->first + (size_t)(y - view->area.y - 1) < view->count) {
        select_at(view, (int64_t)view->first + y - view->area.y - 1);
    }
    return REACTION_HANDLED | REACTION_INTEREST;
}
