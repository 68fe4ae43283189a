/* What the keys of a JSON document say: names for metrics, units by suffix. Pure. */
#ifndef FLAMETOP_SOURCES_JSON_NAME_H
#define FLAMETOP_SOURCES_JSON_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"

#define JSON_NAME_BYTES 128

struct json_meaning {
    char name[JSON_NAME_BYTES]; /* "json.pools.busy": of the last keys that say something */
    const char *unit;
    double scale; /* from what is written to the unit */
    bool total;   /* a counter by its name (_total) */
    bool perhaps; /* perhaps one (_count): see what it does */
};

/* `keys` from the root down to the leaf. */
void json_mean(const struct str *keys, size_t count, struct json_meaning *ret_meaning);

/* One key as part of a name: lower case, words joined by '_', nothing but [a-z0-9_]. */
size_t json_key_name(struct str key, char *dst, size_t size);

#endif
