/* Kept rows. Invariant: a slot belongs to one key from the tick it was assigned until the key drops
 * out; the key itself is a column of the slot, so a reader needs nothing but the chunks and the
 * dictionary of their layout. */
#include "flametop/core/keep.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dictionary.h"
#include "flametop/core/picture.h"

#define SLOTS_MAX 64
#define TEXTS_A_TICK_MAX 192 /* a quarter of a dictionary, when they are long */

struct kept {
    unsigned refs; /* atomic */
    const struct table_def *def;
    size_t slots;
    struct chunk_list *chunks;
    struct head *head;
    size_t head_ticks;
};

struct keep {
    const struct table_def *def;
    size_t slots, kept_columns, key_column;
    size_t texts; /* of a tick, for which there must be room */
    struct history history;
    double slot_key[SLOTS_MAX]; /* NaN: free */
};

static const struct metric slot_metric = {.name = "kept", .unit = "", .labels = "", .text = ""};
static const struct series slot_series = {&slot_metric, "", 0};

static bool
is_kept(const struct column *column)
{
    return (column->flags & (COLUMN_KEY | COLUMN_KEEP)) != 0;
}

/* A slot keeps its texts' indices only within one dictionary: with another, all start anew. */
static bool
new_dictionary(struct keep *keep)
{
    struct dictionary *texts = dictionary_new();
    size_t count = keep->slots * keep->kept_columns;
    struct layout *layout = texts != NULL ? layout_new_rows(&slot_series, count, texts) : NULL;
    dictionary_release(texts);
    if (layout == NULL) {
        return false;
    }
    history_set_layout(&keep->history, layout);
    layout_release(layout);
    for (size_t s = 0; s < keep->slots; s++) {
        keep->slot_key[s] = NAN;
    }
    return true;
}

struct keep *
keep_new(const struct table_def *def)
{
    struct keep *keep = calloc(1, sizeof(*keep));
    if (keep == NULL) {
        return NULL;
    }
    keep->def = def;
    size_t ranks = 0;
    for (size_t c = 0; c < def->column_count; c++) {
        ranks += (def->columns[c].flags & COLUMN_RANK) != 0;
        keep->kept_columns += is_kept(&def->columns[c]);
        keep->texts += is_kept(&def->columns[c]) && def->columns[c].type == COLUMN_TEXT;
        if (def->columns[c].flags & COLUMN_KEY) {
            keep->key_column = c;
        }
    }
    keep->slots = MIN(def->kept_rows * ranks, (size_t)SLOTS_MAX);
    keep->texts = MIN(keep->texts * keep->slots, (size_t)TEXTS_A_TICK_MAX);
    if (!new_dictionary(keep)) {
        keep_free(keep);
        return NULL;
    }
    return keep;
}

void
keep_free(struct keep *keep)
{
    if (keep != NULL) {
        history_done(&keep->history);
        free(keep);
    }
}

static double
cell_as_double(struct keep *keep, enum column_type type, union cell cell)
{
    if (!cell_known(type, cell)) {
        return NAN;
    }
    return type == COLUMN_REAL      ? cell.real
           : type == COLUMN_INTEGER ? (double)cell.integer
                                    : dictionary_index(keep->history.layout->texts, cell.text);
}

/* Adds the row to the chosen ones if it is among the best `want` of them by this column. */
static void
offer(const struct table *table, size_t column, size_t row, size_t *best, size_t *count,
      size_t want)
{
    enum column_type type = table->def->columns[column].type;
    union cell cell = table_row(table, row)[column];
    bool positive =
        type == COLUMN_REAL ? cell.real > 0 : cell_known(type, cell) && cell.integer > 0;
    if (!positive) {
        return;
    }
    size_t at = *count;
    while (at > 0 && cell_compare(type, table_row(table, best[at - 1])[column], cell) < 0) {
        at--;
    }
    if (at == want) {
        return;
    }
    size_t moved = MIN(*count, want - 1) - at;
    memmove(&best[at + 1], &best[at], moved * sizeof(*best));
    best[at] = row;
    *count = MIN(*count + 1, want);
}

/* The rows to keep: the union of the best of each rank column. */
static size_t
choose(const struct keep *keep, const struct table *table, size_t chosen[SLOTS_MAX])
{
    size_t total = 0;
    for (size_t c = 0; c < table->def->column_count; c++) {
        if (!(table->def->columns[c].flags & COLUMN_RANK)) {
            continue;
        }
        size_t best[SLOTS_MAX + 1], count = 0;
        size_t want = MIN(table->def->kept_rows, keep->slots);
        for (size_t row = 0; row < table->count; row++) {
            offer(table, c, row, best, &count, want);
        }
        for (size_t i = 0; i < count && total < keep->slots; i++) {
            bool there = false;
            for (size_t j = 0; j < total; j++) {
                there |= chosen[j] == best[i];
            }
            if (!there) {
                chosen[total++] = best[i];
            }
        }
    }
    return total;
}

/* Slots of rows that are still there stay; the others are freed, then new rows take free ones. */
static void
assign(struct keep *keep, const double *keys, size_t count, size_t ret_slot[SLOTS_MAX])
{
    bool used[SLOTS_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        ret_slot[i] = SLOTS_MAX;
        for (size_t s = 0; s < keep->slots; s++) {
            if (keep->slot_key[s] == keys[i] && !used[s]) {
                ret_slot[i] = s;
                used[s] = true;
                break;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; ret_slot[i] == SLOTS_MAX && s < keep->slots; s++) {
            if (!used[s]) {
                ret_slot[i] = s;
                used[s] = true;
                keep->slot_key[s] = keys[i];
            }
        }
    }
    for (size_t s = 0; s < keep->slots; s++) {
        if (!used[s]) {
            keep->slot_key[s] = NAN;
        }
    }
}

/* A fresh dictionary where the old one is due, or where texts that change with each tick would fill
 * it before. */
static struct head *
begin(struct keep *keep, struct instant at)
{
    const struct dictionary *texts = keep->history.layout->texts;
    bool due = history_is_due(&keep->history, at) && dictionary_is_old(texts);
    if (due || !dictionary_has_room(texts, keep->texts)) {
        new_dictionary(keep); /* without memory for one the old goes on until it is full */
    }
    return history_begin(&keep->history, at);
}

void
keep_add(struct keep *keep, const struct table *table, struct instant at)
{
    struct head *head = at.mono_ns > history_newest(&keep->history) ? begin(keep, at) : NULL;
    if (head == NULL) {
        return;
    }
    size_t chosen[SLOTS_MAX], slot[SLOTS_MAX];
    double keys[SLOTS_MAX];
    size_t count = choose(keep, table, chosen);
    enum column_type key_type = keep->def->columns[keep->key_column].type;
    for (size_t i = 0; i < count; i++) {
        keys[i] = cell_as_double(keep, key_type, table_row(table, chosen[i])[keep->key_column]);
    }
    assign(keep, keys, count, slot);

    size_t tick = keep->history.head_ticks;
    for (size_t i = 0; i < head->layout->count; i++) {
        head->values[i * CHUNK_TICKS + tick] = NAN;
    }
    for (size_t i = 0; i < count; i++) {
        if (slot[i] == SLOTS_MAX) {
            continue;
        }
        const union cell *row = table_row(table, chosen[i]);
        size_t column = slot[i] * keep->kept_columns;
        for (size_t c = 0; c < keep->def->column_count; c++) {
            if (is_kept(&keep->def->columns[c])) {
                head->values[column * CHUNK_TICKS + tick] =
                    cell_as_double(keep, keep->def->columns[c].type, row[c]);
                column++;
            }
        }
    }
    history_commit(&keep->history, at);
}

/* Where a column of the table is among the kept columns of a slot. */
static size_t
kept_index(const struct table_def *def, size_t column)
{
    size_t index = 0;
    for (size_t c = 0; c < column; c++) {
        index += is_kept(&def->columns[c]);
    }
    return index;
}

/* Indices of the part's texts become those of our dictionary. */
static void
translate(struct keep *keep, const struct kept_part *part, double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool is_one = values[i] >= 0 && values[i] < (double)part->text_count;
        const char *text = is_one ? part->texts[(size_t)values[i]] : NULL;
        values[i] = text != NULL ? dictionary_index(keep->history.layout->texts, text) : NAN;
    }
}

/* One column of one slot, where it is ours. */
static bool
take_column(struct keep *keep, const struct kept_part *part, size_t slot, size_t i,
            struct head *head)
{
    int column = part->columns[i];
    double values[CHUNK_TICKS];
    if (column < 0 || !is_kept(&keep->def->columns[column])) {
        return true;
    }
    if (!chunk_column(part->chunk, slot * part->column_count + i, values)) {
        return false;
    }
    if (keep->def->columns[column].type == COLUMN_TEXT) {
        translate(keep, part, values, part->chunk->ticks);
    }
    size_t place = slot * keep->kept_columns + kept_index(keep->def, (size_t)column);
    memcpy(head->values + place * CHUNK_TICKS, values, part->chunk->ticks * sizeof(values[0]));
    return true;
}

static struct chunk *
take_part(struct keep *keep, const struct kept_part *part)
{
    size_t ticks = part->chunk->ticks;
    struct head *head = head_new(keep->history.layout, part->chunk->wall_offset_ns);
    bool good = head != NULL && chunk_times(part->chunk, head->mono_ns);
    for (size_t i = 0; good && i < head->layout->count * CHUNK_TICKS; i++) {
        head->values[i] = NAN;
    }
    for (size_t s = 0; good && s < MIN(part->slots, keep->slots); s++) {
        for (size_t i = 0; good && i < part->column_count; i++) {
            good = take_column(keep, part, s, i, head);
        }
    }
    struct chunk *chunk = good ? chunk_seal(head, ticks) : NULL;
    head_release(head);
    return chunk;
}

bool
keep_add_part(struct keep *keep, const struct kept_part *part)
{
    if (part->def != keep->def || part->chunk->layout->count != part->slots * part->column_count) {
        return false;
    }
    if (dictionary_is_old(keep->history.layout->texts)) {
        new_dictionary(keep); /* hours may come between two ticks */
    }
    struct chunk *chunk = take_part(keep, part);
    bool added = chunk != NULL && history_add_chunk(&keep->history, chunk);
    chunk_release(chunk);
    return added;
}

const struct table_def *
keep_def(const struct keep *keep)
{
    return keep->def;
}

struct history *
keep_history(struct keep *keep)
{
    return &keep->history;
}

struct kept *
keep_view(const struct keep *keep)
{
    struct kept *kept = malloc(sizeof(*kept));
    if (kept != NULL) {
        const struct history *history = &keep->history;
        *kept = (struct kept){.refs = 1,
                              .def = keep->def,
                              .slots = keep->slots,
                              .chunks = chunk_list_acquire(history->chunks),
                              .head = history->head != NULL ? head_acquire(history->head) : NULL,
                              .head_ticks = history->head_ticks};
    }
    return kept;
}

void
kept_release(struct kept *kept)
{
    if (kept != NULL && __atomic_sub_fetch(&kept->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        chunk_list_release(kept->chunks);
        head_release(kept->head);
        free(kept);
    }
}

const struct table_def *
kept_def(const struct kept *kept)
{
    return kept->def;
}

static size_t
chunk_count(const struct kept *kept)
{
    return kept->chunks != NULL ? kept->chunks->count : 0;
}

size_t
kept_chunk_count(const struct kept *kept)
{
    return 1 + chunk_count(kept);
}

struct chunk *
kept_chunk(const struct kept *kept, size_t depth)
{
    if (depth == 0) {
        return kept->head_ticks > 0 ? chunk_seal(kept->head, kept->head_ticks) : NULL;
    }
    size_t count = chunk_count(kept);
    return depth <= count ? chunk_acquire(kept->chunks->chunks[count - depth]) : NULL;
}

int64_t
kept_newest(const struct kept *kept)
{
    size_t count = chunk_count(kept);
    return kept->head_ticks > 0 ? kept->head->mono_ns[kept->head_ticks - 1]
           : count > 0          ? kept->chunks->chunks[count - 1]->last_ns
                                : INT64_MIN;
}

const char *
kept_chunk_text(const struct chunk *chunk, double index)
{
    return dictionary_text(chunk->layout->texts, index);
}

/* All columns of one tick, out of the head or a chunk. */
static bool
read_tick(const struct kept *kept, int64_t mono_ns, double *ret_values, size_t count,
          const struct dictionary **ret_dictionary)
{
    for (size_t tick = kept->head_ticks; tick-- > 0;) {
        if (kept->head->mono_ns[tick] <= mono_ns) {
            for (size_t i = 0; i < count; i++) {
                ret_values[i] = kept->head->values[i * CHUNK_TICKS + tick];
            }
            *ret_dictionary = kept->head->layout->texts;
            return true;
        }
    }
    for (size_t c = chunk_count(kept); c-- > 0;) {
        const struct chunk *chunk = kept->chunks->chunks[c];
        if (chunk->first_ns > mono_ns) {
            continue;
        }
        int64_t times[CHUNK_TICKS];
        double values[CHUNK_TICKS];
        if (!chunk_times(chunk, times)) {
            return false;
        }
        size_t tick = chunk->ticks - 1;
        while (tick > 0 && times[tick] > mono_ns) {
            tick--;
        }
        for (size_t i = 0; i < count; i++) {
            ret_values[i] = chunk_column(chunk, i, values) ? values[tick] : NAN;
        }
        *ret_dictionary = chunk->layout->texts;
        return true;
    }
    return false;
}

static union cell
cell_from_double(enum column_type type, double value, const struct dictionary *dictionary,
                 struct arena *arena)
{
    union cell cell;
    bool known = !isnan(value);
    switch (type) {
    case COLUMN_REAL:
        cell.real = value;
        break;
    case COLUMN_INTEGER:
        cell.integer = known && fabs(value) < 9e18 ? (int64_t)value : CELL_UNKNOWN;
        break;
    case COLUMN_TEXT:
    default:
        cell.text = dictionary_text(dictionary, value);
        cell.text = cell.text != NULL ? arena_text(arena, cell.text, strlen(cell.text)) : NULL;
        break;
    }
    return cell;
}

struct table *
kept_table_at(const struct kept *kept, int64_t mono_ns, struct arena *arena)
{
    size_t kept_columns = 0;
    for (size_t c = 0; c < kept->def->column_count; c++) {
        kept_columns += is_kept(&kept->def->columns[c]);
    }
    size_t count = kept->slots * kept_columns;
    double *values = calloc(count + 1, sizeof(*values));
    const struct dictionary *dictionary;
    if (values == NULL || !read_tick(kept, mono_ns, values, count, &dictionary)) {
        free(values);
        return NULL;
    }
    struct table *table = table_new(arena, kept->def, kept->slots);
    for (size_t s = 0; table != NULL && s < kept->slots; s++) {
        const double *slot = values + s * kept_columns;
        bool any = false;
        for (size_t i = 0; i < kept_columns; i++) {
            any |= !isnan(slot[i]);
        }
        union cell *row = any ? table_add(table, arena) : NULL;
        for (size_t c = 0; row != NULL && c < kept->def->column_count; c++) {
            if (is_kept(&kept->def->columns[c])) {
                row[c] = cell_from_double(kept->def->columns[c].type, *slot++, dictionary, arena);
            }
        }
    }
    if (table != NULL) {
        table->total = table->count;
    }
    free(values);
    return table;
}

static size_t
kept_key_column(const struct table_def *def)
{
    size_t c = 0;
    while (c < def->column_count && (def->columns[c].flags & COLUMN_KEY) == 0) {
        c++;
    }
    return c;
}

/* Where kept_row_values writes: a window on the newest `max` ticks, filled from its end. */
struct window {
    double key;
    const size_t *indices; /* among the kept columns */
    size_t column_count;
    int64_t from_ns, to_ns;
    int64_t *mono_ns;
    double *values;
    size_t left; /* room in front */
};

static bool
block_column(const struct kept *kept, size_t part, size_t column, double values[CHUNK_TICKS])
{
    if (part == chunk_count(kept)) {
        memcpy(values, kept->head->values + column * CHUNK_TICKS,
               kept->head_ticks * sizeof(*values));
        return true;
    }
    return chunk_column(kept->chunks->chunks[part], column, values);
}

/* Which slot has the key at each tick; false when none ever has. */
static bool
find_slots(const struct kept *kept, size_t part, size_t ticks, size_t width, size_t key_index,
           double key, uint8_t slots[CHUNK_TICKS])
{
    bool any = false;
    double keys[CHUNK_TICKS];
    memset(slots, SLOTS_MAX, CHUNK_TICKS);
    for (size_t s = 0; s < kept->slots; s++) {
        if (!block_column(kept, part, s * width + key_index, keys)) {
            continue;
        }
        for (size_t tick = 0; tick < ticks; tick++) {
            bool is = !(keys[tick] < key) && !(keys[tick] > key) && !isnan(keys[tick]);
            slots[tick] = is ? (uint8_t)s : slots[tick];
            any = any || is;
        }
    }
    return any;
}

/* One column of the row, put together out of the slots it had. */
static void
gather(const struct kept *kept, size_t part, size_t ticks, size_t width, size_t index,
       const uint8_t slots[CHUNK_TICKS], double ret_values[CHUNK_TICKS])
{
    double values[CHUNK_TICKS];
    size_t loaded = SLOTS_MAX;
    for (size_t tick = 0; tick < ticks; tick++) {
        if (slots[tick] != SLOTS_MAX && slots[tick] != loaded) {
            loaded = block_column(kept, part, slots[tick] * width + index, values) ? slots[tick]
                                                                                   : SLOTS_MAX;
        }
        bool known = slots[tick] != SLOTS_MAX && slots[tick] == loaded;
        ret_values[tick] = known ? values[tick] : (double)NAN;
    }
}

#define ROW_COLUMNS_MAX 8

static void
take_block(const struct kept *kept, size_t part, size_t width, size_t key_index,
           struct window *window)
{
    int64_t times[CHUNK_TICKS];
    uint8_t slots[CHUNK_TICKS];
    double values[ROW_COLUMNS_MAX][CHUNK_TICKS];
    bool is_head = part == chunk_count(kept);
    size_t ticks = is_head ? kept->head_ticks : kept->chunks->chunks[part]->ticks;
    if (is_head && ticks > 0) {
        memcpy(times, kept->head->mono_ns, ticks * sizeof(*times));
    } else if (ticks == 0 || !chunk_times(kept->chunks->chunks[part], times)) {
        return;
    }
    if (times[0] > window->to_ns || times[ticks - 1] <= window->from_ns ||
        !find_slots(kept, part, ticks, width, key_index, window->key, slots)) {
        return;
    }
    for (size_t i = 0; i < window->column_count; i++) {
        gather(kept, part, ticks, width, window->indices[i], slots, values[i]);
    }
    for (size_t tick = ticks; tick-- > 0 && window->left > 0;) {
        if (slots[tick] == SLOTS_MAX || times[tick] > window->to_ns ||
            times[tick] <= window->from_ns) {
            continue;
        }
        window->left--;
        window->mono_ns[window->left] = times[tick];
        for (size_t i = 0; i < window->column_count; i++) {
            window->values[window->left * window->column_count + i] = values[i][tick];
        }
    }
}

size_t
kept_row_values(const struct kept *kept, int64_t key, const size_t *columns, size_t column_count,
                int64_t from_ns, int64_t to_ns, int64_t *ret_mono_ns, double *ret_values,
                size_t max)
{
    const struct table_def *def = kept->def;
    size_t indices[ROW_COLUMNS_MAX], key_column = kept_key_column(def),
                                     width = kept_index(def, def->column_count);
    if (key_column == def->column_count || column_count > ROW_COLUMNS_MAX) {
        return 0;
    }
    for (size_t i = 0; i < column_count; i++) {
        indices[i] = kept_index(def, columns[i]);
    }
    struct window window = {(double)key, indices,     column_count, from_ns,
                            to_ns,       ret_mono_ns, ret_values,   max};
    for (size_t part = chunk_count(kept) + 1; part-- > 0 && window.left > 0;) {
        take_block(kept, part, width, kept_index(def, key_column), &window);
    }
    size_t count = max - window.left;
    memmove(ret_mono_ns, ret_mono_ns + window.left, count * sizeof(*ret_mono_ns));
    memmove(ret_values, ret_values + window.left * column_count,
            count * column_count * sizeof(*ret_values));
    return count;
}
