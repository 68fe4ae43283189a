/* The leaves of a query: which columns of a layout one reads, which track has them, and its points.
 */
#ifndef FLAMETOP_CORE_LEAF_H
#define FLAMETOP_CORE_LEAF_H

#include "formula.h"
#include "vector.h"

/* A rate is made of readings that are at least so far apart. */
#define RATE_NS_MIN (250 * NS_PER_MS)

/* The columns of a layout that match, sorted by series id. */
size_t leaf_columns(struct leaf *leaf, const struct layout *layout, const struct match **ret_list);

/* The track whose newest layout has series of this leaf; NULL: none has. */
const struct track *leaf_track(struct leaf *leaf, const struct picture *picture);

/* Its series folded, counters as rates. */
struct vector leaf_eval(struct leaf *leaf, const struct range *range);

#endif
