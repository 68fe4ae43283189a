/* The program's tables, printed as mdoc lists. Sentences stand on lines of their own, where only a
 * leading dot, a leading apostrophe and the backslash have a meaning. */
#include "docs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/config/alias.h"
#include "flametop/config/command_line.h"
#include "flametop/core/unit.h"
#include "flametop/engine/collector.h"
#include "flametop/sources/beam_metrics.h"
#include "flametop/sources/endpoint.h"
#include "flametop/sources/table.h"
#include "flametop/trace/requests.h"
#include "flametop/trace/store.h"
#include "flametop/ui/app.h"

static void
escape(struct buf *out, const char *text)
{
    buf_puts(out, text[0] == '.' || text[0] == '\'' ? "\\&" : "");
    for (const char *p = text; *p != 0; p++) {
        if (*p == '\\') {
            buf_puts(out, "\\e");
        } else {
            buf_putc(out, *p);
        }
    }
}

/* mandoc wants each sentence to begin on its own line. */
static void
sentences(struct buf *out, const char *text)
{
    const char *start = text;
    for (const char *p = text; *p != 0; p++) {
        bool ends = (*p == '.' || *p == '?') && p[1] == ' ' && p[2] >= 'A' && p[2] <= 'Z';
        if (ends) {
            char one[512];
            escape(out, str_copy((struct str){start, (size_t)(p + 1 - start)}, one, sizeof(one)));
            buf_putc(out, '\n');
            start = ++p + 1;
        }
    }
    escape(out, start);
    buf_putc(out, '\n');
}

static void
list_begin(struct buf *out)
{
    buf_puts(out, ".Bl -tag -width Ds\n");
}

static void
list_end(struct buf *out)
{
    buf_puts(out, ".El\n");
}

static void
flag_item(struct buf *out, char letter, const char *flag, const char *argument)
{
    buf_puts(out, ".It ");
    if (letter != 0) {
        buf_printf(out, "Fl %c%s%s , ", letter, argument != NULL ? " Ar " : "",
                   argument != NULL ? argument : "");
    }
    if (argument != NULL && argument[0] == '[') { /* "[=WORD]" */
        buf_printf(out, "Fl -%s Ns Op = Ns Ar %.*s\n", flag, (int)strlen(argument) - 3,
                   argument + 2);
        return;
    }
    buf_printf(out, "Fl -%s%s%s\n", flag, argument != NULL ? " Ar " : "",
               argument != NULL ? argument : "");
}

static void
choices(struct buf *out, const struct option *option)
{
    struct str word;
    for (size_t i = 0; option->choices != NULL && option_choice(option, i, &word); i++) {
        struct str next;
        bool last = !option_choice(option, i + 1, &next);
        buf_printf(out, "%s.Cm %.*s%s", i == 0 ? "One of\n" : "", (int)word.n, word.p,
                   last ? " .\n" : " ,\n");
    }
}

static void
print_flags(struct catalog *catalog, struct buf *out)
{
    (void)catalog;
    list_begin(out);
    for (size_t i = 0; i < general_flag_table_count; i++) {
        const struct general_flag *row = &general_flag_table[i];
        if (row->text != NULL) {
            flag_item(out, row->letter, row->flag, row->argument);
            sentences(out, row->text);
        }
    }
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *row = &option_table[i];
        if (row->flag == NULL) {
            continue;
        }
        char flag[64];
        snprintf(flag, sizeof(flag), "%s%s", row->off != NULL ? "no-" : "", row->flag);
        flag_item(out, row->letter, flag, row->argument);
        if (row->command != NULL) {
            buf_printf(out, "Only with\n.Cm %s .\n", row->command);
        }
        sentences(out, option_flag_text(row));
        choices(out, row);
        if (row->type != OPTION_BOOL && row->fallback[0] != 0) {
            buf_printf(out, "The default is\n.Li %s .\n", row->fallback);
        }
    }
    list_end(out);
}

static void
print_subcommands(struct catalog *catalog, struct buf *out)
{
    (void)catalog;
    list_begin(out);
    for (size_t i = 0; i < subcommand_table_count; i++) {
        const struct subcommand *row = &subcommand_table[i];
        /* "[TARGET]" without its brackets, which Op draws. */
        bool optional = row->arguments[0] == '[';
        struct str argument = {row->arguments + optional,
                               strlen(row->arguments) - 2 * (size_t)optional};
        buf_printf(out, ".It Nm%s%s%s%s%.*s\n", row->name[0] != 0 ? " Cm " : "", row->name,
                   optional ? " Op" : "", argument.n > 0 ? " Ar " : "", (int)argument.n,
                   argument.p);
        sentences(out, row->text);
    }
    list_end(out);
}

/* One argument of a macro line, where punctuation would otherwise be taken for what follows the
 * argument. */
static void
macro_word(struct buf *out, struct str word)
{
    buf_puts(out, "\\&");
    for (size_t i = 0; i < word.n; i++) {
        static const char *const named[][2] = {
            {"\\", "\\e"}, {"\"", "\\(dq"}, {"-", "\\-"}, {"'", "\\(aq"}, {" ", "\\ "}};
        const char *text = NULL;
        for (size_t j = 0; j < ARRAY_SIZE(named); j++) {
            text = word.p[i] == named[j][0][0] ? named[j][1] : text;
        }
        if (text != NULL) {
            buf_puts(out, text);
        } else {
            buf_putc(out, word.p[i]);
        }
    }
}

/* The next field of a row whose fields are separated by tabs. */
static struct str
field(struct str *rest)
{
    struct str part = {"", 0};
    str_until(rest, '\t', &part);
    return part;
}

static void
sentence_of(struct buf *out, struct str text)
{
    char copy[512];
    sentences(out, str_copy(text, copy, sizeof(copy)));
}

static void
print_keys(struct catalog *catalog, struct buf *out)
{
    (void)catalog;
    struct buf rows;
    buf_init(&rows, (size_t)1 << 20);
    app_print_keys(&rows);
    struct str rest = {rows.data, rows.n}, row, context = {NULL, 0};
    while (str_line(&rest, &row)) {
        struct str of = field(&row), key = field(&row), command = field(&row), text = field(&row);
        if (context.p == NULL || of.n != context.n || memcmp(of.p, context.p, of.n) != 0) {
            buf_puts(out, context.p != NULL ? ".El\n" : "");
            buf_printf(out, ".Ss Keys: %.*s\n.Bl -tag -width PgDnxx -compact\n",
                       of.n > 0 ? (int)of.n : 10, of.n > 0 ? of.p : "everywhere");
            context = of;
        }
        buf_puts(out, ".It Ic ");
        macro_word(out, key);
        buf_putc(out, '\n');
        sentence_of(out, text);
        buf_puts(out, ".Pq Cm ");
        macro_word(out, command);
        buf_putc(out, '\n');
    }
    buf_puts(out, context.p != NULL ? ".El\n" : "");
    buf_done(&rows);
}

static void
print_commands(struct catalog *catalog, struct buf *out)
{
    (void)catalog;
    struct buf rows;
    buf_init(&rows, (size_t)1 << 20);
    app_print_commands(&rows);
    struct str rest = {rows.data, rows.n}, row;
    list_begin(out);
    while (str_line(&rest, &row)) {
        struct str name = field(&row), usage = field(&row), text = field(&row);
        buf_puts(out, ".It Cm ");
        macro_word(out, name);
        if (usage.n > 0) {
            buf_puts(out, " Ar ");
            macro_word(out, usage);
        }
        buf_putc(out, '\n');
        sentence_of(out, text);
    }
    list_end(out);
    buf_done(&rows);
}

static const char *
type_text(const struct option *option)
{
    static const char *const texts[] = {
        [OPTION_BOOL] = "True or false", [OPTION_INTEGER] = "A whole number",
        [OPTION_REAL] = "A number",      [OPTION_DURATION] = "A time",
        [OPTION_SIZE] = "A size",        [OPTION_TEXT] = "A text",
        [OPTION_CHOICE] = "A word",      [OPTION_LIST] = "A list",
    };
    return texts[option->type];
}

static void
bounds(struct buf *out, const struct option *option)
{
    if (option->low == 0 && option->high == 0) {
        return;
    }
    double scale = option->type == OPTION_DURATION ? 1e9 : 1;
    struct option low = *option;
    low.type = option->type == OPTION_LIST ? OPTION_INTEGER : option->type;
    struct option_value from = {.integer = (int64_t)(option->low * scale), .real = option->low};
    struct option_value to = {.integer = (int64_t)(option->high * scale), .real = option->high};
    buf_puts(out, " from ");
    option_print(&low, NULL, &from, out);
    buf_puts(out, " to ");
    option_print(&low, NULL, &to, out);
}

/* FLAMETOP_HISTORY_BYTES and the flag. */
static void
other_ways(struct buf *out, const struct option *option)
{
    buf_puts(out, "Environment:\n.Ev FLAMETOP_");
    for (const char *p = option->name; *p != 0; p++) {
        buf_putc(out, *p == '.' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
    }
    if (option->flag != NULL) {
        buf_printf(out, " ;\nflag:\n.Fl -%s", option->flag);
    }
    buf_puts(out, " .\n");
}

static void
option_item(struct buf *out, const char *name, const struct option *row)
{
    buf_printf(out, ".It Ic %s\n", name);
    sentences(out, row->text);
    choices(out, row);
    if (row->choices == NULL) {
        buf_printf(out, "%s", type_text(row));
        bounds(out, row);
        buf_puts(out, ".\n");
    }
    if (row->fallback != NULL && row->fallback[0] != 0) {
        buf_printf(out, "The default is\n.Li %s .\n", row->fallback);
    }
}

static void
print_options(struct catalog *catalog, struct buf *out)
{
    (void)catalog;
    list_begin(out);
    for (size_t i = 0; i < option_table_count; i++) {
        option_item(out, option_table[i].name, &option_table[i]);
        other_ways(out, &option_table[i]);
    }
    for (size_t i = 0; i < option_section_table_count; i++) {
        const struct option_section *section = &option_section_table[i];
        char name[96];
        if (section->fields == NULL) {
            snprintf(name, sizeof(name), "%s.%s", section->name, section->argument);
            buf_printf(out, ".It Ic %s\n", name);
            sentences(out, section->text);
        }
        for (size_t j = 0; j < section->field_count; j++) {
            snprintf(name, sizeof(name), "%s.%s.%s", section->name, section->argument,
                     section->fields[j].name);
            option_item(out, name, &section->fields[j]);
        }
    }
    list_end(out);
}

static void
label_list(struct buf *out, const char *labels)
{
    struct str rest = str_from(labels), word;
    for (bool first = true; str_word(&rest, &word); first = false) {
        buf_printf(out, "%s%.*s", first ? "; by " : ", ", (int)word.n, word.p);
    }
}

static void
levels(struct buf *out, struct catalog *catalog, const struct metric *metric)
{
    double warning, critical;
    char text[2][48];
    if (!catalog_thresholds(catalog, metric, &warning, &critical)) {
        return;
    }
    buf_printf(out, "; warning at %s, critical at %s",
               unit_format(warning, metric->unit, false, text[0], 48),
               unit_format(critical, metric->unit, false, text[1], 48));
}

static void
metric_item(struct buf *out, struct catalog *catalog, const struct metric *metric)
{
    static const char *const better[] = {"", "; less is better", "; more is better"};
    buf_printf(out, ".It Ic %s\n", metric->name);
    sentences(out, metric->text);
    const char *kind = metric->kind == METRIC_COUNTER ? "Counter" : "Gauge";
    buf_printf(out, "%s in %s", metric->formula != NULL ? "Derived" : kind,
               metric->unit[0] != 0 ? metric->unit : "plain numbers");
    label_list(out, metric->labels);
    buf_puts(out, better[metric->better]);
    levels(out, catalog, metric);
    buf_puts(out, ".\n");
    if (metric->formula != NULL) {
        buf_puts(out, ".Dl ");
        escape(out, metric->formula);
        buf_putc(out, '\n');
    }
}

static void
metric_list(struct buf *out, struct catalog *catalog, const struct metric *metrics, size_t count)
{
    list_begin(out);
    for (size_t i = 0; i < count; i++) {
        metric_item(out, catalog, &metrics[i]);
    }
    list_end(out);
}

static bool
is_of(const struct metric *metric, const struct source *source)
{
    return metric >= source->metrics && metric < source->metrics + source->metric_count;
}

static bool
belongs_to_source(const struct metric *metric)
{
    bool belongs = is_of(metric, &source_requests);
    for (size_t i = 0; i < source_table_count && !belongs; i++) {
        belongs = is_of(metric, source_table[i]);
    }
    return belongs;
}

static bool
belongs_to_kind(const struct metric *metric)
{
    struct endpoint_kind kind;
    for (size_t i = 0; endpoint_kind(i, &kind); i++) {
        for (size_t j = 0; j < kind.metric_count; j++) {
            if (metric == &kind.metrics[j]) {
                return true;
            }
        }
    }
    return false;
}

/* What is told of an Erlang node: of no source of this machine, and of no server's kind. */
static const struct {
    const char *name, *text;
    const struct metric *metrics;
    size_t count;
} node_metrics[] = {
    {"beam", "An Erlang or Elixir node.", beam_metrics, BEAM_METRIC_COUNT},
    {"pools", "Pools of workers and queues of a node.", pool_metrics, POOL_METRIC_COUNT},
};

static bool
belongs_to_node(const struct metric *metric)
{
    for (size_t i = 0; i < ARRAY_SIZE(node_metrics); i++) {
        for (size_t j = 0; j < node_metrics[i].count; j++) {
            if (metric == &node_metrics[i].metrics[j]) {
                return true;
            }
        }
    }
    return false;
}

static void
print_source(struct buf *out, struct catalog *catalog, const struct source *source)
{
    if (source->metric_count > 0) {
        buf_printf(out, ".Ss %s\n", source->name);
        sentences(out, source->text);
        metric_list(out, catalog, source->metrics, source->metric_count);
    }
}

static void
print_metrics(struct catalog *catalog, struct buf *out)
{
    for (size_t i = 0; i < source_table_count; i++) {
        print_source(out, catalog, source_table[i]);
    }
    print_source(out, catalog, &source_requests);
    buf_puts(out,
             ".Ss flametop\nThe monitor itself: what it costs and what it had to leave out.\n");
    list_begin(out);
    const struct metric *metric;
    for (size_t i = 0; (metric = catalog_metric_at(catalog, i)) != NULL; i++) {
        if (!belongs_to_source(metric) && !belongs_to_kind(metric) && !belongs_to_node(metric)) {
            metric_item(out, catalog, metric);
        }
    }
    list_end(out);
    for (size_t i = 0; i < ARRAY_SIZE(node_metrics); i++) {
        buf_printf(out, ".Ss %s\n", node_metrics[i].name);
        sentences(out, node_metrics[i].text);
        metric_list(out, catalog, node_metrics[i].metrics, node_metrics[i].count);
    }
    struct endpoint_kind kind, next;
    for (size_t i = 0; endpoint_kind(i, &kind); i++) {
        bool shared = endpoint_kind(i + 1, &next) && next.metrics == kind.metrics;
        if (kind.metric_count > 0 && !shared) {
            buf_printf(out, ".Ss %s\n", kind.name);
            sentences(out, kind.text);
            metric_list(out, catalog, kind.metrics, kind.metric_count);
        }
    }
}

static void
table_item(struct buf *out, const struct table_def *table)
{
    buf_printf(out, ".Ss %s\n", table->name);
    sentences(out, table->text);
    list_begin(out);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        buf_printf(out, ".It Ic %s\n", column->name);
        buf_printf(out, "%s%s%s%s.\n", column->title[0] != 0 ? column->title : column->name,
                   column->unit[0] != 0 ? " in " : "", column->unit,
                   (column->flags & COLUMN_COSTLY) != 0 ? ", read only for rows that are looked at"
                                                        : "");
        sentences(out, column->text);
    }
    list_end(out);
}

static void
print_tables(struct catalog *catalog, struct buf *out)
{
    (void)catalog;
    for (size_t i = 0; i < source_table_count; i++) {
        for (size_t j = 0; j < source_table[i]->table_count; j++) {
            table_item(out, source_table[i]->tables[j]);
        }
    }
    table_item(out, &request_table);
    for (size_t i = 0; i < BEAM_TABLES; i++) {
        table_item(out, beam_tables[i]);
    }
}

static void
print_aliases(struct catalog *catalog, struct buf *out)
{
    (void)catalog;
    buf_puts(out, ".Bl -column \"system.memory_utilization\" \"system.filesystem.utilization\"\n");
    for (size_t i = 0; i < metric_alias_table_count; i++) {
        buf_printf(out, ".It %s Ta %s\n", metric_alias_table[i].alias, metric_alias_table[i].name);
    }
    for (size_t i = 0; i < option_alias_table_count; i++) {
        buf_printf(out, ".It %s Ta %s\n", option_alias_table[i].alias, option_alias_table[i].name);
    }
    list_end(out);
}

static const struct {
    const char *topic;
    void (*print)(struct catalog *catalog, struct buf *out);
} topics[] = {
    {"aliases", print_aliases},
    {"commands", print_commands},
    {"flags", print_flags},
    {"keys", print_keys},
    {"metrics", print_metrics},
    {"options", print_options},
    {"subcommands", print_subcommands},
    {"tables", print_tables},
};

const char *
docs_topics(void)
{
    return "aliases commands flags keys metrics options subcommands tables";
}

bool
docs_print(const char *topic, struct catalog *catalog, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
        if (strcmp(topics[i].topic, topic) == 0) {
            topics[i].print(catalog, out);
            return true;
        }
    }
    return false;
}
