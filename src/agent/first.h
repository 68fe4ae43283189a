/* A first picture: what a reader of the record stream is sent when it joins, all that the first
 * screen needs. Made once for those that join at one picture and ask for the same. Engine thread.
 */
#ifndef FLAMETOP_AGENT_FIRST_H
#define FLAMETOP_AGENT_FIRST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/record.h"
#include "maker.h"
#include "past.h"
#include "piece.h"
#include "reader.h"

/* All zero: none was made. */
struct first {
    struct piece piece; /* names and picture; without bytes: none was made */
    bool packed, brief;
    int64_t since_ns, span_ns;
    struct record_mark mark;
    size_t rows_had;   /* of each table; the others come with the next tick */
    struct past *past; /* NULL: no history follows */
};

/* Whether it is there, and what this reader asked for. */
bool first_suits(const struct first *first, const struct reader *reader);

/* Another, for this reader: with fewer rows when otherwise it would not fit into what a connection
 * may send at once. Without bytes when out of memory. */
void first_make(struct first *first, struct maker *maker, const struct reader *reader);

void first_forget(struct first *first); /* and none again */

#endif
