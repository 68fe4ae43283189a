/* Who is at the other end of a connection, found by a thread: on machines with many processes
 * reading all their descriptors (owner.h) takes longer than the loop may stand still. */
#ifndef FLAMETOP_SRC_RECEIVERS_SEEKER_H
#define FLAMETOP_SRC_RECEIVERS_SEEKER_H

#include <uv.h>

#include "owner.h"

struct seeker;

/* `found` is called on the loop's thread, with pid 0 when it cannot be known. `proc` outlives the
 * seeker. NULL: out of memory. */
struct seeker *seeker_new(uv_loop_t *loop, const char *proc, void *context,
                          void (*found)(void *context, const struct owner *owner));

/* Ends a search that is under way. The loop must turn once more to release its handle. */
void seeker_free(struct seeker *seeker); /* NULL is allowed */

/* Looks for who is connected by a socket, whose port here is `port`; the connection stays open
 * until it is found, whatever happens to the descriptor. False: one is being looked for, or a means
 * is missing. */
bool seeker_look(struct seeker *seeker, int fd, unsigned port);

#endif
