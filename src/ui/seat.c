/* Targets as they are looked at: each has its own newest picture, its own past and its own panels.
 *
 * Invariant: seat->live is a picture that was made while there was a connection (or needs none), so
 * what is shown never loses its values because a link was cut; seat->newest alone says how the link
 * is doing. */
#include "app_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"

static void
replace(struct picture **place, struct picture *picture)
{
    struct picture *before = *place;
    *place = picture != NULL ? picture_acquire(picture) : NULL;
    if (before != NULL) {
        picture_release(before);
    }
}

static void
seat_done(struct seat *seat)
{
    for (size_t i = 0; i < view_count; i++) {
        for (size_t form = 0; form < 2; form++) {
            view_close(seat->opened[i][form].boxes, seat->opened[i][form].count);
        }
    }
    replace(&seat->held, NULL);
    replace(&seat->live, NULL);
    replace(&seat->newest, NULL);
    fleet_queries_done(&seat->queries);
}

void
seats_done(struct app *app)
{
    for (size_t i = 0; i < app->seat_count; i++) {
        seat_done(&app->seats[i]);
    }
    seat_done(&app->fleet);
    memset(&app->fleet, 0, sizeof(app->fleet));
    free(app->seats);
    app->seats = app->seat = app->home = NULL;
    app->seat_count = 0;
}

bool
seats_init(struct app *app, const struct app_target *targets, size_t count)
{
    assert(count > 0);
    struct seat *seats = calloc(count, sizeof(*seats));
    if (seats == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        seats[i].engine = targets[i].engine;
        seats[i].since_mono_ns = app_now_ns(app);
        utf8_clean(str_from(targets[i].name), seats[i].name, sizeof(seats[i].name));
    }
    seats_done(app);
    app->seats = app->seat = app->home = seats;
    app->seat_count = count;
    if (count > 1) {
        strlcpy(app->fleet.name, "fleet", sizeof(app->fleet.name));
        app_show_view(app, 0);
    }
    return true;
}

bool
seat_is_fleet(const struct app *app)
{
    return app->seat == &app->fleet;
}

/* A question or a menu is of one target: an answer must not reach another. */
void
seat_show(struct app *app, struct seat *seat)
{
    if (seat == app->seat) {
        return;
    }
    app->question.open = app->prompt_open = false;
    app->menu_target = app->prompt_target = NULL;
    overlay_close(&app->overlay);
    app->seat = seat;
    app->home = seat != &app->fleet ? seat : app->home;
    app->fleet_due_ns = 0;
}

void
fleet_refresh(struct app *app)
{
    struct instant now = clock_now(&app->clock);
    if (!seat_is_fleet(app) || now.mono_ns < app->fleet_due_ns) {
        return;
    }
    struct fleet_row *rows = calloc(app->seat_count, sizeof(*rows));
    for (size_t i = 0; rows != NULL && i < app->seat_count; i++) {
        struct seat *seat = &app->seats[i];
        rows[i] = (struct fleet_row){.name = seat->name,
                                     .queries = &seat->queries,
                                     .picture = seat->live,
                                     .link = seat->newest != NULL ? seat->newest->link : NULL,
                                     .came_mono_ns = seat->came_mono_ns,
                                     .since_mono_ns = seat->since_mono_ns};
    }
    struct picture *picture =
        rows != NULL
            ? fleet_picture(rows, app->seat_count, app->options.catalog, &now, ++app->fleet_number)
            : NULL;
    if (picture != NULL) {
        seat_put(app, &app->fleet, picture);
        picture_release(picture);
    }
    app->fleet_due_ns = now.mono_ns + FLEET_EVERY_NS;
    free(rows);
}

/* What changes the order of the fleet is shown at once, the values in their own time. */
static bool
is_news(const struct seat *seat, const struct picture *picture)
{
    const struct picture *before = seat->newest;
    return before == NULL || (before->link == NULL) != (picture->link == NULL) ||
           (picture->link != NULL && before->link->state != picture->link->state);
}

void
seat_put(struct app *app, struct seat *seat, struct picture *picture)
{
    const char *offer = attached_offer(picture->link);
    bool offered = seat->newest != NULL && strcmp(attached_offer(seat->newest->link), offer) == 0;
    if (is_news(seat, picture)) {
        app->fleet_due_ns = 0;
    }
    replace(&seat->newest, picture);
    if (offer[0] != '\0' && !offered && seat == app->seat && !app->options.readonly &&
        !app->question.open && !app->prompt_open) {
        app_do_accept(app, ""); /* it asks */
    }
    seat->came_mono_ns = app_now_ns(app);
    if (attached_is_live(picture->link)) {
        replace(&seat->live, picture);
    }
}

void
seat_answered(struct app *app, struct seat *seat, const char *why)
{
    if (seat->asked_count == 0) {
        return;
    }
    const char *where = seat != app->seat ? seat->name : "";
    app_say(app, "%s%s%s: %s", where, where[0] != '\0' ? ": " : "", seat->asked[0],
            why[0] != '\0' ? why : "done");
    seat->asked_count--;
    memmove(seat->asked[0], seat->asked[1], seat->asked_count * ASKED_BYTES);
}

/* By its whole name, or by a part that only one has. */
static struct seat *
seat_named(struct app *app, const char *name)
{
    struct seat *found = NULL;
    size_t matches = 0;
    for (size_t i = 0; i < app->seat_count; i++) {
        if (strcmp(app->seats[i].name, name) == 0) {
            return &app->seats[i];
        }
        if (strstr(app->seats[i].name, name) != NULL) {
            found = &app->seats[i];
            matches++;
        }
    }
    return matches == 1 ? found : NULL;
}

void
app_do_target(struct app *app, const char *argument)
{
    struct seat *seat = argument[0] != '\0' ? seat_named(app, argument) : NULL;
    if (app->seat_count < 2) {
        app_say(app, "there is one target only: flametop web-01:7711 web-02:7711 watches two");
    } else if (argument[0] == '\0') {
        app_ask_prompt(app, "target", "", "target", NULL);
    } else if (seat == NULL) {
        app_say(app, "no target is named %s (Tab completes)", argument);
    } else {
        seat_show(app, seat);
        app_show_view(app, app->view == 0 ? 1 : app->view);
    }
}
