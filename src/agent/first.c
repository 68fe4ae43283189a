/* How much goes into a first picture: rows of tables until it fits, then charts while there is
 * room. */
#include "first.h"

#include "flametop/base/macros.h"

#define FIRST_BYTES 13800 /* with the head of the answer what a connection may send at once */
#define RECENT_BYTES 2300 /* of these at least for the charts */

void
first_forget(struct first *first)
{
    piece_done(&first->piece);
    past_release(first->past);
    *first = (struct first){0};
}

bool
first_suits(const struct first *first, const struct reader *reader)
{
    return first->piece.bytes != NULL && first->packed == reader->packed &&
           first->brief == reader->brief && first->since_ns == reader->since_ns &&
           first->span_ns == reader->span_ns;
}

/* How large `aside` is, packed. */
static size_t
packed_size(struct maker *maker)
{
    struct piece piece = {0};
    bool made = piece_make(&maker->packer, &maker->aside, true, false, &piece);
    size_t n = made ? piece.bytes->n : maker->aside.n;
    piece_done(&piece);
    return n;
}

/* The newest ticks of the cards' sources, as many as there is room for. Answers since when. */
static int64_t
write_recent(struct maker *maker, int64_t from_ns, size_t room)
{
    static const int counts[] = {60, 40, 25, 15, 8, 3, 1};
    const struct picture *picture = maker->picture;
    size_t before = maker->aside.n;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        int64_t recent_ns = picture->mono_ns - (counts[i] + 1) * picture->interval_ns;
        recent_ns = MAX(recent_ns, from_ns);
        past_write_recent(picture, recent_ns, maker->writer, &maker->aside);
        if (maker->aside.n - before <= room) {
            return recent_ns;
        }
        maker->aside.n = before;
    }
    return INT64_MAX - 1;
}

/* Names and picture, with as much of the charts as there is room for: all that the first screen
 * needs. Answers since when the charts are there. */
static int64_t
write_first(const struct first *first, struct maker *maker, int64_t from_ns, size_t room)
{
    struct record_state names = {.names_only = true, .brief = first->brief, .own_texts = true};
    struct record_state state = {
        .known = first->mark, .own_texts = true, .rows_max = first->rows_had};
    state.known.ticks = 0;
    buf_clear(&maker->aside);
    record_write_state(maker->writer, &names, &maker->aside);
    if (first->span_ns > 0) {
        record_write_coming(maker->writer, LINK_HISTORY_COMES, &maker->aside);
    }
    int64_t recent_ns = room > 0 ? write_recent(maker, from_ns, room) : INT64_MAX - 1;
    record_write_state(maker->writer, &state, &maker->aside);
    return recent_ns;
}

void
first_make(struct first *first, struct maker *maker, const struct reader *reader)
{
    static const size_t rows[] = {50, 30, 20, 12, 6};
    struct past_wish wish = {.from_ns =
                                 MAX(reader->since_ns, maker->picture->mono_ns - reader->span_ns),
                             .recent_ns = INT64_MAX - 1,
                             .packed = reader->packed};
    size_t packed = SIZE_MAX;
    first_forget(first);
    *first = (struct first){.packed = reader->packed,
                            .brief = reader->brief,
                            .since_ns = reader->since_ns,
                            .span_ns = reader->span_ns,
                            .mark = record_writer_mark(maker->writer)};
    first->mark.texts = 0; /* the dictionary comes with the next tick */
    for (size_t i = 0; i < ARRAY_SIZE(rows) && packed > FIRST_BYTES - RECENT_BYTES; i++) {
        first->rows_had = rows[i];
        write_first(first, maker, wish.from_ns, 0);
        packed = packed_size(maker);
    }
    if (packed < FIRST_BYTES && reader->span_ns > 0) {
        wish.recent_ns = write_first(first, maker, wish.from_ns, FIRST_BYTES - packed);
    }
    if (maker_piece(maker, reader->packed, false, &first->piece) && reader->span_ns > 0) {
        first->past = past_new(maker->picture, &wish);
    }
}
