/* The table of commands, and finding them by name. What they do is in app_command.c; what a panel
 * answers, there. */
#include "command.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"
#include "flametop/base/moment.h"
#include "app_state.h"
#include "panels/panels.h"

void
words_add(struct words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->list[i], word) == 0) {
            return;
        }
    }
    if (words->count < WORDS_MAX && strlen(word) < WORD_BYTES) {
        strlcpy(words->list[words->count++], word, WORD_BYTES);
    }
}

static void
words_columns(const struct app *app, struct words *words)
{
    const struct picture *picture = app_shown(app);
    const struct table *table = picture != NULL ? picture_table(picture, "processes") : NULL;
    for (size_t i = 0; table != NULL && i < table->def->column_count; i++) {
        words_add(words, table->def->columns[i].title);
    }
}

static void
words_groups(const struct app *app, struct words *words)
{
    (void)app;
    static const char *const usual[] = {"request", "endpoint", "tool", "service"};
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        words_add(words, usual[i]);
    }
}

static void
words_intervals(const struct app *app, struct words *words)
{
    (void)app;
    static const char *const often[] = {"100ms", "250ms", "500ms", "1s", "2s",
                                        "5s",    "10s",   "30s",   "60s"};
    for (size_t i = 0; i < ARRAY_SIZE(often); i++) {
        words_add(words, often[i]);
    }
}

static void
words_keymaps(const struct app *app, struct words *words)
{
    (void)app;
    keymap_presets(words);
}

static void
words_spans(const struct app *app, struct words *words)
{
    (void)app;
    for (size_t i = 0; i < span_count; i++) {
        words_add(words, span_table[i].name);
    }
}

static void
add_theme(void *context, const char *name)
{
    words_add(context, name);
}

static void
words_themes(const struct app *app, struct words *words)
{
    (void)app;
    theme_list(add_theme, words);
}

static void
words_views(const struct app *app, struct words *words)
{
    (void)app;
    for (size_t i = 0; i < view_count; i++) {
        if (view_table[i].number < VIEW_CHART) {
            words_add(words, view_table[i].name);
        }
    }
}

const struct command command_table[] = {
    {"accept", "", "Copies flametop to a host that has none, after a question.", NULL, true,
     app_do_accept},
    {"close", "", "Closes what is open; with nothing open, leaves.", NULL, false, app_do_close},
    {"columns", "", "Chooses the columns of the table.", NULL, false, NULL},
    {"command", "", "Asks for a command by name; Tab completes it.", NULL, false, app_do_command},
    {"compare", "",
     "Compares the selected requests with those marked, else the slow with the typical.", NULL,
     false, NULL},
    {"compare.before", "",
     "Compares the selected requests of the time that is shown, or in the rectangle, with those of "
     "as long before.",
     NULL, false, app_do_compare_before},
    {"copy", "", "Copies the selected row, or the id of a request, to the clipboard.", NULL, false,
     NULL},
    {"escape", "", "Closes what is open and clears search and filter; never leaves.", NULL, false,
     app_do_escape},
    {"evidence", "", "Shows what the diagnosis is based on.", NULL, false, app_do_evidence},
    {"export", "[FILE]", "Writes the selected request to a file, as OTLP JSON.", NULL, false, NULL},
    {"filter.set", "[TEXT]", "Shows matching rows only: beam cpu>5 user=www rss>1G !sleep /regex/.",
     "filter", false, NULL},
    {"flame.collapse", "", "Shows repeated calls of a frame to itself as one, or each.", NULL,
     false, NULL},
    {"flame.flip", "", "Turns the flame graph upside down.", NULL, false, NULL},
    {"flame.hide", "", "Leaves out the stacks with the selected frame.", NULL, false, NULL},
    {"flame.invert", "", "Shows what ran first and what called it below, or the root first.", NULL,
     false, NULL},
    {"flame.keep", "", "Shows only the stacks with the selected frame.", NULL, false, NULL},
    {"flame.measure", "", "Shows the next of the things that the profile measured.", NULL, false,
     NULL},
    {"flame.open", "[PID|machine|node [WHAT]]",
     "Shows the flame graph of what is selected, or the machine; then holds or goes on.", NULL,
     false, app_do_flame_open},
    {"flame.order", "",
     "Shows calls in the order of time, where a profile has it, or the heaviest first.", NULL,
     false, NULL},
    {"flame.out", "", "Zooms out of the flame graph.", NULL, false, NULL},
    {"flame.sandwich", "", "Shows what calls the selected frame above it, and what it calls below.",
     NULL, false, NULL},
    {"flame.save", "[FILE]",
     "Writes the flame graph that is shown to a file: .svg, .speedscope.json, .json or .folded.",
     NULL, false, NULL},
    {"flame.swap", "", "Shows the widths of the other side of a comparison.", NULL, false, NULL},
    {"flame.undo", "", "Takes back the last change of what the flame graph shows.", NULL, false,
     NULL},
    {"flame.wall", "",
     "Samples processes of an Erlang node where they wait as well, or only where they work.", NULL,
     false, app_do_flame_wall},
    {"follow", "", "Keeps the selected row in view wherever it moves.", NULL, false, NULL},
    {"help", "[TEXT]",
     "Shows keys and commands, or those with a text; Enter runs the selected one.", NULL, false,
     app_do_help},
    {"interval", "TIME", "Sets how often is measured, 100ms to 60s: interval 2s.", "interval",
     false, app_do_interval},
    {"keymap", "NAME", "Adds the keys of htop, vim or atop.", "keymap", false, app_do_keymap},
    {"live", "", "Goes back to the present; where the connection is lost, tries again now.", NULL,
     false, app_do_live},
    {"log", "", "Shows the newest lines of the log.", NULL, false, app_do_log},
    {"mark", "", "Marks the selected request, group or rectangle, to compare others with.", NULL,
     false, NULL},
    {"move.down", "", "Moves down.", NULL, false, NULL},
    {"move.first", "", "Moves to the first row.", NULL, false, NULL},
    {"move.last", "", "Moves to the last row.", NULL, false, NULL},
    {"move.left", "", "Moves left.", NULL, false, NULL},
    {"move.page.down", "", "Moves a page down.", NULL, false, NULL},
    {"move.page.up", "", "Moves a page up.", NULL, false, NULL},
    {"move.right", "", "Moves right.", NULL, false, NULL},
    {"move.up", "", "Moves up.", NULL, false, NULL},
    {"open", "", "Opens the selected row, card or chart.", NULL, false, NULL},
    {"page.next", "", "Shows the next page of the view.", NULL, false, NULL},
    {"page.previous", "", "Shows the previous page of the view.", NULL, false, NULL},
    {"panel.next", "", "Moves to the next panel.", NULL, false, app_do_panel_next},
    {"panel.previous", "", "Moves to the previous panel.", NULL, false, app_do_panel_previous},
    {"pause", "", "Holds the moment that is shown, or goes on.", NULL, false, app_do_pause},
    {"pin", "", "Shows the selected metric as a card of the overview.", NULL, false, NULL},
    {"process.environment", "", "Shows the environment the selected process was started with.",
     NULL, false, NULL},
    {"process.nice", "STEP", "Changes the priority of the selected process, after a question.",
     NULL, true, NULL},
    {"process.signal", "[SIGNAL]", "Sends a signal to the selected process, after a question.",
     NULL, true, NULL},
    {"query", "[QUESTION]",
     "Answers a question about the requests: p95 duration by tool where service=shop.",
     "ask (count, p95 duration by tool …)", false, NULL},
    {"quit", "", "Leaves.", NULL, false, app_do_quit},
    {"receive", "", "Receives spans and readings of services: OTLP, Zipkin, StatsD and JSON.", NULL,
     false, app_do_receive},
    {"redraw", "", "Draws the whole screen anew.", NULL, false, app_do_redraw},
    {"request.group", "[TAG]",
     "Groups requests by endpoint, tool, service or any attribute; asks which without one.", NULL,
     false, NULL},
    {"request.path", "", "Shows the critical path of a request alone, or all of it.", NULL, false,
     NULL},
    {"save", "[FILE]", "Saves what is shown as a snapshot.", "save as", false, app_do_save},
    {"search.next", "", "Moves to the next match.", NULL, false, NULL},
    {"search.previous", "", "Moves to the previous match.", NULL, false, NULL},
    {"search.set", "[TEXT]", "Moves to the next row that contains a text.", "search", false, NULL},
    {"select", "", "Begins a rectangle on the heatmap: arrows or a drag, Enter takes it.", NULL,
     false, NULL},
    {"sort.invert", "", "Turns the order round.", NULL, false, NULL},
    {"sort.next", "", "Sorts by the next column.", NULL, false, NULL},
    {"sort.previous", "", "Sorts by the previous column.", NULL, false, NULL},
    {"sort.set", "[COLUMN]", "Sorts by a column; asks which without one.", NULL, false, NULL},
    {"sources", "", "Shows where readings come from: state, cost and errors of each source.", NULL,
     false, app_do_sources},
    {"span", "TIME", "Sets the span of all charts: 1m 5m 10m 1h 6h 24h 7d.", "span", false,
     app_do_span},
    {"span.narrower", "", "Shows less time in all charts.", NULL, false, app_do_span_narrower},
    {"span.wider", "", "Shows more time in all charts.", NULL, false, app_do_span_wider},
    {"suspend", "", "Stops the program; fg goes on.", NULL, false, app_do_suspend},
    {"target", "NAME", "Shows another of the targets by its name.", "target", false, app_do_target},
    {"theme", "NAME", "Changes the colours.", "theme", false, app_do_theme},
    {"time.go", "TIME", "Goes to a time: 13:58, 13:58:30, -5m or 2026-11-21 13:58.",
     "go to (13:58, -5m, 2026-11-21 13:58)", false, app_do_time_go},
    {"time.skip", "TIME", "Goes back (-1m) or forward (1m) in time.", NULL, false,
     app_do_time_skip},
    {"time.step", "N", "Goes N samples back (-1) or forward (1).", NULL, false, app_do_time_step},
    {"tree", "", "Shows parents and children as a tree, or all as a list.", NULL, false, NULL},
    {"tree.fold", "", "Hides what is below the selected row.", NULL, false, NULL},
    {"tree.unfold", "", "Shows what is below the selected row.", NULL, false, NULL},
    {"unpin", "", "Takes the selected metric, or pinned card, off the overview.", NULL, false,
     NULL},
    {"view", "VIEW", "Opens a view by its number or name: view 3, view processes.", "view", false,
     app_do_view},
    {"zoom.in", "", "Shows less time in this chart.", NULL, false, NULL},
    {"zoom.out", "", "Shows more time in this chart.", NULL, false, NULL},
};
const size_t command_count = ARRAY_SIZE(command_table);

static const struct {
    const char *command;
    void (*add)(const struct app *app, struct words *words);
} argument_words[] = {
    {"columns", words_columns},      {"interval", words_intervals},
    {"keymap", words_keymaps},       {"process.signal", panel_signal_words},
    {"request.group", words_groups}, {"sort.set", words_columns},
    {"span", words_spans},           {"target", words_targets},
    {"theme", words_themes},         {"view", words_views},
};

void
command_words(const struct command *command, const struct app *app, struct words *words)
{
    for (size_t i = 0; i < ARRAY_SIZE(argument_words); i++) {
        if (strcmp(argument_words[i].command, command->name) == 0) {
            argument_words[i].add(app, words);
        }
    }
}

static bool
takes_view(const char *argument)
{
    return view_number(argument) >= 0;
}

static bool
takes_span(const char *argument)
{
    int64_t ns;
    return duration_parse(argument, &ns) && ns > 0;
}

static bool
takes_interval(const char *argument)
{
    int64_t ns;
    return duration_parse(argument, &ns) && ns >= INTERVAL_NS_MIN && ns <= INTERVAL_NS_MAX;
}

static bool
takes_time(const char *argument)
{
    int64_t ns;
    return duration_parse(argument, &ns);
}

static bool
takes_moment(const char *argument)
{
    int64_t wall_ns;
    return moment_parse(argument, 0, &wall_ns);
}

static bool
takes_whole(const char *argument)
{
    struct str rest = str_from(argument);
    int64_t number;
    rest.p += *argument == '+';
    rest.n -= *argument == '+';
    return str_i64(&rest, &number) && rest.n == 0;
}

/* Arguments that can be judged before there is anything for them to work on. */
static const struct {
    const char *command;
    bool (*takes)(const char *argument);
    const char *wanted;
} argument_checks[] = {
    {"interval", takes_interval, "a time from 100ms to 60s"},
    {"process.nice", takes_whole, "a step such as 1 or -5"},
    {"span", takes_span, "a time such as 10m"},
    {"time.go", takes_moment, "13:58, 13:58:30, -5m or 2026-11-21 13:58"},
    {"time.skip", takes_time, "a time such as -1m or 30s"},
    {"time.step", takes_whole, "a number of samples such as -1"},
    {"view", takes_view, "a number from 0 to 9, or a name such as processes"},
};

bool
command_check(const char *line, char *why, size_t why_size)
{
    const char *argument = "", *wanted = NULL;
    const struct command *command = command_of_line(line, &argument);
    if (command == NULL) {
        snprintf(why, why_size, "no such command: “%s”", line);
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(argument_checks); i++) {
        if (strcmp(argument_checks[i].command, command->name) == 0 && *argument != '\0' &&
            !argument_checks[i].takes(argument)) {
            wanted = argument_checks[i].wanted;
        }
    }
    if (*argument != '\0' && command->usage[0] == '\0') {
        wanted = "nothing";
    }
    if (wanted != NULL) {
        snprintf(why, why_size, "%s “%s”: after the command %s is asked for", command->name,
                 argument, wanted);
    }
    return wanted == NULL;
}

static bool
begins(const struct command *command, const char *name, size_t n)
{
    return strncmp(command->name, name, n) == 0;
}

const struct command *
command_find(const char *name, size_t n)
{
    const struct command *found = NULL;
    size_t matches = 0;
    for (size_t i = 0; i < command_count && n > 0; i++) {
        if (begins(&command_table[i], name, n)) {
            if (command_table[i].name[n] == '\0') {
                return &command_table[i];
            }
            found = &command_table[i];
            matches++;
        }
    }
    return matches == 1 ? found : NULL;
}

const struct command *
command_of_line(const char *line, const char **ret_argument)
{
    line += strspn(line, " \t");
    size_t n = strcspn(line, " \t");
    const struct command *command = command_find(line, n);
    if (command != NULL && ret_argument != NULL) {
        *ret_argument = line + n + strspn(line + n, " \t");
    }
    return command;
}

bool
command_complete(const char *line, char *dst, size_t size)
{
    size_t n = strlen(line), common = 0, matches = 0;
    const char *first = NULL;
    for (size_t i = 0; i < command_count; i++) {
        if (!begins(&command_table[i], line, n)) {
            continue;
        }
        const char *name = command_table[i].name;
        if (matches++ == 0) {
            first = name;
            common = strlen(name);
        }
        while (strncmp(first, name, common) != 0) {
            common--;
        }
    }
    if (matches == 0 || common + 2 > size || (common == n && matches > 1)) {
        return false;
    }
    memcpy(dst, first, common);
    strlcpy(dst + common, matches == 1 ? " " : "", size - common);
    return true;
}

void
command_candidates(const char *line, char *dst, size_t size)
{
    size_t n = strlen(line), matches = 0;
    dst[0] = '\0';
    for (size_t i = 0; i < command_count; i++) {
        if (begins(&command_table[i], line, n)) {
            strlcat(dst, matches++ > 0 ? " " : "", size);
            strlcat(dst, command_table[i].name, size);
        }
    }
    if (matches < 2) {
        dst[0] = '\0';
    }
}

bool
words_complete(const struct words *words, const char *text, char *dst, size_t size, char *hint,
               size_t hint_size)
{
    size_t n = strlen(text), common = 0, matches = 0;
    const char *first = NULL;
    hint[0] = '\0';
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->list[i];
        if (strncasecmp(word, text, n) != 0) {
            continue;
        }
        if (matches++ == 0) {
            first = word;
            common = strlen(word);
        }
        while (strncasecmp(first, word, common) != 0) {
            common--;
        }
        strlcat(hint, matches > 1 ? " " : "", hint_size);
        strlcat(hint, word, hint_size);
    }
    if (matches < 2) {
        hint[0] = '\0';
    }
    if (matches == 0 || common >= size) {
        return false;
    }
    memcpy(dst, first, common);
    dst[common] = '\0';
    return matches == 1 || common > n;
}
