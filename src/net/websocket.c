/* WebSocket frames (RFC 6455 §5).
 *
 * The reader is a state machine over bytes: a header of 2 to 14 bytes is collected, then a payload
 * that goes either into the message (data frames, joined over fragments) or into `control`. Text is
 * judged as a whole when its last fragment is in. */
#include "flametop/net/websocket.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "sha1.h"

enum { CLOSE_PROTOCOL = 1002, CLOSE_NOT_UTF8 = 1007, CLOSE_TOO_BIG = 1009 };

#define HEADER_BYTES_MAX 14
#define CONTROL_BYTES_MAX 125
#define OPCODE_CONTINUE 0

struct websocket_reader {
    bool masked;
    size_t message_max;
    void *context;
    bool (*message)(void *context, enum websocket_opcode opcode, struct str payload);

    uint8_t header[HEADER_BYTES_MAX];
    size_t header_n, header_size; /* what is there, what it takes as far as is known */
    uint64_t payload_size, payload_n;
    struct buf data; /* the message so far */
    uint8_t control[CONTROL_BYTES_MAX];
    unsigned opcode; /* of the message under way; 0: none is */
    bool over;       /* nothing more is read */
};

struct websocket_reader *
websocket_reader_new(bool masked, size_t message_max, void *context,
                     bool (*message)(void *context, enum websocket_opcode opcode,
                                     struct str payload))
{
    struct websocket_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return NULL;
    }
    reader->masked = masked;
    reader->message_max = message_max;
    reader->context = context;
    reader->message = message;
    reader->header_size = 2;
    buf_init(&reader->data, message_max);
    return reader;
}

void
websocket_reader_free(struct websocket_reader *reader)
{
    if (reader != NULL) {
        buf_done(&reader->data);
        free(reader);
    }
}

static unsigned
opcode_of(const struct websocket_reader *reader)
{
    return reader->header[0] & 0x0fu;
}

static bool
is_final(const struct websocket_reader *reader)
{
    return (reader->header[0] & 0x80) != 0;
}

/* The first two bytes are in. 0 or a close code. */
static int
header_first(struct websocket_reader *reader)
{
    unsigned opcode = opcode_of(reader), size = reader->header[1] & 0x7fu;
    bool control = opcode >= WEBSOCKET_CLOSE;
    bool masked = (reader->header[1] & 0x80) != 0;
    if ((reader->header[0] & 0x70) != 0 || opcode > WEBSOCKET_PONG || (opcode > 2 && opcode < 8) ||
        masked != reader->masked) {
        return CLOSE_PROTOCOL;
    }
    if (control ? !is_final(reader) || size > CONTROL_BYTES_MAX
                : (opcode == OPCODE_CONTINUE) != (reader->opcode != 0)) {
        return CLOSE_PROTOCOL; /* control frames are whole; fragments follow a beginning */
    }
    reader->header_size = 2 + (size == 126 ? 2u : size == 127 ? 8u : 0u) + (masked ? 4u : 0u);
    return 0;
}

/* The header is in. 0 or a close code. */
static int
header_whole(struct websocket_reader *reader)
{
    unsigned size = reader->header[1] & 0x7fu;
    size_t bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
    uint64_t value = bytes == 0 ? size : 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | reader->header[2 + i];
    }
    if ((bytes == 2 && value < 126) || (bytes == 8 && (value < 65536 || value >> 63 != 0))) {
        return CLOSE_PROTOCOL; /* the shortest form must be used (§5.2) */
    }
    unsigned opcode = opcode_of(reader);
    if (opcode < WEBSOCKET_CLOSE) {
        if (value > reader->message_max - reader->data.n) {
            return CLOSE_TOO_BIG;
        }
        reader->opcode = opcode != OPCODE_CONTINUE ? opcode : reader->opcode;
    }
    reader->payload_size = value;
    reader->payload_n = 0;
    return 0;
}

static bool
close_code_right(struct str payload)
{
    if (payload.n == 0) {
        return true;
    }
    if (payload.n == 1) {
        return false;
    }
    unsigned code = (unsigned)(uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1];
    return (code >= 1000 && code <= 1011 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static bool
is_utf8(struct str text)
{
    while (text.n > 0) {
        size_t before = text.n;
        if (utf8_next(&text) == UTF8_BAD && before - text.n == 1) {
            return false; /* a real U+FFFD takes three bytes */
        }
    }
    return true;
}

static int
deliver(struct websocket_reader *reader, unsigned opcode, struct str payload)
{
    if (opcode == WEBSOCKET_CLOSE && !close_code_right(payload)) {
        return CLOSE_PROTOCOL;
    }
    struct str text = opcode == WEBSOCKET_TEXT ? payload : (struct str){payload.p, 0};
    if (opcode == WEBSOCKET_CLOSE && payload.n > 2) {
        text = (struct str){payload.p + 2, payload.n - 2};
    }
    if (!is_utf8(text)) {
        return CLOSE_NOT_UTF8;
    }
    reader->over = !reader->message(reader->context, (enum websocket_opcode)opcode, payload) ||
                   opcode == WEBSOCKET_CLOSE;
    return 0;
}

/* The payload is in. 0 or a close code. */
static int
frame_whole(struct websocket_reader *reader)
{
    unsigned opcode = opcode_of(reader);
    reader->header_n = 0;
    reader->header_size = 2;
    if (opcode >= WEBSOCKET_CLOSE) {
        struct str payload = {(const char *)reader->control, (size_t)reader->payload_size};
        return deliver(reader, opcode, payload);
    }
    if (!is_final(reader)) {
        return 0;
    }
    struct str payload = {reader->data.n > 0 ? reader->data.data : "", reader->data.n};
    int code = deliver(reader, reader->opcode, payload);
    reader->opcode = 0;
    buf_clear(&reader->data);
    return code;
}

/* Unmasks what belongs to the frame's payload; answers how much that was, or 0 when memory is out.
 */
static size_t
take_payload(struct websocket_reader *reader, const uint8_t *bytes, size_t n)
{
    size_t taken = (size_t)MIN((uint64_t)n, reader->payload_size - reader->payload_n);
    bool control = opcode_of(reader) >= WEBSOCKET_CLOSE;
    uint8_t *dst = control ? reader->control + reader->payload_n
                           : (uint8_t *)buf_reserve(&reader->data, taken);
    if (dst == NULL) {
        return 0;
    }
    static const uint8_t nothing[4] = {0};
    const uint8_t *mask = reader->masked ? reader->header + reader->header_size - 4 : nothing;
    for (size_t i = 0; i < taken; i++) {
        dst[i] = bytes[i] ^ mask[(reader->payload_n + i) % 4];
    }
    reader->data.n += control ? 0 : taken;
    reader->payload_n += taken;
    return taken;
}

/* One byte of the header. 0 or a close code. */
static int
take_header(struct websocket_reader *reader, uint8_t byte)
{
    reader->header[reader->header_n++] = byte;
    int code = reader->header_n == 2 ? header_first(reader) : 0;
    if (code == 0 && reader->header_n >= 2 && reader->header_n == reader->header_size) {
        code = header_whole(reader);
    }
    return code;
}

int
websocket_reader_feed(struct websocket_reader *reader, const void *bytes, size_t n)
{
    const uint8_t *at = bytes, *end = at + n;
    int code = 0;
    while (!reader->over && code == 0 && at < end) {
        if (reader->header_n < reader->header_size) {
            code = take_header(reader, *at++);
        } else {
            size_t taken = take_payload(reader, at, (size_t)(end - at));
            code = taken == 0 ? CLOSE_TOO_BIG : 0;
            at += taken;
        }
        if (code == 0 && reader->header_n == reader->header_size &&
            reader->payload_n == reader->payload_size) {
            code = frame_whole(reader);
        }
    }
    reader->over = reader->over || code != 0;
    return code;
}

void
websocket_write(struct buf *out, enum websocket_opcode opcode, struct str payload,
                const uint8_t mask[4])
{
    uint8_t header[HEADER_BYTES_MAX];
    size_t n = 2, bytes = payload.n < 126 ? 0 : payload.n < 65536 ? 2 : 8;
    header[0] = (uint8_t)(0x80 | opcode);
    header[1] = (uint8_t)(bytes == 0 ? payload.n : bytes == 2 ? 126 : 127);
    for (size_t i = bytes; i > 0; i--) {
        header[n++] = (uint8_t)((uint64_t)payload.n >> (8 * (i - 1)));
    }
    if (mask != NULL) {
        header[1] |= 0x80;
        memcpy(header + n, mask, 4);
        n += 4;
    }
    char *dst = buf_reserve(out, n + payload.n);
    if (dst == NULL) {
        return;
    }
    memcpy(dst, header, n);
    for (size_t i = 0; i < payload.n; i++) {
        dst[n + i] = mask != NULL ? (char)((uint8_t)payload.p[i] ^ mask[i % 4]) : payload.p[i];
    }
    out->n += n + payload.n;
}

static void
base64_20(const uint8_t bytes[SHA1_BYTES], char dst[29])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    for (size_t i = 0; i < SHA1_BYTES; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 |
                         (i + 2 < SHA1_BYTES ? bytes[i + 2] : 0u);
        for (unsigned shift = 24; shift > 0; shift -= 6) {
            dst[n++] = digits[three >> (shift - 6) & 63];
        }
    }
    dst[27] = '='; /* 20 bytes are 27 digits and one of padding */
    dst[28] = '\0';
}

bool
websocket_accept(struct str key, char dst[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* §1.3 */
    char text[24 + sizeof(guid)];
    uint8_t digest[SHA1_BYTES];
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=') {
        return false; /* 16 bytes in base64 */
    }
    for (size_t i = 0; i < 22; i++) {
        char c = key.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/')) {
            return false;
        }
    }
    memcpy(text, key.p, key.n);
    memcpy(text + key.n, guid, sizeof(guid));
    sha1((struct str){text, sizeof(text) - 1}, digest);
    base64_20(digest, dst);
    return true;
}
