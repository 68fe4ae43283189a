/* Names of addresses: the table of symbols, and what fills it: ELF files, the kernel's list, and
 * maps of code made at run time. */
#include "../check.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../src/profile/elf_file.h"
#include "../../src/profile/kallsyms.h"
#include "../../src/profile/perf_map.h"
#include "../../src/profile/space.h"

static void
check_name(const struct symbols *symbols, uint64_t at, const char *expected)
{
    struct str name = symbols_find(symbols, at);
    if (!str_is(name, expected)) {
        fail_msg("%llx is %.*s, not %s", (unsigned long long)at, (int)name.n, name.p, expected);
    }
}

static void
test_symbols__finds_what_contains_an_address(void **state)
{
    (void)state;
    struct symbols symbols;
    symbols_init(&symbols, 100);
    symbols_add(&symbols, 0x3000, 0, 1, STR("to_the_next"));
    symbols_add(&symbols, 0x1000, 0x100, 1, STR("first"));
    symbols_add(&symbols, 0x2000, 0x1000, 1, STR("outer"));
    symbols_add(&symbols, 0x2010, 0x10, 1, STR("inner"));
    symbols_add(&symbols, 0x3100, 0x10, 1, STR("last"));
    symbols_sort(&symbols);
    check_name(&symbols, 0xfff, "");
    check_name(&symbols, 0x1000, "first");
    check_name(&symbols, 0x10ff, "first");
    check_name(&symbols, 0x1100, "");
    check_name(&symbols, 0x200f, "outer");
    check_name(&symbols, 0x2010, "inner");
    check_name(&symbols, 0x2020, "outer");
    check_name(&symbols, 0x30ff, "to_the_next");
    check_name(&symbols, 0x310f, "last");
    check_name(&symbols, 0x3110, "");
    check_name(&symbols, UINT64_MAX, "");
    symbols_done(&symbols);
}

static void
test_symbols__prefers_the_highest_rank_then_the_last(void **state)
{
    (void)state;
    struct symbols symbols;
    symbols_init(&symbols, 3);
    symbols_add(&symbols, 0x1000, 0x10, 3, STR("strong"));
    symbols_add(&symbols, 0x1000, 0x10, 2, STR("weak"));
    symbols_sort(&symbols);
    check_name(&symbols, 0x1004, "strong");
    symbols_add(&symbols, 0x1000, 0x10, 3, STR("later"));
    symbols_sort(&symbols);
    check_name(&symbols, 0x1004, "later");
    assert_false(symbols.full);
    symbols_add(&symbols, 0x2000, 0x10, 3, STR("no room"));
    assert_true(symbols.full);
    assert_int_equal(symbols.count, 3);
    symbols_done(&symbols);
}

static void
test_kallsyms__takes_whole_lines_of_code(void **state)
{
    (void)state;
    static const char text[] = "0000000000000000 A hidden\n"
                               "0000000000000000 T hidden_too\n"
                               "ffffffff81000000 T _stext\n"
                               "ffffffff81000000 t alias\n"
                               "ffffffff81000040 t do_work\n"
                               "ffffffff81000080 d data\n"
                               "ffffffffc0001000 t in_module\t[ext4]\n"
                               "no address\n"
                               "ffffffffc0002000 t cut_of";
    struct symbols symbols;
    symbols_init(&symbols, KALLSYMS_MAX);
    size_t used = kallsyms_add(&symbols, STR(text));
    assert_int_equal(used, strrchr(text, '\n') + 1 - text);
    symbols_sort(&symbols);
    assert_int_equal(symbols.count, 4);
    check_name(&symbols, 0xffffffff81000000, "_stext");
    check_name(&symbols, 0xffffffff81000044, "do_work");
    check_name(&symbols, 0xffffffffc0001001, "in_module");
    symbols_done(&symbols);
}

static void
test_perf_map__later_lines_count(void **state)
{
    (void)state;
    static const char text[] = "7f0010 20 JS:~first /app/a.js:1:2\n"
                               "0x7f0100 40 with blanks\r\n"
                               "7f0200 0 nothing\n"
                               "zz 10 no address\n"
                               "7f0010 20 JS:*first /app/a.js:1:2\n"
                               "7f0300 10 cut";
    struct symbols symbols;
    symbols_init(&symbols, PERF_MAP_SYMBOLS_MAX);
    size_t used = perf_map_add(&symbols, STR(text));
    assert_int_equal(used, strrchr(text, '\n') + 1 - text);
    symbols_sort(&symbols);
    assert_int_equal(symbols.count, 3);
    check_name(&symbols, 0x7f0010, "JS:*first /app/a.js:1:2");
    check_name(&symbols, 0x7f013f, "with blanks");
    check_name(&symbols, 0x7f0140, "");
    symbols_done(&symbols);
}

/* ---- ELF ---- */

struct image {
    char bytes[4096];
    size_t n;
};

static bool
read_image(void *context, uint64_t at, void *dst, size_t n)
{
    const struct image *image = context;
    if (at > image->n || n > image->n - at) {
        return false;
    }
    memcpy(dst, image->bytes + at, n);
    return true;
}

static const char names[] = "\0work\0hidden\0data\0gone";
enum { NAME_WORK = 1, NAME_HIDDEN = 6, NAME_DATA = 13, NAME_GONE = 18 };

/* Code at offset 0x1000 that belongs to 0x401000; a build id; symbols. */
static void
make_wide(struct image *image)
{
    static const unsigned char note[] = {
        4, 0, 0, 0, 4, 0, 0, 0, NT_GNU_BUILD_ID, 0, 0, 0, 'G', 'N', 'U', 0, 0xab, 0xcd, 1, 2};
    Elf64_Ehdr head = {.e_phoff = 64,
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 2,
                       .e_shoff = 512,
                       .e_shentsize = sizeof(Elf64_Shdr),
                       .e_shnum = 3};
    Elf64_Phdr segments[] = {{.p_type = PT_LOAD,
                              .p_flags = PF_X,
                              .p_offset = 0x1000,
                              .p_filesz = 0x200,
                              .p_vaddr = 0x401000},
                             {.p_type = PT_NOTE, .p_offset = 256, .p_filesz = sizeof(note)}};
    Elf64_Sym symbols[] = {
        {.st_name = 0},
        {.st_name = NAME_WORK,
         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
         .st_shndx = 1,
         .st_value = 0x401010,
         .st_size = 0x20},
        {.st_name = NAME_HIDDEN,
         .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
         .st_shndx = 1,
         .st_value = 0x401030,
         .st_size = 0x20},
        {.st_name = NAME_DATA,
         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
         .st_shndx = 1,
         .st_value = 0x401050,
         .st_size = 0x20},
        {.st_name = NAME_GONE,
         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
         .st_shndx = SHN_UNDEF,
         .st_value = 0x401080,
         .st_size = 0x20},
        {.st_name = 0xffffff,
         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
         .st_shndx = 1,
         .st_value = 0x401090,
         .st_size = 0x20},
    };
    Elf64_Shdr sections[] = {{.sh_type = SHT_NULL},
                             {.sh_type = SHT_SYMTAB,
                              .sh_offset = 1024,
                              .sh_size = sizeof(symbols),
                              .sh_entsize = sizeof(Elf64_Sym),
                              .sh_link = 2},
                             {.sh_type = SHT_STRTAB, .sh_offset = 2048, .sh_size = sizeof(names)}};
    memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    memset(image, 0, sizeof(*image));
    memcpy(image->bytes, &head, sizeof(head));
    memcpy(image->bytes + 64, segments, sizeof(segments));
    memcpy(image->bytes + 256, note, sizeof(note));
    memcpy(image->bytes + 512, sections, sizeof(sections));
    memcpy(image->bytes + 1024, symbols, sizeof(symbols));
    memcpy(image->bytes + 2048, names, sizeof(names));
    image->n = sizeof(image->bytes);
}

static void
test_elf__reads_functions_segments_and_build_id(void **state)
{
    (void)state;
    struct image image;
    struct elf elf;
    struct elf_source source = {read_image, &image};
    struct symbols symbols;
    uint64_t address;
    make_wide(&image);
    symbols_init(&symbols, ELF_SYMBOLS_MAX);
    assert_true(elf_open(&elf, &source));
    assert_int_equal(elf.id_n, 4);
    assert_memory_equal(elf.id, "\xab\xcd\x01\x02", 4);
    assert_int_equal(elf_read_symbols(&elf, &source, &symbols), ELF_ALL_SYMBOLS);
    symbols_sort(&symbols);
    assert_int_equal(symbols.count, 2);
    assert_true(elf_address(&elf, 0x1015, &address));
    assert_int_equal(address, 0x401015);
    check_name(&symbols, address, "work");
    check_name(&symbols, 0x401030, "hidden");
    check_name(&symbols, 0x401050, "");
    assert_false(elf_address(&elf, 0xfff, &address));
    assert_false(elf_address(&elf, 0x1200, &address));
    symbols_done(&symbols);
}

/* A file may bring as many symbols as it likes, and names as long. */
static void
test_elf__keeps_within_the_bytes_that_are_left(void **state)
{
    (void)state;
    struct image image;
    struct elf elf;
    struct elf_source source = {read_image, &image};
    struct symbols symbols;
    make_wide(&image);
    assert_true(elf_open(&elf, &source));
    symbols_init(&symbols, ELF_SYMBOLS_MAX);
    symbols_limit(&symbols, 4 * sizeof(struct symbol)); /* room for one of two */
    assert_int_equal(elf_read_symbols(&elf, &source, &symbols), ELF_ALL_SYMBOLS);
    assert_true(symbols.count == 1 && symbols.full);
    assert_true(symbols_bytes(&symbols) <= 4 * sizeof(struct symbol));
    symbols_done(&symbols);
    symbols_init(&symbols, ELF_SYMBOLS_MAX);
    symbols_limit(&symbols, sizeof(names) - 1); /* not even for the names of the file */
    assert_int_equal(elf_read_symbols(&elf, &source, &symbols), ELF_NO_SYMBOLS);
    assert_int_equal(symbols_bytes(&symbols), 0);
    symbols_done(&symbols);
    symbols_init(&symbols, ELF_SYMBOLS_MAX);
    symbols_limit(&symbols, 100000);
    for (unsigned i = 0; i < 10000; i++) {
        symbols_add(&symbols, i, 1, 1, STR("a_name_of_some_length"));
    }
    assert_true(symbols.full && symbols_bytes(&symbols) <= 100000);
    symbols_done(&symbols);
}

/* Each byte of the tables is set to the largest there is, and each length is tried: nothing is read
 * past the end, which the sanitizers see. */
static void
test_elf__takes_any_damage(void **state)
{
    (void)state;
    struct image image, whole;
    struct elf_source source = {read_image, &image};
    unsigned good = 0;
    make_wide(&whole);
    for (size_t i = 0; i < 2200; i++) {
        struct elf elf;
        struct symbols symbols;
        image = whole;
        image.bytes[i] = (char)0xff;
        image.n = i % 2 == 0 ? whole.n : i;
        symbols_init(&symbols, ELF_SYMBOLS_MAX);
        if (elf_open(&elf, &source)) {
            elf_read_symbols(&elf, &source, &symbols);
            good += symbols.count > 0;
        }
        symbols_done(&symbols);
    }
    assert_in_range(good, 500, 2000);
}

static bool
read_descriptor(void *context, uint64_t at, void *dst, size_t n)
{
    return pread(*(int *)context, dst, n, (off_t)at) == (ssize_t)n;
}

/* This very program: where its code is comes from /proc/self/maps, whatever its load address. */
static void
test_elf__names_own_functions(void **state)
{
    (void)state;
    uint64_t at = (uint64_t)(uintptr_t)test_elf__names_own_functions, address = 0;
    char line[4096];
    struct maps_line found = {0};
    FILE *maps = fopen("/proc/self/maps", "re");
    while (fgets(line, sizeof(line), maps) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        struct maps_line read;
        if (maps_line_read(str_from(line), &read) && read.start <= at && at < read.end) {
            found = read;
        }
    }
    fclose(maps);
    assert_true(found.executable);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct elf_source source = {read_descriptor, &fd};
    struct elf elf;
    struct symbols symbols;
    symbols_init(&symbols, ELF_SYMBOLS_MAX);
    assert_true(elf_open(&elf, &source));
    assert_true(elf_address(&elf, at - found.start + found.offset, &address));
    assert_int_equal(elf_read_symbols(&elf, &source, &symbols), ELF_ALL_SYMBOLS);
    symbols_sort(&symbols);
    check_name(&symbols, address, "test_elf__names_own_functions");
    symbols_done(&symbols);
    close(fd);
}

/* ---- where things are mapped ---- */

static void
test_maps__reads_a_line(void **state)
{
    (void)state;
    struct maps_line line;
    assert_true(maps_line_read(STR("55d0c0000000-55d0c0001000 r-xp 00002000 fd:01 1234             "
                                   "          /usr/bin/my prog"),
                               &line));
    assert_int_equal(line.start, 0x55d0c0000000);
    assert_int_equal(line.end, 0x55d0c0001000);
    assert_int_equal(line.offset, 0x2000);
    assert_int_equal(line.major, 0xfd);
    assert_int_equal(line.minor, 1);
    assert_int_equal(line.inode, 1234);
    assert_true(line.executable);
    assert_true(str_is(line.path, "/usr/bin/my prog"));
    assert_true(maps_line_read(STR("7f0000-7f1000 rw-p 00000000 00:00 0"), &line));
    assert_false(line.executable);
    assert_int_equal(line.path.n, 0);
    assert_false(maps_line_read(STR("7f1000-7f0000 rw-p 00000000 00:00 0"), &line));
    assert_false(maps_line_read(STR("7f0000-7f1000 rw-p"), &line));
    assert_false(maps_line_read(STR(""), &line));
}

static void
check_mapping(const struct space *space, uint64_t at, uint64_t start, uint64_t offset)
{
    const struct mapping *mapping = space_find(space, at);
    assert_non_null(mapping);
    assert_int_equal(mapping->start, start);
    assert_int_equal(mapping->offset, offset);
}

static void
test_space__a_new_mapping_takes_the_place_of_old_ones(void **state)
{
    (void)state;
    struct space *space = space_new(1);
    space_map(space, 0x1000, 0x5000, 0x100, NULL);
    space_map(space, 0x8000, 0x9000, 0, NULL);
    space_map(space, 0x2000, 0x3000, 0x7000, NULL); /* in the middle */
    check_mapping(space, 0x1fff, 0x1000, 0x100);
    check_mapping(space, 0x2000, 0x2000, 0x7000);
    check_mapping(space, 0x3000, 0x3000, 0x2100);
    assert_int_equal(space->count, 4);
    space_map(space, 0x2800, 0x8800, 0xf000, NULL); /* over several */
    check_mapping(space, 0x27ff, 0x2000, 0x7000);
    check_mapping(space, 0x4000, 0x2800, 0xf000);
    check_mapping(space, 0x8800, 0x8800, 0x800);
    assert_int_equal(space->count, 4);
    assert_null(space_find(space, 0x9000));
    assert_null(space_find(space, 0xfff));
    space_map(space, 0, UINT64_MAX, 0, NULL);
    assert_int_equal(space->count, 1);
    space_clear(space);
    assert_null(space_find(space, 0x4000));
    space_free(space);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols__finds_what_contains_an_address),
        cmocka_unit_test(test_symbols__prefers_the_highest_rank_then_the_last),
        cmocka_unit_test(test_kallsyms__takes_whole_lines_of_code),
        cmocka_unit_test(test_perf_map__later_lines_count),
        cmocka_unit_test(test_elf__reads_functions_segments_and_build_id),
        cmocka_unit_test(test_elf__keeps_within_the_bytes_that_are_left),
        cmocka_unit_test(test_elf__takes_any_damage),
        cmocka_unit_test(test_elf__names_own_functions),
        cmocka_unit_test(test_maps__reads_a_line),
        cmocka_unit_test(test_space__a_new_mapping_takes_the_place_of_old_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
