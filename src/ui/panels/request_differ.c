/* What is different about the requests of a rectangle: their attributes ranked by how much more, or
 * less, often they occur than among the rest. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"

#define BAR_WIDTH 16
#define SHARE_WIDTH 8
#define DIFFERENCE_ROWS 6 /* that the flame graph above leaves */
#define WHOLE_ROWS 2      /* that it takes beyond its half, where it is whole with them */

static const struct style style_dim = {.fg = ROLE_DIM};

/* All that is looked at but for the rectangle. */
static void
begin(struct requests *requests, const struct panel_context *context)
{
    struct trace_scope scope = request_scope(requests, context);
    trace_differ_free(requests->differ_making);
    requests->differ_making = NULL;
    trace_set_begin(&requests->differ_rest, requests->shown.traces, &scope);
    requests->differ_serial = requests->serial;
}

bool
request_differ_work(struct requests *requests, const struct panel_context *context,
                    int64_t until_ns)
{
    if (!requests->rectangle.on || requests->shown.traces == NULL || requests->is_making) {
        return requests->is_making;
    }
    if (requests->differ_serial != requests->serial) {
        begin(requests, context);
    } else if (requests->differ_making == NULL && requests->differ_rest.done) {
        return false;
    }
    if (!trace_set_step(&requests->differ_rest, until_ns)) {
        return true;
    }
    if (requests->differ_making == NULL) {
        requests->differ_making = trace_differ_new(&requests->shown, &requests->differ_rest);
    }
    if (requests->differ_making == NULL || !trace_differ_step(requests->differ_making, until_ns)) {
        return requests->differ_making != NULL;
    }
    trace_differ_free(requests->differ);
    requests->differ = requests->differ_making;
    requests->differ_making = NULL;
    return false;
}

static void
draw_share(struct canvas *canvas, int x, int y, double share)
{
    char text[REQUEST_TEXT];
    snprintf(text, sizeof(text), "%.0f %%", share * 100);
    canvas_text_right(canvas, x, y, SHARE_WIDTH, str_from(isnan(share) ? "–" : text),
                      (struct style){.fg = ROLE_TEXT});
}

/* A bar whose full part is the share among the selected and whose mark is that among the rest. */
static void
draw_bars(struct canvas *canvas, int x, int y, const struct trace_difference *difference)
{
    int selected = (int)lround(difference->share[0] * BAR_WIDTH);
    int rest = CLAMP((int)lround(difference->share[1] * BAR_WIDTH), 0, BAR_WIDTH - 1);
    bool ascii = canvas->glyphs == GLYPHS_ASCII, more = difference->share[0] > difference->share[1];
    for (int i = 0; i < BAR_WIDTH; i++) {
        struct style style = {.fg = i < selected ? (more ? ROLE_LEVEL_WARNING : ROLE_CHART_1)
                                                 : ROLE_DIM};
        canvas_put(canvas, x + i, y, i < selected ? (ascii ? '#' : 0x2588) : (ascii ? '.' : 0x2591),
                   style);
    }
    canvas_put(canvas, x + rest, y, '|', (struct style){.fg = ROLE_TITLE, .attributes = CELL_BOLD});
}

static void
draw_row(const struct trace_difference *difference, struct canvas *canvas, struct rect row,
         int name)
{
    bool numbers = difference->value == NULL, ascii = canvas->glyphs == GLYPHS_ASCII;
    bool more = numbers ? difference->median[0] >= difference->median[1]
                        : difference->share[0] >= difference->share[1];
    char text[2 * REQUEST_NAME];
    canvas_put(
        canvas, row.x, row.y, more ? '+' : '-',
        (struct style){.fg = more ? ROLE_LEVEL_WARNING : ROLE_CHART_1, .attributes = CELL_BOLD});
    if (numbers) {
        snprintf(text, sizeof(text), "%s is %s: median %.4g, else %.4g", difference->key,
                 more ? "larger" : "smaller", difference->median[0], difference->median[1]);
    } else {
        snprintf(text, sizeof(text), "%s = %s", difference->key, difference->value);
    }
    canvas_text(canvas, row.x + 2, row.y, name, str_from(text), (struct style){.fg = ROLE_TEXT});
    (void)ascii;
    int x = row.x + 2 + name + 1;
    if (x + 2 * (SHARE_WIDTH + 1) > row.x + row.width) {
        return;
    }
    draw_share(canvas, x, row.y, difference->share[0]);
    draw_share(canvas, x + SHARE_WIDTH + 1, row.y, difference->share[1]);
    if (x + 2 * (SHARE_WIDTH + 1) + BAR_WIDTH <= row.x + row.width && !numbers) {
        draw_bars(canvas, x + 2 * (SHARE_WIDTH + 1), row.y, difference);
    }
}

static void
draw_head(struct canvas *canvas, struct rect row, int name)
{
    struct style head = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    int x = row.x + 2 + name + 1;
    canvas_text(canvas, row.x + 2, row.y, name, STR("WHAT IS DIFFERENT"), head);
    if (x + 2 * (SHARE_WIDTH + 1) <= row.x + row.width) {
        canvas_text_right(canvas, x, row.y, SHARE_WIDTH, STR("SELECTED"), head);
        canvas_text_right(canvas, x + SHARE_WIDTH + 1, row.y, SHARE_WIDTH, STR("REST"), head);
    }
}

/* Half for the flame graph. */
static int
icicle_rows(struct requests *requests, struct rect area)
{
    int most = MAX(MIN(area.height / 2, area.height - DIFFERENCE_ROWS), 0);
    int beyond = MIN(most + WHOLE_ROWS, area.height - DIFFERENCE_ROWS + 1) + 1;
    int rows = request_icicle_rows(&requests->icicle, area.width, MAX(beyond, 0));
    return rows < beyond ? rows : most;
}

void
request_differ_draw(struct requests *requests, const struct panel_context *context,
                    struct canvas *canvas, struct rect area)
{
    const struct trace_differ *differ = requests->differ;
    (void)context;
    int rows = icicle_rows(requests, area);
    request_icicle_draw(&requests->icicle, canvas, (struct rect){area.x, area.y, area.width, rows});
    area.y += rows;
    area.height -= rows;
    struct rect row = {area.x + 1, area.y, area.width - 2, 1};
    int fixed = 2 * (SHARE_WIDTH + 1) + (area.width >= 90 ? BAR_WIDTH + 1 : 0);
    int name = MIN(MAX(row.width - 3 - fixed, 10), 90);
    if (differ == NULL) {
        canvas_text(canvas, row.x, row.y, row.width, STR("comparing with the rest …"), style_dim);
        return;
    }
    draw_head(canvas, row, name);
    if (differ->count == 0) {
        row.y++;
        canvas_printf(canvas, row.x + 2, row.y, row.width - 2, style_dim,
                      differ->rest == 0 ? "These are all requests there are: nothing is left to "
                                          "compare them with."
                                        : "No attribute tells them from the rest.");
    }
    for (size_t i = 0; i < differ->count && (int)i + 2 < area.height; i++) {
        row.y++;
        draw_row(&differ->list[i], canvas, row, name);
    }
    if (row.y + 1 < area.y + area.height) {
        canvas_printf(canvas, row.x + 2, row.y + 1, row.width - 2, style_dim,
                      "%llu %s selected, %llu others%s%s", (unsigned long long)differ->selected,
                      request_word(differ->selected), (unsigned long long)differ->rest,
                      differ->ids > 0 ? "; ids are left out" : "",
                      area.width >= 90 ? "; the | in a bar is the share of the others" : "");
    }
}
