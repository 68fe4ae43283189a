/* Any bytes as what a ring of the kernel holds; records are then made a profile of. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/profile/stacks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy, data, size);
    struct str rest = {copy, size};
    struct stacks_options options = {.proc = "/nowhere", .pid = size % 2, .depth_max = 127};
    struct stacks *stacks = stacks_new(&options);
    struct ring_record record;
    size_t n;
    stacks_round(stacks);
    while ((n = ring_record_read(rest, &record)) > 0) {
        if (n > rest.n || record.chain.n % 8 != 0) {
            abort();
        }
        if (record.kind == RING_MAP) {
            record.text = (struct str){"", 0}; /* files of this machine are not looked at */
        }
        stacks_add(stacks, &record);
        rest.p += n;
        rest.n -= n;
    }
    stacks_free(stacks);
    free(copy);
    return 0;
}
