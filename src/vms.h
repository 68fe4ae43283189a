/* The Erlang VMs of this machine, for the screen that has none to show: looked for by a thread of
 * its own, as epmd is asked and may be slow. */
#ifndef FLAMETOP_VMS_H
#define FLAMETOP_VMS_H

#include "cli.h"

struct vms;

/* Both outlive it; `cookie` was given by the environment, NULL: none. NULL when out of memory. */
struct vms *vms_new(const struct cli *cli, const char *cookie);
void vms_free(struct vms *vms);

/* What is known by now, one VM a line: "pid 812  shop@web-01: flametop shop@web-01", or why it
 * cannot be attached. Looks anew at most each 3 s. For app_options.vms. */
void vms_lines(void *vms, struct buf *lines);

#endif
