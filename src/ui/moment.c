/* Which moment is shown: live, held by a pause, or of the past. */
#include "app_state.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "flametop/base/macros.h"

#define YEAR_MAX 2200      /* nanoseconds in 64 bits reach to 2262 */
#define DURATION_S_MAX 1e8 /* three years: more is a slip of the finger */

static const struct {
    const char *suffix;
    int64_t ns;
} suffixes[] = {
    {"ms", NS_PER_MS},    {"s", NS_PER_S},        {"min", 60 * NS_PER_S},
    {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"d", 86400 * NS_PER_S},
};

/* One number with its unit; a number without one is refused: seconds or minutes? */
static bool
take_part(struct str *rest, double *sum_ns)
{
    double number;
    if (!str_double(rest, &number) || number < 0 || !(number < DURATION_S_MAX)) {
        return false;
    }
    while (rest->n > 0 && *rest->p == ' ') {
        rest->p++;
        rest->n--;
    }
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        if (str_starts(*rest, suffixes[i].suffix)) {
            size_t n = strlen(suffixes[i].suffix);
            rest->p += n;
            rest->n -= n;
            *sum_ns += number * (double)suffixes[i].ns;
            return true;
        }
    }
    return false;
}

bool
duration_parse(const char *text, int64_t *ret_ns)
{
    struct str rest = str_trim(str_from(text));
    bool negative = str_starts(rest, "-");
    if (negative || str_starts(rest, "+")) {
        rest.p++;
        rest.n--;
    }
    double sum_ns = 0;
    do {
        if (!take_part(&rest, &sum_ns)) {
            return false;
        }
        rest = str_trim(rest);
    } while (rest.n > 0);
    if (sum_ns > DURATION_S_MAX * 1e9) {
        return false;
    }
    *ret_ns = (int64_t)(negative ? -sum_ns : sum_ns);
    return true;
}

static bool
take_clock(struct str *rest, uint64_t limit, int *ret_value)
{
    uint64_t value;
    if (rest->n == 0 || *rest->p < '0' || *rest->p > '9' || !str_u64(rest, &value) ||
        value >= limit) {
        return false;
    }
    *ret_value = (int)value;
    return true;
}

static bool
take_colon(struct str *rest)
{
    bool is = rest->n > 0 && *rest->p == ':';
    rest->p += is;
    rest->n -= is;
    return is;
}

/* "2026-11-21 " in front, also with a T between. */
static bool
take_date(struct str *rest, struct tm *day)
{
    struct str text = *rest;
    uint64_t parts[3];
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        bool is_number =
            text.n > 0 && *text.p >= '0' && *text.p <= '9' && str_u64(&text, &parts[i]);
        if (!is_number || text.n == 0 ||
            (i < 2 ? *text.p != '-' : *text.p != ' ' && *text.p != 'T')) {
            return false;
        }
        text.p++;
        text.n--;
    }
    if (parts[0] < 1970 || parts[0] > YEAR_MAX || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 ||
        parts[2] > 31) {
        return false;
    }
    day->tm_year = (int)parts[0] - 1900;
    day->tm_mon = (int)parts[1] - 1;
    day->tm_mday = (int)parts[2];
    *rest = str_trim(text);
    return true;
}

/* A time of day without a date is the last one that has passed. */
bool
moment_parse(const char *text, int64_t now_wall_ns, int64_t *ret_wall_ns)
{
    int64_t by_ns;
    if (strchr(text, ':') == NULL) {
        bool ok = duration_parse(text, &by_ns);
        if (ok) {
            *ret_wall_ns = now_wall_ns + (by_ns > 0 && text[0] != '+' ? -by_ns : by_ns);
        }
        return ok;
    }
    struct str rest = str_trim(str_from(text));
    time_t now_s = (time_t)(now_wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&now_s, &day);
    day.tm_sec = 0;
    bool dated = take_date(&rest, &day);
    if (!take_clock(&rest, 24, &day.tm_hour) || !take_colon(&rest) ||
        !take_clock(&rest, 60, &day.tm_min) ||
        (take_colon(&rest) && !take_clock(&rest, 60, &day.tm_sec)) || rest.n > 0) {
        return false;
    }
    int month_day = day.tm_mday;
    day.tm_isdst = -1;
    time_t then_s = mktime(&day);
    if (dated && day.tm_mday != month_day) {
        return false; /* the 31st of a month that has 30 days */
    }
    if (!dated && then_s > now_s) {
        day.tm_mday--;
        day.tm_isdst = -1;
        then_s = mktime(&day);
    }
    *ret_wall_ns = (int64_t)then_s * NS_PER_S;
    return true;
}

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
        app_say(app, "the history begins here");
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
        app_say(app, "the history begins here");
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
