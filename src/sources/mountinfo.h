/* The mount table, and which of it people call their file systems. Pure: text in, rows out. */
#ifndef FLAMETOP_SOURCES_MOUNTINFO_H
#define FLAMETOP_SOURCES_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* One line of /proc/PID/mountinfo (filesystems/proc.rst 3.5). Texts are views of the line, with the
 * kernel's octal escapes (\040 \011 \012 \134 \043) still in. */
struct mount {
    uint64_t id, parent;
    uint64_t device; /* major << 32 | minor */
    struct str root, point, type, source;
    bool is_read_only;
};

bool mount_parse(struct str line, struct mount *ret_mount);

/* Takes the escapes out; answers the length, or 0 when it does not fit. Ends with NUL. */
size_t mount_unescape(struct str escaped, char *dst, size_t size);

enum mount_use {
    MOUNT_LEFT_OUT, /* no storage (proc), always full by nature (squashfs), or a container engine's
                       own */
    MOUNT_LOCAL,
    MOUNT_NETWORK, /* another machine or a process answers for it, or does not */
};

enum mount_use mount_use(const struct mount *mount);

/* Parses the table and keeps, in its order, what is not left out: of several mounts of one device
 * the one that shows most of it (its root, then the shortest path, as df does), and of several on
 * one path the one on top. Lines that make no sense and mounts above `max` are counted in
 * `refused`. Answers how many are kept; the texts are views of `text`. Takes memory of its own
 * while it runs; 0 when there is none. */
size_t mounts_select(struct str text, struct mount *ret_mounts, size_t max, uint64_t *refused);

#endif
