/* Processes: the table, the drawer with everything known of one of them, signals and priorities.
 *
 * A signal goes to the process the question named and to no other: it is held by a pidfd from the
 * question to the answer (before Linux 5.3 by its pid). A process of another machine is named to
 * that machine by its pid and when it started; nothing here is asked for its pid. */
#include "panels.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flametop/base/utf8.h"
#include "flametop/core/query.h"
#include "flametop/core/unit.h"
#include "flametop/base/buf.h"
#include "flametop/core/link.h"
#include "flametop/ui/term.h"
#include "../command.h"
#include "../table_view.h"
#include "../widgets/wrap.h"
#include "reading.h"

#define POINTS_MAX 4096 /* moments of the selected process that the drawer remembers */
#define DRAWER_ROWS 14
#define FACT_WIDTH 24
#define LIMITS_WIDTH 36
#define BUCKETS_MAX 1024 /* of a chart in the drawer */
#define FILES_SHORT 0.8  /* of the limit: from here on it may soon run out */
#define NARROW 100       /* below this many columns only what matters most is shown */
#define DRAWER_ROWS_MIN 5

/* The selected process at one moment; NaN: unknown. */
struct process_point {
    int64_t mono_ns;
    double values[2]; /* CPU, memory */
};

struct process_panel {
    struct table_view view;
    bool open;                    /* the drawer */
    int64_t watched;              /* pid the points are of */
    int64_t watched_ns;           /* of the picture last taken in */
    uint64_t arrivals;            /* of the picture last looked at: see picture.h */
    struct process_point *points; /* POINTS_MAX, oldest first */
    size_t point_count;
    int64_t asked_pid; /* of the question */
    int asked_fd;      /* pidfd; -1: none */
    char asked_name[64];
    bool asked_there;     /* it is a process of the machine at the other end of the link */
    double asked_start_s; /* when it started, by that machine's wall clock; NaN: unknown */
    int64_t asked_nice;   /* as the table has it; CELL_UNKNOWN */
};

static const char *const order[] = {
    "process.pid",
    "process.owner",
    "process.state",
    "process.name",
    "process.cpu.utilization",
    "process.memory.usage",
    "process.disk.read",
    "process.disk.write",
    "process.threads",
    "process.age",
    NULL,
};

/* In a box beside others: what fits and matters. */
static const char *const order_small[] = {
    "process.pid",
    "process.name",
    "process.cpu.utilization",
    "process.memory.usage",
    "process.disk.read",
    "process.disk.write",
    NULL,
};

static void *
process_open(struct catalog *catalog)
{
    (void)catalog;
    struct process_panel *panel = calloc(1, sizeof(*panel));
    struct process_point *points = calloc(POINTS_MAX, sizeof(*points));
    if (panel == NULL || points == NULL) {
        free(panel);
        free(points);
        return NULL;
    }
    panel->points = points;
    panel->asked_fd = -1;
    table_view_init(&panel->view, order, "process.parent_pid", "process.name");
    return panel;
}

static void
forget_question(struct process_panel *panel)
{
    if (panel->asked_fd >= 0) {
        close(panel->asked_fd);
    }
    panel->asked_fd = -1;
    panel->asked_pid = 0;
}

static void
process_close(void *state)
{
    struct process_panel *panel = state;
    if (panel != NULL) {
        forget_question(panel);
        table_view_done(&panel->view);
        free(panel->points);
        free(panel);
    }
}

static bool
process_has_data(void *state, const struct panel_context *context)
{
    (void)state;
    return picture_table(context->picture, "processes") != NULL;
}

static int64_t
integer_of(const struct table_def *def, const union cell *cells, const char *name)
{
    int column = cells != NULL ? table_column(def, name) : -1;
    bool fits = column >= 0 && def->columns[column].type == COLUMN_INTEGER;
    return fits ? cells[column].integer : CELL_UNKNOWN;
}

static double
real_of(const struct table_def *def, const union cell *cells, const char *name)
{
    int column = cells != NULL ? table_column(def, name) : -1;
    return column >= 0 && def->columns[column].type == COLUMN_REAL ? cells[column].real : NAN;
}

static const char *
text_of(const struct table_def *def, const union cell *cells, const char *name)
{
    int column = cells != NULL ? table_column(def, name) : -1;
    return column >= 0 && def->columns[column].type == COLUMN_TEXT ? cells[column].text : NULL;
}

static int64_t
selected_pid(const struct process_panel *panel)
{
    const union cell *cells = table_view_selected(&panel->view);
    int64_t pid = cells != NULL ? integer_of(panel->view.def, cells, "process.pid") : CELL_UNKNOWN;
    return pid == CELL_UNKNOWN ? 0 : pid;
}

/* The rows of this picture; NULL without a table. */
static const struct table *
update(struct process_panel *panel, const struct panel_context *context)
{
    const struct table *table = picture_table(context->picture, "processes");
    if (table != NULL) {
        table_view_update(&panel->view, table, context->picture);
    }
    return table;
}

/* ---- drawer ---- */

/* The newest time at which the numbers of the drawer's charts are known; 0: none. */
static int64_t
last_point_ns(const struct process_panel *panel)
{
    return panel->point_count > 0 ? panel->points[panel->point_count - 1].mono_ns : 0;
}

/* A full list halves its resolution: neighbours become one with the larger values, so no spike
 * vanishes. */
static void
thin(struct process_panel *panel)
{
    for (size_t i = 0; i < POINTS_MAX / 2; i++) {
        const struct process_point *a = &panel->points[2 * i], *b = a + 1;
        panel->points[i] = (struct process_point){
            b->mono_ns, {fmax(a->values[0], b->values[0]), fmax(a->values[1], b->values[1])}};
    }
    panel->point_count = POINTS_MAX / 2;
}

static void
add_point(struct process_panel *panel, int64_t mono_ns, const double values[2])
{
    if (panel->point_count == POINTS_MAX) {
        thin(panel);
    }
    panel->points[panel->point_count++] = (struct process_point){mono_ns, {values[0], values[1]}};
}

/* What the history kept of the process, from its start on: the pid may have been another's before.
 */
static void
recall(struct process_panel *panel, const struct picture *picture, const union cell *cells)
{
    const struct table_def *def = panel->view.def;
    const struct picture *base = picture->base != NULL ? picture->base : picture;
    int cpu = table_column(def, "process.cpu.utilization"),
        memory = table_column(def, "process.memory.usage");
    int64_t *times = calloc(POINTS_MAX, sizeof(*times));
    double *values = calloc(POINTS_MAX, 2 * sizeof(*values));
    double age_s = real_of(def, cells, "process.age");
    int64_t from_ns =
        age_s >= 0 && age_s < 1e9 ? picture->mono_ns - (int64_t)((age_s + 1) * 1e9) : 0;
    panel->point_count = 0;
    for (size_t i = 0;
         i < base->kept_count && times != NULL && values != NULL && cpu >= 0 && memory >= 0; i++) {
        if (kept_def(base->kept[i]) != def) {
            continue;
        }
        size_t n =
            kept_row_values(base->kept[i], panel->watched, (size_t[]){(size_t)cpu, (size_t)memory},
                            2, from_ns, picture->mono_ns, times, values, POINTS_MAX);
        for (size_t j = 0; j < n; j++) {
            add_point(panel, times[j], values + 2 * j);
        }
    }
    free(times);
    free(values);
}

/* Follows the selected process: the history once, and again when older history came from elsewhere,
 * then what each picture adds. */
static void
watch(struct process_panel *panel, const struct panel_context *context)
{
    int64_t pid = selected_pid(panel), now_ns = context->picture->mono_ns;
    const union cell *cells = table_view_selected(&panel->view);
    if (pid == panel->watched && now_ns == panel->watched_ns) {
        return;
    }
    bool moved = now_ns < panel->watched_ns ||
                 now_ns - panel->watched_ns > 4 * context->picture->interval_ns;
    bool another = pid != panel->watched || panel->arrivals != context->picture->arrivals;
    panel->arrivals = context->picture->arrivals;
    panel->watched = pid;
    panel->watched_ns = now_ns;
    if (another || moved) {
        recall(panel, context->picture, cells);
    }
    if (now_ns > last_point_ns(panel)) {
        add_point(panel, now_ns,
                  (double[2]){real_of(panel->view.def, cells, "process.cpu.utilization"),
                              real_of(panel->view.def, cells, "process.memory.usage")});
    }
}

/* The shortest of the usual spans that reaches back to the first point: it changes seldom, so
 * charts stay still. */
static int64_t
span_since_first(const struct process_panel *panel, int64_t now_ns)
{
    static const int64_t minutes[] = {1, 5, 10, 60, 360, 1440};
    int64_t since_ns = panel->point_count > 0 ? now_ns - panel->points[0].mono_ns : 0;
    size_t i = 0;
    while (i + 1 < ARRAY_SIZE(minutes) && minutes[i] * 60 * NS_PER_S < since_ns) {
        i++;
    }
    return minutes[i] * 60 * NS_PER_S;
}

/* The points as buckets of time aligned to the clock; answers the largest value, at least 0. */
static double
fill_buckets(const struct process_panel *panel, int which, const struct picture *picture,
             const struct strip_plan *plan, struct bucket *buckets)
{
    double most = 0;
    for (size_t i = 0; i < plan->count; i++) {
        buckets[i] = (struct bucket){.min = NAN, .max = NAN};
    }
    for (size_t i = 0; i < panel->point_count; i++) {
        double value = panel->points[i].values[which];
        int64_t wall_ns = picture->wall_ns - (picture->mono_ns - panel->points[i].mono_ns);
        int64_t age = picture->wall_ns / plan->bucket_ns - wall_ns / plan->bucket_ns;
        if (isnan(value) || age < 0 || age >= (int64_t)plan->count) {
            continue;
        }
        struct bucket *bucket = &buckets[plan->count - 1 - (size_t)age];
        bucket->min = fminf(bucket->min, (float)value);
        bucket->max = fmaxf(bucket->max, (float)value);
        bucket->sum += (float)value;
        bucket->count++;
        most = fmax(most, value);
    }
    return most;
}

/* A sparkline of one row with its label, highest value and span. */
static void
draw_history(const struct process_panel *panel, const struct panel_context *context, int which,
             struct canvas *canvas, struct rect row)
{
    static const struct {
        const char *label, *unit;
        uint8_t role;
    } kinds[] = {{"CPU", "1", ROLE_CHART_1}, {"MEM", "By", ROLE_CHART_2}};
    struct bucket buckets[BUCKETS_MAX];
    bool ascii = context->glyphs == GLYPHS_ASCII;
    char scale[32], span[READING_TEXT];
    int64_t span_ns = span_since_first(panel, context->picture->mono_ns);
    int label = 4 + 14 + 9, cells = MAX(row.width - label, 1);
    struct strip_plan plan =
        strip_plan(MIN(spark_columns(context->glyphs, cells), BUCKETS_MAX), span_ns);
    double most = fill_buckets(panel, which, context->picture, &plan, buckets);
    unit_format(most, kinds[which].unit, ascii, scale, sizeof(scale));
    canvas_printf(canvas, row.x, row.y, MIN(label, row.width), (struct style){.fg = ROLE_DIM},
                  "%-4smax %-9s %-8s", kinds[which].label, scale, span_text(span_ns, span));
    if (row.width <= label) {
        return;
    }
    struct spark spark = {.strip = {buckets, plan.count, 0, plan.repeat, 0, 0},
                          .high = reading_top(kinds[which].unit, most),
                          .role = kinds[which].role};
    spark.strip.hold = strip_hold(&spark.strip);
    spark_draw(canvas, (struct rect){row.x + label, row.y, cells, 1}, &spark);
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

static void
draw_fact(const struct panel_context *context, const struct column *column, union cell cell,
          struct canvas *canvas, struct rect area)
{
    char text[128];
    table_view_format(column, cell, true, context->glyphs == GLYPHS_ASCII, text, sizeof(text));
    int label = canvas_printf(canvas, area.x, area.y, area.width, (struct style){.fg = ROLE_DIM},
                              "%-7s ", column->title);
    canvas_text(canvas, area.x + label, area.y, MAX(area.width - label, 0), str_from(text),
                (struct style){.fg = cell_known(column->type, cell) ? ROLE_VALUE : ROLE_DIM});
}

/* The other columns as "title value", what the table does not show first. Answers the rows used. */
static int
draw_facts(const struct process_panel *panel, const struct panel_context *context,
           const union cell *cells, struct canvas *canvas, struct rect area)
{
    const struct table_def *def = panel->view.def;
    int across = MAX(area.width / FACT_WIDTH, 1), width = area.width / across, shown = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < def->column_count && shown / across < area.height; i++) {
            if (!is_drawn_apart(&def->columns[i]) && is_in_table(&panel->view, i) == (round == 1)) {
                draw_fact(context, &def->columns[i], cells[i], canvas,
                          (struct rect){area.x + shown % across * width, area.y + shown / across,
                                        width - 1, 1});
                shown++;
            }
        }
    }
    return (shown + across - 1) / across;
}

/* "thread worker-3 fills a core" where one does. */
static void
draw_thread(const struct process_panel *panel, const union cell *cells, struct canvas *canvas,
            struct rect row)
{
    double share = real_of(panel->view.def, cells, "process.thread.top.cpu.utilization");
    const char *name = text_of(panel->view.def, cells, "process.thread.top.name");
    if (share >= 0.9 && name != NULL) {
        canvas_printf(canvas, row.x, row.y, row.width, (struct style){.fg = ROLE_LEVEL_WARNING},
                      "thread %s fills a core (%.0f %%)", name, share * 100);
    }
}

/* "23 of 1,024 (2 %)", with what is not known as a dash. */
static void
files_text(const struct table_def *def, const union cell *cells, char *dst, size_t size)
{
    int64_t count = integer_of(def, cells, "process.open_files");
    int64_t limit = integer_of(def, cells, "process.open_files.limit");
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
    int64_t count = integer_of(def, cells, "process.open_files");
    int64_t limit = integer_of(def, cells, "process.open_files.limit");
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
        const char *its = text_of(groups->def, row, "cgroup.name");
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
    double throttled = real_of(groups->def, row, "cgroup.cpu.throttled");
    if (throttled > 0) {
        buf_printf(text, "  throttled %.0f %%", throttled * 100);
    }
}

/* Open files and control group, side by side where there is room. Answers the rows used. */
static int
draw_limits(const struct process_panel *panel, const struct panel_context *context,
            const union cell *cells, struct canvas *canvas, struct rect area)
{
    const struct table_def *def = panel->view.def;
    char files[96];
    struct buf group;
    buf_init(&group, 1024);
    files_text(def, cells, files, sizeof(files));
    cgroup_text(context, text_of(def, cells, "process.cgroup"), &group);
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

static void
draw_drawer(struct process_panel *panel, const struct panel_context *context, struct canvas *canvas,
            struct rect area)
{
    const union cell *cells = table_view_selected(&panel->view);
    const struct table_def *def = panel->view.def;
    canvas_box(canvas, area, (struct style){.fg = ROLE_BORDER});
    struct style title = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    if (cells == NULL) {
        canvas_text(canvas, area.x + 2, area.y, area.width - 4, STR(" no process "), title);
        return;
    }
    const char *name = text_of(def, cells, "process.name"),
               *command = text_of(def, cells, "process.command_line");
    canvas_printf(canvas, area.x + 2, area.y, area.width - 4, title, " %s (%lld) ",
                  name != NULL ? name : "–", (long long)selected_pid(panel));
    struct rect inside = {area.x + 2, area.y + 1, area.width - 4, area.height - 2};
    int half = inside.width >= 80 ? inside.width / 2 : inside.width, stacked = inside.width < 80;
    draw_history(panel, context, 0, canvas, (struct rect){inside.x, inside.y, half - 2, 1});
    draw_history(panel, context, 1, canvas,
                 (struct rect){inside.x + (stacked ? 0 : half), inside.y + stacked,
                               half - (stacked ? 2 : 0), 1});
    int y = 1 + stacked;
    int room = MAX(inside.height - y - (stacked ? 4 : 3), 1);
    y += draw_facts(panel, context, cells, canvas,
                    (struct rect){inside.x, inside.y + y, inside.width, room});
    if (y < inside.height) {
        y += draw_limits(panel, context, cells, canvas,
                         (struct rect){inside.x, inside.y + y, inside.width, inside.height - y});
    }
    draw_thread(panel, cells, canvas,
                (struct rect){inside.x, inside.y + MIN(y, inside.height - 1), inside.width, 1});
    y += real_of(def, cells, "process.thread.top.cpu.utilization") >= 0.9;
    if (y < inside.height) {
        wrap_draw(canvas, (struct rect){inside.x, inside.y + y, inside.width, inside.height - y},
                  str_from(command != NULL ? command : "–"), (struct style){.fg = ROLE_TEXT});
    }
}

/* ---- the panel ---- */

/* How many processes there were, where more are known to have been than the table has rows. */
static size_t
processes_there(const struct panel_context *context, const struct table *table)
{
    size_t total = MAX(table->total, table->count);
    double count = context->picture->past
                       ? query_once(context->picture, "system.process.count", NULL)
                       : (double)NAN;
    return count > (double)total && count < 1e9 ? (size_t)count : total;
}

/* "top 8 of 214 kept" of a moment of the past, of which only the busiest are kept. */
static char *
kept_text(const struct panel_context *context, const struct table *table, char *dst, size_t size)
{
    size_t total = processes_there(context, table);
    if (total > table->count) {
        snprintf(dst, size, "top %zu of %zu kept", table->count, total);
    } else {
        snprintf(dst, size, "top %zu kept", table->count);
    }
    return dst;
}

static void
draw_box(struct process_panel *panel, const struct panel_context *context,
         const struct table *table, struct canvas *canvas, struct rect area, bool focused)
{
    canvas_box(canvas, area, (struct style){.fg = focused ? ROLE_BORDER_FOCUS : ROLE_BORDER});
    char kept[64], count[80];
    if (panel->view.filter != NULL) { /* not all, and nothing else in the box says so */
        snprintf(count, sizeof(count), " %zu of %zu ", panel->view.count,
                 processes_there(context, table));
    } else if (context->picture->past) {
        snprintf(count, sizeof(count), " %s ", kept_text(context, table, kept, sizeof(kept)));
    } else {
        snprintf(count, sizeof(count), " %zu ", MAX(table->total, table->count));
    }
    int room = area.width - 4 - (int)strlen(count);
    canvas_printf(canvas, area.x + 1, area.y, MAX(room, 0),
                  (struct style){.fg = ROLE_TITLE, .attributes = CELL_BOLD}, " Processes by %s ",
                  panel->view.def->columns[panel->view.sort].title);
    canvas_text_right(canvas, area.x + 2, area.y, area.width - 4, str_from(count),
                      (struct style){.fg = ROLE_VALUE});
}

/* What the table shows, where that is not simply everything. */
static int
draw_state(const struct process_panel *panel, const struct panel_context *context,
           struct canvas *canvas, struct rect area, const struct table *table)
{
    const struct table_view *view = &panel->view;
    bool past = context->picture->past;
    bool everything = view->count == MAX(table->total, table->count) && !past;
    if (everything && !view->tree && !view->follow && view->search[0] == '\0') {
        return 0;
    }
    char text[512], kept[64], shown[160];
    if (past) {
        snprintf(shown, sizeof(shown), "%s: of the past only the busiest processes are kept",
                 kept_text(context, table, kept, sizeof(kept)));
    } else {
        snprintf(shown, sizeof(shown), "%zu of %zu", view->count, MAX(table->total, table->count));
    }
    snprintf(text, sizeof(text), " %s%s%s%s%s%s%s", shown,
             view->filter_text[0] != '\0' ? "  filter: " : "", view->filter_text,
             view->tree ? "  tree" : "", view->follow ? "  following" : "",
             view->search[0] != '\0' ? "  search: " : "", view->search);
    canvas_text(canvas, area.x, area.y, area.width, str_from(text), (struct style){.fg = ROLE_DIM});
    return 1;
}

static void
process_draw(void *state, const struct panel_context *context, struct canvas *canvas,
             struct rect area, bool focused)
{
    struct process_panel *panel = state;
    const struct table *table = update(panel, context);
    if (table == NULL) {
        return;
    }
    bool boxed = area.width < canvas->width && area.height >= 4;
    panel->view.keep = panel->open;
    panel->view.narrow = boxed || area.width < NARROW;
    panel->view.order = panel->view.narrow ? order_small : order;
    if (boxed) {
        draw_box(panel, context, table, canvas, area, focused);
        area = (struct rect){area.x + 1, area.y + 1, area.width - 2, area.height - 2};
    } else if (area.height > 10 || (context->picture->past && area.height > 3)) {
        int used = draw_state(panel, context, canvas, area, table);
        area.y += used;
        area.height -= used;
    }
    struct rect drawer = area;
    if (panel->open && area.height >= DRAWER_ROWS_MIN + 3) {
        drawer.height = CLAMP(area.height * 3 / 5, DRAWER_ROWS_MIN, DRAWER_ROWS);
        drawer.y = area.y + area.height - drawer.height;
        area.height -= drawer.height;
        watch(panel, context);
        draw_drawer(panel, context, canvas, drawer);
    }
    table_view_draw(&panel->view, context, canvas, area, focused);
}

/* ---- signals and priorities ---- */

static const struct {
    int number;
    const char *name, *text;
} signals[] = {
    {SIGTERM, "TERM", "ask it to end"},
    {SIGKILL, "KILL", "end it at once, nothing is saved"},
    {SIGINT, "INT", "as Ctrl-C"},
    {SIGHUP, "HUP", "often: read the configuration again"},
    {SIGQUIT, "QUIT", "end with a core dump"},
    {SIGSTOP, "STOP", "hold it"},
    {SIGCONT, "CONT", "let it go on"},
    {SIGUSR1, "USR1", "its own meaning"},
    {SIGUSR2, "USR2", "its own meaning"},
    {SIGABRT, "ABRT", "end with a core dump"},
};

void
panel_signal_words(const struct app *app, struct words *words)
{
    (void)app;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        words_add(words, signals[i].name);
    }
}

/* Whether what is shown may be changed; says so otherwise. */
static bool
may_ask(const struct panel_context *context)
{
    if (context->readonly) {
        panel_say(context, "--readonly: nothing is changed");
    } else if (context->paused || context->picture->past) {
        panel_say(context, "this is the past: only the present can be changed");
    } else if (context->link != NULL && context->link->state != LINK_LIVE) {
        panel_say(context, "there is no connection: nothing can be changed there");
    } else if (link_is_elsewhere(context->link) && !context->link->may_change) {
        panel_say(context, "nothing may be changed there: give its second token with "
                           "--change-token-file FILE");
    } else {
        return true;
    }
    return false;
}

static int64_t
nice_of(const struct table_def *def, const union cell *cells)
{
    return table_column(def, "process.nice") >= 0 ? integer_of(def, cells, "process.nice")
                                                  : CELL_UNKNOWN;
}

/* Whether the selected process is of now; says so otherwise. */
static bool
begin_question(struct process_panel *panel, const struct panel_context *context)
{
    const union cell *cells = table_view_selected(&panel->view);
    int64_t pid = selected_pid(panel);
    if (!may_ask(context)) {
        return false;
    }
    if (cells == NULL || pid <= 0 || pid > INT32_MAX) {
        panel_say(context, "no process is selected");
        return false;
    }
    const char *name = text_of(panel->view.def, cells, "process.name");
    forget_question(panel);
    panel->asked_pid = pid;
    panel->asked_there = link_is_elsewhere(context->link);
    panel->asked_fd = panel->asked_there ? -1 : (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    panel->asked_start_s =
        (double)context->picture->wall_ns / 1e9 - real_of(panel->view.def, cells, "process.age");
    panel->asked_nice = nice_of(panel->view.def, cells);
    utf8_clean(str_from(name != NULL ? name : "?"), panel->asked_name, sizeof(panel->asked_name));
    return true;
}

static int
signal_number(const char *name)
{
    struct str rest = str_from(name);
    uint64_t number;
    if (str_u64(&rest, &number) && rest.n == 0) {
        return number >= 1 && number <= 64 ? (int)number : 0;
    }
    name += strncasecmp(name, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (strcasecmp(signals[i].name, name) == 0) {
            return signals[i].number;
        }
    }
    return 0;
}

/* What is asked of the machine at the other end: a command with its arguments. */
static void
send_there(struct process_panel *panel, const struct panel_context *context, const char *command,
           const char *key, const char *text, const char *what)
{
    char arguments[160], start[24] = "null";
    if (!isnan(panel->asked_start_s)) {
        snprintf(start, sizeof(start), "%lld", (long long)panel->asked_start_s);
    }
    snprintf(arguments, sizeof(arguments), "{\"pid\":%lld,\"start\":%s,\"%s\":%s}",
             (long long)panel->asked_pid, start, key, text);
    panel_remote(context, command, arguments, what);
    forget_question(panel);
}

/* The name where there is one: only we know what was typed. */
static void
send_signal_there(struct process_panel *panel, const struct panel_context *context, int number)
{
    char name[16], quoted[20], what[96];
    snprintf(name, sizeof(name), "%d", number);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (signals[i].number == number) {
            snprintf(name, sizeof(name), "%s", signals[i].name);
        }
    }
    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    snprintf(what, sizeof(what), "%s to %s (%lld)", name, panel->asked_name,
             (long long)panel->asked_pid);
    send_there(panel, context, "signal", "signal", quoted, what);
}

static void
ask_signal(struct process_panel *panel, const struct panel_context *context, const char *argument)
{
    if (argument[0] == '\0') {
        struct menu_item items[ARRAY_SIZE(signals)];
        char texts[ARRAY_SIZE(signals)][64];
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
            snprintf(texts[i], sizeof(texts[i]), "%2d %-5s %s", signals[i].number, signals[i].name,
                     signals[i].text);
            items[i] = (struct menu_item){texts[i], signals[i].name};
        }
        char title[96];
        if (begin_question(panel, context)) {
            snprintf(title, sizeof(title), "Signal to %s (%lld)", panel->asked_name,
                     (long long)panel->asked_pid);
            panel_menu(context, title, items, ARRAY_SIZE(signals), 0, "process.signal.ask");
        }
        return;
    }
    if (signal_number(argument) == 0) {
        panel_say(context, "no such signal: %s (TERM, KILL, HUP … or a number)", argument);
    } else if (panel->asked_pid != 0 || begin_question(panel, context)) {
        char question[160];
        snprintf(question, sizeof(question), "Send %s to %s (%lld)?", argument, panel->asked_name,
                 (long long)panel->asked_pid);
        panel_ask(context, question, "process.signal.send", argument);
    }
}

static void
send_signal(struct process_panel *panel, const struct panel_context *context, const char *argument)
{
    int number = signal_number(argument);
    if (panel->asked_pid <= 0 || number == 0 || context->readonly) {
        return;
    }
    if (panel->asked_there || link_is_elsewhere(context->link)) {
        send_signal_there(panel, context, number);
        return;
    }
    long result = panel->asked_fd >= 0
                      ? syscall(SYS_pidfd_send_signal, panel->asked_fd, number, NULL, 0)
                      : kill((pid_t)panel->asked_pid, number);
    if (result == 0) {
        panel_say(context, "%s sent to %s (%lld)", argument, panel->asked_name,
                  (long long)panel->asked_pid);
    } else {
        panel_say(context, "%s (%lld) got no signal: %s", panel->asked_name,
                  (long long)panel->asked_pid,
                  errno == EPERM   ? "it is not yours; root may"
                  : errno == ESRCH ? "it has ended already"
                                   : strerror(errno));
    }
    forget_question(panel);
}

static void
ask_nice(struct process_panel *panel, const struct panel_context *context, const char *argument)
{
    struct str rest = str_from(argument);
    int64_t step;
    if (!str_i64(&rest, &step) || step < -40 || step > 40) {
        panel_say(context, "process.nice: a step such as 1 or -5 is asked for");
        return;
    }
    if (!begin_question(panel, context)) {
        return;
    }
    errno = 0;
    bool there = panel->asked_there, known = panel->asked_nice != CELL_UNKNOWN;
    int now = there ? (int)(known ? panel->asked_nice : 0)
                    : getpriority(PRIO_PROCESS, (id_t)panel->asked_pid);
    if (there && !known) {
        panel_say(context, "the nice value of %s (%lld) is not known", panel->asked_name,
                  (long long)panel->asked_pid);
        return;
    }
    if (errno != 0) {
        panel_say(context, "%s (%lld) has no priority to change: %s", panel->asked_name,
                  (long long)panel->asked_pid,
                  errno == ESRCH ? "it has ended already" : strerror(errno));
        return;
    }
    int wanted = (int)CLAMP(now + step, -20, 19);
    char question[160], text[16];
    snprintf(text, sizeof(text), "%d", wanted);
    snprintf(question, sizeof(question), "Change nice of %s (%lld) from %d to %d?",
             panel->asked_name, (long long)panel->asked_pid, now, wanted);
    panel_ask(context, question, "process.nice.set", text);
}

/* There is no call that takes a pidfd: that the process is still there is asked of the pidfd right
 * before. */
static void
set_nice(struct process_panel *panel, const struct panel_context *context, const char *argument)
{
    struct str rest = str_from(argument);
    int64_t nice_value;
    if (panel->asked_pid <= 0 || !str_i64(&rest, &nice_value) || context->readonly) {
        return;
    }
    if (panel->asked_there || link_is_elsewhere(context->link)) {
        char value[16], what[96];
        snprintf(value, sizeof(value), "%d", (int)nice_value);
        snprintf(what, sizeof(what), "nice %d of %s (%lld)", (int)nice_value, panel->asked_name,
                 (long long)panel->asked_pid);
        send_there(panel, context, "renice", "nice", value, what);
        return;
    }
    bool there = panel->asked_fd < 0 ||
                 syscall(SYS_pidfd_send_signal, panel->asked_fd, 0, NULL, 0) == 0 || errno == EPERM;
    errno = there ? 0 : ESRCH;
    if (there && setpriority(PRIO_PROCESS, (id_t)panel->asked_pid, (int)nice_value) == 0) {
        panel_say(context, "nice of %s (%lld) is now %d", panel->asked_name,
                  (long long)panel->asked_pid, (int)nice_value);
    } else {
        panel_say(context, "nice of %s (%lld) was not changed: %s", panel->asked_name,
                  (long long)panel->asked_pid,
                  errno == EACCES || errno == EPERM ? "only root may do that"
                  : errno == ESRCH                  ? "it has ended already"
                                                    : strerror(errno));
    }
    forget_question(panel);
}

static void
show_environment(struct process_panel *panel, const struct panel_context *context,
                 const char *argument)
{
    (void)argument;
    const char *name = text_of(panel->view.def, table_view_selected(&panel->view), "process.name");
    if (selected_pid(panel) > 0) {
        panel_open_environment(context, selected_pid(panel), name != NULL ? name : "?");
    } else {
        panel_say(context, "no process is selected");
    }
}

static void
sample(struct process_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    const char *name = text_of(panel->view.def, table_view_selected(&panel->view), "process.name");
    if (selected_pid(panel) > 0) {
        panel_sample(context, selected_pid(panel), name != NULL ? name : "process");
    } else {
        panel_say(context, "no process is selected");
    }
}

static enum reaction
process_command(void *state, const struct panel_context *context, const char *name,
                const char *argument)
{
    struct process_panel *panel = state;
    static const struct {
        const char *name;
        void (*run)(struct process_panel *panel, const struct panel_context *context,
                    const char *argument);
    } own[] = {
        {"process.signal", ask_signal},
        {"process.signal.ask", ask_signal},
        {"process.signal.send", send_signal},
        {"process.nice", ask_nice},
        {"process.nice.set", set_nice},
        {"process.environment", show_environment},
        {"flame.open", sample},
    };
    if (update(panel, context) == NULL) {
        return REACTION_NONE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (strcmp(own[i].name, name) == 0) {
            if (strcmp(name, "process.signal") == 0) {
                forget_question(panel);
            }
            own[i].run(panel, context, argument);
            return REACTION_HANDLED;
        }
    }
    if (strcmp(name, "open") == 0) {
        panel->open = !panel->open;
        if (panel->open) {
            table_view_pin(&panel->view);
        }
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (panel->open && (strcmp(name, "close") == 0 || strcmp(name, "escape") == 0)) {
        panel->open = false;
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    return table_view_command(&panel->view, context, name, argument);
}

static const char *
process_current(void *state, const char *command)
{
    const struct process_panel *panel = state;
    return table_view_current(&panel->view, command);
}

static enum reaction
process_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct process_panel *panel = state;
    if (update(panel, context) == NULL) { /* the rows of the last drawing may be gone */
        return REACTION_NONE;
    }
    enum reaction reaction = table_view_mouse(&panel->view, context, x, y, button);
    if (button == TERM_DOUBLE_CLICK && y > panel->view.area.y) {
        panel->open = true;
    }
    return reaction;
}

static void
process_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    struct process_panel *panel = state;
    if (update(panel, context) == NULL) {
        return;
    }
    const struct table_view *view = &panel->view;
    for (size_t i = 0; i < view->place_count; i++) {
        interest->process_columns |= UINT64_C(1) << view->places[i].column;
    }
    interest->process_sort = view->sort;
    interest->process_filter_costly =
        interest->process_filter_costly || filter_is_costly(view->filter);
    const union cell *cells;
    for (size_t i = 0;
         (cells = table_view_visible(view, i)) != NULL && interest->pid_count < INTEREST_ROWS_MAX;
         i++) {
        int64_t pid = integer_of(view->def, cells, "process.pid");
        if (pid != CELL_UNKNOWN) {
            interest->pids[interest->pid_count++] = pid;
        }
    }
    if (panel->open) {
        interest->selected_pid = selected_pid(panel);
        interest->cgroups = true;
    }
}

const struct panel panel_processes = {
    .name = "processes",
    .title = "Processes",
    .open = process_open,
    .close = process_close,
    .has_data = process_has_data,
    .draw = process_draw,
    .command = process_command,
    .current = process_current,
    .mouse = process_mouse,
    .interest = process_interest,
};
