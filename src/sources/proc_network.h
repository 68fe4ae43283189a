/* Interfaces: what of /proc/net/dev counts as the network. For the source and its tests. */
#ifndef FLAMETOP_SOURCES_PROC_NETWORK_H
#define FLAMETOP_SOURCES_PROC_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* The fields behind the colon (net/core/net-procfs.c). */
enum net_field {
    NET_RECEIVED_BYTES,
    NET_RECEIVED_PACKETS,
    NET_RECEIVE_ERRORS,
    NET_RECEIVE_DROPPED, /* with what the device missed */
    NET_RECEIVE_FIFO,
    NET_RECEIVE_FRAME,
    NET_RECEIVED_COMPRESSED,
    NET_RECEIVED_MULTICAST,
    NET_SENT_BYTES,
    NET_SENT_PACKETS,
    NET_SEND_ERRORS,
    NET_SEND_DROPPED,
    NET_SEND_FIFO,
    NET_COLLISIONS,
    NET_SEND_CARRIER,
    NET_SENT_COMPRESSED,
    NET_FIELDS,
};

struct net_line {
    struct str name;
    uint64_t fields[NET_FIELDS];
};

/* One line, without its LF; false for the two lines of the head and for everything torn. */
bool net_line_parse(struct str line, struct net_line *ret_line);

enum net_class {
    NET_LOOPBACK,
    NET_DEVICE, /* has hardware (or a hypervisor) behind it */
    NET_PLAIN,  /* nothing behind it, and no sign that it repeats another one */
    NET_VIRTUAL, /* bridge, bond, tunnel, container end …: repeats what another interface carries */
};

/* By SYS/class/net/NAME, and by the name's beginning for what that does not tell. */
enum net_class net_classify(const char *sys, const char *name);

#endif
