/* What readers are sent of the past. */
#include "past.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

#define PIECE_BYTES ((size_t)48 << 10)
#define PIECES_KEPT 16

struct past {
    unsigned refs;
    struct picture *picture;
    struct past_wish wish;
    struct {
        struct piece piece;
        struct past_place after;
    } kept[PIECES_KEPT]; /* the first ones */
    size_t count;
};

bool
past_is_own(const char *source)
{
    return strcmp(source, "flametop") == 0;
}

/* Those that the cards of the first screen show. */
static bool
is_on_cards(const struct track *track)
{
    static const char *const names[] = {"cpu", "memory", "disk", "network", "pressure"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(track->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The ticks of a chunk in from_ns < t < to_ns as a chunk; NULL: none, or no memory. */
static struct chunk *
chunk_between(const struct chunk *chunk, int64_t from_ns, int64_t to_ns)
{
    int64_t times[CHUNK_TICKS];
    double values[CHUNK_TICKS];
    if (!chunk_times(chunk, times)) {
        return NULL;
    }
    size_t first = 0, end = chunk->ticks;
    while (first < end && times[first] <= from_ns) {
        first++;
    }
    while (end > first && times[end - 1] >= to_ns) {
        end--;
    }
    struct head *head = end > first ? head_new(chunk->layout, chunk->wall_offset_ns) : NULL;
    if (head == NULL) {
        return NULL;
    }
    memcpy(head->mono_ns, times + first, (end - first) * sizeof(times[0]));
    bool good = true;
    for (size_t c = 0; c < chunk->layout->count && good; c++) {
        good = chunk_column(chunk, c, values);
        memcpy(head->values + c * CHUNK_TICKS, values + first, (end - first) * sizeof(values[0]));
    }
    struct chunk *part = good ? chunk_seal(head, end - first) : NULL;
    head_release(head);
    return part;
}

static size_t
track_depth(const struct track *track)
{
    return 1 + (track->chunks != NULL ? track->chunks->count : 0);
}

/* What of a chunk lies in from_ns < t < to_ns; NULL: nothing. Takes the reference, NULL as well,
 * and gives one. */
static struct chunk *
trim(struct chunk *whole, int64_t from_ns, int64_t to_ns)
{
    if (whole == NULL || (whole->first_ns > from_ns && whole->last_ns < to_ns)) {
        return whole;
    }
    struct chunk *part = chunk_between(whole, from_ns, to_ns);
    chunk_release(whole);
    return part;
}

static struct chunk *
track_chunk(const struct track *track, size_t depth)
{
    if (depth > 0) {
        return chunk_acquire(track->chunks->chunks[track->chunks->count - depth]);
    }
    bool any = track->head != NULL && track->head_ticks > 0;
    return any ? chunk_seal(track->head, track->head_ticks) : NULL;
}

/* The newest batch itself comes with the picture. */
static void
write_chunk(const struct track *track, size_t depth, int64_t from_ns, int64_t to_ns,
            struct record_writer *writer, struct buf *out)
{
    struct chunk *chunk = past_is_own(track->name) ? NULL
                                                   : trim(track_chunk(track, depth), from_ns,
                                                          MIN(to_ns, track->mono_ns));
    if (chunk != NULL) {
        record_write_history(writer, track->name, chunk, out);
        chunk_release(chunk);
    }
}

static void
write_rows(const struct kept *kept, size_t depth, int64_t from_ns, struct record_writer *writer,
           struct buf *out)
{
    struct chunk *chunk = trim(kept_chunk(kept, depth), from_ns, kept_newest(kept));
    if (chunk != NULL) {
        record_write_kept(writer, kept_def(kept), chunk, out);
        chunk_release(chunk);
    }
}

void
past_write_recent(const struct picture *picture, int64_t from_ns, struct record_writer *writer,
                  struct buf *out)
{
    for (size_t t = 0; t < picture->track_count; t++) {
        const struct track *track = &picture->tracks[t];
        for (size_t depth = 0; is_on_cards(track) && depth < MIN(track_depth(track), (size_t)2);
             depth++) {
            write_chunk(track, depth, from_ns, INT64_MAX, writer, out);
        }
    }
}

/* The next depth, or the next part. */
static void
go_deeper(struct past_place *place)
{
    place->index = 0;
    place->depth++;
    if (!place->any) {
        place->part++;
        place->depth = 0;
    }
    place->any = false;
}

/* Whether there is a chunk that deep, and it is not too old. */
static bool
has_track(const struct track *track, const struct past *past, const struct past_place *place)
{
    return is_on_cards(track) == (place->part == PAST_CARDS) && place->depth < track_depth(track) &&
           (place->depth == 0 ||
            track->chunks->chunks[track->chunks->count - place->depth]->last_ns >
                past->wish.from_ns);
}

/* Chunks before from_ns are trimmed to nothing; the first of them is the last. */
static bool
has_rows(const struct kept *kept, const struct past *past, const struct past_place *place)
{
    struct chunk *newer = place->depth > 1 ? kept_chunk(kept, place->depth - 1) : NULL;
    bool old = newer != NULL && newer->first_ns <= past->wish.from_ns;
    chunk_release(newer);
    return !old && place->depth < kept_chunk_count(kept);
}

/* The next chunk. */
static void
write_next(const struct past *past, struct past_place *place, struct record_writer *writer,
           struct buf *out)
{
    const struct picture *picture = past->picture;
    int64_t from_ns = past->wish.from_ns;
    bool rows = place->part == PAST_ROWS;
    if (place->index == (rows ? picture->kept_count : picture->track_count)) {
        go_deeper(place);
        return;
    }
    size_t index = place->index++;
    if (rows && has_rows(picture->kept[index], past, place)) {
        place->any = true;
        write_rows(picture->kept[index], place->depth, from_ns, writer, out);
    } else if (!rows && has_track(&picture->tracks[index], past, place)) {
        place->any = true;
        write_chunk(&picture->tracks[index], place->depth, from_ns,
                    place->part == PAST_CARDS ? past->wish.recent_ns + 1 : INT64_MAX, writer, out);
    }
}

bool
past_next(struct past *past, struct past_place *place, struct maker *maker, struct piece *ret_piece)
{
    struct buf *aside = &maker->aside;
    *ret_piece = (struct piece){0};
    if (place->piece < past->count) {
        *ret_piece = past->kept[place->piece].piece;
        http_bytes_acquire(ret_piece->bytes);
        *place = past->kept[place->piece].after;
        return true;
    }
    while (place->part != PAST_END && aside->n < PIECE_BYTES) {
        write_next(past, place, maker->writer, aside);
        if (place->part == PAST_END) {
            record_write_coming(maker->writer, 0, aside);
        }
    }
    bool good = !aside->full;
    if (good && aside->n > 0) {
        good = piece_make(&maker->packer, aside, past->wish.packed, false, ret_piece);
        if (good && place->piece++ == past->count && past->count < PIECES_KEPT) {
            past->kept[past->count].piece = *ret_piece;
            past->kept[past->count++].after = *place;
            http_bytes_acquire(ret_piece->bytes);
        }
    }
    buf_clear(aside);
    return good;
}

struct past *
past_new(struct picture *picture, const struct past_wish *wish)
{
    struct past *past = calloc(1, sizeof(*past));
    if (past != NULL) {
        past->refs = 1;
        past->picture = picture_acquire(picture);
        past->wish = *wish;
    }
    return past;
}

struct past *
past_acquire(struct past *past)
{
    past->refs++;
    return past;
}

void
past_release(struct past *past)
{
    if (past != NULL && --past->refs == 0) {
        for (size_t i = 0; i < past->count; i++) {
            piece_done(&past->kept[i].piece);
        }
        picture_release(past->picture);
        free(past);
    }
}
