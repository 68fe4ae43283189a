/* The application of the screen: views, keys, commands and what is shown of which picture.
 *
 * It works without a terminal: give it a picture, feed it keys, draw it on a canvas of any size.
 * app_run adds the terminal, the engine and signals. Only the main thread may call this. */
#ifndef FLAMETOP_UI_APP_H
#define FLAMETOP_UI_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/clock.h"
#include "flametop/core/metric.h"
#include "flametop/core/picture.h"
#include "flametop/core/sampling.h"
#include "flametop/engine/engine.h"
#include "flametop/ui/canvas.h"
#include "flametop/ui/term.h"
#include "flametop/ui/theme.h"

struct buf;
struct flame;
struct profile;
struct trace;

/* What is watched: its engine (NULL: app_set_picture brings the pictures) and its name as typed. */
struct app_target {
    struct engine *engine;
    const char *name;
};

/* Who samples stacks for the flame view. The screen's thread: nothing waits. */
struct app_sampler {
    void *context;

    /* In the place of what was sampled before. False, and a sentence. */
    bool (*begin)(void *context, const struct sampling_wish *wish, char *why, size_t why_size);
    void (*end)(void *context);
    void (*hold)(void *context, bool held); /* or go on */

    /* Can be read when there is something newer; -1: nothing is sampled. */
    int (*fd)(const void *context);

    /* How it is doing, and the newest profile: the reference is the caller's. NULL: none that is
     * newer than the one before. While something is sampled. */
    const struct profile *(*take)(void *context, struct sampling_status *ret_status);
};

#define APP_VIEW_FLEET (-1) /* 0 is none chosen */

struct app_options {
    struct catalog *catalog;
    int64_t span_ns; /* of all charts; 0: 10 minutes */
    int view;        /* number of the first view, or APP_VIEW_FLEET; 0: 1, a node's 4 */
    bool readonly;   /* no signals, no nice */
    const char
        *filter; /* of the process table from the start: "pid=812|990", "user=www"; NULL: none */
    const char *notice; /* said at the start, until a key is pressed; NULL or "": nothing */
    const char *keymap; /* "htop", "vim", "atop"; NULL: our own keys */

    /* Writes a snapshot of the picture to `path`. 0, or a negative errno and a sentence in why.
     * NULL: `s` is not offered. */
    int (*save)(void *context, const struct picture *picture, const char *path, char *why,
                size_t why_size);
    void *save_context;

    const char *const *cards; /* metrics that are cards of the overview from the start:
                                 system.disk.io{device=sda} */
    size_t card_count;

    /* Adds the environment of a process of this machine to `lines`, one variable a line
     * (sources/environ.h). 0 or a negative errno. NULL: what is shown is not of this machine's
     * present. */
    int (*environment)(void *context, int64_t pid, struct buf *lines);
    void *environment_context;

    /* Adds what Erlang VMs this machine has, one a line, each with how to attach it or why it
     * cannot be; does not wait. NULL: what is shown is not this machine. */
    void (*vms)(void *context, struct buf *lines);
    void *vms_context;

    /* Looks at one instance of the only target (core/instance.h) as at a target of its own: an
     * engine that runs, which the app frees before it asks for another, or NULL and a sentence.
     * NULL: instances cannot be opened. */
    struct engine *(*open_instance)(void *context, const char *instance, char *why,
                                    size_t why_size);
    void *open_instance_context;

    /* A profile that is all there is (core/profile.h), for the flame view, and a sentence that says
     * what it is, for the place of the diagnosis. NULL: none. */
    const struct profile *profile;
    const char *profile_text;

    /* Writes a flame tree (core/flame.h) to `path`, in the format its name ends in, with a title.
     * 0, or a negative errno and a sentence in why. NULL: it cannot be saved. */
    int (*save_flame)(const struct flame *flame, const char *title, const char *path, char *why,
                      size_t why_size);

    /* Writes a request (core/trace.h) to `path` as OTLP JSON. 0, or a negative errno and a sentence
     * in why. NULL: it cannot be saved. */
    int (*save_trace)(const struct trace *trace, const char *path, char *why, size_t why_size);

    const struct app_sampler *sampler; /* of this machine; NULL: nothing here can be sampled */
    unsigned sample_rate_hz;           /* 0: as usual */
    bool sample_wall;                  /* Erlang processes, where they wait as well */

    const struct clock *clock; /* what ages are counted by; NULL: the system's */
};

struct app;

/* NULL when out of memory. The catalog must outlive it; texts are copied. */
struct app *app_new(const struct app_options *options);
void app_free(struct app *app);

/* Binds a key in a context ("" everywhere, else the name of a view or panel) to a command with its
 * arguments;
 * "" as command unbinds it. False and a sentence when the key, the context or the command is
 * unknown. */
bool app_bind(struct app *app, const char *context, const char *key, const char *command, char *why,
              size_t why_size);

/* What is watched from now on, the first of them shown. Names are copied; the engines must outlive
 * the application. Without this there is one target without a name. False when out of memory: then
 * nothing changed. */
bool app_set_targets(struct app *app, const struct app_target *targets, size_t count);

/* A newer picture of the i-th target. Takes a reference. While paused it waits behind the one that
 * is shown. */
void app_set_target_picture(struct app *app, size_t target, struct picture *picture);
void app_set_picture(struct app *app, struct picture *picture); /* of the first */

/* A profile for the flame view, in the place of the one there was; the caller's reference is the
 * app's from then on. `newer`: of the same (panel_renew_profile), else something else. */
void app_set_profile(struct app *app, const struct profile *profile, const char *title, bool newer);

/* The same, something else, in front of the requests view: closing it comes back there. */
void app_open_profile(struct app *app, const struct profile *profile, const char *title);

/* Samples this of the shown target and shows it; `name` of a process. False when that cannot be:
 * then the status line says why. */
bool app_sample(struct app *app, const struct sampling_wish *wish, const char *name);

/* Draws everything at the canvas's size. Without a picture it says that it waits for one. */
void app_draw(struct app *app, struct canvas *canvas);

/* One key or mouse event. */
void app_key(struct app *app, const struct term_event *event);

/* Runs a command line as typed after ':'. */
void app_command(struct app *app, const char *line);

/* The screen of the targets until the user leaves, the terminal goes away or a signal says so.
 * `theme` is the one to start with. SIGWINCH, SIGTSTP, SIGCONT, SIGHUP, SIGTERM and SIGINT must be
 * blocked in all threads. Answers the exit code: 0, or 1 when the terminal is gone. */
int app_run(struct app *app, struct term *term, const struct theme *theme);

/* Without a screen: one line for each finding that is new, changed its level or ended, and for each
 * change of a connection, until a signal comes. Of several targets each line says which. Never
 * moves the cursor. */
int plain_run(const struct app_target *targets, size_t count, int fd);

/* The lines for what changed from one picture to the next; `before` may be NULL, `name` "". For
 * plain_run and its tests. */
void plain_changes(const char *name, const struct picture *before, const struct picture *now,
                   struct buf *out);

/* Reference tables for the man page and completion: one row a line, fields separated by tabs. */
void app_print_keys(struct buf *out);     /* context, key, command, what it does */
void app_print_commands(struct buf *out); /* name, usage, what it does */

#endif
