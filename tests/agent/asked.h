/* The agent on a loop of the test's own, with pictures of a collector that the test turns. */
#ifndef FLAMETOP_TESTS_AGENT_ASKED_H
#define FLAMETOP_TESTS_AGENT_ASKED_H

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "../world.h"
#include "flametop/agent/agent.h"
#include "flametop/base/macros.h"
#include "flametop/config/alias.h"
#include "flametop/engine/collector.h"

#define TURNS 4000 /* of the loop, a millisecond each, before a test gives up */
#define TOKEN "a-token-for-reading"
#define CHANGE "a-token-for-changes"
#define HOST "Host: localhost\r\n"

static const struct metric metrics[] = {
    {.name = "system.cpu.utilization",
     .unit = "1",
     .labels = "",
     .text = "",
     .warning = 0.8,
     .critical = 0.9},
    {.name = "t.bytes", .unit = "By", .labels = "device", .kind = METRIC_COUNTER, .text = ""},
};
static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 10},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
};
static const struct table_def rows = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 2, 4};
static const struct table_def *const tables[] = {&rows};

struct world {
    int64_t mono_ns;
    double level;
    int many; /* devices more */
};

static struct world world;

static inline enum source_step
source_poll(void *state, struct batch *batch)
{
    const struct world *w = state;
    double seconds = (double)w->mono_ns / 1e9;
    batch_put(batch, &metrics[0], "", w->level);
    batch_put(batch, &metrics[1], "device=a", seconds * 100);
    batch_put(batch, &metrics[1], "device=b", seconds * 300);
    for (int i = 0; i < w->many; i++) {
        batch_put(batch, &metrics[1], arena_printf(batch->arena, "device=m%d", i), seconds);
    }
    struct table *table = batch_table(batch, &rows, 8);
    for (int i = 0; i < 8; i++) {
        union cell *row = table_add(table, batch->arena);
        row[0].integer = 100 + i;
        row[1].text = i == 3 ? "\"<evil>\n" : arena_printf(batch->arena, "row-%d", i);
        row[2].real = i % 5;
    }
    return SOURCE_DONE;
}

static const struct source source = WORLD_SOURCE("t", metrics, tables, source_poll);
static const struct source *const sources[] = {&source};

/* Says what is wrong while the level is high. */
static inline void
judge(struct picture *picture, double level)
{
    static const struct evidence proof = {"busy", "95 %", "system.cpu.utilization", ""};
    static struct finding finding = {.id = "cpu.saturated",
                                     .sentence = "the CPU is \"busy\"",
                                     .since_wall_ns = 1,
                                     .impact = 90,
                                     .level = LEVEL_CRITICAL,
                                     .evidence = &proof,
                                     .evidence_count = 1};
    picture->findings = &finding;
    picture->finding_count = level > 0.9;
}

struct bench {
    uv_loop_t loop;
    struct catalog *catalog;
    struct collector *collector;
    struct agent_options options;
    void *agent;
    double dropped;
};

static inline void
on_report(void *context, const char *metric, const char *labels, double value)
{
    struct bench *bench = context;
    assert_true(labels[0] == '\0' || strcmp(metric, "flametop.agent.readers.dropped") == 0);
    if (strcmp(metric, "flametop.agent.updates.dropped") == 0) {
        bench->dropped = value;
    }
    collector_report(bench->collector, metric, labels, value);
}

static inline void
write_config(void *context, struct json *json)
{
    (void)context;
    json_key(json, "interval");
    json_text(json, "1s");
}

static inline void
tick(struct bench *bench, double level)
{
    world.mono_ns += NS_PER_S;
    world.level = level;
    struct picture *picture = collector_tick(bench->collector);
    judge(picture, level);
    exporter_agent.picture(bench->agent, picture);
    picture_release(picture);
}

static inline void
start(struct bench *bench)
{
    char why[200] = "";
    struct exporter_setup setup = {.loop = &bench->loop,
                                   .catalog = bench->catalog,
                                   .options = &bench->options,
                                   .report = on_report,
                                   .context = bench};
    if (exporter_agent.open(&setup, &bench->agent, why, sizeof(why)) != 0) {
        fail_msg("%s", why);
    }
}

static inline int
setup(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct bench *bench = calloc(1, sizeof(*bench));
    uv_loop_init(&bench->loop);
    world = (struct world){.mono_ns = 1000 * NS_PER_S};
    bench->catalog = catalog_new(1000);
    alias_add_all(bench->catalog);
    struct collector_options options = {.catalog = bench->catalog,
                                        .roots = {"/proc", "/sys", "/sys/fs/cgroup"},
                                        .clock = {world_now, &world},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 4 << 20,
                                        .sources = sources,
                                        .source_count = 1};
    bench->collector = collector_new(&options);
    assert_non_null(bench->collector);
    bench->options = (struct agent_options){.listen = listen,
                                            .listen_count = 1,
                                            .token = TOKEN,
                                            .change_token = CHANGE,
                                            .roots = {.proc = "/proc"},
                                            .write_config = write_config};
    *state = bench;
    return 0;
}

static inline int
teardown(void **state)
{
    struct bench *bench = *state;
    exporter_agent.close(bench->agent);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    collector_free(bench->collector);
    catalog_free(bench->catalog);
    free(bench);
    return 0;
}

static inline int
dial(struct bench *bench)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)agent_port(bench->agent, 0)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Reads until `done` says that it is enough, or the other end closes; static text. */
static inline struct str
hear(struct bench *bench, int fd, bool (*done)(struct str text, const char *what), const char *what)
{
    static char text[4000000];
    size_t n = 0;
    for (int i = 0; i < TURNS; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        usleep(1000);
        ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
        n += got > 0 ? (size_t)got : 0;
        text[n] = '\0';
        if (got == 0 || (got < 0 && errno != EAGAIN) || done((struct str){text, n}, what)) {
            return (struct str){text, n};
        }
    }
    fail_msg("no \"%s\" came, but: %.300s", what, text);
    return (struct str){text, n};
}

static inline bool
has(struct str text, const char *what)
{
    return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static inline bool
is_whole(struct str text, const char *what)
{
    const char *body = strstr(text.p, "\r\n\r\n"), *length = strstr(text.p, "Content-Length: ");
    (void)what;
    return body != NULL && length != NULL &&
           text.n - (size_t)(body + 4 - text.p) >=
               strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static inline const char *
request(struct bench *bench, const char *line, const char *more, int status)
{
    char text[2000];
    int fd = dial(bench);
    int n = snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "%s\r\n", line, more);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    struct str answer = hear(bench, fd, is_whole, "whole answer");
    close(fd);
    if (strtol(answer.p + strlen("HTTP/1.1 "), NULL, 10) != status) {
        fail_msg("%s was answered by\n%.600s", line, answer.p);
    }
    return strstr(answer.p, "\r\n\r\n") + 4;
}

#define READ "Authorization: Bearer " TOKEN "\r\n"

#endif
