/* Files of traces. Their picture's clock is that of the spans: what is monotonic elsewhere is Unix
 * time here, and the moment shown is the end of the last one. */
#include "traces.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/picture.h"
#include "flametop/core/traces.h"
#include "flametop/core/unit.h"
#include "flametop/receivers/decode.h"
#include "flametop/trace/store.h"
#include "flametop/ui/app.h"
#include "flame.h"
#include "machine.h"
#include "monitor.h"

#define VIEW_REQUESTS 5
#define FILE_BYTES_MAX ((size_t)2 << 30)
#define TRACE_MEMORY ((size_t)1 << 30)
#define PRINTED 20
#define SPAN_MAX_NS (7 * 24 * INT64_C(3600) * NS_PER_S) /* that charts show */

/* ---- reading ---- */

static ssize_t
read_head(const char *path, char head[SPAN_HEAD_BYTES])
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool regular = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    ssize_t n = regular ? pread(fd, head, SPAN_HEAD_BYTES, 0) : -1;
    if (fd >= 0) {
        close(fd);
    }
    return n;
}

static const struct span_format *
format_of(const char *path)
{
    char *head = malloc(SPAN_HEAD_BYTES);
    ssize_t n = head != NULL ? read_head(path, head) : -1;
    const struct span_format *format =
        n > 0 ? span_format_detect((struct str){head, (size_t)n}, (size_t)n < SPAN_HEAD_BYTES)
              : NULL;
    free(head);
    return format;
}

bool
traces_is_target(const struct cli *cli)
{
    return cli->line.command->id == COMMAND_MONITOR && cli->line.argument_count == 1 &&
           format_of(cli->line.arguments[0]) != NULL;
}

bool
traces_is_file(const char *path)
{
    return format_of(path) != NULL;
}

struct loading {
    struct trace_store *store;
    int64_t newest_ns; /* end of the last span */
};

static struct instant
instant_of(int64_t ns)
{
    return (struct instant){.mono_ns = ns, .wall_ns = ns, .boot_ns = ns};
}

static bool
take_span(void *context, const struct span *span)
{
    struct loading *loading = context;
    loading->newest_ns = MAX(loading->newest_ns, MAX(span->start_ns, span->end_ns));
    return trace_store_span(loading->store, span, instant_of(loading->newest_ns));
}

struct traces *
traces_load(const struct cli *cli, const char *path, int64_t *ret_newest_ns)
{
    const struct span_format *format = format_of(path);
    struct loading loading = {.store = machine_file_store(cli, TRACE_MEMORY)};
    struct span_sink sink = {&loading, take_span, NULL};
    struct delivery delivery = {0};
    struct stat info;
    char *data = NULL;
    ssize_t n = file_load(path, FILE_BYTES_MAX, &data);
    if (n < 0 || format == NULL || loading.store == NULL) {
        cli_complain("%s: %s", path, n < 0 ? strerror((int)-n) : "it cannot be read");
        trace_store_free(loading.store);
        free(data);
        return NULL;
    }
    delivery.now_ns = stat(path, &info) == 0 ? info.st_mtim.tv_sec * NS_PER_S : 0;
    bool good = format->read((struct str){data, (size_t)n}, &sink, &delivery);
    free(data);
    trace_store_flush(loading.store, instant_of(loading.newest_ns));
    struct traces *traces = trace_store_publish(loading.store, instant_of(loading.newest_ns));
    trace_store_free(loading.store);
    if (!good) {
        cli_complain("%s: %s: %s", path, format->name, delivery.why);
    }
    if (traces != NULL && traces->count == 0) {
        cli_complain("%s: there are no requests in it", path);
        traces_release(traces);
        traces = NULL;
    }
    *ret_newest_ns = loading.newest_ns;
    return traces;
}

/* ---- without a terminal ---- */

static int
compare(const void *a, const void *b)
{
    const struct trace *left = *(const struct trace *const *)a;
    const struct trace *right = *(const struct trace *const *)b;
    return left->duration_ns != right->duration_ns
               ? (left->duration_ns < right->duration_ns ? 1 : -1)
               : 0;
}

static void
print_trace(const struct trace *trace, struct buf *out)
{
    char duration[32], id[2 * SPAN_ID_BYTES_MAX + 1];
    unit_format((double)trace->duration_ns / 1e9, "s", true, duration, sizeof(duration));
    buf_printf(out, "%10s %7u  %-20s %-40s %s\n", duration, trace->span_count,
               trace_text(trace, trace->service), trace_text(trace, trace->endpoint),
               trace_id_text(trace, id, sizeof(id)));
}

static int
print_slowest(const struct traces *traces, const char *text)
{
    struct traces_cursor cursor = {0};
    const struct trace **list = calloc(traces->count + 1, sizeof(*list)), *trace;
    struct buf out;
    size_t n = 0;
    if (list == NULL) {
        cli_complain("out of memory");
        return EXIT_FAILED;
    }
    while (n < traces->count && (trace = traces_next(traces, &cursor)) != NULL) {
        list[n++] = trace;
    }
    qsort(list, n, sizeof(*list), compare);
    buf_init(&out, (size_t)1 << 20);
    buf_printf(&out, "%s\n%10s %7s  %-20s %-40s TRACE\n", text, "DURATION", "SPANS", "SERVICE",
               "REQUEST");
    for (size_t i = 0; i < MIN(n, (size_t)PRINTED); i++) {
        print_trace(list[i], &out);
    }
    int code = cli_print(&out);
    buf_done(&out);
    free(list);
    return code;
}

/* ---- the screen ---- */

/* As long as reaches to the oldest request, unless told otherwise. */
static int64_t
span_of(const struct cli *cli, const struct traces *traces, int64_t newest_ns)
{
    struct traces_cursor cursor = {0};
    const struct trace *trace;
    int64_t oldest_ns = newest_ns, span_ns = config_integer(cli->config, "span");
    while ((trace = traces_next(traces, &cursor)) != NULL) {
        oldest_ns =
            newest_ns - trace->start_ns < SPAN_MAX_NS ? MIN(oldest_ns, trace->start_ns) : oldest_ns;
    }
    bool chosen = strcmp(config_origin(cli->config, "span"), "default") != 0;
    return chosen ? span_ns : MAX(span_ns, newest_ns - oldest_ns + 1);
}

static int
show(const struct cli *cli, struct traces *traces, const char *path, int64_t newest_ns)
{
    struct picture *picture = machine_file_picture(cli, path);
    if (picture == NULL) {
        cli_complain("out of memory");
        return EXIT_FAILED;
    }
    picture->mono_ns = picture->wall_ns = newest_ns;
    picture->traces = traces_acquire(traces);
    struct app_options options = {.view = VIEW_REQUESTS,
                                  .span_ns = span_of(cli, traces, newest_ns),
                                  .save_flame = flame_save};
    int code = monitor_show(cli, &options, picture);
    picture_release(picture);
    return code;
}

int
traces_run(const struct cli *cli)
{
    const char *path = cli->line.arguments[0], *slash = strrchr(path, '/');
    int64_t newest_ns = 0;
    char name[128], text[200];
    struct traces *traces = traces_load(cli, path, &newest_ns);
    if (traces == NULL) {
        return EXIT_FAILED;
    }
    utf8_clean(str_from(slash != NULL ? slash + 1 : path), name, sizeof(name));
    snprintf(text, sizeof(text), "%s: %zu %s, %llu spans", name, traces->count,
             traces->count == 1 ? "request" : "requests", (unsigned long long)traces->received);
    int code =
        isatty(STDOUT_FILENO) ? show(cli, traces, path, newest_ns) : print_slowest(traces, text);
    traces_release(traces);
    return code;
}
