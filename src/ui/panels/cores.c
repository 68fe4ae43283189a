/* The heatmap of the cores, and the panel of the overview that has it on top of the tables that fit
 * below. */
#include "cores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../widgets/card.h"
#include "../widgets/heat.h"
#include "flametop/base/hash.h"
#include "flametop/ui/term.h"
#include "reading.h"
#include "system.h"

#define CORES_MAX 1024
#define VALUE_WIDTH 7

static const struct cores_def machine_cores = {
    .title = "Cores", .noun = "core", .metric = "system.cpu.utilization", .label = "cpu"};

struct core {
    char name[16], labels[32];
    struct reading reading;
};

/* What one row of the map stands for: cores first .. first + count - 1 in `order`. */
struct cores {
    const struct cores_def *def;
    struct catalog *catalog;
    struct core *list;
    struct strip *strips; /* [count] as last updated */
    size_t count;
    uint64_t signature;
    int width;  /* of the map, as last drawn */
    int group;  /* cores a row */
    int *order; /* [rows]: group numbers, worst first */
    int rows;
    bool by_heat;
    int64_t ordered_at; /* bucket */
    int row, column;    /* cursor; column counts back from the newest */
};

struct cores *
cores_new(struct catalog *catalog, const struct cores_def *def)
{
    struct cores *cores = calloc(1, sizeof(*cores));
    if (cores != NULL) {
        cores->def = def != NULL ? def : &machine_cores;
        cores->catalog = catalog;
        cores->group = 0;
    }
    return cores;
}

static void
clear(struct cores *cores)
{
    for (size_t i = 0; i < cores->count; i++) {
        reading_close(&cores->list[i].reading);
    }
    free(cores->list);
    free(cores->strips);
    free(cores->order);
    cores->list = NULL;
    cores->strips = NULL;
    cores->order = NULL;
    cores->count = 0;
    cores->rows = 0;
    cores->group = 0;
}

void
cores_free(struct cores *cores)
{
    if (cores != NULL) {
        clear(cores);
        free(cores);
    }
}

static bool
same_cores(const struct cores *cores, const char *const *names, size_t count)
{
    bool same = cores->count == count;
    for (size_t i = 0; same && i < count; i++) {
        same = strncmp(cores->list[i].name, names[i], sizeof(cores->list[i].name) - 1) == 0;
    }
    return same;
}

static void
open_all(struct cores *cores, const char *const *names, size_t count)
{
    cores->list = calloc(MAX(count, (size_t)1), sizeof(*cores->list));
    cores->strips = calloc(MAX(count, (size_t)1), sizeof(*cores->strips));
    cores->order = calloc(MAX(count, (size_t)1), sizeof(*cores->order));
    if (cores->list == NULL || cores->strips == NULL || cores->order == NULL) {
        clear(cores);
        return;
    }
    cores->count = count;
    for (size_t i = 0; i < count; i++) {
        struct core *core = &cores->list[i];
        strlcpy(core->name, names[i], sizeof(core->name));
        labels_add(core->labels, sizeof(core->labels), cores->def->label, str_from(names[i]));
        reading_open(&core->reading, cores->catalog, cores->def->metric, core->labels, NULL);
    }
}

/* Numbers by their value: sources tell them in any order. */
static int
compare_names(const void *a, const void *b)
{
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    size_t n = strlen(left), m = strlen(right);
    return n != m ? (n < m ? -1 : 1) : strcmp(left, right);
}

size_t
cores_refresh(struct cores *cores, const struct panel_context *context)
{
    uint64_t signature = picture_signature(context->picture);
    if (signature == cores->signature) {
        return cores->count;
    }
    cores->signature = signature;
    const char *names[CORES_MAX];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    size_t count = query_label_values(context->picture, cores->def->metric, cores->def->label,
                                      &arena, names, CORES_MAX);
    qsort(names, count, sizeof(*names), compare_names);
    if (!same_cores(cores, names, count)) {
        clear(cores);
        open_all(cores, names, count);
    }
    arena_done(&arena);
    return cores->count;
}

/* ---- groups ---- */

static size_t
group_size(const struct cores *cores, int group, size_t *ret_first)
{
    *ret_first = (size_t)group * (size_t)cores->group;
    return MIN((size_t)cores->group, cores->count - MIN(*ret_first, cores->count));
}

/* How busy a group was over the span: the mean of its busiest core. */
static double
group_heat(const struct cores *cores, int group)
{
    size_t first, n = group_size(cores, group, &first);
    double heat = -1;
    for (size_t i = 0; i < n; i++) {
        heat = fmax(heat, chart_mean(&cores->list[first + i].reading.chart));
    }
    return heat;
}

/* Worst first; renewed once a bucket, so that rows do not jump with each reading. */
static void
order_groups(struct cores *cores)
{
    int64_t bucket = cores->list[0].reading.chart.last_bucket;
    if (!cores->by_heat || cores->ordered_at == bucket) {
        return;
    }
    cores->ordered_at = bucket;
    for (int i = 0; i < cores->rows; i++) {
        double heat = group_heat(cores, i);
        int at = i;
        while (at > 0 && group_heat(cores, cores->order[at - 1]) < heat) {
            cores->order[at] = cores->order[at - 1];
            at--;
        }
        cores->order[at] = i;
    }
}

/* How many cores share a row: 1, 2 by half blocks, else the least power of two that fits. */
static void
choose_groups(struct cores *cores, int lines, bool halves)
{
    int count = (int)cores->count, group = 1;
    while ((count + group - 1) / group > MAX(lines, 1)) {
        group *= 2;
    }
    int rows = (count + group - 1) / group;
    if (group == cores->group && rows == cores->rows) {
        return;
    }
    cores->group = group;
    cores->rows = rows;
    cores->by_heat = group > 1 && !(halves && group == 2);
    cores->ordered_at = -1;
    for (int i = 0; i < rows; i++) {
        cores->order[i] = i;
    }
}

/* ---- drawing ---- */

static void
row_name(const struct cores *cores, int row, bool ascii, char *dst, size_t size)
{
    size_t first, n = group_size(cores, cores->order[row], &first);
    if (n == 1) {
        snprintf(dst, size, "%s", cores->list[first].name);
    } else {
        snprintf(dst, size, "%s%s%s", cores->list[first].name, ascii ? "-" : "–",
                 cores->list[first + n - 1].name);
    }
}

static double
row_now(const struct cores *cores, int row)
{
    size_t first, n = group_size(cores, cores->order[row], &first);
    double now = (double)NAN;
    for (size_t i = 0; i < n; i++) {
        now = fmax(now, cores->list[first + i].reading.chart.now);
    }
    return now;
}

static int
label_width(const struct cores *cores)
{
    int width = 1;
    for (int i = 0; i < cores->rows; i++) {
        char name[40];
        row_name(cores, i, true, name, sizeof(name));
        width = MAX(width, (int)strlen(name));
    }
    return width;
}

static void
draw_row(const struct cores *cores, const struct panel_context *context, struct canvas *canvas,
         int row, int x, int y, int width, int label)
{
    bool ascii = context->glyphs == GLYPHS_ASCII;
    char text[40];
    row_name(cores, row, ascii, text, sizeof(text));
    canvas_text_right(canvas, x, y, label, str_from(text), (struct style){ROLE_DIM, 0, 0});
    size_t first, n = group_size(cores, cores->order[row], &first);
    const struct strip *strips = &cores->strips[first];
    if (n <= 2 && cores->group == 2) {
        heat_pair(canvas, x + label + 1, y, width, &strips[0], n > 1 ? &strips[1] : NULL, 1);
    } else {
        heat_group(canvas, x + label + 1, y, width, strips, n, 1);
    }
    double now = row_now(cores, row);
    enum level level = limits_level(&cores->list[first].reading.limits, now);
    unit_format(now, "1", ascii, text, sizeof(text));
    canvas_text_right(canvas, x + label + 1 + width, y, VALUE_WIDTH + 1, str_from(text),
                      (struct style){level >= LEVEL_WARNING ? level_role(level) : ROLE_TEXT, 0, 0});
}

/* The row, time and value under the cursor, in the lower edge; and the cursor itself. */
static void
draw_cursor(struct cores *cores, const struct panel_context *context, struct canvas *canvas,
            struct rect area, int label, int visible)
{
    cores->row = CLAMP(cores->row, 0, visible - 1);
    cores->column = CLAMP(cores->column, 0, MAX(cores->width - 1, 0));
    size_t first, n = group_size(cores, cores->order[cores->row], &first);
    double value = (double)NAN;
    for (size_t i = 0; i < n; i++) {
        const struct bucket *bucket =
            strip_at(&cores->strips[first + i], cores->width, cores->width - 1 - cores->column);
        value = bucket != NULL ? fmax(value, (double)bucket->max) : value;
    }
    const struct chart *chart = &cores->list[first].reading.chart;
    int64_t back = cores->column / MAX(cores->list[first].reading.plan.repeat, 1);
    time_t at = (time_t)((chart->last_bucket - back) * chart->bucket_ns / NS_PER_S);
    struct tm local;
    char when[32] = "", name[40], text[READING_TEXT], note[128];
    if (localtime_r(&at, &local) != NULL) {
        strftime(when, sizeof(when), "%H:%M:%S", &local);
    }
    bool ascii = context->glyphs == GLYPHS_ASCII;
    row_name(cores, cores->row, ascii, name, sizeof(name));
    unit_format(value, "1", ascii, text, sizeof(text));
    snprintf(note, sizeof(note), "%s %s  %s  max %s", cores->def->noun, name, when, text);
    frame_note(canvas, area, note, false, (struct style){ROLE_VALUE, 0, 0});
    int x = area.x + 2 + label + 1 + cores->width - 1 - cores->column, y = area.y + 1 + cores->row;
    canvas_restyle(canvas, (struct rect){x, y, 1, 1},
                   (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, CELL_REVERSE});
    canvas->cursor_x = x;
    canvas->cursor_y = y;
}

static void
draw_legend(struct canvas *canvas, struct rect area)
{
    const int ramp = 8;
    int x = area.x + area.width - ramp - 12, y = area.y + area.height - 1;
    if (x < area.x + 40) {
        return;
    }
    struct style dim = {ROLE_DIM, 0, 0};
    canvas_text(canvas, x, y, 4, STR(" 0 "), dim);
    heat_legend(canvas, x + 3, y, ramp);
    canvas_text(canvas, x + 3 + ramp, y, 7, STR(" 100 % "), dim);
}

int
cores_rows(struct cores *cores, const struct panel_context *context, int lines)
{
    if (cores->count == 0) {
        return 0;
    }
    choose_groups(cores, lines, context->glyphs != GLYPHS_ASCII);
    return MIN(cores->rows, lines);
}

void
cores_draw(struct cores *cores, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    char span[READING_TEXT];
    struct rect clip = canvas_clip(canvas, area);
    frame_draw(canvas, area, cores->def->title, span_text(context->span_ns, span), focused);
    int lines = area.height - 2;
    if (cores->count > 0 && lines > 0) {
        choose_groups(cores, lines, context->glyphs != GLYPHS_ASCII);
        int label = label_width(cores);
        cores->width = MAX(area.width - 4 - label - 1 - VALUE_WIDTH - 1, 1);
        /* Heat has one column a cell whatever the glyphs; a chart of braille has two. */
        struct panel_context plain = *context;
        plain.glyphs = GLYPHS_BLOCKS;
        for (size_t i = 0; i < cores->count; i++) {
            reading_update(&cores->list[i].reading, &plain, cores->width);
            cores->strips[i] =
                strip_of(&cores->list[i].reading.chart, &cores->list[i].reading.plan);
        }
        order_groups(cores);
        int visible = MIN(cores->rows, lines);
        for (int i = 0; i < visible; i++) {
            draw_row(cores, context, canvas, i, area.x + 2, area.y + 1 + i, cores->width, label);
        }
        draw_legend(canvas, area);
        if (focused) {
            draw_cursor(cores, context, canvas, area, label, visible);
        }
    }
    canvas_unclip(canvas, clip);
}

bool
cores_move(struct cores *cores, const char *name)
{
    static const struct {
        const char *name;
        int row, column;
    } moves[] = {
        {"move.up", -1, 0}, {"move.down", 1, 0}, {"move.left", 0, 1}, {"move.right", 0, -1}};
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        if (strcmp(name, moves[i].name) == 0) {
            int row = cores->row + moves[i].row;
            cores->row = CLAMP(row, 0, MAX(cores->rows - 1, 0));
            cores->column = CLAMP(cores->column + moves[i].column, 0, MAX(cores->width - 1, 0));
            return row < cores->rows;
        }
    }
    return false;
}

const char *
cores_labels(const struct cores *cores)
{
    size_t first;
    if (cores->rows == 0 || cores->row >= cores->rows ||
        group_size(cores, cores->order[cores->row], &first) == 0) {
        return "";
    }
    return cores->list[first].labels;
}

/* ---- the panel of the overview ---- */

struct side {
    struct cores *cores;
    struct sections *sections; /* beneath, where there is room */
    bool beneath;              /* the cursor is there, not on the map */
};

static void
side_close(void *state)
{
    struct side *side = state;
    if (side != NULL) {
        cores_free(side->cores);
        sections_free(side->sections);
        free(side);
    }
}

static void *
side_open(struct catalog *catalog)
{
    struct side *side = calloc(1, sizeof(*side));
    if (side == NULL) {
        return NULL;
    }
    side->cores = cores_new(catalog, NULL);
    side->sections = system_side_sections(catalog);
    if (side->cores == NULL || side->sections == NULL) {
        side_close(side);
        return NULL;
    }
    return side;
}

static bool
side_has_data(void *state, const struct panel_context *context)
{
    struct side *side = state;
    return cores_refresh(side->cores, context) > 0 || sections_have_data(side->sections, context);
}

/* The map has up to half of the height where there are tables to show, at least 6 rows. */
static void
side_draw(void *state, const struct panel_context *context, struct canvas *canvas, struct rect area,
          bool focused)
{
    struct side *side = state;
    int wanted = (int)MIN(cores_refresh(side->cores, context), (size_t)CORES_MAX) + 2;
    bool tables = sections_have_data(side->sections, context);
    int height = wanted > 2 ? MIN(wanted, area.height) : 0;
    if (tables && area.height - height < wanted) {
        height = MIN(height, MAX(area.height / 2, 6));
    }
    if (height > 2) {
        height = 2 + cores_rows(side->cores, context, height - 2);
        cores_draw(side->cores, context, canvas, (struct rect){area.x, area.y, area.width, height},
                   focused && !side->beneath);
    }
    sections_draw(side->sections, context, canvas,
                  (struct rect){area.x, area.y + height, area.width, area.height - height},
                  focused && side->beneath, false);
}

/* Tab and its like: from the map to the tables beneath, one after the other, and back. */
static enum reaction
side_step(struct side *side, const char *name)
{
    bool forward = strcmp(name, "panel.next") == 0;
    if (strcmp(name, "panel.first") == 0) {
        side->beneath = false;
    } else if (strcmp(name, "panel.last") == 0) {
        side->beneath = sections_step(side->sections, -1, true);
    } else if (!side->beneath) {
        side->beneath = forward && sections_step(side->sections, 1, true);
        return side->beneath ? REACTION_HANDLED : REACTION_NONE;
    } else if (!sections_step(side->sections, forward ? 1 : -1, false)) {
        side->beneath = false;
        return forward ? REACTION_NONE : REACTION_HANDLED;
    }
    return REACTION_HANDLED;
}

static enum reaction
side_command(void *state, const struct panel_context *context, const char *name,
             const char *argument)
{
    (void)argument;
    struct side *side = state;
    if (strncmp(name, "panel.", 6) == 0) {
        return side_step(side, name);
    }
    if (side->beneath) {
        return sections_command(side->sections, context, name);
    }
    if (strcmp(name, "open") == 0) {
        panel_open_chart(context, machine_cores.metric, cores_labels(side->cores));
        return REACTION_HANDLED;
    }
    return cores_move(side->cores, name) ? REACTION_HANDLED : REACTION_NONE;
}

static enum reaction
side_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct side *side = state;
    enum reaction reaction = sections_mouse(side->sections, context, x, y, button);
    side->beneath = reaction != REACTION_NONE;
    return reaction;
}

const struct panel panel_cores = {
    .name = "cores",
    .title = "Cores",
    .open = side_open,
    .close = side_close,
    .has_data = side_has_data,
    .draw = side_draw,
    .command = side_command,
    .mouse = side_mouse,
};
