/* What stands around the panels: the header, the tabs and the keys at the bottom. */
#include "app_state.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "flametop/base/utf8.h"
#include "flametop/core/profile.h"
#include "flametop/core/unit.h"
#include "panels/reading.h"

#define TEXT_BYTES 256

static void
format_clock(int64_t wall_ns, char *dst, size_t size)
{
    time_t at = (time_t)(wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&at, &day);
    strftime(dst, size, "%H:%M:%S", &day);
}

static void
format_interval(int64_t interval_ns, char *dst, size_t size)
{
    if (interval_ns < NS_PER_S) {
        snprintf(dst, size, "%d ms", (int)(interval_ns / NS_PER_MS));
    } else {
        int64_t tenths = interval_ns / (100 * NS_PER_MS);
        snprintf(dst, size, "%g s", (double)tenths / 10);
    }
}

/* " · 4 cores"; "" where that is not known, as of a server that tells nothing of its machine. */
static void
format_cores(const struct host *host, char *dst, size_t size)
{
    if (host->cores == 0) {
        dst[0] = '\0';
    } else if (host->core_limit > 0 && host->core_limit < host->cores) {
        snprintf(dst, size, " · limit %.3g of %d cores", host->core_limit, host->cores);
    } else {
        snprintf(dst, size, " · %d core%s", host->cores, host->cores == 1 ? "" : "s");
    }
}

/* By what the machine was reached, short; "" for this one. */
static const char *
reached_by(const struct app *app)
{
    const struct link_status *link = app_link(app);
    if (seat_is_fleet(app)) {
        return "";
    }
    if (seat_has_fleet(app) && app->seat->name[0] != '\0') {
        return app->seat->name;
    }
    const char *target = link != NULL ? link->target : "";
    return strncmp(target, "unix:", 5) == 0     ? "agent"
           : strncmp(target, "http://", 7) == 0 ? target + 7
                                                : target;
}

/* The name of what is shown: of the machine, or, where that is not known, of the target; both where
 * one does not say the other. */
static void
format_name(const struct app *app, const struct picture *picture, char *dst, size_t size)
{
    const char *name = picture != NULL ? picture->host.name : NULL, *by = reached_by(app);
    const struct link_status *link = app_link(app);
    bool known = name != NULL && name[0] != '\0';
    const char *otherwise = link != NULL && link->target[0] != '\0' ? link->target
                            : app->seat->name[0] != '\0'            ? app->seat->name
                                                                    : "this machine";
    char both[SEAT_NAME_BYTES * 3];
    if (known && by[0] != '\0' && strcasestr(by, name) == NULL) {
        snprintf(both, sizeof(both), "%s (%s)", name, by);
        utf8_clean(str_from(both), dst, size);
    } else {
        utf8_clean(str_from(known ? name : otherwise), dst, size);
    }
}

/* A name and what is known of it, the last parts of that left out first. */
static void
format_short(const char *name, const char *system, int room, char *dst, size_t size)
{
    char known[128];
    strlcpy(known, system, sizeof(known));
    snprintf(dst, size, " flametop  %s%s%s", name, known[0] != '\0' ? " · " : "", known);
    while ((int)utf8_text_width(str_from(dst)) > room) {
        snprintf(dst, size, " %s%s%s", name, known[0] != '\0' ? " · " : "", known);
        if (known[0] == '\0') {
            return;
        }
        char *comma = strrchr(known, ',');
        *(comma != NULL ? comma : known) = '\0';
    }
}

/* What the machine is, in as much detail as the room allows. */
static void
format_host(const struct app *app, const struct picture *picture, int room, char *dst, size_t size)
{
    char cores[48], age[32], name[SEAT_NAME_BYTES];
    format_name(app, picture, name, sizeof(name));
    if (picture == NULL || seat_is_fleet(app)) {
        format_short(name, picture != NULL ? picture->host.system : "", room, dst, size);
        return;
    }
    const struct host *host = &picture->host;
    format_cores(host, cores, sizeof(cores));
    age[0] = '\0';
    if (host->uptime_s > 0) {
        strlcpy(age, " · up ", sizeof(age));
        unit_format_age(host->uptime_s, age + strlen(age), sizeof(age) - strlen(age));
    }
    const char *system = host->system != NULL ? host->system : "";
    const char *inside = host->virtualization != NULL ? host->virtualization : "";
    char whole[SEAT_NAME_BYTES + 200];
    snprintf(whole, sizeof(whole), " %s%s%s%s%s%s%s", name, system[0] != '\0' ? " · " : "", system,
             inside[0] != '\0' ? " · in " : "", inside, cores, age);
    bool bare = host->cores == 0; /* what kind of server it is, is then the most that is known */
    for (int form = 0; form < 5; form++) {
        switch (form) {
        case 0:
            snprintf(dst, size, " flametop %s", whole);
            break;
        case 1:
            snprintf(dst, size, "%s", whole);
            break;
        case 2:
            snprintf(dst, size, " %s%s%s%s", name, bare && system[0] != '\0' ? " · " : "",
                     bare ? system : cores, age);
            break;
        case 3:
            snprintf(dst, size, " %s%s%s", name, bare && system[0] != '\0' ? " · " : "",
                     bare ? system : cores);
            break;
        default:
            snprintf(dst, size, " %s", name);
            break;
        }
        if ((int)utf8_text_width(str_from(dst)) <= room) {
            return;
        }
    }
}

/* How many findings there are of each level from warning on: "◆ 1 ▲ 2". */
static void
format_counts(const struct picture *picture, enum glyphs glyphs, char *dst, size_t size)
{
    int counts[LEVEL_EMERGENCY + 1] = {0};
    for (size_t i = 0; i < picture->finding_count; i++) {
        counts[picture->findings[i].level] += picture->findings[i].until_wall_ns == 0;
    }
    dst[0] = '\0';
    for (int level = LEVEL_EMERGENCY; level >= LEVEL_WARNING; level--) {
        if (counts[level] > 0) {
            char sign[8] = "", part[32];
            sign[utf8_put(glyph_level(glyphs, level), sign)] = '\0';
            snprintf(part, sizeof(part), " %s %d", sign, counts[level]);
            strlcat(dst, part, size);
        }
    }
}

static bool
is_past(const struct app *app, const struct picture *picture)
{
    return app->seat->held != NULL || picture->past;
}

/* "‖ 13:58:00 (−4 m 31 s)  r live" */
static void
format_held(const struct app *app, const struct picture *picture, char *dst, size_t size)
{
    char clock[16], age[32] = "";
    format_clock(picture->wall_ns, clock, sizeof(clock));
    int64_t behind_ns = app->seat->live->wall_ns - picture->wall_ns;
    if (behind_ns >= NS_PER_S) {
        unit_format_age((double)behind_ns / 1e9, age, sizeof(age));
    }
    snprintf(dst, size, "‖ %s%s%s%s%s ", clock, age[0] != '\0' ? " (−" : "", age,
             age[0] != '\0' ? ")" : "", app->seat->held != NULL ? "  r live" : "");
}

static void
format_live(const struct app *app, const struct picture *picture, int width, char *dst, size_t size)
{
    char clock[16], interval[32], counts[64];
    format_clock(picture->wall_ns, clock, sizeof(clock));
    format_interval(picture->interval_ns, interval, sizeof(interval));
    format_counts(picture, app->glyphs, counts, sizeof(counts));
    const char *wanted = span_table[app->span].text;
    char span[2 * READING_TEXT];
    span_text(app_span_ns(app), span);
    if (strcmp(span, wanted) != 0) {
        strlcat(span, " of ", sizeof(span));
        strlcat(span, wanted, sizeof(span));
    }
    if (seat_is_fleet(app) && width >= 60) { /* has no charts */
        snprintf(dst, size, "● live %s  %s %s ", interval, clock, counts);
    } else if (width >= 100) {
        snprintf(dst, size, "● live %s  span %s  %s %s ", interval, span, clock, counts);
    } else if (width >= 60) {
        snprintf(dst, size, "● live %s  span %s  %s ", interval, span, clock);
    } else {
        snprintf(dst, size, "● %s ", clock);
    }
}

/* "◆ lost 12 s ago", in the place of what is live. */
static void
format_unlinked(const struct app *app, char *dst, size_t size)
{
    const struct link_status *link = app_link(app);
    char state[64] = "connecting", sign[8] = "";
    if (link != NULL) {
        attached_state(link, app_now_ns(app), state, sizeof(state));
    }
    bool lost = link != NULL && link->state != LINK_CONNECTING;
    sign[utf8_put(glyph_level(app->glyphs, lost ? LEVEL_CRITICAL : LEVEL_INFO), sign)] = '\0';
    snprintf(dst, size, " %s %s ", sign, state);
}

/* What one should know before trusting what is shown: it stands to the left of the right part. */
static int
draw_notes(const struct app *app, struct canvas *canvas, int y, int end)
{
    const struct link_status *link = app_link(app);
    char clock[48];
    attached_clock(link, clock, sizeof(clock));
    const char *notes[] = {link != NULL && link->insecure ? "insecure" : "", clock};
    int used = 0;
    for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
        int width = (int)utf8_text_width(str_from(notes[i]));
        if (width == 0 || end - used - width - 2 < canvas->width / 8) {
            continue;
        }
        used += width + 2;
        canvas_text(canvas, end - used, y, width, str_from(notes[i]),
                    (struct style){.fg = ROLE_LEVEL_WARNING, .bg = ROLE_HEADER_BG});
    }
    return used > 0 ? used + 1 : 0;
}

void
chrome_header(struct app *app, struct canvas *canvas, int y)
{
    const struct picture *picture = app_shown(app);
    bool past = picture != NULL && is_past(app, picture),
         cut = picture == NULL || !attached_is_live(app_link(app));
    struct style style = {
        .fg = ROLE_TITLE, .bg = ROLE_HEADER_BG, .attributes = past ? CELL_REVERSE : 0};
    canvas_fill(canvas, (struct rect){0, y, canvas->width, 1}, ' ', style);
    char left[TEXT_BYTES + SEAT_NAME_BYTES], right[TEXT_BYTES];
    if (past) {
        format_held(app, picture, right, sizeof(right));
    } else if (cut) {
        format_unlinked(app, right, sizeof(right));
    } else {
        format_live(app, picture, canvas->width, right, sizeof(right));
    }
    int used = MIN((int)utf8_text_width(str_from(right)), canvas->width);
    struct style other = style;
    other.attributes = past || (cut && picture != NULL) ? CELL_REVERSE : 0;
    canvas_text(canvas, canvas->width - used, y, used, str_from(right), other);
    used += past ? 0 : draw_notes(app, canvas, y, canvas->width - used - 1);
    format_host(app, picture, canvas->width - used - 1, left, sizeof(left));
    canvas_text(canvas, 0, y, MAX(canvas->width - used - 1, 1), str_from(left), style);
}

static int
tabs_width(bool full)
{
    int width = 0;
    for (size_t i = 0; i < view_count; i++) {
        const struct view *view = &view_table[i];
        width +=
            view->number < VIEW_CHART ? 3 + (int)strlen(full ? view->title : view->short_title) : 0;
    }
    return width;
}

void
chrome_tabs(struct app *app, struct canvas *canvas, int y)
{
    static const char help[] = "? help ";
    int x = 1, width = canvas->width, help_width = (int)sizeof(help) - 1;
    bool full = width > tabs_width(true) + help_width;
    bool named = full || width > tabs_width(false);
    for (size_t i = 0; i < view_count; i++) {
        const struct view *view = &view_table[i];
        if (view->number >= VIEW_CHART) {
            continue;
        }
        bool active = view->number == app->view ||
                      (app->view == VIEW_CHART && view->number == app->view_before);
        bool there = view->number == 0    ? seat_has_fleet(app)
                     : seat_is_fleet(app) ? view->rows[0].cells[0].panel != NULL
                                          : view_has_data(app, view);
        struct style style = {.fg = active  ? ROLE_TAB_ACTIVE
                                    : there ? ROLE_TEXT
                                            : ROLE_DIM,
                              .attributes = active ? CELL_BOLD | CELL_UNDERLINE : 0};
        bool show_name = named || active;
        app->tab_x[i] = x;
        app->tab_width[i] = canvas_printf(canvas, x, y, MAX(width - x, 0), style, "%d%s%s",
                                          view->number, show_name ? " " : "",
                                          !show_name ? ""
                                          : full     ? view->title
                                                     : view->short_title);
        x += app->tab_width[i] + 1;
    }
    if (x + help_width <= width) {
        canvas_text(canvas, width - help_width, y, help_width, str_from(help),
                    (struct style){.fg = ROLE_KEY});
    }
}

int
chrome_tab_at(const struct app *app, int x)
{
    for (size_t i = 0; i < view_count; i++) {
        if (app->tab_width[i] > 0 && x >= app->tab_x[i] && x < app->tab_x[i] + app->tab_width[i]) {
            return view_table[i].number;
        }
    }
    return -1;
}

/* The footer's offers in the order they are given room; a key that is bound to nothing is not
 * offered. */
static const struct offer {
    const char *view; /* NULL: every view */
    const char *command, *text;
    enum when {
        ALWAYS,
        WHILE_CLOSABLE,
        WHILE_OVERLAID,
        WHILE_LINE_IS_CHOSEN,
        WHILE_OPENED,
        WHILE_NOTHING_IS_OPEN,
        WHILE_HELD,
        WHILE_RUNNING, /* these two: of no file */
        WHILE_PAUSED,
        WHILE_CUT,
        WHILE_ONE_OF_SEVERAL,
        NOT_OF_FLEET,
        WITH_PROFILE,
        WITH_TWO_SIDES,
        WITH_MEASURES,
        WITH_TIMES,
        WITH_REQUESTS_BEHIND,
        WITH_DATA,
        WITHOUT_REQUESTS,
        WITH_SAMPLER,
        WITH_NODE_SAMPLER,
        WHILE_SAMPLING,
        WHILE_SAMPLING_IS_HELD,
        WHILE_WORK_IS_SAMPLED,
        WHILE_WAITING_IS_SAMPLED
    } when;
    bool always; /* before anything is shown, too */
} offers[] = {
    {NULL, "close", "close", WHILE_CLOSABLE, false},
    {NULL, "close", "back", WHILE_OPENED, true},
    {NULL, "close", "quit", WHILE_NOTHING_IS_OPEN, true},
    {NULL, "open", "choose", WHILE_LINE_IS_CHOSEN, false},
    {NULL, "search.set", "search", WHILE_OVERLAID, false},
    {NULL, "help", "help", ALWAYS, true},
    {NULL, "live", "live", WHILE_HELD, false},
    {NULL, "live", "try now", WHILE_CUT, true},
    {NULL, "view 0", "fleet", WHILE_ONE_OF_SEVERAL, true},
    {"fleet", "open", "open", WITH_DATA, false},
    {NULL, "pause", "pause", WHILE_RUNNING, false},
    {NULL, "pause", "go on", WHILE_PAUSED, false},
    {"fleet", "search.set", "search", WITH_DATA, false},
    {"fleet", "filter.set", "filter", WITH_DATA, false},
    {"fleet", "sort.set", "sort", WITH_DATA, false},
    {"fleet", "columns", "columns", WITH_DATA, false},
    {"processes", "search.set", "search", ALWAYS, false},
    {"metrics", "search.set", "search", ALWAYS, false},
    {"overview", "search.set", "search", ALWAYS, false},
    {"processes", "filter.set", "filter", ALWAYS, false},
    {"processes", "tree", "tree", ALWAYS, false},
    {"processes", "sort.set", "sort", ALWAYS, false},
    {"processes", "process.signal", "signal", ALWAYS, false},
    {"processes", "flame.open", "flame graph", WITH_SAMPLER, false},
    {"processes", "process.nice 1", "nice", ALWAYS, false},
    {"processes", "follow", "follow", ALWAYS, false},
    {"processes", "columns", "columns", ALWAYS, false},
    {"beam", "flame.open", "flame graph", WITH_NODE_SAMPLER, false},
    {"metrics", "filter.set", "filter", ALWAYS, false},
    {"metrics", "open", "chart", ALWAYS, false},
    {"overview", "filter.set", "filter", ALWAYS, false},
    {"overview", "flame.open", "flame graph", WITH_SAMPLER, false},
    {"flame", "flame.open", "hold", WHILE_SAMPLING, false},
    {"flame", "flame.open", "go on", WHILE_SAMPLING_IS_HELD, false},
    {"flame", "flame.open", "sample the machine", WITH_SAMPLER, false},
    {"flame", "flame.open", "sample this node", WITH_NODE_SAMPLER, false},
    {"flame", "flame.wall", "wall time", WHILE_WORK_IS_SAMPLED, false},
    {"flame", "flame.wall", "CPU time", WHILE_WAITING_IS_SAMPLED, false},
    {"flame", "open", "zoom", WITH_PROFILE, false},
    {"flame", "search.set", "search", WITH_PROFILE, false},
    {"flame", "flame.swap", "before/now", WITH_TWO_SIDES, false},
    {"flame", "flame.measure", "measure", WITH_MEASURES, false},
    {"flame", "flame.order", "in time", WITH_TIMES, false},
    {"flame", "compare.before", "compare with before", WITH_REQUESTS_BEHIND, false},
    {"flame", "filter.set", "filter", WITH_PROFILE, false},
    {"flame", "page.next", "frames", WITH_PROFILE, false},
    {"flame", "flame.save", "export", WITH_PROFILE, false},
    {"flame", "flame.sandwich", "sandwich", WITH_PROFILE, false},
    {"flame", "flame.invert", "invert", WITH_PROFILE, false},
    {"flame", "flame.hide", "hide", WITH_PROFILE, false},
    {"flame", "flame.undo", "undo", WITH_PROFILE, false},
    {"flame", "flame.flip", "flip", WITH_PROFILE, false},
    {"flame", "flame.collapse", "recursion", WITH_PROFILE, false},
    {"requests", "open", "open", WITH_DATA, false},
    {"requests", "open", "receive", WITHOUT_REQUESTS, false},
    {"requests", "flame.open", "flame", WITH_DATA, false},
    {"requests", "page.next", "page", WITH_DATA, false},
    {"requests", "filter.set", "filter", WITH_DATA, false},
    {"requests", "select", "select", WITH_DATA, false},
    {"requests", "request.group", "group", WITH_DATA, false},
    {"requests", "compare", "compare", WITH_DATA, false},
    {"requests", "mark", "mark", WITH_DATA, false},
    {"requests", "compare.before", "before", WITH_DATA, false},
    {"requests", "query", "ask", WITH_DATA, false},
    {"requests", "export", "export", WITH_DATA, false},
    {"requests", "search.set", "search", WITH_DATA, false},
    {"beam", "open", "open", WITH_DATA, false},
    {"beam", "page.next", "table", WITH_DATA, false},
    {"beam", "search.set", "search", WITH_DATA, false},
    {"beam", "filter.set", "filter", WITH_DATA, false},
    {"beam", "sort.set", "sort", WITH_DATA, false},
    {"chart", "zoom.in", "zoom in", ALWAYS, false},
    {"chart", "zoom.out", "zoom out", ALWAYS, false},
    {NULL, "page.next", "page", ALWAYS, false},
    {NULL, "time.step -1", "back in time", NOT_OF_FLEET, false},
    {NULL, "span.wider", "span", NOT_OF_FLEET, false},
    {"overview", "open", "open", ALWAYS, false},
    {"metrics", "pin", "card", ALWAYS, false},
    {NULL, "save", "save", NOT_OF_FLEET, false},
    {NULL, "command", "command", ALWAYS, false},
};

/* F in the flame view holds what is sampled, goes on, or begins. */
static bool
fits_sampling(const struct app *app, const struct offer *offer, const char *view)
{
    bool goes_on = sampling_goes_on(app), held = app->sampling.now.state == SAMPLING_HELD;
    bool flame = strcmp(view, "flame") == 0, node = sampling_may_node(app);
    bool may = sampling_is_possible(app) && !node, wall = app->sampling.wish.wall;
    bool of_node = sampling_is_of_node(app);
    return (offer->when == WITH_SAMPLER && may && (!goes_on || !flame)) ||
           (offer->when == WITH_NODE_SAMPLER && node && (!goes_on || !flame)) ||
           (offer->when == WHILE_SAMPLING && goes_on && !held) ||
           (offer->when == WHILE_SAMPLING_IS_HELD && goes_on && held) ||
           (offer->when == WHILE_WORK_IS_SAMPLED && of_node && !wall) ||
           (offer->when == WHILE_WAITING_IS_SAMPLED && of_node && wall);
}

/* What only some profiles have. */
static bool
is_offered_of(const struct profile *profile, const struct offer *offer)
{
    return profile != NULL &&
           ((offer->when == WITH_TWO_SIDES && profile->sides > 1) ||
            (offer->when == WITH_MEASURES && profile->measure_count > 1) ||
            (offer->when == WITH_TIMES && profile->sides < 2 && profile->moment_count > 0));
}

static bool
receives(const struct app *app)
{
    const struct table *table =
        app_shown(app) != NULL ? picture_table(app_shown(app), "receivers") : NULL;
    return app_link(app) != NULL || (table != NULL && table->count > 0);
}

/* What is newest there is of the past. */
static bool
is_file(const struct app *app)
{
    return app->seat->live != NULL && app->seat->live->past;
}

/* What the key that closes would do. */
static enum when
closing(const struct app *app, const struct box *focus)
{
    bool panel = focus != NULL && focus->state != NULL && focus->panel->closes != NULL &&
                 focus->panel->closes(focus->state);
    bool fleet = seat_has_fleet(app) && !seat_is_fleet(app);
    return overlay_is_open(&app->overlay) || panel ? WHILE_CLOSABLE
           : app->view_opened || fleet             ? WHILE_OPENED
                                                   : WHILE_NOTHING_IS_OPEN;
}

static bool
is_offered(const struct app *app, const struct offer *offer, const char *view, enum when closes)
{
    bool overlaid = overlay_is_open(&app->overlay);
    if (overlaid ? offer->view != NULL || !app_overlay_takes(app, offer->command)
                 : offer->view != NULL && strcmp(offer->view, view) != 0) {
        return false;
    }
    bool alone = app->options.profile != NULL, profile = app->profile != NULL;
    bool paged = strcmp(offer->command, "page.next") != 0 || strcmp(view, "system") == 0 ||
                 (offer->view != NULL && (profile || offer->when == WITH_DATA));
    bool saved = strcmp(offer->command, "save") != 0 || app->options.save != NULL;
    const struct view *shown = view_find(app->view);
    bool data = app->seat->opened[shown - view_table][0].any ||
                app->seat->opened[shown - view_table][1].any;
    bool held = app->seat->held != NULL, cut = !attached_is_live(app_link(app));
    bool fits =
        offer->when == ALWAYS || offer->when == closes || (offer->when == WHILE_HELD && held) ||
        (offer->when == WHILE_OVERLAID && overlaid) ||
        (offer->when == WHILE_LINE_IS_CHOSEN && overlaid &&
         overlay_selected(&app->overlay) != NULL) ||
        (offer->when == WHILE_CUT && cut && !held) ||
        (offer->when == WHILE_ONE_OF_SEVERAL && seat_has_fleet(app) && !seat_is_fleet(app)) ||
        (offer->when == WITH_DATA && data) ||
        (offer->when == WITH_REQUESTS_BEHIND && profile && app->view_opened &&
         app->view_before == VIEW_REQUESTS) ||
        (offer->when == WITHOUT_REQUESTS && !data && !receives(app)) ||
        (offer->when == WITH_PROFILE && profile) || is_offered_of(app->profile, offer) ||
        (offer->when == WHILE_RUNNING && !alone && !is_file(app) && !held) ||
        (offer->when == WHILE_PAUSED && !alone && !is_file(app) && held) ||
        (offer->when == NOT_OF_FLEET && !seat_is_fleet(app) && !alone) ||
        fits_sampling(app, offer, view);
    bool writes = app->options.readonly && command_of_line(offer->command, NULL)->writes;
    return fits && paged && saved && !writes && (offer->always || !attached_waits(app));
}

static void
draw_offers(struct app *app, struct canvas *canvas, int y)
{
    struct box *focus = app_focus(app);
    const char *view = view_find(app->view)->name,
               *panel = focus != NULL ? focus->panel->name : view;
    enum when closes = closing(app, focus);
    int x = 1;
    for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
        int32_t key = is_offered(app, &offers[i], view, closes)
                          ? keymap_key_of(&app->keymap, panel, view, offers[i].command)
                          : KEY_NONE;
        if (key == KEY_NONE) {
            continue;
        }
        char name[KEY_NAME_BYTES];
        int width =
            (int)utf8_text_width(str_from(key_name(key, name))) + 1 + (int)strlen(offers[i].text);
        if (x + width >= canvas->width) {
            continue;
        }
        x += canvas_text(canvas, x, y, canvas->width - x, str_from(name),
                         (struct style){.fg = ROLE_KEY}) +
             1;
        x += canvas_text(canvas, x, y, canvas->width - x, str_from(offers[i].text),
                         (struct style){.fg = ROLE_DIM}) +
             2;
    }
}

void
chrome_footer(struct app *app, struct canvas *canvas, int y)
{
    struct style loud = {.fg = ROLE_MARK, .attributes = CELL_BOLD};
    if (app->prompt_open) {
        prompt_draw(&app->prompt, canvas, y);
    } else if (app->question.open) {
        int x =
            canvas_printf(canvas, 1, y, MAX(canvas->width - 14, 1), loud, "%s", app->question.text);
        canvas_text(canvas, x + 2, y, MAX(canvas->width - x - 2, 0), STR("y yes  n no"),
                    (struct style){.fg = ROLE_KEY});
    } else if (app->said[0] != '\0') {
        canvas_text(canvas, 1, y, canvas->width - 1, str_from(app->said), loud);
    } else {
        draw_offers(app, canvas, y);
    }
}
