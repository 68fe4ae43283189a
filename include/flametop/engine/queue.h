/* The queue of messages up to the engine: bounded; what does not fit is refused and counted. Any
 * thread. */
#ifndef FLAMETOP_ENGINE_QUEUE_H
#define FLAMETOP_ENGINE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/engine/engine.h"

#define QUEUE_LENGTH 32

struct queue {
    pthread_mutex_t lock;
    struct message messages[QUEUE_LENGTH];
    size_t first, count;
    uint64_t refused;
};

void queue_init(struct queue *queue);
void queue_done(struct queue *queue);
bool queue_push(struct queue *queue, const struct message *message);
bool queue_pop(struct queue *queue, struct message *ret_message);
uint64_t queue_refused(struct queue *queue);

#endif
