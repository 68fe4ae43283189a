/* Who calls whom as text: from the requests downwards, or from one operation up to them. What is
 * called from several places is followed once; elsewhere it says so. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../list.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"

#define ROWS_MAX 4096
#define DEPTH_MAX 60
#define NUMBER_WIDTH 9
#define EDGES_MAX 256 /* of one node that are followed */

static const struct style style_dim = {.fg = ROLE_DIM};

void
request_tree_init(struct request_tree *tree)
{
    *tree = (struct request_tree){0};
}

void
request_tree_done(struct request_tree *tree)
{
    free(tree->rows);
    *tree = (struct request_tree){0};
}

/* ---- making ---- */

struct step { /* a node that is to be shown */
    uint32_t node, edge;
    uint16_t depth;
    bool last; /* of its siblings */
};

struct walk {
    struct request_tree *tree;
    uint8_t *seen; /* by node */
    struct step *stack;
    size_t count, capacity;
};

static bool
push(struct walk *walk, struct step step)
{
    if (walk->count == walk->capacity) {
        size_t capacity = MAX(walk->capacity * 2, (size_t)64);
        struct step *stack = reallocarray(walk->stack, capacity, sizeof(*stack));
        if (stack == NULL) {
            return false;
        }
        walk->stack = stack;
        walk->capacity = capacity;
    }
    walk->stack[walk->count++] = step;
    return true;
}

static const struct trace_edge *
edges_of(const struct request_tree *tree, size_t *ret_count)
{
    *ret_count = tree->services ? tree->graph->dependency_count : tree->graph->call_count;
    return tree->services ? tree->graph->dependencies : tree->graph->calls;
}

/* What is called by a node (upwards: what calls it), most often first; the last is pushed first. */
static void
push_next(struct walk *walk, uint32_t node, uint16_t depth)
{
    uint32_t found[EDGES_MAX];
    size_t count, n = 0;
    const struct trace_edge *edges = edges_of(walk->tree, &count);
    for (size_t i = 0; i < count && n < EDGES_MAX; i++) {
        uint32_t here = walk->tree->upwards ? edges[i].to : edges[i].from;
        uint32_t there = walk->tree->upwards ? edges[i].from : edges[i].to;
        if (here == node && there != TRACE_NONE && edges[i].from != edges[i].to) {
            found[n++] = (uint32_t)i;
        }
    }
    for (size_t i = n; i-- > 0;) {
        uint32_t there = walk->tree->upwards ? edges[found[i]].from : edges[found[i]].to;
        if (!push(walk, (struct step){there, found[i], depth, i + 1 == n})) {
            return;
        }
    }
}

static bool
show(struct request_tree *tree, const struct step *step, uint64_t above, bool again)
{
    if (tree->count == tree->capacity) {
        size_t capacity = MAX(tree->capacity * 2, (size_t)64);
        struct request_tree_row *rows =
            tree->count < ROWS_MAX ? reallocarray(tree->rows, capacity, sizeof(*rows)) : NULL;
        if (rows == NULL) {
            return false;
        }
        tree->rows = rows;
        tree->capacity = capacity;
    }
    tree->rows[tree->count++] = (struct request_tree_row){.node = step->node,
                                                          .edge = step->edge,
                                                          .depth = step->depth,
                                                          .more = above,
                                                          .again = again};
    return true;
}

static void
go(struct walk *walk)
{
    uint64_t above = 0;
    while (walk->count > 0) {
        struct step step = walk->stack[--walk->count];
        above &= (UINT64_C(1) << step.depth) - 1;
        above |= step.last ? 0 : UINT64_C(1) << step.depth;
        bool again = walk->seen[step.node] != 0;
        if (!show(walk->tree, &step, above, again)) {
            return;
        }
        walk->seen[step.node] = 1;
        if (!again && step.depth + 1 < DEPTH_MAX) {
            push_next(walk, step.node, (uint16_t)(step.depth + 1));
        }
    }
}

static size_t
node_count(const struct request_tree *tree)
{
    return tree->services ? tree->graph->service_count : tree->graph->operation_count;
}

/* Those that requests begin with; then whatever is not reached from them. */
static void
go_down(struct walk *walk)
{
    size_t edge_count;
    const struct trace_edge *edges = edges_of(walk->tree, &edge_count);
    for (size_t i = edge_count; i-- > 0;) {
        if (edges[i].from == TRACE_NONE) {
            push(walk, (struct step){edges[i].to, (uint32_t)i, 0, true});
        }
    }
    go(walk);
    for (uint32_t i = 0; i < node_count(walk->tree); i++) {
        if (walk->seen[i] == 0) {
            push(walk, (struct step){i, TRACE_NONE, 0, true});
            go(walk);
        }
    }
}

static void
make(struct request_tree *tree, const struct trace_graph *graph, bool services, bool upwards,
     uint32_t node)
{
    tree->graph = graph;
    tree->services = services;
    tree->upwards = upwards;
    tree->node = node;
    tree->count = 0;
    struct walk walk = {.tree = tree, .seen = calloc(node_count(tree) + 1, 1)};
    if (walk.seen != NULL && upwards) {
        push(&walk, (struct step){node, TRACE_NONE, 0, true});
        go(&walk);
    } else if (walk.seen != NULL) {
        go_down(&walk);
    }
    free(walk.seen);
    free(walk.stack);
    tree->at = MIN(tree->at, MAX(tree->count, (size_t)1) - 1);
}

void
request_tree_down(struct request_tree *tree, const struct trace_graph *graph, bool services)
{
    bool same = tree->services == services && !tree->upwards;
    make(tree, graph, services, false, TRACE_NONE);
    tree->at = same ? tree->at : 0;
}

void
request_tree_up(struct request_tree *tree, const struct trace_graph *graph, uint32_t operation)
{
    make(tree, graph, false, true, operation);
    tree->at = tree->first = 0;
}

/* ---- drawing ---- */

static const struct trace_numbers *
numbers_of(const struct request_tree *tree, const struct request_tree_row *row)
{
    size_t count;
    const struct trace_edge *edges = edges_of(tree, &count);
    if (row->edge != TRACE_NONE) {
        return &edges[row->edge].numbers;
    }
    return tree->services ? &tree->graph->services[row->node].numbers
                          : &tree->graph->operations[row->node].numbers;
}

static int
draw_branch(struct canvas *canvas, int x, int y, int width, const struct request_tree_row *row)
{
    int indent = MIN(row->depth * 2, MAX(width / 2 / 2 * 2, 0));
    int skipped = row->depth - indent / 2;
    for (int level = 1; level <= row->depth - skipped; level++) {
        int depth = level + skipped;
        bool more = (row->more >> depth & 1) != 0, own = depth == row->depth;
        struct str sign = own ? more ? STR("├ ") : STR("└ ") : more ? STR("│ ") : STR("  ");
        canvas_text(canvas, x + (level - 1) * 2, y, 2, sign, style_dim);
    }
    return indent;
}

static void
draw_name(const struct request_tree *tree, const struct request_tree_row *row,
          struct canvas *canvas, struct rect cell)
{
    const struct trace_graph *graph = tree->graph;
    int x = cell.x + draw_branch(canvas, cell.x, cell.y, cell.width, row),
        end = cell.x + cell.width;
    const char *name, *beside = "";
    bool foreign = false;
    if (tree->services) {
        name = graph->services[row->node].name;
        foreign = graph->services[row->node].foreign;
        beside = foreign ? trace_system_name(graph->services[row->node].system) : "";
    } else {
        name = graph->operations[row->node].name;
        beside = graph->operations[row->node].service;
    }
    x += canvas_text(canvas, x, cell.y, MAX(end - x, 0),
                     str_from(name[0] != '\0' ? name : "(no name)"),
                     (struct style){.fg = foreign ? ROLE_CHART_4 : ROLE_TEXT,
                                    .attributes = row->depth == 0 ? CELL_BOLD : 0});
    if (x + 3 < end) {
        x += 1;
        x += canvas_text(canvas, x, cell.y, MAX(end - x, 0), str_from(beside),
                         (struct style){.fg = ROLE_CHART_1});
    }
    if (row->again && x + 8 < end) {
        canvas_text(canvas, x + 1, cell.y, MAX(end - x - 1, 0), STR("↑ above"), style_dim);
    }
}

static void
draw_numbers(const struct request_tree *tree, const struct request_tree_row *row,
             struct canvas *canvas, int x, int y, int count)
{
    const struct trace_numbers *numbers = numbers_of(tree, row);
    size_t edge_count;
    const struct trace_edge *edges = edges_of(tree, &edge_count);
    bool ascii = canvas->glyphs == GLYPHS_ASCII;
    double errors = numbers->count > 0 ? numbers->errors / numbers->count : (double)NAN;
    double network_s = row->edge != TRACE_NONE ? edges[row->edge].network_s : (double)NAN;
    struct {
        double value;
        const char *unit;
    } const cells[] = {{numbers->rate, ""},
                       {numbers->p95_s, "s"},
                       {errors, "1"},
                       {numbers->p50_s, "s"},
                       {network_s, "s"}};
    for (int i = 0; i < count; i++) {
        char text[REQUEST_TEXT];
        unit_format(cells[i].value, cells[i].unit, ascii, text, sizeof(text));
        bool bad = i == 2 && errors >= 0.01;
        canvas_text_right(canvas, x + i * (NUMBER_WIDTH + 1), y, NUMBER_WIDTH, str_from(text),
                          (struct style){.fg = isnan(cells[i].value) ? ROLE_DIM
                                               : bad                 ? ROLE_LEVEL_WARNING
                                                                     : ROLE_TEXT});
    }
}

void
request_tree_draw(struct request_tree *tree, const struct panel_context *context,
                  struct canvas *canvas, struct rect area, bool focused)
{
    static const char *const heads[] = {"CALLS/s", "p95", "ERR", "p50", "NETWORK"};
    (void)context;
    int numbers = area.width >= 110 ? 5 : area.width >= 60 ? 3 : 2;
    int name = MIN(area.width - 2 - numbers * (NUMBER_WIDTH + 1), 90);
    struct style head = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    canvas_text(canvas, area.x + 1, area.y, name,
                tree->services  ? STR("SERVICE and what it calls")
                : tree->upwards ? STR("CALLED BY")
                                : STR("OPERATION and what it calls"),
                head);
    for (int i = 0; i < numbers; i++) {
        canvas_text_right(canvas, area.x + 2 + name + i * (NUMBER_WIDTH + 1), area.y, NUMBER_WIDTH,
                          str_from(heads[i]), head);
    }
    tree->y = area.y + 1;
    tree->height = MAX(area.height - 1, 0);
    size_t height = (size_t)tree->height;
    tree->first = list_first(tree->first, tree->at, tree->count, height);
    for (size_t i = 0; i < height && tree->first + i < tree->count; i++) {
        const struct request_tree_row *row = &tree->rows[tree->first + i];
        int y = tree->y + (int)i;
        draw_name(tree, row, canvas, (struct rect){area.x + 1, y, name, 1});
        draw_numbers(tree, row, canvas, area.x + 2 + name, y, numbers);
        if (focused && tree->first + i == tree->at) {
            canvas_restyle(canvas, (struct rect){area.x, y, area.width, 1},
                           (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
            canvas->cursor_x = area.x;
            canvas->cursor_y = y;
        }
    }
    if (!focused && tree->count > height && height > 0) {
        canvas_printf(canvas, area.x + 1, area.y + area.height - 1, area.width - 2, style_dim,
                      "… %zu more", tree->count - height + 1);
    }
}

bool
request_tree_move(struct request_tree *tree, const char *name)
{
    return list_move(name, tree->count, (size_t)MAX(tree->height - 1, 1), &tree->at);
}

const struct request_tree_row *
request_tree_selected(const struct request_tree *tree)
{
    return tree->at < tree->count ? &tree->rows[tree->at] : NULL;
}
