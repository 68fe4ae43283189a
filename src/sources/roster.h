/* A roster: things that a kernel file lists by name, one a line, in an order that seldom changes
 * (disks, interfaces), with what is remembered about each.
 *
 * An item is a struct of the caller's that begins with a struct roster_name. Walking the file, the
 * caller asks for the item of (position, name); while the order stays the same that is one
 * comparison. Items that were not asked for between two calls of roster_end are forgotten. Items
 * move: keep no pointers. */
#ifndef FLAMETOP_SOURCES_ROSTER_H
#define FLAMETOP_SOURCES_ROSTER_H

#include <stddef.h>

#include "flametop/base/str.h"

#define ROSTER_NAME_MAX 63

struct roster_name {
    unsigned char n;
    char text[ROSTER_NAME_MAX + 1];
};

struct roster {
    char *items;
    size_t item_bytes, count, capacity, count_max;
};

void roster_init(struct roster *roster, size_t item_bytes, size_t count_max);
void roster_done(struct roster *roster);

/* The item at `position`, the number of items asked for since roster_end. A new one is zeroed but
 * for its name. NULL when the name is empty or too long, count_max is reached or memory is out. */
void *roster_place(struct roster *roster, size_t position, struct str name);
void *roster_at(const struct roster *roster, size_t index);

/* Forgets everything behind the first `count` items. */
void roster_end(struct roster *roster, size_t count);

#endif
