/* Names of a stream: metrics and series go to the catalog, tables get a definition, texts a number.
 */
#include "record_names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define LASTING_BYTES_MAX ((size_t)16 << 20)
#define KEPT_ROWS_MAX 64

void
names_init(struct names *names, struct catalog *catalog)
{
    names->catalog = catalog;
    arena_init(&names->lasting, LASTING_BYTES_MAX);
    arena_init(&names->text_arena, TEXT_BYTES_MAX * 2);
    map_init(&names->named, SERIES_IDS_MAX);
}

void
names_done(struct names *names)
{
    arena_done(&names->lasting);
    arena_done(&names->text_arena);
    map_done(&names->named);
    free(names->series);
}

/* ---- entries ---- */

static double
threshold(struct wire *wire)
{
    double value = wire_double(wire);
    return isfinite(value) ? value : 0;
}

/* A kind, direction or fold that this version does not know counts as the plainest. */
static unsigned
choice(struct wire *wire, unsigned max)
{
    unsigned value = wire_u8(wire);
    return value <= max ? value : 0;
}

static bool
read_metric(struct names *names, struct wire *wire, struct arena *scratch)
{
    struct metric like = {.name = wire_text(wire, scratch)};
    like.unit = wire_text(wire, scratch);
    like.labels = wire_text(wire, scratch);
    like.text = wire_text(wire, scratch);
    like.kind = (enum metric_kind)choice(wire, METRIC_COUNTER);
    like.better = (enum metric_better)choice(wire, BETTER_HIGHER);
    like.fold = (enum metric_fold)choice(wire, FOLD_MEAN);
    like.bits = wire_u8(wire) == 32 ? 32 : 0;
    like.warning = threshold(wire);
    like.critical = threshold(wire);
    if (wire->bad || like.name[0] == 0 || names->metric_count == METRIC_IDS_MAX) {
        return false;
    }
    names->metrics[names->metric_count++] = catalog_define(names->catalog, &like);
    return true;
}

static bool
grow_series(struct names *names)
{
    if (names->series_count < names->series_capacity) {
        return true;
    }
    size_t capacity = MAX(names->series_capacity * 2, (size_t)256);
    struct stream_series *series = reallocarray(names->series, capacity, sizeof(*series));
    if (series == NULL) {
        return false;
    }
    names->series = series;
    names->series_capacity = capacity;
    return true;
}

static bool
read_series(struct names *names, struct wire *wire, struct arena *scratch)
{
    uint64_t id = wire_varint(wire);
    const char *labels = wire_text(wire, scratch);
    if (wire->bad || id >= names->metric_count || names->series_count == SERIES_IDS_MAX ||
        !grow_series(names)) {
        return false;
    }
    const struct metric *metric = names->metrics[id];
    const struct series *series =
        metric != NULL ? catalog_series(names->catalog, metric, labels) : NULL;
    uint64_t key = (uint64_t)(uintptr_t)series;
    if (series != NULL && (map_get(&names->named, key) != NULL ||
                           !map_put(&names->named, key, (void *)(uintptr_t)series))) {
        series = NULL;
    }
    names->series[names->series_count++] = (struct stream_series){series, 0};
    return true;
}

static void
read_column(struct wire *wire, struct arena *arena, struct column *ret_column)
{
    ret_column->name = wire_text(wire, arena);
    ret_column->title = wire_text(wire, arena);
    ret_column->unit = wire_text(wire, arena);
    ret_column->text = wire_text(wire, arena);
    uint8_t type = wire_u8(wire);
    wire->bad |= type > COLUMN_TEXT;
    ret_column->type = (enum column_type)(type <= COLUMN_TEXT ? type : COLUMN_TEXT);
    ret_column->flags =
        (unsigned)wire_varint(wire) &
        (COLUMN_KEY | COLUMN_RANK | COLUMN_KEEP | COLUMN_HIDDEN | COLUMN_COSTLY | COLUMN_TOTAL);
    ret_column->width = (unsigned)wire_clamped(wire, WIRE_TEXT_MAX);
}

/* What the rest of the program takes for granted: one key, no rank among texts. */
static void
make_sound(struct column *columns, size_t count)
{
    bool key = false;
    for (size_t c = 0; c < count; c++) {
        if (key || columns[c].type == COLUMN_REAL) {
            columns[c].flags &= ~(unsigned)COLUMN_KEY;
        }
        if (columns[c].type == COLUMN_TEXT) {
            columns[c].flags &= ~(unsigned)(COLUMN_RANK | COLUMN_TOTAL);
        }
        key |= (columns[c].flags & COLUMN_KEY) != 0;
    }
}

/* The definition as the stream has it; NULL when damaged. */
static struct table_def *
read_def(struct wire *wire, struct arena *arena)
{
    struct table_def *def = arena_new(arena, struct table_def);
    if (def == NULL) {
        return NULL;
    }
    def->name = wire_text(wire, arena);
    def->title = wire_text(wire, arena);
    def->text = wire_text(wire, arena);
    def->sort_column = (size_t)wire_varint(wire);
    def->kept_rows = wire_clamped(wire, KEPT_ROWS_MAX);
    def->column_count = wire_count(wire, TABLE_COLUMNS_MAX);
    struct column *columns = arena_news(arena, struct column, def->column_count);
    for (size_t c = 0; columns != NULL && c < def->column_count; c++) {
        read_column(wire, arena, &columns[c]);
    }
    if (columns == NULL || wire->bad || def->column_count == 0 || def->name[0] == 0) {
        return NULL;
    }
    make_sound(columns, def->column_count);
    def->columns = columns;
    def->sort_column = def->sort_column < def->column_count ? def->sort_column : 0;
    return def;
}

/* A preferred definition of that name, or one that the stream brought before; otherwise its own. */
static const struct table_def *
choose_def(const struct names *names, const struct table_def *own)
{
    for (size_t i = 0; i < names->preferred_count; i++) {
        if (strcmp(names->preferred[i]->name, own->name) == 0) {
            return names->preferred[i];
        }
    }
    for (size_t i = 0; i < names->table_count; i++) {
        if (strcmp(names->tables[i].def->name, own->name) == 0) {
            return names->tables[i].def;
        }
    }
    return own;
}

static bool
read_table_def(struct names *names, struct wire *wire)
{
    struct table_def *own =
        names->table_count < TABLE_IDS_MAX ? read_def(wire, &names->lasting) : NULL;
    uint8_t *types = own != NULL ? arena_alloc(&names->lasting, own->column_count) : NULL;
    int *map = types != NULL ? arena_news(&names->lasting, int, own->column_count) : NULL;
    if (map == NULL) {
        return false;
    }
    const struct table_def *def = choose_def(names, own);
    for (size_t c = 0; c < own->column_count; c++) {
        int column = def == own ? (int)c : table_column(def, own->columns[c].name);
        types[c] = (uint8_t)own->columns[c].type;
        map[c] = column >= 0 && def->columns[column].type == own->columns[c].type ? column : -1;
    }
    names->tables[names->table_count++] =
        (struct stream_table){def, own->column_count, types, map, own};
    return true;
}

static bool
read_text(struct names *names, struct wire *wire)
{
    char clean[WIRE_TEXT_MAX + 1];
    size_t n = wire_left(wire);
    if (n > WIRE_TEXT_MAX || names->text_count == TEXT_IDS_MAX) {
        return false;
    }
    n = utf8_clean((struct str){(const char *)wire->p, n}, clean, sizeof(clean));
    names->texts[names->text_count++] = arena_text(&names->text_arena, clean, n);
    return !names->text_arena.full;
}

static bool
read_entry(struct names *names, unsigned kind, struct wire *wire, struct arena *scratch)
{
    switch (kind) {
    case NAME_METRIC:
        return read_metric(names, wire, scratch);
    case NAME_SERIES:
        return read_series(names, wire, scratch);
    case NAME_TABLE:
        return read_table_def(names, wire);
    case NAME_TEXT:
        return read_text(names, wire);
    case NAME_FORGET:
        arena_clear(&names->text_arena);
        names->text_count = 0;
        return true;
    default:
        return true; /* of a later version */
    }
}

bool
names_read(struct names *names, struct wire payload, struct arena *scratch, const char **ret_reason)
{
    while (wire_left(&payload) > 0) {
        unsigned kind = wire_u8(&payload);
        struct wire entry = wire_part(&payload);
        if (payload.bad || !read_entry(names, kind, &entry, scratch)) {
            *ret_reason = names->lasting.full || names->text_arena.full || scratch->full
                              ? "it names more than this program takes"
                              : "a name in it is wrong";
            return false;
        }
    }
    return true;
}

/* ---- using them ---- */

bool
names_series(struct names *names, struct wire *wire, size_t n, uint64_t round,
             const struct series **ret_series, int64_t *scratch)
{
    wire_integers(wire, scratch, n);
    for (size_t i = 0; i < n && !wire->bad; i++) {
        struct stream_series *series = scratch[i] >= 0 && (uint64_t)scratch[i] < names->series_count
                                           ? &names->series[scratch[i]]
                                           : NULL;
        if (series == NULL || (round != 0 && series->seen == round)) {
            wire->bad = true;
            break;
        }
        series->seen = round;
        ret_series[i] = series->series;
    }
    return !wire->bad;
}

static const char *
read_text_cell(const struct names *names, struct wire *wire, struct arena *arena)
{
    uint64_t id = wire_varint(wire);
    if (id == 0) {
        return wire_text(wire, arena);
    }
    if (id > names->text_count) {
        wire->bad = true;
        return "";
    }
    return names->texts[id - 1];
}

static void
read_cells(const struct names *names, struct wire *wire, enum column_type type,
           union cell *ret_cells, size_t n, struct arena *arena)
{
    switch (type) {
    case COLUMN_REAL:
        wire_doubles(wire, &ret_cells->real, n);
        break;
    case COLUMN_INTEGER:
        wire_integers(wire, &ret_cells->integer, n);
        break;
    case COLUMN_TEXT:
        for (size_t i = 0; i < n && !wire->bad; i++) {
            ret_cells[i].text = read_text_cell(names, wire, arena);
        }
        break;
    }
}

static bool
is_known(enum cells_known which, const uint8_t *bitmap, size_t row)
{
    return which == CELLS_ALL || (which == CELLS_SOME && (bitmap[row / 8] >> row % 8 & 1) != 0);
}

/* n cells: read into `scratch` close together, and into *ret_bitmap which they are. False when they
 * are damaged. A column that goes nowhere is passed over. */
static bool
read_column_cells(const struct names *names, struct wire *wire, enum column_type type, size_t n,
                  bool wanted, union cell *scratch, struct arena *arena,
                  enum cells_known *ret_which, const uint8_t **ret_bitmap)
{
    size_t known = 0, bytes = (n + 7) / 8;
    unsigned which = wire_u8(wire);
    const uint8_t *bitmap = wire->p;
    if (wire->bad || which > CELLS_SOME || (which == CELLS_SOME && bytes > wire_left(wire))) {
        return false;
    }
    wire->p += which == CELLS_SOME ? bytes : 0;
    for (size_t row = 0; row < n; row++) {
        known += is_known((enum cells_known)which, bitmap, row);
    }
    if (wanted && known > 0) {
        read_cells(names, wire, type, scratch, known, arena);
    }
    *ret_which = (enum cells_known)which;
    *ret_bitmap = bitmap;
    return !wire->bad;
}

/* One column of the stream into column `to` of these rows of the table (NULL: of all n); -1 reads
 * over it. */
static bool
read_into_column(const struct names *names, struct wire *wire, enum column_type type, int to,
                 struct table *table, const size_t *rows, size_t n, union cell *scratch,
                 struct arena *arena)
{
    static const union cell unknown[] = {[COLUMN_REAL] = {.real = NAN},
                                         [COLUMN_INTEGER] = {.integer = CELL_UNKNOWN},
                                         [COLUMN_TEXT] = {.text = NULL}};
    enum cells_known which;
    const uint8_t *bitmap;
    if (!read_column_cells(names, wire, type, n, to >= 0, scratch, arena, &which, &bitmap)) {
        return false;
    }
    size_t used = 0;
    for (size_t i = 0; i < n && to >= 0; i++) {
        union cell *cell = &table_row(table, rows != NULL ? rows[i] : i)[to];
        *cell = is_known(which, bitmap, i) ? scratch[used++] : unknown[type];
    }
    return true;
}

struct table *
names_table(const struct names *names, struct wire *wire, struct arena *arena)
{
    size_t size = wire_left(wire);
    uint64_t id = wire_varint(wire);
    size_t total = wire_count(wire, SIZE_MAX / 2);
    size_t rows = wire_count(wire, MIN((size_t)TABLE_ROWS_MAX, size * ROWS_PER_BYTE));
    if (wire->bad || id >= names->table_count) {
        return NULL;
    }
    const struct stream_table *known = &names->tables[id];
    struct table *table = table_new(arena, known->def, rows);
    union cell *scratch = arena_news(arena, union cell, rows + 1);
    if (table == NULL || scratch == NULL || table->capacity < rows) {
        return NULL;
    }
    for (size_t i = 0; i < rows; i++) {
        table_add(table, arena);
    }
    table->total = MAX(total, rows);
    for (size_t c = 0; c < known->column_count; c++) {
        struct wire column = wire_part(wire);
        if (wire->bad || !read_into_column(names, &column, (enum column_type)known->types[c],
                                           known->columns[c], table, NULL, rows, scratch, arena)) {
            return NULL;
        }
    }
    return table;
}

/* ---- changes ---- */

bool
wire_places(struct wire *wire, size_t count, struct arena *arena, size_t **ret_places,
            size_t *ret_n)
{
    size_t n = wire_count(wire, MIN(count, wire_left(wire))), next = 0;
    size_t *places = arena_news(arena, size_t, n + 1);
    for (size_t i = 0; places != NULL && i < n; i++) {
        uint64_t step = wire_varint(wire);
        if (wire->bad || step >= count - next) {
            return false;
        }
        places[i] = next + (size_t)step;
        next = places[i] + 1;
    }
    *ret_places = places;
    *ret_n = n;
    return places != NULL && !wire->bad;
}

static const struct table *
table_before(const struct batch *before, const struct table_def *def)
{
    for (size_t i = 0; i < before->table_count; i++) {
        if (before->tables[i]->def == def) {
            return before->tables[i];
        }
    }
    return NULL;
}

/* The rows as they were. */
static bool
copy_rows(struct wire *wire, const struct table *before, struct table *table, size_t rows,
          struct arena *arena)
{
    int64_t *from = arena_news(arena, int64_t, rows + 1);
    if (from == NULL) {
        return false;
    }
    wire_integers(wire, from, rows);
    for (size_t i = 0; i < rows && !wire->bad; i++) {
        union cell *row = table_add(table, arena);
        if (row == NULL || from[i] < -1 || from[i] >= (int64_t)before->count) {
            return false;
        }
        if (from[i] >= 0) {
            memcpy(row, table_row(before, (size_t)from[i]),
                   table->def->column_count * sizeof(*row));
        }
    }
    return !wire->bad;
}

struct table *
names_changed_table(const struct names *names, struct wire *wire, const struct batch *before,
                    struct arena *arena)
{
    unsigned how = wire_u8(wire);
    if (wire->bad || how > 1) {
        return NULL;
    }
    if (how == 0) {
        return names_table(names, wire, arena);
    }
    size_t size = wire_left(wire);
    uint64_t id = wire_varint(wire);
    size_t total = wire_count(wire, SIZE_MAX / 2);
    if (wire->bad || id >= names->table_count) {
        return NULL;
    }
    const struct stream_table *known = &names->tables[id];
    const struct table *old = table_before(before, known->def);
    size_t rows = wire_count(
        wire, MIN((size_t)TABLE_ROWS_MAX, (old != NULL ? old->count : 0) + size * ROWS_PER_BYTE));
    struct table *table = old != NULL && !wire->bad ? table_new(arena, known->def, rows) : NULL;
    union cell *scratch = arena_news(arena, union cell, rows + 1);
    if (table == NULL || scratch == NULL || table->capacity < rows ||
        !copy_rows(wire, old, table, rows, arena)) {
        return NULL;
    }
    table->total = MAX(total, rows);
    for (size_t c = 0; c < known->column_count; c++) {
        struct wire column = wire_part(wire);
        size_t *places, n;
        if (wire->bad || !wire_places(&column, rows, arena, &places, &n) ||
            (n > 0 && !read_into_column(names, &column, (enum column_type)known->types[c],
                                        known->columns[c], table, places, n, scratch, arena))) {
            return NULL;
        }
    }
    return table;
}
