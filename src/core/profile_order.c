/* The order of a profile's nodes in memory: each beside its parent, as walks meet them. */
#include "flametop/core/profile.h"

#include <string.h>

#include "flametop/base/pages.h"

#define FAR 4096u /* nodes: so far away nothing is in the cache */

/* Whether enough of them are far from their parents for another order to be worth it. */
static bool
is_scattered(const struct profile *profile)
{
    uint32_t far = 0;
    for (uint32_t node = 1; node < profile->node_count; node++) {
        far += node - profile->parent[node] > FAR;
    }
    return far > profile->node_count / 16;
}

/* The number each node gets: its parent's, those of its elder siblings and all below them, one
 * more. A node's parent has a smaller number, so both sums are walks along the nodes. */
static uint32_t *
number_anew(const struct profile *profile)
{
    uint32_t count = profile->node_count;
    uint32_t *below =
        pages_new(count, sizeof(uint32_t), PAGES_HUGE); /* nodes, itself included; then the next
                                               number to be given below it */
    uint32_t *number = pages_new(count, sizeof(uint32_t), PAGES_HUGE);
    if (below == NULL || number == NULL) {
        pages_free(below);
        pages_free(number);
        return NULL;
    }
    for (uint32_t node = count - 1; node > 0; node--) {
        below[profile->parent[node]] += ++below[node];
    }
    below[0] = 1;
    for (uint32_t node = 1; node < count; node++) {
        uint32_t *next = &below[profile->parent[node]], all = below[node];
        number[node] = *next;
        *next += all;
        below[node] = number[node] + 1;
    }
    pages_free(below);
    return number;
}

static void
move_values(struct profile *profile, const uint32_t *number, double *scratch)
{
    for (unsigned side = 0; side < profile->sides; side++) {
        for (unsigned i = 0; i < profile->measure_count; i++) {
            double *values = profile->values[side][i];
            for (uint32_t node = 0; values != NULL && node < profile->node_count; node++) {
                scratch[number[node]] = values[node];
            }
            if (values != NULL) {
                memcpy(values, scratch, profile->node_count * sizeof(double));
            }
        }
    }
}

static void
move_nodes(struct profile *profile, const uint32_t *number, uint32_t *scratch)
{
    uint32_t count = profile->node_count;
    for (uint32_t node = 0; node < count; node++) {
        scratch[number[node]] = profile->frame[node];
    }
    memcpy(profile->frame, scratch, count * sizeof(uint32_t));
    for (uint32_t node = 0; node < count; node++) {
        scratch[number[node]] = number[profile->parent[node]];
    }
    memcpy(profile->parent, scratch, count * sizeof(uint32_t));
}

void
profile_order(struct profile *profile)
{
    if (profile->failed || !is_scattered(profile)) {
        return;
    }
    void *scratch = pages_new(profile->node_count, sizeof(double), PAGES_HUGE);
    uint32_t *number = scratch != NULL ? number_anew(profile) : NULL;
    if (number != NULL) {
        move_values(profile, number, scratch);
        move_nodes(profile, number, scratch);
        for (uint32_t i = 0; i < profile->moment_count; i++) {
            profile->moments[i].node = number[profile->moments[i].node];
        }
        profile->indexed = 1; /* the table has the old numbers */
    }
    pages_free(number);
    pages_free(scratch);
}
