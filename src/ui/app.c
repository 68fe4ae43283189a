/* The application: which view shows which picture.
 *
 * Invariant: nothing is drawn except by app_draw (app_draw.c), and app_draw decides nothing: keys
 * (app_key.c) and pictures change the state, the next drawing shows it. What its own commands do is
 * in app_command.c. */
#include "app_state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/profile.h"
#include "flametop/core/traces.h"
#include "panels/panels.h"

#define MINUTE_NS (60 * NS_PER_S)
#define SPAN_DEFAULT 2

const struct chart_span span_table[] = {
    {"1m", "1 min", MINUTE_NS},          {"5m", "5 min", 5 * MINUTE_NS},
    {"10m", "10 min", 10 * MINUTE_NS},   {"1h", "1 h", 60 * MINUTE_NS},
    {"6h", "6 h", 360 * MINUTE_NS},      {"24h", "24 h", 1440 * MINUTE_NS},
    {"7d", "7 d", 7 * 1440 * MINUTE_NS},
};
const size_t span_count = ARRAY_SIZE(span_table);

size_t
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
    app->view_chosen = options->view != 0;
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

/* A file grows no more: its requests fill the charts, to the whole minute or hour. */
static int64_t
span_of_file(int64_t reach_ns, int64_t wanted_ns)
{
    int64_t step_ns = reach_ns <= 120 * MINUTE_NS ? MINUTE_NS : 60 * MINUTE_NS;
    return MIN((reach_ns / step_ns + 1) * step_ns, wanted_ns); /* the oldest is inside */
}

int64_t
app_span_ns(const struct app *app)
{
    int64_t wanted = span_table[app->span].ns;
    const struct picture *live = app->seat->live;
    int64_t reach = live != NULL ? live->mono_ns - picture_oldest(live) : wanted;
    if (live != NULL && live->traces != NULL && live->traces->count > 0) {
        reach = MAX(reach, live->mono_ns - live->traces->oldest_mono_ns); /* sent after the fact */
        if (live->past) {
            return span_of_file(reach, wanted);
        }
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
        .mono = app->mono,
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

struct opened *
app_opened_of(struct app *app, const struct view *view)
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
    return app_opened_of(app, view_find(app->view));
}

bool
view_has_data(struct app *app, const struct view *view)
{
    struct panel_context context = app_context(app);
    const struct opened *opened = app_opened_of(app, view);
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
    app->view_chosen = true;
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
