/* What is sampled of this machine, for the flame view: begun by F, held and gone on with by F
 * there.
 *
 * Invariant: while `opened`, what is sampled is what the flame view shows; when that is given
 * something else, sampling ends. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/profile.h"
#include "app_state.h"

#define NOWHERE                                                                                    \
    "what is shown is no machine that runs here: on its own host, flametop flame --pid PID "       \
    "samples it"

static void
end(struct app *app)
{
    app->options.sampler->end(app->options.sampler->context);
    app->sampling = (struct sampling){0};
}

bool
app_sample(struct app *app, int64_t pid, const char *name)
{
    const struct app_sampler *sampler = app->options.sampler;
    char why[200] = "";
    if (!sampler->begin(sampler->context, pid, why, sizeof(why))) {
        app_say(app, "%s", why);
        return false;
    }
    app->sampling = (struct sampling){.begun = true, .pid = pid};
    if (pid > 0) {
        char clean[64];
        utf8_clean(str_from(name), clean, sizeof(clean));
        snprintf(app->sampling.name, sizeof(app->sampling.name), "%s (%lld)", clean,
                 (long long)pid);
    } else {
        snprintf(app->sampling.name, sizeof(app->sampling.name), "this machine");
    }
    app_set_profile(app, NULL, "", false);
    app_show_view(app, VIEW_FLAME);
    return true;
}

/* Until there are samples the view says what it waits for. */
void
sampling_take(struct app *app)
{
    struct sampling *sampling = &app->sampling;
    const struct app_sampler *sampler = app->options.sampler;
    const struct profile *profile = sampler->take(sampler->context, &sampling->now);
    char title[sizeof(app->profile_title)];
    if (sampling->opened && app->profile_subject != sampling->subject) {
        profile_release(profile);
        end(app);
        return;
    }
    snprintf(title, sizeof(title), "%s · %s", sampling->name, sampling->now.text);
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
    return app->sampling.begun && !app->sampling.now.over;
}

bool
sampling_remedy(const struct app *app, char *dst, size_t size)
{
    const struct sampling *sampling = &app->sampling;
    if (!sampling->begun || sampling->opened) {
        return false;
    }
    if (sampling->now.over) {
        snprintf(dst, size, "%s: %s.", sampling->name, sampling->now.text);
    } else {
        snprintf(dst, size, "Sampling %s: it has used no CPU so far. What it does will stand here.",
                 sampling->name);
    }
    return true;
}

static void
toggle(struct app *app)
{
    const struct app_sampler *sampler = app->options.sampler;
    app->sampling.now.held = !app->sampling.now.held;
    sampler->hold(sampler->context, app->sampling.now.held);
}

/* What was sampled for some time is not dropped by a slip of a finger. */
static void
ask_before(struct app *app, const char *argument, const char *what)
{
    struct question *asked = &app->question;
    *asked = (struct question){.open = true, .command = "flame.open"};
    snprintf(asked->text, sizeof(asked->text), "Drop the %llu samples of %s, and sample %s?",
             (unsigned long long)app->sampling.now.samples, app->sampling.name, what);
    strlcpy(asked->argument, argument, sizeof(asked->argument));
}

/* "812 node": a process and how it is called; "machine"; "": what stands to reason. */
void
app_do_flame_open(struct app *app, const char *argument)
{
    bool here = app->view == VIEW_FLAME && argument[0] == '\0';
    struct str rest = str_from(argument), name = STR("process");
    uint64_t pid = 0;
    char text[64], what[96] = "this machine";
    if (here && sampling_goes_on(app)) {
        toggle(app);
        return;
    }
    if (argument[0] == '\0' &&
        app_call(app, app_focus(app), "flame.open", argument) != REACTION_NONE) {
        return; /* what is selected there */
    }
    if (app->options.sampler == NULL || link_is_elsewhere(app_link(app))) {
        app_say(app, NOWHERE);
        return;
    }
    if (argument[0] != '\0' && !str_is(rest, "machine")) {
        if (!str_u64(&rest, &pid) || pid == 0 || pid > INT32_MAX) {
            app_say(app, "flame.open “%s”: give the number of a process, or machine", argument);
            return;
        }
        rest = str_trim(rest);
        name = rest.n > 0 ? rest : name;
        snprintf(what, sizeof(what), "%s (%llu)", str_copy(name, text, sizeof(text)),
                 (unsigned long long)pid);
    }
    if (app->sampling.opened && sampling_goes_on(app) && app->sampling.pid == (int64_t)pid) {
        app_show_view(app, VIEW_FLAME);
        return;
    }
    if (app->sampling.opened && !app->answered) {
        ask_before(app, argument[0] != '\0' ? argument : "machine", what);
        return;
    }
    app_sample(app, (int64_t)pid, str_copy(name, text, sizeof(text)));
}

void
panel_sample(const struct panel_context *context, int64_t pid, const char *name)
{
    char argument[128];
    snprintf(argument, sizeof(argument), "%lld %s", (long long)pid, name);
    app_do_flame_open(context->app, argument);
}
