/* Overlays. The selection stays on its line number when the lines are made again. */
#include "overlay.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "widgets/wrap.h"

#define ARENA_BYTES_MAX ((size_t)1 << 20)
#define LEFT_MIN 26 /* cells that labels get before they are cut */

void
overlay_init(struct overlay *overlay)
{
    *overlay = (struct overlay){.fill = NULL};
    arena_init(&overlay->arena, ARENA_BYTES_MAX);
}

void
overlay_done(struct overlay *overlay)
{
    arena_wipe(&overlay->arena);
    arena_done(&overlay->arena);
}

bool
overlay_is_open(const struct overlay *overlay)
{
    return overlay->fill != NULL;
}

void
overlay_close(struct overlay *overlay)
{
    overlay->fill = NULL;
    overlay->count = 0;
    arena_wipe(&overlay->arena);
}

static bool
can_select(const struct overlay *overlay, size_t i)
{
    return i < overlay->count && !overlay->lines[i].heading;
}

/* To the nearest line that is no heading, looking in the direction of `step` first. */
static void
settle(struct overlay *overlay, int step)
{
    overlay->selected = overlay->count == 0 ? 0 : MIN(overlay->selected, overlay->count - 1);
    for (int turn = 0; turn < 2 && !can_select(overlay, overlay->selected); turn++, step = -step) {
        size_t i = overlay->selected;
        while (i < overlay->count && !can_select(overlay, i)) {
            i += (size_t)(step < 0 ? -1 : 1);
        }
        overlay->selected = i < overlay->count ? i : overlay->selected;
    }
}

void
overlay_refresh(struct overlay *overlay, struct app *app)
{
    arena_clear(&overlay->arena);
    overlay->count = 0;
    overlay->lines = arena_news(&overlay->arena, struct overlay_line, OVERLAY_LINES_MAX);
    if (overlay->lines != NULL) {
        overlay->fill(app, overlay);
    }
    settle(overlay, 1);
}

void
overlay_open(struct overlay *overlay, struct app *app, const char *title, overlay_fill *fill,
             bool lasting)
{
    overlay_close(overlay);
    strlcpy(overlay->title, title, sizeof(overlay->title));
    overlay->fill = fill;
    overlay->lasting = lasting;
    overlay->search[0] = '\0';
    overlay->selected = overlay->first = 0;
    overlay_refresh(overlay, app);
}

static bool
wanted(const struct overlay *overlay, const char *left, const char *text)
{
    const char *search = overlay->search;
    return search[0] == '\0' || strcasestr(left, search) != NULL ||
           strcasestr(text, search) != NULL;
}

void
overlay_add(struct overlay *overlay, uint8_t role, const char *left, const char *text,
            const char *command)
{
    if (overlay->count == OVERLAY_LINES_MAX || !wanted(overlay, left, text)) {
        return;
    }
    struct arena *arena = &overlay->arena;
    overlay->lines[overlay->count++] = (struct overlay_line){
        .left = arena_text(arena, left, strlen(left)),
        .text = arena_text(arena, text, strlen(text)),
        .command = command != NULL ? arena_text(arena, command, strlen(command)) : NULL,
        .role = role,
    };
}

void
overlay_heading(struct overlay *overlay, const char *text)
{
    if (overlay->search[0] == '\0' && overlay->count < OVERLAY_LINES_MAX) {
        overlay_add(overlay, ROLE_TITLE, "", text, NULL);
        overlay->lines[overlay->count - 1].heading = true;
    }
}

bool
overlay_command(struct overlay *overlay, const char *name)
{
    static const struct {
        const char *name;
        int lines, pages;
    } moves[] = {
        {"move.up", -1, 0},
        {"move.down", 1, 0},
        {"move.page.up", 0, -1},
        {"move.page.down", 0, 1},
        {"move.first", -OVERLAY_LINES_MAX, 0},
        {"move.last", OVERLAY_LINES_MAX, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        if (strcmp(moves[i].name, name) == 0) {
            int page = MAX((int)overlay->shown - 1, 1);
            int step = moves[i].lines + moves[i].pages * page;
            int last = MAX((int)overlay->count - 1, 0);
            overlay->selected = (size_t)CLAMP((int)overlay->selected + step, 0, last);
            settle(overlay, step);
            return true;
        }
    }
    return false;
}

const char *
overlay_selected(const struct overlay *overlay)
{
    return can_select(overlay, overlay->selected) ? overlay->lines[overlay->selected].command
                                                  : NULL;
}

static int
left_width(const struct overlay *overlay, int most)
{
    int width = 0;
    for (size_t i = 0; i < overlay->count; i++) {
        width = MAX(width, (int)utf8_text_width(str_from(overlay->lines[i].left)));
    }
    return width == 0 ? 0 : MIN(width + 2, most);
}

static int
text_width(const struct overlay *overlay)
{
    int width = (int)utf8_text_width(str_from(overlay->title)) + 4;
    for (size_t i = 0; i < overlay->count; i++) {
        width = MAX(width, (int)utf8_text_width(str_from(overlay->lines[i].text)));
    }
    return width;
}

/* ---- rows ---- */

/* A label that is wider than its column has rows of its own, before the text. */
static bool
label_stands_alone(const struct overlay *overlay, const struct overlay_line *line)
{
    return (int)utf8_text_width(str_from(line->left)) > overlay->left - 2 && line->left[0] != 0;
}

static int
indent_of(const struct overlay *overlay, const struct overlay_line *line)
{
    return line->heading ? 0 : overlay->left;
}

static int
line_rows(const struct overlay *overlay, size_t i)
{
    const struct overlay_line *line = &overlay->lines[i];
    int label =
        label_stands_alone(overlay, line) ? wrap_rows(str_from(line->left), overlay->width) : 0;
    int text = wrap_rows(str_from(line->text), overlay->width - indent_of(overlay, line));
    return MAX(label + text, 1);
}

static int
rows_between(const struct overlay *overlay, size_t from, size_t end)
{
    int rows = 0;
    for (size_t i = from; i < end; i++) {
        rows += line_rows(overlay, i);
    }
    return rows;
}

size_t
overlay_line_at(const struct overlay *overlay, int y)
{
    size_t i = overlay->first;
    for (int row = overlay->area.y + 1; i < overlay->count; i++) {
        row += line_rows(overlay, i);
        if (y < row) {
            break;
        }
    }
    return i;
}

/* The selected line is there whole, with its heading where that fits, and no row is left empty. */
static void
scroll(struct overlay *overlay)
{
    size_t end = MIN(overlay->selected + 1, overlay->count), most = overlay->count;
    overlay->first = MIN(overlay->first, overlay->selected);
    while (overlay->first < overlay->selected &&
           rows_between(overlay, overlay->first, end) > overlay->rows) {
        overlay->first++;
    }
    if (overlay->first == overlay->selected && overlay->first > 0 &&
        overlay->lines[overlay->first - 1].heading &&
        rows_between(overlay, overlay->first - 1, end) <= overlay->rows) {
        overlay->first--;
    }
    int rows = 0;
    while (most > 0 && (rows += line_rows(overlay, most - 1)) <= overlay->rows) {
        most--;
    }
    overlay->first = MIN(overlay->first, MIN(most, overlay->selected));
}

/* ---- drawing ---- */

static void
draw_line(const struct overlay *overlay, struct canvas *canvas, size_t i, struct rect area)
{
    const struct overlay_line *line = &overlay->lines[i];
    struct style style = {.fg = line->role, .attributes = line->heading ? CELL_BOLD : 0};
    struct style key = {.fg = ROLE_KEY};
    struct rect text = area;
    if (label_stands_alone(overlay, line)) {
        int rows = wrap_draw(canvas, area, str_from(line->left), key);
        text.y += rows;
        text.height -= rows;
    } else {
        canvas_text(canvas, area.x, area.y, overlay->left, str_from(line->left), key);
    }
    text.x += indent_of(overlay, line);
    text.width -= indent_of(overlay, line);
    wrap_draw(canvas, text, str_from(line->text), style);
    if (i == overlay->selected && !line->heading) {
        canvas_restyle(canvas, area, (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
        canvas->cursor_x = area.x;
        canvas->cursor_y = area.y;
    }
}

/* Lines from the first on, the last of them perhaps in part. */
static void
draw_lines(struct overlay *overlay, struct canvas *canvas)
{
    struct rect area = {overlay->area.x + 2, overlay->area.y + 1, overlay->width, 0};
    int left = overlay->rows;
    overlay->shown = 0;
    for (size_t i = overlay->first; i < overlay->count && left > 0; i++) {
        int rows = line_rows(overlay, i);
        area.height = MIN(rows, left);
        draw_line(overlay, canvas, i, area);
        overlay->shown += rows <= left;
        area.y += rows;
        left -= rows;
    }
}

void
overlay_draw(struct overlay *overlay, struct canvas *canvas, struct rect area)
{
    overlay->left = left_width(overlay, MAX(area.width * 2 / 7, MIN(LEFT_MIN, area.width / 2)));
    int width = MIN(MAX(overlay->left + text_width(overlay) + 4, 24), area.width);
    overlay->width = width - 4;
    int height = MIN(MAX(rows_between(overlay, 0, overlay->count), 1) + 2, area.height);
    struct rect box = {area.x + (area.width - width) / 2, area.y + (area.height - height) / 2,
                       width, height};
    overlay->area = box;
    overlay->rows = height - 2;
    scroll(overlay);
    struct style border = {.fg = ROLE_BORDER_FOCUS},
                 title = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    canvas_fill(canvas, box, ' ', (struct style){.fg = ROLE_TEXT});
    canvas_box(canvas, box, border);
    canvas_printf(canvas, box.x + 2, box.y, width - 4, title, " %s%s%s ", overlay->title,
                  overlay->search[0] != '\0' ? " / " : "", overlay->search);
    if (overlay->count == 0) {
        canvas_text(canvas, box.x + 2, box.y + 1, width - 4, STR("Nothing matches; Esc shows all."),
                    (struct style){.fg = ROLE_DIM});
    }
    draw_lines(overlay, canvas);
    if (overlay->shown < overlay->count) {
        canvas_printf(canvas, box.x + MAX(width - 22, 2), box.y + height - 1, 20, border,
                      " %zu of %zu ", overlay->selected + 1, overlay->count);
    }
}
