#include "owner.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define LIST_BYTES_MAX ((size_t)8 << 20)

#define STATE_LISTEN 0x0a
#define STATE_ESTABLISHED 0x01

static bool
hex_value(struct str text, unsigned long *ret_value)
{
    char copy[20], *end;
    if (text.n == 0 || text.n >= sizeof(copy)) {
        return false;
    }
    str_copy(text, copy, sizeof(copy));
    *ret_value = strtoul(copy, &end, 16);
    return *end == '\0';
}

/* The port of "0100007F:10E1". */
static bool
port_of(struct str address, unsigned long *ret_port)
{
    const char *colon = memchr(address.p, ':', address.n);
    if (colon == NULL) {
        return false;
    }
    size_t at = (size_t)(colon + 1 - address.p);
    return hex_value((struct str){colon + 1, address.n - at}, ret_port);
}

static bool
is_wanted(enum owner_socket kind, unsigned long state, unsigned long local, unsigned long remote,
          unsigned port, unsigned other)
{
    if (local != port) {
        return false;
    }
    return kind == OWNER_BOUND     ? true
           : kind == OWNER_LISTENS ? state == STATE_LISTEN
                                   : state == STATE_ESTABLISHED && remote == other;
}

uint64_t
owner_inode(struct str text, enum owner_socket kind, unsigned port, unsigned other)
{
    struct str line, words[10];
    while (str_line(&text, &line)) {
        unsigned long local, remote, state;
        size_t n = 0;
        while (n < ARRAY_SIZE(words) && str_word(&line, &words[n])) {
            n++;
        }
        uint64_t inode;
        if (n == ARRAY_SIZE(words) && port_of(words[1], &local) && port_of(words[2], &remote) &&
            hex_value(words[3], &state) && is_wanted(kind, state, local, remote, port, other) &&
            str_u64(&words[9], &inode) && inode != 0) {
            return inode;
        }
    }
    return 0;
}

static uint64_t
find_inode(const char *proc, enum owner_socket kind, unsigned port, unsigned other)
{
    const char *const names[2] = {kind == OWNER_BOUND ? "udp" : "tcp",
                                  kind == OWNER_BOUND ? "udp6" : "tcp6"};
    uint64_t inode = 0;
    for (size_t i = 0; i < 2 && inode == 0; i++) {
        char path[4200], *text = NULL;
        snprintf(path, sizeof(path), "%s/net/%s", proc, names[i]);
        char *list = malloc(LIST_BYTES_MAX);
        ssize_t n = list != NULL ? file_read_at(AT_FDCWD, path, list, LIST_BYTES_MAX) : -1;
        text = list;
        if (n > 0) {
            inode = owner_inode((struct str){text, (size_t)n}, kind, port, other);
        }
        free(list);
    }
    return inode;
}

static bool
is_late(const int64_t *until_ns)
{
    return clock_mono_ns() >= __atomic_load_n(until_ns, __ATOMIC_RELAXED);
}

/* Whether one of the descriptors in PID/fd is that socket. */
static bool
holds(int proc_fd, const char *pid, const char *wanted, const int64_t *until_ns)
{
    char path[64], target[64];
    struct dirent *entry;
    bool found = false;
    snprintf(path, sizeof(path), "%s/fd", pid);
    int fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    while (!found && !is_late(until_ns) && (entry = readdir(folder)) != NULL) {
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
        target[MAX(n, 0)] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    closedir(folder);
    return found;
}

static void
take_name(int proc_fd, const char *pid, struct owner *owner)
{
    char path[64], name[64];
    snprintf(path, sizeof(path), "%s/comm", pid);
    ssize_t n = file_read_at(proc_fd, path, name, sizeof(name));
    utf8_clean(str_trim((struct str){name, (size_t)MAX(n, 0)}), owner->name, sizeof(owner->name));
    owner->pid = strtoll(pid, NULL, 10);
}

bool
owner_find(const char *proc, enum owner_socket kind, unsigned port, unsigned other,
           const int64_t *until_ns, struct owner *ret_owner)
{
    char wanted[64];
    struct dirent *entry;
    uint64_t inode = find_inode(proc, kind, port, other);
    DIR *folder = inode != 0 ? opendir(proc) : NULL;
    bool found = false;
    if (folder == NULL) {
        return false;
    }
    snprintf(wanted, sizeof(wanted), "socket:[%llu]", (unsigned long long)inode);
    while (!found && !is_late(until_ns) && (entry = readdir(folder)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]) || strlen(entry->d_name) > 20) {
            continue;
        }
        found = holds(dirfd(folder), entry->d_name, wanted, until_ns);
        if (found) {
            take_name(dirfd(folder), entry->d_name, ret_owner);
        }
    }
    closedir(folder);
    return found;
}
