/* Views without data. */
#include "remedy.h"

#include "app_state.h"
#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "widgets/wrap.h"

#define BEAM_VIEW 4

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
    for (int y = 1; y < area.height && str_line(&rest, &line); y++) {
        canvas_text(canvas, area.x, area.y + y, area.width, line, (struct style){.fg = ROLE_TEXT});
    }
    buf_done(&lines);
}

void
remedy_draw(const struct app *app, struct canvas *canvas, struct rect area)
{
    const struct view *view = view_find(app->view);
    const struct picture *picture = app_shown(app);
    const char *remedy = view_remedy(view, picture->base != NULL);
    char lacks[2 * ATTACHED_BYTES];
    if (picture->base == NULL && attached_lacks(app, view->number, lacks, sizeof(lacks))) {
        remedy = lacks;
    }
    if (app->options.profile != NULL) {
        remedy = "This is a profile: 6 shows it. flametop without a FILE watches this machine.";
    }
    struct style title = {.fg = ROLE_TITLE, .attributes = CELL_BOLD}, text = {.fg = ROLE_TEXT};
    int margin = area.width >= 60 ? 4 : 1, y = area.y + MIN(area.height / 3, 4);
    canvas_text(canvas, area.x + margin, y, area.width - margin, str_from(view->title), title);
    struct str rest = str_from(remedy);
    wrap_draw(canvas, (struct rect){area.x + margin, y + 2, area.width - 2 * margin, 4}, rest,
              text);
    if (view->number == BEAM_VIEW && app->options.vms != NULL && app_link(app) == NULL) {
        draw_vms(app, canvas,
                 (struct rect){area.x + margin, y + 7, area.width - 2 * margin,
                               area.y + area.height - y - 7});
    }
}
