/* How the link of an attached target is doing, in words: the page before anything was seen, the
 * sentence and the age while it is lost, what its clock says. Ages are of our own clock, so they go
 * on without pictures. */
#include "app_state.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "widgets/limits.h"
#include "widgets/wrap.h"

#define CLOCK_ERROR_NS_MIN (2 * NS_PER_S)
#define AGE_BYTES 32

int64_t
app_now_ns(const struct app *app)
{
    return clock_now(&app->clock).mono_ns;
}

const struct link_status *
app_link(const struct app *app)
{
    return app->seat->newest != NULL ? app->seat->newest->link : NULL;
}

bool
attached_is_live(const struct link_status *link)
{
    return link == NULL || link->state == LINK_LIVE;
}

const char *
attached_awaits(const struct link_status *link, const struct picture *picture)
{
    bool comes = link != NULL && (link->coming & LINK_HISTORY_COMES) != 0 && picture->past;
    return comes ? "the agent's history is coming …" : NULL;
}

const char *
panel_awaits(const struct panel_context *context)
{
    return attached_awaits(context->link, context->picture);
}

const char *
attached_offer(const struct link_status *link)
{
    return link != NULL && link->offer != NULL ? link->offer : "";
}

bool
attached_waits(const struct app *app)
{
    return app->seat->live == NULL && (app->seat->newest != NULL || app->seat->name[0] != '\0');
}

/* Whole seconds: begun ones count when something is still to come. */
static int64_t
seconds_to(int64_t ns)
{
    return MAX((ns + NS_PER_S - 1) / NS_PER_S, 0);
}

static char *
age_text(int64_t since_ns, int64_t now_ns, char dst[AGE_BYTES])
{
    return unit_format_age((double)(MAX(now_ns - since_ns, 0) / NS_PER_S), dst, AGE_BYTES);
}

void
attached_state(const struct link_status *link, int64_t now_ns, char *dst, size_t size)
{
    static const char *const words[] = {
        [LINK_CONNECTING] = "connecting",
        [LINK_LIVE] = "live",
        [LINK_LOST] = "lost",
        [LINK_REFUSED] = "refused",
    };
    char age[AGE_BYTES];
    if (link->state == LINK_LOST && link->heard_mono_ns > 0) {
        snprintf(dst, size, "lost %s ago", age_text(link->heard_mono_ns, now_ns, age));
    } else {
        strlcpy(dst, words[link->state], size);
    }
}

/* "trying again in 4 s" */
static void
format_retry(const struct link_status *link, int64_t now_ns, char *dst, size_t size)
{
    char in[AGE_BYTES];
    if (link->retry_mono_ns == 0) {
        dst[0] = '\0';
    } else if (link->retry_mono_ns <= now_ns) {
        strlcpy(dst, "trying again", size);
    } else {
        unit_format_age((double)seconds_to(link->retry_mono_ns - now_ns), in, sizeof(in));
        snprintf(dst, size, "trying again in %s", in);
    }
}

void
attached_sentence(const struct link_status *link, int64_t now_ns, char dst[ATTACHED_BYTES])
{
    char state[48], why[ATTACHED_BYTES - 100], retry[48];
    dst[0] = '\0';
    if (attached_is_live(link)) {
        return;
    }
    attached_state(link, now_ns, state, sizeof(state));
    utf8_clean(str_from(link->why), why, sizeof(why));
    format_retry(link, now_ns, retry, sizeof(retry));
    snprintf(dst, ATTACHED_BYTES, "%s%s%s%s%s", state, why[0] != '\0' ? ": " : "", why,
             retry[0] != '\0' ? "; " : "", retry);
}

static enum level
level_of(const struct link_status *link)
{
    return link == NULL || link->state == LINK_CONNECTING ? LEVEL_INFO : LEVEL_CRITICAL;
}

void
attached_draw(const struct app *app, struct canvas *canvas, struct rect area)
{
    const struct link_status *link = app_link(app);
    enum level level = level_of(link);
    char sentence[ATTACHED_BYTES] = "connecting", sign[8] = "";
    sign[utf8_put(glyph_level(canvas->glyphs, (int)level), sign)] = '\0';
    if (link != NULL) {
        attached_sentence(link, app_now_ns(app), sentence);
    }
    static const char key[] = "r now ";
    int width = area.width - (int)sizeof(key) - 1;
    struct style style = {.fg = level_role(level), .attributes = CELL_BOLD};
    char line[ATTACHED_BYTES + 16];
    snprintf(line, sizeof(line), " %s %s", sign, sentence);
    if (area.height > 1 || width < APP_WIDTH_MIN) {
        wrap_draw(canvas, area, str_from(line), style);
        return;
    }
    canvas_text(canvas, area.x, area.y, width, str_from(line), style);
    canvas_text_right(canvas, area.x, area.y, area.width, str_from(key),
                      (struct style){.fg = ROLE_KEY});
}

/* What can be done about it. */
static const char *
remedy_of(const struct link_status *link)
{
    if (attached_offer(link)[0] != '\0') {
        return ":accept copies flametop there and goes on; r tries again without.";
    }
    return link != NULL && link->state == LINK_REFUSED
               ? "Nothing is tried again by itself: set right what it asks for and start anew, or "
                 "r "
                 "tries once more."
               : "The views fill as soon as it answers; r tries now.";
}

void
attached_page(const struct app *app, struct canvas *canvas, struct rect area)
{
    const struct link_status *link = app_link(app);
    char target[SEAT_NAME_BYTES], sentence[ATTACHED_BYTES] = "connecting";
    utf8_clean(str_from(link != NULL && link->target[0] != '\0' ? link->target : app->seat->name),
               target, sizeof(target));
    if (link != NULL) {
        attached_sentence(link, app_now_ns(app), sentence);
    }
    bool refused = link != NULL && link->state == LINK_REFUSED;
    int margin = area.width >= 60 ? 4 : 1, width = area.width - 2 * margin,
        y = area.y + MIN(area.height / 3, 4), end = area.y + area.height;
    canvas_text(canvas, area.x + margin, y, width, str_from(target),
                (struct style){.fg = ROLE_TITLE, .attributes = CELL_BOLD});
    y += area.height > 6 ? 2 : 1;
    char line[ATTACHED_BYTES + 8];
    snprintf(line, sizeof(line), "%s%s", sentence, strchr(sentence, ':') == NULL ? " …" : "");
    y += wrap_draw(canvas, (struct rect){area.x + margin, y, width, MAX(end - y, 0)},
                   str_from(line), (struct style){.fg = refused ? ROLE_LEVEL_CRITICAL : ROLE_TEXT});
    y += area.height > 6;
    wrap_draw(canvas, (struct rect){area.x + margin, y, width, MAX(end - y, 0)},
              str_from(remedy_of(link)), (struct style){.fg = ROLE_DIM});
}

/* What views need that servers of other kinds do not bring. */
static const struct {
    int view;
    const char *lacks, *needs;
} lacks[] = {
    {2, "tells nothing of the machine it runs on.",
     "This view needs an agent there (flametop ssh://HOST starts one), node_exporter, netdata or "
     "Glances."},
    {3, "tells of no processes.",
     "This view needs an agent there (flametop ssh://HOST starts one) or Glances."},
    {4, "tells nothing of the inside of an Erlang node.", "This view needs the node itself."},
    {5, "tells of no single requests.", "This view needs traces of them."},
    {6, "collects no stacks.", "This view needs a profile, or traces."},
    {7, "brings no heatmaps.", "Each metric's chart is in view 9 (Enter)."},
    {8, "brings no thresholds, so nothing is judged.",
     "thresholds: in the configuration sets them by the names of metrics (view 9 has them), and "
     "mappings: for the numbers of JSON."},
};

bool
attached_lacks(const struct app *app, int view, char *dst, size_t size)
{
    const struct link_status *link = app_link(app);
    if (link == NULL || link->kind[0] == '\0' || strcmp(link->kind, "agent") == 0) {
        return false;
    }
    char target[SEAT_NAME_BYTES];
    utf8_clean(str_from(link->target), target, sizeof(target));
    for (size_t i = 0; i < ARRAY_SIZE(lacks); i++) {
        if (lacks[i].view == view) {
            snprintf(dst, size, "%s (%s) %s %s", target, link->kind, lacks[i].lacks,
                     lacks[i].needs);
            return true;
        }
    }
    return false;
}

void
attached_clock(const struct link_status *link, char *dst, size_t size)
{
    int64_t off_ns = link != NULL ? link->clock_error_ns : 0;
    int64_t size_ns = off_ns < 0 ? -off_ns : off_ns;
    char by[AGE_BYTES];
    dst[0] = '\0';
    if (size_ns >= CLOCK_ERROR_NS_MIN) {
        unit_format_age((double)(size_ns / NS_PER_S), by, sizeof(by));
        snprintf(dst, size, "clock %s%s", off_ns < 0 ? "−" : "+", by);
    }
}

/* The age and the time to the next try change at different moments of a second. */
int64_t
attached_due_ns(const struct app *app)
{
    const struct link_status *link = app_link(app);
    int64_t now_ns = app_now_ns(app), due_ns = INT64_MAX;
    if (seat_is_fleet(app)) {
        return app->fleet_due_ns;
    }
    if (attached_is_live(link)) {
        return due_ns;
    }
    if (link->state == LINK_LOST && link->heard_mono_ns > 0) {
        due_ns = now_ns + NS_PER_S - MAX(now_ns - link->heard_mono_ns, 0) % NS_PER_S;
    }
    if (link->retry_mono_ns > now_ns) {
        due_ns = MIN(due_ns, now_ns + 1 + (link->retry_mono_ns - now_ns - 1) % NS_PER_S);
    }
    return due_ns;
}

/* What the link of the target could do about its state is done by the link itself. */
void
app_do_accept(struct app *app, const char *argument)
{
    struct seat *seat = app->seat;
    const char *offer = attached_offer(app_link(app));
    struct message message = {.type = MESSAGE_COMMAND,
                              .command = {.name = LINK_ACCEPT, .arguments = "{}"}};
    (void)argument;
    if (offer[0] == '\0') {
        app_say(app, "nothing is offered here");
    } else if (!app->answered) {
        app->question = (struct question){.open = true, .command = "accept"};
        utf8_clean(str_from(offer), app->question.text, sizeof(app->question.text));
    } else if (seat->engine == NULL || seat->asked_count == ASKED_MAX ||
               !engine_send(seat->engine, &message)) {
        app_say(app, "not done: too much is waiting for an answer");
    } else {
        strlcpy(seat->asked[seat->asked_count++], "copying flametop", ASKED_BYTES);
    }
}

void
app_do_receive(struct app *app, const char *argument)
{
    struct seat *seat = app->seat;
    struct message message = {.type = MESSAGE_COMMAND,
                              .command = {.name = RECEIVER_START, .arguments = "{}"}};
    (void)argument;
    if (app_link(app) != NULL) {
        app_say(app, "not here, as %s is what is shown: start its agent there with --receive",
                app_link(app)->target);
    } else if (seat == NULL || seat->engine == NULL) {
        app_say(app, "this is a file: nothing is received for it");
    } else if (seat->asked_count == ASKED_MAX || !engine_send(seat->engine, &message)) {
        app_say(app, "not done: too much is waiting for an answer");
    } else {
        strlcpy(seat->asked[seat->asked_count++], "receiving", ASKED_BYTES);
    }
}
