/* Foreign JSON, read without trust: what is missing or of another type is NaN, "" or NULL; numbers
 * may stand in strings. */
#ifndef FLAMETOP_SOURCES_JSON_READ_H
#define FLAMETOP_SOURCES_JSON_READ_H

#include <cjson/cJSON.h>

#include "flametop/base/arena.h"
#include "flametop/base/str.h"

/* NULL when it is no JSON; cJSON_Delete it. */
cJSON *json_parse(struct str text);

/* A member by its path: "message_stats.publish_details.rate"; keys with dots cannot be named. */
const cJSON *json_at(const cJSON *item, const char *path);

double json_number(const cJSON *item); /* numbers, and strings that are nothing but one */
double json_number_at(const cJSON *item, const char *path);

/* Cleaned; "" when it is no string. Answers dst. */
char *json_text_at(const cJSON *item, const char *path, char *dst, size_t size);

/* The same in an arena, NULL when it is no string: a cell of a table. */
const char *json_cell_at(const cJSON *item, const char *path, struct arena *arena);

#endif
