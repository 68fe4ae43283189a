/* What the header says of the machine, read once. */
#ifndef FLAMETOP_CORE_HOST_H
#define FLAMETOP_CORE_HOST_H

#include <stdbool.h>

#include "flametop/base/arena.h"
#include "flametop/core/picture.h"
#include "flametop/core/source.h"

/* Fills name, system ("Debian 12"), kernel, virtualization, cores and uptime, with texts cleaned
 * and in the arena; what cannot be read stays "" or 0. The limits are the cgroup source's business.
 * False when nothing could be read. */
bool host_read(struct host *host, const struct roots *roots, struct arena *arena);

#endif
