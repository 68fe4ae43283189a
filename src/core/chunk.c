/* Chunks.
 *
 * Invariant: a chunk that exists was checked whole, be it sealed here or parsed from bytes of
 * others: its times and every column decode. So readers of history meet no damage in the middle of
 * drawing.
 *
 * Columns are found by adding up the directory; a mark every MARK_COLUMNS columns keeps that short.
 */
#include "flametop/core/chunk.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/codec.h"

#define FORMAT 1

/* At most what the codec needs for a column of a chunk, while it tries what is shortest. */
#define COLUMN_BYTES_MAX CODEC_ROOM(CHUNK_TICKS)

#define MARK_COLUMNS 16

/* Where the directory entry and the bytes of column i * MARK_COLUMNS start. */
struct chunk_mark {
    uint32_t entry, column;
};

struct part {
    const uint8_t *p, *end;
};

/* What the bytes of a chunk say before its columns. */
struct shape {
    size_t ticks, columns;
    int64_t first_ns, wall_offset_ns;
    struct part times;
    const uint8_t *directory, *data;
};

static size_t
mark_count(size_t columns)
{
    return (columns + MARK_COLUMNS - 1) / MARK_COLUMNS;
}

static size_t
marks_at(size_t size)
{
    size_t align = _Alignof(struct chunk_mark);
    return (sizeof(struct chunk) + size + align - 1) / align * align;
}

static struct chunk *
chunk_new(struct layout *layout, size_t size)
{
    size_t at = marks_at(size);
    struct chunk *chunk = malloc(at + mark_count(layout->count) * sizeof(struct chunk_mark));
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (struct chunk){
        .refs = 1,
        .layout = layout_acquire(layout),
        .size = size,
        .marks = (struct chunk_mark *)(void *)((char *)chunk + at),
    };
    return chunk;
}

static bool
get_u64(struct part *part, uint64_t *ret_value)
{
    uint64_t little;
    if ((size_t)(part->end - part->p) < sizeof(little)) {
        return false;
    }
    memcpy(&little, part->p, sizeof(little));
    part->p += sizeof(little);
    *ret_value = le64toh(little);
    return true;
}

static bool
get_part(struct part *part, struct part *ret_part)
{
    uint64_t bytes;
    if (!codec_get_varint(&part->p, part->end, &bytes) || bytes > (size_t)(part->end - part->p)) {
        return false;
    }
    *ret_part = (struct part){part->p, part->p + bytes};
    part->p += bytes;
    return true;
}

static bool
get_header(struct part *part, struct shape *ret_shape)
{
    uint64_t ticks, columns, first, offset;
    if (part->p == part->end || *part->p++ != FORMAT ||
        !codec_get_varint(&part->p, part->end, &ticks) || ticks == 0 || ticks > CHUNK_TICKS ||
        !codec_get_varint(&part->p, part->end, &columns) || !get_u64(part, &first) ||
        !get_u64(part, &offset)) {
        return false;
    }
    ret_shape->ticks = ticks;
    ret_shape->columns = columns;
    ret_shape->first_ns = (int64_t)first;
    ret_shape->wall_offset_ns = (int64_t)offset;
    return get_part(part, &ret_shape->times);
}

/* Walks the directory; its lengths must add up to exactly what follows it. */
static bool
get_directory(struct part *part, struct shape *ret_shape)
{
    uint64_t total = 0;
    size_t size = (size_t)(part->end - part->p);
    ret_shape->directory = part->p;
    for (size_t i = 0; i < ret_shape->columns; i++) {
        uint64_t bytes;
        if (!codec_get_varint(&part->p, part->end, &bytes) || bytes > size - total) {
            return false;
        }
        total += bytes;
    }
    ret_shape->data = part->p;
    return total == (size_t)(part->end - part->p);
}

static bool
get_shape(const uint8_t *bytes, size_t size, size_t columns, struct shape *ret_shape)
{
    struct part part = {bytes, bytes + size};
    return size <= UINT32_MAX && get_header(&part, ret_shape) && ret_shape->columns == columns &&
           get_directory(&part, ret_shape);
}

static bool
get_times(const struct shape *shape, int64_t *ret_mono_ns)
{
    int64_t times[CHUNK_TICKS];
    size_t size = (size_t)(shape->times.end - shape->times.p);
    if (!codec_get_times(shape->times.p, size, times, shape->ticks) || times[0] != 0) {
        return false;
    }
    for (size_t i = 0; i < shape->ticks; i++) {
        ret_mono_ns[i] = (int64_t)((uint64_t)times[i] + (uint64_t)shape->first_ns);
    }
    return true;
}

static bool
columns_decode(const struct shape *shape, const uint8_t *end)
{
    double values[CHUNK_TICKS];
    const uint8_t *entry = shape->directory, *column = shape->data;
    for (size_t i = 0; i < shape->columns; i++) {
        uint64_t bytes;
        if (!codec_get_varint(&entry, end, &bytes) ||
            !codec_get_column(column, bytes, values, shape->ticks)) {
            return false;
        }
        column += bytes;
    }
    return true;
}

static void
set_marks(struct chunk *chunk, const struct shape *shape)
{
    const uint8_t *entry = shape->directory, *column = shape->data;
    const uint8_t *end = chunk->bytes + chunk->size;
    for (size_t i = 0; i < shape->columns; i++) {
        if (i % MARK_COLUMNS == 0) {
            chunk->marks[i / MARK_COLUMNS] = (struct chunk_mark){
                .entry = (uint32_t)(entry - chunk->bytes),
                .column = (uint32_t)(column - chunk->bytes),
            };
        }
        uint64_t bytes = 0;
        codec_get_varint(&entry, end, &bytes);
        column += bytes;
    }
}

/* Sets all but the bytes, from the bytes. */
static bool
chunk_adopt(struct chunk *chunk, bool check_columns)
{
    struct shape shape;
    int64_t times[CHUNK_TICKS];
    if (!get_shape(chunk->bytes, chunk->size, chunk->layout->count, &shape) ||
        !get_times(&shape, times) ||
        (check_columns && !columns_decode(&shape, chunk->bytes + chunk->size))) {
        return false;
    }
    chunk->ticks = shape.ticks;
    chunk->first_ns = times[0];
    chunk->last_ns = times[shape.ticks - 1];
    chunk->wall_offset_ns = shape.wall_offset_ns;
    set_marks(chunk, &shape);
    return true;
}

static void
put_times(struct buf *out, const struct head *head, size_t n)
{
    int64_t times[CHUNK_TICKS];
    struct buf bytes;
    for (size_t i = 0; i < n; i++) {
        times[i] = (int64_t)((uint64_t)head->mono_ns[i] - (uint64_t)head->mono_ns[0]);
    }
    buf_init(&bytes, COLUMN_BYTES_MAX);
    codec_put_times(&bytes, times, n);
    buf_put_varint(out, bytes.n);
    buf_add(out, bytes.data, bytes.n);
    out->full = out->full || bytes.full;
    buf_done(&bytes);
}

static void
put_header(struct buf *out, const struct head *head, size_t n)
{
    buf_putc(out, FORMAT);
    buf_put_varint(out, n);
    buf_put_varint(out, head->layout->count);
    buf_put_u64(out, (uint64_t)head->mono_ns[0]);
    buf_put_u64(out, (uint64_t)head->wall_offset_ns);
    put_times(out, head, n);
}

/* Columns into one buffer, their lengths behind the header in the other. */
static void
put_columns(struct buf *header, struct buf *columns, const struct head *head, size_t n)
{
    for (size_t i = 0; i < head->layout->count; i++) {
        size_t before = columns->n;
        codec_put_column(columns, head->values + i * CHUNK_TICKS, n);
        buf_put_varint(header, columns->n - before);
    }
}

static struct chunk *
join(const struct head *head, const struct buf *header, const struct buf *columns)
{
    struct chunk *chunk = chunk_new(head->layout, header->n + columns->n);
    if (chunk == NULL) {
        return NULL;
    }
    memcpy(chunk->bytes, header->data, header->n);
    if (columns->n > 0) {
        memcpy(chunk->bytes + header->n, columns->data, columns->n);
    }
    if (!chunk_adopt(chunk, false)) {
        chunk_release(chunk);
        return NULL;
    }
    return chunk;
}

struct chunk *
chunk_seal(const struct head *head, size_t n)
{
    assert(n > 0 && n <= CHUNK_TICKS);
    struct buf header, columns;
    struct chunk *chunk = NULL;
    buf_init(&header, 64 + COLUMN_BYTES_MAX + 10 * head->layout->count);
    buf_init(&columns, COLUMN_BYTES_MAX * (head->layout->count + 1));
    put_header(&header, head, n);
    put_columns(&header, &columns, head, n);
    if (!header.full && !columns.full) {
        chunk = join(head, &header, &columns);
    }
    buf_done(&header);
    buf_done(&columns);
    return chunk;
}

struct chunk *
chunk_parse(struct layout *layout, const void *bytes, size_t size)
{
    struct shape shape;
    if (!get_shape(bytes, size, layout->count, &shape)) {
        return NULL;
    }
    struct chunk *chunk = chunk_new(layout, size);
    if (chunk == NULL) {
        return NULL;
    }
    memcpy(chunk->bytes, bytes, size);
    if (!chunk_adopt(chunk, true)) {
        chunk_release(chunk);
        return NULL;
    }
    return chunk;
}

struct chunk *
chunk_acquire(struct chunk *chunk)
{
    __atomic_add_fetch(&chunk->refs, 1, __ATOMIC_RELAXED);
    return chunk;
}

void
chunk_release(struct chunk *chunk)
{
    if (chunk != NULL && __atomic_sub_fetch(&chunk->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        layout_release(chunk->layout);
        free(chunk);
    }
}

bool
chunk_times(const struct chunk *chunk, int64_t ret_mono_ns[CHUNK_TICKS])
{
    struct part part = {chunk->bytes, chunk->bytes + chunk->size};
    struct shape shape;
    return get_header(&part, &shape) && get_times(&shape, ret_mono_ns);
}

bool
chunk_column(const struct chunk *chunk, size_t column, double ret_values[CHUNK_TICKS])
{
    if (column >= chunk->layout->count) {
        return false;
    }
    const struct chunk_mark *mark = &chunk->marks[column / MARK_COLUMNS];
    const uint8_t *entry = chunk->bytes + mark->entry;
    const uint8_t *start = chunk->bytes + mark->column;
    const uint8_t *end = chunk->bytes + chunk->size;
    uint64_t bytes = 0;
    for (size_t i = column / MARK_COLUMNS * MARK_COLUMNS; i <= column; i++) {
        start += bytes;
        if (!codec_get_varint(&entry, end, &bytes) || bytes > (size_t)(end - start)) {
            return false;
        }
    }
    return codec_get_column(start, bytes, ret_values, chunk->ticks);
}

size_t
chunk_memory(const struct chunk *chunk)
{
    return marks_at(chunk->size) + mark_count(chunk->layout->count) * sizeof(struct chunk_mark);
}
