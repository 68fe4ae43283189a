/* Open files. For the source and its tests. */
#ifndef FLAMETOP_SOURCES_PROC_FILE_H
#define FLAMETOP_SOURCES_PROC_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/str.h"

struct file_counts {
    uint64_t open, limit;
};

/* The one line of /proc/sys/fs/file-nr: allocated, unused, limit (admin-guide/sysctl/fs.rst). */
bool file_counts_parse(struct str text, struct file_counts *ret_counts);

#endif
