/* VMs of this machine. Which port belongs to which process is known by the inode of the socket that
 * listens there: only root sees those of other users. */
#include "beam_local.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define ARGUMENTS_BYTES 65536
#define SOCKETS_BYTES_MAX ((size_t)8 << 20)
#define DESCRIPTORS_MAX 65536
#define STATE_LISTEN 0x0A

/* ---- arguments ---- */

bool
beam_argument(struct str arguments, const char *option, struct str *ret_value)
{
    struct str rest = arguments, word;
    while (str_until(&rest, '\0', &word)) {
        if (str_is(word, option)) {
            return str_until(&rest, '\0', ret_value) && ret_value->n > 0;
        }
    }
    return false;
}

static bool
is_vm(struct str arguments)
{
    struct str program, rest = arguments;
    if (!str_until(&rest, '\0', &program)) {
        return false;
    }
    const char *slash = memrchr(program.p, '/', program.n);
    if (slash != NULL) {
        program = (struct str){slash + 1, program.n - (size_t)(slash + 1 - program.p)};
    }
    return str_is(program, "beam") || str_starts(program, "beam.");
}

bool
beam_vm_parse(struct str arguments, struct beam_vm *ret_vm)
{
    struct str name, part, port;
    uint64_t number;
    if (!is_vm(arguments)) {
        return false;
    }
    struct beam_vm vm = {.pid = 0};
    if (beam_argument(arguments, "-sname", &name) || beam_argument(arguments, "-name", &name)) {
        str_until(&name, '@', &part);
        utf8_clean(part, vm.name, sizeof(vm.name));
        utf8_clean(name, vm.host, sizeof(vm.host));
    }
    if (beam_argument(arguments, "-erl_epmd_port", &port) && str_u64(&port, &number) &&
        port.n == 0 && number < 65536) {
        vm.port = (unsigned)number;
        vm.told = true;
    }
    *ret_vm = vm;
    return true;
}

/* ---- sockets ---- */

/* A line of /proc/net/tcp: "  0: 0100007F:1F90 00000000:0000 0A ... inode". */
static bool
parse_socket(struct str line, unsigned *ret_port, uint64_t *ret_inode)
{
    struct str words[10];
    char text[16];
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!str_word(&line, &words[i])) {
            return false;
        }
    }
    const char *colon = memchr(words[1].p, ':', words[1].n);
    if (colon == NULL) {
        return false;
    }
    str_copy((struct str){colon + 1, words[1].n - (size_t)(colon + 1 - words[1].p)}, text,
             sizeof(text));
    *ret_port = (unsigned)strtoul(text, NULL, 16);
    str_copy(words[3], text, sizeof(text));
    return strtoul(text, NULL, 16) == STATE_LISTEN && str_u64(&words[9], ret_inode);
}

/* The inode of the socket that listens at each node's port. */
static void
find_inodes(const char *proc, const struct epmd_node *nodes, size_t count, uint64_t *inodes)
{
    static const char *const files[] = {"net/tcp", "net/tcp6"};
    for (size_t f = 0; f < ARRAY_SIZE(files); f++) {
        char path[PATH_MAX], *text = NULL;
        unsigned port;
        uint64_t inode;
        snprintf(path, sizeof(path), "%s/%s", proc, files[f]);
        ssize_t n = file_load(path, SOCKETS_BYTES_MAX, &text);
        struct str rest = {text, n > 0 ? (size_t)n : 0}, line;
        while (str_line(&rest, &line)) {
            if (!parse_socket(line, &port, &inode)) {
                continue;
            }
            for (size_t i = 0; i < count; i++) {
                if (nodes[i].port == port && inodes[i] == 0) {
                    inodes[i] = inode;
                }
            }
        }
        free(text);
    }
}

static void
adopt(struct beam_vm *vm, const struct epmd_node *node)
{
    str_copy(str_from(node->name), vm->name, sizeof(vm->name));
    vm->port = node->port;
    vm->told = true;
}

/* Which of the nodes has its socket in this process. */
static void
find_port(const char *proc, struct beam_vm *vm, const struct epmd_node *nodes, size_t count,
          const uint64_t *inodes)
{
    char folder[PATH_MAX / 2], path[PATH_MAX], target[64];
    const struct dirent *entry;
    snprintf(folder, sizeof(folder), "%s/%lld/fd", proc, (long long)vm->pid);
    DIR *fds = opendir(folder);
    for (int i = 0; fds != NULL && i < DESCRIPTORS_MAX && (entry = readdir(fds)) != NULL; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        struct str rest = {target + 8, n > 8 ? (size_t)n - 8 : 0};
        uint64_t inode;
        if (n <= 8 || memcmp(target, "socket:[", 8) != 0 || !str_u64(&rest, &inode)) {
            continue;
        }
        for (size_t j = 0; j < count; j++) {
            if (inodes[j] != 0 && inodes[j] == inode) {
                adopt(vm, &nodes[j]);
                closedir(fds);
                return;
            }
        }
    }
    if (fds != NULL) {
        closedir(fds);
    }
}

/* Where its descriptors may not be seen, a name that is told once is its own. */
static void
find_by_name(struct beam_vm *vm, const struct epmd_node *nodes, size_t count)
{
    for (size_t i = 0; i < count && !vm->told; i++) {
        if (strcmp(nodes[i].name, vm->name) == 0) {
            adopt(vm, &nodes[i]);
        }
    }
}

/* ---- all of them ---- */

static bool
read_vm(const char *proc, const char *pid_text, char *arguments, struct beam_vm *ret_vm)
{
    char path[PATH_MAX];
    struct stat info;
    struct str rest = str_from(pid_text);
    uint64_t pid;
    if (!str_u64(&rest, &pid) || rest.n > 0) {
        return false;
    }
    /* Its name first: most processes are none, and this is the shorter file. */
    char name[16];
    snprintf(path, sizeof(path), "%s/%s/comm", proc, pid_text);
    if (file_read_at(AT_FDCWD, path, name, sizeof(name)) < 4 || memcmp(name, "beam", 4) != 0) {
        return false;
    }
    snprintf(path, sizeof(path), "%s/%s/cmdline", proc, pid_text);
    ssize_t n = file_read_at(AT_FDCWD, path, arguments, ARGUMENTS_BYTES);
    if (n <= 0 || !beam_vm_parse((struct str){arguments, (size_t)n}, ret_vm)) {
        return false;
    }
    snprintf(path, sizeof(path), "%s/%s", proc, pid_text);
    ret_vm->pid = (int64_t)pid;
    ret_vm->uid = stat(path, &info) == 0 ? info.st_uid : 0;
    return true;
}

static int
compare_pids(const void *a, const void *b)
{
    const struct beam_vm *x = a, *y = b;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

size_t
beam_local_scan(const char *proc, const struct epmd_node *nodes, size_t node_count,
                struct beam_vm *ret_vms, size_t max)
{
    size_t count = 0;
    const struct dirent *entry;
    char *arguments = malloc(ARGUMENTS_BYTES);
    uint64_t *inodes = calloc(node_count + 1, sizeof(*inodes));
    DIR *folder = arguments != NULL && inodes != NULL ? opendir(proc) : NULL;
    while (folder != NULL && count < max && (entry = readdir(folder)) != NULL) {
        count += read_vm(proc, entry->d_name, arguments, &ret_vms[count]);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    if (count > 0 && node_count > 0) {
        find_inodes(proc, nodes, node_count, inodes);
    }
    for (size_t i = 0; i < count; i++) {
        if (!ret_vms[i].told && node_count > 0) {
            find_port(proc, &ret_vms[i], nodes, node_count, inodes);
            find_by_name(&ret_vms[i], nodes, node_count);
        }
    }
    free(arguments);
    free(inodes);
    qsort(ret_vms, count, sizeof(*ret_vms), compare_pids);
    return count;
}

int64_t
beam_local_pid(const char *proc, const char *name, unsigned port)
{
    struct epmd_node node = {.port = port};
    struct beam_vm *vms = calloc(BEAM_VMS_MAX, sizeof(*vms));
    int64_t pid = 0;
    str_copy(str_from(name), node.name, sizeof(node.name));
    size_t count = vms != NULL ? beam_local_scan(proc, &node, port != 0, vms, BEAM_VMS_MAX) : 0;
    for (size_t i = 0; i < count && pid == 0; i++) {
        bool same = port != 0 ? vms[i].port == port : strcmp(vms[i].name, name) == 0;
        pid = same && vms[i].name[0] != '\0' ? vms[i].pid : 0;
    }
    free(vms);
    return pid;
}
