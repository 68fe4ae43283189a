/* Any bytes as a name of C++ or Rust. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/profile/demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[DEMANGLED_BYTES], *name = malloc(size + 3);
    memcpy(name, "_Z", 2);
    memcpy(name + 2, data, size);
    struct str found = demangle((struct str){name, size + 2}, text);
    if (found.p != name && found.n >= sizeof(text)) {
        abort();
    }
    free(name);
    return 0;
}
