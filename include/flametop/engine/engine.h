/* The engine thread: a libuv loop that ticks the collector and publishes pictures.
 *
 * It meets the UI at two places: the picture slot (down) and a bounded queue of messages (up). */
#ifndef FLAMETOP_ENGINE_ENGINE_H
#define FLAMETOP_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/interest.h"
#include "flametop/core/picture.h"
#include "flametop/engine/collector.h"

#define INTERVAL_NS_MIN (100 * NS_PER_MS)
#define INTERVAL_NS_MAX (60 * NS_PER_S)

enum message_type { MESSAGE_INTEREST, MESSAGE_INTERVAL, MESSAGE_REPORT, MESSAGE_STOP };

struct message {
    enum message_type type;
    union {
        struct interest interest;
        int64_t interval_ns;
        struct {
            char metric[64], labels[64];
            double value;
        } report;
    };
};

struct engine;

/* Starts the thread. NULL and a sentence when it cannot. The collector belongs to the engine from
 * then on. */
struct engine *engine_start(struct collector *collector, int64_t interval_ns, char *why,
                            size_t why_size);

/* Stops the thread and frees everything. */
void engine_stop(struct engine *engine);

/* Readable when there is a newer picture (an eventfd: read 8 bytes to clear it). */
int engine_fd(const struct engine *engine);

/* The newest picture with a reference for the caller; NULL before the first. Any thread. */
struct picture *engine_latest(struct engine *engine);

/* False when the queue is full (counted). Any thread. */
bool engine_send(struct engine *engine, const struct message *message);

#endif
