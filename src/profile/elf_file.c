/* Headers, notes and symbol tables. Sizes and offsets are of 64 bits here whatever the file has;
 * nothing is believed that the file is not long enough for. */
#include "elf_file.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

#define SEGMENTS_READ 256u /* program headers that are looked at */
#define SECTIONS_READ 65536u
#define NOTES_BYTES ((size_t)65536)
#define PORTION 512u /* symbols at a time */

static bool
read_at(const struct elf_source *source, uint64_t at, void *dst, size_t n)
{
    return at <= (uint64_t)INT64_MAX - n && source->read(source->context, at, dst, n);
}

/* ---- both widths as one ---- */

static bool
read_segment(const struct elf *elf, const struct elf_source *source, uint64_t at, Elf64_Phdr *ret)
{
    Elf32_Phdr narrow;
    if (elf->wide) {
        return read_at(source, at, ret, sizeof(*ret));
    }
    if (!read_at(source, at, &narrow, sizeof(narrow))) {
        return false;
    }
    *ret = (Elf64_Phdr){.p_type = narrow.p_type,
                        .p_flags = narrow.p_flags,
                        .p_offset = narrow.p_offset,
                        .p_vaddr = narrow.p_vaddr,
                        .p_filesz = narrow.p_filesz};
    return true;
}

static bool
read_section(const struct elf *elf, const struct elf_source *source, uint32_t i, Elf64_Shdr *ret)
{
    Elf32_Shdr narrow;
    uint64_t at = elf->sections_at + (uint64_t)i * elf->section_bytes;
    if (i >= elf->section_count) {
        return false;
    }
    if (elf->wide) {
        return read_at(source, at, ret, sizeof(*ret));
    }
    if (!read_at(source, at, &narrow, sizeof(narrow))) {
        return false;
    }
    *ret = (Elf64_Shdr){.sh_type = narrow.sh_type,
                        .sh_offset = narrow.sh_offset,
                        .sh_size = narrow.sh_size,
                        .sh_link = narrow.sh_link,
                        .sh_info = narrow.sh_info,
                        .sh_entsize = narrow.sh_entsize};
    return true;
}

static size_t
symbol_bytes(const struct elf *elf)
{
    return elf->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

static Elf64_Sym
symbol_of(const struct elf *elf, const char *bytes)
{
    Elf64_Sym wide;
    Elf32_Sym narrow;
    if (elf->wide) {
        memcpy(&wide, bytes, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, bytes, sizeof(narrow));
    return (Elf64_Sym){.st_name = narrow.st_name,
                       .st_info = narrow.st_info,
                       .st_shndx = narrow.st_shndx,
                       .st_value = narrow.st_value,
                       .st_size = narrow.st_size};
}

/* ---- head ---- */

static bool
read_head(struct elf *elf, const struct elf_source *source, Elf64_Ehdr *ret)
{
    unsigned char id[EI_NIDENT];
    Elf32_Ehdr narrow;
    unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    if (!read_at(source, 0, id, sizeof(id)) || memcmp(id, ELFMAG, SELFMAG) != 0 ||
        id[EI_DATA] != order || (id[EI_CLASS] != ELFCLASS64 && id[EI_CLASS] != ELFCLASS32)) {
        return false;
    }
    elf->wide = id[EI_CLASS] == ELFCLASS64;
    if (elf->wide) {
        return read_at(source, 0, ret, sizeof(*ret));
    }
    if (!read_at(source, 0, &narrow, sizeof(narrow))) {
        return false;
    }
    *ret = (Elf64_Ehdr){.e_phoff = narrow.e_phoff,
                        .e_shoff = narrow.e_shoff,
                        .e_phentsize = narrow.e_phentsize,
                        .e_phnum = narrow.e_phnum,
                        .e_shentsize = narrow.e_shentsize,
                        .e_shnum = narrow.e_shnum};
    return true;
}

/* The build id out of notes: (size of name, size of contents, type, name, contents), each at a
 * multiple of 4. */
static void
find_id(struct elf *elf, const char *notes, size_t n)
{
    for (size_t at = 0; n - at >= sizeof(Elf32_Nhdr);) {
        Elf32_Nhdr note;
        memcpy(&note, notes + at, sizeof(note));
        at += sizeof(note);
        uint64_t name = ((uint64_t)note.n_namesz + 3) & ~(uint64_t)3;
        uint64_t contents = ((uint64_t)note.n_descsz + 3) & ~(uint64_t)3;
        if (name + note.n_descsz > n - at) {
            return;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + at, ELF_NOTE_GNU, 4) == 0) {
            elf->id_n = MIN(note.n_descsz, (uint32_t)ELF_ID_BYTES);
            memcpy(elf->id, notes + at + name, elf->id_n);
            return;
        }
        at += (size_t)MIN(name + contents, (uint64_t)(n - at));
    }
}

static void
read_notes(struct elf *elf, const struct elf_source *source, uint64_t at, uint64_t size)
{
    size_t n = (size_t)MIN(size, (uint64_t)NOTES_BYTES);
    char *notes = elf->id_n == 0 ? malloc(n + 1) : NULL;
    if (notes != NULL && read_at(source, at, notes, n)) {
        find_id(elf, notes, n);
    }
    free(notes);
}

static void
read_segments(struct elf *elf, const struct elf_source *source, const Elf64_Ehdr *head)
{
    size_t least = elf->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    Elf64_Phdr segment;
    for (uint32_t i = 0; i < MIN(head->e_phnum, SEGMENTS_READ); i++) {
        if (head->e_phentsize < least ||
            !read_segment(elf, source, head->e_phoff + (uint64_t)i * head->e_phentsize, &segment)) {
            return;
        }
        if (segment.p_type == PT_NOTE) {
            read_notes(elf, source, segment.p_offset, segment.p_filesz);
        } else if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 &&
                   elf->segment_count < ELF_SEGMENTS_MAX) {
            elf->segments[elf->segment_count++] =
                (struct elf_segment){segment.p_offset, segment.p_filesz, segment.p_vaddr};
        }
    }
}

/* With very many sections their number stands in the first of them. */
static void
find_sections(struct elf *elf, const struct elf_source *source, const Elf64_Ehdr *head)
{
    Elf64_Shdr first;
    size_t least = elf->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    if (head->e_shoff == 0 || head->e_shentsize < least) {
        return;
    }
    elf->sections_at = head->e_shoff;
    elf->section_bytes = head->e_shentsize;
    elf->section_count = MAX(head->e_shnum, (uint32_t)1);
    if (head->e_shnum == 0) {
        elf->section_count = read_section(elf, source, 0, &first)
                                 ? (uint32_t)MIN(first.sh_size, (uint64_t)SECTIONS_READ)
                                 : 0;
    }
}

bool
elf_open(struct elf *elf, const struct elf_source *source)
{
    Elf64_Ehdr head;
    *elf = (struct elf){0};
    if (!read_head(elf, source, &head)) {
        return false;
    }
    read_segments(elf, source, &head);
    find_sections(elf, source, &head);
    return true;
}

/* ---- symbols ---- */

static const unsigned rank_of_binding[16] = {[STB_LOCAL] = 1, [STB_WEAK] = 2, [STB_GLOBAL] = 3};

/* 0: it names no code. What its authors gave a type and a size is surest of being a function. */
static unsigned
rank_of(const Elf64_Sym *symbol)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info), binding = ELF64_ST_BIND(symbol->st_info);
    bool function = type == STT_FUNC || type == STT_GNU_IFUNC;
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_value == 0 ||
        (!function && (type != STT_NOTYPE || binding == STB_LOCAL))) {
        return 0;
    }
    return rank_of_binding[binding & 15u] + (function ? 4u : 0u) + (symbol->st_size > 0 ? 4u : 0u);
}

static void
add_symbol(const struct elf *elf, const char *bytes, const char *names, size_t names_n,
           struct symbols *symbols)
{
    Elf64_Sym symbol = symbol_of(elf, bytes);
    unsigned rank = rank_of(&symbol);
    if (rank > 0 && symbol.st_name < names_n && names[symbol.st_name] != '\0') {
        struct str name = {names + symbol.st_name, 0};
        name.n = strnlen(name.p, MIN(names_n - symbol.st_name, SYMBOL_NAME_BYTES_MAX));
        symbols_add(symbols, symbol.st_value, symbol.st_size, rank, name);
    }
}

static bool
add_table(const struct elf *elf, const struct elf_source *source, const Elf64_Shdr *table,
          const Elf64_Shdr *texts, struct symbols *symbols)
{
    size_t each = symbol_bytes(elf),
           names_n = (size_t)MIN(texts->sh_size, (uint64_t)symbols->names.max);
    uint64_t count = MIN(table->sh_size / each, (uint64_t)ELF_SYMBOLS_MAX);
    char last, *portion = malloc(PORTION * each), *names = NULL;
    bool good = table->sh_entsize == each && names_n == texts->sh_size && names_n > 0 &&
                read_at(source, texts->sh_offset + names_n - 1, &last, 1) &&
                (names = malloc(names_n)) != NULL &&
                read_at(source, texts->sh_offset, names, names_n);
    for (uint64_t i = 0; good && portion != NULL && i < count; i += PORTION) {
        size_t n = (size_t)MIN(count - i, (uint64_t)PORTION);
        if (!read_at(source, table->sh_offset + i * each, portion, n * each)) {
            break;
        }
        for (size_t k = 0; k < n; k++) {
            add_symbol(elf, portion + k * each, names, names_n, symbols);
        }
    }
    free(portion);
    free(names);
    return good;
}

static bool
add_tables(const struct elf *elf, const struct elf_source *source, uint32_t type,
           struct symbols *symbols)
{
    Elf64_Shdr table, texts;
    uint32_t before = symbols->count;
    for (uint32_t i = 0; i < MIN(elf->section_count, SECTIONS_READ); i++) {
        if (!read_section(elf, source, i, &table)) {
            break;
        }
        if (table.sh_type == type && read_section(elf, source, table.sh_link, &texts) &&
            texts.sh_type == SHT_STRTAB && add_table(elf, source, &table, &texts, symbols)) {
            break;
        }
    }
    return symbols->count > before;
}

enum elf_symbols
elf_read_symbols(const struct elf *elf, const struct elf_source *source, struct symbols *symbols)
{
    return add_tables(elf, source, SHT_SYMTAB, symbols)   ? ELF_ALL_SYMBOLS
           : add_tables(elf, source, SHT_DYNSYM, symbols) ? ELF_EXPORTED_SYMBOLS
                                                          : ELF_NO_SYMBOLS;
}

bool
elf_address(const struct elf *elf, uint64_t offset, uint64_t *ret_address)
{
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        if (offset >= segment->offset && offset - segment->offset < segment->size) {
            *ret_address = offset - segment->offset + segment->address;
            return true;
        }
    }
    return false;
}
