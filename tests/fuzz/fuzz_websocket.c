/* Bytes of a WebSocket client, whole, in portions that the first byte chooses, and in two parts
 * split at every byte: that must not change what is read. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/net/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
see(void *context, enum websocket_opcode opcode, struct str payload)
{
    uint64_t *sum = context;
    assert(payload.n <= 4096);
    *sum = hash_mix(*sum, hash_mix(opcode, hash_bytes(payload.p, payload.n)));
    return true;
}

#define SPLIT_BYTES_MAX 512 /* of longer ones every split would take too long */

static int
read_split(const uint8_t *data, size_t size, size_t split, bool masked, uint64_t *sum)
{
    struct websocket_reader *reader = websocket_reader_new(masked, 4096, sum, see);
    assert(reader != NULL);
    int code = websocket_reader_feed(reader, data, split);
    code = code == 0 ? websocket_reader_feed(reader, data + split, size - split) : code;
    websocket_reader_free(reader);
    return code;
}

static int
read_all(const uint8_t *data, size_t size, size_t portion, bool masked, uint64_t *sum)
{
    struct websocket_reader *reader = websocket_reader_new(masked, 4096, sum, see);
    int code = 0;
    for (size_t i = 0; reader != NULL && i < size && code == 0; i += portion) {
        code = websocket_reader_feed(reader, data + i, MIN(portion, size - i));
    }
    websocket_reader_free(reader);
    return code;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    uint64_t whole = 0, parts = 0;
    bool masked = (data[0] & 1) != 0;
    int code = read_all(data + 1, size - 1, size, masked, &whole);
    assert(read_all(data + 1, size - 1, 1 + data[0] / 2u, masked, &parts) == code);
    assert(whole == parts);
    for (size_t split = 0; split < size && size <= SPLIT_BYTES_MAX; split++) {
        uint64_t halves = 0;
        assert(read_split(data + 1, size - 1, split, masked, &halves) == code && halves == whole);
    }
    assert(code == 0 || code == 1002 || code == 1007 || code == 1009);
    return 0;
}
