/* What the pieces of a record stream are made with: one writer, which knows what was ever told, the
 * picture that is told of, and the packer. The hub makes what all are sent with it; first.h and
 * reader.h make what is for a few, in `aside`. Engine thread. */
#ifndef FLAMETOP_AGENT_MAKER_H
#define FLAMETOP_AGENT_MAKER_H

#include <stdbool.h>

#include "flametop/base/buf.h"
#include "flametop/core/picture.h"
#include "flametop/core/record.h"
#include "piece.h"

struct maker {
    struct record_writer *writer;
    struct buf out;   /* the writer's: shared, of the tick being made */
    struct buf aside; /* for a few; empty between calls */
    struct packer packer;
    struct picture *picture; /* the newest, held; NULL before the first */
};

bool maker_init(struct maker *maker); /* it must not move; false: out of memory, nothing is held */
void maker_done(struct maker *maker);

/* The piece of what is in `aside`, which is empty then; nothing is made when it is there already.
 * False: there is none, it was too much or out of memory. */
bool maker_piece(struct maker *maker, bool packed, bool head, struct piece *piece);

#endif
