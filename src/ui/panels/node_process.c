/* What is known of one Erlang process: how much it worked and what waited for it over time, the
 * table's other columns, and what was asked of the node for this process alone: stack, links,
 * monitors, dictionary. Messages are counted, never shown. */
#include "node_process.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"

#define DETAIL_TABLE "beam.process.detail"
#define FACT_WIDTH 38
#define LABEL_WIDTH 11
#define GROUP_WIDTH_MIN 36
#define GROUPS_MAX 12
#define FIXED_ROWS 8 /* box, charts, facts, head of a group */

static int
column_of(const struct table_view *view, const char *name)
{
    return view->def != NULL ? table_column(view->def, name) : -1;
}

int64_t
node_process_key(const struct table_view *view)
{
    const union cell *cells = table_view_selected(view);
    int column = column_of(view, "beam.process.key");
    bool known = cells != NULL && column >= 0 && cells[column].integer != CELL_UNKNOWN;
    return known ? cells[column].integer : 0;
}

/* Rows of one kind, which lie together. */
struct group {
    const char *kind;
    size_t from, count;
};

/* The detail of this process by kinds; NULL while the node has not told. */
static const struct table *
find_groups(const struct panel_context *context, int64_t key, struct group *groups, size_t *count)
{
    const struct table *table = picture_table(context->picture, DETAIL_TABLE);
    int process = table != NULL ? table_column(table->def, "beam.detail.process") : -1,
        kind = table != NULL ? table_column(table->def, "beam.detail.kind") : -1,
        text = table != NULL ? table_column(table->def, "beam.detail.text") : -1;
    *count = 0;
    if (process < 0 || kind < 0 || text < 0) {
        return NULL;
    }
    bool any = false;
    for (size_t i = 0; i < table->count; i++) {
        const union cell *row = table_row(table, i);
        if (row[process].integer != key || row[kind].text == NULL) {
            continue;
        }
        any = true;
        if (*count > 0 && strcmp(groups[*count - 1].kind, row[kind].text) == 0) {
            groups[*count - 1].count++;
        } else if (*count < GROUPS_MAX) {
            groups[(*count)++] = (struct group){row[kind].text, i, 1};
        }
    }
    return any ? table : NULL;
}

int
node_process_height(const struct panel_context *context, const struct table_view *view)
{
    struct group groups[GROUPS_MAX];
    size_t count, most = 0;
    find_groups(context, node_process_key(view), groups, &count);
    for (size_t i = 0; i < count; i++) {
        most = MAX(most, groups[i].count);
    }
    return FIXED_ROWS + (int)MIN(most, (size_t)INT16_MAX);
}

static int
draw_facts(const struct table_view *view, const union cell *cells, struct canvas *canvas,
           struct rect area)
{
    static const char *const facts[] = {
        "beam.process.current_function", "beam.process.initial_call", "beam.process.status",
        "beam.process.application",      "beam.process.memory",       "beam.process.heap",
    };
    int across = MAX(area.width / FACT_WIDTH, 1), width = area.width / across, shown = 0;
    for (size_t i = 0; i < ARRAY_SIZE(facts) && shown / across < area.height; i++, shown++) {
        int at = column_of(view, facts[i]);
        if (at >= 0) {
            table_view_draw_fact(&view->def->columns[at], cells[at], LABEL_WIDTH, canvas,
                                 (struct rect){area.x + shown % across * width,
                                               area.y + shown / across, width - 1, 1});
        }
    }
    return (shown + across - 1) / across;
}

/* One line of a group with its size right, where it has one. */
static void
draw_line(const struct table *table, size_t row, const struct panel_context *context,
          struct canvas *canvas, struct rect line)
{
    const union cell *cells = table_row(table, row);
    int text = table_column(table->def, "beam.detail.text"),
        size = table_column(table->def, "beam.detail.size");
    char clean[256], value[32] = "";
    utf8_clean(str_from(cells[text].text != NULL ? cells[text].text : "–"), clean, sizeof(clean));
    if (size >= 0 && cell_known(COLUMN_REAL, cells[size])) {
        unit_format(cells[size].real, "By", context->glyphs == GLYPHS_ASCII, value, sizeof(value));
    }
    int room = value[0] != '\0' ? (int)utf8_text_width(str_from(value)) + 1 : 0;
    canvas_text(canvas, line.x, line.y, MAX(line.width - room, 0), str_from(clean),
                (struct style){.fg = ROLE_TEXT});
    canvas_text_right(canvas, line.x, line.y, line.width, str_from(value),
                      (struct style){.fg = ROLE_VALUE});
}

/* "stack 8", and the lines below as far as there is room; what is left out is counted. */
static int
draw_group(const struct table *table, const struct group *group,
           const struct panel_context *context, struct canvas *canvas, struct rect area)
{
    int lines = (int)MIN(group->count, (size_t)MAX(area.height - 1, 0));
    bool cut = (size_t)lines < group->count && lines > 1;
    canvas_printf(canvas, area.x, area.y, area.width, (struct style){.fg = ROLE_TITLE}, "%s %zu",
                  group->kind, group->count);
    for (int i = 0; i < lines - cut; i++) {
        draw_line(table, group->from + (size_t)i, context, canvas,
                  (struct rect){area.x, area.y + 1 + i, area.width, 1});
    }
    if (cut) {
        canvas_printf(canvas, area.x, area.y + lines, area.width, (struct style){.fg = ROLE_DIM},
                      "… %zu more", group->count - (size_t)(lines - 1));
    }
    return lines + 1;
}

/* Groups side by side: the first, the stack, has a column of its own, the others share the rest,
 * each below the one before. */
static void
draw_detail(const struct table_view *view, const struct panel_context *context,
            struct canvas *canvas, struct rect area)
{
    struct group groups[GROUPS_MAX];
    size_t count;
    const struct table *table = find_groups(context, node_process_key(view), groups, &count);
    if (table == NULL) {
        canvas_text(canvas, area.x, area.y, area.width,
                    str_from(context->picture->past
                                 ? "Stack and links of that moment were not kept."
                                 : "The node is asked for stack and links …"),
                    (struct style){.fg = ROLE_DIM});
        return;
    }
    int columns = CLAMP(area.width / GROUP_WIDTH_MIN, 1, (int)count), width = area.width / columns;
    int left[GROUPS_MAX], top[GROUPS_MAX];
    for (int i = 0; i < columns; i++) {
        left[i] = area.height;
        top[i] = area.y;
    }
    for (size_t i = 0; i < count; i++) {
        int at = 0;
        for (int c = 1; c < columns; c++) {
            at = left[c] > left[at] ? c : at;
        }
        bool shared = (int)(count - i) > columns && (i > 0 || columns == 1);
        int rest = shared ? MAX(left[at] / 2, 2) : left[at];
        if (left[at] < 2) {
            return;
        }
        int used =
            draw_group(table, &groups[i], context, canvas,
                       (struct rect){area.x + at * width, top[at], width - 2, MIN(rest, left[at])});
        top[at] += used + 1;
        left[at] -= used + 1;
    }
}

void
node_process_draw(const struct table_view *view, struct trail *trail,
                  const struct panel_context *context, struct canvas *canvas, struct rect area)
{
    const union cell *cells = table_view_selected(view);
    struct style title = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    canvas_box(canvas, area, (struct style){.fg = ROLE_BORDER});
    if (cells == NULL || view->def == NULL) {
        canvas_text(canvas, area.x + 2, area.y, area.width - 4, STR(" no process "), title);
        return;
    }
    int name = column_of(view, "beam.process.name"), pid = column_of(view, "beam.process.pid");
    char named[128] = "–", is[64] = "–";
    if (name >= 0 && cells[name].text != NULL) {
        utf8_clean(str_from(cells[name].text), named, sizeof(named));
    }
    if (pid >= 0 && cells[pid].text != NULL) {
        utf8_clean(str_from(cells[pid].text), is, sizeof(is));
    }
    canvas_printf(canvas, area.x + 2, area.y, area.width - 4, title, " %s %s ", named, is);
    const int columns[TRAIL_COLUMNS] = {column_of(view, "beam.process.reductions"),
                                        column_of(view, "beam.process.message_queue")};
    trail_follow(trail, context->picture, view->def, cells, node_process_key(view), columns, 0);
    struct rect inside = {area.x + 2, area.y + 1, area.width - 4, area.height - 2};
    bool stacked = inside.width < 80;
    int half = stacked ? inside.width : inside.width / 2;
    trail_draw(trail, context, 0, "REDS ", "{reduction}/s", ROLE_CHART_1, canvas,
               (struct rect){inside.x, inside.y, half - 2, 1});
    trail_draw(trail, context, 1, "MSGQ ", "{message}", ROLE_CHART_2, canvas,
               (struct rect){inside.x + (stacked ? 0 : half), inside.y + stacked, half - 2, 1});
    int y = 1 + stacked, facts = inside.height - y >= 6 ? 3 : 1;
    y +=
        draw_facts(view, cells, canvas, (struct rect){inside.x, inside.y + y, inside.width, facts});
    if (y < inside.height) {
        draw_detail(view, context, canvas,
                    (struct rect){inside.x, inside.y + y, inside.width, inside.height - y});
    }
}
