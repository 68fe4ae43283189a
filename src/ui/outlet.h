/* Bytes on their way to a terminal that may be slow or gone. */
#ifndef FLAMETOP_SRC_UI_OUTLET_H
#define FLAMETOP_SRC_UI_OUTLET_H

#include <stddef.h>

#include "flametop/base/buf.h"

/* Sends what it can of out from *at on, without waiting; out is cleared when all has left. Answers
 * the bytes that left, or a negative errno when the terminal is gone. */
long outlet_send(int fd, struct buf *out, size_t *at);

/* Sends all, waiting a little for a slow terminal and giving up on one that does not read.
 * Signal-safe. */
void outlet_send_patiently(int fd, const char *data, size_t n);

#endif
