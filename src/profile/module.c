/* Opening files of other processes, and their symbols. */
#include "module.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flametop/base/macros.h"

#define MODULES_MAX ((size_t)16384)
#define ARENA_BYTES_MAX ((size_t)32 << 20)
#define SYMBOL_BYTES_MAX ((size_t)256 << 20) /* of all modules together */
#define PATH_BYTES 4096
#define VDSO_BYTES_MAX ((size_t)65536)

/* ---- finding ---- */

void
modules_init(struct modules *modules)
{
    *modules = (struct modules){0};
    map_init(&modules->by_key, MODULES_MAX);
    arena_init(&modules->arena, ARENA_BYTES_MAX);
}

void
modules_done(struct modules *modules)
{
    size_t at = 0;
    uint64_t key;
    struct module *module;
    while ((module = map_next(&modules->by_key, &at, &key)) != NULL) {
        symbols_done(&module->symbols);
    }
    map_done(&modules->by_key);
    arena_done(&modules->arena);
}

static struct str
without_deleted(struct str path)
{
    static const char deleted[] = " (deleted)";
    if (str_ends(path, deleted)) {
        path.n -= sizeof(deleted) - 1;
    }
    return path;
}

static struct module *
make(struct modules *modules, struct str path)
{
    struct module *module = arena_new(&modules->arena, struct module);
    const char *text = arena_text(&modules->arena, path.p, path.n);
    if (module == NULL || modules->arena.full) {
        return NULL;
    }
    const char *slash = memrchr(text, '/', path.n);
    module->path = (struct str){text, path.n};
    module->base = slash != NULL && slash + 1 < text + path.n
                       ? (struct str){slash + 1, (size_t)(text + path.n - slash - 1)}
                       : module->path;
    module->vdso = str_is(path, "[vdso]");
    return module;
}

struct module *
modules_get(struct modules *modules, struct str path, uint32_t major, uint32_t minor,
            uint64_t inode)
{
    path = without_deleted(path);
    uint64_t key = hash_mix(hash_bytes(path.p, path.n),
                            hash_mix(hash_u64((uint64_t)major << 32 | minor), hash_u64(inode)));
    struct module *module;
    while ((module = map_get(&modules->by_key, key)) != NULL) {
        if (module->inode == inode && module->major == major && module->minor == minor &&
            module->path.n == path.n && memcmp(module->path.p, path.p, path.n) == 0) {
            return module;
        }
        key++;
    }
    module = make(modules, path);
    if (module == NULL || !map_put(&modules->by_key, key, module)) {
        modules->refused++;
        return NULL;
    }
    module->major = major;
    module->minor = minor;
    module->inode = inode;
    return module;
}

/* ---- opening ---- */

/* What another process may have put at a path is opened only when it is a regular file: a FIFO
 * would wait, and some devices act when they are opened. */
static int
reopen_regular(int path_fd)
{
    char name[64];
    struct stat info;
    int fd = -1;
    if (path_fd >= 0 && fstat(path_fd, &info) == 0 && S_ISREG(info.st_mode)) {
        snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
        fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    }
    if (path_fd >= 0) {
        close(path_fd);
    }
    return fd;
}

/* Links inside a container must not lead out of it: the kernel resolves the path within the
 * process' root. */
int
module_open(int process, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    int root = openat(process, "root", O_PATH | O_CLOEXEC | O_DIRECTORY);
    if (root < 0) {
        return -1;
    }
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    close(root);
    return reopen_regular(fd);
}

static bool
is_inode(int fd, uint64_t inode)
{
    struct stat info;
    return fstat(fd, &info) == 0 && (inode == 0 || (uint64_t)info.st_ino == inode);
}

/* By the mapping itself, which works for files that were deleted; else by the path there, else by
 * the path here, when that is the same file: the process may be gone. */
static int
open_mapped(const struct module *module, const struct module_place *place)
{
    char name[64];
    snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)place->start,
             (unsigned long long)place->end);
    int fd =
        place->process >= 0 ? reopen_regular(openat(place->process, name, O_PATH | O_CLOEXEC)) : -1;
    for (unsigned i = 0; i < 2 && fd < 0; i++) {
        fd = i > 0                ? reopen_regular(open(module->path.p, O_PATH | O_CLOEXEC))
             : place->process < 0 ? -1
                                  : module_open(place->process, module->path.p);
        if (fd >= 0 && !is_inode(fd, module->inode)) {
            close(fd);
            fd = -1;
        }
    }
    return fd;
}

static bool
read_file(void *context, uint64_t at, void *dst, size_t n)
{
    const int *fd = context;
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(*fd, (char *)dst + done, n - done, (off_t)(at + done));
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* ---- symbols ---- */

static int
open_debug(const struct module *module, int process)
{
    char path[PATH_BYTES] = "/usr/lib/debug/.build-id/";
    size_t n = strlen(path);
    if (module->elf.id_n < 2) {
        return -1;
    }
    for (unsigned i = 0; i < module->elf.id_n; i++) {
        n += (size_t)snprintf(path + n, sizeof(path) - n, i == 1 ? "/%02x" : "%02x",
                              module->elf.id[i]);
    }
    snprintf(path + n, sizeof(path) - n, ".debug");
    int fd = process >= 0 ? module_open(process, path) : -1;
    return fd >= 0 ? fd : reopen_regular(open(path, O_PATH | O_CLOEXEC));
}

/* In what is left of the bytes. */
static bool
read_debug(struct module *module, int process, size_t left)
{
    int fd = open_debug(module, process);
    struct elf_source source = {read_file, &fd};
    struct elf elf;
    struct symbols symbols;
    symbols_init(&symbols, ELF_SYMBOLS_MAX);
    symbols_limit(&symbols, left - MIN(left, symbols_bytes(&module->symbols)));
    bool all = fd >= 0 && elf_open(&elf, &source) && elf.id_n == module->elf.id_n &&
               memcmp(elf.id, module->elf.id, elf.id_n) == 0 &&
               elf_read_symbols(&elf, &source, &symbols) == ELF_ALL_SYMBOLS;
    if (all) {
        symbols_done(&module->symbols);
        module->symbols = symbols;
    } else {
        symbols_done(&symbols);
    }
    if (fd >= 0) {
        close(fd);
    }
    return all;
}

/* The kernel maps the same code into each process, ours as well. */
struct memory {
    const char *bytes;
    size_t n;
};

static bool
read_memory(void *context, uint64_t at, void *dst, size_t n)
{
    const struct memory *memory = context;
    if (at > memory->n || n > memory->n - at) {
        return false;
    }
    memcpy(dst, memory->bytes + at, n);
    return true;
}

static void
read_vdso(struct module *module, const struct module_place *place)
{
    struct memory memory = {(const char *)getauxval(AT_SYSINFO_EHDR),
                            (size_t)MIN(place->end - place->start, (uint64_t)VDSO_BYTES_MAX)};
    struct elf_source source = {read_memory, &memory};
    bool narrow = place->end <= UINT32_MAX && sizeof(void *) > 4;
    if (memory.bytes != NULL && !narrow && elf_open(&module->elf, &source)) {
        module->is_elf = true;
        elf_read_symbols(&module->elf, &source, &module->symbols);
    }
}

void
module_read(struct modules *modules, struct module *module, const struct module_place *place)
{
    if (module->read) {
        return;
    }
    module->read = true;
    size_t left = SYMBOL_BYTES_MAX - MIN(modules->symbol_bytes, SYMBOL_BYTES_MAX);
    symbols_init(&module->symbols, ELF_SYMBOLS_MAX);
    symbols_limit(&module->symbols, left);
    if (module->vdso) {
        read_vdso(module, place);
    } else {
        int fd = module->path.n > 0 && module->path.p[0] == '/' ? open_mapped(module, place) : -1;
        struct elf_source source = {read_file, &fd};
        if (fd >= 0 && elf_open(&module->elf, &source)) {
            module->is_elf = true;
            if (elf_read_symbols(&module->elf, &source, &module->symbols) != ELF_ALL_SYMBOLS) {
                read_debug(module, place->process, left);
            }
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    symbols_sort(&module->symbols);
    modules->symbol_bytes += symbols_bytes(&module->symbols);
    modules->refused += module->symbols.full;
}

struct str
module_find(const struct module *module, uint64_t offset)
{
    uint64_t address;
    return elf_address(&module->elf, offset, &address) ? symbols_find(&module->symbols, address)
                                                       : (struct str){"", 0};
}
