/* The commands of the application's own. */
#include "app_state.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "flametop/base/moment.h"
#include "flametop/base/utf8.h"
#include "panels/panels.h"

/* Closes the topmost thing that is open; false when nothing is. */
static bool
close_one(struct app *app, const char *panel_command)
{
    if (overlay_is_open(&app->overlay)) {
        overlay_close(&app->overlay);
        return true;
    }
    if (app_call(app, app_focus(app), panel_command, "") != REACTION_NONE) {
        return true;
    }
    if (app->view_opened) {
        app_show_view(app, app->view_before);
        return true;
    }
    if (seat_has_fleet(app) && !seat_is_fleet(app)) {
        app_show_view(app, 0);
        return true;
    }
    return false;
}

void
app_do_close(struct app *app, const char *argument)
{
    (void)argument;
    app->leave = !close_one(app, "close");
}

void
app_do_escape(struct app *app, const char *argument)
{
    (void)argument;
    close_one(app, "escape");
}

void
app_do_quit(struct app *app, const char *argument)
{
    (void)argument;
    app->leave = true;
}

void
app_do_command(struct app *app, const char *argument)
{
    app_ask_prompt(app, "command", "", "command", NULL);
    prompt_set(&app->prompt, argument); /* to be gone on with */
}

void
app_do_evidence(struct app *app, const char *argument)
{
    (void)argument;
    app->evidence[0] = '\0';
    if (app_shown(app) != NULL) {
        app_open_overlay(app, "Evidence", evidence_fill, false);
    }
}

void
app_do_help(struct app *app, const char *argument)
{
    app_open_overlay(app, "Help: / search, Enter run, Esc close", help_fill, true);
    if (argument[0] != '\0') {
        strlcpy(app->overlay.search, argument, sizeof(app->overlay.search));
        overlay_refresh(&app->overlay, app);
    }
}

void
app_do_log(struct app *app, const char *argument)
{
    (void)argument;
    app_open_overlay(app, "Log", log_fill, false);
}

void
app_do_sources(struct app *app, const char *argument)
{
    (void)argument;
    if (app_shown(app) != NULL) {
        app_open_overlay(app, "Sources", sources_fill, false);
    }
}

static void
send_interval(struct app *app, int64_t interval_ns)
{
    struct message message = {.type = MESSAGE_INTERVAL, .interval_ns = interval_ns};
    struct seat *seat;
    for (size_t i = 0; (seat = seat_at(app, i)) != NULL; i++) {
        if (seat->engine != NULL && (seat == app->seat || seat_is_fleet(app))) {
            engine_send(seat->engine, &message);
        }
    }
}

void
app_do_interval(struct app *app, const char *argument)
{
    int64_t interval_ns;
    if (argument[0] == '\0') {
        app_ask_prompt(app, "interval (100ms to 60s)", "", "interval", NULL);
    } else if (!duration_parse(argument, &interval_ns) || interval_ns < INTERVAL_NS_MIN ||
               interval_ns > INTERVAL_NS_MAX) {
        app_say(app, "interval “%s”: a time from 100ms to 60s is asked for, such as 500ms or 2s",
                argument);
    } else {
        send_interval(app, interval_ns);
    }
}

void
app_do_keymap(struct app *app, const char *argument)
{
    char why[128];
    if (argument[0] == '\0') {
        app_ask_prompt(app, "keymap (htop, vim, atop)", "", "keymap", NULL);
    } else if (!keymap_preset(&app->keymap, argument, why, sizeof(why))) {
        app_say(app, "%s", why);
    } else {
        app_say(app, "the keys of %s are added to ours", argument);
    }
}

static void
step_panel(struct app *app, int step)
{
    struct opened *opened = app_opened(app);
    for (size_t i = 0; i < opened->count; i++) {
        opened->focus = (opened->focus + opened->count + (size_t)step) % opened->count;
        if (opened->boxes[opened->focus].area.width > 0) {
            return;
        }
    }
}

/* A panel may be several: it is asked first, and told from which side it is entered. */
static void
go_panel(struct app *app, int step)
{
    if (app_call(app, app_focus(app), step > 0 ? "panel.next" : "panel.previous", "") ==
        REACTION_NONE) {
        step_panel(app, step);
        app_call(app, app_focus(app), step > 0 ? "panel.first" : "panel.last", "");
    }
}

void
app_do_panel_next(struct app *app, const char *argument)
{
    (void)argument;
    go_panel(app, 1);
}

void
app_do_panel_previous(struct app *app, const char *argument)
{
    (void)argument;
    go_panel(app, -1);
}

void
app_do_redraw(struct app *app, const char *argument)
{
    (void)argument;
    if (app->term != NULL) {
        term_redraw(app->term);
    }
}

/* A host's name is text from outside: what does not belong in a file name becomes '-'. */
static void
snapshot_name(const struct picture *picture, char *dst, size_t size)
{
    char host[65], time_text[32];
    strlcpy(host, picture->host.name != NULL ? picture->host.name : "host", sizeof(host));
    for (char *c = host; *c != '\0'; c++) {
        bool fine = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                    (*c >= 'A' && *c <= 'Z') || *c == '.';
        *c = fine ? *c : '-';
    }
    time_t at = (time_t)(picture->wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&at, &day);
    strftime(time_text, sizeof(time_text), "%Y%m%dT%H%M%S", &day);
    snprintf(dst, size, "flametop-%s-%s.json", host, time_text);
}

static void
save_to(struct app *app, const struct picture *picture, const char *path)
{
    char why[256] = "";
    if (app->options.save(app->options.save_context, picture, path, why, sizeof(why)) == 0) {
        app_say(app, "saved %s", path);
    } else {
        app_say(app, "%s", why[0] != '\0' ? why : "it could not be saved");
    }
}

/* What is there already is written over only after a question. */
void
app_do_save(struct app *app, const char *argument)
{
    const struct picture *picture = app_shown(app);
    char name[128], path[PATH_MAX];
    struct stat there;
    if (app_call(app, app_focus(app), "flame.save", argument) != REACTION_NONE) {
        return;
    }
    if (picture == NULL || app->options.save == NULL || seat_is_fleet(app)) {
        app_say(app, seat_is_fleet(app) ? "a snapshot is of one target: Enter opens one"
                                        : "there is nothing to save here");
        return;
    }
    if (argument[0] == '\0') {
        snapshot_name(picture, name, sizeof(name));
        app_ask_prompt(app, "save as", name, "save", NULL);
        return;
    }
    app_expand_home(argument, path, sizeof(path));
    if (app->answered || stat(path, &there) != 0 || !S_ISREG(there.st_mode)) {
        save_to(app, picture, path);
        return;
    }
    struct question *asked = &app->question;
    *asked = (struct question){.open = true, .command = "save"};
    char text[sizeof(asked->text)];
    snprintf(text, sizeof(text), "%s is there already: write over it?", argument);
    utf8_clean(str_from(text), asked->text, sizeof(asked->text));
    strlcpy(asked->argument, argument, sizeof(asked->argument));
}

void
app_do_span(struct app *app, const char *argument)
{
    for (size_t i = 0; i < span_count; i++) {
        if (strcmp(span_table[i].name, argument) == 0) {
            app->span = i;
            return;
        }
    }
    int64_t span_ns;
    if (argument[0] == '\0') {
        app_ask_prompt(app, "span (1m 5m 10m 1h 6h 24h 7d)", "", "span", NULL);
    } else if (duration_parse(argument, &span_ns) && span_ns > 0) {
        app->span = span_nearest(span_ns);
        if (span_table[app->span].ns != span_ns) {
            app_say(app, "span %s: the nearest to %s of 1m 5m 10m 1h 6h 24h 7d",
                    span_table[app->span].text, argument);
        }
    } else {
        app_say(app, "span “%s”: give one of 1m 5m 10m 1h 6h 24h 7d", argument);
    }
}

void
app_do_span_narrower(struct app *app, const char *argument)
{
    (void)argument;
    app->span -= app->span > 0;
}

void
app_do_span_wider(struct app *app, const char *argument)
{
    (void)argument;
    app->span += app->span + 1 < span_count;
}

void
app_do_suspend(struct app *app, const char *argument)
{
    (void)argument;
    app->suspend = true;
}

void
app_do_theme(struct app *app, const char *argument)
{
    if (argument[0] == '\0') {
        app_ask_prompt(app, "theme", "", "theme", NULL);
        return;
    }
    struct theme theme;
    struct buf errors;
    buf_init(&errors, 4096);
    if (!theme_load(argument, &theme, &errors)) {
        app_say(app, "theme %.*s", (int)MIN(strcspn(errors.n > 0 ? errors.data : "", "\n"), 120),
                errors.n > 0 ? errors.data : argument);
    } else if (app->term != NULL) {
        term_set_theme(app->term, &theme);
    }
    buf_done(&errors);
}

void
app_do_view(struct app *app, const char *argument)
{
    struct panel_context context = app_context(app);
    if (argument[0] == '\0') {
        app_ask_prompt(app, "view (0 to 9, or its name)", "", "view", NULL);
    } else if (view_number(argument) >= 0) {
        panel_open_view(&context, view_number(argument));
    } else {
        app_say(app, "view “%s”: give a number from 0 to 9, or a name such as processes", argument);
    }
}
