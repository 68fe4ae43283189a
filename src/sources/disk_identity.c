/* What a block device is, from sysfs. Read when a device is first seen and now and then later. */
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "kept.h"
#include "proc_disk.h"

#define SECTOR_BYTES 512.0

static const char *const folded_prefixes[] = {"loop", "ram", "zram"};
static const char *const layered_prefixes[] = {"dm-", "md", "bcache", "drbd", "zd"};

static const struct {
    const char *prefix, *kind;
} kinds[] = {
    {"nvme", "nvme"},   {"mmcblk", "mmc"},  {"vd", "virtual"}, {"xvd", "virtual"},
    {"nbd", "network"}, {"rbd", "network"}, {"sr", "optical"}, {"bcache", "cache"},
    {"drbd", "mirror"}, {"zd", "zvol"},
};

static const struct {
    const char *prefix, *kind;
} dm_kinds[] = {
    {"LVM-", "lvm"},
    {"CRYPT-", "crypt"},
    {"mpath-", "multipath"},
};

/* "md" is a prefix of md0 but not of mdev: a number must follow what the table says. */
static bool
has_prefix(struct str name, const char *prefix)
{
    size_t n = strlen(prefix);
    return str_starts(name, prefix) && name.n > n && name.p[n] >= '0' && name.p[n] <= '9';
}

static bool
has_any_prefix(struct str name, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (has_prefix(name, prefixes[i])) {
            return true;
        }
    }
    return false;
}

/* sda1 after sda, nvme0n1p2 after nvme0n1: digits, behind a 'p' where the disk's own name ends with
 * a digit. */
static bool
is_partition_of(struct str name, const char *disk)
{
    size_t n = strlen(disk);
    if (n == 0 || !str_starts(name, disk)) {
        return false;
    }
    struct str rest = {name.p + n, name.n - n};
    if (disk[n - 1] >= '0' && disk[n - 1] <= '9') {
        if (rest.n < 2 || rest.p[0] != 'p') {
            return false;
        }
        rest.p++;
        rest.n--;
    }
    uint64_t number;
    return str_u64(&rest, &number) && rest.n == 0;
}

static bool
is_one(const char *folder, const char *file, char value)
{
    char text[16];
    struct str s = kept_once(text, sizeof(text), "%s/%s", folder, file);
    return s.n == 1 && s.p[0] == value;
}

static bool
has_entries(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    DIR *dir = length > 0 && (size_t)length < sizeof(path) ? opendir(path) : NULL;
    if (dir == NULL) {
        return false;
    }
    bool found = false;
    for (const struct dirent *entry; !found && (entry = readdir(dir)) != NULL;) {
        found = entry->d_name[0] != '.';
    }
    closedir(dir);
    return found;
}

/* nvme0c1n1 is one path to nvme0n1. From Linux 6.4 on the head counts what its paths do; before,
 * only the paths count, and the head says iostats 0. */
static bool
is_counted_elsewhere(const char *sys, struct str name)
{
    struct str rest = name;
    uint64_t subsystem, controller, namespace;
    rest.p += 4;
    rest.n -= 4;
    if (!str_starts(name, "nvme") || !str_u64(&rest, &subsystem) || rest.n < 2 ||
        rest.p[0] != 'c') {
        return true;
    }
    rest = (struct str){rest.p + 1, rest.n - 1};
    if (!str_u64(&rest, &controller) || rest.n < 2 || rest.p[0] != 'n') {
        return true;
    }
    rest = (struct str){rest.p + 1, rest.n - 1};
    if (!str_u64(&rest, &namespace)) {
        return true;
    }
    char head[PATH_MAX];
    snprintf(head, sizeof(head), "%s/block/nvme%llun%llu", sys, (unsigned long long)subsystem,
             (unsigned long long)namespace);
    return !is_one(head, "queue/iostats", '0');
}

static enum disk_class
classify(const char *sys, const char *folder, struct str name)
{
    if (has_any_prefix(name, folded_prefixes, ARRAY_SIZE(folded_prefixes)) ||
        is_one(folder, "queue/iostats", '0')) {
        return DISK_FOLDED;
    }
    if (name.n > 4 && is_one(folder, "hidden", '1') && is_counted_elsewhere(sys, name)) {
        return DISK_FOLDED;
    }
    if (has_any_prefix(name, layered_prefixes, ARRAY_SIZE(layered_prefixes)) ||
        str_starts(name, "dm-") || has_entries(folder, "slaves")) {
        return DISK_LAYERED;
    }
    return DISK_WHOLE;
}

static void
find_kind(const char *folder, struct str name, struct disk_identity *identity)
{
    char text[128];
    struct str uuid = kept_once(text, sizeof(text), "%s/dm/uuid", folder);
    for (size_t i = 0; i < ARRAY_SIZE(dm_kinds); i++) {
        if (str_starts(uuid, dm_kinds[i].prefix)) {
            str_copy(str_from(dm_kinds[i].kind), identity->kind, sizeof(identity->kind));
            return;
        }
    }
    if (str_starts(name, "dm-")) {
        str_copy(STR("dm"), identity->kind, sizeof(identity->kind));
        return;
    }
    struct str level = kept_once(text, sizeof(text), "%s/md/level", folder);
    if (level.n > 0) {
        utf8_clean(level, identity->kind, sizeof(identity->kind));
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (str_starts(name, kinds[i].prefix)) {
            str_copy(str_from(kinds[i].kind), identity->kind, sizeof(identity->kind));
            return;
        }
    }
    struct str rotational = kept_once(text, sizeof(text), "%s/queue/rotational", folder);
    if (rotational.n == 1) {
        str_copy(rotational.p[0] == '1' ? STR("hdd") : STR("ssd"), identity->kind,
                 sizeof(identity->kind));
    }
}

static void
describe(const char *folder, struct str name, struct disk_identity *identity)
{
    char text[128];
    find_kind(folder, name, identity);
    struct str dm = kept_once(text, sizeof(text), "%s/dm/name", folder);
    if (dm.n > 0) {
        utf8_clean(dm, identity->name, sizeof(identity->name));
    }
    struct str model = kept_once(text, sizeof(text), "%s/device/model", folder);
    if (model.n == 0) {
        model = kept_once(text, sizeof(text), "%s/device/name", folder);
    }
    utf8_clean(model, identity->model, sizeof(identity->model));
    struct str size = kept_once(text, sizeof(text), "%s/size", folder);
    uint64_t sectors;
    if (str_u64(&size, &sectors)) {
        identity->size_bytes = (double)sectors * SECTOR_BYTES;
    }
}

/* sysfs writes '!' where a device's name has a '/' (cciss/c0d0). */
static bool
folder_of(const char *sys, const char *kernel_name, char *dst, size_t size)
{
    int base = snprintf(dst, size, "%s/block/", sys);
    int length = snprintf(dst, size, "%s/block/%s", sys, kernel_name);
    if (length < 0 || (size_t)length >= size || kernel_name[0] == '.') {
        return false;
    }
    for (char *p = dst + base; *p != 0; p++) {
        *p = *p == '/' ? '!' : *p;
    }
    return true;
}

void
disk_identify(const char *sys, const char *kernel_name, const char *before,
              struct disk_identity *ret_identity)
{
    struct str name = str_from(kernel_name);
    struct disk_identity identity = {.class = DISK_FOLDED, .size_bytes = NAN};
    utf8_clean(name, identity.name, sizeof(identity.name));
    char folder[PATH_MAX];
    bool is_listed = false;
    if (folder_of(sys, kernel_name, folder, sizeof(folder))) {
        is_listed = kept_exists("%s/block", sys) ? kept_exists("%s", folder)
                                                 : !is_partition_of(name, before);
    }
    if (is_listed) {
        identity.class = classify(sys, folder, name);
    }
    if (identity.class != DISK_FOLDED) {
        describe(folder, name, &identity);
    }
    *ret_identity = identity;
}
