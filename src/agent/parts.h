/* What the files of the agent share. One agent serves on one loop; everything here belongs to that
 * loop's thread. */
#ifndef FLAMETOP_AGENT_PARTS_H
#define FLAMETOP_AGENT_PARTS_H

#include <sys/queue.h>

#include "flametop/agent/agent.h"
#include "flametop/base/json.h"
#include "flametop/core/picture.h"
#include "flametop/core/query.h"
#include "flametop/core/trace.h"
#include "flametop/net/server.h"
#include "hub.h"
#include "sampled.h"

#define AGENT_PROTOCOL 1
#define AGENT_ANSWER_BYTES_MAX ((size_t)64 << 20)
#define AGENT_METRICS_MAX 4096

struct uv_timer_s;
struct subscriber;

struct agent {
    const struct agent_options *options;
    struct exporter_setup setup;
    struct http_server *server;
    struct picture *picture; /* the newest, held; NULL before the first */
    char instance[33];       /* random: tells a restarted agent from the same one */
    int64_t started_wall_ns;

    struct hub *hub; /* the record stream */

    struct query **totals; /* one for each metric of the catalog, made at first use */
    size_t total_count;

    LIST_HEAD(, subscriber) subscribers;
    size_t subscriber_count;
    struct http_bytes *update[2]; /* of this picture, for event streams and WebSockets; NULL: not
                                     asked for yet */
    struct uv_timer_s *heartbeat;
    uint64_t updates_dropped;
    double latency_s; /* worst round trip of a ping since the last picture; NaN: none */

    struct far_sampling far;
    LIST_HEAD(, flame_job) flames;       /* being made, */
    unsigned flame_count, profile_count; /* so many of requests; live profiles being sampled */
    unsigned question_count;             /* being answered */

    int64_t retried_ns; /* when a reader last asked for it; 0: never */

    int64_t interest_until_ns; /* when what tables asked for is no longer read */
    bool interested;
};

struct route {
    const char *method, *path; /* a last part in braces takes one name */
    enum http_right right;
    void (*answer)(struct agent *agent, const struct http_message *message, const char *name);
    const char *text; /* one sentence */
};

/* Answers a request by the table. */
void routes_answer(struct agent *agent, const struct http_message *message);

/* Handlers of the table. */
typedef void route_answer(struct agent *agent, const struct http_message *message,
                          const char *name);
route_answer answer_front, answer_hello, answer_health;
route_answer answer_snapshot, answer_metrics;
route_answer answer_query;
route_answer answer_table, answer_findings;
route_answer answer_traces, answer_trace, answer_question;
route_answer answer_command, answer_retry;
route_answer answer_flame, answer_flame_stream;
route_answer answer_stream, answer_interest, answer_events, answer_websocket;

/* ---- help for handlers ---- */

/* The newest picture; without one the request is answered (503) and NULL returned. */
struct picture *agent_picture(struct agent *agent, const struct http_message *message);

/* Whether the processes of this machine are what is shown; else the request is answered (409). */
bool agent_has_processes(const struct agent *agent, const struct http_message *message);

/* Sends what was written, as application/json, or an error when it did not fit. */
void agent_reply_json(const struct http_message *message, struct buf *out);

/* A query argument as a duration ("5s"), or a whole number; the fallback when absent. False: it is
 * wrong and the request is answered. */
bool agent_duration(const struct http_message *message, const char *name, int64_t fallback_ns,
                    int64_t *ret_ns);
bool agent_number(const struct http_message *message, const char *name, uint64_t fallback,
                  uint64_t max, uint64_t *ret_value);

/* One as "2026-11-21T14:02:31.250Z", seconds since 1970, or "-5m": before the picture; of the wall
 * clock. */
bool agent_time(const struct http_message *message, const struct picture *picture, const char *name,
                int64_t fallback_ns, int64_t *ret_ns);

/* "5s", "1.5m" as nanoseconds. */
bool agent_parse_duration(struct str text, int64_t *ret_ns);

/* An id in hex as its bytes; 0: it is none. */
size_t agent_trace_id(const char *text, uint8_t id[SPAN_ID_BYTES_MAX]);

/* ---- documents (document.c) ---- */

/* The object of `metrics_update`: timestamp, the mission's groups, our names. */
void write_update(struct agent *agent, const struct picture *picture, struct json *json);
void write_findings(const struct picture *picture, bool alerts_only, struct json *json);
void write_alert(const struct picture *picture, const struct finding *finding, struct json *json);
bool finding_is_alert(const struct finding *finding);

/* After the server is freed: those that are still written end without the agent. */
void agent_flames_end(struct agent *agent);

/* ---- subscribers (live.c) ---- */

void live_picture(struct agent *agent, const struct picture *before);
void live_heartbeat(struct agent *agent);
void live_end(struct agent *agent); /* before the server is freed */

#endif
