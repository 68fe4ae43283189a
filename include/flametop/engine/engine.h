/* The engine: a libuv loop that ticks the collector, publishes pictures, and carries the link to an
 * attached target and the exporters.
 *
 * It meets the UI at two places: the picture slot (down) and a bounded queue of messages (up). One
 * engine looks at one target; a monitor of several has several engines. Without a screen it runs in
 * the main thread. */
#ifndef FLAMETOP_ENGINE_ENGINE_H
#define FLAMETOP_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/exporter.h"
#include "flametop/core/interest.h"
#include "flametop/core/link.h"
#include "flametop/core/picture.h"
#include "flametop/core/receiver.h"
#include "flametop/engine/collector.h"

#define INTERVAL_NS_MIN (100 * NS_PER_MS)
#define INTERVAL_NS_MAX (60 * NS_PER_S)

enum message_type {
    MESSAGE_INTEREST,
    MESSAGE_INTERVAL,
    MESSAGE_REPORT,
    MESSAGE_COMMAND, /* to the other end of the link, RECEIVER_START without one to the receiver;
                        the answer comes by engine_answer */
    MESSAGE_RETRY,   /* connect again now */
    MESSAGE_SAMPLE,  /* at the other end of the link; what comes of it by engine_sampling */
    MESSAGE_ASK,     /* the other end of the link for a document; it comes by engine_document */
    MESSAGE_STOP
};

#define DOCUMENT_PATH_BYTES 2048

struct message {
    enum message_type type;
    bool patient; /* goes with the next tick, which takes what waits */
    union {
        struct interest interest;
        int64_t interval_ns;
        struct {
            char metric[64], labels[64];
            double value;
        } report;
        struct {
            char name[32], arguments[224]; /* a JSON object */
        } command;
        struct {
            struct sampling_wish wish;
            uint64_t number; /* tells one sampling from another: not 0 */
        } sample;
        char path[DOCUMENT_PATH_BYTES]; /* with its query */
    };
};

struct uv_loop_s;

#define ENGINE_EXPORTERS_MAX 8

struct engine_options {
    struct collector *collector; /* the engine's from then on, also when it does not start */
    struct catalog *catalog;
    int64_t interval_ns;

    const struct link *link; /* NULL: this machine */
    const void *link_options;
    const struct table_def *const *tables; /* for what comes through the link */
    size_t table_count;
    int64_t span_ns; /* of history asked for first */

    const struct receiver *receiver; /* NULL: nothing is received */
    const void *receiver_options;

    const struct exporter *const *exporters;
    const void *const *exporter_options; /* one for each */
    size_t exporter_count;
};

struct engine;

/* Opens link, receiver and exporters. NULL and a sentence when that cannot be. */
struct engine *engine_new(const struct engine_options *options, char *why, size_t why_size);

/* The loop, for what else belongs on it (signals); before it runs, or on its thread. */
struct uv_loop_s *engine_loop(struct engine *engine);

/* Starts the thread; false and a sentence when it does not start. */
bool engine_start(struct engine *engine, char *why, size_t why_size);

/* Runs in this thread, until engine_end is called from the loop or MESSAGE_STOP is sent. */
void engine_run(struct engine *engine);
void engine_end(struct engine *engine);

/* Stops the thread, if there is one, and frees everything. NULL is allowed. */
void engine_free(struct engine *engine);

/* Readable when there is a newer picture (an eventfd: read 8 bytes to clear it). */
int engine_fd(const struct engine *engine);

/* The newest picture with a reference for the caller; NULL before the first. Any thread. */
struct picture *engine_latest(struct engine *engine);

/* False when the queue is full (counted). Any thread. */
bool engine_send(struct engine *engine, const struct message *message);

/* The answer to a command sent through the link, oldest first: "" when it was done, else a
 * sentence. False when there is none. Any thread. */
bool engine_answer(struct engine *engine, char *dst, size_t size);

/* The document that was asked for last, once: its bytes are the caller's to free, and why is "";
 * or NULL and a sentence. False: it is not there yet. A picture follows what comes. Any thread. */
bool engine_document(struct engine *engine, char **ret_bytes, size_t *ret_n, char *why,
                     size_t why_size);

/* How the sampling of this number is doing, and its newest profile, which is the caller's; NULL
 * when there is none that is newer than the one taken before. Clears engine_sampling_fd, which can
 * be read when there is something newer. Any thread. */
const struct profile *engine_sampling(struct engine *engine, uint64_t number,
                                      struct sampling_status *ret_status);
int engine_sampling_fd(const struct engine *engine);

#endif
