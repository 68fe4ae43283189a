/* Any bytes as an ELF file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/profile/elf_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    const uint8_t *data;
    size_t size;
};

static bool
read_bytes(void *context, uint64_t at, void *dst, size_t n)
{
    const struct bytes *bytes = context;
    if (at > bytes->size || n > bytes->size - at) {
        return false;
    }
    memcpy(dst, bytes->data + at, n);
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    struct elf_source source = {read_bytes, &bytes};
    struct elf elf;
    struct symbols symbols;
    uint64_t address;
    symbols_init(&symbols, 4096);
    if (elf_open(&elf, &source)) {
        elf_read_symbols(&elf, &source, &symbols);
        symbols_sort(&symbols);
        for (uint64_t at = 0; at < 0x4000; at += 0x80) {
            if (elf_address(&elf, at, &address)) {
                symbols_find(&symbols, address);
            }
        }
    }
    for (uint32_t i = 0; i < symbols.count; i++) {
        const struct symbol *symbol = &symbols.list[i];
        struct str name = symbols_find(&symbols, symbol->at);
        if (symbol->size > 0 && name.n == 0) {
            abort(); /* a symbol contains its own address */
        }
    }
    symbols_done(&symbols);
    return 0;
}
