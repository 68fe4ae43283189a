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
}

void
seats_done(struct app *app)
{
    for (size_t i = 0; i < app->seat_count; i++) {
        seat_done(&app->seats[i]);
    }
    free(app->seats);
    app->seats = app->seat = NULL;
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
        utf8_clean(str_from(targets[i].name), seats[i].name, sizeof(seats[i].name));
    }
    seats_done(app);
    app->seats = app->seat = seats;
    app->seat_count = count;
    return true;
}

void
seat_put(struct app *app, struct seat *seat, struct picture *picture)
{
    const char *offer = attached_offer(picture->link);
    bool offered = seat->newest != NULL && strcmp(attached_offer(seat->newest->link), offer) == 0;
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
