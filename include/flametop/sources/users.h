/* Names of users, from passwd(5) alone: a look-up by NSS could wait for the network. */
#ifndef FLAMETOP_SOURCES_USERS_H
#define FLAMETOP_SOURCES_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"

#define USERS_FILE "/etc/passwd"

struct users;

/* Reads the file; `path` must outlive it. NULL when out of memory. One thread. */
struct users *users_new(const char *path);
void users_free(struct users *users);

/* The name, copied to the arena once a tick, or the number when there is none. The file is looked
 * at again now and then. */
const char *users_name(struct users *users, uint32_t uid, struct arena *arena, uint64_t tick);

/* All that were read, in no order: start with 0 in `at`; NULL at the end. The name lives until the
 * next call of users_name. */
const char *users_next(const struct users *users, size_t *at, uint32_t *ret_uid);

#endif
