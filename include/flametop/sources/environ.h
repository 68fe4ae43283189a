/* The environment of one process, read at the moment somebody asks for it. It holds secrets: it is
 * no part of tables, pictures, histories or snapshots. */
#ifndef FLAMETOP_SOURCES_ENVIRON_H
#define FLAMETOP_SOURCES_ENVIRON_H

#include <stdint.h>

#include "flametop/base/buf.h"

/* Adds the process's variables to `lines`, one `NAME=VALUE` a line, cleaned, of at most 64 KiB of
 * environment; a last line of "…" says that there is more. `proc` is the root (/proc). 0, or a
 * negative errno: -EACCES without the right to look, -ESRCH or -ENOENT when the process has ended.
 * Kernel threads have none. */
int environ_read(const char *proc, int64_t pid, struct buf *lines);

#endif
