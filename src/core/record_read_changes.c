/* Reading batches, whole and as what changed since the source's last one. */
#include <math.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "record_reader.h"

/* The samples as they come: refused ones are NULL. */
static bool
read_samples(struct record_reader *reader, struct wire *wire)
{
    struct batch *batch = &reader->batch;
    size_t n = wire_count(wire, reader->names.series_count);
    int64_t *ids = arena_news(&reader->arena, int64_t, n);
    batch->column_count = 0;
    if (wire->bad || ids == NULL || !batch_reserve(batch, n) ||
        !names_series(&reader->names, wire, n, reader->round, batch->columns, ids)) {
        return false;
    }
    wire_doubles(wire, batch->values, n);
    batch->column_count = n;
    return !wire->bad;
}

/* What is neither refused nor gone. */
static void
keep_known(struct batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->column_count; i++) {
        batch->dropped += batch->columns[i] == NULL;
        if (batch->columns[i] != NULL && !isnan(batch->values[i])) {
            batch->columns[kept] = batch->columns[i];
            batch->values[kept++] = batch->values[i];
        }
    }
    batch->column_count = kept;
}

static bool
read_tables(struct record_reader *reader, struct wire *wire, const struct batch *before)
{
    struct batch *batch = &reader->batch;
    size_t n = wire_count(wire, BATCH_TABLES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct wire part = wire_part(wire);
        struct table *table =
            wire->bad        ? NULL
            : before != NULL ? names_changed_table(&reader->names, &part, before, &reader->arena)
                             : names_table(&reader->names, &part, &reader->arena);
        if (table == NULL) {
            return false;
        }
        batch->tables[batch->table_count++] = table;
    }
    return !wire->bad;
}

static bool
read_batch_header(struct record_reader *reader, struct wire *wire)
{
    struct batch *batch = &reader->batch;
    batch->column_count = 0;
    batch_begin(batch, reader_instant(wire), &reader->arena);
    unsigned state = wire_u8(wire);
    batch->state = state <= SOURCE_FAILED ? (enum source_state)state : SOURCE_DEGRADED;
    utf8_clean(str_from(wire_text(wire, &reader->arena)), batch->why, sizeof(batch->why));
    batch->rejected = wire_varint(wire);
    batch->dropped = wire_varint(wire);
    batch->errors = wire_varint(wire);
    return !wire->bad;
}

/* Remembers the batch as it came, for changes of it. What takes too much memory is forgotten, and
 * its changes will be passed over. */
static void
remember_batch(struct record_reader *reader, const char *source, bool columns_too)
{
    const struct batch *batch = &reader->batch;
    struct last *last = lasts_find(&reader->lasts, source);
    last = last != NULL ? last : lasts_add(&reader->lasts, source);
    if (last == NULL) {
        return;
    }
    bool good = true;
    if (columns_too) {
        last->batch.column_count = 0;
        for (size_t i = 0; i < batch->column_count && good; i++) {
            good = last_add_column(last, batch->columns[i]);
            if (good) {
                last->batch.values[i] = batch->values[i];
            }
        }
    }
    last_set_header(last, batch);
    last->known = last_set_tables(last, batch->tables, batch->table_count) && good &&
                  lasts_bytes(&reader->lasts) <= LAST_BYTES_MAX;
    if (!last->known) {
        last_forget(last);
    }
}

static void
pass_batch(struct record_reader *reader, unsigned type, const char *source, bool good)
{
    if (!good || reader->arena.full) {
        reader_damaged(reader, type,
                       reader->arena.full ? "it takes more memory than a batch may"
                                          : "its contents are wrong");
        return;
    }
    remember_batch(reader, source, type == RECORD_BATCH);
    keep_known(&reader->batch);
    if (reader->events.batch != NULL) {
        reader->events.batch(reader->events.context, source, &reader->batch);
    }
}

void
reader_batch(struct record_reader *reader, struct wire wire)
{
    const char *source = wire_text(&wire, &reader->arena);
    bool good = read_batch_header(reader, &wire) && read_samples(reader, &wire) &&
                read_tables(reader, &wire, NULL);
    pass_batch(reader, RECORD_BATCH, source, good);
}

/* Columns that are new, at the end of the last batch. */
static bool
read_new(struct record_reader *reader, struct wire *wire, struct last *last)
{
    bool good = read_samples(reader, wire);
    for (size_t i = 0; good && i < reader->batch.column_count; i++) {
        good = last->batch.column_count < SERIES_IDS_MAX &&
               last_add_column(last, reader->batch.columns[i]);
        if (good) {
            last->batch.values[last->batch.column_count - 1] = reader->batch.values[i];
        }
    }
    return good;
}

static bool
read_gone(struct record_reader *reader, struct wire *wire, struct last *last, size_t had)
{
    size_t *places, n;
    if (!wire_places(wire, had, &reader->arena, &places, &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        last->batch.values[places[i]] = NAN;
    }
    return true;
}

static bool
read_grown(struct record_reader *reader, struct wire *wire, struct last *last, size_t had,
           double scale)
{
    size_t *places, n;
    if (!wire_places(wire, had, &reader->arena, &places, &n)) {
        return false;
    }
    for (size_t i = 0; i < n && !wire->bad; i++) {
        double *value = &last->batch.values[places[i]];
        uint64_t zigzag = wire_varint(wire);
        double grown = (double)(int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));
        *value = (rint(*value * scale) + grown) / scale;
    }
    return !wire->bad;
}

static bool
read_others(struct record_reader *reader, struct wire *wire, struct last *last, size_t had)
{
    size_t *places, n;
    if (!wire_places(wire, had, &reader->arena, &places, &n)) {
        return false;
    }
    double *values = arena_news(&reader->arena, double, n + 1);
    if (values == NULL) {
        return false;
    }
    wire_doubles(wire, values, n);
    for (size_t i = 0; i < n; i++) {
        last->batch.values[places[i]] = values[i];
    }
    return !wire->bad;
}

static bool
read_columns(struct record_reader *reader, struct wire *wire, struct last *last)
{
    size_t had = last->batch.column_count;
    bool good = read_new(reader, wire, last) && read_gone(reader, wire, last, had);
    for (size_t e = 0; e < CHANGED_EXPONENTS && good; e++) {
        good = read_grown(reader, wire, last, had, changed_scales[e]);
    }
    return good && read_others(reader, wire, last, had);
}

/* The whole batch, of its last one. */
static bool
copy_columns(struct batch *batch, const struct batch *from)
{
    if (!batch_reserve(batch, from->column_count)) {
        return false;
    }
    for (size_t i = 0; i < from->column_count; i++) {
        batch->columns[i] = from->columns[i];
        batch->values[i] = from->values[i];
    }
    batch->column_count = from->column_count;
    return true;
}

void
reader_changes(struct record_reader *reader, struct wire wire)
{
    const char *source = wire_text(&wire, &reader->arena);
    int64_t before_ns = (int64_t)wire_u64(&wire);
    struct last *last = lasts_find(&reader->lasts, source);
    if (!wire.bad && (last == NULL || !last->known || last->batch.at.mono_ns != before_ns)) {
        reader->dropped++; /* it changes a batch that is not here */
        return;
    }
    bool good = !wire.bad && read_batch_header(reader, &wire) &&
                read_columns(reader, &wire, last) && copy_columns(&reader->batch, &last->batch) &&
                read_tables(reader, &wire, &last->batch);
    pass_batch(reader, RECORD_CHANGES, source, good);
}
