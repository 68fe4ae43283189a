/* Sources made of batches that were taken elsewhere: of a recording, of a live stream. */
#ifndef FLAMETOP_SOURCES_REMOTE_H
#define FLAMETOP_SOURCES_REMOTE_H

#include "flametop/base/hash.h"
#include "flametop/core/source.h"

#define REMOTE_SOURCES_MAX 60

/* A batch, copied. */
struct moment {
    struct moment *next;
    uint64_t turn;      /* whoever makes it orders them by this */
    size_t source;      /* its index */
    struct batch batch; /* columns, values and tables are its own */
    struct arena arena;
};

/* NULL when out of memory. */
struct moment *moment_new(const struct batch *batch);
void moment_free(struct moment *moment);

/* Its polls answer `moment`, and SOURCE_IDLE while that is NULL. With `take` set that is asked at
 * each poll instead, and what it answers is freed. */
struct remote {
    struct source source; /* first: what open is given */
    char name[64];
    const struct table_def *tables[BATCH_TABLES_MAX];
    struct map columns; /* series -> its batch column + 1 */
    struct moment *moment;
    struct moment *(*take)(void *context, struct remote *remote);
    void *context;
};

/* A list of them. They stay where they are until remotes_done. */
struct remotes {
    struct remote *list[REMOTE_SOURCES_MAX];
    size_t count;
};

void remotes_done(struct remotes *remotes);

/* The index of the one of that name, made when it is new; -1 when there are too many, the name is
 * too long, or memory is out. */
int remotes_index(struct remotes *remotes, const char *name);

/* Definitions of the batch's tables that the source did not have. */
void remote_note_tables(struct remote *remote, const struct batch *batch);

bool tables_have(const struct table_def *const *tables, size_t count, const struct table_def *def);

#endif
