/* The mount table.
 *
 * What is left out follows df (coreutils, me_dummy and filter_mount_list) and adds what fills df's
 * output on machines with containers and packages in images. */
#include "mountinfo.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "kept.h"

#define MOUNTS_MAX 16384
#define DEPTH_MAX 64 /* of mounts on mounts */

static const char *const pseudo_types[] = {
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "dlmfs",
    "efivarfs",
    "fusectl",
    "futexfs",
    "hugetlbfs",
    "ignore",
    "inotifyfs",
    "kernfs",
    "mqueue",
    "nfsd",
    "none",
    "nsfs",
    "openpromfs",
    "pipefs",
    "proc",
    "pstore",
    "ramfs",
    "resctrl",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "spufs",
    "subfs",
    "sysfs",
    "tracefs",
    "usbfs",
    "usbdevfs",
    "fuse.portal",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.vmware-vmblock",
};

/* Images that are written once: always 100 % used, which says nothing. */
static const char *const image_types[] = {
    "cramfs", "erofs", "iso9660", "romfs", "squashfs", "udf", "fuse.squashfuse", "fuse.snapfuse",
};

static const char *const network_types[] = {
    "9p",        "acfs", "afs",    "beegfs", "ceph",     "cifs",   "coda",  "davfs", "gfs2",
    "glusterfs", "gpfs", "lustre", "ncpfs",  "ncp",      "nfs",    "nfs4",  "ocfs2", "orangefs",
    "pvfs2",     "smb3", "smbfs",  "vboxsf", "virtiofs", "vmhgfs", "panfs", "shfs",
};

/* Layers of one file system over another that only repeat its figures. */
static const char *const layer_types[] = {"aufs", "overlay", "overlayfs", "fuse.fuse-overlayfs",
                                          "fuse.mergerfs"};

/* Below these, only what has a device of its own counts. */
static const char *const engine_folders[] = {
    "/var/lib/docker/",
    "/var/lib/containers/",
    "/var/lib/containerd/",
    "/var/lib/kubelet/",
    "/var/lib/rancher/",
    "/var/snap/",
    "/snap/",
    "/run/containerd/",
    "/run/docker/",
    "/run/netns/",
    "/run/snapd/",
    "/run/credentials/",
    "/run/k3s/",
    "/run/user/",
    "/var/lib/lxcfs/",
};

/* A container engine binds these from its own disk. */
static const char *const engine_files[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};

static const char *const kernel_folders[] = {"/proc/", "/sys/"};

static bool
is_one_of(struct str s, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(s, list[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_below_one_of(struct str s, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_starts(s, list[i])) {
            return true;
        }
    }
    return false;
}

static bool
has_option(struct str options, const char *name)
{
    for (struct str option; str_until(&options, ',', &option);) {
        if (str_is(option, name)) {
            return true;
        }
    }
    return false;
}

static bool
parse_device(struct str text, uint64_t *ret_device)
{
    uint64_t major, minor;
    if (!str_u64(&text, &major) || text.n < 2 || text.p[0] != ':') {
        return false;
    }
    text = (struct str){text.p + 1, text.n - 1};
    if (!str_u64(&text, &minor) || text.n != 0) {
        return false;
    }
    *ret_device = (major & UINT32_MAX) << 32 | (minor & UINT32_MAX);
    return true;
}

bool
mount_parse(struct str line, struct mount *ret_mount)
{
    struct mount mount = {.id = 0};
    struct str device, options, word, super;
    if (!str_u64(&line, &mount.id) || !str_u64(&line, &mount.parent) || !str_word(&line, &device) ||
        !parse_device(device, &mount.device) || !str_word(&line, &mount.root) ||
        !str_word(&line, &mount.point) || !str_word(&line, &options)) {
        return false;
    }
    do {
        if (!str_word(&line, &word)) {
            return false;
        }
    } while (!str_is(word, "-"));
    if (!str_word(&line, &mount.type) || mount.point.p[0] != '/') {
        return false;
    }
    /* The source may be empty: "- tmpfs  rw". */
    if (!str_word(&line, &mount.source)) {
        return false;
    }
    if (!str_word(&line, &super)) {
        super = mount.source;
        mount.source = (struct str){"", 0};
    }
    mount.is_read_only = has_option(options, "ro") || has_option(super, "ro");
    *ret_mount = mount;
    return true;
}

static bool
is_octal(char c)
{
    return c >= '0' && c <= '7';
}

size_t
mount_unescape(struct str escaped, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < escaped.n; n++) {
        if (n + 1 >= size) {
            return 0;
        }
        const char *p = escaped.p + i;
        if (p[0] == '\\' && escaped.n - i >= 4 && p[1] <= '3' && is_octal(p[1]) && is_octal(p[2]) &&
            is_octal(p[3])) {
            dst[n] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            i += 4;
        } else {
            dst[n] = p[0];
            i++;
        }
        if (dst[n] == 0) {
            return 0;
        }
    }
    dst[n] = 0;
    return n;
}

enum mount_use
mount_use(const struct mount *mount)
{
    struct str point = mount->point;
    bool has_device = str_starts(mount->source, "/dev/");
    if (is_one_of(mount->type, pseudo_types, ARRAY_SIZE(pseudo_types)) ||
        is_one_of(mount->type, image_types, ARRAY_SIZE(image_types)) ||
        is_below_one_of(point, kernel_folders, ARRAY_SIZE(kernel_folders)) ||
        is_one_of(point, engine_files, ARRAY_SIZE(engine_files))) {
        return MOUNT_LEFT_OUT;
    }
    if (is_one_of(mount->type, layer_types, ARRAY_SIZE(layer_types)) && !str_is(point, "/")) {
        return MOUNT_LEFT_OUT;
    }
    if (!has_device && is_below_one_of(point, engine_folders, ARRAY_SIZE(engine_folders))) {
        return MOUNT_LEFT_OUT;
    }
    if (is_one_of(mount->type, network_types, ARRAY_SIZE(network_types)) ||
        (str_starts(mount->type, "fuse") && !has_device)) {
        return MOUNT_NETWORK;
    }
    return MOUNT_LOCAL;
}

/* Whether `path` is `folder` or below it. Both escaped alike. */
static bool
is_within(struct str path, struct str folder)
{
    if (folder.n == 1) {
        return true;
    }
    return path.n >= folder.n && memcmp(path.p, folder.p, folder.n) == 0 &&
           (path.n == folder.n || path.p[folder.n] == '/');
}

static const struct mount *
by_id(const struct mount *all, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (all[i].id == id) {
            return &all[i];
        }
    }
    return NULL;
}

static bool
is_ancestor(const struct mount *all, size_t count, const struct mount *above,
            const struct mount *mount)
{
    for (unsigned depth = 0; mount != NULL && depth < DEPTH_MAX; depth++) {
        if (mount->parent == above->id) {
            return true;
        }
        if (mount->parent == mount->id) {
            return false;
        }
        mount = by_id(all, count, mount->parent);
    }
    return false;
}

/* Another mount on the same path or on one above it, that this one is not itself mounted on, lies
 * over it. */
static bool
is_hidden(const struct mount *all, size_t count, size_t index)
{
    const struct mount *mount = &all[index];
    for (size_t i = 0; i < count; i++) {
        const struct mount *other = &all[i];
        if (i == index || !is_within(mount->point, other->point) ||
            is_ancestor(all, count, other, mount)) {
            continue;
        }
        if (i > index || is_ancestor(all, count, mount, other)) {
            return true;
        }
    }
    return false;
}

static bool
shows_more(const struct mount *a, const struct mount *b)
{
    bool a_whole = str_is(a->root, "/"), b_whole = str_is(b->root, "/");
    return a_whole != b_whole ? a_whole : a->point.n < b->point.n;
}

static size_t
parse_all(struct str text, struct mount *all, size_t max, uint64_t *refused)
{
    size_t count = 0;
    for (struct str line; kept_line(&text, &line);) {
        if (count < max && mount_parse(line, &all[count])) {
            count++;
        } else {
            *refused += 1;
        }
    }
    return count;
}

static size_t
select_from(const struct mount *all, size_t count, struct mount *ret_mounts, size_t max,
            uint64_t *refused)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (mount_use(&all[i]) == MOUNT_LEFT_OUT || is_hidden(all, count, i)) {
            continue;
        }
        size_t same = 0;
        while (same < kept && ret_mounts[same].device != all[i].device) {
            same++;
        }
        if (same < kept) {
            if (shows_more(&all[i], &ret_mounts[same])) {
                ret_mounts[same] = all[i];
            }
        } else if (kept < max) {
            ret_mounts[kept++] = all[i];
        } else {
            *refused += 1;
        }
    }
    return kept;
}

size_t
mounts_select(struct str text, struct mount *ret_mounts, size_t max, uint64_t *refused)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.n; i++) {
        lines += text.p[i] == '\n';
    }
    lines = MIN(lines, (size_t)MOUNTS_MAX);
    struct mount *all = lines > 0 ? reallocarray(NULL, lines, sizeof(*all)) : NULL;
    if (all == NULL) {
        return 0;
    }
    size_t count = parse_all(text, all, lines, refused);
    size_t kept = select_from(all, count, ret_mounts, max, refused);
    free(all);
    return kept;
}
