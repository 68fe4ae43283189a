/* OTLP's attributes in JSON: {"key": ..., "value": {"stringValue": ...}}. Arrays and maps become
 * plain JSON, level by level. */

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "otlp.h"

#define DEPTH_MAX 24
#define KEY_BYTES 256

/* Where the next token is read: inside a list of values or of pairs, or inside the {"values": ...}
 * or {"arrayValue": ...} around them, of which only the end is wanted. */
enum place { IN_VALUES, IN_PAIRS, IN_WRAPPER };

struct levels {
    enum place at[3 * DEPTH_MAX];
    unsigned count;
};

static const struct {
    const char *key;
    enum place place;
} lists[] = {{"arrayValue", IN_VALUES}, {"kvlistValue", IN_PAIRS}};

static void
write_scalar(struct decoder *decoder, struct json_scan *scan, struct json *json, struct str key)
{
    struct str text;
    int64_t integer;
    double real;
    bool truth;
    if (str_is(key, "boolValue") && json_take_bool(scan, &truth)) {
        json_bool(json, truth);
    } else if (str_is(key, "intValue") && json_take_integer(scan, &integer)) {
        json_int(json, integer);
    } else if (str_is(key, "doubleValue") && json_take_real(scan, &real)) {
        json_double(json, real);
    } else if ((str_is(key, "stringValue") || str_is(key, "bytesValue")) &&
               json_take_text(scan, &decoder->inner, &text)) {
        json_str(json, text);
    } else {
        json_null(json);
    }
}

/* {"values": [: enters it; false when there is no such list, and then the wrapper is read. */
static bool
enter_values(struct json_scan *scan)
{
    struct str key;
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return false;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "values") && json_scan_enter(scan, JSON_ARRAY)) {
            return true;
        }
        if (!str_is(key, "values")) {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    return false;
}

/* Inside the object of a value, before its first key: writes a scalar and reads to the object's
 * end, or begins a list. False when it is too deep. */
static bool
begin_value(struct decoder *decoder, struct json_scan *scan, struct json *json,
            struct levels *levels)
{
    struct str key;
    if (!json_scan_key(scan, &key)) {
        json_null(json);
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (!str_is(key, lists[i].key)) {
            continue;
        }
        if (levels->count + 3 > ARRAY_SIZE(levels->at)) {
            return false;
        }
        levels->at[levels->count++] = IN_WRAPPER; /* the value itself */
        bool map = lists[i].place == IN_PAIRS;
        if (map) {
            json_object(json);
        } else {
            json_array(json);
        }
        if (enter_values(scan)) {
            levels->at[levels->count++] = IN_WRAPPER;
            levels->at[levels->count++] = lists[i].place;
        } else if (map) {
            json_object_end(json);
        } else {
            json_array_end(json);
        }
        return true;
    }
    write_scalar(decoder, scan, json, key);
    levels->at[levels->count++] = IN_WRAPPER;
    return true;
}

/* Inside {"key": ..., "value": ...}: the key must come first, as it does from all who write it. */
static bool
begin_pair(struct decoder *decoder, struct json_scan *scan, struct json *json,
           struct levels *levels)
{
    struct str key, name = {"", 0};
    char text[KEY_BYTES];
    levels->at[levels->count++] = IN_WRAPPER;
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "key")) {
            json_take_text(scan, &decoder->inner, &name);
        } else if (str_is(key, "value") && json_scan_enter(scan, JSON_OBJECT)) {
            json_key(json, str_copy(name, text, sizeof(text)));
            return begin_value(decoder, scan, json, levels);
        } else if (!str_is(key, "value")) {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    levels->count--; /* its end was read */
    return true;
}

/* One step at the innermost level. */
static bool
go_on(struct decoder *decoder, struct json_scan *scan, struct json *json, struct levels *levels)
{
    enum place at = levels->at[levels->count - 1];
    struct str key;
    if (at == IN_WRAPPER) {
        while (json_scan_key(scan, &key)) {
            json_scan_skip(scan, JSON_KEY);
        }
        levels->count--;
        return scan->why == NULL;
    }
    enum json_token token = json_scan_next(scan);
    if (token == JSON_ARRAY_END) {
        levels->count--;
        if (at == IN_PAIRS) {
            json_object_end(json);
        } else {
            json_array_end(json);
        }
        return true;
    }
    if (token != JSON_OBJECT) {
        return json_scan_skip(scan, token);
    }
    if (levels->count + 2 > ARRAY_SIZE(levels->at)) {
        return false;
    }
    return at == IN_PAIRS ? begin_pair(decoder, scan, json, levels)
                          : begin_value(decoder, scan, json, levels);
}

/* A copy of the scanner stands behind "arrayValue" or "kvlistValue". */
static bool
write_list(struct decoder *decoder, struct json_scan scan, enum place place)
{
    struct levels levels = {.at = {place}, .count = 1};
    struct json json;
    buf_clear(&decoder->text);
    json_init(&json, &decoder->text, false);
    if (place == IN_PAIRS) {
        json_object(&json);
    } else {
        json_array(&json);
    }
    if (!enter_values(&scan)) {
        buf_puts(&decoder->text, place == IN_PAIRS ? "}" : "]");
        return true;
    }
    while (levels.count > 0) {
        if (!go_on(decoder, &scan, &json, &levels) || decoder->text.full || json.depth > 31) {
            return false;
        }
    }
    return true;
}

static void
take_list(struct decoder *decoder, struct json_scan *scan, struct arena *arena, enum place place,
          struct span_attribute *attribute)
{
    bool good = write_list(decoder, *scan, place);
    json_scan_skip(scan, JSON_KEY);
    otlp_put_json(decoder, arena, good, attribute);
}

static void
take_scalar(struct json_scan *scan, struct arena *arena, struct str key,
            struct span_attribute *attribute)
{
    bool truth = false;
    if (str_is(key, "stringValue")) {
        json_take_text(scan, arena, &attribute->text);
    } else if (str_is(key, "intValue")) {
        attribute->type =
            json_take_integer(scan, &attribute->integer) ? SPAN_INTEGER : attribute->type;
    } else if (str_is(key, "doubleValue")) {
        attribute->type = json_take_real(scan, &attribute->real) ? SPAN_REAL : attribute->type;
    } else if (str_is(key, "boolValue")) {
        attribute->type = json_take_bool(scan, &truth) ? SPAN_BOOL : attribute->type;
        attribute->integer = truth;
    } else if (str_is(key, "bytesValue")) { /* base64, which is as well shown as it is */
        json_take_text(scan, arena, &attribute->text);
    } else {
        json_scan_skip(scan, JSON_KEY);
    }
}

static void
take_value(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
           struct span_attribute *attribute)
{
    struct str key;
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, lists[0].key) || str_is(key, lists[1].key)) {
            take_list(decoder, scan, arena, lists[str_is(key, lists[1].key)].place, attribute);
        } else {
            take_scalar(scan, arena, key, attribute);
        }
    }
}

static void
take_pair(struct decoder *decoder, struct json_scan *scan, struct arena *arena, void *element)
{
    struct span_attribute *attribute = element;
    struct str key;
    *attribute = (struct span_attribute){.key = {"", 0}, .type = SPAN_TEXT, .text = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "key")) {
            json_take_text(scan, arena, &attribute->key);
        } else if (str_is(key, "value")) {
            take_value(decoder, scan, arena, attribute);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

size_t
otlp_json_attributes(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
                     const struct span_attribute **ret_attributes)
{
    size_t count;
    *ret_attributes = json_take_list(decoder, scan, arena, SPAN_ATTRIBUTES_MAX,
                                     sizeof(**ret_attributes), take_pair, &count);
    return count;
}

void
otlp_json_resource(struct decoder *decoder, struct json_scan *scan)
{
    struct str key;
    struct span_resource *resource = decoder->resource;
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "attributes")) {
            resource->attribute_count =
                otlp_json_attributes(decoder, scan, &decoder->outer, &resource->attributes);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    decoder_name_service(decoder);
}

void
otlp_json_scope(struct decoder *decoder, struct json_scan *scan)
{
    struct str key, name = {"", 0};
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "name")) {
            json_take_text(scan, &decoder->outer, &name);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    decoder_scope(decoder, name);
}

/* ---- lists of objects ---- */

void
otlp_json_each(struct decoder *decoder, struct json_scan *scan,
               void (*one)(struct decoder *decoder, struct json_scan *scan))
{
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return;
    }
    while (decoder_goes_on(decoder, scan) && json_next_object(scan)) {
        one(decoder, scan);
    }
}

static bool
is_either(struct str key, const char *const keys[2])
{
    return str_is(key, keys[0]) || str_is(key, keys[1]);
}

void
otlp_json_owner(struct decoder *decoder, struct json_scan *scan, const struct otlp_owner *owner)
{
    struct json_scan later;
    struct str key;
    bool known = false, postponed = false;
    while (json_scan_key(scan, &key)) {
        if (is_either(key, owner->own)) {
            owner->take(decoder, scan);
            known = true;
        } else if (is_either(key, owner->lists) && !known && !postponed) {
            later = *scan;
            postponed = json_scan_skip(scan, JSON_KEY);
        } else if (is_either(key, owner->lists)) {
            otlp_json_each(decoder, scan, owner->one);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    if (postponed && scan->why == NULL) {
        otlp_json_each(decoder, &later, owner->one);
    }
}
