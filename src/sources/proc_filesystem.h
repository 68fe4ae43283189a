/* The source of file systems, as its tests open it. */
#ifndef FLAMETOP_SOURCES_PROC_FILESYSTEM_H
#define FLAMETOP_SOURCES_PROC_FILESYSTEM_H

#include "flametop/core/source.h"
#include "probe.h"

/* As source_proc_filesystem.open, with another function to ask for sizes (NULL: none is asked, so
 * sizes stay unknown: a tree of files cannot answer for what it lists). */
int filesystem_open_with(const struct source_setup *setup, probe_function function,
                         void **ret_state, char *why, size_t why_size);

#endif
