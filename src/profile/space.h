/* The code of one process: what of which file is where in its memory.
 *
 * It is read from /proc/PID/maps when it is first wanted, and kept up to date by records of the
 * kernel; a program that was started meanwhile is known by records alone, so that its samples have
 * names though it may be over before anybody could look. Code that belongs to no file is looked up
 * in the process' perf-PID.map. */
#ifndef FLAMETOP_SRC_PROFILE_SPACE_H
#define FLAMETOP_SRC_PROFILE_SPACE_H

#include "module.h"

#define SPACE_MAPPINGS_MAX 65536u

struct mapping {
    uint64_t start, end, offset;
    struct module *module; /* NULL: it belongs to no file that is known */
};

struct space {
    uint32_t pid, parent;
    uint64_t serial;      /* another one after each change */
    bool whole;           /* every mapping was told by a record */
    bool looked;          /* /proc was read once */
    struct mapping *list; /* by address, none overlapping */
    uint32_t count, capacity;

    struct symbols made;         /* at run time */
    uint64_t made_n, made_inode; /* how much of the file was read */
};

/* One line of /proc/PID/maps. */
struct maps_line {
    uint64_t start, end, offset, inode;
    uint32_t major, minor;
    bool executable;
    struct str path; /* "" for none */
};
bool maps_line_read(struct str line, struct maps_line *ret_line);

struct space *space_new(uint32_t pid);
void space_free(struct space *space);

/* A new program: what was mapped is gone, and records tell the rest. */
void space_clear(struct space *space);

/* Adds a mapping; what it lies over goes. */
void space_map(struct space *space, uint64_t start, uint64_t end, uint64_t offset,
               struct module *module);

/* What is at an address; NULL when nothing is known there. */
const struct mapping *space_find(const struct space *space, uint64_t at);

/* Opens its folder in /proc, for the caller to close; -1: it is gone. None is kept open: there may
 * be more processes than descriptors. */
int space_open(const struct space *space, const char *proc);

/* Reads /proc/PID/maps; false when that cannot be. */
bool space_look(struct space *space, const char *proc, struct modules *modules);

/* Takes over what another process has mapped. */
void space_copy(struct space *space, const struct space *from);

/* The name of code made at run time; n is 0 when it is not known. With `proc` the file is looked at
 * for what was appended since; NULL: it is not. */
struct str space_made(struct space *space, uint64_t at, const char *proc);

#endif
