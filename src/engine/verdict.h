/* The findings of pictures: what the analyzers say here, or what the other end of a link found.
 * They are kept as rows, so that going back shows the diagnosis of then. Engine thread. */
#ifndef FLAMETOP_ENGINE_VERDICT_H
#define FLAMETOP_ENGINE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/core/analyzer.h"
#include "flametop/core/keep.h"
#include "flametop/core/picture.h"

#define VERDICT_ANALYZERS_MAX 16

struct verdict {
    const struct analyzer *const *analyzers;
    size_t analyzer_count;
    void *states[VERDICT_ANALYZERS_MAX];
    void *request_state; /* of analyzer_request; NULL: nothing is said of requests */
    struct keep *kept;
    bool elsewhere;         /* theirs stand */
    struct findings theirs; /* texts in arena */
    struct arena arena;
};

/* The catalog has the sources' metrics by now; the analyzers outlive it. */
void verdict_init(struct verdict *verdict, const struct analyzer *const *analyzers, size_t count,
                  bool requests, struct catalog *catalog);
void verdict_done(struct verdict *verdict);

/* Findings made elsewhere, in place of the analyzers'; NULL: judge here again. Copied. */
void verdict_set(struct verdict *verdict, const struct finding *findings, size_t count,
                 const char *looked_at, const char *not_looked_at);

/* Into a picture that has all else. `old`: it shows what was there before, and what is found
 * meanwhile comes later: no rows are kept of it. */
void verdict_fill(struct verdict *verdict, bool old, struct picture *picture);

#endif
