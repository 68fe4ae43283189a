/* Erlang and Elixir nodes as targets: a link that speaks the distribution protocol and puts one
 * small process onto the node, which is gone when the link is.
 *
 *   beam://NAME@HOST        by the epmd of that host; NAME@HOST means the same
 *   beam://NAME@HOST:PORT   by its port, without epmd
 *   beam://HOST             the nodes that the epmd of that host knows
 *   beam://                 the Erlang VMs of this machine */
#ifndef FLAMETOP_SOURCES_BEAM_H
#define FLAMETOP_SOURCES_BEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/link.h"
#include "flametop/core/source.h"
#include "flametop/sources/pool.h"

#define BEAM_NAME_BYTES 256

/* What a target names. */
struct beam_address {
    char name[BEAM_NAME_BYTES]; /* before the @; "" for a host's nodes */
    char host[BEAM_NAME_BYTES]; /* "" for this machine's */
    unsigned port;              /* 0: epmd knows */
};

/* Of "beam://..." or NAME@HOST[:PORT]. False, and a sentence, when it is none. */
bool beam_address_parse(const char *target, struct beam_address *ret_address, char *why,
                        size_t why_size);

/* link_setup.options of link_beam. Outlives the link. */
struct beam_options {
    const char *target; /* as shown */
    struct beam_address address;
    const char *cookie_file; /* NULL: none */
    const char *cookie;      /* given by the environment or asked for; NULL: none */
    struct roots roots;      /* of this machine, to know the node's own process; proc NULL: none */
    const char *hindrance;   /* why it is not even tried; NULL: it is */
    bool plain;              /* no collector is put onto the node: plain calls alone */
    int64_t patience_ns;     /* of each step of connecting; 0: 5 s */
    const struct pool_def *pools; /* besides those that are known (sources/pool.h) */
    size_t pool_count;
};

extern const struct link link_beam;

/* Whether there is a cookie for it at hand; the sentence says where it would have been looked for.
 */
bool beam_has_cookie(const struct beam_options *options, char *why, size_t why_size);

/* Whether this program was built with what it takes. */
bool beam_is_built(void);

/* ---- what there is ---- */

struct beam_found {
    char name[BEAM_NAME_BYTES]; /* before the @; "" when it has none */
    char host[BEAM_NAME_BYTES];
    unsigned port;    /* 0: epmd knows */
    int64_t pid;      /* of its process on this machine; 0 */
    char user[64];    /* whose process that is; "" */
    char cookie[400]; /* where its cookie is; "" when there is none that can be read */
    char why[400];    /* why it cannot be attached; "" */
};

/* The nodes of a host, or with host "" the VMs of this machine, waiting at most the patience (0: 3
 * s) for epmd. Answers how many; 0 and a sentence when there are none or nobody tells. */
size_t beam_find(const char *host, const struct beam_options *options, struct beam_found *ret_found,
                 size_t max, char *why, size_t why_size);

#endif
