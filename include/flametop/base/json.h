/* A streaming JSON writer onto a buffer.
 *
 * Doubles are printed as the shortest decimal that reads back to the same bits, NaN and infinities
 * as null, integers beyond 2^53 as strings. Commas and nesting (at most 32 deep) are kept by the
 * writer. */
#ifndef FLAMETOP_BASE_JSON_H
#define FLAMETOP_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"

struct json {
    struct buf *out;
    unsigned depth;
    bool pretty;    /* one member a line, two blanks a level */
    bool first[33]; /* nothing written yet at this depth */
    bool after_key;
};

void json_init(struct json *json, struct buf *out, bool pretty);
void json_object(struct json *json);
void json_object_end(struct json *json);
void json_array(struct json *json);
void json_array_end(struct json *json);
void json_key(struct json *json, const char *key);
void json_text(struct json *json, const char *text); /* NULL: null; bad UTF-8 becomes U+FFFD */
void json_str(struct json *json, struct str text);
void json_double(struct json *json, double value);
void json_int(struct json *json, int64_t value);
void json_uint(struct json *json, uint64_t value);
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
void json_time(struct json *json, int64_t wall_ns); /* RFC 3339 */

/* The shortest decimal text of a finite double that reads back bit for bit, in any locale. Answers
 * dst. */
char *json_double_text(double value, char dst[32]);

#endif
