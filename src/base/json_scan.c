/* Tokens of JSON. The grammar is two questions at any point: may a comma stand here, and must a
 * value; all else is the stack of what is open. */
#include "flametop/base/json_scan.h"

#include <string.h>

#include "flametop/base/utf8.h"

void
json_scan_init(struct json_scan *scan, struct str text)
{
    memset(scan, 0, sizeof(*scan));
    scan->begin = scan->p = text.p;
    scan->end = text.p + text.n;
    if (text.n >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0) {
        scan->p += 3;
    }
}

static enum json_token
fail(struct json_scan *scan, const char *why)
{
    scan->why = scan->why != NULL ? scan->why : why;
    return JSON_ERROR;
}

static bool
in_object(const struct json_scan *scan)
{
    unsigned level = scan->depth - 1;
    return scan->depth > 0 && (scan->objects[level / 8] >> level % 8 & 1) != 0;
}

static void
skip_blanks(struct json_scan *scan)
{
    while (scan->p < scan->end &&
           (*scan->p == ' ' || *scan->p == '\n' || *scan->p == '\r' || *scan->p == '\t')) {
        scan->p++;
    }
}

static enum json_token
open_level(struct json_scan *scan, bool object)
{
    if (scan->depth == JSON_SCAN_DEPTH_MAX) {
        return fail(scan, "it is nested too deep");
    }
    uint8_t bit = (uint8_t)(1u << scan->depth % 8);
    uint8_t *byte = &scan->objects[scan->depth / 8];
    *byte = object ? *byte | bit : (uint8_t)(*byte & ~bit);
    scan->depth++;
    scan->comma = scan->value = false;
    scan->p++;
    return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_token
close_level(struct json_scan *scan, bool object)
{
    if (scan->depth == 0 || in_object(scan) != object) {
        return fail(scan, "a bracket closes what is not open");
    }
    scan->depth--;
    scan->comma = true;
    scan->value = false;
    scan->p++;
    return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

/* To the closing quote. */
static bool
take_string(struct json_scan *scan)
{
    const char *from = ++scan->p;
    while (scan->p < scan->end && *scan->p != '"') {
        if ((unsigned char)*scan->p < ' ') {
            return false;
        }
        scan->p += *scan->p == '\\' && scan->p + 1 < scan->end ? 2 : 1;
    }
    if (scan->p >= scan->end) {
        return false;
    }
    scan->text = (struct str){from, (size_t)(scan->p - from)};
    scan->p++;
    return true;
}

static enum json_token
string(struct json_scan *scan)
{
    bool key = in_object(scan) && !scan->value;
    if (!take_string(scan)) {
        return fail(scan, "a string does not end");
    }
    scan->comma = !key;
    scan->value = false;
    if (!key) {
        return JSON_STRING;
    }
    skip_blanks(scan);
    if (scan->p >= scan->end || *scan->p != ':') {
        return fail(scan, "a colon is missing after a key");
    }
    scan->p++;
    scan->value = true;
    return JSON_KEY;
}

static enum json_token
word(struct json_scan *scan, const char *text, enum json_token token)
{
    size_t n = strlen(text);
    if ((size_t)(scan->end - scan->p) < n || memcmp(scan->p, text, n) != 0) {
        return fail(scan, "this is no JSON");
    }
    scan->p += n;
    scan->comma = true;
    scan->value = false;
    return token;
}

static enum json_token
number(struct json_scan *scan)
{
    const char *from = scan->p;
    while (scan->p < scan->end && *scan->p != '\0' && strchr("+-.0123456789eE", *scan->p) != NULL) {
        scan->p++;
    }
    if (scan->p == from) {
        return fail(scan, "this is no JSON");
    }
    scan->text = (struct str){from, (size_t)(scan->p - from)};
    scan->comma = true;
    scan->value = false;
    return JSON_NUMBER;
}

static enum json_token
token_at(struct json_scan *scan)
{
    switch (*scan->p) {
    case '{':
        return open_level(scan, true);
    case '[':
        return open_level(scan, false);
    case '"':
        return string(scan);
    case 't':
        return word(scan, "true", JSON_TRUE);
    case 'f':
        return word(scan, "false", JSON_FALSE);
    case 'n':
        return word(scan, "null", JSON_NULL);
    default:
        return number(scan);
    }
}

enum json_token
json_scan_next(struct json_scan *scan)
{
    bool comma = false;
    if (scan->why != NULL) {
        return JSON_ERROR;
    }
    skip_blanks(scan);
    if (scan->depth == 0 && scan->comma) {
        return scan->p == scan->end ? JSON_END : fail(scan, "something follows after the end");
    }
    if (scan->p < scan->end && *scan->p == ',' && scan->comma) {
        comma = true;
        scan->comma = false;
        scan->p++;
        skip_blanks(scan);
    }
    if (scan->p >= scan->end) {
        return fail(scan, "it ends too early");
    }
    if ((*scan->p == '}' || *scan->p == ']') && !comma && !scan->value) {
        return close_level(scan, *scan->p == '}');
    }
    if (scan->comma) {
        return fail(scan, "a comma is missing");
    }
    if (in_object(scan) && !scan->value && *scan->p != '"') {
        return fail(scan, "a key is missing");
    }
    return token_at(scan);
}

bool
json_scan_skip(struct json_scan *scan, enum json_token token)
{
    if (token == JSON_KEY) {
        token = json_scan_next(scan);
    }
    unsigned open = scan->depth;
    if (token == JSON_OBJECT || token == JSON_ARRAY) {
        while (scan->depth >= open && token != JSON_ERROR) {
            token = json_scan_next(scan);
        }
    }
    return token != JSON_ERROR;
}

bool
json_scan_enter(struct json_scan *scan, enum json_token token)
{
    enum json_token next = json_scan_next(scan);
    if (next != token) {
        json_scan_skip(scan, next);
    }
    return next == token;
}

bool
json_scan_number(struct json_scan *scan, double *ret_value)
{
    if (!json_scan_enter(scan, JSON_NUMBER)) {
        return false;
    }
    struct str rest = scan->text;
    if (!str_double(&rest, ret_value) || rest.n > 0) {
        fail(scan, "a number is none");
        return false;
    }
    return true;
}

bool
json_scan_string(struct json_scan *scan, struct str *ret_text)
{
    if (!json_scan_enter(scan, JSON_STRING)) {
        return false;
    }
    *ret_text = scan->text;
    return true;
}

bool
json_scan_key(struct json_scan *scan, struct str *ret_key)
{
    if (json_scan_next(scan) != JSON_KEY) {
        return false;
    }
    *ret_key = scan->text;
    return true;
}

/* ---- escapes ---- */

static bool
take_hex(struct str *rest, uint32_t *ret)
{
    uint32_t value = 0;
    if (rest->n < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        int digit = str_hex_digit(rest->p[i]);
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (uint32_t)digit;
    }
    rest->p += 4;
    rest->n -= 4;
    *ret = value;
    return true;
}

/* After "\u": both halves of a pair. */
static uint32_t
take_unicode(struct str *rest)
{
    uint32_t high, low;
    if (!take_hex(rest, &high)) {
        return UTF8_BAD;
    }
    if (high < 0xD800 || high > 0xDFFF) {
        return high;
    }
    if (high > 0xDBFF || rest->n < 6 || rest->p[0] != '\\' || rest->p[1] != 'u') {
        return UTF8_BAD;
    }
    struct str after = {rest->p + 2, rest->n - 2};
    if (!take_hex(&after, &low) || low < 0xDC00 || low > 0xDFFF) {
        return UTF8_BAD;
    }
    *rest = after;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* One character as it is meant. */
static size_t
take_character(struct str *rest, char dst[4])
{
    static const char escaped[] = "bfnrt", meant[] = "\b\f\n\r\t";
    char c = *rest->p++;
    rest->n--;
    if (c != '\\' || rest->n == 0) {
        dst[0] = c;
        return 1;
    }
    c = *rest->p++;
    rest->n--;
    if (c == 'u') {
        return utf8_put(take_unicode(rest), dst);
    }
    const char *found = c != '\0' ? strchr(escaped, c) : NULL;
    dst[0] = found != NULL ? meant[found - escaped] : c;
    return 1;
}

size_t
json_scan_unescape(struct str text, char *dst, size_t size)
{
    size_t n = 0;
    while (text.n > 0) {
        char bytes[4];
        size_t many = take_character(&text, bytes);
        if (n + many + 1 > size) {
            break;
        }
        memcpy(dst + n, bytes, many);
        n += many;
    }
    dst[n] = '\0';
    return n;
}

size_t
json_scan_line(const struct json_scan *scan)
{
    size_t line = 1;
    for (const char *p = scan->begin; p < scan->p && p < scan->end; p++) {
        line += *p == '\n';
    }
    return line;
}
