/* A link to a server that speaks JSON or text over HTTP and is no flametop: it is recognised by
 * what it answers to a few GET requests, or by the kind that the URL names, and read by the adapter
 * for it. An agent of ours is recognised as well and handed to its own link. */
#ifndef FLAMETOP_SOURCES_ENDPOINT_H
#define FLAMETOP_SOURCES_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/link.h"
#include "flametop/net/client.h"

/* What the configuration says of one number of a JSON document. */
struct endpoint_mapping {
    const char *pointer;      /* RFC 6901; "*" stands for any one key */
    const char *name;         /* NULL: as without a mapping */
    const char *unit;         /* NULL: by the suffix of the key */
    const char *kind;         /* "gauge", "counter"; NULL: by what it does */
    double max;               /* where it is full; 0: unknown */
    double warning, critical; /* where these levels begin, in that unit; 0: nowhere */
};

/* link_setup.options. Outlives the link. */
struct endpoint_options {
    const char *target; /* a URL: net/url.h */
    struct http_credentials credentials;
    bool here;                /* an agent's socket of this machine: link_status.here */
    const char *change_token; /* the second token, for agents; NULL: none */
    const char *instance; /* of a server of many machines: this one alone (core/instance.h); NULL */
    const struct endpoint_mapping *mappings;
    size_t mapping_count;
    int64_t patience_ns; /* of the first look at what the server is; 0: 1 s */
};

extern const struct link link_endpoint;

/* The kinds that KIND+http:// may force, for help, and the metrics that only they have. False past
 * the end. */
struct endpoint_kind {
    const char *name, *text;
    const struct metric *metrics;
    size_t metric_count;
};
bool endpoint_kind(size_t index, struct endpoint_kind *ret_kind);

#endif
