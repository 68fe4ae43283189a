/* The Erlang VMs of this machine: processes called beam*, what their command lines say of them, and
 * which of the ports that epmd knows are theirs. */
#ifndef FLAMETOP_SOURCES_BEAM_LOCAL_H
#define FLAMETOP_SOURCES_BEAM_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmd.h"

#define BEAM_VMS_MAX 64

struct beam_vm {
    int64_t pid;
    unsigned uid;
    char name[EPMD_NAME_BYTES]; /* before the @, by its arguments or by epmd; "": it has none */
    char host[EPMD_NAME_BYTES]; /* after the @ of -name; "" */
    unsigned port;              /* where it listens; 0: unknown */
    bool told;                  /* the name was told by epmd, or there is a port without it */
};

/* Whether the arguments (separated by NUL) are those of a VM, and what they say. */
bool beam_vm_parse(struct str arguments, struct beam_vm *ret_vm);

/* All there are, oldest pid first; `nodes` are those that the epmd of this machine knows. */
size_t beam_local_scan(const char *proc, const struct epmd_node *nodes, size_t node_count,
                       struct beam_vm *ret_vms, size_t max);

/* The VM of that name or that listens at the port (0: any); 0 when there is none here. */
int64_t beam_local_pid(const char *proc, const char *name, unsigned port);

/* The value that follows an option in arguments separated by NUL ("-setcookie"). */
bool beam_argument(struct str arguments, const char *option, struct str *ret_value);

#endif
