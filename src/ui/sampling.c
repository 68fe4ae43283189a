/* What is sampled for the flame view: begun by F, held and gone on with by F there. Of this machine
 * the program's own sampler does it, of another the engine that is attached to it.
 *
 * Invariant: while `opened`, what is sampled is what the flame view shows; when that is given
 * something else, sampling ends. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/profile.h"
#include "app_state.h"

#define NOWHERE                                                                                    \
    "nothing can be sampled through this: on its own host, flametop flame --pid PID samples it"

/* ---- at the other end of a link ---- */

static bool
far_send(struct far_sampler *far)
{
    struct message message = {.type = MESSAGE_SAMPLE,
                              .sample = {.wish = far->wish, .number = far->number}};
    return far->engine != NULL && engine_send(far->engine, &message);
}

static void
far_end(void *context)
{
    struct far_sampler *far = context;
    far->wish = (struct sampling_wish){.kind = SAMPLING_NOTHING};
    far_send(far);
    far->engine = NULL;
}

static bool
far_begin(void *context, const struct sampling_wish *wish, char *why, size_t why_size)
{
    struct far_sampler *far = context;
    far->wish = *wish;
    far->held = far->away = false;
    far->number++;
    bool sent = far_send(far);
    if (!sent) {
        snprintf(why, why_size, "nothing is sampled: too much is waiting for an answer");
        far->engine = NULL;
    }
    return sent;
}

static void
far_hold(void *context, bool held)
{
    struct far_sampler *far = context;
    far->held = held;
    far->wish.held = far->held || far->away;
    far_send(far);
}

static int
far_fd(const void *context)
{
    const struct far_sampler *far = context;
    return far->engine != NULL ? engine_sampling_fd(far->engine) : -1;
}

static const struct profile *
far_take(void *context, struct sampling_status *ret_status)
{
    struct far_sampler *far = context;
    return engine_sampling(far->engine, far->number, ret_status);
}

/* ---- who samples ---- */

/* Before the first picture of a link its answer is waited for. */
static bool
is_far(const struct app *app)
{
    const struct link_status *link = app_link(app);
    return link_is_elsewhere(link) || (link == NULL && app->options.sampler == NULL);
}

/* A node samples itself, on this machine as well. */
static bool
is_of_node(enum sampling_kind kind)
{
    return kind == SAMPLING_NODE || kind == SAMPLING_NODE_PROCESS;
}

bool
sampling_may_node(const struct app *app)
{
    const struct link_status *link = app_link(app);
    return link != NULL && (link->samples & 1U << SAMPLING_NODE) != 0 && app->seat->engine != NULL;
}

bool
sampling_is_possible(const struct app *app)
{
    const struct link_status *link = app_link(app);
    bool far = link != NULL && link->samples != 0 && app->seat->engine != NULL;
    return sampling_may_node(app) || (is_far(app) ? far : app->options.sampler != NULL);
}

bool
sampling_is_of_node(const struct app *app)
{
    return sampling_goes_on(app) && is_of_node(app->sampling.wish.kind);
}

static const struct app_sampler *
sampler_of(struct app *app, enum sampling_kind kind)
{
    static const struct app_sampler face = {
        .begin = far_begin, .end = far_end, .hold = far_hold, .fd = far_fd, .take = far_take};
    if (!is_far(app) && !is_of_node(kind)) {
        return app->options.sampler;
    }
    app->far.face = face;
    app->far.face.context = &app->far;
    app->far.engine = app->seat->engine;
    return app->far.engine != NULL ? &app->far.face : NULL;
}

static void
end(struct app *app)
{
    const struct app_sampler *sampler = app->sampling.sampler;
    if (sampler != NULL) {
        sampler->end(sampler->context);
    }
    app->sampling = (struct sampling){0};
}

void
sampling_forget(struct app *app, struct engine *engine)
{
    if (engine != NULL && app->far.engine == engine) {
        end(app);
    }
}

/* ---- what is sampled ---- */

/* "ruby (812) on web-01" */
static void
name_subject(const struct app *app, const struct sampling_wish *wish, const char *name, char *dst,
             size_t size)
{
    const struct picture *picture = app_shown(app);
    bool named = picture != NULL && (is_far(app) || is_of_node(wish->kind));
    const char *host = named ? picture->host.name : NULL;
    bool known = host != NULL && host[0] != '\0';
    char clean[64], where[80];
    utf8_clean(str_from(name), clean, sizeof(clean));
    utf8_clean(str_from(known ? host : ""), where, sizeof(where));
    const char *on = known ? " on " : "";
    switch (wish->kind) {
    case SAMPLING_PROCESS:
        snprintf(dst, size, "%s (%lld)%s%s", clean, (long long)wish->id, on, where);
        break;
    case SAMPLING_NODE_PROCESS:
        snprintf(dst, size, "%s%s%s", clean, on, where);
        break;
    case SAMPLING_NODE:
        snprintf(dst, size, "%s%s%s", clean, clean[0] != '\0' ? " on " : "",
                 known ? where : "the node");
        break;
    case SAMPLING_MACHINE:
    case SAMPLING_NOTHING:
        snprintf(dst, size, "%s%s", known ? "machine " : "this machine", where);
        break;
    }
}

bool
app_sample(struct app *app, const struct sampling_wish *wanted, const char *name)
{
    struct sampling_wish wish = *wanted;
    char why[200] = NOWHERE;
    end(app);
    const struct app_sampler *sampler = sampler_of(app, wish.kind);
    wish.rate_hz = wish.rate_hz > 0 ? wish.rate_hz : app->options.sample_rate_hz;
    if (sampler == NULL || !sampler->begin(sampler->context, &wish, why, sizeof(why))) {
        app_say(app, "%s", why);
        return false;
    }
    app->sampling = (struct sampling){.sampler = sampler, .wish = wish};
    str_copy(str_from(name), app->sampling.subject_name, sizeof(app->sampling.subject_name));
    name_subject(app, &wish, name, app->sampling.name, sizeof(app->sampling.name));
    app_set_profile(app, NULL, "", false);
    app_show_view(app, VIEW_FLAME);
    return true;
}

int
sampling_fd(const struct app *app)
{
    const struct app_sampler *sampler = app->sampling.sampler;
    return sampler != NULL ? sampler->fd(sampler->context) : -1;
}

/* Another machine works for what is looked at; this one goes on. */
void
sampling_look(struct app *app)
{
    struct far_sampler *far = &app->far;
    bool away = app->view != VIEW_FLAME;
    if (app->sampling.sampler == &far->face && sampling_goes_on(app) && away != far->away) {
        far->away = away;
        far_hold(far, far->held);
    }
}

/* Until there are samples the view says what it waits for. */
void
sampling_take(struct app *app)
{
    struct sampling *sampling = &app->sampling;
    const struct app_sampler *sampler = sampling->sampler;
    if (sampler == NULL) {
        return;
    }
    const struct profile *profile = sampler->take(sampler->context, &sampling->now);
    char title[sizeof(app->profile_title)], text[SAMPLING_TEXT_BYTES];
    if (sampling->opened && app->profile_subject != sampling->subject) {
        profile_release(profile);
        end(app);
        return;
    }
    if (!sampling->opened && is_of_node(sampling->wish.kind)) { /* who it is may be known now */
        name_subject(app, &sampling->wish, sampling->subject_name, sampling->name,
                     sizeof(sampling->name));
    }
    sampling_describe(&sampling->now, text, sizeof(text));
    snprintf(title, sizeof(title), "%.120s · %s", sampling->name, text);
    if (sampling->now.samples == 0) {
        profile_release(profile);
        return;
    }
    if (profile == NULL && app->profile != NULL) {
        profile = profile_acquire(app->profile);
    }
    if (profile != NULL) {
        app_set_profile(app, profile, title, sampling->opened);
        sampling->opened = true;
        sampling->subject = app->profile_subject;
    }
}

bool
sampling_goes_on(const struct app *app)
{
    return app->sampling.sampler != NULL && !sampling_is_over(&app->sampling.now);
}

bool
sampling_remedy(const struct app *app, char *dst, size_t size)
{
    const struct sampling *sampling = &app->sampling;
    const struct sampling_status *now = &sampling->now;
    char text[SAMPLING_TEXT_BYTES];
    if (sampling->sampler == NULL || sampling->opened) {
        return false;
    }
    if (sampling_is_over(now)) {
        sampling_describe(now, text, sizeof(text));
        snprintf(dst, size, "%s: %s.", sampling->name, text);
    } else if (now->state == SAMPLING_BEGINS && sampling->sampler == &app->far.face) {
        snprintf(dst, size, "Sampling %s: the other end is being asked.", sampling->name);
    } else {
        snprintf(dst, size, "Sampling %s: it has used no CPU so far. What it does will stand here.",
                 sampling->name);
    }
    return true;
}

static void
toggle(struct app *app)
{
    struct sampling *sampling = &app->sampling;
    bool held = sampling->now.state != SAMPLING_HELD;
    sampling->now.state = held ? SAMPLING_HELD : SAMPLING_RUNS;
    sampling->sampler->hold(sampling->sampler->context, held);
}

/* ---- commands ---- */

/* What was sampled for some time is not dropped by a slip of a finger. */
static void
ask_before(struct app *app, const char *command, const char *argument, const char *what)
{
    struct question *asked = &app->question;
    *asked = (struct question){.open = true};
    strlcpy(asked->command, command, sizeof(asked->command));
    snprintf(asked->text, sizeof(asked->text), "Drop the %llu samples of %s, and sample %s?",
             (unsigned long long)app->sampling.now.samples, app->sampling.name, what);
    strlcpy(asked->argument, argument, sizeof(asked->argument));
}

/* What F means where nothing is selected. */
static enum sampling_kind
whole_of(const struct app *app)
{
    return sampling_may_node(app) ? SAMPLING_NODE : SAMPLING_MACHINE;
}

/* "machine", "node", "812 ruby", "node 3 my_server" and "node rabbit": kind, number and name. */
static bool
parse_subject(struct str text, struct sampling_wish *ret_wish, struct str *ret_name)
{
    struct str rest = str_trim(text), word;
    struct sampling_wish wish = {.kind = SAMPLING_PROCESS};
    uint64_t id = 0;
    if (str_is(rest, "machine")) {
        wish.kind = SAMPLING_MACHINE;
        rest.n = 0;
    } else if (str_is(rest, "node")) {
        wish.kind = SAMPLING_NODE;
        rest.n = 0;
    } else {
        struct str from = rest;
        if (str_word(&from, &word) && str_is(word, "node")) {
            wish.kind = SAMPLING_NODE_PROCESS;
            rest = str_trim(from);
        }
        if (wish.kind == SAMPLING_NODE_PROCESS && (rest.p[0] < '0' || rest.p[0] > '9') &&
            str_word(&rest, &word) && word.n < sizeof(wish.of)) {
            wish.kind = SAMPLING_NODE;
            str_copy(word, wish.of, sizeof(wish.of));
            *ret_name = word;
            *ret_wish = wish;
            return true;
        }
        if (!str_u64(&rest, &id) || id == 0 || id > INT64_MAX ||
            (wish.kind == SAMPLING_PROCESS && id > INT32_MAX)) {
            return false;
        }
    }
    wish.id = (int64_t)id;
    rest = str_trim(rest);
    *ret_name = rest.n > 0 ? rest : STR("process");
    *ret_wish = wish;
    return true;
}

static bool
is_same(const struct sampling_wish *a, const struct sampling_wish *b)
{
    return a->kind == b->kind && a->id == b->id && a->wall == b->wall && strcmp(a->of, b->of) == 0;
}

static bool
samples_shown(struct app *app)
{
    return app->sampling.sampler != NULL &&
           (app->sampling.sampler == &app->far.face ? app->far.engine == app->seat->engine
                                                    : !is_far(app));
}

/* "": what is selected, else all there is. */
void
app_do_flame_open(struct app *app, const char *argument)
{
    bool here = app->view == VIEW_FLAME && argument[0] == '\0';
    struct sampling_wish wish = {.kind = whole_of(app)};
    struct str name = STR("");
    char text[64], what[160];
    if (here && sampling_goes_on(app)) {
        toggle(app);
        return;
    }
    if (argument[0] == '\0' &&
        app_call(app, app_focus(app), "flame.open", argument) != REACTION_NONE) {
        return; /* what is selected there */
    }
    if (!sampling_is_possible(app)) {
        app_say(app, NOWHERE);
        return;
    }
    if (argument[0] != '\0' && !parse_subject(str_from(argument), &wish, &name)) {
        app_say(app, "flame.open “%s”: give the number of a process, machine, or node", argument);
        return;
    }
    wish.wall = is_of_node(wish.kind) && app->sampled_wall;
    if (app->sampling.opened && sampling_goes_on(app) && samples_shown(app) &&
        is_same(&app->sampling.wish, &wish)) {
        app_open_view(app, VIEW_FLAME);
        return;
    }
    str_copy(name, text, sizeof(text));
    name_subject(app, &wish, text, what, sizeof(what));
    if (app->sampling.opened && !app->answered) {
        ask_before(app, "flame.open",
                   argument[0] != '\0'             ? argument
                   : wish.kind == SAMPLING_MACHINE ? "machine"
                                                   : "node",
                   what);
        return;
    }
    bool opened = app->view != VIEW_FLAME || app->view_opened;
    if (app_sample(app, &wish, text)) {
        app->view_opened = opened; /* at the program's start it would not be */
    }
}

/* Where processes of a node wait as well, or only where they work: that is another sampling. */
void
app_do_flame_wall(struct app *app, const char *argument)
{
    struct sampling *sampling = &app->sampling;
    struct sampling_wish wish = sampling->wish;
    char name[sizeof(sampling->subject_name)];
    (void)argument;
    if (!sampling_is_of_node(app)) {
        app->sampled_wall = !app->sampled_wall;
        app_say(app, "processes of Erlang nodes will be sampled %s",
                app->sampled_wall ? "where they wait as well" : "only where they work");
        return;
    }
    if (sampling->opened && !app->answered) {
        ask_before(app, "flame.wall", "",
                   wish.wall ? "only where it works" : "where it waits as well");
        return;
    }
    strlcpy(name, sampling->subject_name, sizeof(name));
    wish.wall = app->sampled_wall = !wish.wall;
    wish.held = false;
    app_sample(app, &wish, name);
}

void
panel_sample(const struct panel_context *context, enum sampling_kind kind, int64_t id,
             const char *name)
{
    char argument[128];
    const char *of = kind == SAMPLING_NODE_PROCESS ? "node " : "";
    snprintf(argument, sizeof(argument), "%s%lld %s", of, (long long)id, name);
    if (kind == SAMPLING_MACHINE || kind == SAMPLING_NODE) {
        snprintf(argument, sizeof(argument), "%s %s", kind == SAMPLING_NODE ? "node" : "machine",
                 kind == SAMPLING_NODE ? name : "");
    }
    app_do_flame_open(context->app, argument);
}
