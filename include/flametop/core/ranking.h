/* Numbers in the order of their weights, the heaviest first, made in steps: a million of them take
 * longer than a key may. Equal ones stay in the order they were given in. */
#ifndef FLAMETOP_CORE_RANKING_H
#define FLAMETOP_CORE_RANKING_H

#include <stdbool.h>
#include <stdint.h>

struct ranked {
    double weight; /* 0 or more */
    uint32_t number;
};

struct ranking {
    struct ranked *items; /* the caller fills them; in order when all is done */
    uint32_t count;

    struct ranked *other; /* where they go in a pass */
    uint32_t at;
    unsigned pass; /* 0 counts; then one a byte of the weight, the lowest first */
    uint32_t (*places)[256];
};

/* Room for so many items. False when out of memory: then nothing is held. */
bool ranking_init(struct ranking *ranking, uint32_t count);
void ranking_done(struct ranking *ranking);

/* Goes on until all is done, or the monotonic time is reached. True when all is done. */
bool ranking_step(struct ranking *ranking, int64_t until_ns);

#endif
