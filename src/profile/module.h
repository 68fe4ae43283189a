/* Files whose code processes run, and their symbols, each read once, when it is first wanted.
 *
 * A file is found the way its process sees it, in the mount namespace of that process, and opened
 * only when it is a regular one. Symbols come from the file, or from the one that the packages of
 * debug symbols put under /usr/lib/debug/.build-id. */
#ifndef FLAMETOP_SRC_PROFILE_MODULE_H
#define FLAMETOP_SRC_PROFILE_MODULE_H

#include "elf_file.h"
#include "flametop/base/arena.h"
#include "flametop/base/hash.h"

struct module {
    struct str path; /* as the kernel names it, without " (deleted)" */
    struct str base; /* its last part */
    uint32_t major, minor;
    uint64_t inode;
    bool vdso;
    bool read, is_elf;
    struct elf elf;
    struct symbols symbols;
};

struct modules {
    struct map by_key;
    struct arena arena;
    size_t symbol_bytes;
    uint64_t refused; /* files for whose symbols there was no room */
};

/* Where a file is mapped. */
struct module_place {
    int process;         /* an open /proc/PID; -1: it is gone */
    uint64_t start, end; /* of the mapping */
};

void modules_init(struct modules *modules);
void modules_done(struct modules *modules);

/* The module of these names, not read yet when it is new; NULL when there is no room. */
struct module *modules_get(struct modules *modules, struct str path, uint32_t major, uint32_t minor,
                           uint64_t inode);

/* Reads it, unless that was done. */
void module_read(struct modules *modules, struct module *module, const struct module_place *place);

/* The name of what is at a byte of the file; n is 0 when that is not known. */
struct str module_find(const struct module *module, uint64_t offset);

/* Opens a regular file of the process, as it sees it; -1 when there is none. */
int module_open(int process, const char *path);

#endif
