/* The WebSocket protocol (RFC 6455, no extensions): a streaming reader and writer of frames, for
 * both ends. Pure: no I/O. */
#ifndef FLAMETOP_NET_WEBSOCKET_H
#define FLAMETOP_NET_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"

enum websocket_opcode {
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10
};

struct websocket_reader;

/* `masked`: frames must be masked (we are the server). A message longer than message_max ends it.
 * `message` is called for each whole message (fragments joined, text valid UTF-8) and each control
 * frame; false from it ends reading. */
struct websocket_reader *websocket_reader_new(bool masked, size_t message_max, void *context,
                                              bool (*message)(void *context,
                                                              enum websocket_opcode opcode,
                                                              struct str payload));
void websocket_reader_free(struct websocket_reader *reader);

/* Bytes in any portions. 0, or the close code (1002, 1007, 1009) to answer with; after that nothing
 * more is read. */
int websocket_reader_feed(struct websocket_reader *reader, const void *bytes, size_t n);

/* Appends one unfragmented frame; mask NULL: unmasked (server). */
void websocket_write(struct buf *out, enum websocket_opcode opcode, struct str payload,
                     const uint8_t mask[4]);

/* Sec-WebSocket-Accept of a Sec-WebSocket-Key: 28 characters and NUL. False: no proper key. */
bool websocket_accept(struct str key, char dst[29]);

#endif
