/* The layouts, and how panels share a screen: a row of panels is as high as the first of them
 * wants, the rows that want all they can get share what is left. */
#include "view.h"

#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"
#include "flametop/base/str.h"

#define REST_ROWS_MIN 8 /* fixed rows shrink before the rest becomes less than this */

const struct view view_table[] = {
    {0,
     "fleet",
     "Fleet",
     "Flt",
     "One target is watched. Several are compared here, a row each, with the odd one out marked: "
     "flametop web-01:7711 web-02:7711, flametop ssh://web-{01..40}, or flametop @GROUP for a "
     "group "
     "of the configuration (targets:).",
     {{{{"fleet", 1}}}},
     {{{{NULL, 0}}}}},
    {1,
     "overview",
     "Overview",
     "Over",
     "No readings yet: the first ones are on their way.",
     {{{{"cards", 1}}},
      {{{"cores", 1}, {"processes", 1}}},
      {{{"tables", 1}}},
      {{{"system", 0}, {"metrics", 0}}}},
     {{{{"cards", 1}}},
      {{{"processes", 1}}},
      {{{"tables", 1}}},
      {{{"system", 0}, {"metrics", 0}}}}},
    {2,
     "system",
     "System",
     "Sys",
     "No readings yet: the first ones are on their way; :sources says from where.",
     {{{{"system", 1}}}},
     {{{{NULL, 0}}}}},
    {3,
     "processes",
     "Processes",
     "Proc",
     "No processes are known: :sources says whether /proc can be read.",
     {{{{"processes", 1}}}},
     {{{{NULL, 0}}}}},
    {4,
     "beam",
     "BEAM",
     "BEAM",
     "No Erlang node is watched here. flametop NAME@HOST opens one, with nothing installed on it: "
     "flametop rabbit@web-01. A node of another user wants its cookie: --cookie-file FILE. One "
     "that "
     "has no name yet is started with erl -sname NAME, or iex --sname NAME.",
     {{{{"node-cards", 1}}}, {{{"schedulers", 1}, {"pools", 1}}}, {{{"node", 1}}}},
     {{{{"node-cards", 1}}}, {{{"node", 1}}}}},
    {5,
     "requests",
     "Requests",
     "Req",
     "No requests yet. Enter receives them on 127.0.0.1:4317 (gRPC), 4318 (HTTP) and 8125 "
     "(StatsD); "
     "then start your service with OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318, or by "
     "flametop exec -- COMMAND.",
     {{{{"requests", 1}}}},
     {{{{NULL, 0}}}}},
    {6,
     "flame",
     "Flame",
     "Flm",
     "No profile is open. F samples what this machine runs, and in view 3 the selected process; "
     "what an "
     "Erlang node runs, and in view 4 the selected process or application. "
     "flametop FILE opens what was recorded: what perf script prints (perf record -g "
     "COMMAND; perf script >p.txt; flametop p.txt), folded stacks, pprof, speedscope, callgrind, "
     "Chrome's and Node.js's CPU profiles.",
     {{{{"flame", 1}}}},
     {{{{NULL, 0}}}}},
    {7,
     "heatmaps",
     "Heatmaps",
     "Heat",
     "No heatmaps of their own yet: the cores over time are in view 1, each metric's chart in view "
     "9 (Enter).",
     {{{{NULL, 0}}}},
     {{{{NULL, 0}}}}},
    {8,
     "findings",
     "Findings",
     "Find",
     "No diagnosis yet: it comes with the first readings, or as soon as what is seen now has "
     "lasted long enough to be told.",
     {{{{"findings", 1}}}},
     {{{{NULL, 0}}}}},
    {9,
     "metrics",
     "Metrics",
     "Met",
     "No metrics yet: :sources says which sources there are and what they miss.",
     {{{{"metrics", 1}}}},
     {{{{NULL, 0}}}}},
    {VIEW_CHART,
     "chart",
     "Chart",
     "Chart",
     "No readings of this metric in the history there is; Esc goes back.",
     {{{{"chart", 1}}}},
     {{{{NULL, 0}}}}},
};
const size_t view_count = ARRAY_SIZE(view_table);

/* What a view says of a moment of the past that it has nothing of. */
static const struct {
    int view;
    const char *text;
} past_remedies[] = {
    {3, "The processes of this moment were not kept. A snapshot keeps them for the moment it was "
        "saved at (r goes back to it), a running flametop the busiest ones of each moment."},
    {8, "What was unusual at this moment was not kept. A snapshot keeps it for the moment it was "
        "saved at: r goes back to it."},
};

const char *
view_remedy(const struct view *view, bool past)
{
    for (size_t i = 0; i < ARRAY_SIZE(past_remedies) && past; i++) {
        if (past_remedies[i].view == view->number) {
            return past_remedies[i].text;
        }
    }
    return view->remedy;
}

const char *
view_enter(const struct view *view)
{
    static const struct {
        int view;
        const char *command;
    } rows[] = {{VIEW_REQUESTS, "receive"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].view == view->number) {
            return rows[i].command;
        }
    }
    return NULL;
}

const struct view *
view_find(int number)
{
    for (size_t i = 0; i < view_count; i++) {
        if (view_table[i].number == number) {
            return &view_table[i];
        }
    }
    return NULL;
}

int
view_number(const char *text)
{
    struct str rest = str_from(text);
    uint64_t number;
    if (str_u64(&rest, &number) && rest.n == 0) {
        return number < VIEW_CHART ? (int)number : -1;
    }
    int found = -1, matches = 0;
    for (size_t i = 0; i < view_count; i++) {
        const struct view *view = &view_table[i];
        if (view->number >= VIEW_CHART || strncasecmp(view->name, text, strlen(text)) != 0) {
            continue;
        }
        if (view->name[strlen(text)] == '\0') {
            return view->number;
        }
        found = view->number;
        matches++;
    }
    return matches == 1 ? found : -1;
}

const struct panel *
panel_find(const char *name)
{
    for (size_t i = 0; i < panel_count; i++) {
        if (strcmp(panel_table[i]->name, name) == 0) {
            return panel_table[i];
        }
    }
    return NULL;
}

bool
view_is_context(const char *name)
{
    for (size_t i = 0; i < view_count; i++) {
        if (strcmp(view_table[i].name, name) == 0) {
            return true;
        }
    }
    return panel_find(name) != NULL;
}

size_t
view_open(const struct view *view, bool compact, struct catalog *catalog,
          struct box boxes[VIEW_BOXES_MAX])
{
    const struct view_row *rows =
        compact && view->compact[0].cells[0].panel != NULL ? view->compact : view->rows;
    size_t count = 0;
    for (size_t row = 0; row < ARRAY_SIZE(view->rows); row++) {
        for (size_t i = 0; i < ARRAY_SIZE(rows[row].cells) && count < VIEW_BOXES_MAX; i++) {
            const char *name = rows[row].cells[i].panel;
            const struct panel *panel = name != NULL ? panel_find(name) : NULL;
            if (panel != NULL) {
                boxes[count++] = (struct box){
                    .panel = panel,
                    .state = panel->open(catalog),
                    .row = (int)row,
                    .weight = MAX(rows[row].cells[i].weight, 1),
                    .stopgap = rows[row].cells[i].weight == 0,
                };
            }
        }
    }
    return count;
}

void
view_close(struct box *boxes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        boxes[i].panel->close(boxes[i].state);
    }
}

/* What one row of the layout gets. */
struct share {
    int height, weight; /* weight: of the boxes with data; 0: the row is not shown */
    bool rest;
};

static void
measure(struct box *boxes, size_t count, const struct panel_context *context, int width,
        struct share *shares)
{
    bool filled = false;
    for (size_t i = 0; i < count; i++) {
        struct box *box = &boxes[i];
        const struct panel *panel = box->panel;
        box->area = (struct rect){0, 0, 0, 0};
        if (box->state == NULL || (box->stopgap && filled) ||
            (panel->has_data != NULL && !panel->has_data(box->state, context))) {
            continue;
        }
        struct share *share = &shares[box->row];
        if (share->weight == 0) {
            share->height = panel->height != NULL ? panel->height(box->state, context, width) : 0;
            share->rest = share->height <= 0;
            filled |= share->rest;
        }
        share->weight += box->weight;
        box->area.width = 1;
    }
}

/* Heights that fill the area: fixed rows give way to the rest, from the last one on. */
static void
divide(struct share *shares, size_t count, int height)
{
    int fixed = 0, rests = 0;
    for (size_t i = 0; i < count; i++) {
        bool shown = shares[i].weight > 0;
        fixed += shown && !shares[i].rest ? shares[i].height : 0;
        rests += shown && shares[i].rest;
    }
    int most = rests > 0 ? MAX(height - REST_ROWS_MIN, height / 2) : height;
    for (size_t i = count; i-- > 0 && fixed > most;) {
        if (shares[i].weight > 0 && !shares[i].rest) {
            int cut = MIN(shares[i].height, fixed - most);
            shares[i].height -= cut;
            fixed -= cut;
        }
    }
    int left = height - fixed;
    for (size_t i = 0; i < count; i++) {
        if (shares[i].weight > 0 && shares[i].rest) {
            shares[i].height = left / rests;
            left -= shares[i].height;
            rests--;
        }
    }
}

bool
view_arrange(struct box *boxes, size_t count, const struct panel_context *context, struct rect area)
{
    struct share shares[ARRAY_SIZE(view_table->rows)] = {0};
    measure(boxes, count, context, area.width, shares);
    divide(shares, ARRAY_SIZE(shares), area.height);
    struct {
        int x, y, weight;
    } next[ARRAY_SIZE(shares)]; /* where the row's next box goes, and the weights still to place */
    for (int row = 0, y = area.y; row < (int)ARRAY_SIZE(shares); row++) {
        next[row].x = area.x;
        next[row].y = y;
        next[row].weight = shares[row].weight;
        y += shares[row].weight > 0 ? shares[row].height : 0;
    }
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        struct box *box = &boxes[i];
        int row = box->row, height = shares[row].height;
        if (box->area.width == 0 || height <= 0) {
            box->area.width = 0;
            continue;
        }
        int width = (area.x + area.width - next[row].x) * box->weight / next[row].weight;
        box->area = (struct rect){next[row].x, next[row].y, width, height};
        next[row].x += width;
        next[row].weight -= box->weight;
        any = true;
    }
    return any;
}
