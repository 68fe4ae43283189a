/* The parts of the link to an Erlang node: its states (beam.c), its feeds (beam_feed.c), and what
 * is asked when (beam_ask.c). Engine thread. */
#ifndef FLAMETOP_SOURCES_BEAM_LINK_H
#define FLAMETOP_SOURCES_BEAM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "beam_collector.h"
#include "beam_connect.h"
#include "beam_node.h"
#include "beam_sampling.h"
#include "beam_wire.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/sources/beam.h"

#define PATIENCE_NS (5 * NS_PER_S) /* of a request */
#define SCAN_SHARE 20              /* a scan takes at most this part of the time */
#define REPLY_BYTES_MAX ((size_t)4 << 20)
#define SEEN_NS (2 * NS_PER_S) /* how often tables are asked for that somebody looks at */

enum feed_id {
    FEED_VM,
    FEED_SUMS,
    FEED_ALLOCATORS,
    FEED_SCAN,
    FEED_PEERS,
    FEED_DETAIL,
    FEED_ETS,
    FEED_PORTS,
    FEED_APPLICATIONS,
    FEED_TREE,
    FEED_POOLS,
    FEEDS
};

struct feed {
    struct source source; /* first: what open is given */
    struct beam *beam;
    struct buf reply;
    bool fresh;          /* to be read */
    bool asked;          /* an answer is awaited */
    const char *trouble; /* why the last answer brought nothing; NULL */
    bool dropped;        /* nobody looks any more: an empty batch takes its table away */
    bool shown;          /* a table of it is in view */
    int64_t asked_ns, came_ns, due_ns;
    int64_t process; /* of the detail: whose */
};

enum phase {
    WAITING,    /* for the next try */
    REFUSED,    /* another try would end alike */
    CONNECTING, /* in its thread */
    GREETING,   /* the collector is being put there, the node asked who it is */
    LIVE,
    SILENT, /* connected, and nothing is answered */
};

struct beam {
    struct link_setup setup;
    const struct beam_options *options;
    enum phase phase;
    struct beam_connect *connect;
    struct beam_wire *wire;
    struct beam_collector *starter;
    struct etf_pid collector;
    char collector_node[256];
    bool has_collector, has_pools; /* the collector knows how to ask for them */
    struct pools *pools;
    struct beam_sampling *sampling; /* NULL: nothing is sampled */
    char own[256];                  /* our name there */
    uv_timer_t *timer;
    struct beam_node node;
    struct feed feeds[FEEDS];
    bool brought, here; /* sources were brought; those of this machine as well */
    struct interest interest;
    int64_t heard_ns, retry_ns, back_off_ns, round_trip_ns, scan_interval_ns, spoken_ns;
    int64_t pid; /* of the node's process on this machine; 0 */
    char why[600], doing[300];
};

/* ---- states ---- */

/* Something was answered, or was not in time; the screen is to see it. */
void beam_hear(struct beam *beam);
void beam_miss(struct beam *beam);
void beam_say_changed(struct beam *beam);

/* When what is due is looked at next. */
void beam_set_timer(struct beam *beam, int64_t delay_ns);

/* What is sampled ends; why "": as the user wished, which is not told. */
void beam_stop_sampling(struct beam *beam, const char *why);

/* Puts the collector there, also once more. */
void beam_start_collector(struct beam *beam);

/* Who the node is: the results of beam_calls_info in a list; or that it did not say so in time. */
void beam_on_info(struct beam *beam, struct str list);
void beam_on_no_info(struct beam *beam);

/* ---- feeds ---- */

void beam_feeds_init(struct beam *beam);

/* The results in a list, as many as there are calls: an empty text for those that failed. */
void beam_split(struct str list_term, const struct beam_calls *calls, struct str *values);

/* Keeps an answer until its source is polled. */
void beam_keep(struct feed *feed, struct str value);

/* A beam_answer; the context is the feed. */
void beam_on_feed(void *context, enum beam_outcome outcome, struct str value);

/* Scans so often that they take at most their share of the time, of one scheduler. */
void beam_pace_scans(struct beam *beam);

/* ---- asking ---- */

/* The collector, by a word of beam_collector.h; `arguments` may be NULL. */
void beam_ask(struct beam *beam, const char *word, const struct buf *arguments, unsigned count,
              void *context, beam_answer *answer);
void beam_ask_calls(struct beam *beam, const char *word, const struct beam_calls *calls,
                    void *context, beam_answer *answer);

/* Plain calls, one by one; their results go to the feed, or with FEEDS to beam_on_info. */
void beam_start_round(struct beam *beam, const struct beam_calls *calls, enum feed_id feed);

/* How to ask for pools is told the collector once. */
void beam_teach_pools(struct beam *beam);

/* Something that was awaited has come, or was read. */
void beam_look_again(struct beam *beam);

/* Asks what is due, and sets the timer for what comes next. */
void beam_ask_what_is_due(struct beam *beam);

#endif
