/* A picture: the immutable view of one moment.
 *
 * Made by the engine, shared by reference. Its arena is freed by the last release. History is not
 * copied: a track points to sealed chunks and to the head with the number of ticks that belong to
 * this picture. Pausing is holding a picture; going back is picture_at. */
#ifndef FLAMETOP_CORE_PICTURE_H
#define FLAMETOP_CORE_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/core/batch.h"
#include "flametop/core/chunk.h"
#include "flametop/core/finding.h"
#include "flametop/core/head.h"
#include "flametop/core/history.h"
#include "flametop/core/keep.h"
#include "flametop/core/metric.h"
#include "flametop/core/table.h"

/* One source in a picture. */
struct track {
    const char *name, *text; /* of the source */
    enum source_state state;
    const char *why; /* "" when OK */
    int64_t mono_ns; /* when it last delivered */
    int64_t cpu_ns;  /* what the last poll cost */
    int64_t duration_ns;
    uint64_t samples, errors, rejected, dropped; /* since the start */
    struct chunk_list *chunks;                   /* NULL: none yet */
    struct head *head;                           /* NULL: none yet */
    size_t head_ticks;
};

/* What the header says. Texts are cleaned. */
struct host {
    const char *name;           /* web-01 */
    const char *system;         /* Debian 12 */
    const char *kernel;         /* 6.1.0-18-amd64 */
    const char *virtualization; /* "docker", "lxc", ... or "" */
    int cores;                  /* online */
    double core_limit;          /* from the cgroup; 0: none */
    double memory_limit;        /* bytes; 0: none */
    double uptime_s;
};

struct link_status; /* core/link.h */
struct traces;      /* core/traces.h */

struct picture {
    unsigned refs; /* atomic */
    struct arena arena;
    struct catalog *catalog;
    uint64_t number; /* counts up from 1 */
    int64_t mono_ns, wall_ns;
    int64_t interval_ns;
    uint64_t ticks_missed;
    uint64_t arrivals; /* pieces of older history that came from elsewhere: what was made of earlier
                          pictures' history is made anew when there are more */
    bool past;         /* made by picture_at, or read from a file */
    struct host host;

    struct track *tracks;
    size_t track_count;
    struct table **tables;
    size_t table_count;
    struct finding *findings; /* worst first */
    size_t finding_count;
    const char *looked_at;     /* what the diagnosis covered: "cpu, memory, disk, ..." */
    const char *not_looked_at; /* what it could not, and why; NULL: nothing */
    size_t thresholds;         /* that were judged here */

    const struct link_status *link; /* how the other end is doing; NULL: this machine, a file */

    struct traces *traces; /* one reference; NULL: none ever came. Of a picture of the past all
                              that there are now: readers look at trace->mono_ns */

    struct kept **kept; /* tables of the past: core/keep.h */
    size_t kept_count;
    struct picture *base; /* of a picture of the past: what it was made from, held */
};

/* An empty picture with one reference. NULL when out of memory. */
struct picture *picture_new(struct catalog *catalog, size_t arena_bytes_max);

/* The picture of an earlier moment, out of the same history: the newest tick not later than mono_ns
 * (the oldest there is when all are later). Pure: any thread. Findings of the past come from their
 * kept table. NULL when out of memory. */
struct picture *picture_at(struct picture *picture, int64_t mono_ns);

/* The tick `steps` ticks before (< 0) or after (> 0) the one of mono_ns, or as far as there are
 * any; mono_ns itself where there is none. Ticks are those of the source that has the most. */
int64_t picture_step(const struct picture *picture, int64_t mono_ns, int steps);
struct picture *picture_acquire(struct picture *picture);
void picture_release(struct picture *picture);

const struct table *picture_table(const struct picture *picture, const char *name);
const struct track *picture_track(const struct picture *picture, const char *name);

/* The wall time of a monotonic one inside this picture's history (suspends and clock steps
 * applied). */
int64_t picture_wall(const struct picture *picture, int64_t mono_ns);

/* The oldest tick there is, monotonic; the picture's own time when there is no history. */
int64_t picture_oldest(const struct picture *picture);

#endif
