/* The query command. An agent is asked for its requests; it says how many it holds, and so many are
 * waited for: newest first, until they are here or no more come. */
#include "query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/nearest.h"
#include "flametop/core/picture.h"
#include "flametop/core/query.h"
#include "flametop/core/traces.h"
#include "flametop/core/unit.h"
#include "flametop/trace/query.h"
#include "look.h"
#include "traces.h"

#define ROWS_MAX 100
#define TAG_WIDTH 32
#define VALUE_WIDTH 14
#define PATIENCE_NS (20 * NS_PER_S)
#define QUIET_NS (5 * NS_PER_S) /* so long without a new request: no more come */
#define HELD_NOWHERE 2          /* pictures that say there are none */
#define TRACES_LOOKED 1000      /* for what a mistyped name may mean */
#define TAG_BYTES 160

static const char *const tags_known[] = {"service", "endpoint", "tool",     "status", "name",
                                         "system",  "trace",    "duration", "self",   "spans"};

static bool
ask(struct look *look)
{
    struct interest interest = {.process_sort = -1, .requests = true};
    return look_interest(look, &interest);
}

/* How many requests are held there; NAN: it has not said yet. One that takes in none holds none. */
static double
held_there(struct query *held, const struct picture *picture)
{
    const struct track *track = picture_track(picture, "requests");
    double count = query_now(held, picture);
    bool none = picture->track_count > 0 && (track == NULL || track->state == SOURCE_FAILED);
    return isnan(count) && none ? 0 : count;
}

struct waiting {
    struct query *held;
    struct traces *traces;
    double there;     /* how many are held there; NAN: not known */
    unsigned nowhere; /* pictures in a row that say there are none */
    int64_t quiet_ns; /* since when no more came */
    bool heard;
};

static size_t
count_here(const struct traces *traces)
{
    return traces != NULL ? traces->count + traces->left : 0;
}

/* False: no more are waited for. */
static bool
take(struct waiting *waiting, bool asked, const struct picture *picture)
{
    size_t before = count_here(waiting->traces);
    bool heard = waiting->heard;
    waiting->heard = true;
    traces_release(waiting->traces);
    waiting->traces = traces_acquire(picture->traces);
    waiting->there = held_there(waiting->held, picture);
    size_t here = count_here(waiting->traces);
    int64_t now_ns = clock_mono_ns();
    waiting->quiet_ns = asked && here == before && heard ? waiting->quiet_ns : now_ns;
    waiting->nowhere = waiting->there <= 0 && here == 0 ? waiting->nowhere + 1 : 0;
    bool all = waiting->there > 0 && (double)here >= waiting->there;
    return !all && now_ns - waiting->quiet_ns < QUIET_NS && waiting->nowhere < HELD_NOWHERE;
}

static void
look_at(struct look *look, struct waiting *waiting)
{
    int64_t until_ns = clock_mono_ns() + PATIENCE_NS;
    struct picture *picture;
    bool more = true;
    while (more && clock_mono_ns() < until_ns && (picture = look_next(look)) != NULL) {
        more = take(waiting, ask(look), picture); /* again: a link that comes late takes the last */
        picture_release(picture);
    }
}

/* The requests that an agent holds; NULL and a sentence. */
static struct traces *
wait_for(const struct targets *targets, const struct cli *cli)
{
    char why[200] = "";
    struct waiting waiting = {.there = (double)NAN};
    struct look *look = look_open(targets, cli, 0);
    waiting.held = query_new(cli->catalog, "flametop.trace.count", NULL, why, sizeof(why));
    if (look != NULL && waiting.held != NULL) {
        look_at(look, &waiting);
    }
    size_t here = waiting.traces != NULL ? waiting.traces->count : 0;
    if (waiting.heard && here == 0) {
        cli_complain("%s: no requests are held there", targets->list[0].shown);
    } else if (waiting.there > (double)here) {
        cli_complain("%s: only %zu of the %.0f requests that are held there were looked at",
                     targets->list[0].shown, here, waiting.there);
    }
    query_free(waiting.held);
    look_close(look);
    return waiting.traces;
}

static struct traces *
from_target(const struct cli *cli)
{
    struct cli rest = *cli; /* what follows the question */
    struct targets targets;
    struct traces *traces = NULL;
    rest.line.arguments++;
    rest.line.argument_count--;
    if (targets_init(&targets, &rest)) {
        const struct target *target = &targets.list[0];
        if (target->kind == TARGET_FILE) {
            cli_complain("%s: no file of traces", target->name);
        } else if (target->kind == TARGET_LOCAL) {
            cli_complain(
                "no agent runs here that holds requests: name a file of traces or an agent");
        } else {
            traces = wait_for(&targets, cli);
        }
    }
    targets_done(&targets);
    return traces;
}

static int
value_width(const struct trace_query *query)
{
    return (int)MAX(strlen(trace_query_value_name(query)), (size_t)VALUE_WIDTH);
}

/* Tags stand under their names; the last is not padded. */
static void
print_tag(struct buf *out, const char *text, bool last)
{
    buf_printf(out, "  %-*s", last ? 0 : TAG_WIDTH, text[0] != 0 ? text : "-");
}

static void
print_row(const struct trace_query *query, const struct trace_query_row *row, struct buf *out)
{
    char value[40], count[40];
    size_t tags = trace_query_tag_count(query);
    unit_format(row->value, trace_query_unit(query), true, value, sizeof(value));
    unit_format(row->count, "", true, count, sizeof(count));
    buf_printf(out, "%*s %10s", value_width(query), value, count);
    for (size_t i = 0; i < tags; i++) {
        print_tag(out, row->tags[i], i + 1 == tags);
    }
    buf_putc(out, '\n');
}

/* ---- what nothing has ---- */

/* The attribute of the requests that may be meant: the nearest one, else one that ends so. */
static const char *
meant(const struct traces *traces, const char *key)
{
    struct traces_cursor at = {0};
    const struct trace *trace;
    const char *same_end = NULL;
    struct nearest nearest;
    size_t n = strlen(key), looked = 0;
    nearest_init(&nearest, str_from(key));
    for (size_t i = 0; i < ARRAY_SIZE(tags_known); i++) {
        nearest_try(&nearest, tags_known[i]);
    }
    while (looked++ < TRACES_LOOKED && (trace = traces_next(traces, &at)) != NULL) {
        for (uint32_t i = 0; i < trace->attribute_count; i++) {
            const char *name = trace_text(trace, trace_attributes(trace)[i].key);
            size_t before = strlen(name) - MIN(strlen(name), n);
            nearest_try(&nearest, name);
            if (before > 0 && name[before - 1] == '.' && strcmp(name + before, key) == 0) {
                same_end = name;
            }
        }
    }
    return nearest.best != NULL ? nearest.best : same_end;
}

static void
complain_missing(const struct traces *traces, const char *what, const char *key)
{
    char shown[64], other[TAG_BYTES];
    const char *best = meant(traces, key);
    utf8_clean(str_from(key), shown, sizeof(shown));
    utf8_clean(str_from(best != NULL ? best : ""), other, sizeof(other));
    cli_complain("%s %s%s%s%s", what, shown, best != NULL ? ": did you mean " : "", other,
                 best != NULL ? "?" : "");
}

/* Answers the exit code: a number of what nothing has is not known. */
static int
judge(const struct trace_query *query, const struct traces *traces)
{
    const char *key = trace_query_missing_field(query);
    int code = key != NULL ? EXIT_UNKNOWN : EXIT_DONE;
    if (key != NULL) {
        complain_missing(traces, "nothing that matches the question has a number called", key);
    }
    for (size_t i = 0; (key = trace_query_missing_tag(query, i)) != NULL; i++) {
        complain_missing(traces, "nothing that matches the question has", key);
    }
    return code;
}

static int
print(struct trace_query *query, const struct traces *traces)
{
    struct trace_query_row *rows = calloc(ROWS_MAX, sizeof(*rows));
    struct buf out;
    size_t tags = trace_query_tag_count(query);
    size_t count = rows != NULL ? trace_query_rows(query, rows, ROWS_MAX) : 0;
    buf_init(&out, (size_t)1 << 20);
    buf_printf(&out, "%*s %10s", value_width(query), trace_query_value_name(query), "COUNT");
    for (size_t i = 0; i < tags; i++) {
        print_tag(&out, trace_query_tag(query, i), i + 1 == tags);
    }
    buf_putc(&out, '\n');
    for (size_t i = 0; i < count; i++) {
        print_row(query, &rows[i], &out);
    }
    int code = cli_print(&out);
    if (code == EXIT_DONE) {
        code = judge(query, traces);
    }
    if (code == EXIT_DONE && rows != NULL && count == 0) {
        cli_complain("no request matches the question");
    }
    buf_done(&out);
    free(rows);
    return code;
}

int
query_run(const struct cli *cli)
{
    char why[240] = "";
    const char *path = cli->line.argument_count > 1 ? cli->line.arguments[1] : NULL;
    struct trace_query *query = trace_query_new(str_from(cli->line.arguments[0]), why, sizeof(why));
    if (query == NULL) {
        cli_complain("%s", why);
        return EXIT_USAGE;
    }
    struct traces *traces =
        path != NULL && traces_is_file(path) ? traces_load(cli, path) : from_target(cli);
    struct traces_cursor at = {0};
    const struct trace *trace;
    while (traces != NULL && (trace = traces_next(traces, &at)) != NULL) {
        trace_query_add(query, trace);
    }
    int code = traces != NULL ? print(query, traces) : EXIT_UNKNOWN;
    traces_release(traces);
    trace_query_free(query);
    return code;
}
