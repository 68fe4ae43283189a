/* All that is known of the selected process: its CPU and memory over time, the table's other
 * columns, its open files and control group beside their limits, a thread that fills a core, and
 * its command line. */
#include "process.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/buf.h"
#include "../widgets/wrap.h"

#define FACT_WIDTH 24
#define LABEL_WIDTH 7
#define LIMITS_WIDTH 36
#define FILES_SHORT 0.8 /* of the limit: from here on it may soon run out */

/* From its start on: the pid may have been another's before. */
static void
follow(const struct table_view *view, struct trail *trail, const struct picture *picture,
       const union cell *cells)
{
    const int columns[TRAIL_COLUMNS] = {table_column(view->def, "process.cpu.utilization"),
                                        table_column(view->def, "process.memory.usage")};
    double age_s = row_real(view->def, cells, "process.age");
    int64_t since_ns =
        age_s >= 0 && age_s < 1e9 ? picture->mono_ns - (int64_t)((age_s + 1) * 1e9) : 0;
    trail_follow(trail, picture, view->def, cells, process_pid(view), columns, since_ns);
}

static bool
is_drawn_apart(const struct column *column)
{
    static const char *const apart[] = {
        "process.command_line",     "process.name",  "process.pid", "process.open_files",
        "process.open_files.limit", "process.cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(apart); i++) {
        if (strcmp(column->name, apart[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_in_table(const struct table_view *view, size_t column)
{
    for (size_t i = 0; i < view->place_count; i++) {
        if (view->places[i].column == (int)column) {
            return true;
        }
    }
    return false;
}

/* The other columns as "title value", what the table does not show first. Answers the rows used. */
static int
draw_facts(const struct table_view *view, const union cell *cells, struct canvas *canvas,
           struct rect area)
{
    const struct table_def *def = view->def;
    int across = MAX(area.width / FACT_WIDTH, 1), width = area.width / across, shown = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < def->column_count && shown / across < area.height; i++) {
            if (!is_drawn_apart(&def->columns[i]) && is_in_table(view, i) == (round == 1)) {
                table_view_draw_fact(&def->columns[i], cells[i], LABEL_WIDTH, canvas,
                                     (struct rect){area.x + shown % across * width,
                                                   area.y + shown / across, width - 1, 1});
                shown++;
            }
        }
    }
    return (shown + across - 1) / across;
}

/* "thread worker-3 fills a core" where one does. */
static void
draw_thread(const struct table_view *view, const union cell *cells, struct canvas *canvas,
            struct rect row)
{
    double share = row_real(view->def, cells, "process.thread.top.cpu.utilization");
    const char *name = row_text(view->def, cells, "process.thread.top.name");
    if (share >= 0.9 && name != NULL) {
        canvas_printf(canvas, row.x, row.y, row.width, (struct style){.fg = ROLE_LEVEL_WARNING},
                      "thread %s fills a core (%.0f %%)", name, share * 100);
    }
}

/* "23 of 1,024 (2 %)", with what is not known as a dash. */
static void
files_text(const struct table_def *def, const union cell *cells, char *dst, size_t size)
{
    int64_t count = row_integer(def, cells, "process.open_files");
    int64_t limit = row_integer(def, cells, "process.open_files.limit");
    if (count == CELL_UNKNOWN) {
        snprintf(dst, size, "–");
    } else if (limit == CELL_UNKNOWN || limit <= 0) {
        snprintf(dst, size, "%lld", (long long)count);
    } else {
        snprintf(dst, size, "%lld of %lld (%.0f %%)", (long long)count, (long long)limit,
                 100.0 * (double)count / (double)limit);
    }
}

static bool
files_are_short(const struct table_def *def, const union cell *cells)
{
    int64_t count = row_integer(def, cells, "process.open_files");
    int64_t limit = row_integer(def, cells, "process.open_files.limit");
    return count != CELL_UNKNOWN && limit > 0 && (double)count >= FILES_SHORT * (double)limit;
}

/* The one row of the control groups with this name; NULL when there is none, or several that could
 * be meant. */
static const union cell *
cgroup_row(const struct table *groups, const char *name)
{
    const union cell *found = NULL;
    for (size_t i = 0; i < groups->count; i++) {
        const union cell *row = table_row(groups, i);
        const char *its = row_text(groups->def, row, "cgroup.name");
        if (its != NULL && strcmp(its, name) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = row;
        }
    }
    return found;
}

/* "label 1.2 GiB of 2 GiB": what is used, and the limit where there is one. */
static void
add_use(const struct table *groups, const union cell *row, const char *label, const char *used,
        const char *limit, bool ascii, struct buf *text)
{
    char amount[64], most[64];
    int column = table_column(groups->def, used), of = table_column(groups->def, limit);
    if (column < 0 || of < 0 || !cell_known(groups->def->columns[column].type, row[column])) {
        return;
    }
    table_view_format(&groups->def->columns[column], row[column], true, ascii, amount,
                      sizeof(amount));
    buf_printf(text, "  %s %s", label, amount);
    if (cell_known(groups->def->columns[of].type, row[of])) {
        table_view_format(&groups->def->columns[of], row[of], true, ascii, most, sizeof(most));
        buf_printf(text, " of %s", most);
    }
}

/* The control group with what it uses of its limits. */
static void
cgroup_text(const struct panel_context *context, const char *name, struct buf *text)
{
    const struct table *groups = picture_table(context->picture, "cgroups");
    const union cell *row = groups != NULL && name != NULL ? cgroup_row(groups, name) : NULL;
    bool ascii = context->glyphs == GLYPHS_ASCII;
    buf_puts(text, name != NULL ? name : "–");
    if (row == NULL) {
        return;
    }
    add_use(groups, row, "CPU", "cgroup.cpu.utilization", "cgroup.cpu.limit", ascii, text);
    add_use(groups, row, "memory", "cgroup.memory.usage", "cgroup.memory.limit", ascii, text);
    double throttled = row_real(groups->def, row, "cgroup.cpu.throttled");
    if (throttled > 0) {
        buf_printf(text, "  throttled %.0f %%", throttled * 100);
    }
}

/* Open files and control group, side by side where there is room. Answers the rows used. */
static int
draw_limits(const struct table_view *view, const struct panel_context *context,
            const union cell *cells, struct canvas *canvas, struct rect area)
{
    const struct table_def *def = view->def;
    char files[96];
    struct buf group;
    buf_init(&group, 1024);
    files_text(def, cells, files, sizeof(files));
    cgroup_text(context, row_text(def, cells, "process.cgroup"), &group);
    bool beside = area.width >= 2 * LIMITS_WIDTH;
    struct style dim = {.fg = ROLE_DIM};
    int x = canvas_text(canvas, area.x, area.y, area.width, STR("FILES   "), dim);
    canvas_text(
        canvas, area.x + x, area.y, MAX((beside ? LIMITS_WIDTH : area.width) - x, 0),
        str_from(files),
        (struct style){.fg = files_are_short(def, cells) ? ROLE_LEVEL_WARNING : ROLE_VALUE});
    int left = area.x + (beside ? LIMITS_WIDTH : 0), y = area.y + !beside,
        right = area.x + area.width;
    if (beside || area.height > 1) {
        left += canvas_text(canvas, left, y, MAX(right - left, 0), STR("CGROUP  "), dim);
        canvas_text(canvas, left, y, MAX(right - left, 0), (struct str){group.data, group.n},
                    (struct style){.fg = ROLE_VALUE});
    }
    buf_done(&group);
    return beside ? 1 : 2;
}

void
process_drawer_draw(const struct table_view *view, struct trail *trail,
                    const struct panel_context *context, struct canvas *canvas, struct rect area)
{
    const union cell *cells = table_view_selected(view);
    const struct table_def *def = view->def;
    canvas_box(canvas, area, (struct style){.fg = ROLE_BORDER});
    struct style title = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    if (cells == NULL) {
        canvas_text(canvas, area.x + 2, area.y, area.width - 4, STR(" no process "), title);
        return;
    }
    const char *name = row_text(def, cells, "process.name"),
               *command = row_text(def, cells, "process.command_line");
    canvas_printf(canvas, area.x + 2, area.y, area.width - 4, title, " %s (%lld) ",
                  name != NULL ? name : "–", (long long)process_pid(view));
    follow(view, trail, context->picture, cells);
    struct rect inside = {area.x + 2, area.y + 1, area.width - 4, area.height - 2};
    int half = inside.width >= 80 ? inside.width / 2 : inside.width, stacked = inside.width < 80;
    trail_draw(trail, context, 0, "CPU ", "1", ROLE_CHART_1, canvas,
               (struct rect){inside.x, inside.y, half - 2, 1});
    trail_draw(trail, context, 1, "MEM ", "By", ROLE_CHART_2, canvas,
               (struct rect){inside.x + (stacked ? 0 : half), inside.y + stacked,
                             half - (stacked ? 2 : 0), 1});
    int y = 1 + stacked;
    int room = MAX(inside.height - y - (stacked ? 4 : 3), 1);
    y += draw_facts(view, cells, canvas, (struct rect){inside.x, inside.y + y, inside.width, room});
    if (y < inside.height) {
        y += draw_limits(view, context, cells, canvas,
                         (struct rect){inside.x, inside.y + y, inside.width, inside.height - y});
    }
    draw_thread(view, cells, canvas,
                (struct rect){inside.x, inside.y + MIN(y, inside.height - 1), inside.width, 1});
    y += row_real(def, cells, "process.thread.top.cpu.utilization") >= 0.9;
    if (y < inside.height) {
        wrap_draw(canvas, (struct rect){inside.x, inside.y + y, inside.width, inside.height - y},
                  str_from(command != NULL ? command : "–"), (struct style){.fg = ROLE_TEXT});
    }
}
