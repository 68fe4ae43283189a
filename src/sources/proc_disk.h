/* Disks: what of /proc/diskstats is a disk, and under which name people know it. For the source and
 * its tests. */
#ifndef FLAMETOP_SOURCES_PROC_DISK_H
#define FLAMETOP_SOURCES_PROC_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* The fields behind the name (Documentation/admin-guide/iostats.rst). Kernels before 4.18 have the
 * first 11, before 5.5 the first 15. Times are milliseconds in 32 bits, sectors 512 bytes. */
enum disk_field {
    DISK_READS,
    DISK_READS_MERGED,
    DISK_SECTORS_READ,
    DISK_READ_MS,
    DISK_WRITES,
    DISK_WRITES_MERGED,
    DISK_SECTORS_WRITTEN,
    DISK_WRITE_MS,
    DISK_IN_FLIGHT,
    DISK_BUSY_MS,
    DISK_WEIGHTED_MS,
    DISK_DISCARDS,
    DISK_DISCARDS_MERGED,
    DISK_SECTORS_DISCARDED,
    DISK_DISCARD_MS,
    DISK_FLUSHES,
    DISK_FLUSH_MS,
    DISK_FIELDS,
};

#define DISK_FIELDS_LEAST 11

struct disk_line {
    struct str name;
    uint64_t fields[DISK_FIELDS];
    unsigned field_count;
};

/* One line, without its LF. False unless it has a name and at least DISK_FIELDS_LEAST whole
 * numbers. */
bool disk_line_parse(struct str line, struct disk_line *ret_line);

/* What a line stands for. Bytes must not be counted twice, so only DISK_WHOLE enters system.disk.*.
 */
enum disk_class {
    DISK_FOLDED,  /* partition, loop, RAM disk, hidden path, or a device that keeps no figures */
    DISK_WHOLE,   /* a device that does the work itself */
    DISK_LAYERED, /* dm, md, bcache …: passes its requests on to others of this list */
};

struct disk_identity {
    enum disk_class class;
    char name[128];    /* vg0-root for dm-0, otherwise the kernel's name; clean text */
    char kind[16];     /* nvme, ssd, hdd, virtual, mmc, lvm, crypt, multipath, raid1 … */
    char model[64];    /* "" when unknown */
    double size_bytes; /* NaN when unknown */
};

/* Looks `kernel_name` up below SYS/block; where there is no such folder at all, by its name,
 * `before` being the whole disk listed before it ("" for none). */
void disk_identify(const char *sys, const char *kernel_name, const char *before,
                   struct disk_identity *ret_identity);

#endif
