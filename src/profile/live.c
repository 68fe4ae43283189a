/* The thread that samples.
 *
 * Invariant: what stands below the lock is shared; all else is the thread's own. `refs` is the
 * owner (while there is one) and the thread: who takes it to 0 frees. The thread is not waited for,
 * as a file of a dead server may hang it. */
#include "flametop/profile/live.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/thread.h"
#include "sampler.h"
#include "stacks.h"

#define ROUND_MS 100
#define HELD_ROUND_MS 1000 /* nothing comes then but the end of the process */
#define HAND_OVER_NS NS_PER_S
#define NODES_A_SECOND 50000u /* more of them are handed over less often */
#define ROOT_BYTES 256
#define LAST_ROUNDS_NS (NS_PER_S / 4) /* for what is left of a process that is over */

struct live {
    struct live_options options;
    char proc[ROOT_BYTES], sys[ROOT_BYTES];
    struct sampler sampler;
    struct stacks *stacks;
    int process;           /* its folder in /proc: what is read there is of no other process */
    bool on;               /* the events are */
    int64_t on_ns;         /* since when, monotonic */
    int64_t before_ns;     /* sampled before that */
    int64_t handed_ns;     /* when the last profile was handed over */
    uint64_t handed;       /* samples that were in it */
    int64_t ended_ns;      /* when the process was seen to be over; 0: it is not */
    int wake_fd, ready_fd; /* to the thread; from it */

    pthread_mutex_t lock;
    unsigned refs;
    bool stop, wanted; /* wanted: sampling, not held */
    struct sampling_status status;
    struct profile *newest; /* not taken yet */
};

/* Those whose owner or thread is still there. */
static atomic_uint alive;

/* ---- shared ---- */

static void
release(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    bool last = --live->refs == 0;
    pthread_mutex_unlock(&live->lock);
    if (!last) {
        return;
    }
    pthread_mutex_destroy(&live->lock);
    profile_release(live->newest);
    if (live->wake_fd >= 0) {
        close(live->wake_fd);
    }
    if (live->ready_fd >= 0) {
        close(live->ready_fd);
    }
    free(live);
    atomic_fetch_sub(&alive, 1);
}

static void
signal_fd(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof(one));
    (void)written; /* it is readable already */
}

static void
clear_fd(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    (void)got;
}

static void
ask(struct live *live, bool stop, bool wanted)
{
    pthread_mutex_lock(&live->lock);
    live->stop |= stop;
    live->wanted = wanted;
    pthread_mutex_unlock(&live->lock);
    signal_fd(live->wake_fd);
}

/* ---- the thread's own ---- */

/* A process that waits for its parent to look at its end is over. */
static bool
is_over(const struct live *live)
{
    char text[512];
    ssize_t n = live->process >= 0 ? file_read_at(live->process, "stat", text, sizeof(text)) : -1;
    const char *name_end = n > 0 ? strrchr(text, ')') : NULL;
    return live->options.pid != 0 &&
           (name_end == NULL || name_end[1] == '\0' || name_end[2] == 'Z' || name_end[2] == 'X');
}

static void
turn(struct live *live, bool on, int64_t now_ns)
{
    if (live->on == on) {
        return;
    }
    sampler_switch(&live->sampler, on);
    live->before_ns += on ? 0 : now_ns - live->on_ns;
    live->on_ns = now_ns;
    live->on = on;
}

/* What a reader of the graph should know of it, the most important first. */
static void
write_notes(const struct live *live, const struct stacks_counts *counts,
            char dst[SAMPLING_WHY_BYTES])
{
    double samples = counts->samples > 0 ? (double)counts->samples : 1;
    size_t n = 0;
    dst[0] = '\0';
    if (counts->broken > 0) {
        n += (size_t)snprintf(dst, SAMPLING_WHY_BYTES, " · %.0f %% end early: no frame pointers",
                              ceil((double)counts->broken / samples * 100));
    }
    if (counts->truncated > 0) {
        n += (size_t)snprintf(dst + n, SAMPLING_WHY_BYTES - n,
                              " · %.0f %% cut: kernel.perf_event_max_stack",
                              ceil((double)counts->truncated / samples * 100));
    }
    if (counts->nameless > 0) {
        n += (size_t)snprintf(dst + n, SAMPLING_WHY_BYTES - n,
                              " · %llu files without names: too many",
                              (unsigned long long)counts->nameless);
    }
    if (!live->sampler.kernel) {
        snprintf(dst + n, SAMPLING_WHY_BYTES - n,
                 " · without the kernel's part: kernel.perf_event_paranoid");
    } else if (counts->kernel_hidden) {
        snprintf(dst + n, SAMPLING_WHY_BYTES - n,
                 " · the kernel hides its names: kernel.kptr_restrict");
    }
}

static void
hand_over(struct live *live, int64_t now_ns)
{
    const struct stacks_counts *counts = stacks_counts(live->stacks);
    const struct profile *profile = stacks_profile(live->stacks);
    struct profile *copy = counts->samples > live->handed ? profile_copy(profile) : NULL, *before;
    pthread_mutex_lock(&live->lock);
    before = copy != NULL ? live->newest : NULL;
    live->newest = copy != NULL ? copy : live->newest;
    live->status.state = live->ended_ns != 0 ? SAMPLING_ENDED
                         : live->on          ? SAMPLING_RUNS
                                             : SAMPLING_HELD;
    live->status.sampled_ns = live->before_ns + (live->on ? now_ns - live->on_ns : 0);
    live->status.samples = counts->samples;
    live->status.lost = counts->lost;
    write_notes(live, counts, live->status.notes);
    pthread_mutex_unlock(&live->lock);
    profile_release(before);
    live->handed = copy != NULL ? counts->samples : live->handed;
    live->handed_ns = now_ns;
    signal_fd(live->ready_fd);
}

static int64_t
hand_over_ns(const struct live *live)
{
    return HAND_OVER_NS * (1 + stacks_profile(live->stacks)->node_count / NODES_A_SECOND);
}

/* What the user wants and what became of the process. False: it is over. */
static bool
step(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    bool stop = live->stop, wanted = live->wanted;
    pthread_mutex_unlock(&live->lock);
    if (stop) {
        return false;
    }
    int64_t now_ns = clock_mono_ns();
    if (live->on != wanted) {
        turn(live, wanted, now_ns);
        live->handed_ns = 0; /* the last samples are shown at once */
    }
    bool told = !live->on && live->status.state == SAMPLING_HELD;
    if (sampler_wait(&live->sampler, live->wake_fd, told ? HELD_ROUND_MS : ROUND_MS)) {
        clear_fd(live->wake_fd);
    }
    stacks_round(live->stacks);
    sampler_drain(&live->sampler, stacks_add, live->stacks);
    now_ns = clock_mono_ns();
    if (live->ended_ns == 0 && is_over(live)) {
        live->ended_ns = now_ns;
    }
    if (live->ended_ns == 0 && !told && now_ns - live->handed_ns >= hand_over_ns(live)) {
        hand_over(live, now_ns);
    }
    return live->ended_ns == 0 || now_ns - live->ended_ns < LAST_ROUNDS_NS;
}

static void
open_process(struct live *live)
{
    char path[ROOT_BYTES + 32];
    snprintf(path, sizeof(path), "%s/%u", live->proc, live->options.pid);
    live->process = live->options.pid != 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static bool
open_all(struct live *live)
{
    struct sampler_options options = {live->options.pid, live->options.rate_hz, live->proc,
                                      live->sys};
    struct sampling_status status = {.state = SAMPLING_FAILED};
    open_process(live);
    bool good = sampler_open(&live->sampler, &options, status.why, sizeof(status.why));
    struct stacks_options about = {.proc = live->proc,
                                   .pid = live->options.pid,
                                   .depth_max = live->sampler.depth_max,
                                   .cycles = live->sampler.cycles,
                                   .nodes_max = live->options.nodes_max,
                                   .frames_max = live->options.frames_max};
    live->stacks = good ? stacks_new(&about) : NULL;
    if (good && live->stacks == NULL) {
        snprintf(status.why, sizeof(status.why), "out of memory");
    } else if (good) {
        status = (struct sampling_status){.state = SAMPLING_RUNS, .rate_hz = live->sampler.rate_hz};
    }
    pthread_mutex_lock(&live->lock);
    live->status = status;
    pthread_mutex_unlock(&live->lock);
    return live->stacks != NULL;
}

static void *
live_main(void *context)
{
    struct live *live = context;
    if (open_all(live)) {
        turn(live, true, live->handed_ns = clock_mono_ns());
        while (step(live)) {
        }
        turn(live, false, live->ended_ns != 0 ? live->ended_ns : clock_mono_ns());
        sampler_drain(&live->sampler, stacks_add, live->stacks);
        hand_over(live, clock_mono_ns());
    } else {
        signal_fd(live->ready_fd);
    }
    if (live->process >= 0) {
        close(live->process);
    }
    stacks_free(live->stacks);
    sampler_close(&live->sampler);
    release(live);
    return NULL;
}

/* ---- the owner's ---- */

struct live *
live_new(const struct live_options *options)
{
    bool room = atomic_fetch_add(&alive, 1) < LIVES_MAX;
    struct live *live = room ? calloc(1, sizeof(*live)) : NULL;
    if (live == NULL) {
        atomic_fetch_sub(&alive, 1);
        return NULL;
    }
    pthread_mutex_init(&live->lock, NULL);
    live->options = *options;
    snprintf(live->proc, sizeof(live->proc), "%s", options->proc);
    snprintf(live->sys, sizeof(live->sys), "%s", options->sys);
    live->process = -1;
    live->wanted = true;
    live->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    live->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    live->refs = 2;
    if (live->wake_fd < 0 || live->ready_fd < 0 || thread_start(live_main, live, NULL) != 0) {
        live->refs = 1;
        release(live);
        return NULL;
    }
    return live;
}

void
live_free(struct live *live)
{
    if (live != NULL) {
        ask(live, true, false);
        release(live);
    }
}

void
live_switch(struct live *live, bool on)
{
    ask(live, false, on);
}

int
live_fd(const struct live *live)
{
    return live->ready_fd;
}

struct profile *
live_take(struct live *live, struct sampling_status *ret_status)
{
    clear_fd(live->ready_fd);
    pthread_mutex_lock(&live->lock);
    struct profile *profile = live->newest;
    live->newest = NULL;
    *ret_status = live->status;
    pthread_mutex_unlock(&live->lock);
    return profile;
}
