/* Bytes waiting for one reader: references to what many readers share, and how far the first one
 * has been taken. */
#ifndef FLAMETOP_NET_BYTE_QUEUE_H
#define FLAMETOP_NET_BYTE_QUEUE_H

#include "flametop/net/server.h"

struct byte_queue {
    struct http_bytes **items; /* ring */
    size_t first, count, capacity;
    size_t offset; /* taken of the first */
    size_t queued; /* bytes waiting */
    size_t max;
    uint64_t taken;
};

void byte_queue_init(struct byte_queue *queue, size_t max);
void byte_queue_done(struct byte_queue *queue);

/* False when it would hold more than max, unless it is empty: one piece always fits. */
bool byte_queue_push(struct byte_queue *queue, struct http_bytes *bytes);

/* What waits at the front; empty when nothing does. */
struct str byte_queue_front(const struct byte_queue *queue);
void byte_queue_take(struct byte_queue *queue, size_t n); /* n <= front's */

#endif
