/* Bytes from a terminal. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/ui/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct key_string own[] = {{"\33[A", 3, TERM_UP}, {"\33Ox", 3, TERM_F1}};
    struct str rest = {(const char *)data, size};
    struct term_event event;
    while (rest.n > 0) {
        size_t taken = keys_decode(rest, false, own, 2, &event);
        if (taken == 0) {
            taken = keys_decode(rest, true, own, 2, &event);
            assert(taken > 0);
        }
        assert(taken <= rest.n);
        assert(event.key != TERM_GONE && event.key != TERM_RESIZE);
        assert(event.key != TERM_MOUSE || (event.x >= 0 && event.y >= 0 && event.button > 0));
        rest.p += taken;
        rest.n -= taken;
    }
    return 0;
}
