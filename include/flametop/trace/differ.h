/* What is different about some requests: their attributes ranked by how much more, or less, often
 * they occur than among the rest.
 *
 * A request has the attributes of all its spans and resources, and service, endpoint, tool, status
 * and the operations that were called. For each key = value: the difference of its shares times the
 * root of the number selected. Keys with mostly different values (ids) are left out; keys with many
 * numbers are judged by the Kolmogorov-Smirnov distance of their distributions instead. Redacted
 * values are not looked at. */
#ifndef FLAMETOP_TRACE_DIFFER_H
#define FLAMETOP_TRACE_DIFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/trace/select.h"

#define TRACE_DIFFERENCES_MAX 12

struct trace_difference {
    const char *key;
    const char *value; /* NULL: numbers */
    double share[2];   /* of the selected, of the rest: requests that have it (have the key, of
                          numbers) */
    double median[2];  /* of numbers; NaN otherwise */
    double distance;   /* of numbers: 0 to 1; otherwise the difference of the shares */
    double score;
};

struct trace_differ {
    struct trace_difference list[TRACE_DIFFERENCES_MAX]; /* first what differs most */
    size_t count;
    uint64_t selected, rest; /* traces compared */
    uint64_t ids;            /* keys left out as ids */
    uint64_t dropped;        /* values for which there was no room */
    bool failed;             /* out of memory */
    struct trace_differ_work *work;
};

/* `others` may hold the selected ones as well; they do not count there. Both must live until it is
 * done. NULL when out of memory. */
struct trace_differ *trace_differ_new(const struct trace_set *selected,
                                      const struct trace_set *others);
void trace_differ_free(struct trace_differ *differ);
bool trace_differ_step(struct trace_differ *differ, int64_t until_ns);
double trace_differ_progress(const struct trace_differ *differ);

#endif
