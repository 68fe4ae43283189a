/* What panels may ask of the application: questions, prompts, menus, other views, the other end. */
#include "app_state.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/base/utf8.h"
#include "flametop/core/traces.h"
#include "flametop/core/profile.h"
#include "command.h"

#define SERIES_BYTES 2048 /* a metric's name and labels, as long as sources write them */

void
panel_ask(const struct panel_context *context, const char *question, const char *command,
          const char *argument)
{
    struct app *app = context->app;
    struct question *asked = &app->question;
    *asked = (struct question){.open = true, .target = app->calling};
    utf8_clean(str_from(question), asked->text, sizeof(asked->text));
    strlcpy(asked->command, command, sizeof(asked->command));
    strlcpy(asked->argument, argument, sizeof(asked->argument));
}

void
panel_prompt(const struct panel_context *context, const char *label, const char *prefill,
             const char *command)
{
    struct app *app = context->app;
    app_ask_prompt(app, label, prefill, command, app->calling);
}

void
panel_say(const struct panel_context *context, const char *format, ...)
{
    char text[sizeof(((struct app *)0)->said)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    app_say(context->app, "%s", text);
}

/* "~/x" as the shell would have it; other users' homes ("~name/x") are left as they are. */
void
app_expand_home(const char *path, char *dst, size_t size)
{
    const char *home = getenv("HOME");
    bool own = path[0] == '~' && (path[1] == '/' || path[1] == '\0');
    if (own && home != NULL && home[0] == '/') {
        snprintf(dst, size, "%s%s", home, path + 1);
    } else {
        strlcpy(dst, path, size);
    }
}

void
panel_save_flame(const struct panel_context *context, const struct flame *flame, const char *path)
{
    struct app *app = context->app;
    const struct app_options *options = &app->options;
    char whole[PATH_MAX], text[PROMPT_BYTES + 64], why[256] = "";
    struct stat there;
    if (options->save_flame == NULL) {
        app_say(app, "there is nothing to save here");
        return;
    }
    if (path[0] == '\0') {
        panel_prompt(context, "export as (.svg .speedscope.json .json .folded)", "flame.svg",
                     "flame.save");
        return;
    }
    app_expand_home(path, whole, sizeof(whole));
    if (!app->answered && stat(whole, &there) == 0 && S_ISREG(there.st_mode)) {
        snprintf(text, sizeof(text), "%s is there already: write over it?", path);
        panel_ask(context, text, "flame.save", path);
    } else if (options->save_flame(flame, app->profile_title, whole, why, sizeof(why)) == 0) {
        app_say(app, "saved %s", whole);
    } else {
        app_say(app, "%s", why);
    }
}

/* The panel keeps what it needs of the one before. */
void
app_set_profile(struct app *app, const struct profile *profile, const char *title, bool newer)
{
    app->profile_subject += app->profile == NULL || !newer;
    profile_release(app->profile);
    app->profile = profile;
    utf8_clean(str_from(title), app->profile_title, sizeof(app->profile_title));
}

void
app_open_profile(struct app *app, const struct profile *profile, const char *title)
{
    app_show_view(app, VIEW_REQUESTS);
    app_set_profile(app, profile, title, false);
    app_open_view(app, VIEW_FLAME);
}

/* Out of the graph that is in front of them, too. */
void
app_do_compare_before(struct app *app, const char *argument)
{
    app_show_view(app, VIEW_REQUESTS);
    if (app_call(app, app_focus(app), "compare.before", argument) == REACTION_NONE) {
        app_say(app, "there are no requests to compare");
    }
}

void
panel_open_profile(const struct panel_context *context, const struct profile *profile,
                   const char *title)
{
    app_set_profile(context->app, profile, title, false);
    app_open_view(context->app, VIEW_FLAME);
}

void
panel_renew_profile(const struct panel_context *context, const struct profile *profile,
                    const char *title)
{
    app_set_profile(context->app, profile, title, true);
}

void
panel_again(const struct panel_context *context)
{
    struct app *app = context->app;
    app->again = true;
}

void
panel_copy(const struct panel_context *context, struct str text)
{
    struct app *app = context->app;
    if (app->term != NULL) {
        term_copy(app->term, text);
    }
    app_say(app, "copied");
}

void
panel_open_view(const struct panel_context *context, int number)
{
    struct app *app = context->app;
    char digits[8];
    snprintf(digits, sizeof(digits), "%d", number);
    bool leaves = seat_is_fleet(app) && number != 0 && view_find(number) != NULL;
    if (leaves && app_call(app, app_focus(app), "view", digits) != REACTION_NONE) {
        return; /* the selected target's */
    }
    app_show_view(app, number);
}

void
panel_open_target(const struct panel_context *context, size_t target, const char *name, int number)
{
    struct app *app = context->app;
    if (app->seat_count == 1) {
        seat_open_instance(app, name, number > 0 ? number : VIEW_FIRST);
    } else if (target < app->seat_count) {
        seat_show(app, &app->seats[target]);
        app_show_view(app, number > 0 ? number : seat_first_view(app));
    }
}

void
panel_open_chart(const struct panel_context *context, const char *metric, const char *labels)
{
    struct app *app = context->app;
    char argument[SERIES_BYTES];
    snprintf(argument, sizeof(argument), "%s %s", metric, labels != NULL ? labels : "");
    panel_open_view(context, VIEW_CHART);
    struct opened *opened = app_opened(app);
    app_call(app, opened->count > 0 ? &opened->boxes[0] : NULL, "show", argument);
}

/* The lines of a menu are added once, after it was opened. */
static void
nothing_fill(struct app *app, struct overlay *overlay)
{
    (void)app;
    (void)overlay;
}

void
panel_menu(const struct panel_context *context, const char *title, const struct menu_item *items,
           size_t count, size_t selected, const char *command)
{
    struct app *app = context->app;
    overlay_open(&app->overlay, app, title, nothing_fill, true);
    for (size_t i = 0; i < count; i++) {
        const char *label = items[i].label != NULL ? items[i].label : "";
        overlay_add(&app->overlay, ROLE_TEXT, label, items[i].text, items[i].argument);
    }
    app->overlay.selected = MIN(selected, count > 0 ? count - 1 : 0);
    app->menu_target = app->calling;
    strlcpy(app->menu_command, command, sizeof(app->menu_command));
}

void
panel_pin(const struct panel_context *context, const char *metric, const char *labels, bool wanted)
{
    static const char *const said[2][4] = {
        {[PIN_DONE] = "it is no card of the overview any more",
         [PIN_UNCHANGED] = "it is not pinned"},
        {[PIN_DONE] = "it is a card of the overview now (view 1)",
         [PIN_UNCHANGED] = "it is pinned already",
         [PIN_FULL] = "no more than 8 cards can be pinned; - takes one off",
         [PIN_TOO_LONG] = "its name and labels are too long for a card"},
    };
    struct app *app = context->app;
    enum pin_result result = wanted ? pins_add(&app->pins, str_from(metric), str_from(labels))
                                    : pins_remove(&app->pins, metric, labels);
    app_say(app, "%s: %s", metric, said[wanted][result]);
}

void
panel_open_environment(const struct panel_context *context, int64_t pid, const char *name)
{
    struct app *app = context->app;
    if (context->paused || context->picture->past) {
        app_say(app, "environments are of the present only: r goes back to it");
    } else if (link_is_elsewhere(context->link) || app->options.environment == NULL) {
        app_say(app,
                "this is another machine or a file: environments are read on the machine itself");
    } else {
        char title[sizeof(app->overlay.title)];
        snprintf(title, sizeof(title), "Environment of %s (%lld)", name, (long long)pid);
        app->environment_pid = pid;
        app_open_overlay(app, title, environment_fill, true);
    }
}

void
panel_remote(const struct panel_context *context, const char *name, const char *arguments_json,
             const char *what)
{
    struct app *app = context->app;
    struct seat *seat = app->seat;
    struct message message = {.type = MESSAGE_COMMAND};
    bool fits = strlcpy(message.command.name, name, sizeof(message.command.name)) <
                    sizeof(message.command.name) &&
                strlcpy(message.command.arguments, arguments_json,
                        sizeof(message.command.arguments)) < sizeof(message.command.arguments);
    if (!attached_is_live(context->link) || seat->engine == NULL) {
        app_say(app, "%s: not sent, there is no connection", what);
    } else if (seat->asked_count == ASKED_MAX || !fits || !engine_send(seat->engine, &message)) {
        app_say(app, "%s: not sent, too much is waiting for an answer", what);
    } else {
        utf8_clean(str_from(what), seat->asked[seat->asked_count++], ASKED_BYTES);
        app_say(app, "%s: sent, waiting for the answer", what);
    }
}

void
panel_open_evidence(const struct panel_context *context, size_t finding)
{
    struct app *app = context->app;
    const struct picture *picture = context->picture;
    bool there = finding < picture->finding_count;
    strlcpy(app->evidence, there ? picture->findings[finding].id : "", sizeof(app->evidence));
    app_open_overlay(app, "Evidence", evidence_fill, false);
}

void
panel_save_trace(const struct panel_context *context, const struct trace *trace, const char *path)
{
    struct app *app = context->app;
    char whole[PATH_MAX], text[PROMPT_BYTES + 64], why[256] = "";
    struct stat there;
    if (app->options.save_trace == NULL) {
        app_say(app, "there is nothing to save here");
        return;
    }
    app_expand_home(path, whole, sizeof(whole));
    if (!app->answered && stat(whole, &there) == 0 && S_ISREG(there.st_mode)) {
        snprintf(text, sizeof(text), "%s is there already: write over it?", path);
        panel_ask(context, text, "export", path);
    } else if (app->options.save_trace(trace, whole, why, sizeof(why)) == 0) {
        app_say(app, "saved %s", whole);
    } else {
        app_say(app, "%s", why);
    }
}

void
panel_mark_trace(const struct panel_context *context, const struct trace *trace)
{
    struct app *app = context->app;
    struct message message = {.type = MESSAGE_COMMAND, .command = {.name = TRACE_MARK}};
    char id[2 * SPAN_ID_BYTES_MAX + 1], arguments[2 * SPAN_ID_BYTES_MAX + 32];
    trace_id_text(trace, id, sizeof(id));
    strlcpy(message.command.arguments, id, sizeof(message.command.arguments));
    if (app->seat->engine == NULL) {
        return; /* a file: all of it stays */
    }
    engine_send(app->seat->engine, &message);
    if (context->link != NULL && context->link->may_change && !context->readonly) {
        snprintf(arguments, sizeof(arguments), "{\"trace_id\":\"%s\"}", id);
        panel_remote(context, "mark", arguments,
                     "marked, d compares another with it; kept longer there");
    } else if (context->link != NULL) {
        app_say(app, "marked, d compares another with it; kept longer here alone: %s",
                context->readonly ? "--readonly changes nothing there"
                                  : "there it takes --change-token-file");
    }
}
