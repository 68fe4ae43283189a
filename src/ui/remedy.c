/* Views without data. */
#include "remedy.h"

#include <stdio.h>
#include <string.h>

#include "app_state.h"
#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/query.h"
#include "flametop/core/table.h"
#include "widgets/wrap.h"

#define TEXT_BYTES 512

/* What this machine has of Erlang VMs, below the remedy of their view. */
static void
draw_vms(const struct app *app, struct canvas *canvas, struct rect area)
{
    struct buf lines;
    buf_init(&lines, 65536);
    app->options.vms(app->options.vms_context, &lines);
    struct str rest = {lines.data, lines.n}, line;
    if (lines.n > 0 && area.height > 1) {
        canvas_text(canvas, area.x, area.y, area.width, STR("Erlang VMs of this machine:"),
                    (struct style){.fg = ROLE_TITLE});
    }
    for (int y = 1; y < area.height && str_line(&rest, &line);) {
        y += wrap_draw(canvas, (struct rect){area.x, area.y + y, area.width, area.height - y}, line,
                       (struct style){.fg = ROLE_TEXT});
    }
    buf_done(&lines);
}

static const char *
text_at(const struct table *table, size_t row, const char *column)
{
    int at = table_column(table->def, column);
    const char *text = at >= 0 ? table_row(table, row)[at].text : NULL;
    return text != NULL ? text : "";
}

static bool
is_at_port(const char *address, const char *port)
{
    size_t n = strlen(address), m = strlen(port);
    return n > m && strcmp(address + n - m, port) == 0;
}

/* The address for OTEL_EXPORTER_OTLP_ENDPOINT: any takes any protocol, 4318 is what most expect. */
static const char *
endpoint_of(const struct table *table)
{
    const char *found = "";
    for (size_t i = 0; i < table->count; i++) {
        const char *address = text_at(table, i, "receiver.address");
        bool stream = strncmp(address, "udp:", 4) != 0 && !is_at_port(address, ":8125");
        bool better = is_at_port(address, ":4318") && !is_at_port(found, ":4318");
        bool listening = strcmp(text_at(table, i, "receiver.state"), "listening") == 0;
        if (stream && listening && (found[0] == '\0' || better)) {
            found = address;
        }
    }
    return found;
}

/* Where it is listened, who knocked in vain, and what to set. False when nobody listens. */
static bool
draw_receivers(const struct picture *picture, struct canvas *canvas, struct rect area)
{
    const struct table *table = picture_table(picture, "receivers");
    char text[TEXT_BYTES], clean[TEXT_BYTES];
    if (table == NULL || table->count == 0) {
        return false;
    }
    const char *endpoint = endpoint_of(table);
    snprintf(
        text, sizeof(text),
        endpoint[0] != '\0'
            ? "Listening, and nothing came yet. Start your service with "
              "OTEL_EXPORTER_OTLP_ENDPOINT=http://%s, or by flametop exec -- COMMAND."
            : "No port listens for requests%s: flametop exec -- COMMAND takes one that is free.",
        endpoint);
    utf8_clean(str_from(text), clean, sizeof(clean));
    area.y += wrap_draw(canvas, area, str_from(clean), (struct style){.fg = ROLE_TEXT}) + 1;
    for (size_t i = 0; i < table->count; i++) {
        const char *note = text_at(table, i, "receiver.note");
        struct style style = {.fg = note[0] != '\0' ? ROLE_LEVEL_WARNING : ROLE_DIM};
        snprintf(text, sizeof(text), "%-22s %-24s %s", text_at(table, i, "receiver.address"),
                 text_at(table, i, "receiver.takes"), text_at(table, i, "receiver.state"));
        utf8_clean(str_from(text), clean, sizeof(clean));
        canvas_text(canvas, area.x, area.y++, area.width, str_from(clean), style);
        if (note[0] != '\0') {
            utf8_clean(str_from(note), clean, sizeof(clean));
            area.y += wrap_draw(
                canvas, (struct rect){area.x + 2, area.y, MAX(area.width - 2, 1), area.height},
                str_from(clean), style);
        }
    }
    return true;
}

/* The other end holds requests, and none of them is here yet. */
static bool
draw_coming(const struct app *app, const struct picture *picture, struct canvas *canvas,
            struct rect area)
{
    const struct link_status *link = app_link(app);
    double held = query_once(picture, "flametop.trace.count", NULL);
    if (link == NULL || !attached_is_live(link) || !(held >= 1)) {
        return false;
    }
    canvas_printf(canvas, area.x, area.y, area.width, (struct style){.fg = ROLE_TEXT},
                  "requests are coming: 0 of %.0f", held);
    return true;
}

/* A file that tells of no machine, or of no requests, has nothing on its way; NULL: what is shown
 * is no such file. */
static const char *
remedy_of_file(const struct app *app, const struct picture *picture)
{
    bool file = picture->past && picture->base == NULL;
    if (app->options.profile != NULL) {
        return "This is a profile: 6 shows it. flametop without a FILE watches this machine.";
    }
    if (file && picture->traces == NULL && app->view == VIEW_REQUESTS) {
        return "A snapshot holds no single requests: what was measured of them is in view 9. e "
               "writes one request to a file while they are here.";
    }
    if (!file || picture->traces == NULL) {
        return NULL;
    }
    return app->view == VIEW_FLAME
               ? "No flame graph is open. 5 shows the requests of this file, and F there draws "
                 "what "
                 "is selected."
               : "This is a file of requests: 5 shows them. flametop without a FILE watches this "
                 "machine.";
}

void
remedy_draw(const struct app *app, struct canvas *canvas, struct rect area)
{
    const struct view *view = view_find(app->view);
    const struct picture *picture = app_shown(app);
    const char *remedy = view_remedy(view, picture->base != NULL),
               *of_file = remedy_of_file(app, picture),
               *awaits = attached_awaits(app_link(app), picture);
    char lacks[2 * ATTACHED_BYTES], sampled[SAMPLING_TEXT_BYTES + sizeof(app->sampling.name)];
    if (picture->base == NULL && attached_lacks(app, view->number, lacks, sizeof(lacks))) {
        remedy = lacks;
    }
    if (view->number == VIEW_FLAME && sampling_remedy(app, sampled, sizeof(sampled))) {
        remedy = sampled;
    }
    remedy = of_file != NULL ? of_file : awaits != NULL ? awaits : remedy;
    struct style title = {.fg = ROLE_TITLE, .attributes = CELL_BOLD}, text = {.fg = ROLE_TEXT};
    int margin = area.width >= 60 ? 4 : 1, y = area.y + MIN(area.height / 3, 4);
    canvas_text(canvas, area.x + margin, y, area.width - margin, str_from(view->title), title);
    struct rect room = {area.x + margin, y + 2, area.width - 2 * margin, 4};
    if (view->number == VIEW_REQUESTS && draw_coming(app, picture, canvas, room)) {
        return;
    }
    bool here = view->number == VIEW_REQUESTS && of_file == NULL; /* a file listens nowhere */
    if (here && draw_receivers(picture, canvas, room)) {
        return;
    }
    if (view->number != VIEW_BEAM) { /* nothing follows there */
        room.height = MAX(area.y + area.height - room.y, 0);
    }
    wrap_draw(canvas, room, str_from(remedy), text);
    if (view->number == VIEW_BEAM && app->options.vms != NULL && app_link(app) == NULL) {
        draw_vms(app, canvas,
                 (struct rect){area.x + margin, y + 7, area.width - 2 * margin,
                               area.y + area.height - y - 7});
    }
}
