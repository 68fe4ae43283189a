/* Tables of requests: made by us, looked at as all tables are. */
#include "request.h"

#define SHEET_BYTES_MAX ((size_t)64 << 20)
#define NARROW 100

/* Two arenas take turns: the rows on the screen stay until the new ones are there. */
bool
request_sheet_begin(struct request_sheet *sheet, const struct table_def *def, size_t rows)
{
    if (sheet->arenas[0].bytes_max == 0) {
        arena_init(&sheet->arenas[0], SHEET_BYTES_MAX);
        arena_init(&sheet->arenas[1], SHEET_BYTES_MAX);
    }
    sheet->arena = 1 - sheet->arena;
    struct arena *arena = &sheet->arenas[sheet->arena];
    arena_clear(arena);
    sheet->of = arena_array(arena, MAX(rows, (size_t)1), sizeof(*sheet->of));
    sheet->table = sheet->of != NULL ? table_new(arena, def, MAX(rows, (size_t)1)) : NULL;
    sheet->view.settings++;
    return sheet->table != NULL;
}

union cell *
request_sheet_add(struct request_sheet *sheet, const void *of)
{
    union cell *row = table_add(sheet->table, &sheet->arenas[sheet->arena]);
    if (row != NULL) {
        sheet->of[sheet->table->count - 1] = of;
        sheet->table->total = sheet->table->count;
    }
    return row;
}

void
request_sheet_done(struct request_sheet *sheet)
{
    table_view_done(&sheet->view);
    arena_done(&sheet->arenas[0]);
    arena_done(&sheet->arenas[1]);
}

const void *
request_sheet_selected(const struct request_sheet *sheet)
{
    const struct table_view *view = &sheet->view;
    return sheet->table != NULL && view->table == sheet->table && view->at < view->count
               ? sheet->of[view->rows[view->at].row]
               : NULL;
}

void
request_sheet_draw(struct request_sheet *sheet, const struct panel_context *context,
                   struct canvas *canvas, struct rect area, bool focused)
{
    if (sheet->table == NULL) {
        canvas_text(canvas, area.x + 1, area.y, area.width - 2, STR("adding up requests …"),
                    (struct style){.fg = ROLE_DIM});
        return;
    }
    sheet->view.narrow = area.width < NARROW;
    sheet->view.order = sheet->view.narrow ? sheet->narrow_order : sheet->order;
    table_view_update(&sheet->view, sheet->table, context->picture);
    table_view_draw(&sheet->view, context, canvas, area, focused);
}
