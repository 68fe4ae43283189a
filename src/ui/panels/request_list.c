/* Single requests: slowest first, and those that run now. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"

#define LIST_MAX ((size_t)2000) /* rows: of more requests the slowest */

enum {
    LIST_KEY,
    LIST_LEVEL,
    LIST_WHEN,
    LIST_DURATION,
    LIST_ENDPOINT,
    LIST_TOOL,
    LIST_SERVICE,
    LIST_STATUS,
    LIST_SPANS,
    LIST_WEIGHT,
    LIST_TRACE,
};

static const struct column columns[] = {
    [LIST_KEY] = {"request.key", "KEY", "", "What tells requests apart.", COLUMN_INTEGER,
                  COLUMN_KEY | COLUMN_HIDDEN, 20},
    [LIST_LEVEL] = {"request.level", "!", "", "How bad it is.", COLUMN_INTEGER, 0, 1},
    [LIST_WHEN] = {"request.start", "BEGAN", "", "When it began.", COLUMN_INTEGER, 0, 12},
    [LIST_DURATION] = {"request.duration", "TOOK", "s", "How long it took, or takes already.",
                       COLUMN_REAL, COLUMN_RANK, 8},
    [LIST_ENDPOINT] = {"request.endpoint", "ENDPOINT", "", "What was asked for.", COLUMN_TEXT, 0,
                       30},
    [LIST_TOOL] = {"request.tool", "TOOL", "", "Tool that was run.", COLUMN_TEXT, 0, 18},
    [LIST_SERVICE] = {"service.name", "SERVICE", "", "Service that was asked.", COLUMN_TEXT, 0, 14},
    [LIST_STATUS] = {"request.status", "STATUS", "", "How it ended.", COLUMN_TEXT, 0, 14},
    [LIST_SPANS] = {"request.spans", "SPANS", "", "Operations in it.", COLUMN_INTEGER, 0, 6},
    [LIST_WEIGHT] = {"request.weight", "FOR", "", "How many requests it stands for.", COLUMN_REAL,
                     COLUMN_HIDDEN, 6},
    [LIST_TRACE] = {"request.trace", "TRACE", "", "Id of its trace.", COLUMN_TEXT, 0, 0},
};

static const struct table_def def = {
    .name = "request_list",
    .title = "Requests",
    .text = "Single requests.",
    .columns = columns,
    .column_count = ARRAY_SIZE(columns),
    .sort_column = LIST_DURATION,
};

static const char *const order[] = {
    "request.level",  "request.start", "request.duration", "request.endpoint", "request.tool",
    "request.status", "request.spans", "service.name",     "request.trace",    NULL,
};

static const char *const narrow_order[] = {
    "request.level",
    "request.start",
    "request.duration",
    "request.endpoint",
    "request.tool",
    "request.status",
    NULL,
};

static void
dress(const struct table_view *view, const struct panel_context *context, size_t row, int column,
      char *text, size_t size, struct style *style)
{
    const struct request_sheet *sheet = (const struct request_sheet *)(const void *)view;
    const struct trace *trace = sheet->of[row];
    enum level level = request_level(trace);
    if (column == LIST_LEVEL) {
        size_t n = utf8_put(glyph_level(context->glyphs, level), text);
        text[n] = '\0';
        style->fg = level_role(level);
    } else if (column == LIST_WHEN) {
        char when[REQUEST_TEXT];
        strlcpy(text, request_time_text(trace->start_ns, true, when), size);
    } else if (column == LIST_DURATION) {
        request_seconds_text(table_row(sheet->table, row)[column].real,
                             context->glyphs == GLYPHS_ASCII, text);
        style->fg = level == LEVEL_WARNING ? level_role(level) : style->fg;
    } else if (column == LIST_STATUS && level > LEVEL_NORMAL) {
        style->fg = level_role(level);
    }
}

void
request_list_init(struct request_sheet *sheet)
{
    table_view_init(&sheet->view, order, NULL, "request.endpoint");
    sheet->view.dress = dress;
    sheet->order = order;
    sheet->narrow_order = narrow_order;
}

static const char *
status_of(const struct trace *trace)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } texts[] = {
        {TRACE_UNFINISHED, "running"},          {TRACE_ERROR, "failed"},
        {TRACE_FAILED_INSIDE, "failed inside"}, {TRACE_SLOW, "slow"},
        {TRACE_ORPHANS, "incomplete"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if ((trace->flags & texts[i].flag) != 0) {
            return texts[i].text;
        }
    }
    return "ok";
}

static void
add(struct request_sheet *sheet, const struct trace *trace, const struct picture *picture)
{
    char id[2 * SPAN_ID_BYTES_MAX + 1];
    union cell *row = request_sheet_add(sheet, trace);
    if (row == NULL) {
        return;
    }
    trace_id_text(trace, id, sizeof(id));
    row[LIST_KEY].integer = (int64_t)(trace->key & INT64_MAX);
    row[LIST_LEVEL].integer = (int64_t)request_level(trace);
    row[LIST_WHEN].integer = trace->start_ns;
    row[LIST_DURATION].real = (double)request_duration_ns(trace, picture) / 1e9;
    row[LIST_ENDPOINT].text = trace_text(trace, trace->endpoint);
    row[LIST_TOOL].text = trace->tool != 0 ? trace_text(trace, trace->tool) : "";
    row[LIST_SERVICE].text = trace_text(trace, trace->service);
    row[LIST_STATUS].text = status_of(trace);
    row[LIST_SPANS].integer = trace->span_count;
    row[LIST_WEIGHT].real = trace->weight;
    row[LIST_TRACE].text = arena_text(&sheet->arenas[sheet->arena], id, strlen(id));
}

struct candidate {
    int64_t duration_ns;
    const struct trace *trace;
};

static int
compare_durations(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    return (left->duration_ns < right->duration_ns) - (left->duration_ns > right->duration_ns);
}

/* Texts are the traces': to be made anew with each set. */
void
request_list_fill(struct requests *requests, const struct panel_context *context,
                  struct request_sheet *sheet, bool running)
{
    const struct trace_set *set = &requests->shown;
    if (sheet->serial == requests->serial ||
        !request_sheet_begin(sheet, &def, MIN(set->count, LIST_MAX))) {
        return;
    }
    sheet->serial = requests->serial;
    struct candidate *list =
        arena_news(&sheet->arenas[sheet->arena], struct candidate, set->count + 1);
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < set->count; i++) {
        if (!running || (set->list[i]->flags & TRACE_UNFINISHED) != 0) {
            list[count++] = (struct candidate){request_duration_ns(set->list[i], context->picture),
                                               set->list[i]};
        }
    }
    if (count > 1) {
        qsort(list, count, sizeof(*list), compare_durations);
    }
    for (size_t i = 0; i < MIN(count, LIST_MAX); i++) {
        add(sheet, list[i].trace, context->picture);
    }
    sheet->table->total = count;
}
