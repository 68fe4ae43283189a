/* JSON into attributes. */
#include <math.h>
#include <string.h>

#include "decoder.h"
#include "flametop/base/macros.h"

struct str
json_plain(struct arena *arena, struct str text)
{
    if (memchr(text.p, '\\', text.n) == NULL) {
        return text;
    }
    char *plain = arena_alloc(arena, text.n + 1);
    if (plain == NULL) {
        return (struct str){"", 0};
    }
    return (struct str){plain, json_scan_unescape(text, plain, text.n + 1)};
}

bool
json_take_text(struct json_scan *scan, struct arena *arena, struct str *ret_text)
{
    struct str text;
    if (!json_scan_string(scan, &text)) {
        return false;
    }
    *ret_text = json_plain(arena, text);
    return true;
}

struct str
json_next_text(struct json_scan *scan, struct arena *arena)
{
    struct str text = {"", 0};
    json_take_text(scan, arena, &text);
    return text;
}

struct str
json_take_id(struct decoder *decoder, struct json_scan *scan, size_t width)
{
    struct str text = json_next_text(scan, &decoder->inner);
    return text.n > 0 ? id_of_text(&decoder->inner, text, width) : text;
}

/* A whole number, or one with a fraction or exponent that is one. */
static bool
whole_number(struct str text, int64_t *ret_value)
{
    struct str rest = text;
    double real;
    if (str_i64(&rest, ret_value) && rest.n == 0) {
        return true;
    }
    rest = text;
    if (!str_double(&rest, &real) || rest.n > 0) {
        return false;
    }
    *ret_value = real >= 9.2e18 ? INT64_MAX : real <= -9.2e18 ? INT64_MIN : (int64_t)real;
    return true;
}

/* A number's text, also when it stands in quotes. */
static bool
take_digits(struct json_scan *scan, struct str *ret_text)
{
    enum json_token token = json_scan_next(scan);
    if (token != JSON_NUMBER && token != JSON_STRING) {
        json_scan_skip(scan, token);
        return false;
    }
    *ret_text = scan->text;
    return true;
}

bool
json_take_integer(struct json_scan *scan, int64_t *ret_value)
{
    struct str text;
    return take_digits(scan, &text) && whole_number(text, ret_value);
}

bool
json_take_real(struct json_scan *scan, double *ret_value)
{
    struct str text;
    if (!take_digits(scan, &text)) {
        return false;
    }
    if (str_is(text, "NaN")) {
        *ret_value = (double)NAN;
        return true;
    }
    if (str_is(text, "Infinity") || str_is(text, "-Infinity")) {
        *ret_value = text.p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return str_double(&text, ret_value) && text.n == 0;
}

bool
json_take_bool(struct json_scan *scan, bool *ret_value)
{
    enum json_token token = json_scan_next(scan);
    if (token != JSON_TRUE && token != JSON_FALSE) {
        json_scan_skip(scan, token);
        return false;
    }
    *ret_value = token == JSON_TRUE;
    return true;
}

static void
number_value(struct str text, struct span_attribute *attribute)
{
    struct str rest = text;
    if (memchr(text.p, '.', text.n) == NULL && memchr(text.p, 'e', text.n) == NULL &&
        memchr(text.p, 'E', text.n) == NULL && str_i64(&rest, &attribute->integer)) {
        attribute->type = SPAN_INTEGER;
        return;
    }
    attribute->type = SPAN_REAL;
    if (!str_double(&rest, &attribute->real)) {
        attribute->real = (double)NAN;
    }
}

bool
json_take_any(struct json_scan *scan, struct arena *arena, struct span_attribute *attribute)
{
    enum json_token token = json_scan_next(scan);
    const char *begin = scan->p - 1;
    attribute->type = SPAN_TEXT;
    attribute->text = (struct str){"", 0};
    switch (token) {
    case JSON_STRING:
        attribute->text = json_plain(arena, scan->text);
        return true;
    case JSON_NUMBER:
        number_value(scan->text, attribute);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        attribute->type = SPAN_BOOL;
        attribute->integer = token == JSON_TRUE;
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        if (!json_scan_skip(scan, token)) {
            return false;
        }
        attribute->type = SPAN_JSON;
        attribute->text = (struct str){begin, (size_t)(scan->p - begin)};
        return true;
    default:
        return token != JSON_ERROR;
    }
}

bool
json_next_object(struct json_scan *scan)
{
    enum json_token token;
    while ((token = json_scan_next(scan)) != JSON_OBJECT) {
        if (token == JSON_ARRAY_END || !json_scan_skip(scan, token)) {
            return false;
        }
    }
    return true;
}

size_t
json_count(struct json_scan scan)
{
    size_t count = 0;
    unsigned level = scan.depth;
    for (enum json_token token = json_scan_next(&scan);
         token != JSON_ERROR && token != JSON_END && scan.depth >= level;
         token = json_scan_next(&scan)) {
        count++;
        if (!json_scan_skip(&scan, token)) {
            break;
        }
    }
    return count;
}

size_t
json_take_map(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
              const struct span_attribute **ret_attributes)
{
    struct str key;
    size_t count = 0;
    *ret_attributes = NULL;
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return 0;
    }
    size_t room = decoder_bound(decoder, json_count(*scan), SPAN_ATTRIBUTES_MAX);
    struct span_attribute *attributes = arena_news(arena, struct span_attribute, room + 1);
    while (json_scan_key(scan, &key)) {
        if (attributes == NULL || count == room) {
            json_scan_skip(scan, JSON_KEY);
            continue;
        }
        attributes[count].key = json_plain(arena, key);
        count += json_take_any(scan, arena, &attributes[count]);
    }
    *ret_attributes = attributes;
    return attributes != NULL ? count : 0;
}

void *
json_take_list(struct decoder *decoder, struct json_scan *scan, struct arena *arena, size_t max,
               size_t bytes,
               void (*one)(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
                           void *element),
               size_t *ret_count)
{
    size_t n = 0;
    *ret_count = 0;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return NULL;
    }
    size_t room = decoder_bound(decoder, json_count(*scan), max);
    char *list = room > 0 ? arena_array(arena, room, bytes) : NULL;
    while (json_next_object(scan)) {
        if (list != NULL && n < room) {
            one(decoder, scan, arena, list + n++ * bytes);
        } else {
            json_scan_skip(scan, JSON_OBJECT);
        }
    }
    *ret_count = n;
    return list;
}

bool
json_has_key(struct str head, const char *key)
{
    struct json_scan scan;
    json_scan_init(&scan, head);
    for (enum json_token token = json_scan_next(&scan); token != JSON_ERROR && token != JSON_END;
         token = json_scan_next(&scan)) {
        if (token == JSON_KEY && str_is(scan.text, key)) {
            return true;
        }
    }
    return false;
}

/* ---- documents, arrays, lines ---- */

static bool
each_in_array(struct decoder *decoder, struct json_scan *scan, void *context,
              bool (*one)(struct decoder *decoder, struct json_scan *scan, void *context))
{
    enum json_token token = JSON_ERROR;
    while (decoder_goes_on(decoder, scan) && (token = json_scan_next(scan)) == JSON_OBJECT) {
        if (!one(decoder, scan, context)) {
            return decoder_fail_json(decoder, scan, "this is not what was expected");
        }
    }
    return token == JSON_ARRAY_END ||
           decoder_fail_json(decoder, scan, "there is something else than an object in the list");
}

/* One value from the front of `rest`, which may be followed by others. */
static bool
each_value(struct decoder *decoder, const char *begin, struct str *rest, bool arrays, void *context,
           bool (*one)(struct decoder *decoder, struct json_scan *scan, void *context))
{
    struct json_scan scan;
    json_scan_init(&scan, *rest);
    scan.begin = begin; /* lines are counted from there */
    enum json_token token = json_scan_next(&scan);
    bool good = token == JSON_OBJECT            ? one(decoder, &scan, context)
                : token == JSON_ARRAY && arrays ? each_in_array(decoder, &scan, context, one)
                                                : false;
    if (!good) {
        return decoder_fail_json(decoder, &scan,
                                 arrays ? "this is neither an object nor a list"
                                        : "this is no object of the kind expected");
    }
    *rest = (struct str){scan.p, (size_t)(scan.end - scan.p)};
    return true;
}

bool
json_each(struct decoder *decoder, struct str text, bool arrays, void *context,
          bool (*one)(struct decoder *decoder, struct json_scan *scan, void *context))
{
    struct str rest = text;
    size_t count = 0;
    while (str_trim(rest).n > 0) {
        if (!each_value(decoder, text.p, &rest, arrays, context, one)) {
            return false;
        }
        count++;
    }
    return count > 0 || decoder_fail(decoder, "there is nothing in it");
}
