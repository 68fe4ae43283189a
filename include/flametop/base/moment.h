/* Moments and durations as people type them. */
#ifndef FLAMETOP_BASE_MOMENT_H
#define FLAMETOP_BASE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* 500ms, 2s, -1m, 6h, 7d, 4m31s. False: it is none. */
bool duration_parse(const char *text, int64_t *ret_ns);

/* 13:58 or 13:58:30, the last one that has passed, "2026-11-21 13:58" (or with a T between), all in
 * local time, in UTC with a Z behind; -5m: before now. False: it is none. */
bool moment_parse(const char *text, int64_t now_wall_ns, int64_t *ret_wall_ns);

#endif
