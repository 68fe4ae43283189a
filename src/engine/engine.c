/* The engine. Ticks are due at fixed monotonic times; a tick that comes late does not move
 * the next, and one that is missed whole is counted. The second tick comes early, so that rates are
 * there within 0.3 s. With a link the other end's ticks are ours: our own only come when it is
 * silent. */
#include "flametop/engine/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/thread.h"
#include "attach.h"
#include "flametop/engine/queue.h"
#include "flametop/engine/slot.h"

#define SECOND_TICK_NS (300 * NS_PER_MS)
#define LINK_PATIENCE_NS (200 * NS_PER_MS)

struct engine {
    struct collector *collector;
    struct attach attach;
    pthread_t thread;
    bool threaded;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_idle_t stepper; /* runs while a tick is being collected */
    uv_async_t wake;
    struct slot slot;
    struct queue queue;
    int event_fd;
    int64_t interval_ns;
    int64_t due_ns;
    uint64_t ticks;
    bool collecting;
    bool linked;
    bool again; /* the other end had a tick while one was being collected */
};

static void schedule(struct engine *engine);

static void
publish(struct engine *engine, struct picture *picture)
{
    if (picture == NULL) {
        log_error("no memory for a picture");
        return;
    }
    attach_publish(&engine->attach, picture);
    slot_put(&engine->slot, picture);
    uint64_t one = 1;
    if (write(engine->event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
        log_error("cannot wake the screen: %s", strerror(errno));
    }
}

/* When the next tick is due, and how many were missed on the way. */
static uint64_t
advance(struct engine *engine)
{
    if (engine->ticks++ == 0) {
        engine->due_ns += MIN(SECOND_TICK_NS, engine->interval_ns);
        return 0;
    }
    engine->due_ns += engine->interval_ns;
    int64_t late = clock_mono_ns() - engine->due_ns;
    if (engine->linked) { /* it is the other end that misses ticks, and says so */
        engine->due_ns = clock_mono_ns() + engine->interval_ns + LINK_PATIENCE_NS;
        return 0;
    }
    if (late < 0) {
        return 0;
    }
    int64_t missed = late / engine->interval_ns + 1;
    engine->due_ns += missed * engine->interval_ns;
    return (uint64_t)missed;
}

static void
on_step(uv_idle_t *handle)
{
    struct engine *engine = handle->data;
    if (!collector_step(engine->collector)) {
        return;
    }
    uv_idle_stop(handle);
    engine->collecting = false;
    uint64_t missed = advance(engine);
    collector_report(engine->collector, "flametop.queue.refused", "",
                     (double)queue_refused(&engine->queue));
    attach_prepare(&engine->attach);
    publish(engine, collector_finish(engine->collector, missed));
    if (engine->again) {
        engine->again = false;
        engine->due_ns = clock_mono_ns();
    }
    schedule(engine);
}

static void schedule(struct engine *engine);

static void
change_interval(struct engine *engine, int64_t interval_ns)
{
    engine->interval_ns = CLAMP(interval_ns, INTERVAL_NS_MIN, INTERVAL_NS_MAX);
    collector_set_interval(engine->collector, engine->interval_ns);
    attach_interval(&engine->attach, engine->interval_ns);
    if (!engine->collecting) { /* else the tick's end goes on from when it was due */
        engine->due_ns = clock_mono_ns() + engine->interval_ns;
        schedule(engine);
    }
}

/* False once it is time to stop. */
static bool
obey(struct engine *engine, const struct message *message)
{
    switch (message->type) {
    case MESSAGE_INTEREST:
        attach_interest(&engine->attach, &message->interest);
        break;
    case MESSAGE_INTERVAL:
        change_interval(engine, message->interval_ns);
        break;
    case MESSAGE_REPORT:
        collector_report(engine->collector, message->report.metric, message->report.labels,
                         message->report.value);
        break;
    case MESSAGE_COMMAND:
        attach_command(&engine->attach, message->command.name, message->command.arguments);
        break;
    case MESSAGE_RETRY:
        attach_retry(&engine->attach);
        break;
    case MESSAGE_SAMPLE:
        attach_sample(&engine->attach, &message->sample.wish, message->sample.number);
        break;
    case MESSAGE_ASK:
        attach_ask(&engine->attach, message->path);
        break;
    case MESSAGE_STOP:
        return false;
    }
    return true;
}

/* False, and the loop ends, once it is time to stop. */
static bool
obey_all(struct engine *engine)
{
    struct message message;
    while (queue_pop(&engine->queue, &message)) {
        if (!obey(engine, &message)) {
            uv_stop(&engine->loop);
            return false;
        }
    }
    return true;
}

static void
on_wake(uv_async_t *handle)
{
    obey_all(handle->data);
}

static void
on_due(uv_timer_t *timer)
{
    struct engine *engine = timer->data;
    if (engine->collecting || !obey_all(engine)) {
        return;
    }
    engine->collecting = true;
    collector_begin(engine->collector);
    uv_idle_start(&engine->stepper, on_step);
}

static void
schedule(struct engine *engine)
{
    uv_update_time(&engine->loop);
    int64_t wait_ns = MAX(engine->due_ns - clock_mono_ns(), INT64_C(0));
    uv_timer_start(&engine->timer, on_due, (uint64_t)((wait_ns + NS_PER_MS - 1) / NS_PER_MS), 0);
}

static void
on_link_tick(void *context)
{
    struct engine *engine = context;
    if (engine->collecting) {
        engine->again = true;
        return;
    }
    engine->due_ns = clock_mono_ns();
    schedule(engine);
}

static void *
run(void *argument)
{
    struct engine *engine = argument;
    pthread_setname_np(pthread_self(), "engine");
    uv_run(&engine->loop, UV_RUN_DEFAULT);
    return NULL;
}

struct engine *
engine_new(const struct engine_options *options, char *why, size_t why_size)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        snprintf(why, why_size, "no memory for the engine");
        collector_free(options->collector);
        return NULL;
    }
    engine->attach.sampling_fd = -1;
    engine->collector = options->collector;
    engine->linked = options->link != NULL;
    engine->interval_ns = CLAMP(options->interval_ns, INTERVAL_NS_MIN, INTERVAL_NS_MAX);
    slot_init(&engine->slot);
    queue_init(&engine->queue);
    engine->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uv_loop_init(&engine->loop);
    uv_timer_init(&engine->loop, &engine->timer);
    uv_idle_init(&engine->loop, &engine->stepper);
    uv_async_init(&engine->loop, &engine->wake, on_wake);
    engine->timer.data = engine->stepper.data = engine->wake.data = engine;
    engine->due_ns = clock_mono_ns();
    if (engine->event_fd < 0) {
        snprintf(why, why_size, "cannot make an event descriptor: %s", strerror(errno));
    } else if (attach_open(&engine->attach, options, &engine->loop, on_link_tick, engine, why,
                           why_size)) {
        schedule(engine);
        return engine;
    }
    engine_free(engine);
    return NULL;
}

struct uv_loop_s *
engine_loop(struct engine *engine)
{
    return &engine->loop;
}

bool
engine_start(struct engine *engine, char *why, size_t why_size)
{
    int error = thread_start(run, engine, &engine->thread);
    if (error < 0) {
        snprintf(why, why_size, "the engine thread does not start: %s", strerror(-error));
    }
    engine->threaded = error == 0;
    return engine->threaded;
}

void
engine_run(struct engine *engine)
{
    uv_run(&engine->loop, UV_RUN_DEFAULT);
}

void
engine_end(struct engine *engine)
{
    uv_stop(&engine->loop);
}

static void
stop_thread(struct engine *engine)
{
    struct message stop = {.type = MESSAGE_STOP};
    while (!engine_send(engine, &stop)) {
        usleep(1000); /* the queue is full: the thread is emptying it */
    }
    pthread_join(engine->thread, NULL);
}

void
engine_free(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    if (engine->threaded) {
        stop_thread(engine);
    }
    collector_free(engine->collector); /* before the link, whose sources it has open */
    attach_close(&engine->attach);
    uv_close((uv_handle_t *)&engine->timer, NULL);
    uv_close((uv_handle_t *)&engine->stepper, NULL);
    uv_close((uv_handle_t *)&engine->wake, NULL);
    uv_run(&engine->loop, UV_RUN_DEFAULT); /* until all handles are closed */
    uv_loop_close(&engine->loop);
    slot_done(&engine->slot);
    queue_done(&engine->queue);
    if (engine->event_fd >= 0) {
        close(engine->event_fd);
    }
    free(engine);
}

int
engine_fd(const struct engine *engine)
{
    return engine->event_fd;
}

struct picture *
engine_latest(struct engine *engine)
{
    return slot_get(&engine->slot);
}

bool
engine_send(struct engine *engine, const struct message *message)
{
    bool sent = queue_push(&engine->queue, message);
    if (!sent || !message->patient) {
        uv_async_send(&engine->wake);
    }
    return sent;
}

const struct profile *
engine_sampling(struct engine *engine, uint64_t number, struct sampling_status *ret_status)
{
    return attach_sampling(&engine->attach, number, ret_status);
}

bool
engine_document(struct engine *engine, char **ret_bytes, size_t *ret_n, char *why, size_t why_size)
{
    return attach_document(&engine->attach, ret_bytes, ret_n, why, why_size);
}

int
engine_sampling_fd(const struct engine *engine)
{
    return engine->attach.sampling_fd;
}

bool
engine_answer(struct engine *engine, char *dst, size_t size)
{
    return attach_answer(&engine->attach, dst, size);
}
