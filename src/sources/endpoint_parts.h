/* The link to a foreign server inside: what its parts share.
 *
 * endpoint.c is the link and its states, endpoint_probe.c finds out what the server is,
 * endpoint_round.c asks it each interval, endpoint_feed.c gives what came to a source. */
#ifndef FLAMETOP_SOURCES_ENDPOINT_PARTS_H
#define FLAMETOP_SOURCES_ENDPOINT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "adapter.h"
#include "flametop/base/buf.h"
#include "flametop/base/clock.h"
#include "flametop/net/client.h"
#include "flametop/net/url.h"

enum {
    PROBES_MAX = 32, /* paths asked to find out what a server is */
    SNIFF_BYTES = 64 << 10,
    ENDPOINT_WHY_BYTES = 500,
};

#define RETRY_FIRST_NS NS_PER_S

struct endpoint;

/* The source's part. */
struct feed {
    struct source source; /* first: what open is given */
    unsigned refs;
    struct endpoint *endpoint; /* NULL once the link is closed */
    const struct adapter *adapter;
    void *state;
    struct buf bodies[ADAPTER_REQUESTS_MAX];
    bool answered[ADAPTER_REQUESTS_MAX];
    bool fresh;        /* a round is there that was not read yet */
    bool misread;      /* the last one was not what it should be */
    bool met;          /* the host was told */
    int cores;         /* as told then: servers that just started do not know all of them */
    int64_t came_ns;   /* when the round was whole */
    int64_t asked_ns;  /* about when the server read what it answered */
    int64_t newest_ns; /* of what was delivered; 0: nothing yet */
};

struct probe {
    struct endpoint *endpoint;
    char path[URL_PATH_BYTES + 64];
    struct http_call *call; /* NULL: done */
    int status;
    char type[96], realm[96], server[64], why[ENDPOINT_WHY_BYTES];
    struct buf body;
};

struct request {
    struct endpoint *endpoint;
    struct http_call *call; /* NULL: done */
    bool good;
    struct buf body;
};

struct endpoint {
    struct link_setup setup;
    const struct endpoint_options *options;
    struct url url;
    char base[URL_PATH_BYTES]; /* of the target's path, up to its last slash, without it */
    struct http_client *client;
    uv_timer_t *timer; /* of the next round or try */

    struct probe *probes;
    size_t probe_count;

    const struct adapter *adapter;
    char path[URL_PATH_BYTES + 64]; /* that it was recognised by */
    struct feed *feed;
    struct request requests[ADAPTER_REQUESTS_MAX];
    size_t request_count, pending;
    int64_t interval_ns, round_ns;

    const struct link *inner; /* an agent's, from when it was recognised */
    void *inner_state;

    enum link_state state;
    char why[ENDPOINT_WHY_BYTES];
    char name[URL_PATH_BYTES + URL_HOST_BYTES + 32]; /* the target, as shown */
    int64_t heard_ns, retry_ns, back_off_ns, round_trip_ns;
    unsigned tries;
};

/* Goes on after so long: with a round, or with probes while it is not known what the server is. */
void endpoint_wait(struct endpoint *endpoint, int64_t delay_ns);

/* Nothing came: again later, and later each time. */
void endpoint_lose(struct endpoint *endpoint, const char *why);

/* Trying again would not help. */
void endpoint_refuse(struct endpoint *endpoint, const char *why);
void endpoint_refuse_password(struct endpoint *endpoint, int status, const char *realm);

/* Where a path of an adapter is at this target. */
void endpoint_place(const struct endpoint *endpoint, const char *path, char *dst, size_t size);

/* Asks all paths by which a server may be recognised, and goes on as what it is. */
void endpoint_probes_start(struct endpoint *endpoint);
void endpoint_probes_free(struct endpoint *endpoint);

/* All requests of the adapter at once. */
void endpoint_round_start(struct endpoint *endpoint);

/* The interval is another: a round that waits begins no later than it asks for. */
void endpoint_round_hurry(struct endpoint *endpoint);

/* NULL: out of memory. */
struct feed *feed_new(struct endpoint *endpoint, const struct adapter *adapter);
void feed_release(struct feed *feed);

/* Until the next round, after one that has been read where the adapter says what it asks. */
int64_t feed_wait(const struct feed *feed);

#endif
