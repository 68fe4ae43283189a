/* What a span is about, by OpenTelemetry's semantic conventions, old and new: a system, a label
 * that many spans share ("SELECT orders", "GET /users/{id}"), and the few facts that metrics are
 * made of. */
#ifndef FLAMETOP_TRACE_CONVENTION_H
#define FLAMETOP_TRACE_CONVENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/core/span.h"
#include "flametop/core/trace.h"

/* What an attribute says, whatever its name was in which version. */
enum role {
    ROLE_NONE,
    ROLE_HTTP_METHOD,
    ROLE_HTTP_ROUTE,
    ROLE_HTTP_STATUS,
    ROLE_URL_TEMPLATE,
    ROLE_URL_PATH,
    ROLE_URL_FULL,
    ROLE_RPC_SYSTEM,
    ROLE_RPC_SERVICE,
    ROLE_RPC_METHOD,
    ROLE_DB_SYSTEM,
    ROLE_DB_QUERY,
    ROLE_DB_SUMMARY,
    ROLE_DB_OPERATION,
    ROLE_DB_COLLECTION,
    ROLE_DB_NAMESPACE,
    ROLE_MESSAGING_SYSTEM,
    ROLE_MESSAGING_OPERATION,
    ROLE_MESSAGING_DESTINATION,
    ROLE_TOOL_NAME,
    ROLE_MCP_METHOD,
    ROLE_MODEL_OPERATION,
    ROLE_MODEL_NAME,
    ROLE_MODEL_SYSTEM,
    ROLE_AGENT_NAME,
    ROLE_CACHE_HIT,
    ROLE_POOL_NAME,
    ROLE_PEER,
    ROLE_ERROR,
    ROLE_PROBABILITY,
    ROLE_RESOURCES,
    ROLES
};

#define LABEL_BYTES_MAX 256

struct convention {
    enum trace_system system;
    bool error;             /* the attributes say so: HTTP 5xx, `error` */
    struct str tool;        /* raw, of the attributes or name; empty */
    struct str system_name; /* db.system, messaging.system ...: raw; empty */
    struct str agent;
    int cache_hit; /* 1, 0; -1: not said */
    char label[LABEL_BYTES_MAX];
    size_t label_n;
};

enum role convention_role(struct str key);

/* `facts`: the first attribute of each role, NULL where there is none. */
void convention_of(const struct span *span, const struct span_attribute *const facts[ROLES],
                   struct convention *ret_convention);

/* A query without what differs from call to call: literals and lists of them become ?, comments go,
 * blanks become one. Answers the bytes written, at most size - 1. */
size_t normalise_sql(struct str sql, char *dst, size_t size);

/* The path of a URL (or a path) without query, with {id} for what looks like one. The same. */
size_t normalise_path(struct str url, char *dst, size_t size);

#endif
