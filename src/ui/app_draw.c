/* Drawing the application: header, tabs, sentence, panels and footer, as far as there is room. */
#include "app_state.h"

#include <string.h>

#include "panels/panels.h"
#include "remedy.h"

static void
draw_panels(struct app *app, struct canvas *canvas, struct rect area)
{
    struct panel_context context = app_context(app);
    struct opened *opened = app_opened(app);
    opened->any = view_arrange(opened->boxes, opened->count, &context, area);
    if (!opened->any) {
        remedy_draw(app, canvas, area);
        return;
    }
    struct box *focus = app_focus(app);
    for (size_t i = 0; i < opened->count; i++) {
        struct box *box = &opened->boxes[i];
        if (box->area.width > 0) {
            struct rect clip = canvas_clip(canvas, box->area);
            app->calling = box;
            box->panel->draw(box->state, &context, canvas, box->area, box == focus);
            app->calling = NULL;
            canvas_unclip(canvas, clip);
        }
    }
}

/* What is not drawn takes no keys and no clicks. */
static void
hide_panels(struct app *app)
{
    struct opened *opened = app_opened(app);
    for (size_t i = 0; i < opened->count; i++) {
        opened->boxes[i].area = (struct rect){0, 0, 0, 0};
    }
}

/* The filter given at the start goes to the process table once it is there. */
static void
apply_filter(struct app *app)
{
    struct seat *seat = app->seat;
    if (app->filter[0] == '\0' || seat_is_fleet(app) || seat->filtered) {
        return;
    }
    const char *filter = app->filter;
    struct opened *opened = app_opened_of(app, view_find(3));
    seat->filtered = true;
    if (opened->count > 0) {
        app_call(app, &opened->boxes[0], "filter.set", filter);
        for (size_t form = 0; form < 2; form++) {
            app->compact = form == 1;
            struct opened *overview = app_opened_of(app, view_find(1));
            for (size_t i = 0; i < overview->count; i++) {
                if (overview->boxes[i].panel == opened->boxes[0].panel) {
                    app_call(app, &overview->boxes[i], "filter.set", filter);
                }
            }
        }
    }
}

/* A link that is not up comes before everything that was seen through it. */
static void
draw_sentence(const struct app *app, struct canvas *canvas, struct rect area)
{
    const struct link_status *link = app_link(app);
    if (app->options.profile_text != NULL) {
        canvas_text(canvas, area.x + 1, area.y, area.width - 2, str_from(app->options.profile_text),
                    (struct style){.fg = ROLE_TEXT});
    } else if (!attached_is_live(link) || app_shown(app) == NULL) {
        attached_draw(app, canvas, area);
    } else {
        diagnosis_draw(app_shown(app), canvas, area, "!");
    }
}

void
app_draw(struct app *app, struct canvas *canvas)
{
    int width = canvas->width, height = canvas->height;
    fleet_refresh(app);
    const struct picture *picture = app_shown(app);
    canvas_clear(canvas);
    app->glyphs = canvas->glyphs;
    app->width = width;
    app->height = height;
    bool waits = attached_waits(app);
    if (picture == NULL && !waits) {
        canvas_text(canvas, 0, 0, width, STR(" flametop  looking at the machine …"),
                    (struct style){.fg = ROLE_TITLE});
        return;
    }
    if (!waits) {
        apply_filter(app);
    }
    app->compact = width < 100 || height < 30;
    if (width < APP_WIDTH_MIN || height < APP_HEIGHT_MIN) {
        hide_panels(app);
        app->sentence_y = -1;
        memset(app->tab_width, 0, sizeof(app->tab_width));
        draw_sentence(app, canvas, (struct rect){0, 0, width, height});
        return;
    }
    /* What stands around the panels gives way to them: first tabs and keys, then the header. */
    bool tabs = height >= APP_TABS_HEIGHT, header = height >= APP_HEADER_HEIGHT;
    int sentence = width < APP_WIDTH_FULL && height >= APP_TABS_HEIGHT ? 2 : 1;
    int top = header + tabs + sentence;
    struct rect body = {0, top, width, height - top - tabs};
    if (waits) {
        hide_panels(app);
        attached_page(app, canvas, body);
    } else {
        draw_panels(app, canvas, body);
        if (!attached_is_live(app_link(app))) {
            canvas_dim(canvas, body);
        }
    }
    if (header) {
        chrome_header(app, canvas, 0);
    }
    memset(app->tab_width, 0, sizeof(app->tab_width));
    if (tabs) {
        chrome_tabs(app, canvas, 1);
    }
    app->sentence_y = header + tabs;
    if (!waits) { /* the page says it */
        draw_sentence(app, canvas, (struct rect){0, app->sentence_y, width, sentence});
    }
    if (overlay_is_open(&app->overlay)) {
        overlay_draw(&app->overlay, canvas, body);
    }
    if (tabs || app->prompt_open || app->question.open || app->said[0] != '\0') {
        chrome_footer(app, canvas, height - 1);
    }
}
