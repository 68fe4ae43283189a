/* Mappings of a process, and its map of code made at run time. */
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "hex.h"
#include "perf_map.h"

#define LINE_BYTES_MAX ((size_t)8192)
#define READ_BYTES ((size_t)65536)
#define MADE_BYTES_MAX ((uint64_t)256 << 20)
#define STATUS_BYTES 4096

struct space *
space_new(uint32_t pid)
{
    struct space *space = calloc(1, sizeof(*space));
    if (space != NULL) {
        space->pid = pid;
        symbols_init(&space->made, PERF_MAP_SYMBOLS_MAX);
    }
    return space;
}

void
space_free(struct space *space)
{
    if (space == NULL) {
        return;
    }
    symbols_done(&space->made);
    free(space->list);
    free(space);
}

void
space_clear(struct space *space)
{
    space->count = 0;
    space->whole = true;
    space->made_n = 0;
    symbols_done(&space->made);
    symbols_init(&space->made, PERF_MAP_SYMBOLS_MAX);
}

/* ---- mappings ---- */

/* The first that ends behind the address. */
static uint32_t
first_behind(const struct space *space, uint64_t at)
{
    uint32_t low = 0, high = space->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (space->list[middle].end <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool
has_room(struct space *space, uint32_t more)
{
    if (space->count + more <= space->capacity) {
        return true;
    }
    if (space->count + more > SPACE_MAPPINGS_MAX) {
        return false;
    }
    uint32_t wider = MIN(MAX(space->capacity * 2, 32u), SPACE_MAPPINGS_MAX);
    struct mapping *grown = realloc(space->list, wider * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    space->list = grown;
    space->capacity = wider;
    return true;
}

/* Takes [start, end) out of those that are there; answers where it would go. */
static uint32_t
cut_out(struct space *space, uint64_t start, uint64_t end)
{
    uint32_t first = first_behind(space, start), last = first;
    if (first < space->count && space->list[first].start < start) {
        struct mapping before = space->list[first], *cut = &space->list[first];
        if (before.end > end) { /* the middle of one: two are left */
            memmove(cut + 1, cut, (space->count - first) * sizeof(*cut));
            space->count++;
            cut[1].offset += end - before.start;
            cut[1].start = end;
        }
        cut->end = start;
        first = last = first + 1;
    }
    while (last < space->count && space->list[last].end <= end) {
        last++;
    }
    memmove(&space->list[first], &space->list[last],
            (space->count - last) * sizeof(struct mapping));
    space->count -= last - first;
    if (first < space->count && space->list[first].start < end) {
        space->list[first].offset += end - space->list[first].start;
        space->list[first].start = end;
    }
    return first;
}

void
space_map(struct space *space, uint64_t start, uint64_t end, uint64_t offset, struct module *module)
{
    if (start >= end || !has_room(space, 2)) {
        return;
    }
    uint32_t at = cut_out(space, start, end);
    memmove(&space->list[at + 1], &space->list[at], (space->count - at) * sizeof(struct mapping));
    space->list[at] = (struct mapping){start, end, offset, module};
    space->count++;
}

const struct mapping *
space_find(const struct space *space, uint64_t at)
{
    uint32_t i = first_behind(space, at);
    return i < space->count && space->list[i].start <= at ? &space->list[i] : NULL;
}

void
space_copy(struct space *space, const struct space *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct mapping *mapping = &from->list[i];
        space_map(space, mapping->start, mapping->end, mapping->offset, mapping->module);
    }
}

/* ---- /proc/PID/maps ---- */

static bool
take_char(struct str *rest, char wanted)
{
    bool is = rest->n > 0 && rest->p[0] == wanted;
    rest->p += is;
    rest->n -= is;
    return is;
}

/* 55d0c000-55d0d000 r-xp 00001000 08:01 1234    /usr/bin/x */
bool
maps_line_read(struct str line, struct maps_line *ret_line)
{
    struct str rights;
    uint64_t major, minor, inode;
    struct maps_line found = {.path = {"", 0}};
    if (!hex_take(&line, &found.start) || !take_char(&line, '-') || !hex_take(&line, &found.end) ||
        found.end <= found.start || !str_word(&line, &rights) || rights.n != 4 ||
        !take_char(&line, ' ') || !hex_take(&line, &found.offset) || !take_char(&line, ' ') ||
        !hex_take(&line, &major) || !take_char(&line, ':') || !hex_take(&line, &minor) ||
        !str_u64(&line, &inode)) {
        return false;
    }
    found.major = (uint32_t)major;
    found.minor = (uint32_t)minor;
    found.inode = inode;
    found.executable = rights.p[2] == 'x';
    while (take_char(&line, ' ')) {
    }
    found.path = line;
    *ret_line = found;
    return true;
}

/* Files, and the code that the kernel gives every process, have a name; the rest is anonymous. */
static struct module *
module_of(struct modules *modules, const struct maps_line *line)
{
    bool named = line->path.n > 0 && (line->path.p[0] == '/' || str_is(line->path, "[vdso]") ||
                                      str_is(line->path, "[vsyscall]"));
    return named ? modules_get(modules, line->path, line->major, line->minor, line->inode) : NULL;
}

static void
add_lines(struct space *space, struct modules *modules, struct str text)
{
    struct str line;
    struct maps_line found;
    while (str_line(&text, &line)) {
        if (maps_line_read(line, &found) && found.executable) {
            space_map(space, found.start, found.end, found.offset, module_of(modules, &found));
        }
    }
}

/* The kernel gives a part of the file with each read; a line may be in two of them. */
static bool
read_maps(struct space *space, struct modules *modules, int fd)
{
    char *text = malloc(READ_BYTES);
    size_t n = 0;
    ssize_t got = -1;
    while (text != NULL && (got = read(fd, text + n, READ_BYTES - n)) > 0) {
        n += (size_t)got;
        const char *end = memrchr(text, '\n', n);
        size_t whole = end != NULL ? (size_t)(end - text) + 1 : 0;
        add_lines(space, modules, (struct str){text, whole});
        whole = whole == 0 && n > READ_BYTES - LINE_BYTES_MAX ? n : whole;
        memmove(text, text + whole, n - whole);
        n -= whole;
    }
    free(text);
    return got == 0;
}

int
space_open(const struct space *space, const char *proc)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%u", proc, space->pid);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool
space_look(struct space *space, const char *proc, struct modules *modules)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%u/maps", proc, space->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    space->looked = true;
    if (fd < 0) {
        return false;
    }
    bool good = read_maps(space, modules, fd);
    close(fd);
    return good && space->count > 0;
}

/* ---- code made at run time ---- */

/* A process in a container knows itself by another number: the last of NSpid in its status. */
static uint32_t
own_pid(const struct space *space, int process)
{
    char text[STATUS_BYTES];
    ssize_t n = file_read_at(process, "status", text, sizeof(text));
    const char *found = n > 0 ? strstr(text, "\nNSpid:") : NULL;
    uint64_t pid = space->pid;
    if (found != NULL) {
        struct str line, rest = {found + 7, (size_t)(text + n - found - 7)};
        if (str_line(&rest, &line)) {
            while (str_u64(&line, &pid)) {
            }
        }
    }
    return (uint32_t)pid;
}

/* Those that others put there for the process are not believed. */
static int
open_made(const struct space *space, int process, struct stat *ret_info)
{
    char path[64];
    struct stat owner;
    snprintf(path, sizeof(path), "/tmp/perf-%u.map", own_pid(space, process));
    int fd = module_open(process, path);
    if (fd >= 0 && (fstat(fd, ret_info) < 0 || fstat(process, &owner) < 0 ||
                    (ret_info->st_uid != owner.st_uid && ret_info->st_uid != 0))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void
read_made(struct space *space, int fd)
{
    char *text = malloc(READ_BYTES);
    size_t n = 0;
    ssize_t got;
    while (text != NULL && space->made_n + n < MADE_BYTES_MAX &&
           (got = pread(fd, text + n, READ_BYTES - n, (off_t)(space->made_n + n))) > 0) {
        n += (size_t)got;
        size_t used = perf_map_add(&space->made, (struct str){text, n});
        used = used == 0 && n > READ_BYTES - LINE_BYTES_MAX ? n : used;
        memmove(text, text + used, n - used);
        n -= used;
        space->made_n += used;
    }
    free(text);
    symbols_sort(&space->made);
}

static void
refresh_made(struct space *space, const char *proc)
{
    struct stat info;
    int process = space_open(space, proc);
    int fd = process >= 0 ? open_made(space, process, &info) : -1;
    if (process >= 0) {
        close(process);
    }
    if (fd < 0) {
        return;
    }
    if (space->made_inode != (uint64_t)info.st_ino || (uint64_t)info.st_size < space->made_n) {
        symbols_done(&space->made); /* another file */
        symbols_init(&space->made, PERF_MAP_SYMBOLS_MAX);
        space->made_n = 0;
        space->made_inode = (uint64_t)info.st_ino;
    }
    if ((uint64_t)info.st_size > space->made_n) {
        read_made(space, fd);
    }
    close(fd);
}

struct str
space_made(struct space *space, uint64_t at, const char *proc)
{
    if (proc != NULL) {
        refresh_made(space, proc);
    }
    return symbols_find(&space->made, at);
}
