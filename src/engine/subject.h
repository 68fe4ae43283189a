/* Whom a collector's pictures are of: the host, and the link it is seen through. Engine thread. */
#ifndef FLAMETOP_ENGINE_SUBJECT_H
#define FLAMETOP_ENGINE_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/core/host.h"
#include "flametop/core/link.h"
#include "flametop/core/picture.h"
#include "flametop/core/query.h"
#include "flametop/core/source.h"

struct subject {
    struct host host; /* its texts in host_arena, or the target */
    struct arena host_arena;
    int64_t host_boot_ns; /* when its uptime was right */
    struct query *core_limit, *memory_limit;
    bool linked;
    struct link_status link; /* its texts in link_arena */
    struct arena link_arena;
};

/* This machine, or where `target` is not NULL that, of which nothing else is known yet. `target`
 * outlives it. The catalog has the sources' metrics by now. */
void subject_init(struct subject *subject, const char *target, const struct roots *roots,
                  struct catalog *catalog, int64_t boot_ns);
void subject_done(struct subject *subject);

/* Both copy. `boot_ns` is now; a status of NULL is no link. */
void subject_set_host(struct subject *subject, const struct host *host, int64_t boot_ns);
void subject_set_link(struct subject *subject, const struct link_status *status);

/* Whether what is seen of it is old. */
bool subject_is_lost(const struct subject *subject);

/* Into a picture that has its tracks, which began at `boot_ns`. */
void subject_fill(const struct subject *subject, int64_t boot_ns, struct picture *picture);

#endif
