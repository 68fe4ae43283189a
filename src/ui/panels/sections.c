/* Sections of tables.
 *
 * Everything a page shows is in `spots`, so that cursor and mouse need to know nothing of the
 * layout. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../widgets/card.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "section.h"

#define COLUMN_WIDTH_MIN 56
#define COLUMNS_MAX 4
#define SPOTS_MAX 512
#define SPARK_WIDTH_MIN 12
#define SPARK_WIDTH_MAX 96
#define REACHES_WIDTH 9
#define FILLER_ROWS_MIN 4

/* One row on the screen. */
struct spot {
    struct rect area;
    size_t section;
    const char *metric, *labels;
};

struct placement {
    size_t section;
    int page;
    struct rect area;
};

struct sections {
    struct catalog *catalog;
    struct section *list;
    size_t count;
    struct placement *placements; /* [count] */
    size_t placed;
    int page, pages;
    struct spot spots[SPOTS_MAX];
    int spot_count, selected;
};

static const struct style style_head = {ROLE_DIM, 0, 0};
static const struct style style_text = {ROLE_TEXT, 0, 0};

struct sections *
sections_new(struct catalog *catalog, const struct section_def *defs, size_t count)
{
    struct sections *sections = calloc(1, sizeof(*sections));
    struct section *list = calloc(count, sizeof(*list));
    struct placement *placements = calloc(count, sizeof(*placements));
    if (sections == NULL || list == NULL || placements == NULL) {
        free(sections);
        free(list);
        free(placements);
        return NULL;
    }
    sections->catalog = catalog;
    sections->list = list;
    sections->placements = placements;
    sections->count = count;
    for (size_t i = 0; i < count; i++) {
        list[i].def = &defs[i];
    }
    return sections;
}

void
sections_free(struct sections *sections)
{
    if (sections == NULL) {
        return;
    }
    for (size_t i = 0; i < sections->count; i++) {
        section_close(&sections->list[i]);
    }
    free(sections->list);
    free(sections->placements);
    free(sections);
}

bool
sections_have_data(struct sections *sections, const struct panel_context *context)
{
    for (size_t i = 0; i < sections->count; i++) {
        if (!sections->list[i].def->filler &&
            section_refresh(&sections->list[i], sections->catalog, context) > 0) {
            return true;
        }
    }
    return false;
}

/* ---- one section ---- */

/* Where things are in a section of some width. */
struct grid {
    int label, spark;                  /* cells */
    bool columns[SECTION_COLUMNS_MAX]; /* shown */
    int used;                          /* cells of all columns */
    bool reaches;
};

static struct grid
grid_of(const struct section *section, int width)
{
    const struct section_def *def = section->def;
    struct grid grid = {
        .label = (int)utf8_text_width(str_from(def->label_title != NULL ? def->label_title : ""))};
    for (size_t i = 0; i < section->count; i++) {
        const struct row *row = &section->rows[i];
        grid.label =
            row->hidden ? grid.label : MAX(grid.label, (int)utf8_text_width(str_from(row->title)));
    }
    grid.label = MIN(grid.label, MAX(width / 3, 4));
    int room = width - grid.label - 2 - SPARK_WIDTH_MIN;
    if (def->rows != NULL) {
        grid.used = 12;
    }
    for (int i = 0; i < SECTION_COLUMNS_MAX && def->columns[i].metric != NULL; i++) {
        if (!section->known[i]) {
            continue;
        }
        if (grid.used + def->columns[i].width + 1 > room) {
            break;
        }
        grid.used += def->columns[i].width + 1;
        grid.columns[i] = true;
    }
    grid.reaches = def->reaches != NULL && grid.used + REACHES_WIDTH + 1 <= room;
    grid.used += grid.reaches ? REACHES_WIDTH + 1 : 0;
    grid.spark = MIN(MAX(width - grid.label - 2 - grid.used, 0), SPARK_WIDTH_MAX);
    return grid;
}

static void
draw_head(struct canvas *canvas, const struct section_def *def, const struct grid *grid, int x,
          int y, int width)
{
    canvas_text(canvas, x, y, grid->label,
                str_from(def->label_title != NULL ? def->label_title : ""), style_head);
    int at = x + width - grid->used;
    for (int i = 0; i < SECTION_COLUMNS_MAX; i++) {
        if (!grid->columns[i]) {
            continue;
        }
        const struct section_column *column = &def->columns[i];
        canvas_text_right(canvas, at + 1, y, column->width, str_from(column->title), style_head);
        at += column->width + 1;
    }
    if (grid->reaches) {
        canvas_text_right(canvas, at + 1, y, REACHES_WIDTH, str_from(def->reaches), style_head);
    }
}

static struct style
value_style(enum level level)
{
    return (struct style){level >= LEVEL_WARNING ? level_role(level) : ROLE_TEXT, 0,
                          level >= LEVEL_CRITICAL ? CELL_BOLD : 0};
}

static void
draw_row(struct canvas *canvas, const struct section_def *def, const struct grid *grid,
         const struct row *row, int x, int y, int width)
{
    enum reading_scale scale = row->fixed != NULL ? row->fixed->scale : def->scale;
    canvas_text(canvas, x, y, grid->label, str_from(row->title), style_text);
    struct rect spark = {x + grid->label + 1, y, grid->spark, 1};
    struct spark line = reading_spark(&row->reading, scale, ROLE_CHART_1);
    spark_draw(canvas, spark, &line);
    int at = x + width - grid->used;
    if (row->fixed != NULL) {
        canvas_text_right(canvas, at + 1, y, grid->used - 1, str_from(row->value),
                          value_style(reading_level(&row->reading)));
    }
    for (int i = 0; i < SECTION_COLUMNS_MAX; i++) {
        if (!grid->columns[i]) {
            continue;
        }
        const struct cell_text *cell = &row->cells[i];
        canvas_text_right(canvas, at + 1, y, def->columns[i].width, str_from(cell->text),
                          value_style(cell->level));
        at += def->columns[i].width + 1;
    }
    if (grid->reaches) {
        canvas_text_right(canvas, at + 1, y, REACHES_WIDTH, str_from(row->reaches), style_text);
    }
}

static void
add_spot(struct sections *sections, struct rect area, size_t section, const char *metric,
         const char *labels)
{
    if (sections->spot_count < SPOTS_MAX) {
        sections->spots[sections->spot_count++] = (struct spot){area, section, metric, labels};
    }
}

static void
draw_rows(struct sections *sections, struct section *section, const struct panel_context *context,
          struct canvas *canvas, struct rect area)
{
    const struct section_def *def = section->def;
    int x = area.x + 2, width = area.width - 4, y = area.y + 1, bottom = area.y + area.height - 1;
    section_probe(section, context->picture);
    struct grid grid = grid_of(section, width);
    if (def->rows == NULL) {
        draw_head(canvas, def, &grid, x, y++, width);
    }
    for (size_t i = 0; i < section->count && y < bottom; i++) {
        struct row *row = &section->rows[i];
        if (row->hidden || (row->fixed != NULL && !row->presence.is)) {
            continue;
        }
        section_row_update(section, row, context, grid.spark);
        draw_row(canvas, def, &grid, row, x, y, width);
        const char *metric = row->fixed != NULL ? row->fixed->metric : def->metric;
        add_spot(sections, (struct rect){area.x + 1, y, area.width - 2, 1},
                 (size_t)(section - sections->list), metric, row->labels);
        y++;
    }
}

/* ---- the page ---- */

/* Flows the sections with data into columns and pages. */
static void
place(struct sections *sections, const struct panel_context *context, struct rect area, bool paged)
{
    int columns = CLAMP(area.width / COLUMN_WIDTH_MIN, 1, COLUMNS_MAX), heights[COLUMNS_MAX] = {0};
    int page = 0;
    sections->placed = 0;
    for (size_t i = 0; i < sections->count; i++) {
        struct section *section = &sections->list[i];
        int rows = (int)section_refresh(section, sections->catalog, context);
        int edges = section->def->rows != NULL ? HEIGHT_EDGES - 1 : HEIGHT_EDGES;
        int wanted = MIN(rows + edges, area.height);
        int best = 0;
        for (int c = 1; c < columns; c++) {
            best = heights[c] < heights[best] ? c : best;
        }
        int left = area.height - heights[best];
        if (rows == 0 || (!paged && left < edges + 1) ||
            (section->def->filler && left < edges + FILLER_ROWS_MIN)) {
            continue;
        }
        if (paged && wanted > left && left < area.height && left < edges + 4) {
            memset(heights, 0, sizeof(heights));
            best = 0;
            left = area.height;
            page++;
        }
        int x = area.width * best / columns, end = area.width * (best + 1) / columns;
        int height = MIN(wanted, left);
        sections->placements[sections->placed++] =
            (struct placement){i, page, {area.x + x, area.y + heights[best], end - x, height}};
        heights[best] += height;
    }
    sections->pages = page + 1;
    sections->page = CLAMP(sections->page, 0, page);
}

static void
draw_section(struct sections *sections, const struct placement *placement,
             const struct panel_context *context, struct canvas *canvas)
{
    struct section *section = &sections->list[placement->section];
    struct rect clip = canvas_clip(canvas, placement->area);
    char count[READING_TEXT] = "";
    int rows = (int)section_refresh(section, sections->catalog, context);
    int room =
        placement->area.height - (section->def->rows != NULL ? HEIGHT_EDGES - 1 : HEIGHT_EDGES);
    if (rows > room) {
        snprintf(count, sizeof(count), "%d of %d", MAX(room, 0), rows);
    }
    frame_draw(canvas, placement->area, section->def->title, count, false);
    if (section->def->table != NULL) {
        section_draw_table(section, context, canvas, placement->area);
    } else {
        draw_rows(sections, section, context, canvas, placement->area);
    }
    canvas_unclip(canvas, clip);
}

/* The selected row, and the edge of the section it is in. */
static void
draw_cursor(const struct sections *sections, struct canvas *canvas)
{
    const struct spot *spot = &sections->spots[sections->selected];
    for (size_t i = 0; i < sections->placed; i++) {
        const struct rect *area = &sections->placements[i].area;
        if (sections->placements[i].section == spot->section && area->height > 1) {
            struct style edge = {ROLE_BORDER_FOCUS, 0, 0};
            struct rect sides[] = {
                {area->x, area->y, 1, area->height},
                {area->x + area->width - 1, area->y, 1, area->height},
                {area->x, area->y + area->height - 1, area->width, 1},
            };
            for (size_t side = 0; side < ARRAY_SIZE(sides); side++) {
                canvas_restyle(canvas, sides[side], edge);
            }
        }
    }
    canvas_restyle(canvas, spot->area, (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, 0});
    canvas->cursor_x = spot->area.x;
    canvas->cursor_y = spot->area.y;
}

void
sections_draw(struct sections *sections, const struct panel_context *context, struct canvas *canvas,
              struct rect area, bool focused, bool paged)
{
    place(sections, context, area, paged);
    sections->spot_count = 0;
    const struct placement *last = NULL;
    for (size_t i = 0; i < sections->placed; i++) {
        const struct placement *placement = &sections->placements[i];
        if (placement->page == sections->page) {
            draw_section(sections, placement, context, canvas);
            last = placement;
        }
    }
    if (last != NULL && sections->pages > 1) {
        char note[READING_TEXT];
        snprintf(note, sizeof(note), "page %d of %d  , .", sections->page + 1, sections->pages);
        frame_note(canvas, last->area, note, true, style_head);
    }
    sections->selected = CLAMP(sections->selected, 0, MAX(sections->spot_count - 1, 0));
    if (focused && sections->spot_count > 0) {
        draw_cursor(sections, canvas);
    }
}

/* The nearest spot in a column beside the present one. */
static int
spot_beside(const struct sections *sections, int direction)
{
    const struct rect *from = &sections->spots[sections->selected].area;
    int best = sections->selected, best_distance = INT32_MAX;
    for (int i = 0; i < sections->spot_count; i++) {
        const struct rect *to = &sections->spots[i].area;
        int dx = (to->x - from->x) * direction;
        int distance = dx * 4 + abs(to->y - from->y);
        if (dx > 0 && distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}

static bool
move(struct sections *sections, const char *name)
{
    int last = MAX(sections->spot_count - 1, 0), selected = sections->selected;
    if (strcmp(name, "move.up") == 0) {
        selected--;
    } else if (strcmp(name, "move.down") == 0) {
        selected++;
    } else if (strcmp(name, "move.page.up") == 0) {
        selected -= 10;
    } else if (strcmp(name, "move.page.down") == 0) {
        selected += 10;
    } else if (strcmp(name, "move.first") == 0) {
        selected = 0;
    } else if (strcmp(name, "move.last") == 0) {
        selected = last;
    } else if (strcmp(name, "move.left") == 0 && last > 0) {
        selected = spot_beside(sections, -1);
    } else if (strcmp(name, "move.right") == 0 && last > 0) {
        selected = spot_beside(sections, 1);
    } else {
        return false;
    }
    sections->selected = CLAMP(selected, 0, last);
    return true;
}

enum reaction
sections_command(struct sections *sections, const struct panel_context *context, const char *name)
{
    if (strcmp(name, "page.next") == 0 || strcmp(name, "page.previous") == 0) {
        int step = strcmp(name, "page.next") == 0 ? 1 : sections->pages - 1;
        sections->page = (sections->page + step) % MAX(sections->pages, 1);
        sections->selected = 0;
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (strcmp(name, "open") == 0 && sections->spot_count > 0) {
        const struct spot *spot = &sections->spots[sections->selected];
        panel_open_chart(context, spot->metric, spot->labels);
        return REACTION_HANDLED;
    }
    return move(sections, name) ? REACTION_HANDLED : REACTION_NONE;
}

bool
sections_step(struct sections *sections, int step, bool enter)
{
    int count = sections->spot_count;
    if (count == 0) {
        return false;
    }
    sections->selected = enter ? (step > 0 ? 0 : count - 1) : sections->selected;
    int at = sections->selected;
    size_t from = sections->spots[at].section;
    while (!enter && at >= 0 && at < count && sections->spots[at].section == from) {
        at += step;
    }
    if (at < 0 || at >= count) {
        return false;
    }
    while (at > 0 && sections->spots[at - 1].section == sections->spots[at].section) {
        at--;
    }
    sections->selected = at;
    return true;
}

enum reaction
sections_mouse(struct sections *sections, const struct panel_context *context, int x, int y,
               int button)
{
    for (int i = 0; i < sections->spot_count; i++) {
        const struct rect *area = &sections->spots[i].area;
        if (y != area->y || x < area->x || x >= area->x + area->width) {
            continue;
        }
        if (button == TERM_CLICK) {
            sections->selected = i;
            return REACTION_HANDLED;
        }
        return button == TERM_DOUBLE_CLICK
                   ? (sections->selected = i, sections_command(sections, context, "open"))
                   : REACTION_NONE;
    }
    return REACTION_NONE;
}
