/* Secrets in texts that services send: any bytes into a buffer of any size. What is written fits,
 * ends well, and no secret is found where the quick look saw that there can be none. Input: the
 * size of the buffer less one, then the text. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/trace/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t room = (size_t)data[0] + 1, n = size - 1;
    char *text = malloc(n + (n == 0)), *dst = malloc(room);
    assert(text != NULL && dst != NULL);
    memcpy(text, data + 1, n);
    struct str all = {text, n};
    bool may = redact_may_hold_secret(all), found = false;
    size_t written = redact_text(all, dst, room, &found);
    assert(written < room && dst[written] == '\0');
    assert(may || !found);
    assert(found || memcmp(dst, text, written) == 0);
    (void)redact_names_secret(all);
    free(text);
    free(dst);
    return 0;
}
