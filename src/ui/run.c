/* The loop of the screen: keys, pictures and signals come in by poll, frames go out.
 *
 * Every target's engine is listened to, so that the fleet and what is switched to are of now; only
 * the target that is looked at is asked for more than every picture has.
 *
 * A picture is drawn as soon as it comes, and a key too; when keys come in bursts, at most one
 * frame in FRAME_NS is drawn. Signals are blocked and read from a descriptor, so that nothing runs
 * in a handler. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/core/histogram.h"
#include "app_state.h"

#define FRAME_NS (33 * NS_PER_MS)
#define FRAME_NS_KEY (8 * NS_PER_MS) /* after single keys */
#define BURST 4                      /* keys in one round that are many */
#define KEYS_A_ROUND 256
#define FIRST_ENGINE 3     /* in what is waited for */
#define REPORT_PICTURES 60 /* percentiles are of this many pictures' time */

struct run {
    struct app *app;
    struct pollfd *fds; /* terminal, signals, what is sampled, then the engines */
    struct canvas canvas;
    int signals;
    bool dirty, gone, burst;
    int64_t drawn_ns; /* when the last frame was drawn */
    int64_t aged_ns;  /* when what it says gets old by itself */
    int64_t key_ns;   /* when the oldest key not yet shown came; 0: none */
    uint64_t frames, frames_reported, bytes, dropped;
    int64_t reported_ns;
    unsigned pictures;
    struct histogram frame_s, key_s;
};

static void
report(struct run *run, const char *metric, const char *labels, double value)
{
    struct message message = {.type = MESSAGE_REPORT, .patient = true};
    if (run->app->seat->engine == NULL) {
        return;
    }
    snprintf(message.report.metric, sizeof(message.report.metric), "%s", metric);
    snprintf(message.report.labels, sizeof(message.report.labels), "%s", labels);
    message.report.value = value;
    engine_send(run->app->seat->engine, &message);
}

static void
report_quantiles(struct run *run, const char *metric, const struct histogram *histogram)
{
    static const struct {
        const char *labels;
        double q;
    } quantiles[] = {{"quantile=0.5", 0.5}, {"quantile=0.95", 0.95}, {"quantile=0.99", 0.99}};
    for (size_t i = 0; i < ARRAY_SIZE(quantiles) && histogram->count > 0; i++) {
        report(run, metric, quantiles[i].labels, histogram_quantile(histogram, quantiles[i].q));
    }
}

/* With each picture: what the screen cost since the last. */
static void
report_all(struct run *run, int64_t now_ns)
{
    double past_s = (double)(now_ns - run->reported_ns) / 1e9;
    if (run->reported_ns > 0 && past_s > 0) {
        report(run, "flametop.ui.frame.rate", "",
               (double)(run->frames - run->frames_reported) / past_s);
    }
    run->frames_reported = run->frames;
    run->reported_ns = now_ns;
    report(run, "flametop.ui.io", "", (double)run->bytes);
    report(run, "flametop.ui.frames.dropped", "", (double)run->dropped);
    report_quantiles(run, "flametop.ui.frame.duration", &run->frame_s);
    report_quantiles(run, "flametop.ui.key.latency", &run->key_s);
    if (++run->pictures % REPORT_PICTURES == 0) {
        histogram_clear(&run->frame_s);
        histogram_clear(&run->key_s);
    }
}

/* Rows change places with each picture: not worth waking the engine up for. */
static bool
only_rows_differ(const struct interest *a, const struct interest *b)
{
    struct interest c;
    memcpy(&c, b, sizeof(c));
    memcpy(c.pids, a->pids, sizeof(c.pids));
    c.pid_count = a->pid_count;
    return memcmp(a, &c, sizeof(c)) == 0;
}

static void
send_interest(struct app *app, bool by_key)
{
    struct message message;
    struct seat *seat;
    for (size_t i = 0; (seat = seat_at(app, i)) != NULL; i++) {
        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_INTEREST;
        message.interest.process_sort = -1;
        if (seat == app->seat) {
            app_interest(app, &message.interest);
        }
        message.patient = !by_key && only_rows_differ(&message.interest, &seat->interest);
        if (seat->engine != NULL &&
            memcmp(&message.interest, &seat->interest, sizeof(seat->interest)) != 0 &&
            engine_send(seat->engine, &message)) {
            memcpy(&seat->interest, &message.interest, sizeof(seat->interest));
        }
    }
}

static void
draw(struct run *run)
{
    struct app *app = run->app;
    int64_t begin_ns = clock_mono_ns();
    int width, height;
    term_size(app->term, &width, &height);
    if (width != run->canvas.width || height != run->canvas.height) {
        canvas_resize(&run->canvas, width, height);
    }
    run->canvas.glyphs = term_glyphs(app->term);
    app->again = false;
    app->mono = term_is_mono(app->term);
    app_draw(app, &run->canvas);
    long written = term_draw(app->term, &run->canvas);
    int64_t end_ns = clock_mono_ns();
    run->dirty = app->again;
    run->drawn_ns = end_ns;
    run->aged_ns = attached_due_ns(app);
    run->frames++;
    run->gone = run->gone || written < 0;
    run->bytes += (uint64_t)MAX(written, 0);
    run->dropped += written == 0 && term_wants_write(app->term);
    histogram_add(&run->frame_s, (double)(end_ns - begin_ns) / 1e9);
    bool by_key = run->key_ns > 0;
    if (by_key) {
        histogram_add(&run->key_s, (double)(end_ns - run->key_ns) / 1e9);
        run->key_ns = 0;
    }
    send_interest(app, by_key);
    sampling_look(app);
}

static void
take_keys(struct run *run)
{
    run->burst = false;
    for (int i = 0; i < KEYS_A_ROUND && !run->app->leave; i++) {
        struct term_event event = term_key(run->app->term);
        run->burst = i >= BURST;
        if (event.key == KEY_NONE) {
            return;
        }
        run->dirty = true;
        if (event.key == TERM_GONE) {
            run->gone = true;
            return;
        }
        if (event.key != TERM_RESIZE) {
            run->key_ns = run->key_ns > 0 ? run->key_ns : clock_mono_ns();
            app_key(run->app, &event);
        }
    }
}

static void
take_answers(struct run *run, struct seat *seat)
{
    char why[200];
    while (engine_answer(seat->engine, why, sizeof(why))) {
        seat_answered(run->app, seat, why);
        run->dirty = true;
    }
}

static void
take_picture(struct run *run, struct seat *seat)
{
    struct app *app = run->app;
    uint64_t count;
    if (read(engine_fd(seat->engine), &count, sizeof(count)) <= 0) {
        return;
    }
    struct picture *picture = engine_latest(seat->engine);
    if (picture != NULL) {
        app_take(app, seat, picture);
        picture_release(picture);
        run->aged_ns = attached_due_ns(app);
        if (seat == app->seat) {
            run->dirty = true;
            run->drawn_ns = 0;
            report_all(run, clock_mono_ns());
        }
    }
    take_answers(run, seat);
}

static void
stop_and_go_on(struct run *run)
{
    run->app->suspend = false;
    term_suspend(run->app->term);
    kill(getpid(), SIGSTOP);
    term_resume(run->app->term);
    term_redraw(run->app->term);
    run->dirty = true;
    take_keys(run); /* the size may have changed meanwhile */
}

static void
take_signals(struct run *run)
{
    struct signalfd_siginfo info;
    while (read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGTSTP:
            run->app->suspend = true;
            break;
        case SIGHUP:
            run->gone = true;
            break;
        case SIGINT:
        case SIGTERM:
            run->app->leave = true;
            break;
        default: /* SIGWINCH, SIGCONT: term_key looks at the size */
            run->dirty = true;
            take_keys(run);
            break;
        }
    }
}

static int64_t
frame_ns(const struct run *run)
{
    return run->burst ? FRAME_NS : FRAME_NS_KEY;
}

/* How long to wait: until the next frame is due, the sentence on the status line ends, or an age
 * that is shown changes. */
static int
timeout_ms(struct run *run)
{
    struct app *app = run->app;
    int64_t now_ns = clock_mono_ns(), until_ns = INT64_MAX;
    if (app->said[0] != '\0') {
        if (now_ns >= app->said_until_ns) {
            app->said[0] = '\0';
            run->dirty = true;
        } else {
            until_ns = app->said_until_ns;
        }
    }
    if (now_ns >= run->aged_ns) {
        run->dirty = true;
    }
    until_ns = MIN(until_ns, run->aged_ns);
    if (run->dirty) {
        until_ns = MIN(until_ns, run->drawn_ns + frame_ns(run));
    }
    return until_ns == INT64_MAX ? -1
                                 : (int)((MAX(until_ns - now_ns, 0) + NS_PER_MS - 1) / NS_PER_MS);
}

static int
signals_open(void)
{
    static const int wanted[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGHUP, SIGTERM, SIGINT};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        sigaddset(&set, wanted[i]);
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Answers how many there are to wait for. */
static size_t
prepare(struct run *run)
{
    struct app *app = run->app;
    run->fds[0] =
        (struct pollfd){.fd = term_fd(app->term),
                        .events = (short)(POLLIN | (term_wants_write(app->term) ? POLLOUT : 0))};
    run->fds[1] = (struct pollfd){.fd = run->signals, .events = POLLIN};
    run->fds[2] = (struct pollfd){.fd = sampling_fd(app), .events = POLLIN};
    size_t i = 0;
    struct seat *seat;
    for (; (seat = seat_at(app, i)) != NULL; i++) { /* a file has no engine */
        run->fds[FIRST_ENGINE + i] = (struct pollfd){
            .fd = seat->engine != NULL ? engine_fd(seat->engine) : -1, .events = POLLIN};
    }
    return FIRST_ENGINE + i;
}

static void
step(struct run *run)
{
    struct app *app = run->app;
    struct pollfd *fds = run->fds;
    size_t count = prepare(run);
    if (poll(fds, count, timeout_ms(run)) < 0 && errno != EINTR) {
        run->gone = true;
        return;
    }
    take_signals(run);
    if ((fds[2].revents & POLLIN) != 0) {
        sampling_take(app);
        run->dirty = true;
    }
    run->dirty = run->dirty || (fds[0].revents & POLLOUT) != 0;
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        take_keys(run);
    }
    run->gone = run->gone || (fds[0].revents & (POLLERR | POLLNVAL)) != 0 ||
                ((fds[0].revents & POLLHUP) != 0 && (fds[0].revents & POLLIN) == 0);
    struct seat *seat;
    for (size_t i = FIRST_ENGINE; i < count; i++) {
        /* a key may have closed an instance meanwhile, or opened another in its place */
        if ((fds[i].revents & POLLIN) != 0 && (seat = seat_at(app, i - FIRST_ENGINE)) != NULL &&
            seat->engine != NULL) {
            take_picture(run, seat);
        }
    }
    if (app->suspend) {
        stop_and_go_on(run);
    }
    if (run->dirty && !run->gone && clock_mono_ns() - run->drawn_ns >= frame_ns(run)) {
        draw(run);
    }
}

int
app_run(struct app *app, struct term *term, const struct theme *theme)
{
    struct run run = {.app = app, .signals = signals_open(), .dirty = true, .aged_ns = INT64_MAX};
    run.fds = calloc(FIRST_ENGINE + app->seat_count + 1, sizeof(*run.fds));
    run.gone = run.fds == NULL;
    app->term = term;
    app->leave = false;
    if (theme != NULL) {
        term_set_theme(term, theme);
    }
    canvas_init(&run.canvas);
    histogram_init(&run.frame_s);
    histogram_init(&run.key_s);
    while (!app->leave && !run.gone) {
        step(&run);
    }
    histogram_done(&run.frame_s);
    histogram_done(&run.key_s);
    canvas_done(&run.canvas);
    if (run.signals >= 0) {
        close(run.signals);
    }
    free(run.fds);
    app->term = NULL;
    return run.gone ? 1 : 0;
}
