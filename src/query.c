/* The query command. A file is read here, an agent answers for all that it holds; both answers are
 * the same document (trace/query.h). */
#include "query.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/traces.h"
#include "flametop/core/unit.h"
#include "flametop/net/url.h"
#include "flametop/trace/query.h"
#include "look.h"
#include "traces.h"

#define ROWS_MAX 100
#define TAG_WIDTH 32
#define VALUE_WIDTH 14
#define TAG_BYTES 160
#define DOCUMENT_BYTES_MAX ((size_t)16 << 20)

/* ---- the document ---- */

static const cJSON *
member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Cleaned; "" where there is none. */
static const char *
text_of(const cJSON *item, char dst[TAG_BYTES])
{
    const char *text = cJSON_GetStringValue(item);
    utf8_clean(str_from(text != NULL ? text : ""), dst, TAG_BYTES);
    return dst;
}

static double
number_of(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static cJSON *
from_file(const struct cli *cli, struct trace_query *query, const char *path)
{
    int64_t newest_ns;
    struct traces *traces = traces_load(cli, path, &newest_ns);
    struct traces_cursor at = {0};
    const struct trace *trace;
    struct buf out;
    struct json json;
    if (traces == NULL) {
        return NULL;
    }
    while ((trace = traces_next(traces, &at)) != NULL) {
        trace_query_add(query, trace);
    }
    buf_init(&out, DOCUMENT_BYTES_MAX);
    json_init(&json, &out, false);
    trace_query_write(query, traces, ROWS_MAX, &json);
    cJSON *document = out.full ? NULL : cJSON_ParseWithLength(out.data, out.n);
    if (document == NULL) {
        cli_complain("out of memory");
    }
    buf_done(&out);
    traces_release(traces);
    return document;
}

static cJSON *
ask(const struct cli *cli, const struct targets *targets)
{
    struct look *look = look_open(targets, cli, 0);
    struct buf path;
    size_t n = 0;
    buf_init(&path, DOCUMENT_PATH_BYTES);
    buf_printf(&path, "/api/v1/traces/query?limit=%d&query=", ROWS_MAX);
    url_escape(str_from(cli->line.arguments[0]), &path);
    if (path.full) {
        cli_complain("the question is too long");
    }
    char *text = look != NULL && !path.full ? look_ask(look, path.data, &n) : NULL;
    cJSON *document = text != NULL ? cJSON_ParseWithLength(text, n) : NULL;
    if (text != NULL && document == NULL) {
        cli_complain("%s: what it answered is no document", targets->list[0].shown);
    } else if (number_of(member(document, "held")) <= 0) {
        cli_complain("%s: no requests are held there", targets->list[0].shown);
        cJSON_Delete(document);
        document = NULL;
    }
    free(text);
    buf_done(&path);
    look_close(look);
    return document;
}

static cJSON *
from_target(const struct cli *cli)
{
    struct cli rest = *cli; /* what follows the question */
    struct targets targets;
    cJSON *document = NULL;
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
            document = ask(cli, &targets);
        }
    }
    targets_done(&targets);
    return document;
}

/* ---- the table ---- */

/* Tags stand under their names; the last is not padded. */
static void
print_tags(const cJSON *tags, struct buf *out)
{
    char text[TAG_BYTES];
    for (const cJSON *tag = tags != NULL ? tags->child : NULL; tag != NULL; tag = tag->next) {
        const char *shown = text_of(tag, text)[0] != '\0' ? text : "-";
        buf_printf(out, "  %-*s", tag->next == NULL ? 0 : TAG_WIDTH, shown);
    }
    buf_putc(out, '\n');
}

static void
print_row(const cJSON *row, const char *unit, int width, struct buf *out)
{
    char value[40], count[40];
    unit_format(number_of(member(row, "value")), unit, true, value, sizeof(value));
    unit_format(number_of(member(row, "count")), "", true, count, sizeof(count));
    buf_printf(out, "%*s %10s", width, value, count);
    print_tags(member(row, "tags"), out);
}

static int
print_table(const cJSON *document)
{
    char name[TAG_BYTES], unit[TAG_BYTES];
    struct buf out;
    text_of(member(document, "value"), name);
    text_of(member(document, "unit"), unit);
    int width = MAX((int)strlen(name), VALUE_WIDTH);
    buf_init(&out, DOCUMENT_BYTES_MAX);
    buf_printf(&out, "%*s %10s", width, name, "COUNT");
    print_tags(member(document, "tags"), &out);
    const cJSON *rows = member(document, "rows");
    for (const cJSON *row = rows != NULL ? rows->child : NULL; row != NULL; row = row->next) {
        print_row(row, unit, width, &out);
    }
    int code = cli_print(&out);
    buf_done(&out);
    return code;
}

/* Answers the exit code: a number of what nothing has is not known. */
static int
judge(const cJSON *document)
{
    const cJSON *missing = member(document, "missing");
    int code = EXIT_DONE;
    for (const cJSON *at = missing != NULL ? missing->child : NULL; at != NULL; at = at->next) {
        char name[TAG_BYTES], other[TAG_BYTES];
        bool field = cJSON_IsTrue(member(at, "field"));
        bool any = text_of(member(at, "meant"), other)[0] != '\0';
        cli_complain("nothing that matches the question has %s%s%s%s%s",
                     field ? "a number called " : "", text_of(member(at, "name"), name),
                     any ? ": did you mean " : "", other, any ? "?" : "");
        code = field ? EXIT_UNKNOWN : code;
    }
    int rows = cJSON_GetArraySize(member(document, "rows"));
    double left = number_of(member(document, "groups")) - rows;
    if (code == EXIT_DONE && rows == 0) {
        cli_complain("no request matches the question");
    } else if (code == EXIT_DONE && left > 0) {
        cli_complain("the %d largest are shown, %.0f more are left out", rows, left);
    }
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
    cJSON *document =
        path != NULL && traces_is_file(path) ? from_file(cli, query, path) : from_target(cli);
    int code = document != NULL ? print_table(document) : EXIT_UNKNOWN;
    if (code == EXIT_DONE) {
        code = judge(document);
    }
    cJSON_Delete(document);
    trace_query_free(query);
    return code;
}
