/* Who runs what, in which memory, and the tree that their stacks make. */
#include "stacks.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "demangle.h"
#include "kallsyms.h"

#define SPACES_MAX ((size_t)32768)
#define THREADS_MAX ((size_t)131072)
#define CACHE_SLOTS 8192u
#define DEPTH_MAX 1024u /* the kernel's own maximum is 127 unless it was raised */
#define READ_BYTES ((size_t)65536)
#define COMM_BYTES 64
#define KERNEL_SERIAL 1u
#define MADE_BYTES_MAX ((size_t)512 << 20) /* then no more maps of code are read */

/* An address whose frame is known. */
struct cached {
    uint64_t serial, at;
    uint32_t frame;
};

struct stacks {
    struct stacks_options options;
    struct profile *profile;
    uint32_t weight, samples; /* measures */
    struct map spaces;        /* by pid */
    struct map threads;       /* by tid: the frame of its name, + 1 */
    struct modules modules;
    struct symbols kernel;
    bool kernel_read;
    uint32_t truncated, unknown; /* frames */
    uint64_t serial;
    size_t made_bytes; /* names of code made at run time, of all processes */
    struct map looked; /* what of which process was looked at again in this round */
    struct stacks_counts counts;
    struct cached cache[CACHE_SLOTS];
    uint32_t stack[DEPTH_MAX];
};

struct stacks *
stacks_new(const struct stacks_options *options)
{
    struct stacks *stacks = calloc(1, sizeof(*stacks));
    if (stacks == NULL) {
        return NULL;
    }
    stacks->options = *options;
    stacks->serial = KERNEL_SERIAL;
    map_init(&stacks->spaces, SPACES_MAX);
    map_init(&stacks->threads, THREADS_MAX);
    map_init(&stacks->looked, SPACES_MAX);
    modules_init(&stacks->modules);
    symbols_init(&stacks->kernel, KALLSYMS_MAX);
    stacks->profile = profile_new();
    if (stacks->profile == NULL) {
        stacks_free(stacks);
        return NULL;
    }
    stacks->profile->node_max = options->nodes_max > 0 ? options->nodes_max : STACKS_NODES_MAX;
    stacks->profile->frame_max = options->frames_max > 0 ? options->frames_max : STACKS_FRAMES_MAX;
    stacks->weight = options->cycles ? profile_measure(stacks->profile, STR("cycles"), "", 1)
                                     : profile_measure(stacks->profile, STR("CPU time"), "s", 1e-9);
    stacks->samples = profile_measure(stacks->profile, STR("samples"), "", 1);
    stacks->truncated = profile_frame(stacks->profile, STR(STACKS_TRUNCATED), STR(""));
    stacks->unknown = profile_frame(stacks->profile, STR(STACKS_UNKNOWN), STR(""));
    return stacks;
}

void
stacks_free(struct stacks *stacks)
{
    size_t at = 0;
    uint64_t key;
    struct space *space;
    if (stacks == NULL) {
        return;
    }
    while ((space = map_next(&stacks->spaces, &at, &key)) != NULL) {
        space_free(space);
    }
    map_done(&stacks->spaces);
    map_done(&stacks->threads);
    map_done(&stacks->looked);
    modules_done(&stacks->modules);
    symbols_done(&stacks->kernel);
    profile_release(stacks->profile);
    free(stacks);
}

void
stacks_round(struct stacks *stacks)
{
    map_clear(&stacks->looked);
    stacks->counts.nameless = stacks->modules.refused;
}

const struct profile *
stacks_profile(const struct stacks *stacks)
{
    return stacks->profile;
}

const struct stacks_counts *
stacks_counts(const struct stacks *stacks)
{
    return &stacks->counts;
}

/* ---- threads ---- */

static void
name_thread(struct stacks *stacks, uint32_t tid, struct str name)
{
    uint32_t frame = profile_frame(stacks->profile, name, STR(""));
    if (frame != PROFILE_NONE) {
        map_put(&stacks->threads, tid, (void *)((uintptr_t)frame + 1));
    }
}

static uint32_t
known_thread(const struct stacks *stacks, uint32_t tid)
{
    uintptr_t value = (uintptr_t)map_get(&stacks->threads, tid);
    return value > 0 ? (uint32_t)(value - 1) : PROFILE_NONE;
}

static uint32_t
thread_frame(struct stacks *stacks, uint32_t pid, uint32_t tid)
{
    char path[128], name[COMM_BYTES];
    uint32_t frame = known_thread(stacks, tid);
    if (frame != PROFILE_NONE) {
        return frame;
    }
    snprintf(path, sizeof(path), "%s/%u/task/%u/comm", stacks->options.proc, pid, tid);
    ssize_t n = file_read_at(AT_FDCWD, path, name, sizeof(name));
    if (n > 0) {
        name_thread(stacks, tid, str_trim((struct str){name, (size_t)n}));
        return known_thread(stacks, tid);
    }
    return tid != pid ? thread_frame(stacks, pid, pid) : stacks->unknown;
}

/* ---- memory ---- */

static struct space *
get_space(struct stacks *stacks, uint32_t pid)
{
    struct space *space = map_get(&stacks->spaces, pid);
    if (space == NULL && (space = space_new(pid)) != NULL) {
        space->serial = ++stacks->serial;
        if (!map_put(&stacks->spaces, pid, space)) {
            space_free(space);
            space = NULL;
        }
    }
    return space;
}

enum looked { LOOKED_AT_MAPS, LOOKED_AT_MADE };

/* Once a round at most. */
static bool
may_look(struct stacks *stacks, const struct space *space, enum looked at)
{
    uint64_t key = (uint64_t)at << 32 | space->pid;
    return map_get(&stacks->looked, key) == NULL && map_put(&stacks->looked, key, stacks);
}

/* A child that shares its parent's code may be over before it could be looked at. */
static void
look(struct stacks *stacks, struct space *space)
{
    bool seen = space_look(space, stacks->options.proc, &stacks->modules);
    const struct space *parent = map_get(&stacks->spaces, space->parent);
    if (!seen && !space->whole && space->count == 0 && parent != NULL) {
        space_copy(space, parent);
    }
    space->serial = ++stacks->serial;
}

static const struct mapping *
find_mapping(struct stacks *stacks, struct space *space, uint64_t at)
{
    const struct mapping *found = space_find(space, at);
    if (found == NULL && (!space->looked || may_look(stacks, space, LOOKED_AT_MAPS))) {
        look(stacks, space);
        found = space_find(space, at);
    }
    return found;
}

/* ---- frames ---- */

static uint32_t
frame_of_module(struct stacks *stacks, const struct module *module)
{
    char text[COMM_BYTES + 512];
    if (module->path.n > 0 && module->path.p[0] == '[') {
        return profile_frame(stacks->profile, module->path, module->path);
    }
    int n = snprintf(text, sizeof(text), "[%.*s]", (int)MIN(module->base.n, sizeof(text) - 3),
                     module->base.p);
    return profile_frame(stacks->profile, (struct str){text, (size_t)n}, module->path);
}

static size_t
made_bytes(const struct space *space)
{
    return space->made.capacity * sizeof(struct symbol) + space->made.names.capacity;
}

/* Code made at run time gets its name a little later than it runs, and its place may be used again:
 * what is known of the process is then no longer believed. */
static uint32_t
made_frame(struct stacks *stacks, struct space *space, const struct module *module, uint64_t at)
{
    uint64_t before = space->made_n;
    size_t others = stacks->made_bytes - made_bytes(space);
    bool fresh = others < MADE_BYTES_MAX && may_look(stacks, space, LOOKED_AT_MADE);
    struct str name = space_made(space, at, fresh ? stacks->options.proc : NULL);
    stacks->made_bytes = others + made_bytes(space);
    if (name.n == 0 || space->made_n != before) {
        space->serial = ++stacks->serial;
    }
    return name.n > 0       ? profile_frame(stacks->profile, name, STR("[jit]"))
           : module != NULL ? frame_of_module(stacks, module)
                            : profile_frame(stacks->profile, STR("[anonymous code]"), STR("[jit]"));
}

static void
read_module(struct stacks *stacks, const struct space *space, const struct mapping *mapping)
{
    int process = space_open(space, stacks->options.proc);
    struct module_place place = {process, mapping->start, mapping->end};
    module_read(&stacks->modules, mapping->module, &place);
    if (process >= 0) {
        close(process);
    }
}

static uint32_t
user_frame(struct stacks *stacks, struct space *space, uint64_t at)
{
    const struct mapping *mapping = find_mapping(stacks, space, at);
    if (mapping == NULL) {
        return PROFILE_NONE;
    }
    struct module *module = mapping->module;
    if (module != NULL && !module->read) {
        read_module(stacks, space, mapping);
    }
    if (module != NULL && (module->is_elf || module->path.p[0] == '[')) {
        char text[DEMANGLED_BYTES];
        struct str name = module_find(module, at - mapping->start + mapping->offset);
        return name.n > 0 ? profile_frame(stacks->profile, demangle(name, text), module->path)
                          : frame_of_module(stacks, module);
    }
    return made_frame(stacks, space, module, at);
}

static void
read_kernel(struct stacks *stacks)
{
    char path[128], *text = malloc(READ_BYTES);
    snprintf(path, sizeof(path), "%s/kallsyms", stacks->options.proc);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got;
    stacks->kernel_read = true;
    while (fd >= 0 && text != NULL && (got = read(fd, text + n, READ_BYTES - n)) > 0) {
        n += (size_t)got;
        size_t used = kallsyms_add(&stacks->kernel, (struct str){text, n});
        used = used == 0 && n == READ_BYTES ? n : used;
        memmove(text, text + used, n - used);
        n -= used;
    }
    if (fd >= 0) {
        close(fd);
    }
    free(text);
    symbols_sort(&stacks->kernel);
}

static uint32_t
kernel_frame(struct stacks *stacks, uint64_t at)
{
    if (!stacks->kernel_read) {
        read_kernel(stacks);
    }
    struct str name = symbols_find(&stacks->kernel, at);
    stacks->counts.kernel_hidden |= stacks->kernel.count == 0;
    return profile_frame(stacks->profile, name.n > 0 ? name : STR("[kernel]"), STR("[kernel]"));
}

static uint32_t
frame_at(struct stacks *stacks, struct space *space, bool kernel, uint64_t at)
{
    uint64_t serial = kernel ? KERNEL_SERIAL : space->serial;
    struct cached *cached = &stacks->cache[hash_mix(serial, at) % CACHE_SLOTS];
    if (cached->serial == serial && cached->at == at) {
        return cached->frame;
    }
    uint32_t frame = kernel ? kernel_frame(stacks, at) : user_frame(stacks, space, at);
    bool lasting = kernel || (frame != PROFILE_NONE && serial == space->serial);
    if (lasting) {
        *cached = (struct cached){serial, at, frame};
    }
    return frame;
}

/* ---- samples ---- */

struct walk {
    uint32_t depth;  /* frames in `stack`, innermost first */
    uint32_t frames; /* addresses there were */
    bool broken;
};

/* Callers are known by where they go on, which may be behind the end of their function. */
static void
walk_frame(struct stacks *stacks, struct walk *walk, struct space *space, bool kernel, bool first,
           uint64_t at)
{
    uint32_t frame = frame_at(stacks, space, kernel, first ? at : at - 1);
    if (frame == PROFILE_NONE) {
        frame = stacks->unknown;
        walk->broken = !first; /* that is no address of code: nor is what follows from it */
    }
    if (walk->depth < DEPTH_MAX) {
        stacks->stack[walk->depth++] = frame;
    }
}

static struct walk
walk_chain(struct stacks *stacks, const struct ring_record *record)
{
    struct walk walk = {0};
    struct space *space = get_space(stacks, record->pid);
    size_t count = ring_chain_count(record);
    bool kernel = false, user = false, first = true;
    for (size_t i = 0; i < count && !walk.broken; i++) {
        uint64_t at = ring_chain_at(record, i);
        if (at >= (uint64_t)PERF_CONTEXT_MAX) {
            kernel = at == (uint64_t)PERF_CONTEXT_KERNEL;
            user = at == (uint64_t)PERF_CONTEXT_USER;
            first = true;
        } else if (kernel || (user && space != NULL)) {
            walk_frame(stacks, &walk, space, kernel, first, at);
            walk.frames++;
            first = false;
        }
    }
    return walk;
}

static uint32_t
root_of(struct stacks *stacks, const struct ring_record *record)
{
    struct profile *profile = stacks->profile;
    uint32_t thread = thread_frame(stacks, record->pid, record->tid), node = 0;
    if (stacks->options.pid == 0) {
        uint32_t process = thread_frame(stacks, record->pid, record->pid);
        node = profile_child(profile, 0, process);
        if (process == thread) {
            return node;
        }
    }
    return profile_child(profile, node, thread);
}

/* A CPU without work. Processes outside our pid namespace have no number here either. */
static bool
is_idle(const struct ring_record *record)
{
    size_t count = record->pid == 0 ? ring_chain_count(record) : 0;
    for (size_t i = 0; i < count; i++) {
        if (ring_chain_at(record, i) == (uint64_t)PERF_CONTEXT_USER) {
            return false;
        }
    }
    return record->pid == 0;
}

static void
add_sample(struct stacks *stacks, const struct ring_record *record)
{
    struct profile *profile = stacks->profile;
    struct walk walk = walk_chain(stacks, record);
    uint32_t node = root_of(stacks, record);
    bool truncated = stacks->options.depth_max > 0 && walk.frames >= stacks->options.depth_max;
    if (truncated && !walk.broken) {
        node = profile_child(profile, node, stacks->truncated);
    }
    for (uint32_t i = walk.depth; i > 0; i--) {
        node = profile_child(profile, node, stacks->stack[i - 1]);
    }
    profile_put(profile, node, stacks->weight, (double)record->period);
    profile_put(profile, node, stacks->samples, 1);
    stacks->counts.samples++;
    stacks->counts.truncated += truncated && !walk.broken;
    stacks->counts.broken += walk.broken;
}

/* ---- records ---- */

static void
forget_process(struct stacks *stacks, uint32_t pid)
{
    struct space *space = map_remove(&stacks->spaces, pid);
    stacks->made_bytes -= space != NULL ? made_bytes(space) : 0;
    space_free(space);
}

static void
on_comm(struct stacks *stacks, const struct ring_record *record)
{
    name_thread(stacks, record->tid, record->text);
    struct space *space = record->exec ? get_space(stacks, record->pid) : NULL;
    if (space != NULL) {
        stacks->made_bytes -= made_bytes(space);
        space_clear(space);
        space->serial = ++stacks->serial;
    }
}

static void
on_fork(struct stacks *stacks, const struct ring_record *record)
{
    uint32_t name = known_thread(stacks, record->parent_tid);
    if (name != PROFILE_NONE) {
        map_put(&stacks->threads, record->tid, (void *)((uintptr_t)name + 1));
    } else {
        map_remove(&stacks->threads, record->tid);
    }
    if (record->pid != record->parent) {
        forget_process(stacks, record->pid);
        struct space *space = get_space(stacks, record->pid);
        if (space != NULL) {
            space->parent = record->parent;
        }
    }
}

/* Names and memory of one process that is looked at stay: its other threads may go on. */
static void
on_end(struct stacks *stacks, const struct ring_record *record)
{
    if (stacks->options.pid == 0) {
        map_remove(&stacks->threads, record->tid);
        if (record->pid == record->tid) {
            forget_process(stacks, record->pid);
        }
    } else if (record->pid != record->tid) {
        map_remove(&stacks->threads, record->tid);
    }
}

static void
on_map(struct stacks *stacks, const struct ring_record *record)
{
    struct space *space = record->executable ? map_get(&stacks->spaces, record->pid) : NULL;
    struct str path = record->text;
    if (space == NULL) {
        return; /* what is there is read when it is first wanted */
    }
    bool named =
        path.n > 0 && ((path.p[0] == '/' && !str_is(path, "//anon")) || str_is(path, "[vdso]"));
    space_map(space, record->start, record->start + record->size, record->offset,
              named
                  ? modules_get(&stacks->modules, path, record->major, record->minor, record->inode)
                  : NULL);
    space->serial = ++stacks->serial;
}

void
stacks_add(void *context, const struct ring_record *record)
{
    struct stacks *stacks = context;
    bool wanted = stacks->options.pid == 0 || record->pid == stacks->options.pid;
    if (record->kind == RING_LOST) {
        stacks->counts.lost += record->lost;
    } else if (!wanted) {
        return;
    } else if (record->kind == RING_SAMPLE && !is_idle(record)) {
        add_sample(stacks, record);
    } else if (record->kind == RING_COMM) {
        on_comm(stacks, record);
    } else if (record->kind == RING_FORK) {
        on_fork(stacks, record);
    } else if (record->kind == RING_EXIT) {
        on_end(stacks, record);
    } else if (record->kind == RING_MAP) {
        on_map(stacks, record);
    }
}
