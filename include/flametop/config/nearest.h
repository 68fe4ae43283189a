/* The nearest of a set of names to one that was mistyped: "did you mean interval?". */
#ifndef FLAMETOP_CONFIG_NEAREST_H
#define FLAMETOP_CONFIG_NEAREST_H

#include <stddef.h>

#include "flametop/base/str.h"

struct nearest {
    struct str wanted;
    const char *best;  /* NULL: nothing is near enough to be worth a suggestion */
    unsigned distance; /* of best; before the first the largest that counts as near */
};

void nearest_init(struct nearest *nearest, struct str wanted);

/* Offers a name, which must outlive the struct. Of equally near names the first one offered stays.
 */
void nearest_try(struct nearest *nearest, const char *name);

/* Edits (insert, delete, replace, swap of neighbours) that make one text of the other, ignoring
 * ASCII case: the optimal string alignment distance. Texts are compared up to 64 bytes; longer ones
 * are as far apart as they are long. */
unsigned nearest_distance(struct str a, struct str b);

#endif
