/* A streaming JSON reader: tokens of a text, without a tree. For files that are larger than a tree
 * of them would leave room for.
 *
 * Strict (RFC 8259), iterative, at most JSON_SCAN_DEPTH_MAX deep. A scanner is a value: a copy of
 * it reads on from where it stood. */
#ifndef FLAMETOP_BASE_JSON_SCAN_H
#define FLAMETOP_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

#define JSON_SCAN_DEPTH_MAX 512

enum json_token {
    JSON_ERROR, /* stays; `why` says what */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_END /* of the text */
};

struct json_scan {
    const char *begin, *p, *end;
    struct str text; /* of a key or string: between its quotes, not unescaped; of a number: its
                        digits */
    const char *why; /* NULL: nothing is wrong */
    unsigned depth;
    uint8_t objects[JSON_SCAN_DEPTH_MAX / 8]; /* which of the levels are objects */
    bool comma, value;                        /* an element is behind, a value must come */
};

void json_scan_init(struct json_scan *scan, struct str text);
enum json_token json_scan_next(struct json_scan *scan);

/* Reads on to the end of what began with this token: the value after a key, or what is inside an
 * object or array. False on an error. */
bool json_scan_skip(struct json_scan *scan, enum json_token token);

/* The next value, as one of these; false, and it is skipped, when it is of another kind. */
bool json_scan_number(struct json_scan *scan, double *ret_value);
bool json_scan_string(struct json_scan *scan, struct str *ret_text);

/* Begins the next value when it is one; otherwise it is skipped. */
bool json_scan_enter(struct json_scan *scan, enum json_token token);

/* The next key of the object that is read; false at its end. */
bool json_scan_key(struct json_scan *scan, struct str *ret_key);

/* Writes a string's text without escapes, at most size - 1 bytes. Answers how many. */
size_t json_scan_unescape(struct str text, char *dst, size_t size);

/* The line (from 1) it stands in. Walks the text from the beginning. */
size_t json_scan_line(const struct json_scan *scan);

#endif
