/* The inside of the requests panel: what is looked at (request_scope.c), the latency heatmap
 * (request_heat.c), pages of tables (request_groups.c, request_list.c, request_operations.c) and of
 * text (request_tree.c, request_differ.c, request_answer.c), one request (request_waterfall.c,
 * request_details.c), what is marked, compared and opened as a flame graph (request_flame.c);
 * requests.c joins them, request_command.c is what keys and clicks do. */
#ifndef FLAMETOP_SRC_UI_REQUEST_H
#define FLAMETOP_SRC_UI_REQUEST_H

#include "flametop/base/arena.h"
#include "flametop/base/hash.h"
#include "flametop/core/finding.h"
#include "flametop/core/flame_layout.h"
#include "flametop/core/query.h"
#include "flametop/core/traces.h"
#include "flametop/trace/differ.h"
#include "flametop/trace/filter.h"
#include "flametop/trace/flame.h"
#include "flametop/trace/graph.h"
#include "flametop/trace/group.h"
#include "flametop/trace/heat.h"
#include "flametop/trace/path.h"
#include "flametop/trace/query.h"
#include "flametop/trace/select.h"
#include "flametop/ui/panel.h"
#include "../table_view.h"
#include "../widgets/limits.h"

#define REQUEST_TEXT 48
#define REQUEST_NAME 256
#define REQUEST_HOST_READINGS 6

/* ---- lines of text (request_lines.c) ---- */

struct request_line {
    const char *key, *value;
    uint8_t role;
    bool heading;
};

struct request_lines {
    struct arena arena;
    struct request_line *list;
    size_t count, capacity;
    size_t first, room; /* first line that is shown; how many were, at the last drawing */
};

void request_lines_init(struct request_lines *lines);
void request_lines_done(struct request_lines *lines);
void request_lines_clear(struct request_lines *lines);
void request_lines_heading(struct request_lines *lines, const char *text);
void request_lines_add(struct request_lines *lines, uint8_t role, const char *key,
                       const char *format, ...) PRINTF_LIKE(4, 5);
void request_lines_draw(struct request_lines *lines, struct canvas *canvas, struct rect area);
bool request_lines_move(struct request_lines *lines, const char *name);

/* ---- one request (request_waterfall.c, request_details.c) ---- */

struct request_host {
    bool asked;
    struct query *queries[REQUEST_HOST_READINGS]; /* NULL: unknown here */
};

struct waterfall {
    struct catalog *catalog;
    struct traces *traces;     /* holds the trace */
    const struct trace *trace; /* NULL: none is open */
    uint64_t number;           /* of the traces last looked at for a newer version */
    struct trace_path path;
    uint8_t *state; /* by span */
    uint32_t *rows; /* spans that are shown */
    size_t row_count;
    uint32_t *segments, *segment_first; /* of the path, by span */
    int64_t from_ns, to_ns;             /* of the axis */
    int label_width;                    /* of the widest name */
    int64_t running_ns;                 /* how long it runs already; 0: it has ended */
    size_t at, first;                   /* among the rows: selected, first on the screen */
    bool path_only;
    bool whole; /* the details take the place of the spans */
    char search[REQUEST_NAME];
    struct rect area; /* rows of spans, as last drawn */
    struct request_lines lines;
    uint32_t line_span; /* the lines are of */
    uint64_t line_stamp;
    struct request_host host;
    struct waterfall *coming; /* what takes the place of all this once it is made; NULL: nothing */
    unsigned phase;           /* of making that */
};

struct waterfall_time {
    int64_t start_ns, end_ns; /* since the trace's start */
};

void waterfall_init(struct waterfall *waterfall, struct catalog *catalog);
void waterfall_done(struct waterfall *waterfall);

enum { WATERFALL_FOLDED = 1, WATERFALL_ON_PATH = 2 }; /* state of a span */

/* Lists the rows anew: something was folded, or is hidden. */
void waterfall_list(struct waterfall *waterfall);

uint32_t waterfall_span(const struct waterfall *waterfall); /* the selected one */
void waterfall_select(struct waterfall *waterfall, uint32_t span);
struct waterfall_time waterfall_time(const struct waterfall *waterfall, uint32_t span);
struct str waterfall_label(const struct trace *trace, uint32_t span);
void waterfall_draw(struct waterfall *waterfall, const struct panel_context *context,
                    struct canvas *canvas, struct rect area, bool focused);
bool waterfall_command(struct waterfall *waterfall, const struct panel_context *context,
                       const char *name, const char *argument);
bool waterfall_mouse(struct waterfall *waterfall, const struct panel_context *context, int x, int y,
                     int button);
void request_details(struct waterfall *waterfall, const struct panel_context *context);
void request_host_done(struct request_host *host);

/* ---- opening it (request_open.c) ---- */

/* Opens a request; of a large one that is begun, and what is open stays until it is made. False
 * when out of memory. waterfall_work goes on until the monotonic time; true when there is more. */
bool waterfall_open(struct waterfall *waterfall, struct traces *traces, const struct trace *trace);
bool waterfall_work(struct waterfall *waterfall, int64_t until_ns);
void waterfall_close(struct waterfall *waterfall);

/* Opens the newer version of it that the list may have. */
void waterfall_renew(struct waterfall *waterfall, struct traces *traces);

/* Sets the ends of its axis. */
void waterfall_extent(struct waterfall *waterfall);

/* ---- what is looked at (request_scope.c) ---- */

/* A filter and a group that requests must be of. Never changes: what is made of it in steps points
 * to it, so those that are not in force any more wait until all that is made is given up. */
struct request_wish {
    struct request_wish *next; /* of those that wait */
    struct trace_filter *filter;
    char filter_text[TRACE_FILTER_BYTES_MAX];
    bool grouped;
    struct trace_grouping grouping; /* of the group */
    uint64_t key;
    char name[REQUEST_NAME]; /* of the group, for titles */
};

/* A rectangle of the heatmap. */
struct request_rectangle {
    bool on;
    int64_t from_ns, to_ns;  /* monotonic */
    int64_t low_ns, high_ns; /* durations; high 0: any */
};

int64_t request_duration_ns(const struct trace *trace, const struct picture *picture);
enum level request_level(const struct trace *trace);
char *request_time_text(int64_t wall_ns, bool exact, char dst[REQUEST_TEXT]);
char *request_seconds_text(double seconds, bool ascii, char dst[REQUEST_TEXT]); /* NaN: a dash */
char *request_name(const struct trace *trace, char dst[REQUEST_NAME]); /* "POST /x · tool" */
const char *request_word(uint64_t count); /* "request", of several "requests" */

struct requests;
char *request_group_name(const struct requests *requests, const struct trace_group *group,
                         char dst[REQUEST_NAME]);

/* ---- the latency heatmap (request_heat.c) ---- */

struct request_heat {
    struct trace_heat *heat;
    struct rect area;  /* of the cells, as last drawn */
    int columns, rows; /* the same */
    int64_t from_ns;   /* of the first column, the same */
    int64_t bucket_ns;
    int repeat;    /* cells a column of the heatmap takes */
    int64_t at_ns; /* cursor: a moment */
    int row;       /* and a row, 0 the fastest */
    bool selecting, dragging;
    int64_t anchor_ns;
    int anchor_row;
};

/* ---- pages of tables ---- */

/* A table of our own and how it is looked at. */
struct request_sheet {
    struct table_view view; /* first: what dresses it finds the sheet by it */
    struct arena arenas[2]; /* the one in use holds the table */
    unsigned arena;
    struct table *table; /* NULL: none yet */
    const void **of;     /* by row: the group, trace or operation it is of */
    uint64_t serial;     /* of what it was made of */
    const char *const *order, *const *narrow_order; /* columns: of all, of fewer than 100 cells */
    struct requests *requests;
};

bool request_sheet_begin(struct request_sheet *sheet, const struct table_def *def, size_t rows);
union cell *request_sheet_add(struct request_sheet *sheet, const void *of); /* NULL: full */
void request_sheet_done(struct request_sheet *sheet);
const void *request_sheet_selected(const struct request_sheet *sheet); /* NULL: no rows */
void request_sheet_draw(struct request_sheet *sheet, const struct panel_context *context,
                        struct canvas *canvas, struct rect area, bool focused);

/* ---- pages of text (request_tree.c) ---- */

struct request_tree_row {
    uint32_t node; /* operation or service */
    uint32_t edge; /* that leads to it; TRACE_NONE: none */
    uint16_t depth;
    uint64_t more; /* bit d: that ancestor has siblings below */
    bool again;    /* what is below it is shown above */
};

struct request_tree {
    struct request_tree_row *rows;
    size_t count, capacity;
    size_t at, first;
    int y, height;                   /* as last drawn */
    const struct trace_graph *graph; /* it is of: only looked into while that is the one shown */
    uint64_t number;                 /* of that graph, by who asked for the tree */
    uint32_t node;                   /* upwards: whose callers */
    bool services, upwards;
};

enum request_page {
    REQUEST_GROUPS,
    REQUEST_SLOWEST,
    REQUEST_RUNNING,
    REQUEST_SERVICES,
    REQUEST_CALLS,
    REQUEST_QUERIES,
    REQUEST_AGENTS,
    REQUEST_DIFFER, /* while there is a rectangle */
    REQUEST_ANSWER, /* of a question that was asked */
    REQUEST_PAGES
};

/* The flame graph of a rectangle, in small (request_icicle.c). */
struct request_icicle {
    struct trace_flame *making;
    struct profile *profile; /* of the flame; NULL: none yet */
    struct flame *flame;
    struct flame_layout layout;
    struct flame_zoom zoom; /* all of it */
    uint64_t stamp;         /* of the requests it is of */
};

/* What is compared with, or a flame graph is made of. */
struct request_sample {
    struct trace_set set;
    char name[REQUEST_NAME]; /* "": none */
};

struct requests {
    struct catalog *catalog;
    struct arena names; /* of attributes: pointed to by groupings */
    struct request_wish *wish, *waiting;
    size_t waiting_count;
    struct request_rectangle rectangle;
    enum request_page page, page_before; /* before: of the group, where Esc goes back to */

    struct trace_set shown, making;
    bool is_making;
    uint64_t shown_stamp, making_stamp, serial; /* serial: counts the sets that were shown */
    double shown_s, making_s;                   /* seconds they cover */

    struct trace_grouping grouping; /* of the page of groups */
    struct trace_groups *groups;
    struct request_heat heat;
    struct request_sheet group_sheet, slow_sheet, running_sheet, query_sheet, agent_sheet;
    size_t running; /* requests of the set that have not ended */

    struct trace_graph *graph, *graph_making;
    uint64_t graph_serial; /* of the set it is of */
    uint64_t graph_number; /* counts those that were shown */
    int64_t graph_due_ns;
    bool graph_anew; /* something else is looked at: it does not wait */
    struct request_tree tree, callers;

    struct trace_differ *differ, *differ_making;
    struct trace_set differ_rest;
    uint64_t differ_serial;
    struct request_icicle icicle;

    struct trace_query *answer;
    char question[REQUEST_NAME];
    size_t answer_at;
    uint64_t answer_serial;
    struct request_lines answer_lines;

    struct waterfall waterfall;

    struct request_sample mark;
    struct request_sample job[2]; /* of a flame graph that is made; [1] may be empty */
    bool job_fills;               /* the sets of two windows of time are made first, */
    struct {                      /* of what the page is of, and the group the cursor is on */
        struct trace_scope page;
        bool grouped;
        struct trace_grouping grouping;
        uint64_t key;
        char name[REQUEST_NAME];
    } window;
    struct trace_flame *flame;
    char flame_title[2 * REQUEST_NAME];

    bool heat_focused;
    struct rect content; /* of the page, as last drawn */
    int tab_y, tab_x[REQUEST_PAGES], tab_width[REQUEST_PAGES];
    struct panel_context context; /* of the call that is made, for what dresses rows */
};

/* requests.c: the page's table, NULL where it has none; whether it has a heatmap, and whether there
 * is such a page now. */
struct request_sheet *request_page_sheet(struct requests *requests);
bool request_page_has_heat(const struct requests *requests);
bool request_page_is_there(const struct requests *requests, enum request_page page);

/* Before a key or a click: the page may be another than was drawn last, and what its rows were of
 * may be gone since. */
void request_refresh(struct requests *requests, const struct panel_context *context);

/* request_command.c, as in struct panel */
enum reaction request_command(void *state, const struct panel_context *context, const char *name,
                              const char *argument);
const char *request_current(void *state, const char *command);
bool request_closes(const void *state);
enum reaction request_mouse(void *state, const struct panel_context *context, int x, int y,
                            int button);

/* request_scope.c */
struct trace_scope request_scope(const struct requests *requests,
                                 const struct panel_context *context);
bool request_set_wish(struct requests *requests, const struct panel_context *context,
                      const char *filter_text, const struct trace_group *group);
void request_wishes_done(struct requests *requests);
bool request_scope_work(struct requests *requests, const struct panel_context *context,
                        int64_t until_ns); /* true: there is more to do */
void request_set_of_group(const struct requests *requests, const struct trace_group *group,
                          struct trace_set *ret_set);

/* request_heat.c */
bool request_heat_work(struct requests *requests, const struct panel_context *context,
                       int64_t until_ns);
void request_heat_draw(struct requests *requests, const struct panel_context *context,
                       struct canvas *canvas, struct rect area, bool focused);
bool request_heat_command(struct requests *requests, const struct panel_context *context,
                          const char *name);
bool request_heat_mouse(struct requests *requests, const struct panel_context *context, int x,
                        int y, int button);

/* request_groups.c */
void request_groups_init(struct request_sheet *sheet);
bool request_groups_work(struct requests *requests, const struct panel_context *context,
                         int64_t until_ns);
void request_groups_menu(struct requests *requests, const struct panel_context *context,
                         const char *argument);

/* request_list.c */
void request_list_init(struct request_sheet *sheet);
void request_list_fill(struct requests *requests, const struct panel_context *context,
                       struct request_sheet *sheet, bool running);

/* request_operations.c: also the graph they are from. */
void request_operations_init(struct request_sheet *sheet);
bool request_graph_work(struct requests *requests, const struct panel_context *context,
                        int64_t until_ns);
void request_operations_fill(struct requests *requests, struct request_sheet *sheet, bool agents);
void request_operations_draw(struct requests *requests, const struct panel_context *context,
                             struct request_sheet *sheet, struct canvas *canvas, struct rect area,
                             bool focused);
bool request_trace_calls(const struct trace *trace, const struct trace_operation *operation);

/* request_tree.c */
void request_tree_init(struct request_tree *tree);
void request_tree_done(struct request_tree *tree);
void request_tree_down(struct request_tree *tree, const struct trace_graph *graph, bool services);
void request_tree_up(struct request_tree *tree, const struct trace_graph *graph,
                     uint32_t operation);
void request_tree_draw(struct request_tree *tree, const struct panel_context *context,
                       struct canvas *canvas, struct rect area, bool focused);
bool request_tree_move(struct request_tree *tree, const char *name);
const struct request_tree_row *request_tree_selected(const struct request_tree *tree);

/* request_differ.c */
bool request_differ_work(struct requests *requests, const struct panel_context *context,
                         int64_t until_ns);
void request_differ_draw(struct requests *requests, const struct panel_context *context,
                         struct canvas *canvas, struct rect area);

/* request_icicle.c */
void request_icicle_init(struct request_icicle *icicle);
void request_icicle_done(struct request_icicle *icicle);
bool request_icicle_work(struct requests *requests, int64_t until_ns);
int request_icicle_rows(struct request_icicle *icicle, int width, int most);
void request_icicle_draw(struct request_icicle *icicle, struct canvas *canvas, struct rect area);

/* request_answer.c */
void request_ask(struct requests *requests, const struct panel_context *context, const char *text);
bool request_answer_work(struct requests *requests, const struct panel_context *context,
                         int64_t until_ns);

/* request_flame.c */
void request_flame_open(struct requests *requests, const struct panel_context *context);
void request_flame_mark(struct requests *requests, const struct panel_context *context);
void request_flame_compare(struct requests *requests, const struct panel_context *context);
void request_flame_before(struct requests *requests, const struct panel_context *context);
void request_flame_forget(struct requests *requests);
bool request_flame_work(struct requests *requests, const struct panel_context *context,
                        int64_t until_ns);
void request_sample_done(struct request_sample *sample);

#endif
