/* Requests for the command `flame`. An agent adds them up itself; those of a file are added up here
 * and written as the same document. */
#include "flame_requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/moment.h"
#include "flametop/base/utf8.h"
#include "flametop/core/flame.h"
#include "flametop/net/url.h"
#include "flametop/profile/read.h"
#include "flametop/profile/write.h"
#include "flametop/trace/filter.h"
#include "flametop/trace/flame.h"
#include "look.h"
#include "nodes.h"
#include "traces.h"

bool
flame_requests_are_there(const char *word)
{
    struct stat info;
    bool address = strchr(word, ':') != NULL || word[0] == '@';
    return address && stat(word, &info) != 0 && !nodes_is_one(word);
}

bool
flame_requests_are_in(const char *path)
{
    return traces_is_file(path);
}

static const struct {
    const char *option, *said;
} choosing[] = {{"flame.filter", ""}, {"flame.from", "from "}, {"flame.to", "to "}};

bool
flame_requests_are_chosen(const struct cli *cli)
{
    bool any = false, named = cli->line.command->id == COMMAND_FLAME;
    for (size_t i = 0; named && i < ARRAY_SIZE(choosing); i++) {
        any |= config_text(cli->config, choosing[i].option)[0] != '\0';
    }
    return any;
}

void
flame_requests_say(const struct cli *cli, char *dst, size_t size)
{
    size_t n = 0;
    dst[0] = '\0';
    for (size_t i = 0; flame_requests_are_chosen(cli) && i < ARRAY_SIZE(choosing); i++) {
        const char *text = config_text(cli->config, choosing[i].option);
        char clean[100];
        if (text[0] != '\0' && n < size) {
            utf8_clean(str_from(text), clean, sizeof(clean));
            n += (size_t)snprintf(dst + n, size - n, ", %s%s", choosing[i].said, clean);
        }
    }
}

/* NULL: any. False, and a sentence. */
static bool
read_filter(const struct cli *cli, struct trace_filter **ret_filter)
{
    char why[200] = "";
    *ret_filter =
        trace_filter_new(str_from(config_text(cli->config, "flame.filter")), why, sizeof(why));
    if (why[0] != '\0') {
        cli_complain("--filter: %s", why);
    }
    return why[0] == '\0';
}

/* False, and a sentence. */
static bool
read_time(const struct cli *cli, const char *option, int64_t now_ns, int64_t *ret_ns)
{
    const char *text = config_text(cli->config, option);
    bool good = text[0] == '\0' || moment_parse(text, now_ns, ret_ns);
    if (!good) {
        cli_complain("--%s: no time: 14:02, 14:02:31, 2026-11-21 14:02, or -10m for ten minutes "
                     "ago; with Z behind in UTC",
                     strchr(option, '.') + 1);
    }
    return good;
}

bool
flame_requests_check(const struct cli *cli)
{
    struct trace_filter *filter;
    int64_t ns, now_ns = clock_now(&clock_system).wall_ns;
    bool good = read_time(cli, "flame.from", now_ns, &ns) &&
                read_time(cli, "flame.to", now_ns, &ns) && read_filter(cli, &filter);
    if (good) {
        trace_filter_free(filter);
    }
    return good;
}

/* ---- of a file ---- */

static bool
accepts(const void *context, const struct trace *trace)
{
    return trace_filter_matches(context, trace);
}

/* NULL when out of memory. */
static struct profile *
add_up(struct traces *traces, const struct trace_scope *scope)
{
    struct trace_set set;
    trace_set_init(&set);
    trace_set_begin(&set, traces, scope);
    trace_set_step(&set, INT64_MAX);
    struct trace_flame *making = set.failed ? NULL : trace_flame_new(&set, NULL);
    bool good = making != NULL && trace_flame_step(making, INT64_MAX) && !making->failed;
    struct profile *profile = good ? trace_flame_take(making) : NULL;
    trace_flame_free(making);
    trace_set_done(&set);
    return profile;
}

static char *
write_document(const struct profile *profile, size_t *ret_n)
{
    struct flame_options options = {.measure = MEASURE_WALL};
    struct flame *flame = profile != NULL ? flame_new(profile, &options) : NULL;
    struct buf out;
    char why[200] = "out of memory";
    buf_init(&out, PROFILE_FILE_BYTES_MAX);
    bool good = flame != NULL && flame_step(flame, INT64_MAX) && !flame->failed &&
                profile_write(flame, "requests", ".speedscope.json", &out, why, sizeof(why));
    flame_free(flame);
    if (!good) {
        cli_complain("%s", why);
        buf_done(&out);
        return NULL;
    }
    *ret_n = out.n;
    return out.data;
}

char *
flame_requests_load(const struct cli *cli, const char *path, bool newer, size_t *ret_n)
{
    struct trace_filter *filter;
    int64_t newest_ns;
    struct traces *traces = read_filter(cli, &filter) ? traces_load(cli, path, &newest_ns) : NULL;
    char *document = NULL;
    struct trace_scope scope = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    if (traces != NULL && (!newer || (read_time(cli, "flame.from", newest_ns, &scope.from_ns) &&
                                      read_time(cli, "flame.to", newest_ns, &scope.to_ns)))) {
        scope.accepts = filter != NULL ? accepts : NULL;
        scope.context = filter;
        struct profile *profile = add_up(traces, &scope);
        document = write_document(profile, ret_n);
        profile_release(profile);
    }
    traces_release(traces);
    trace_filter_free(filter);
    return document;
}

/* ---- of an agent ---- */

/* How long ago by its own clock, or when. */
static bool
write_time(const struct cli *cli, const char *option, struct buf *path)
{
    bool dated = strchr(config_text(cli->config, option), ':') != NULL;
    int64_t ns = 0;
    if (!read_time(cli, option, dated ? clock_now(&clock_system).wall_ns : 0, &ns)) {
        return false;
    }
    if (ns != 0) {
        buf_printf(path, "&%s=%.3f%s", strchr(option, '.') + 1, (double)ns / 1e9,
                   ns < 0 ? "s" : "");
    }
    return true;
}

char *
flame_requests_ask(const struct cli *cli, const struct targets *targets, size_t which, bool newer,
                   size_t *ret_n)
{
    struct look *look = NULL;
    struct buf path;
    char *document = NULL;
    buf_init(&path, DOCUMENT_PATH_BYTES);
    buf_puts(&path, "/api/v1/flame?format=speedscope&filter=");
    url_escape(str_from(config_text(cli->config, "flame.filter")), &path);
    bool good =
        !newer || (write_time(cli, "flame.from", &path) && write_time(cli, "flame.to", &path));
    if (path.full) {
        cli_complain("--filter: it is too long");
    } else if (good) {
        look = look_open(targets, cli, which);
        document = look != NULL ? look_ask(look, path.data, ret_n) : NULL;
    }
    look_close(look);
    buf_done(&path);
    return document;
}
