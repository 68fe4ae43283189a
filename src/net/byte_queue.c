#include "byte_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 4096

struct http_bytes *
http_bytes_new(const void *bytes, size_t n)
{
    struct http_bytes *copy = malloc(sizeof(*copy) + n);
    if (copy != NULL) {
        copy->refs = 1;
        copy->n = n;
        if (n > 0) {
            memcpy(copy->data, bytes, n);
        }
    }
    return copy;
}

struct http_bytes *
http_bytes_acquire(struct http_bytes *bytes)
{
    bytes->refs++;
    return bytes;
}

void
http_bytes_release(struct http_bytes *bytes)
{
    if (bytes != NULL && --bytes->refs == 0) {
        free(bytes);
    }
}

void
byte_queue_init(struct byte_queue *queue, size_t max)
{
    *queue = (struct byte_queue){.max = max};
}

void
byte_queue_done(struct byte_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        http_bytes_release(queue->items[(queue->first + i) % queue->capacity]);
    }
    free(queue->items);
    byte_queue_init(queue, queue->max);
}

static bool
queue_grow(struct byte_queue *queue)
{
    size_t capacity = MAX((size_t)4, queue->capacity * 2);
    if (capacity > PIECES_MAX) {
        return false;
    }
    struct http_bytes **items = calloc(capacity, sizeof(*items));
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < queue->count; i++) {
        items[i] = queue->items[(queue->first + i) % queue->capacity];
    }
    free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

bool
byte_queue_push(struct byte_queue *queue, struct http_bytes *bytes)
{
    if (bytes->n == 0) {
        return true;
    }
    if (queue->count > 0 && (bytes->n > queue->max || queue->queued > queue->max - bytes->n)) {
        return false;
    }
    if (queue->count == queue->capacity && !queue_grow(queue)) {
        return false;
    }
    queue->items[(queue->first + queue->count++) % queue->capacity] = http_bytes_acquire(bytes);
    queue->queued += bytes->n;
    return true;
}

struct str
byte_queue_front(const struct byte_queue *queue)
{
    if (queue->count == 0) {
        return (struct str){"", 0};
    }
    const struct http_bytes *bytes = queue->items[queue->first];
    return (struct str){(const char *)bytes->data + queue->offset, bytes->n - queue->offset};
}

void
byte_queue_take(struct byte_queue *queue, size_t n)
{
    assert(n <= byte_queue_front(queue).n);
    queue->offset += n;
    queue->queued -= n;
    queue->taken += n;
    if (queue->count > 0 && queue->offset == queue->items[queue->first]->n) {
        http_bytes_release(queue->items[queue->first]);
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        queue->offset = 0;
    }
}
