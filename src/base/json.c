/* JSON writing. */
#include "flametop/base/json.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/utf8.h"

void
json_init(struct json *json, struct buf *out, bool pretty)
{
    *json = (struct json){.out = out, .pretty = pretty};
    json->first[0] = true;
}

static void
newline(struct json *json)
{
    if (json->pretty) {
        buf_putc(json->out, '\n');
        for (unsigned i = 0; i < json->depth; i++) {
            buf_puts(json->out, "  ");
        }
    }
}

static void
before_value(struct json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (!json->first[json->depth]) {
        buf_putc(json->out, ',');
    }
    if (json->depth > 0) {
        newline(json);
    }
    json->first[json->depth] = false;
}

static void
open_with(struct json *json, char c)
{
    before_value(json);
    buf_putc(json->out, c);
    json->depth++;
    assert(json->depth < ARRAY_SIZE(json->first));
    json->first[json->depth] = true;
}

static void
close_with(struct json *json, char c)
{
    assert(json->depth > 0 && !json->after_key);
    bool empty = json->first[json->depth];
    json->depth--;
    if (!empty) {
        newline(json);
    }
    buf_putc(json->out, c);
}

void
json_object(struct json *json)
{
    open_with(json, '{');
}

void
json_object_end(struct json *json)
{
    close_with(json, '}');
}

void
json_array(struct json *json)
{
    open_with(json, '[');
}

void
json_array_end(struct json *json)
{
    close_with(json, ']');
}

static void
put_escaped(struct json *json, struct str text)
{
    buf_putc(json->out, '"');
    uint32_t c;
    while ((c = utf8_next(&text)) != 0) {
        if (c == '"' || c == '\\') {
            char pair[2] = {'\\', (char)c};
            buf_add(json->out, pair, 2);
        } else if (c < 0x20 || c == 0x7F || c == 0x2028 || c == 0x2029) {
            buf_printf(json->out, "\\u%04x", c);
        } else {
            char bytes[4];
            buf_add(json->out, bytes, utf8_put(c, bytes));
        }
    }
    buf_putc(json->out, '"');
}

void
json_key(struct json *json, const char *key)
{
    before_value(json);
    put_escaped(json, str_from(key));
    buf_puts(json->out, json->pretty ? ": " : ":");
    json->after_key = true;
}

void
json_str(struct json *json, struct str text)
{
    before_value(json);
    put_escaped(json, text);
}

void
json_text(struct json *json, const char *text)
{
    if (text == NULL) {
        json_null(json);
    } else {
        json_str(json, str_from(text));
    }
}

char *
json_double_text(double value, char dst[32])
{
    /* Up to 15 digits always survive (below DBL_MIN fewer do), 17 always suffice: the first that
     * reads back is the shortest. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG; digits <= 17; digits++) {
        snprintf(dst, 32, "%.*g", digits, value);
        if (strtod(dst, NULL) == value) {
            break;
        }
    }
    for (char *p = dst; *p != 0; p++) {
        if (*p == ',') {
            *p = '.';
        }
    }
    return dst;
}

void
json_double(struct json *json, double value)
{
    before_value(json);
    if (!isfinite(value)) {
        buf_puts(json->out, "null");
        return;
    }
    char text[32];
    buf_puts(json->out, json_double_text(value, text));
}

void
json_int(struct json *json, int64_t value)
{
    bool exact = value >= -(INT64_C(1) << 53) && value <= (INT64_C(1) << 53);
    before_value(json);
    buf_printf(json->out, exact ? "%lld" : "\"%lld\"", (long long)value);
}

void
json_uint(struct json *json, uint64_t value)
{
    before_value(json);
    buf_printf(json->out, value <= UINT64_C(1) << 53 ? "%llu" : "\"%llu\"",
               (unsigned long long)value);
}

void
json_bool(struct json *json, bool value)
{
    before_value(json);
    buf_puts(json->out, value ? "true" : "false");
}

void
json_null(struct json *json)
{
    before_value(json);
    buf_puts(json->out, "null");
}

void
json_time(struct json *json, int64_t wall_ns)
{
    char text[40];
    json_text(json, clock_rfc3339(wall_ns, text, sizeof(text)));
}
