/* The picture slot: the newest picture, handed from the engine to whoever asks. Any thread. */
#ifndef FLAMETOP_ENGINE_SLOT_H
#define FLAMETOP_ENGINE_SLOT_H

#include <pthread.h>

#include "flametop/core/picture.h"

struct slot {
    pthread_mutex_t lock;
    struct picture *picture;
};

void slot_init(struct slot *slot);
void slot_done(struct slot *slot);

/* Takes the caller's reference and gives up the older picture. */
void slot_put(struct slot *slot, struct picture *picture);

/* A reference for the caller; NULL before the first put. */
struct picture *slot_get(struct slot *slot);

#endif
