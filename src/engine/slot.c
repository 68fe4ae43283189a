/* The picture slot. The lock is held for a pointer's exchange only: pictures are freed outside it.
 */
#include "flametop/engine/slot.h"

#include <stddef.h>

void
slot_init(struct slot *slot)
{
    pthread_mutex_init(&slot->lock, NULL);
    slot->picture = NULL;
}

void
slot_done(struct slot *slot)
{
    picture_release(slot->picture);
    pthread_mutex_destroy(&slot->lock);
}

void
slot_put(struct slot *slot, struct picture *picture)
{
    pthread_mutex_lock(&slot->lock);
    struct picture *older = slot->picture;
    slot->picture = picture;
    pthread_mutex_unlock(&slot->lock);
    picture_release(older);
}

struct picture *
slot_get(struct slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    struct picture *picture = slot->picture != NULL ? picture_acquire(slot->picture) : NULL;
    pthread_mutex_unlock(&slot->lock);
    return picture;
}
