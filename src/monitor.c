/* The monitor: engine below, screen above. */
#include "monitor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/core/instance.h"
#include "flametop/core/profile.h"
#include "flametop/engine/engine.h"
#include "flametop/export/trace.h"
#include "flametop/sources/environ.h"
#include "flametop/ui/app.h"
#include "flametop/ui/term.h"
#include "flame.h"
#include "flame_live.h"
#include "flame_sampler.h"
#include "machine.h"
#include "snapshot.h"
#include "targets.h"
#include "vms.h"
#include "wanted.h"

#define SLOW_LINK_INTERVAL_NS (5 * NS_PER_S)
#define DESCRIPTORS_A_TARGET 20
#define DESCRIPTORS_BESIDE 64
#define TRACE_FILE_BYTES_MAX ((size_t)256 << 20)

/* Signals are the screen's business, read from a descriptor: no thread may take them. Lines have no
 * terminal to put in order first: Ctrl-Z stops them as it stops any program. */
static void
block_signals(bool plain)
{
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT, SIGWINCH, SIGTSTP, SIGCONT};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < (plain ? 3 : ARRAY_SIZE(signals)); i++) {
        sigaddset(&set, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int
save(void *context, const struct picture *picture, const char *path, char *why, size_t why_size)
{
    return snapshot_save(context, picture, path, "", why, why_size);
}

static int
save_trace(const struct trace *trace, const char *path, char *why, size_t why_size)
{
    struct buf out;
    buf_init(&out, TRACE_FILE_BYTES_MAX);
    int error =
        trace_write_otlp(trace, &out) ? file_write_atomic(path, out.data, out.n, 0644) : -EFBIG;
    if (error != 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(-error));
    }
    buf_done(&out);
    return error;
}

static int
environment(void *context, int64_t pid, struct buf *lines)
{
    const struct cli *cli = context;
    return environ_read(config_text(cli->config, "roots.proc"), pid, lines);
}

/* The configuration's words to the screen's numbers; 0: nobody chose. */
static int
first_view(const struct cli *cli)
{
    static const struct {
        const char *word;
        int number;
    } views[] = {{"overview", 1}, {"system", 2},   {"processes", 3},
                 {"beam", 4},     {"requests", 5}, {"flame", 6},
                 {"findings", 8}, {"metrics", 9},  {"fleet", APP_VIEW_FLEET}};
    const char *word = config_text(cli->config, "view");
    size_t i = 0;
    while (i + 1 < ARRAY_SIZE(views) && strcmp(views[i].word, word) != 0) {
        i++;
    }
    assert(strcmp(views[i].word, word) == 0);
    bool chosen = strcmp(config_origin(cli->config, "view"), "default") != 0;
    return chosen ? views[i].number : 0;
}

static void
bind_keys(const struct cli *cli, struct app *app)
{
    struct config_key key;
    char why[200];
    for (size_t i = 0; config_key(cli->config, i, &key); i++) {
        const char *context = strcmp(key.context, "everywhere") == 0 ? "" : key.context;
        if (!app_bind(app, context, key.key, key.command, why, sizeof(why))) {
            log_warning("keys.%s.%s: %s", key.context, key.key, why);
        }
    }
}

static bool
has_local(const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->list[i].kind == TARGET_LOCAL || targets->list[i].endpoint.here) {
            return true;
        }
    }
    return false;
}

/* Instances are opened one after the other; the options of an engine outlive it. */
struct opener {
    const struct cli *cli;
    const struct targets *targets;
    struct target target;
    char instance[INSTANCE_NAME_BYTES];
};

static struct engine *
open_instance(void *context, const char *instance, char *why, size_t why_size)
{
    struct opener *opener = context;
    opener->target = opener->targets->list[0];
    strlcpy(opener->instance, instance, sizeof(opener->instance));
    opener->target.endpoint.target = opener->target.name;
    opener->target.endpoint.instance = opener->instance;
    struct engine *engine =
        targets_engine_of(opener->targets, opener->cli, &opener->target, why, why_size);
    if (engine != NULL && !engine_start(engine, why, why_size)) {
        engine_free(engine);
        engine = NULL;
    }
    return engine;
}

static struct app *
make_app(const struct cli *cli, const struct targets *targets, struct opener *opener,
         struct vms *vms, const struct app_sampler *sampler, struct buf *filter)
{
    if (!wanted_filter(cli, filter)) {
        return NULL;
    }
    const char *keymap = config_text(cli->config, "keymap");
    struct app_options options = {.catalog = cli->catalog,
                                  .span_ns = config_integer(cli->config, "span"),
                                  .view = first_view(cli),
                                  .readonly = config_bool(cli->config, "readonly"),
                                  .notice = cli->notice,
                                  .filter = filter->n > 0 ? filter->data : NULL,
                                  .keymap = strcmp(keymap, "default") != 0 ? keymap : NULL,
                                  .save = save,
                                  .save_context = (void *)cli,
                                  .save_flame = flame_save,
                                  .save_trace = save_trace,
                                  .environment = has_local(targets) ? environment : NULL,
                                  .environment_context = (void *)cli,
                                  .vms = vms != NULL ? vms_lines : NULL,
                                  .vms_context = vms,
                                  .sampler = has_local(targets) ? sampler : NULL,
                                  .sample_rate_hz =
                                      (unsigned)config_integer(cli->config, "flame.rate"),
                                  .sample_wall = config_bool(cli->config, "flame.wall"),
                                  .open_instance = open_instance,
                                  .open_instance_context = opener};
    options.cards = config_list(cli->config, "cards", &options.card_count);
    struct app *app = app_new(&options);
    if (app != NULL) {
        bind_keys(cli, app);
    }
    return app;
}

static void
load_theme(const struct cli *cli, struct theme *theme)
{
    struct buf errors;
    buf_init(&errors, 4096);
    if (!theme_load(config_text(cli->config, "theme"), theme, &errors)) {
        theme_default(theme);
    }
    if (errors.n > 0) {
        log_warning("theme %s: %s", config_text(cli->config, "theme"), errors.data);
    }
    buf_done(&errors);
}

static struct term *
open_terminal(const struct cli *cli)
{
    static const enum term_depth depths[] = {
        [CHOSEN_COLOURS_AUTO] = TERM_DEPTH_AUTO, [CHOSEN_COLOURS_MONO] = TERM_DEPTH_MONO,
        [CHOSEN_COLOURS_8] = TERM_DEPTH_8,       [CHOSEN_COLOURS_16] = TERM_DEPTH_16,
        [CHOSEN_COLOURS_256] = TERM_DEPTH_256,   [CHOSEN_COLOURS_TRUE] = TERM_DEPTH_TRUE,
    };
    char why[200] = "";
    struct term_options options = {.depth = depths[config_integer(cli->config, "colours")],
                                   .glyphs = cli_glyphs(cli, -1),
                                   .mouse = config_bool(cli->config, "mouse")};
    struct term *term = term_open(&options, why, sizeof(why));
    if (term == NULL) {
        cli_complain("%s", why);
    }
    return term;
}

/* What is watched. A file has a picture and no engine. */
struct watched {
    struct app_target *list;
    struct picture **pictures;
    char (*names)[TARGET_NAME_BYTES];
    size_t count;
};

static void
watched_done(struct watched *watched)
{
    for (size_t i = 0; i < watched->count; i++) {
        engine_free(watched->list[i].engine);
        picture_release(watched->pictures[i]);
    }
    free(watched->list);
    free(watched->pictures);
    free(watched->names);
}

static bool
watch_one(struct watched *watched, const struct targets *targets, size_t which,
          const struct cli *cli)
{
    const struct target *target = &targets->list[which];
    char why[300] = "";
    if (target->kind == TARGET_FILE) {
        watched->pictures[which] = machine_open_file(cli, target->name);
        return watched->pictures[which] != NULL;
    }
    struct engine *engine = targets_engine(targets, cli, which, why, sizeof(why));
    watched->list[which].engine = engine;
    if (engine != NULL && engine_start(engine, why, sizeof(why))) {
        return true;
    }
    cli_complain("%s", why);
    return false;
}

/* Each engine has its loop, its timers and its connections: a dozen descriptors, and the usual
 * limit is 1024. The hard one is ours to use. */
static void
allow_descriptors(size_t targets)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)targets * DESCRIPTORS_A_TARGET + DESCRIPTORS_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = MIN(wanted, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* False, and a sentence on stderr, when one of them cannot be. watched_done in either case. */
static bool
watch(struct watched *watched, const struct targets *targets, const struct cli *cli)
{
    *watched = (struct watched){.list = calloc(targets->count, sizeof(*watched->list)),
                                .pictures = calloc(targets->count, sizeof(struct picture *)),
                                .names = calloc(targets->count, sizeof(*watched->names))};
    if (watched->list == NULL || watched->pictures == NULL || watched->names == NULL) {
        cli_complain("out of memory");
        return false;
    }
    watched->count = targets->count;
    allow_descriptors(targets->count);
    for (size_t i = 0; i < targets->count; i++) {
        watched->list[i].name =
            targets->count > 1
                ? targets_short_name(targets, i, watched->names[i], TARGET_NAME_BYTES)
                : "";
        if (!watch_one(watched, targets, i, cli)) {
            return false;
        }
    }
    return true;
}

static void
slow_down(const struct watched *watched)
{
    struct message slow = {.type = MESSAGE_INTERVAL, .interval_ns = SLOW_LINK_INTERVAL_NS};
    for (size_t i = 0; i < watched->count; i++) {
        if (watched->list[i].engine != NULL) {
            engine_send(watched->list[i].engine, &slow);
        }
    }
}

static int
show(const struct cli *cli, const struct watched *watched, struct app *app)
{
    struct theme theme;
    load_theme(cli, &theme);
    struct term *term = open_terminal(cli);
    if (term == NULL) {
        return EXIT_FAILED;
    }
    bool logs_to_file = config_text(cli->config, "log.file")[0] != 0;
    if (!logs_to_file) {
        log_set_fd(-1);
    }
    if (term_is_slow(term) || config_bool(cli->config, "slow_link")) {
        slow_down(watched);
    }
    int code = app_run(app, term, &theme);
    term_free(term);
    return code;
}

static int
run_screen(const struct cli *cli, const struct targets *targets, const struct watched *watched,
           const struct profile *profile, const char *title)
{
    struct buf filter;
    struct opener opener = {.cli = cli, .targets = targets};
    struct vms *vms = has_local(targets) ? vms_new(cli, targets->cookie) : NULL;
    struct flame_sampler sampler;
    buf_init(&filter, 4096);
    flame_sampler_init(&sampler, cli);
    struct app *app = make_app(cli, targets, &opener, vms, &sampler.face, &filter);
    int code = EXIT_FAILED;
    if (app != NULL && app_set_targets(app, watched->list, watched->count)) {
        for (size_t i = 0; i < watched->count; i++) {
            if (watched->pictures[i] != NULL) {
                app_set_target_picture(app, i, watched->pictures[i]);
            }
        }
        flame_live_begin(cli, app);
        if (profile != NULL) {
            app_open_profile(app, profile_acquire(profile), title);
        }
        code = show(cli, watched, app);
    }
    app_free(app);
    vms_free(vms);
    flame_sampler_done(&sampler);
    buf_done(&filter);
    return code;
}

int
monitor_show(const struct cli *cli, struct app_options *options, struct picture *picture)
{
    const char *keymap = config_text(cli->config, "keymap");
    options->catalog = cli->catalog;
    options->readonly = config_bool(cli->config, "readonly");
    options->notice = cli->notice;
    options->save_trace = save_trace;
    options->keymap = strcmp(keymap, "default") != 0 ? keymap : NULL;
    block_signals(false);
    struct app *app = app_new(options);
    int code = EXIT_FAILED;
    if (app != NULL) {
        bind_keys(cli, app);
        app_set_picture(app, picture);
        code = show(cli, &(struct watched){0}, app);
    }
    app_free(app);
    return code;
}

/* Lines are of what changes: files do not. */
static bool
is_plain(const struct cli *cli, const struct targets *targets)
{
    bool files = false;
    for (size_t i = 0; i < targets->count; i++) {
        files |= targets->list[i].kind == TARGET_FILE;
    }
    return config_bool(cli->config, "plain") && !files;
}

int
monitor_run(const struct cli *cli)
{
    struct targets targets;
    struct watched watched = {0};
    bool wants_plain = config_bool(cli->config, "plain");
    if (!isatty(STDOUT_FILENO) && !wants_plain) {
        return snapshot_run(cli);
    }
    if (wants_plain && wanted_in_vain(cli, "--plain")) {
        return EXIT_USAGE;
    }
    if (!targets_init(&targets, cli)) {
        int refusal = targets_refusal(&targets);
        targets_done(&targets);
        return refusal;
    }
    int code = EXIT_FAILED;
    bool plain = is_plain(cli, &targets);
    block_signals(plain);
    if (watch(&watched, &targets, cli)) {
        code = plain ? plain_run(watched.list, watched.count, STDOUT_FILENO)
                     : run_screen(cli, &targets, &watched, NULL, "");
    }
    watched_done(&watched);
    targets_done(&targets);
    return code;
}

int
monitor_profile(const struct cli *cli, const struct targets *targets, const struct profile *profile,
                const char *title)
{
    struct watched watched;
    block_signals(false);
    int code = watch(&watched, targets, cli) ? run_screen(cli, targets, &watched, profile, title)
                                             : EXIT_FAILED;
    watched_done(&watched);
    return code;
}
