/* Reading what was before: chunks of series and of kept rows. */
#include <string.h>

#include "flametop/base/macros.h"
#include "record_reader.h"

/* Chunks need a series for each column: this one stands for those that the catalog refused. */
static const struct metric refused_metric = {
    .name = "refused", .unit = "", .labels = "", .text = ""};
static const struct series refused_series = {&refused_metric, "", 0};

/* Chunks of the same columns share a layout: queries find their columns by it. */
static struct layout *
layout_for(struct record_reader *reader, const struct series **series, size_t count)
{
    for (size_t i = 0; i < LAYOUTS_KEPT; i++) {
        struct layout *layout = reader->layouts[i];
        if (layout != NULL && layout->count == count &&
            (count == 0 || memcmp(layout->series, series, count * sizeof(*series)) == 0)) {
            return layout;
        }
    }
    struct layout *layout = layout_new(series, count);
    if (layout != NULL) {
        layout_release(reader->layouts[reader->layout_next]);
        reader->layouts[reader->layout_next] = layout;
        reader->layout_next = (reader->layout_next + 1) % LAYOUTS_KEPT;
    }
    return layout;
}

/* History looks times up by halves and adds the offset to them. */
static bool
times_are_sound(const struct chunk *chunk)
{
    int64_t times[CHUNK_TICKS];
    if (!chunk_times(chunk, times) || chunk->wall_offset_ns < -TIME_NS_MAX ||
        chunk->wall_offset_ns > TIME_NS_MAX || times[0] < -TIME_NS_MAX) {
        return false;
    }
    for (size_t i = 1; i < chunk->ticks; i++) {
        if (times[i] < times[i - 1]) {
            return false;
        }
    }
    return times[chunk->ticks - 1] <= TIME_NS_MAX;
}

/* The bytes of a chunk of these columns; NULL when they are wrong. */
static struct chunk *
read_columns(struct record_reader *reader, struct wire *wire, const struct series **series,
             size_t count)
{
    struct wire bytes = wire_part(wire);
    struct layout *layout = wire->bad ? NULL : layout_for(reader, series, count);
    struct chunk *chunk = layout != NULL ? chunk_parse(layout, bytes.p, wire_left(&bytes)) : NULL;
    if (chunk != NULL && !times_are_sound(chunk)) {
        chunk_release(chunk);
        return NULL;
    }
    return chunk;
}

static struct chunk *
read_chunk(struct record_reader *reader, struct wire *wire)
{
    /* Each column has a byte at least. The same series may stand for several: see refused_series.
     */
    size_t count = wire_count(wire, MIN(wire_left(wire), SERIES_IDS_MAX));
    int64_t *ids = arena_news(&reader->arena, int64_t, count);
    const struct series **series = arena_news(&reader->arena, const struct series *, count);
    if (wire->bad || ids == NULL || series == NULL ||
        !names_series(&reader->names, wire, count, 0, series, ids)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        series[i] = series[i] != NULL ? series[i] : &refused_series;
    }
    return read_columns(reader, wire, series, count);
}

void
reader_chunk(struct record_reader *reader, struct wire wire)
{
    const char *source = wire_text(&wire, &reader->arena);
    struct chunk *chunk = read_chunk(reader, &wire);
    if (chunk == NULL) {
        reader_damaged(reader, RECORD_CHUNK, "its contents are wrong");
        return;
    }
    if (reader->events.chunk != NULL) {
        reader->events.chunk(reader->events.context, source, chunk);
    }
    chunk_release(chunk);
}

/* The texts of kept rows by their index. */
static const char *const *
read_kept_texts(struct record_reader *reader, struct wire *wire)
{
    const char **texts = arena_news(&reader->arena, const char *, KEPT_TEXTS_MAX);
    size_t count = wire_count(wire, KEPT_TEXTS_MAX);
    struct wire part = wire_part(wire);
    for (size_t i = 0; texts != NULL && i < count && !part.bad; i++) {
        uint64_t index = wire_varint(&part);
        const char *text = wire_text(&part, &reader->arena);
        if (index >= KEPT_TEXTS_MAX) {
            return NULL;
        }
        texts[index] = text;
    }
    wire->bad |= part.bad;
    return texts;
}

/* The columns of a slot, as columns of the definition that is used here. */
static const int *
kept_columns(struct record_reader *reader, const struct stream_table *table, size_t *ret_count)
{
    int *columns = arena_news(&reader->arena, int, table->column_count);
    size_t count = 0;
    for (size_t c = 0; columns != NULL && c < table->column_count; c++) {
        if ((table->own->columns[c].flags & (COLUMN_KEY | COLUMN_KEEP)) != 0) {
            columns[count++] = table->columns[c];
        }
    }
    *ret_count = count;
    return columns;
}

static struct chunk *
read_kept_chunk(struct record_reader *reader, struct wire *wire, size_t count)
{
    const struct series **series = arena_news(&reader->arena, const struct series *, count + 1);
    if (series == NULL || wire->bad) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        series[i] = &refused_series;
    }
    return read_columns(reader, wire, series, count);
}

void
reader_kept(struct record_reader *reader, struct wire wire)
{
    struct kept_part part = {.text_count = KEPT_TEXTS_MAX};
    uint64_t id = wire_varint(&wire);
    part.slots = wire_count(&wire, KEPT_SLOTS_MAX);
    const struct stream_table *table =
        id < reader->names.table_count && !wire.bad ? &reader->names.tables[id] : NULL;
    struct chunk *chunk = NULL;
    if (table != NULL) {
        part.def = table->def;
        part.columns = kept_columns(reader, table, &part.column_count);
        part.texts = read_kept_texts(reader, &wire);
        bool good = part.columns != NULL && part.texts != NULL;
        chunk = good ? read_kept_chunk(reader, &wire, part.slots * part.column_count) : NULL;
    }
    if (chunk == NULL) {
        reader_damaged(reader, RECORD_KEPT, "its contents are wrong");
        return;
    }
    part.chunk = chunk;
    if (reader->events.kept != NULL) {
        reader->events.kept(reader->events.context, &part);
    }
    chunk_release(chunk);
}
