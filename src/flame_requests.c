/* Requests for the command `flame`. An agent adds them up itself; those of a file are added up here
 * and written as the same document. */
#include "flame_requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/base/macros.h"
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

static bool
accepts(const void *context, const struct trace *trace)
{
    return trace_filter_matches(context, trace);
}

/* What is asked of them; *ret_filter may be NULL: any. False, and a sentence. */
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

/* NULL when out of memory. */
static struct profile *
add_up(struct traces *traces, const struct trace_filter *filter)
{
    struct trace_set set;
    struct trace_scope scope = {.accepts = filter != NULL ? accepts : NULL, .context = filter};
    trace_set_init(&set);
    trace_set_begin(&set, traces, &scope);
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
flame_requests_load(const struct cli *cli, const char *path, size_t *ret_n)
{
    struct trace_filter *filter;
    struct traces *traces = read_filter(cli, &filter) ? traces_load(cli, path) : NULL;
    struct profile *profile = traces != NULL ? add_up(traces, filter) : NULL;
    char *document = traces != NULL ? write_document(profile, ret_n) : NULL;
    profile_release(profile);
    traces_release(traces);
    trace_filter_free(filter);
    return document;
}

char *
flame_requests_ask(const struct cli *cli, const struct targets *targets, size_t which,
                   size_t *ret_n)
{
    struct look *look = NULL;
    struct buf path;
    char *document = NULL;
    buf_init(&path, DOCUMENT_PATH_BYTES);
    buf_puts(&path, "/api/v1/flame?format=speedscope&filter=");
    url_escape(str_from(config_text(cli->config, "flame.filter")), &path);
    if (path.full) {
        cli_complain("--filter: it is too long");
    } else {
        look = look_open(targets, cli, which);
        document = look != NULL ? look_ask(look, path.data, ret_n) : NULL;
    }
    look_close(look);
    buf_done(&path);
    return document;
}
