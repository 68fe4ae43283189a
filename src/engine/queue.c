/* The queue of messages. */
#include "flametop/engine/queue.h"

void
queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
    pthread_mutex_init(&queue->lock, NULL);
}

void
queue_done(struct queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
}

bool
queue_push(struct queue *queue, const struct message *message)
{
    pthread_mutex_lock(&queue->lock);
    bool room = queue->count < QUEUE_LENGTH;
    if (room) {
        queue->messages[(queue->first + queue->count++) % QUEUE_LENGTH] = *message;
    } else {
        queue->refused++;
    }
    pthread_mutex_unlock(&queue->lock);
    return room;
}

bool
queue_pop(struct queue *queue, struct message *ret_message)
{
    pthread_mutex_lock(&queue->lock);
    bool any = queue->count > 0;
    if (any) {
        *ret_message = queue->messages[queue->first];
        queue->first = (queue->first + 1) % QUEUE_LENGTH;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return any;
}

uint64_t
queue_refused(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint64_t refused = queue->refused;
    pthread_mutex_unlock(&queue->lock);
    return refused;
}
