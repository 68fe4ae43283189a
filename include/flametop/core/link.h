/* A link: the other end of an attached target. It lives on the engine's loop, brings sources to be
 * polled, older history, and for an agent the host and its findings; the collector does the rest as
 * for this machine.
 *
 * Times: a link that mirrors another machine's clock (an agent) says so by `clock_offset`; the
 * collector's clock is then that machine's, so batches keep their own times. */
#ifndef FLAMETOP_CORE_LINK_H
#define FLAMETOP_CORE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"
#include "flametop/core/chunk.h"
#include "flametop/core/finding.h"
#include "flametop/core/interest.h"
#include "flametop/core/keep.h"
#include "flametop/core/picture.h"
#include "flametop/core/sampling.h"
#include "flametop/core/source.h"

struct uv_loop_s;

enum link_state {
    LINK_CONNECTING, /* nothing yet */
    LINK_LIVE,
    LINK_LOST,    /* was live; the picture ages; trying again */
    LINK_REFUSED, /* wrong password, wrong kind of server: no automatic retry */
};

/* What the other end has and is still sending; bits. */
enum link_coming { LINK_HISTORY_COMES = 1, LINK_REQUESTS_COME = 2 };

/* What the screen says of it. Copied into each picture. */
struct link_status {
    enum link_state state;
    const char *target;     /* as shown: "http://web-01:7711" */
    const char *kind;       /* "agent", "prometheus", "json", ... "" while unknown */
    const char *why;        /* one sentence when not live; "" */
    int64_t live_mono_ns;   /* this machine's clock: since when it is live; 0: it is not. Of the
                               engine, not of the link */
    int64_t heard_mono_ns;  /* this machine's clock: when it last brought something; 0: never */
    int64_t retry_mono_ns;  /* this machine's clock: when it tries again; 0: it does not */
    int64_t clock_error_ns; /* its wall clock minus ours; 0 when unknown or below 1 s */
    int64_t round_trip_ns;  /* 0: unknown */
    bool may_change;        /* commands are allowed there (a second token was given) */
    bool insecure;          /* the server is not verified */
    bool here;              /* it is this machine's agent: its processes are those we see */
    bool agent;             /* a flametop agent says all this: kind is that of what it watches */
    const char *offer; /* what the link could do about it, as a question; NULL or "": nothing */
    unsigned samples;  /* bits by enum sampling_kind: what can be sampled there */
    unsigned coming;   /* bits by enum link_coming; 0 as well where the other end does not say */
};

/* Where a link puts what it brings. Engine thread. All copy what they are given. */
struct link_sink {
    void *context;
    /* A source to poll from the next tick on. The collector opens it at once and closes it before
     * the link is closed. */
    void (*source)(void *context, const struct source *source);
    void (*chunk)(void *context, const char *source, struct chunk *chunk);
    void (*kept)(void *context, const struct kept_part *part); /* of a table it had */
    void (*host)(void *context, const struct host *host);
    void (*clock)(void *context, const struct clock *clock);
    /* The findings of the other end stand for ours; NULL list: judge here. */
    void (*findings)(void *context, const struct finding *findings, size_t count,
                     const char *looked_at, const char *not_looked_at);
    /* A tick is whole: make a picture now instead of at the next own tick. */
    void (*tick)(void *context);
    /* A finished trace, its bytes as they came: neither checked nor aligned. NULL: not
     * wanted. */
    void (*trace)(void *context, const void *bytes, size_t n);
    /* How what is sampled is doing, and its newest profile, whose reference goes over; NULL: none
     * that is newer. */
    void (*sampled)(void *context, const struct sampling_status *status,
                    const struct profile *profile);
};

struct link_setup {
    struct uv_loop_s *loop;
    struct catalog *catalog;
    const struct table_def *const *tables; /* definitions to use for tables of these names */
    size_t table_count;
    int64_t interval_ns;
    int64_t span_ns;     /* of history wanted first */
    const void *options; /* what main gives this link: target, credentials */
    struct link_sink sink;
};

/* Whether what the link shows is another machine, whose processes cannot be touched from here. */
static inline bool
link_is_elsewhere(const struct link_status *status)
{
    return status != NULL && !status->here;
}

/* The command by which the offer of the status is taken; the link itself does it. */
#define LINK_ACCEPT "accept"

/* Answer to a command sent to the other end (signal, renice): "" when it was done. Engine thread.
 */
typedef void link_answer(void *context, const char *why);

/* A document of the other end: why is "" when it is there, else a sentence. Valid during the call.
 * Engine thread. */
typedef void link_document(void *context, const char *why, struct str document);

struct link {
    const char *name;
    int (*open)(const struct link_setup *setup, void **ret_state, char *why, size_t why_size);
    void (*status)(const void *state, struct link_status *ret_status);
    void (*interest)(void *state, const struct interest *interest);
    void (*interval)(void *state, int64_t interval_ns);
    void (*retry)(void *state); /* the user asks for it */
    void (*command)(void *state, const char *name, const char *arguments_json, void *context,
                    link_answer *answer);
    /* Samples this in the place of what was sampled before, while the link is live: a connection
     * that breaks ends it. NULL: nothing can be sampled. */
    void (*sample)(void *state, const struct sampling_wish *wish);
    /* Asks for a document by its path, query and all; one at a time. It is answered once, unless
     * the link is closed before. NULL: there are none. */
    void (*ask)(void *state, const char *path, void *context, link_document *answer);
    void (*close)(void *state);
};

#endif
