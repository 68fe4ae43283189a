/* Which metrics of a server nobody made cards for say most about it: those that change, counters by
 * their rate, what is waited for and what fails before what is merely there. Chosen by what they
 * are called and by what they did since the last look; looked at a few times only, and what was
 * chosen and moves keeps its place. */
#ifndef FLAMETOP_SRC_UI_TELLING_H
#define FLAMETOP_SRC_UI_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/picture.h"

#define TELLING_MAX 12
#define TELLING_PARTS 3
#define TELLING_TITLE_BYTES 48
#define TELLING_LABEL_BYTES 24

struct told_part {
    char label[TELLING_LABEL_BYTES];
    const char *labels; /* of a series of the metric; of the catalog */
};

struct told {
    const struct metric *metric;
    const struct metric *count; /* the metric's rate is divided by this one's: a mean; or NULL */
    char title[TELLING_TITLE_BYTES];
    struct told_part parts[TELLING_PARTS];
    size_t part_count;
    bool moves; /* it changed while it was looked at */
};

struct telling {
    struct told list[TELLING_MAX];
    size_t count;
    unsigned looks;
    uint64_t first, last; /* numbers of the pictures first and last seen */
    uint64_t signature;
    unsigned changes; /* counts up when the list becomes another */
};

/* Brings the list up to the picture. Costs nothing but at the few pictures that are looked at. */
void telling_update(struct telling *telling, const struct picture *picture);

#endif
