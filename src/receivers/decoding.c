/* The thread of a decoder and the loop's take turns: `lent` says whose turn it is.
 *
 * Invariant: the sink is called with the mutex held and while `lent` is set; the loop's thread goes
 * on with anything else only while it is not. */
#include "decoding.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "flametop/base/clock.h"
#include "flametop/base/thread.h"
#include "flametop/net/loop.h"

#define DECODING_COST ((size_t)4096)

struct waiting {
    STAILQ_ENTRY(waiting) entry;
    struct decoding decoding;
};

struct decodings {
    const struct span_sink *sink;
    uv_idle_t *idle; /* runs while there is something to decode */
    STAILQ_HEAD(, waiting) list;
    size_t count, bytes, bytes_max;
    bool running; /* the first of the list has a thread */
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t go, back;
    bool lent, over, ending;
    int64_t until_ns;
    bool good;
};

/* ---- the decoder's thread ---- */

/* Waits for its turn; the mutex is held afterwards. False: nobody takes anything any more. */
static bool
begin_turn(struct decodings *decodings)
{
    pthread_mutex_lock(&decodings->mutex);
    if (decodings->lent && clock_mono_ns() >= decodings->until_ns) {
        decodings->lent = false;
        pthread_cond_signal(&decodings->back);
    }
    while (!decodings->lent && !decodings->ending) {
        pthread_cond_wait(&decodings->go, &decodings->mutex);
    }
    return !decodings->ending;
}

static bool
take_span(void *context, const struct span *span)
{
    struct decodings *decodings = context;
    const struct span_sink *sink = decodings->sink;
    bool taken = begin_turn(decodings) && sink->span != NULL && sink->span(sink->context, span);
    pthread_mutex_unlock(&decodings->mutex);
    return taken;
}

static bool
take_reading(void *context, const struct measurement *reading)
{
    struct decodings *decodings = context;
    const struct span_sink *sink = decodings->sink;
    bool taken =
        begin_turn(decodings) && sink->reading != NULL && sink->reading(sink->context, reading);
    pthread_mutex_unlock(&decodings->mutex);
    return taken;
}

static void *
run(void *context)
{
    struct decodings *decodings = context;
    struct decoding *decoding = &STAILQ_FIRST(&decodings->list)->decoding;
    struct span_sink sink = {decodings, take_span, take_reading};
    bool good = decoding->decode(decoding->body, &sink, &decoding->delivery);
    pthread_mutex_lock(&decodings->mutex);
    decodings->good = good;
    decodings->over = true;
    pthread_cond_signal(&decodings->back);
    pthread_mutex_unlock(&decodings->mutex);
    return NULL;
}

/* ---- the loop's thread ---- */

/* What a small one holds besides its body counts as well. */
static size_t
cost_of(const struct decoding *decoding)
{
    return decoding->body.n + DECODING_COST;
}

/* The first of the list is done with. */
static void
finish(struct decodings *decodings, enum decoded how)
{
    struct waiting *first = STAILQ_FIRST(&decodings->list);
    if (decodings->running) {
        pthread_join(decodings->thread, NULL);
        decodings->running = false;
    }
    STAILQ_REMOVE_HEAD(&decodings->list, entry);
    decodings->count--;
    decodings->bytes -= cost_of(&first->decoding);
    first->decoding.delivery.ended = NULL;
    first->decoding.done(first->decoding.context, &first->decoding, how);
    free(first);
}

static struct timespec
timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

/* Lends the thread a slice of time; true when it is over. It may be reading what gives nothing to
 * take: then the time is not waited for longer than the slice. */
static bool
lend(struct decodings *decodings)
{
    int result = 0;
    pthread_mutex_lock(&decodings->mutex);
    decodings->until_ns = clock_mono_ns() + DECODING_SLICE_NS;
    decodings->lent = true;
    pthread_cond_signal(&decodings->go);
    struct timespec until = timespec_of(decodings->until_ns);
    while (decodings->lent && !decodings->over && result == 0) {
        result = pthread_cond_timedwait(&decodings->back, &decodings->mutex, &until);
    }
    decodings->lent = false;
    bool over = decodings->over;
    pthread_mutex_unlock(&decodings->mutex);
    return over;
}

static bool
start(struct decodings *decodings)
{
    decodings->over = decodings->lent = false;
    decodings->running = thread_start(run, decodings, &decodings->thread) == 0;
    return decodings->running;
}

/* Where there is no thread to be had it is decoded at once. */
static void
decode_at_once(struct decodings *decodings)
{
    struct decoding *decoding = &STAILQ_FIRST(&decodings->list)->decoding;
    bool good = decoding->decode(decoding->body, decodings->sink, &decoding->delivery);
    finish(decodings, good ? DECODED_GOOD : DECODED_BAD);
}

static void
on_idle(uv_idle_t *idle)
{
    struct decodings *decodings = idle->data;
    if (!decodings->running && !start(decodings)) {
        decode_at_once(decodings);
    } else if (lend(decodings)) {
        finish(decodings, decodings->good ? DECODED_GOOD : DECODED_BAD);
    }
    if (decodings->count == 0) {
        uv_idle_stop(idle);
    }
}

bool
decodings_add(struct decodings *decodings, const struct decoding *decoding)
{
    size_t bytes = cost_of(decoding);
    struct waiting *waiting =
        bytes <= decodings->bytes_max - decodings->bytes ? malloc(sizeof(*waiting)) : NULL;
    if (waiting == NULL) {
        return false;
    }
    waiting->decoding = *decoding;
    waiting->decoding.delivery.ended = &decodings->ending;
    decodings->bytes += bytes;
    STAILQ_INSERT_TAIL(&decodings->list, waiting, entry);
    if (decodings->count++ == 0) {
        uv_idle_start(decodings->idle, on_idle);
    }
    return true;
}

/* ---- life ---- */

struct decodings *
decodings_new(uv_loop_t *loop, const struct span_sink *sink, size_t bytes_max)
{
    struct decodings *decodings = calloc(1, sizeof(*decodings));
    uv_idle_t *idle = calloc(1, sizeof(*idle));
    pthread_condattr_t attributes;
    if (decodings == NULL || idle == NULL) {
        free(decodings);
        free(idle);
        return NULL;
    }
    decodings->sink = sink;
    decodings->bytes_max = bytes_max;
    decodings->idle = idle;
    STAILQ_INIT(&decodings->list);
    uv_idle_init(loop, idle);
    idle->data = decodings;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&decodings->mutex, NULL);
    pthread_cond_init(&decodings->go, NULL);
    pthread_cond_init(&decodings->back, &attributes);
    pthread_condattr_destroy(&attributes);
    return decodings;
}

void
decodings_free(struct decodings *decodings)
{
    if (decodings == NULL) {
        return;
    }
    pthread_mutex_lock(&decodings->mutex);
    __atomic_store_n(&decodings->ending, true, __ATOMIC_RELAXED); /* the decoder looks as well */
    pthread_cond_signal(&decodings->go);
    pthread_mutex_unlock(&decodings->mutex);
    while (decodings->count > 0) {
        finish(decodings, DECODED_ENDED);
    }
    loop_close(decodings->idle);
    pthread_cond_destroy(&decodings->go);
    pthread_cond_destroy(&decodings->back);
    pthread_mutex_destroy(&decodings->mutex);
    free(decodings);
}
