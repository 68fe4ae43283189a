/* What profiles need of an ELF file: where its code belongs, its build id and its symbols.
 *
 * Our own reader rather than libelf: it is a few structures of <elf.h>, files come from any
 * container's disk and are read by a monitor that may be root, and every offset in them is checked
 * here. The file is read by a function, so that of a large one only the tables are. */
#ifndef FLAMETOP_SRC_PROFILE_ELF_FILE_H
#define FLAMETOP_SRC_PROFILE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols.h"

#define ELF_ID_BYTES 32
#define ELF_SEGMENTS_MAX 16
#define ELF_SYMBOLS_MAX (UINT32_C(1) << 22)

/* Copies n bytes at an offset of the file; false when there are not as many. */
struct elf_source {
    bool (*read)(void *context, uint64_t at, void *dst, size_t n);
    void *context;
};

/* Code of the file: so many bytes from `offset` on belong to `address`. */
struct elf_segment {
    uint64_t offset, size, address;
};

struct elf {
    bool wide; /* 64 bits */
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    unsigned segment_count;
    unsigned char id[ELF_ID_BYTES]; /* the build id */
    unsigned id_n;                  /* 0: it has none */
    uint64_t sections_at;
    uint32_t section_count, section_bytes;
};

enum elf_symbols { ELF_NO_SYMBOLS, ELF_EXPORTED_SYMBOLS, ELF_ALL_SYMBOLS };

/* False when it is no ELF file of this machine's byte order. */
bool elf_open(struct elf *elf, const struct elf_source *source);

/* Adds the functions of .symtab, else those of .dynsym, by address in the file's own terms: of the
 * first whose names may all be held. Answers what there was. */
enum elf_symbols elf_read_symbols(const struct elf *elf, const struct elf_source *source,
                                  struct symbols *symbols);

/* The address that a byte of the file belongs to; false when it is no code. */
bool elf_address(const struct elf *elf, uint64_t offset, uint64_t *ret_address);

#endif
