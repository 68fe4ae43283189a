/* Paths into terms, for pools (sources/pool.h). */
#ifndef FLAMETOP_SOURCES_POOL_PATH_H
#define FLAMETOP_SOURCES_POOL_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* The part of the term that a path without "*" leads to. */
bool pool_path(struct str term, const char *path, struct str *ret_part);

/* Its number; NaN when there is none. An atom true is 1, false 0; of a list its length. */
double pool_number(struct str term, const char *path);

/* The elements one by one: of a list, a tuple, or the values of a map. Keys are those
 * of maps, else `key` is empty. */
struct pool_rows {
    struct str rest;
    uint32_t left;
    bool map;
};
bool pool_rows_begin(struct str term, const char *path, struct pool_rows *ret_rows);
bool pool_rows_next(struct pool_rows *rows, struct str *ret_key, struct str *ret_row);

#endif
