/* An adapter: how to recognise and read one kind of foreign server. To add one: write NAME.c with
 * `const struct adapter adapter_NAME`, and give it a row in endpoint_table.c.
 *
 * Everything runs on the engine's thread. Bodies are untrusted: any bytes, up to body_max. */
#ifndef FLAMETOP_SOURCES_ADAPTER_H
#define FLAMETOP_SOURCES_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"
#include "flametop/core/batch.h"
#include "flametop/core/link.h"
#include "flametop/core/picture.h"
#include "flametop/sources/endpoint.h"

#define ADAPTER_REQUESTS_MAX 8

/* What a probe brought: at most its first 64 KiB. */
struct adapter_answer {
    int status;
    const char *type, *realm; /* as in http_answer */
    struct str body;
};

/* Texts outlive the state, and so does the sink while the link is open. */
struct adapter_setup {
    struct catalog *catalog;
    const struct endpoint_mapping *mappings;
    size_t mapping_count;
    const char *instance;       /* as in endpoint_options; for adapters that deliver `instances` */
    const char *target, *query; /* the URL as shown, and what follows its '?' */
    const struct link_sink *sink; /* for chunks of older history; NULL: none wanted */
    int64_t span_ns;              /* of history wanted first */
};

struct adapter {
    const char *name; /* as in KIND+http://; rows of one name are versions of one kind */
    const char *text;

    /* Paths asked at once; "" is the one of the target, and what begins with "./" lies below it.
     * Any that `recognizes` accepts makes this the adapter, unless a row above is one as well. NULL
     * at the end. */
    const char *const *probes;
    bool (*recognizes)(const struct adapter_answer *answer);

    /* Paths asked for each reading; "" is the probe's that was recognised. A reading needs the
     * first of them. NULL at the end. */
    const char *const *requests;
    /* Optional, instead of `requests`: appends the path of request `index` of the next reading;
     * false: there are no more. The same is asked again when a reading came to nothing. */
    bool (*ask)(void *state, size_t index, struct buf *path);
    /* With `ask`: how long to wait until the next reading; 0: it is wanted at once. */
    int64_t (*wait)(const void *state);
    /* Optional: what somebody looks at from now on. */
    void (*interest)(void *state, const struct interest *interest);
    const char *accept; /* NULL: anything */
    int64_t interval_min_ns;
    size_t body_max;

    const struct metric *metrics;
    size_t metric_count;

    void *(*open)(const struct adapter_setup *setup); /* NULL: out of memory */
    /* Fills the batch; bodies[i] answers requests[i], p is NULL when there was none. False when the
     * first body is not what it should be. With `ask`, batch->at is when the answers came, to be
     * set to when they were true: nothing is delivered unless that is later than before. */
    bool (*read)(void *state, const struct str *bodies, struct batch *batch);
    void (*close)(void *state);

    /* Optional: what the newest reading said of the machine. False while it has not. Texts live as
     * long as the state. */
    bool (*host)(const void *state, struct host *ret_host);
    /* Optional: the tables it has delivered so far. */
    const struct table_def *const *(*tables)(const void *state, size_t *ret_count);

    /* Optional: the target is handed over to this link, opened by `attach`; nothing of the above
     * but probes and recognizes is used then. */
    const struct link *link;
    int (*attach)(const struct link_setup *setup, const struct url *url,
                  const struct endpoint_options *options, void **ret_state, char *why,
                  size_t why_size);
};

extern const struct adapter *const adapter_table[];
extern const size_t adapter_table_count;

#endif
