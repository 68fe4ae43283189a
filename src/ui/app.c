/* The application: which view shows which picture, and who answers a command: the overlay that is
 * open, the focused panel, or the application itself.
 *
 * Invariant: nothing is drawn except by app_draw, and app_draw decides nothing: keys and pictures
 * change the state, the next drawing shows it. */
#include "app_state.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "flametop/base/utf8.h"
#include "flametop/core/profile.h"
#include "flametop/core/traces.h"
#include "command.h"
#include "panels/panels.h"
#include "remedy.h"

#define MINUTE_NS (60 * NS_PER_S)
#define SPAN_DEFAULT 2

const struct chart_span span_table[] = {
    {"1m", "1 min", MINUTE_NS},          {"5m", "5 min", 5 * MINUTE_NS},
    {"10m", "10 min", 10 * MINUTE_NS},   {"1h", "1 h", 60 * MINUTE_NS},
    {"6h", "6 h", 360 * MINUTE_NS},      {"24h", "24 h", 1440 * MINUTE_NS},
    {"7d", "7 d", 7 * 1440 * MINUTE_NS},
};
const size_t span_count = ARRAY_SIZE(span_table);

static size_t
span_nearest(int64_t span_ns)
{
    size_t i = 0;
    while (i + 1 < span_count && span_table[i].ns < span_ns) {
        i++;
    }
    return i;
}

struct app *
app_new(const struct app_options *options)
{
    struct app *app = calloc(1, sizeof(*app));
    if (app == NULL) {
        return NULL;
    }
    app->options = *options;
    app->sampled_wall = options->sample_wall;
    app->clock = options->clock != NULL ? *options->clock : clock_system;
    if (!app_set_targets(app, &(struct app_target){NULL, ""}, 1)) {
        free(app);
        return NULL;
    }
    strlcpy(app->filter, options->filter != NULL ? options->filter : "", sizeof(app->filter));
    app->span = options->span_ns > 0 ? span_nearest(options->span_ns) : SPAN_DEFAULT;
    app->view = view_find(options->view) != NULL && options->view > 0 ? options->view : 1;
    app->view = options->view == APP_VIEW_FLEET ? 0 : app->view;
    app->view_before = 1;
    for (size_t i = 0; i < options->card_count; i++) {
        pins_add_text(&app->pins, str_from(options->cards[i]));
    }
    keymap_init(&app->keymap);
    overlay_init(&app->overlay);
    if (options->keymap != NULL) {
        app_do_keymap(app, options->keymap);
    }
    if (options->profile != NULL) {
        app_set_profile(app, profile_acquire(options->profile), options->profile_text, false);
    }
    if (options->notice != NULL && options->notice[0] != '\0') {
        app_say(app, "%s", options->notice);
    }
    return app;
}

void
app_free(struct app *app)
{
    if (app == NULL) {
        return;
    }
    seats_done(app);
    overlay_done(&app->overlay);
    profile_release(app->profile);
    free(app);
}

bool
app_bind(struct app *app, const char *context, const char *key, const char *command, char *why,
         size_t why_size)
{
    return key_bind(&app->keymap, context, key, command, why, why_size);
}

const struct picture *
app_shown(const struct app *app)
{
    return app->seat->held != NULL ? app->seat->held : app->seat->live;
}

bool
app_set_targets(struct app *app, const struct app_target *targets, size_t count)
{
    return seats_init(app, targets, count);
}

void
app_set_target_picture(struct app *app, size_t target, struct picture *picture)
{
    assert(target < app->seat_count);
    app_take(app, &app->seats[target], picture);
}

void
app_take(struct app *app, struct seat *seat, struct picture *picture)
{
    seat_put(app, seat, picture);
    if (seat == app->seat && overlay_is_open(&app->overlay) && !app->overlay.lasting) {
        overlay_refresh(&app->overlay, app);
    }
}

void
app_set_picture(struct app *app, struct picture *picture)
{
    app_set_target_picture(app, 0, picture);
}

/* While there is less history than the span, the charts show the smallest of these that holds it: a
 * chart that is almost empty for minutes tells nothing. */
static const int64_t growth_ns[] = {MINUTE_NS, 2 * MINUTE_NS, 5 * MINUTE_NS, 10 * MINUTE_NS,
                                    30 * MINUTE_NS};

int64_t
app_span_ns(const struct app *app)
{
    int64_t wanted = span_table[app->span].ns;
    const struct picture *live = app->seat->live;
    int64_t reach = live != NULL ? live->mono_ns - picture_oldest(live) : wanted;
    if (live != NULL && live->traces != NULL && live->traces->count > 0) {
        reach = MAX(reach, live->mono_ns - live->traces->oldest_mono_ns); /* sent after the fact */
    }
    for (size_t i = 0; i < ARRAY_SIZE(growth_ns) && growth_ns[i] < wanted; i++) {
        if (reach <= growth_ns[i]) {
            return growth_ns[i];
        }
    }
    return wanted;
}

struct panel_context
app_context(struct app *app)
{
    return (struct panel_context){
        .picture = app_shown(app),
        .catalog = app->options.catalog,
        .span_ns = app_span_ns(app),
        .glyphs = app->glyphs,
        .compact = app->compact,
        .paused = app->seat->held != NULL,
        .readonly = app->options.readonly,
        .link = app_link(app),
        .pins = &app->pins,
        .profile = app->profile,
        .profile_title = app->options.profile == NULL ? app->profile_title : NULL,
        .profile_subject = app->profile_subject,
        .app = app,
    };
}

static struct opened *
opened_of(struct app *app, const struct view *view)
{
    static_assert(VIEWS_MAX >= VIEW_CHART + 1, "room for every view");
    size_t form = app->compact && view->compact[0].cells[0].panel != NULL;
    struct opened *opened = &app->seat->opened[view - view_table][form];
    if (!opened->is_open) {
        opened->is_open = true;
        opened->count = view_open(view, form == 1, app->options.catalog, opened->boxes);
    }
    return opened;
}

struct opened *
app_opened(struct app *app)
{
    return opened_of(app, view_find(app->view));
}

bool
view_has_data(struct app *app, const struct view *view)
{
    struct panel_context context = app_context(app);
    const struct opened *opened = opened_of(app, view);
    for (size_t i = 0; i < opened->count && context.picture != NULL; i++) {
        const struct box *box = &opened->boxes[i];
        if (box->state != NULL &&
            (box->panel->has_data == NULL || box->panel->has_data(box->state, &context))) {
            return true;
        }
    }
    return false;
}

/* The chart is no view to come back to, and always one that was opened. */
void
app_show_view(struct app *app, int number)
{
    if (view_find(number) == NULL) {
        return;
    }
    if (seat_has_fleet(app) || seat_is_fleet(app)) {
        seat_show(app, number == 0 ? &app->fleet : seat_is_fleet(app) ? app->home : app->seat);
    }
    if (number != app->view) {
        app->view_before = app->view == VIEW_CHART ? app->view_before : app->view;
        app->view = number;
        app->view_opened = number == VIEW_CHART;
        overlay_close(&app->overlay);
    }
}

void
app_open_view(struct app *app, int number)
{
    bool opened = number != app->view || app->view_opened;
    app_show_view(app, number);
    app->view_opened = opened;
}

struct box *
app_focus(struct app *app)
{
    struct opened *opened = app_opened(app);
    for (size_t i = 0; i < opened->count; i++) {
        struct box *box = &opened->boxes[(opened->focus + i) % opened->count];
        if (box->area.width > 0) {
            return box;
        }
    }
    return NULL;
}

void
app_say(struct app *app, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char raw[sizeof(app->said)];
    vsnprintf(raw, sizeof(raw), format, args);
    va_end(args);
    utf8_clean(str_from(raw), app->said, sizeof(app->said));
    app->said_until_ns = app->term != NULL ? clock_mono_ns() + SAY_NS : INT64_MAX;
}

/* ---- calling panels ---- */

enum reaction
app_call(struct app *app, struct box *box, const char *name, const char *argument)
{
    struct panel_context context = app_context(app);
    if (box == NULL || box->panel->command == NULL || context.picture == NULL) {
        return REACTION_NONE;
    }
    struct box *before = app->calling;
    app->calling = box;
    enum reaction reaction = box->panel->command(box->state, &context, name, argument);
    app->calling = before;
    return reaction;
}

/* Search, filter and pages go to the panel that has them, even when another of the view is
 * focused. */
static enum reaction
call_any(struct app *app, struct box *first, const char *name, const char *argument)
{
    enum reaction reaction = app_call(app, first, name, argument);
    bool seeks = strncmp(name, "search.", 7) == 0 || strncmp(name, "filter.", 7) == 0 ||
                 strncmp(name, "page.", 5) == 0;
    struct opened *opened = app_opened(app);
    for (size_t i = 0; i < opened->count && seeks && reaction == REACTION_NONE; i++) {
        if (opened->boxes[i].area.width > 0 && &opened->boxes[i] != first) {
            reaction = app_call(app, &opened->boxes[i], name, argument);
        }
    }
    return reaction;
}

/* A command that neither the view nor what is selected in it answers. */
static void
say_useless(struct app *app, const char *name)
{
    app_say(app, "%s does nothing in %s: ? lists the keys and commands", name,
            view_find(app->view)->title);
}

/* What the prompt of such a command begins with: what is in force. */
static const char *
current_of(struct app *app, const struct box *first, const char *name)
{
    struct opened *opened = app_opened(app);
    const char *text = NULL;
    if (first != NULL && first->panel->current != NULL) {
        text = first->panel->current(first->state, name);
    }
    for (size_t i = 0; i < opened->count && text == NULL; i++) {
        const struct box *box = &opened->boxes[i];
        if (box->area.width > 0 && box->state != NULL && box->panel->current != NULL) {
            text = box->panel->current(box->state, name);
        }
    }
    return text != NULL ? text : "";
}

/* A command of a line that no question stands before any more. */
static void
run_on(struct app *app, struct box *target, const char *name, const char *argument)
{
    const struct command *command = command_find(name, strlen(name));
    if (target == NULL && command != NULL && command->run != NULL) {
        command->run(app, argument);
    } else if (target != NULL && call_any(app, target, name, argument) == REACTION_NONE) {
        say_useless(app, name);
    }
}

void
app_ask_prompt(struct app *app, const char *label, const char *prefill, const char *command,
               struct box *target)
{
    prompt_open(&app->prompt, label, prefill);
    app->prompt_open = true;
    app->prompt_target = target;
    strlcpy(app->prompt_command, command, sizeof(app->prompt_command));
}

void
app_open_overlay(struct app *app, const char *title, overlay_fill *fill, bool lasting)
{
    app->menu_target = NULL;
    overlay_open(&app->overlay, app, title, fill, lasting);
}

void
app_interest(struct app *app, struct interest *ret_interest)
{
    struct panel_context context = app_context(app);
    memset(ret_interest, 0, sizeof(*ret_interest));
    ret_interest->process_sort = -1;
    struct opened *opened = app_opened(app);
    /* A view that has nothing to show yet asks for what it would show. */
    bool empty = context.picture != NULL && !view_has_data(app, view_find(app->view));
    for (size_t i = 0; i < opened->count && context.picture != NULL; i++) {
        struct box *box = &opened->boxes[i];
        if ((box->area.width > 0 || (empty && box->state != NULL)) &&
            box->panel->interest != NULL) {
            box->panel->interest(box->state, &context, ret_interest);
        }
    }
}

/* ---- commands ---- */

/* Runs a line: the overlay's moves, then the focused panel, then the table. */
void
app_command(struct app *app, const char *line)
{
    const char *argument;
    const struct command *command = command_of_line(line, &argument);
    if (command == NULL) {
        app_say(app, "no such command: %s (Tab completes, ? lists them)", line);
        return;
    }
    if (command->writes && app->options.readonly) {
        app_say(app, "%s is not there with --readonly", command->name);
        return;
    }
    if (argument[0] == '\0' && command->prompt != NULL && command->run == NULL) {
        if (overlay_is_open(&app->overlay) || app_focus(app) != NULL) {
            struct box *target = overlay_is_open(&app->overlay) ? NULL : app_focus(app);
            app_ask_prompt(app, command->prompt, current_of(app, target, command->name),
                           command->name, target);
        }
        return;
    }
    const char *enter = view_enter(view_find(app->view));
    bool nothing = app_focus(app) == NULL && strcmp(command->name, "open") == 0;
    if (nothing && enter != NULL && command_find(enter, strlen(enter)) != NULL) {
        command_find(enter, strlen(enter))->run(app, "");
    } else if (command->run != NULL) {
        command->run(app, argument);
    } else if (call_any(app, app_focus(app), command->name, argument) == REACTION_NONE) {
        say_useless(app, command->name);
    }
}

static void
overlay_enter(struct app *app)
{
    const char *command = overlay_selected(&app->overlay);
    if (command == NULL) {
        return;
    }
    char line[128];
    strlcpy(line, command, sizeof(line));
    struct box *target = app->menu_target;
    overlay_close(&app->overlay);
    if (target != NULL) {
        app_call(app, target, app->menu_command, line);
        return;
    }
    struct str rest = str_from(line), word, labels;
    if (str_starts(rest, "show ") && str_word(&rest, &word) && str_word(&rest, &word)) {
        char metric[128], given[128] = "";
        str_copy(word, metric, sizeof(metric));
        if (str_word(&rest, &labels)) {
            str_copy(labels, given, sizeof(given));
        }
        struct panel_context context = app_context(app);
        panel_open_chart(&context, metric, given);
        return;
    }
    app_command(app, line);
}

/* Keys while an overlay is open; false: the key means what it always does. */
static bool
overlay_line(struct app *app, const char *line)
{
    if (overlay_command(&app->overlay, line)) {
        return true;
    }
    if (strcmp(line, "open") == 0) {
        overlay_enter(app);
    } else if (strcmp(line, "search.set") == 0 || strcmp(line, "filter.set") == 0) {
        app_ask_prompt(app, "search", app->overlay.search, "overlay.search", NULL);
    } else if (strcmp(line, "escape") == 0 && app->overlay.search[0] != '\0') {
        app->overlay.search[0] = '\0';
        overlay_refresh(&app->overlay, app);
    } else if (strcmp(line, "close") == 0 || strcmp(line, "escape") == 0 ||
               strcmp(line, "help") == 0) {
        overlay_close(&app->overlay);
    } else {
        return false;
    }
    return true;
}

static void
prompt_done(struct app *app)
{
    char text[PROMPT_BYTES];
    strlcpy(text, app->prompt.text, sizeof(text));
    app->prompt_open = false;
    if (strcmp(app->prompt_command, "command") == 0) {
        if (text[0] != '\0') {
            app_command(app, text);
        }
    } else if (strcmp(app->prompt_command, "overlay.search") == 0) {
        strlcpy(app->overlay.search, text, sizeof(app->overlay.search));
        overlay_refresh(&app->overlay, app);
    } else {
        run_on(app, app->prompt_target, app->prompt_command, text);
    }
}

/* The argument of a command, after the first `n` bytes of what was typed. */
static void
complete_argument(struct app *app, const struct command *command, size_t n)
{
    char line[PROMPT_BYTES], typed[PROMPT_BYTES];
    struct words words = {.count = 0};
    if (command != NULL) {
        command_words(command, app, &words);
    }
    strlcpy(typed, app->prompt.text, sizeof(typed));
    strlcpy(line, typed, sizeof(line));
    char hint[sizeof(app->prompt.hint)];
    if (words_complete(&words, typed + n, line + n, sizeof(line) - n, hint, sizeof(hint))) {
        prompt_set(&app->prompt, line);
    }
    strlcpy(app->prompt.hint, hint, sizeof(app->prompt.hint));
}

static void
prompt_complete(struct app *app)
{
    const char *text = app->prompt.text, *argument;
    char line[PROMPT_BYTES];
    if (strcmp(app->prompt_command, "command") != 0) {
        const struct command *asks = command_find(app->prompt_command, strlen(app->prompt_command));
        complete_argument(app, asks, 0);
    } else if (strpbrk(text + strspn(text, " \t"), " \t") != NULL) {
        const struct command *command = command_of_line(text, &argument);
        complete_argument(app, command, command != NULL ? (size_t)(argument - text) : 0);
    } else if (command_complete(text, line, sizeof(line))) {
        prompt_set(&app->prompt, line);
    }
}

static void
key_to_prompt(struct app *app, int32_t key)
{
    switch (prompt_key(&app->prompt, key)) {
    case PROMPT_OPEN:
        break;
    case PROMPT_DONE:
        prompt_done(app);
        break;
    case PROMPT_CANCELLED:
        app->prompt_open = false;
        break;
    case PROMPT_COMPLETE:
        prompt_complete(app);
        break;
    }
}

static void
key_to_question(struct app *app, int32_t key)
{
    struct question asked = app->question;
    app->question.open = false;
    if (key == 'y' || key == 'Y') {
        app->answered = true;
        run_on(app, asked.target, asked.command, asked.argument);
        app->answered = false;
    } else {
        app_say(app, "nothing was done");
    }
}

static bool
in_rect(const struct rect *area, int x, int y)
{
    return x >= area->x && x < area->x + area->width && y >= area->y && y < area->y + area->height;
}

/* To the panel that was clicked, wherever the mouse has gone since. */
static void
drag_to_panel(struct app *app, const struct term_event *event)
{
    struct opened *opened = app_opened(app);
    struct panel_context context = app_context(app);
    struct box *box = opened->focus < opened->count ? &opened->boxes[opened->focus] : NULL;
    if (box != NULL && box->area.width > 0 && box->panel->drags && context.picture != NULL) {
        app->calling = box;
        box->panel->mouse(box->state, &context, event->x, event->y, (int)event->button);
        app->calling = NULL;
    }
}

static void
mouse_to_panel(struct app *app, const struct term_event *event)
{
    struct opened *opened = app_opened(app);
    struct panel_context context = app_context(app);
    for (size_t i = 0; i < opened->count; i++) {
        struct box *box = &opened->boxes[i];
        if (box->area.width > 0 && in_rect(&box->area, event->x, event->y)) {
            opened->focus = event->button == TERM_CLICK || event->button == TERM_DOUBLE_CLICK
                                ? i
                                : opened->focus;
            if (box->panel->mouse != NULL && context.picture != NULL) {
                app->calling = box;
                box->panel->mouse(box->state, &context, event->x, event->y, (int)event->button);
                app->calling = NULL;
            }
            return;
        }
    }
}

static void
mouse_to_overlay(struct app *app, const struct term_event *event)
{
    struct overlay *overlay = &app->overlay;
    if (event->button == TERM_WHEEL_UP || event->button == TERM_WHEEL_DOWN) {
        overlay_command(overlay, event->button == TERM_WHEEL_UP ? "move.up" : "move.down");
    } else if (!in_rect(&overlay->area, event->x, event->y)) {
        overlay_close(overlay);
    } else {
        size_t line = overlay_line_at(overlay, event->y);
        if (line < overlay->count && !overlay->lines[line].heading) {
            overlay->selected = line;
            if (event->button == TERM_DOUBLE_CLICK) {
                overlay_enter(app);
            }
        }
    }
}

static void
mouse(struct app *app, const struct term_event *event)
{
    if (event->button == TERM_DRAG || event->button == TERM_RELEASE) {
        if (!overlay_is_open(&app->overlay)) {
            drag_to_panel(app, event);
        }
        return;
    }
    if (overlay_is_open(&app->overlay)) {
        mouse_to_overlay(app, event);
    } else if (event->y == 1 && chrome_tab_at(app, event->x) >= 0) {
        struct panel_context context = app_context(app);
        panel_open_view(&context, chrome_tab_at(app, event->x));
    } else if (event->y == app->sentence_y) {
        app_do_evidence(app, "");
    } else {
        mouse_to_panel(app, event);
    }
}

void
app_key(struct app *app, const struct term_event *event)
{
    app->said[0] = '\0';
    if (event->key == TERM_MOUSE) {
        mouse(app, event);
        return;
    }
    if (app->prompt_open) {
        key_to_prompt(app, event->key);
        return;
    }
    if (app->question.open) {
        key_to_question(app, event->key);
        return;
    }
    struct box *focus = app_focus(app);
    const char *view = view_find(app->view)->name;
    const char *line = keymap_find(&app->keymap, focus != NULL ? focus->panel->name : view, view,
                                   event->key == '\n' ? '\r' : event->key);
    if (line != NULL && !(overlay_is_open(&app->overlay) && overlay_line(app, line))) {
        app_command(app, line);
    }
}

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

/* ---- drawing ---- */

static void
draw_panels(struct app *app, struct canvas *canvas, struct rect area)
{
    struct panel_context context = app_context(app);
    struct opened *opened = app_opened(app);
    opened->any = view_arrange(opened->boxes, opened->count, &context, area);
    if (!opened->any) {
        remedy_draw(app, canvas, area);
        return;
    }
    struct box *focus = app_focus(app);
    for (size_t i = 0; i < opened->count; i++) {
        struct box *box = &opened->boxes[i];
        if (box->area.width > 0) {
            struct rect clip = canvas_clip(canvas, box->area);
            app->calling = box;
            box->panel->draw(box->state, &context, canvas, box->area, box == focus);
            app->calling = NULL;
            canvas_unclip(canvas, clip);
        }
    }
}

/* What is not drawn takes no keys and no clicks. */
static void
hide_panels(struct app *app)
{
    struct opened *opened = app_opened(app);
    for (size_t i = 0; i < opened->count; i++) {
        opened->boxes[i].area = (struct rect){0, 0, 0, 0};
    }
}

/* The filter given at the start goes to the process table once it is there. */
static void
apply_filter(struct app *app)
{
    struct seat *seat = app->seat;
    if (app->filter[0] == '\0' || seat_is_fleet(app) || seat->filtered) {
        return;
    }
    const char *filter = app->filter;
    struct opened *opened = opened_of(app, view_find(3));
    seat->filtered = true;
    if (opened->count > 0) {
        app_call(app, &opened->boxes[0], "filter.set", filter);
        for (size_t form = 0; form < 2; form++) {
            app->compact = form == 1;
            struct opened *overview = opened_of(app, view_find(1));
            for (size_t i = 0; i < overview->count; i++) {
                if (overview->boxes[i].panel == opened->boxes[0].panel) {
                    app_call(app, &overview->boxes[i], "filter.set", filter);
                }
            }
        }
    }
}

/* A link that is not up comes before everything that was seen through it. */
static void
draw_sentence(const struct app *app, struct canvas *canvas, struct rect area)
{
    const struct link_status *link = app_link(app);
    if (app->options.profile_text != NULL) {
        canvas_text(canvas, area.x + 1, area.y, area.width - 2, str_from(app->options.profile_text),
                    (struct style){.fg = ROLE_TEXT});
    } else if (!attached_is_live(link) || app_shown(app) == NULL) {
        attached_draw(app, canvas, area);
    } else {
        diagnosis_draw(app_shown(app), canvas, area, "!");
    }
}

void
app_draw(struct app *app, struct canvas *canvas)
{
    int width = canvas->width, height = canvas->height;
    fleet_refresh(app);
    const struct picture *picture = app_shown(app);
    canvas_clear(canvas);
    app->glyphs = canvas->glyphs;
    app->width = width;
    app->height = height;
    bool waits = attached_waits(app);
    if (picture == NULL && !waits) {
        canvas_text(canvas, 0, 0, width, STR(" flametop  looking at the machine …"),
                    (struct style){.fg = ROLE_TITLE});
        return;
    }
    if (!waits) {
        apply_filter(app);
    }
    app->compact = width < 100 || height < 30;
    if (width < APP_WIDTH_MIN || height < APP_HEIGHT_MIN) {
        hide_panels(app);
        app->sentence_y = -1;
        memset(app->tab_width, 0, sizeof(app->tab_width));
        draw_sentence(app, canvas, (struct rect){0, 0, width, height});
        return;
    }
    /* What stands around the panels gives way to them: first tabs and keys, then the header. */
    bool tabs = height >= APP_TABS_HEIGHT, header = height >= APP_HEADER_HEIGHT;
    int sentence = width < APP_WIDTH_FULL && height >= APP_TABS_HEIGHT ? 2 : 1;
    int top = header + tabs + sentence;
    struct rect body = {0, top, width, height - top - tabs};
    if (waits) {
        hide_panels(app);
        attached_page(app, canvas, body);
    } else {
        draw_panels(app, canvas, body);
        if (!attached_is_live(app_link(app))) {
            canvas_dim(canvas, body);
        }
    }
    if (header) {
        chrome_header(app, canvas, 0);
    }
    memset(app->tab_width, 0, sizeof(app->tab_width));
    if (tabs) {
        chrome_tabs(app, canvas, 1);
    }
    app->sentence_y = header + tabs;
    if (!waits) { /* the page says it */
        draw_sentence(app, canvas, (struct rect){0, app->sentence_y, width, sentence});
    }
    if (overlay_is_open(&app->overlay)) {
        overlay_draw(&app->overlay, canvas, body);
    }
    if (tabs || app->prompt_open || app->question.open || app->said[0] != '\0') {
        chrome_footer(app, canvas, height - 1);
    }
}
