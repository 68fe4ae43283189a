/* OTLP's attributes: KeyValue and AnyValue in protobuf. Arrays and maps become JSON, level by level
 * and not by recursion, as whoever sends them chooses how deep they are. */
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "otlp.h"

#define DEPTH_MAX 24 /* base/json nests 32 deep */
#define KEY_BYTES 256

enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2 };
enum {
    ANY_STRING = 1,
    ANY_BOOL,
    ANY_INT,
    ANY_DOUBLE,
    ANY_ARRAY,
    ANY_MAP,
    ANY_BYTES,
};

/* The last of its fields: they exclude each other. False when it has none. */
static bool
any_field(struct str any, struct protobuf_field *ret_field)
{
    struct protobuf_field field;
    bool found = false;
    while (protobuf_next(&any, &field)) {
        if (field.number >= ANY_STRING && field.number <= ANY_BYTES) {
            *ret_field = field;
            found = true;
        }
    }
    return found;
}

struct level {
    struct str rest;
    bool map;
};

/* Writes a scalar, or begins a level; false when it is too deep. */
static bool
write_any(struct json *json, struct str any, struct level *levels, unsigned *depth)
{
    struct protobuf_field field = {0};
    if (!any_field(any, &field)) {
        json_null(json);
        return true;
    }
    switch (field.number) {
    case ANY_STRING:
    case ANY_BYTES:
        json_str(json, field.bytes);
        return true;
    case ANY_BOOL:
        json_bool(json, field.value != 0);
        return true;
    case ANY_INT:
        json_int(json, (int64_t)field.value);
        return true;
    case ANY_DOUBLE:
        json_double(json, protobuf_double(field.value));
        return true;
    default:
        break;
    }
    if (*depth == DEPTH_MAX) {
        return false;
    }
    bool map = field.number == ANY_MAP;
    if (map) {
        json_object(json);
    } else {
        json_array(json);
    }
    levels[(*depth)++] = (struct level){field.bytes, map};
    return true;
}

/* One element of an array or map. */
static bool
write_element(struct json *json, struct str element, bool map, struct level *levels,
              unsigned *depth)
{
    struct protobuf_field field;
    struct str key = {"", 0}, value = {"", 0};
    char name[KEY_BYTES];
    if (!map) {
        return write_any(json, element, levels, depth);
    }
    while (protobuf_next(&element, &field)) {
        if (protobuf_is(&field, KEY_VALUE_KEY, PROTOBUF_BYTES)) {
            key = field.bytes;
        } else if (protobuf_is(&field, KEY_VALUE_VALUE, PROTOBUF_BYTES)) {
            value = field.bytes;
        }
    }
    json_key(json, str_copy(key, name, sizeof(name)));
    return write_any(json, value, levels, depth);
}

/* The JSON of an array or map; false when it is too deep or too long. */
static bool
write_json(struct buf *out, struct str any)
{
    struct level levels[DEPTH_MAX];
    struct json json;
    unsigned depth = 0;
    buf_clear(out);
    json_init(&json, out, false);
    bool good = write_any(&json, any, levels, &depth);
    while (good && depth > 0 && !out->full) {
        struct level *level = &levels[depth - 1];
        struct protobuf_field field;
        if (!protobuf_next(&level->rest, &field)) {
            if (level->map) {
                json_object_end(&json);
            } else {
                json_array_end(&json);
            }
            depth--;
        } else if (protobuf_is(&field, 1, PROTOBUF_BYTES)) {
            good = write_element(&json, field.bytes, level->map, levels, &depth);
        }
    }
    return good && !out->full;
}

void
otlp_put_json(struct decoder *decoder, struct arena *arena, bool good,
              struct span_attribute *attribute)
{
    if (!good) {
        attribute->text = STR("(larger than can be shown)");
        return;
    }
    attribute->type = SPAN_JSON;
    attribute->text.p = arena_text(arena, decoder->text.data, decoder->text.n);
    attribute->text.n = strlen(attribute->text.p);
}

static void
take_any(struct decoder *decoder, struct arena *arena, struct str any,
         struct span_attribute *attribute)
{
    struct protobuf_field field = {0};
    attribute->type = SPAN_TEXT;
    attribute->text = (struct str){"", 0};
    if (!any_field(any, &field)) {
        return;
    }
    switch (field.number) {
    case ANY_STRING:
        attribute->text = field.bytes;
        break;
    case ANY_BOOL:
        attribute->type = SPAN_BOOL;
        attribute->integer = field.value != 0;
        break;
    case ANY_INT:
        attribute->type = SPAN_INTEGER;
        attribute->integer = (int64_t)field.value;
        break;
    case ANY_DOUBLE:
        attribute->type = SPAN_REAL;
        attribute->real = protobuf_double(field.value);
        break;
    case ANY_BYTES:
        attribute->type = SPAN_BYTES;
        attribute->text = field.bytes;
        break;
    default:
        otlp_put_json(decoder, arena, write_json(&decoder->text, any), attribute);
    }
}

/* As nearly all are written: key, then value, both of less than 128 bytes, and that a text. False:
 * it is written otherwise. */
static bool
take_short_text(struct str message, struct span_attribute *attribute)
{
    const unsigned char *p = (const unsigned char *)message.p;
    size_t n = message.n, key_n = n > 5 ? p[1] : 0;
    if (n <= 5 || n > 129 || p[0] != (KEY_VALUE_KEY << 3 | PROTOBUF_BYTES) || key_n + 6 > n) {
        return false;
    }
    const unsigned char *value = p + 2 + key_n;
    size_t value_n = n - key_n - 4;
    if (value[0] != (KEY_VALUE_VALUE << 3 | PROTOBUF_BYTES) || value[1] != value_n ||
        value[2] != (ANY_STRING << 3 | PROTOBUF_BYTES) || value[3] != value_n - 2) {
        return false;
    }
    attribute->key.p = message.p + 2;
    attribute->key.n = key_n;
    attribute->type = SPAN_TEXT;
    attribute->text.p = message.p + key_n + 6;
    attribute->text.n = value_n - 2;
    return true;
}

static void
take_key_value(struct decoder *decoder, struct arena *arena, struct str message,
               struct span_attribute *attribute)
{
    struct protobuf_field field;
    struct str any = {"", 0};
    if (take_short_text(message, attribute)) {
        return;
    }
    attribute->key = (struct str){"", 0};
    while (protobuf_next(&message, &field)) {
        if (protobuf_is(&field, KEY_VALUE_KEY, PROTOBUF_BYTES)) {
            attribute->key = field.bytes;
        } else if (protobuf_is(&field, KEY_VALUE_VALUE, PROTOBUF_BYTES)) {
            any = field.bytes;
        }
    }
    take_any(decoder, arena, any, attribute);
}

const struct span_attribute *
otlp_attributes(struct decoder *decoder, struct arena *arena, struct str message, uint32_t number,
                size_t count, size_t *ret_count)
{
    struct protobuf_field field;
    size_t room = decoder_bound(decoder, count, SPAN_ATTRIBUTES_MAX), n = 0;
    struct span_attribute *attributes =
        room > 0 ? arena_news(arena, struct span_attribute, room) : NULL;
    while (attributes != NULL && n < room && protobuf_next(&message, &field)) {
        if (protobuf_is(&field, number, PROTOBUF_BYTES)) {
            take_key_value(decoder, arena, field.bytes, &attributes[n++]);
        }
    }
    *ret_count = n;
    return attributes;
}

/* Room for one more; what there was is copied. */
static bool
has_room(struct decoder *decoder, size_t count)
{
    size_t wider = MIN(MAX(decoder->attribute_capacity * 2, 32), (size_t)SPAN_ATTRIBUTES_MAX);
    if (count < decoder->attribute_capacity) {
        return true;
    }
    struct span_attribute *grown =
        count < wider ? arena_news(&decoder->outer, struct span_attribute, wider) : NULL;
    if (grown == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        grown[i] = decoder->attributes[i];
    }
    decoder->attributes = grown;
    decoder->attribute_capacity = wider;
    return true;
}

size_t
otlp_attribute(struct decoder *decoder, struct str message, size_t count)
{
    if (!has_room(decoder, count)) {
        decoder->delivery->cut++;
        return count;
    }
    take_key_value(decoder, &decoder->inner, message, &decoder->attributes[count]);
    return count + 1;
}

size_t
otlp_count(struct str message, uint32_t number)
{
    struct protobuf_field field;
    size_t count = 0;
    while (protobuf_next(&message, &field)) {
        count += field.number == number;
    }
    return count;
}

bool
otlp_each(struct decoder *decoder, struct str message, uint32_t number,
          bool (*each)(struct decoder *decoder, struct str message))
{
    struct protobuf_field field;
    while (protobuf_next(&message, &field)) {
        bool wanted = protobuf_is(&field, number, PROTOBUF_BYTES);
        if (!decoder_goes_on(decoder, NULL) || (wanted && !each(decoder, field.bytes))) {
            return false;
        }
    }
    return message.n == 0 || decoder_fail(decoder, "a field is cut or damaged");
}

static bool
take_resource(struct decoder *decoder, struct str message)
{
    struct span_resource *resource = decoder->resource;
    resource->attributes = otlp_attributes(decoder, &decoder->outer, message, 1,
                                           otlp_count(message, 1), &resource->attribute_count);
    decoder_name_service(decoder);
    return true;
}

void
otlp_resource(struct decoder *decoder, struct str message)
{
    struct protobuf_field field;
    decoder_resource(decoder);
    while (protobuf_next(&message, &field)) {
        if (protobuf_is(&field, 1, PROTOBUF_BYTES)) {
            take_resource(decoder, field.bytes);
        }
    }
}

void
otlp_scope(struct decoder *decoder, struct str message)
{
    struct protobuf_field field, part;
    struct str name = {"", 0};
    bool found = false;
    while (!found && protobuf_next(&message, &field)) { /* it stands first, before much else */
        found = protobuf_is(&field, 1, PROTOBUF_BYTES);
        if (!found) {
            continue;
        }
        for (struct str scope = field.bytes; protobuf_next(&scope, &part);) {
            if (protobuf_is(&part, 1, PROTOBUF_BYTES)) {
                name = part.bytes;
            }
        }
    }
    decoder_scope(decoder, name);
}
