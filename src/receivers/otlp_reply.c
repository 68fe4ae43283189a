#include "otlp_reply.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/protobuf.h"

static void
put_varint_field(struct buf *out, unsigned number, uint64_t value)
{
    buf_put_varint(out, number << 3 | PROTOBUF_VARINT);
    buf_put_varint(out, value);
}

static void
put_bytes_field(struct buf *out, unsigned number, const void *bytes, size_t n)
{
    buf_put_varint(out, number << 3 | PROTOBUF_BYTES);
    buf_put_varint(out, n);
    buf_add(out, bytes, n);
}

/* What a sender is told of what was left out; "" when it was all taken. */
static void
explain(const struct delivery *delivery, char *dst, size_t size)
{
    dst[0] = '\0';
    if (delivery->refused > 0) {
        snprintf(dst, size, "without an id or a name, too long, or there is no room for more");
    } else if (delivery->cut > 0) {
        snprintf(dst, size, "%llu attributes, events and links were more than are kept",
                 (unsigned long long)delivery->cut);
    }
}

static void
write_json(const struct delivery *delivery, bool metrics, const char *sentence, struct buf *out)
{
    struct json json;
    char number[24];
    snprintf(number, sizeof(number), "%llu", (unsigned long long)delivery->refused);
    json_init(&json, out, false);
    json_object(&json);
    if (sentence[0] != '\0') {
        json_key(&json, "partialSuccess");
        json_object(&json);
        json_key(&json, metrics ? "rejectedDataPoints" : "rejectedSpans");
        json_text(&json, number);
        json_key(&json, "errorMessage");
        json_text(&json, sentence);
        json_object_end(&json);
    }
    json_object_end(&json);
}

void
otlp_reply(const struct delivery *delivery, bool metrics, bool json, struct buf *out)
{
    char sentence[160];
    explain(delivery, sentence, sizeof(sentence));
    if (json) {
        write_json(delivery, metrics, sentence, out);
        return;
    }
    if (sentence[0] != '\0') {
        struct buf partial;
        buf_init(&partial, 1024);
        put_varint_field(&partial, 1, delivery->refused);
        put_bytes_field(&partial, 2, sentence, strlen(sentence));
        put_bytes_field(out, 1, partial.data, partial.n);
        buf_done(&partial);
    }
}

void
otlp_reply_error(int code, const char *sentence, bool json, struct buf *out)
{
    struct json writer;
    if (!json) {
        put_varint_field(out, 1, (uint64_t)code);
        put_bytes_field(out, 2, sentence, strlen(sentence));
        return;
    }
    json_init(&writer, out, false);
    json_object(&writer);
    json_key(&writer, "code");
    json_int(&writer, code);
    json_key(&writer, "message");
    json_text(&writer, sentence);
    json_object_end(&writer);
}
