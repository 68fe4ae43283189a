/* The history that a reader of the record stream is sent after its first picture: newest first, the
 * cards' sources before the others, then the kept rows of tables. Readers that joined at one
 * picture with the same wishes share it, and with it the pieces it is packed in, as far as those
 * are kept. Engine thread. */
#ifndef FLAMETOP_AGENT_PAST_H
#define FLAMETOP_AGENT_PAST_H

#include "flametop/core/picture.h"
#include "flametop/core/record.h"
#include "maker.h"
#include "piece.h"

/* What is sent: from_ns < t, and of the cards' sources only t <= recent_ns: what is newer came with
 * the picture. */
struct past_wish {
    int64_t from_ns, recent_ns;
    bool packed;
};

/* How far one reader is. All zero is the beginning. */
struct past_place {
    size_t piece; /* its number */
    enum { PAST_CARDS, PAST_OTHERS, PAST_ROWS, PAST_END } part;
    size_t index, depth; /* of a track or of kept rows; its chunk, 0 is the newest */
    bool any;            /* one had a chunk that deep */
};

struct past;
struct past *past_new(struct picture *picture, const struct past_wish *wish); /* one reference */
struct past *past_acquire(struct past *past);
void past_release(struct past *past); /* NULL is allowed */

/* The next piece, and the place behind it. The piece is the caller's to give back (piece_done);
 * without bytes when there was nothing more. The last one says that no history comes any more.
 * False: out of memory. */
bool past_next(struct past *past, struct past_place *place, struct maker *maker,
               struct piece *ret_piece);

/* The newest ticks of the cards' sources, those in from_ns < t, to `out`: of two chunks at most. */
void past_write_recent(const struct picture *picture, int64_t from_ns, struct record_writer *writer,
                       struct buf *out);

/* What the program makes of itself is not sent: the reader's program has its own of that name. */
bool past_is_own(const char *source);

#endif
