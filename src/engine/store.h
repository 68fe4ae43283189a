/* The store of one source: the history of its series, and the kept rows of its tables.
 *
 * Engine thread only. What pictures see is counted and immutable. */
#ifndef FLAMETOP_ENGINE_STORE_H
#define FLAMETOP_ENGINE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "flametop/core/batch.h"
#include "flametop/core/history.h"
#include "flametop/core/keep.h"
#include "flametop/core/picture.h"

struct store {
    struct history history; /* of the series */

    /* Batch columns and layout columns: a column without values over a whole head leaves the
     * layout. */
    int *column_of;       /* [batch column]: layout column or -1 */
    uint64_t *last_tick;  /* [batch column]: tick of the last value */
    int64_t *interval_ns; /* [batch column]: a reading is kept this often only; 0: each */
    int64_t *kept_ns;     /* [batch column]: when the last one was, where interval_ns is not 0 */
    size_t column_count;
    uint64_t tick;

    struct keep *keeps[BATCH_TABLES_MAX];
    size_t keep_count;
};

void store_init(struct store *store);
void store_done(struct store *store);

/* Appends a batch: one tick. One that is no newer than what is there adds nothing: a link that
 * comes back brings again what it had brought, to be shown. */
void store_add(struct store *store, const struct batch *batch);

/* What a picture sees from now on: references on chunks and head. */
void store_view(const struct store *store, struct track *ret_track);

/* Its histories one after the other, that of the series first: index from 0, NULL at the end. */
struct history *store_history(struct store *store, size_t index);

#endif
