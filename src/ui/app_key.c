/* Keys, clicks and lines: who answers them, the prompt, the question or the overlay that is open,
 * the focused panel, or the application itself. */
#include "app_state.h"

#include <string.h>

#include "command.h"
#include "panels/panels.h"

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

static bool
is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a key goes on while an overlay that does not know it is open. What is about the view
 * behind it, or what is selected there, does not: nobody looks there. A menu waits for a choice;
 * under what is read, such as evidence, time may be held or gone through. */
static bool
passes_overlay(const struct app *app, const struct command *command)
{
    static const char *const always[] = {"quit", "redraw", "suspend", "view"};
    static const char *const behind[] = {"compare.before", "flame.open", "flame.wall", "panel.next",
                                         "panel.previous"};
    bool own = command->run != NULL && !is_among(command->name, behind, ARRAY_SIZE(behind));
    return is_among(command->name, always, ARRAY_SIZE(always)) || (own && app->menu_target == NULL);
}

bool
app_overlay_takes(const struct app *app, const char *line)
{
    static const char *const own[] = {"close", "open", "search.set"};
    const char *argument;
    const struct command *command = command_of_line(line, &argument);
    return command != NULL && (is_among(command->name, own, ARRAY_SIZE(own)) ||
                               (passes_overlay(app, command) && strcmp(line, "help") != 0));
}

/* The line of a key while an overlay is open. */
static void
key_to_overlay(struct app *app, const char *line)
{
    const char *argument;
    const struct command *command = command_of_line(line, &argument);
    if (overlay_line(app, line) || command == NULL) {
        return;
    }
    if (passes_overlay(app, command)) {
        app_command(app, line);
    } else {
        app_say(app, "%s does nothing while this is open: Esc closes it", command->name);
    }
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
    } else {
        if (command_complete(text, line, sizeof(line))) {
            prompt_set(&app->prompt, line);
        }
        command_candidates(app->prompt.text, app->prompt.hint, sizeof(app->prompt.hint));
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
    if (line != NULL) {
        (overlay_is_open(&app->overlay) ? key_to_overlay : app_command)(app, line);
    }
}
