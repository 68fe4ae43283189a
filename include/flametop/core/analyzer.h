/* An analyzer: reads pictures, says findings, and remembers what it needs to know "since when".
 *
 * It runs on the engine thread with every picture, before that is published. Findings and their
 * texts go to the picture's arena. Without enough data it says nothing, and `looked_at` does not
 * list it. */
#ifndef FLAMETOP_CORE_ANALYZER_H
#define FLAMETOP_CORE_ANALYZER_H

#include <stddef.h>

#include "flametop/core/finding.h"
#include "flametop/core/picture.h"

#define FINDINGS_MAX 64

struct findings {
    struct arena *arena;
    struct finding list[FINDINGS_MAX];
    size_t count;
    const char *looked_at, *not_looked_at;
    size_t thresholds; /* judged here, whether or not there is something to say yet */
};

struct analyzer {
    const char *name;
    const char *text;
    void *(*open)(struct catalog *catalog);
    void (*run)(void *state, const struct picture *picture, struct findings *findings);
    void (*close)(void *state);
};

#endif
