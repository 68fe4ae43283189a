/* Requests in groups: how many, how long, how many failed, which way it goes, and how long people
 * waited for them.
 *
 * Made in steps beside the rows that are there, which stay until the new ones are whole: a screen
 * asks with every picture, and what is asked again costs nothing until the list has changed. */
#ifndef FLAMETOP_TRACE_GROUP_H
#define FLAMETOP_TRACE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/chart.h"
#include "flametop/trace/select.h"

#define TRACE_GROUPS_MAX 1024 /* what comes after them is one group more */
#define TRACE_GROUP_BUCKETS 24

enum trace_group_by {
    GROUP_REQUEST, /* endpoint and tool */
    GROUP_ENDPOINT,
    GROUP_TOOL,
    GROUP_SERVICE,
    GROUP_ATTRIBUTE, /* of the root, of its resource, or of the first span that has it */
};

struct trace_grouping {
    enum trace_group_by by;
    const char *attribute;    /* key; of GROUP_ATTRIBUTE */
    struct trace_scope scope; /* which requests; its span of time is that of rates and trends: `to`
                                 is the picture's moment */
};

struct trace_group {
    uint64_t key;
    const char *name; /* what is grouped by; "": requests without it. NULL: all that came after
                         TRACE_GROUPS_MAX */
    const char *endpoint, *tool, *service; /* NULL: several; tool "": none */
    uint64_t traces;                       /* in the store */
    double count;                          /* requests: traces by their weights */
    double errors, slow;                   /* of count */
    double running;                        /* of count: not ended; in none of the durations below */
    double rate;                           /* a second */
    double mean_s, p50_s, p95_s, p99_s, max_s; /* NaN: too few to know */
    double waited_s; /* seconds of waiting, a minute; all of them where there is less than one */
    float trend_s[TRACE_GROUP_BUCKETS]; /* mean durations over the span; NaN: none */
    enum trend trend;
    double ratio; /* median of the newest quarter of the span to that of the rest; NaN: too few */
};

struct trace_groups {
    struct trace_group *rows; /* most waited for first */
    size_t count;
    uint64_t number; /* of the list they are of; 0: none yet */
    double span_s; /* of time that they cover: shorter than asked for where the store is younger */
    struct trace_group all;
    struct trace_groups_work *work;
};

struct trace_groups *trace_groups_new(void); /* NULL when out of memory */
void trace_groups_free(struct trace_groups *groups);

/* What is wanted from now on; nothing happens when the rows are that already. What is being made is
 * finished first, so that there is always something to see, unless it has another condition. Holds
 * the list meanwhile; texts are copied. */
void trace_groups_ask(struct trace_groups *groups, struct traces *traces,
                      const struct trace_grouping *grouping);

/* Goes on until the rows are what was asked for, or the monotonic time is reached. True when they
 * are. */
bool trace_groups_step(struct trace_groups *groups, int64_t until_ns);

/* The key of the group a trace belongs to: traces of a row have its key. */
uint64_t trace_group_key(const struct trace_grouping *grouping, const struct trace *trace);

#endif
