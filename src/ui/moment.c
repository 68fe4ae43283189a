/* Which moment is shown: live, held by a pause, or of the past. */
#include "app_state.h"

#include "flametop/base/macros.h"
#include "flametop/base/moment.h"

void
moment_hold(struct app *app, struct picture *picture)
{
    if (app->seat->held != NULL) {
        picture_release(app->seat->held);
    }
    app->seat->held = picture;
}

void
moment_renew(struct seat *seat)
{
    const struct picture *held = seat->held;
    if (held == NULL || !held->past || held->arrivals == seat->live->arrivals) {
        return;
    }
    struct picture *past = picture_at(seat->live, held->mono_ns);
    if (past != NULL) {
        picture_release(seat->held);
        seat->held = past;
    }
}

/* An agent sends as much as --span says when it is attached, and may hold more. */
static void
say_begin(struct app *app)
{
    const struct link_status *link = app_link(app);
    app_say(app, link != NULL && link->agent
                     ? "what the agent sent begins here; with a longer --span it may send more"
                     : "the history begins here");
}

/* Shows the picture of a monotonic time, at most the newest and at least the oldest there is. */
static void
show(struct app *app, int64_t mono_ns)
{
    if (seat_is_fleet(app)) {
        app_say(app, "each target has its own past: Enter opens one");
        return;
    }
    int64_t oldest_ns = picture_oldest(app->seat->live);
    if (mono_ns >= app->seat->live->mono_ns) {
        moment_hold(app, picture_acquire(app->seat->live));
        return;
    }
    if (mono_ns < oldest_ns) {
        say_begin(app);
        mono_ns = oldest_ns;
    }
    struct picture *past = picture_at(app->seat->live, mono_ns);
    if (past == NULL) {
        app_say(app, "not enough memory for a picture of the past");
        return;
    }
    moment_hold(app, past);
}

void
moment_skip(struct app *app, int64_t by_ns)
{
    const struct picture *shown = app_shown(app);
    if (shown != NULL && (app->seat->held != NULL || by_ns < 0)) {
        show(app, shown->mono_ns + by_ns);
    }
}

void
moment_step(struct app *app, int steps)
{
    const struct picture *shown = app_shown(app);
    if (shown == NULL || (app->seat->held == NULL && steps >= 0)) {
        return;
    }
    int64_t to_ns = picture_step(app->seat->live, shown->mono_ns, steps);
    if (seat_is_fleet(app)) {
        show(app, to_ns);
    } else if (to_ns != shown->mono_ns) {
        show(app, to_ns);
    } else if (steps < 0) {
        say_begin(app);
    }
}

/* Wall and monotonic time run apart by suspends and clock steps: corrected twice, by what is off.
 */
void
moment_go(struct app *app, int64_t wall_ns)
{
    if (app->seat->live == NULL) {
        return;
    }
    int64_t mono_ns = app->seat->live->mono_ns - (app->seat->live->wall_ns - wall_ns);
    for (int i = 0; i < 2; i++) {
        mono_ns += wall_ns - picture_wall(app->seat->live, mono_ns);
    }
    if (mono_ns > app->seat->live->mono_ns) {
        app_say(app, "that is still to come: this is the newest moment");
    }
    show(app, mono_ns);
}

/* ---- commands ---- */

/* Of a link that is not up the present is what comes after the next try. */
void
app_do_live(struct app *app, const char *argument)
{
    (void)argument;
    struct message retry = {.type = MESSAGE_RETRY};
    struct engine *engine = seat_is_fleet(app) ? app->seats[0].engine : app->seat->engine;
    if (app->seat->held != NULL) {
        moment_hold(app, NULL);
    } else if (!attached_is_live(app_link(app)) && engine != NULL) {
        bool sent = engine_send(engine, &retry);
        app_say(app, sent ? "trying again" : "too much is waiting: try again in a moment");
    }
}

void
app_do_pause(struct app *app, const char *argument)
{
    (void)argument;
    if (app->seat->live != NULL) {
        moment_hold(app, app->seat->held != NULL ? NULL : picture_acquire(app->seat->live));
    }
}

void
app_do_time_go(struct app *app, const char *argument)
{
    int64_t wall_ns;
    const struct picture *shown = app_shown(app);
    if (argument[0] == '\0') {
        app_ask_prompt(app, "go to (13:58, -5m, 2026-11-21 13:58)", "", "time.go", NULL);
    } else if (shown == NULL || !moment_parse(argument, shown->wall_ns, &wall_ns)) {
        app_say(app, "time “%s”: 13:58, 13:58:30, -5m or 2026-11-21 13:58 is asked for", argument);
    } else {
        moment_go(app, wall_ns);
    }
}

void
app_do_time_skip(struct app *app, const char *argument)
{
    int64_t by_ns;
    if (duration_parse(argument, &by_ns)) {
        moment_skip(app, by_ns);
    } else {
        app_say(app, "time.skip “%s”: a time such as -1m or 30s is asked for", argument);
    }
}

void
app_do_time_step(struct app *app, const char *argument)
{
    struct str rest = str_from(argument);
    int64_t steps;
    const struct picture *shown = app_shown(app);
    if (shown != NULL && str_i64(&rest, &steps) && rest.n == 0 && steps >= -100000 &&
        steps <= 100000) {
        moment_step(app, (int)steps);
    }
}
