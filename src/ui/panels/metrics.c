/* Every series there is, whatever brought it, and what is derived from them: a list to search and
 * filter, with a sparkline for the rows on the screen. Enter opens the chart.
 *
 * The list is made anew when a source's series change. Charts belong to a fixed number of slots;
 * the row that was off the screen longest gives its slot away. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../pin.h"
#include "../widgets/card.h"
#include "flametop/base/hash.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "reading.h"

#define SERIES_MAX 20000
#define SLOTS 128
#define TEXT_BYTES 256
#define LABELS_BYTES 1024 /* more than sources write: what is cut is another row */
#define DERIVED_VALUES_MAX 256
#define DERIVED_EVERY 16 /* pictures between looks for derived metrics that had no value yet */
#define VALUE_WIDTH 12
#define SOURCE_WIDTH 12
#define SPARK_WIDTH 20
#define NAME_WIDTH 52
#define NAME_WIDTH_MIN 40
#define SENTENCE_WIDTH_MIN 30

struct entry {
    const struct metric *metric;
    const char *labels; /* of the catalog, or of the list's arena */
    const char *source; /* NULL: derived */
};

struct slot {
    struct entry entry; /* metric NULL: free */
    struct reading reading;
    uint64_t used; /* number of the drawing */
};

struct metrics {
    struct catalog *catalog;
    struct arena arena; /* of labels and source names of the list */
    struct entry *entries;
    size_t count, capacity;
    size_t *shown; /* indices into entries */
    size_t shown_count;
    uint64_t signature, derived_at; /* picture number */
    char filter[128], search[128];
    size_t selected, top; /* among the shown */
    int page;             /* rows, as last drawn */
    struct rect rows;     /* as last drawn */
    struct slot slots[SLOTS];
    uint64_t drawing;
};

static const struct style style_dim = {ROLE_DIM, 0, 0};
static const struct style style_text = {ROLE_TEXT, 0, 0};

static void *
metrics_open(struct catalog *catalog)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics != NULL) {
        metrics->catalog = catalog;
        arena_init(&metrics->arena, (size_t)8 << 20);
    }
    return metrics;
}

static void
metrics_close(void *state)
{
    struct metrics *metrics = state;
    if (metrics == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        reading_close(&metrics->slots[i].reading);
    }
    arena_done(&metrics->arena);
    free(metrics->entries);
    free(metrics->shown);
    free(metrics);
}

/* ---- the list ---- */

static void
add(struct metrics *metrics, const struct metric *metric, const char *labels, const char *source)
{
    if (metrics->count == SERIES_MAX) {
        return;
    }
    if (metrics->count == metrics->capacity) {
        size_t capacity = MAX(metrics->capacity * 2, (size_t)256);
        struct entry *entries = reallocarray(metrics->entries, capacity, sizeof(*entries));
        if (entries == NULL) {
            return;
        }
        metrics->entries = entries;
        metrics->capacity = capacity;
    }
    metrics->entries[metrics->count++] = (struct entry){metric, labels, source};
}

static void
add_stored(struct metrics *metrics, const struct picture *picture)
{
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        const struct layout *layout = track->head != NULL ? track->head->layout : NULL;
        const char *source = arena_text(&metrics->arena, track->name, strlen(track->name));
        for (size_t c = 0; layout != NULL && c < layout->count; c++) {
            add(metrics, layout->series[c]->metric, layout->series[c]->labels, source);
        }
    }
}

/* One row for the whole of the metric, and one for each value of its first label when it has one.
 */
static void
add_derived(struct metrics *metrics, const struct metric *metric, const struct picture *picture)
{
    struct str keys = str_from(metric->labels), key;
    if (!isnan(query_once(picture, metric->name, NULL))) {
        add(metrics, metric, "", NULL);
    }
    if (!str_word(&keys, &key)) {
        return;
    }
    const char *values[DERIVED_VALUES_MAX];
    char label[64];
    str_copy(key, label, sizeof(label));
    size_t count = query_label_values(picture, metric->name, label, &metrics->arena, values,
                                      DERIVED_VALUES_MAX);
    for (size_t i = 0; i < count; i++) {
        char labels[LABELS_BYTES] = "";
        labels_add(labels, sizeof(labels), label, str_from(values[i]));
        add(metrics, metric, arena_text(&metrics->arena, labels, strlen(labels)), NULL);
    }
}

/* The metrics that have series, by their addresses. */
static struct map
metrics_stored(struct metrics *metrics)
{
    struct map stored;
    map_init(&stored, SERIES_MAX);
    for (size_t i = 0; i < metrics->count; i++) {
        map_put(&stored, (uintptr_t)metrics->entries[i].metric, &metrics->entries[i]);
    }
    return stored;
}

static int
is_own(const struct metric *metric)
{
    return strncmp(metric->name, "flametop.", 9) == 0;
}

static int
compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    /* What it says of itself comes last. */
    int own = is_own(left->metric) - is_own(right->metric);
    if (own != 0) {
        return own;
    }
    int order = strcmp(left->metric->name, right->metric->name);
    return order != 0 ? order : strverscmp(left->labels, right->labels);
}

/* Whether every word of the filter is in the name, the labels or the source, or another name of the
 * metric (system.cpuUsage); with `meanings` in its sentence as well. */
static bool
matches(struct catalog *catalog, const struct entry *entry, const char *words, bool meanings)
{
    struct str rest = str_from(words), word;
    while (str_word(&rest, &word)) {
        char text[128];
        str_copy(word, text, sizeof(text));
        bool negated = text[0] == '!' && text[1] != '\0';
        const char *wanted = negated ? text + 1 : text;
        bool found = strcasestr(entry->metric->name, wanted) != NULL ||
                     catalog_metric(catalog, wanted) == entry->metric ||
                     strcasestr(entry->labels, wanted) != NULL ||
                     (entry->source != NULL && strcasestr(entry->source, wanted) != NULL) ||
                     (meanings && !negated && strcasestr(entry->metric->text, wanted) != NULL);
        if (found == negated) {
            return false;
        }
    }
    return true;
}

static bool
same_entry(const struct entry *a, const struct entry *b)
{
    return a->metric == b->metric && strcmp(a->labels, b->labels) == 0;
}

/* The cursor stays on its row where that is still shown, or on the metric's first one: a metric
 * read on demand becomes its series. */
static void
show_matching(struct metrics *metrics, const struct entry *keep, bool meanings)
{
    bool found = false;
    for (size_t i = 0; metrics->shown != NULL && i < metrics->count; i++) {
        if (!matches(metrics->catalog, &metrics->entries[i], metrics->filter, meanings)) {
            continue;
        }
        bool same = keep->metric != NULL && same_entry(keep, &metrics->entries[i]);
        if (same || (!found && keep->metric == metrics->entries[i].metric)) {
            metrics->selected = metrics->shown_count;
            found = true;
        }
        metrics->shown[metrics->shown_count++] = i;
    }
}

/* Applies the filter: by names, and when nothing is called so, by what metrics mean. */
static void
filter(struct metrics *metrics, const struct entry *keep)
{
    free(metrics->shown);
    metrics->shown = calloc(MAX(metrics->count, (size_t)1), sizeof(*metrics->shown));
    metrics->shown_count = 0;
    metrics->selected = 0;
    show_matching(metrics, keep, false);
    if (metrics->shown_count == 0) {
        show_matching(metrics, keep, true);
    }
}

static const struct entry *
selected_entry(const struct metrics *metrics)
{
    return metrics->selected < metrics->shown_count
               ? &metrics->entries[metrics->shown[metrics->selected]]
               : NULL;
}

static void
refresh(struct metrics *metrics, const struct panel_context *context)
{
    const struct picture *picture = context->picture;
    uint64_t signature = picture_signature(picture);
    bool derived_due = picture->number - metrics->derived_at >= DERIVED_EVERY;
    if (signature == metrics->signature && !derived_due && metrics->shown != NULL) {
        return;
    }
    char labels[LABELS_BYTES];
    struct entry keep = {0};
    const struct entry *selected = selected_entry(metrics);
    if (selected != NULL) {
        keep = *selected;
        keep.labels = str_copy(str_from(selected->labels), labels, sizeof(labels));
    }
    metrics->signature = signature;
    metrics->derived_at = picture->number;
    metrics->count = 0;
    arena_clear(&metrics->arena);
    add_stored(metrics, picture);
    struct map stored = metrics_stored(metrics);
    const struct metric *metric;
    for (size_t i = 0; (metric = catalog_metric_at(metrics->catalog, i)) != NULL; i++) {
        if (metric->formula != NULL) {
            add_derived(metrics, metric, picture);
        } else if (metric->on_demand && map_get(&stored, (uintptr_t)metric) == NULL) {
            add(metrics, metric, "", "on demand");
        }
    }
    map_done(&stored);
    if (metrics->count > 0) {
        qsort(metrics->entries, metrics->count, sizeof(*metrics->entries), compare_entries);
    }
    filter(metrics, &keep);
}

/* ---- charts of the visible rows ---- */

static struct slot *
slot_find(struct metrics *metrics, const struct entry *entry)
{
    struct slot *oldest = &metrics->slots[0];
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &metrics->slots[i];
        if (slot->entry.metric != NULL && same_entry(&slot->entry, entry)) {
            return slot;
        }
        oldest = slot->used < oldest->used ? slot : oldest;
    }
    return oldest;
}

/* The labels of a slot are its own: the list's may be gone at the next refresh. */
static struct reading *
slot_reading(struct metrics *metrics, const struct entry *entry)
{
    struct slot *slot = slot_find(metrics, entry);
    slot->used = metrics->drawing;
    if (slot->entry.metric == NULL || !same_entry(&slot->entry, entry)) {
        reading_close(&slot->reading);
        /* The catalog keeps its texts, so the series' labels outlive the list. */
        const struct series *series =
            catalog_series(metrics->catalog, entry->metric, entry->labels);
        slot->entry = (struct entry){series != NULL ? entry->metric : NULL,
                                     series != NULL ? series->labels : "", NULL};
        reading_open(&slot->reading, metrics->catalog, entry->metric->name, entry->labels, NULL);
    }
    return &slot->reading;
}

/* ---- drawing ---- */

struct grid {
    int name, spark, source, sentence; /* cells; 0: not shown */
};

static struct grid
grid_of(int width)
{
    struct grid grid = {.spark = SPARK_WIDTH, .source = SOURCE_WIDTH};
    int rest = width - VALUE_WIDTH - 2;
    if (rest - grid.spark - grid.source - 2 < NAME_WIDTH_MIN) {
        grid.source = 0;
        grid.spark = MAX(MIN(SPARK_WIDTH, rest - NAME_WIDTH_MIN - 1), 0);
    }
    rest -= grid.spark + 1 + (grid.source > 0 ? grid.source + 2 : 0);
    grid.name = MIN(rest, NAME_WIDTH);
    if (rest - grid.name - 2 >= SENTENCE_WIDTH_MIN) {
        grid.sentence = rest - grid.name - 2;
    } else {
        grid.name = rest;
    }
    return grid;
}

static void
draw_head(struct canvas *canvas, const struct grid *grid, int x, int y)
{
    canvas_text(canvas, x, y, grid->name, STR("METRIC"), style_dim);
    x += grid->name + 1 + grid->spark + 1;
    canvas_text_right(canvas, x, y, VALUE_WIDTH, STR("VALUE"), style_dim);
    x += VALUE_WIDTH + 2;
    if (grid->source > 0) {
        canvas_text(canvas, x, y, grid->source, STR("SOURCE"), style_dim);
        x += grid->source + 2;
    }
    if (grid->sentence > 0) {
        canvas_text(canvas, x, y, grid->sentence, STR("MEANING"), style_dim);
    }
}

static void
draw_name(struct canvas *canvas, int x, int y, int width, const struct entry *entry)
{
    char labels[TEXT_BYTES];
    int n = canvas_text(canvas, x, y, width, str_from(entry->metric->name), style_text);
    utf8_clean(str_from(entry->labels), labels, sizeof(labels));
    if (labels[0] != '\0' && n + 2 < width) {
        canvas_text(canvas, x + n + 1, y, width - n - 1, str_from(labels), style_dim);
    }
}

static void
draw_entry(struct metrics *metrics, const struct panel_context *context, struct canvas *canvas,
           const struct grid *grid, const struct entry *entry, int x, int y)
{
    struct reading *reading = slot_reading(metrics, entry);
    reading_update(reading, context, MAX(grid->spark, 1));
    draw_name(canvas, x, y, grid->name, entry);
    x += grid->name + 1;
    bool share = strcmp(entry->metric->unit, "1") == 0;
    struct spark spark = reading_spark(reading, share ? READING_SHARE : READING_NICE, ROLE_CHART_1);
    spark_draw(canvas, (struct rect){x, y, grid->spark, 1}, &spark);
    x += grid->spark + 1;
    char text[READING_TEXT];
    enum level level = reading_level(reading);
    canvas_text_right(
        canvas, x, y, VALUE_WIDTH,
        str_from(reading_text(reading, context->glyphs == GLYPHS_ASCII, text)),
        (struct style){level >= LEVEL_WARNING ? level_role(level) : ROLE_VALUE, 0, 0});
    x += VALUE_WIDTH + 2;
    if (grid->source > 0) {
        canvas_text(canvas, x, y, grid->source,
                    str_from(entry->source != NULL ? entry->source : "derived"), style_dim);
        x += grid->source + 2;
    }
    if (grid->sentence > 0) {
        canvas_text(canvas, x, y, grid->sentence, str_from(entry->metric->text), style_dim);
    }
}

static void
draw_frame(const struct metrics *metrics, const struct panel_context *context,
           struct canvas *canvas, struct rect area, bool focused)
{
    char count[64], title[192], span[READING_TEXT];
    if (metrics->filter[0] != '\0') {
        snprintf(title, sizeof(title), "Metrics matching %s", metrics->filter);
        snprintf(count, sizeof(count), "%zu of %zu", metrics->shown_count, metrics->count);
    } else {
        snprintf(title, sizeof(title), "Metrics");
        snprintf(count, sizeof(count), "%zu", metrics->count);
    }
    frame_draw(canvas, area, title, count, focused);
    const struct entry *entry = selected_entry(metrics);
    if (entry != NULL) {
        int width = area.width -
                    frame_note(canvas, area, span_text(context->span_ns, span), true, style_dim);
        struct rect left = {area.x, area.y, width, area.height};
        frame_note(canvas, left, entry->metric->text, false, style_dim);
    }
}

static void
metrics_draw(void *state, const struct panel_context *context, struct canvas *canvas,
             struct rect area, bool focused)
{
    struct metrics *metrics = state;
    refresh(metrics, context);
    metrics->drawing++;
    struct rect clip = canvas_clip(canvas, area);
    draw_frame(metrics, context, canvas, area, focused);
    int x = area.x + 2, width = area.width - 4;
    struct grid grid = grid_of(width);
    metrics->rows = (struct rect){area.x + 1, area.y + 2, area.width - 2, MAX(area.height - 3, 0)};
    metrics->page = MIN(MAX(metrics->rows.height, 1), SLOTS);
    size_t page = (size_t)metrics->page;
    metrics->selected = MIN(metrics->selected, MAX(metrics->shown_count, (size_t)1) - 1);
    metrics->top = metrics->selected < metrics->top ? metrics->selected : metrics->top;
    metrics->top =
        metrics->selected >= metrics->top + page ? metrics->selected + 1 - page : metrics->top;
    draw_head(canvas, &grid, x, area.y + 1);
    if (metrics->shown_count == 0 && metrics->filter[0] != '\0') {
        canvas_text(canvas, x, metrics->rows.y, width,
                    STR("No metric has these words in its name, labels or meaning; Esc shows all."),
                    style_dim);
    }
    for (size_t i = 0; i < page && metrics->top + i < metrics->shown_count; i++) {
        const struct entry *entry = &metrics->entries[metrics->shown[metrics->top + i]];
        int y = metrics->rows.y + (int)i;
        draw_entry(metrics, context, canvas, &grid, entry, x, y);
        if (pins_have(context->pins, entry->metric->name, entry->labels)) {
            canvas_put(canvas, metrics->rows.x, y, '+', (struct style){ROLE_KEY, 0, 0});
        }
        if (focused && metrics->top + i == metrics->selected) {
            canvas_restyle(canvas, (struct rect){metrics->rows.x, y, metrics->rows.width, 1},
                           (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, 0});
            canvas->cursor_x = metrics->rows.x;
            canvas->cursor_y = y;
        }
    }
    canvas_unclip(canvas, clip);
}

static bool
metrics_have_data(void *state, const struct panel_context *context)
{
    (void)state; /* asked with each frame of any view: whether there are series at all */
    for (size_t i = 0; i < context->picture->track_count; i++) {
        const struct track *track = &context->picture->tracks[i];
        if ((track->head != NULL && track->head->layout->count > 0) ||
            (track->chunks != NULL && track->chunks->count > 0)) {
            return true;
        }
    }
    return false;
}

/* ---- commands ---- */

static bool
move(struct metrics *metrics, const char *name)
{
    int64_t page = MAX(metrics->page, 1), last = (int64_t)MAX(metrics->shown_count, (size_t)1) - 1;
    const struct {
        const char *name;
        int64_t by;
    } moves[] = {{"move.up", -1},          {"move.down", 1},        {"move.page.up", -page},
                 {"move.page.down", page}, {"move.first", -last},   {"move.last", last},
                 {"page.next", page},      {"page.previous", -page}};
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        if (strcmp(name, moves[i].name) == 0) {
            metrics->selected = (size_t)CLAMP((int64_t)metrics->selected + moves[i].by, 0, last);
            return true;
        }
    }
    return false;
}

static bool
find_matching(struct metrics *metrics, int step, bool meanings)
{
    size_t n = metrics->shown_count;
    for (size_t i = 1; i <= n && metrics->search[0] != '\0'; i++) {
        size_t at = (metrics->selected + (step > 0 ? i : n - i)) % n;
        const struct entry *entry = &metrics->entries[metrics->shown[at]];
        if (matches(metrics->catalog, entry, metrics->search, meanings)) {
            metrics->selected = at;
            return true;
        }
    }
    return false;
}

/* The next match after the cursor in a direction, around the end: by names before meanings. */
static bool
find(struct metrics *metrics, int step)
{
    return find_matching(metrics, step, false) || find_matching(metrics, step, true);
}

static void
search_set(struct metrics *metrics, const struct panel_context *context, const char *argument)
{
    str_copy(str_from(argument), metrics->search, sizeof(metrics->search));
    const struct entry *entry = selected_entry(metrics);
    if (entry != NULL && matches(metrics->catalog, entry, metrics->search, false)) {
        return;
    }
    if (argument[0] != '\0' && !find(metrics, 1)) {
        panel_say(context, "no metric matches %s", argument);
    }
}

static void
filter_set(struct metrics *metrics, const char *argument)
{
    const struct entry *entry = selected_entry(metrics);
    struct entry keep = entry != NULL ? *entry : (struct entry){0};
    str_copy(str_from(argument), metrics->filter, sizeof(metrics->filter));
    filter(metrics, &keep);
}

/* Clears the search, then the filter; false when there is neither. */
static bool
escape(struct metrics *metrics)
{
    bool searched = metrics->search[0] != '\0', filtered = metrics->filter[0] != '\0';
    metrics->search[0] = '\0';
    if (!searched && filtered) {
        filter_set(metrics, "");
    }
    return searched || filtered;
}

/* "system.disk.io{device=sda} 1.2 MB/s" */
static void
copy(struct metrics *metrics, const struct panel_context *context, const struct entry *entry)
{
    char value[READING_TEXT], text[2 * TEXT_BYTES];
    reading_text(slot_reading(metrics, entry), true, value);
    bool labelled = entry->labels[0] != '\0';
    snprintf(text, sizeof(text), "%s%s%s%s %s", entry->metric->name, labelled ? "{" : "",
             entry->labels, labelled ? "}" : "", value);
    panel_copy(context, str_from(text));
}

static enum reaction
metrics_command(void *state, const struct panel_context *context, const char *name,
                const char *argument)
{
    struct metrics *metrics = state;
    const struct entry *entry = selected_entry(metrics);
    if (strcmp(name, "open") == 0 && entry != NULL) {
        panel_open_chart(context, entry->metric->name, entry->labels);
    } else if ((strcmp(name, "pin") == 0 || strcmp(name, "unpin") == 0) && entry != NULL) {
        panel_pin(context, entry->metric->name, entry->labels, strcmp(name, "pin") == 0);
    } else if (strcmp(name, "copy") == 0 && entry != NULL) {
        copy(metrics, context, entry);
    } else if (strcmp(name, "filter.set") == 0) {
        filter_set(metrics, argument);
    } else if (strcmp(name, "search.set") == 0) {
        search_set(metrics, context, argument);
    } else if (strcmp(name, "search.next") == 0 || strcmp(name, "search.previous") == 0) {
        find(metrics, strcmp(name, "search.next") == 0 ? 1 : -1);
    } else if (strcmp(name, "escape") == 0) {
        return escape(metrics) ? REACTION_HANDLED : REACTION_NONE;
    } else if (!move(metrics, name)) {
        return REACTION_NONE;
    }
    return REACTION_HANDLED;
}

static const char *
metrics_current(void *state, const char *command)
{
    const struct metrics *metrics = state;
    return strcmp(command, "filter.set") == 0   ? metrics->filter
           : strcmp(command, "search.set") == 0 ? metrics->search
                                                : NULL;
}

static enum reaction
metrics_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct metrics *metrics = state;
    (void)x;
    if (button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN) {
        return move(metrics, button == TERM_WHEEL_UP ? "move.up" : "move.down") ? REACTION_HANDLED
                                                                                : REACTION_NONE;
    }
    int row = y - metrics->rows.y;
    bool inside =
        row >= 0 && row < metrics->page && metrics->top + (size_t)row < metrics->shown_count;
    if (!inside || (button != TERM_CLICK && button != TERM_DOUBLE_CLICK)) {
        return REACTION_NONE;
    }
    metrics->selected = metrics->top + (size_t)row;
    return button == TERM_DOUBLE_CLICK ? metrics_command(metrics, context, "open", "")
                                       : REACTION_HANDLED;
}

static void
metrics_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    const struct entry *entry = selected_entry(state);
    (void)context;
    interest_in_metric(interest, entry != NULL ? entry->metric : NULL);
}

const struct panel panel_metrics = {
    .name = "metrics",
    .title = "Metrics",
    .open = metrics_open,
    .close = metrics_close,
    .has_data = metrics_have_data,
    .draw = metrics_draw,
    .command = metrics_command,
    .current = metrics_current,
    .interest = metrics_interest,
    .mouse = metrics_mouse,
};
