/* Questions on detached threads.
 *
 * Invariant, under the lock: `refs` is the owner (while there is one) plus the living threads, and
 * who takes it to 0 frees; a slot ASKING belongs to one thread until it is IDLE or FREE again, so
 * an abandoned one is not given out anew before its call has returned. */
#include "probe.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/macros.h"
#include "flametop/base/thread.h"

#define THREADS_MAX 8
#define HANGING_NS (NS_PER_S / 2)

enum slot_state { SLOT_FREE, SLOT_IDLE, SLOT_QUEUED, SLOT_ASKING };

struct slot {
    enum slot_state state;
    bool is_abandoned;
    char *path;
    int64_t queued_ns, asked_ns;
    struct probe_answer answer;
};

struct probes {
    pthread_mutex_t lock;
    pthread_cond_t work, answered;
    probe_function function;
    struct clock clock; /* by value: a thread that hangs outlives whoever gave it */
    bool is_stopping;
    unsigned refs, threads, idle_threads;
    size_t queued, asking;
    struct slot slots[PROBES_MAX];
};

static int64_t
now_of(const struct probes *probes)
{
    return clock_now(&probes->clock).mono_ns;
}

/* Gives up one reference and the lock. */
static void
unlock_and_release(struct probes *probes)
{
    bool is_last = --probes->refs == 0;
    pthread_mutex_unlock(&probes->lock);
    if (!is_last) {
        return;
    }
    for (size_t i = 0; i < PROBES_MAX; i++) {
        free(probes->slots[i].path);
    }
    pthread_cond_destroy(&probes->work);
    pthread_cond_destroy(&probes->answered);
    pthread_mutex_destroy(&probes->lock);
    free(probes);
}

static struct slot *
take_queued(struct probes *probes)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        if (probes->slots[i].state == SLOT_QUEUED) {
            probes->queued--;
            return &probes->slots[i];
        }
    }
    return NULL;
}

static void
empty(struct slot *slot)
{
    free(slot->path);
    *slot = (struct slot){.state = SLOT_FREE};
}

static void
take_answer(struct slot *slot, int64_t now_ns, int error, const struct statvfs *values)
{
    slot->answer.took_ns = now_ns - slot->asked_ns;
    slot->answer.error = error;
    slot->answer.is_known = error == 0;
    if (error == 0) {
        slot->answer.values = *values;
    }
    slot->state = SLOT_IDLE;
    if (slot->is_abandoned) {
        empty(slot);
    }
}

/* Asks one path. The lock is held but for the call itself; the path is safe meanwhile, see the
 * invariant. */
static void
ask(struct probes *probes, struct slot *slot)
{
    slot->state = SLOT_ASKING;
    slot->asked_ns = now_of(probes);
    probes->asking++;
    pthread_mutex_unlock(&probes->lock);
    struct statvfs values;
    int error = probes->function(slot->path, &values) == 0 ? 0 : errno;
    pthread_mutex_lock(&probes->lock);
    probes->asking--;
    take_answer(slot, now_of(probes), error, &values);
    if (probes->queued == 0 && probes->asking == 0) {
        pthread_cond_broadcast(&probes->answered);
    }
}

static void *
thread_main(void *context)
{
    struct probes *probes = context;
    pthread_mutex_lock(&probes->lock);
    while (!probes->is_stopping) {
        struct slot *slot = take_queued(probes);
        if (slot != NULL) {
            ask(probes, slot);
            continue;
        }
        if (probes->idle_threads > 0) {
            break; /* this one helped out while another hung */
        }
        probes->idle_threads++;
        pthread_cond_wait(&probes->work, &probes->lock);
        probes->idle_threads--;
    }
    probes->threads--;
    unlock_and_release(probes);
    return NULL;
}

struct probes *
probes_new(probe_function function, const struct clock *clock)
{
    struct probes *probes = calloc(1, sizeof(*probes));
    if (probes == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&probes->lock, NULL);
    pthread_cond_init(&probes->work, &attributes);
    pthread_cond_init(&probes->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    probes->function = function;
    probes->clock = *clock;
    probes->refs = 1;
    return probes;
}

void
probes_free(struct probes *probes)
{
    if (probes == NULL) {
        return;
    }
    pthread_mutex_lock(&probes->lock);
    probes->is_stopping = true;
    pthread_cond_broadcast(&probes->work);
    unlock_and_release(probes);
}

int
probes_add(struct probes *probes, const char *path)
{
    int found = -1;
    char *copy = strdup(path);
    pthread_mutex_lock(&probes->lock);
    for (int i = 0; copy != NULL && i < PROBES_MAX; i++) {
        if (probes->slots[i].state == SLOT_FREE) {
            probes->slots[i] = (struct slot){.state = SLOT_IDLE, .path = copy};
            found = i;
            break;
        }
    }
    pthread_mutex_unlock(&probes->lock);
    if (found < 0) {
        free(copy);
    }
    return found;
}

void
probes_remove(struct probes *probes, int slot)
{
    if (slot < 0) {
        return;
    }
    pthread_mutex_lock(&probes->lock);
    struct slot *own = &probes->slots[slot];
    if (own->state == SLOT_ASKING) {
        own->is_abandoned = true;
    } else {
        probes->queued -= own->state == SLOT_QUEUED;
        empty(own);
    }
    pthread_mutex_unlock(&probes->lock);
}

/* Whether all threads there are have been in their calls for so long that they may never come back.
 */
static bool
all_hang(const struct probes *probes)
{
    int64_t now_ns = now_of(probes);
    size_t hanging = 0;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        const struct slot *slot = &probes->slots[i];
        hanging += slot->state == SLOT_ASKING && now_ns - slot->asked_ns > HANGING_NS;
    }
    return hanging >= probes->threads;
}

/* With the lock held. */
static void
help(struct probes *probes)
{
    if (probes->queued == 0) {
        return;
    }
    if (probes->idle_threads > 0) {
        pthread_cond_signal(&probes->work);
    } else if (probes->threads < THREADS_MAX && all_hang(probes)) {
        if (thread_start(thread_main, probes, NULL) == 0) {
            probes->threads++;
            probes->refs++;
        }
    }
}

void
probes_help(struct probes *probes)
{
    pthread_mutex_lock(&probes->lock);
    help(probes);
    pthread_mutex_unlock(&probes->lock);
}

void
probes_ask(struct probes *probes)
{
    pthread_mutex_lock(&probes->lock);
    int64_t now_ns = now_of(probes);
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct slot *slot = &probes->slots[i];
        if (slot->state == SLOT_IDLE) {
            slot->state = SLOT_QUEUED;
            slot->queued_ns = now_ns;
            probes->queued++;
        }
    }
    help(probes);
    pthread_mutex_unlock(&probes->lock);
}

void
probes_get(struct probes *probes, int slot, struct probe_answer *ret_answer)
{
    *ret_answer = (struct probe_answer){.is_known = false};
    if (slot < 0) {
        return;
    }
    pthread_mutex_lock(&probes->lock);
    const struct slot *own = &probes->slots[slot];
    *ret_answer = own->answer;
    int64_t now_ns = now_of(probes);
    bool is_pending = own->state == SLOT_QUEUED || own->state == SLOT_ASKING;
    ret_answer->pending_ns = is_pending ? now_ns - own->queued_ns : 0;
    ret_answer->waiting_ns = own->state == SLOT_ASKING ? now_ns - own->asked_ns : 0;
    pthread_mutex_unlock(&probes->lock);
}

void
probes_wait(struct probes *probes, int64_t timeout_ns)
{
    int64_t until_ns = clock_mono_ns() + timeout_ns;
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                             .tv_nsec = (long)(until_ns % NS_PER_S)};
    pthread_mutex_lock(&probes->lock);
    while ((probes->queued > 0 || probes->asking > 0) &&
           pthread_cond_timedwait(&probes->answered, &probes->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&probes->lock);
}
