/* The agent's interface: an exporter that serves each picture over HTTP, as documents, streams and
 * WebSockets (flametop-api(7)). */
#ifndef FLAMETOP_AGENT_AGENT_H
#define FLAMETOP_AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/json.h"
#include "flametop/core/exporter.h"
#include "flametop/core/source.h"
#include "flametop/net/server.h"

/* Everything must outlive the exporter. Tokens and hosts may be changed in place on the loop's
 * thread: they count from the next picture on. */
struct agent_options {
    const char *const *listen;
    size_t listen_count;
    const char *unix_path;            /* NULL: none */
    const char *cert_file, *key_file; /* NULL: no TLS */
    const char *token, *change_token; /* NULL: none */
    bool insecure_no_tls;
    const char *const *hosts;
    size_t host_count;
    unsigned connections_max; /* 0: 1024 */
    int64_t timeout_ns;       /* 0: 20 s */
    int64_t heartbeat_ns;     /* of WebSockets and event streams; 0: 30 s */
    size_t readings_max;      /* that the answer to one query looks at; 0: 2,000,000 */
    struct roots roots;       /* where processes are looked up before they get a signal */

    /* Writes the members of an object: the configuration, without secrets. NULL: none. */
    void (*write_config)(void *context, struct json *json);
    void *context;
};

extern const struct exporter exporter_agent;

/* The routes, for the manual and its tests. False past the end. */
struct agent_route_text {
    const char *method, *path, *text;
    enum http_right right;
};
bool agent_route_text(size_t index, struct agent_route_text *ret_text);

/* The port really bound by listen[i] (asked for as :0 in tests). */
unsigned agent_port(const void *state, size_t i);

#endif
