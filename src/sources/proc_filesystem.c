/* File systems: the mount table from /proc/self/mountinfo, sizes from statvfs.
 *
 * The table is read again when the kernel says it changed (poll answers POLLPRI), at most every 2
 * s, and every 30 s at least. Sizes are asked every 2 s on threads of their own (probe.h), so that
 * a dead mount holds up nobody; readings between answers repeat the last one, until the next has
 * been outstanding for 3 s. Network file systems and those behind FUSE are only counted, unless the
 * user wants them asked: the question itself can load or wake a server.
 *
 * Invariant: series are registered when a file system has first answered with a size above 0 (df
 * leaves the others out as well), or when it hangs. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "kept.h"
#include "mountinfo.h"
#include "proc_filesystem.h"
#include "sources.h"

#define FILESYSTEMS_MAX 128
#define TABLE_NS (30 * NS_PER_S)
#define CHANGED_NS (2 * NS_PER_S) /* thousands of mounts of a container host take 5 ms to read */
#define ASK_NS (2 * NS_PER_S)
#define HANGS_NS (3 * NS_PER_S)
#define FIRST_WAIT_NS (3 * NS_PER_MS)
#define PATH_BYTES_MAX 1024

enum row {
    ROW_USAGE,
    ROW_INODES,
    ROW_READ_ONLY,
    ROW_RESPONSE_TIME,
    ROW_INFO,
    ROW_SKIPPED,
};

static const struct metric metrics[] = {
    {.name = "system.filesystem.usage",
     .unit = "By",
     .labels = "mountpoint state",
     .text = "Bytes of the file system by state: used, free (for everybody), reserved (for root)."},
    {.name = "system.filesystem.inodes.usage",
     .unit = "{inode}",
     .labels = "mountpoint state",
     .text =
         "Inodes of the file system by state (used, free); unknown where they are made on demand."},
    {.name = "system.filesystem.read_only",
     .unit = "{filesystem}",
     .labels = "mountpoint",
     .text =
         "1 when the file system is mounted read-only, which some become after an error, else 0."},
    {.name = "system.filesystem.response.time",
     .unit = "s",
     .labels = "mountpoint",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 1,
     .critical = 5,
     .text =
         "How long the file system took to tell its size, or has not answered yet, in whole ms."},
    {.name = "system.filesystem.info",
     .unit = "1",
     .labels = "mountpoint device type",
     .text = "Always 1: the labels say what is mounted and the type of the file system."},
    {.name = "system.filesystem.skipped",
     .unit = "{filesystem}",
     .labels = "",
     .text = "Network and FUSE file systems, whose sizes are not asked for because they may never "
             "answer."},
    {.name = "system.filesystem.utilization",
     .unit = "1",
     .labels = "mountpoint",
     .formula = "system.filesystem.usage{state=used} / system.filesystem.usage{state=used|free}",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 0.85,
     .critical = 0.95,
     .text = "Used share of what everybody can use, as df computes it: used / (used + available)."},
    {.name = "system.filesystem.inodes.utilization",
     .unit = "1",
     .labels = "mountpoint",
     .formula = "system.filesystem.inodes.usage{state=used} / system.filesystem.inodes.usage",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 0.85,
     .critical = 0.95,
     .text = "Share of the file system's inodes in use; at 100 % no file can be made, whatever is "
             "free."},
};

enum reading {
    READING_USED,
    READING_FREE,
    READING_RESERVED,
    READING_INODES_USED,
    READING_INODES_FREE,
    READING_READ_ONLY,
    READING_RESPONSE_TIME,
    READING_INFO,
    READINGS,
};

static const struct {
    enum row row;
    const char *state;
} reading_rows[READING_INFO] = {
    [READING_USED] = {ROW_USAGE, "used"},
    [READING_FREE] = {ROW_USAGE, "free"},
    [READING_RESERVED] = {ROW_USAGE, "reserved"},
    [READING_INODES_USED] = {ROW_INODES, "used"},
    [READING_INODES_FREE] = {ROW_INODES, "free"},
    [READING_READ_ONLY] = {ROW_READ_ONLY, NULL},
    [READING_RESPONSE_TIME] = {ROW_RESPONSE_TIME, NULL},
};

struct filesystem {
    char *path;
    uint64_t device;
    char source[256], type[32]; /* clean text */
    bool is_read_only, has_columns;
    bool is_listed; /* in the table read last */
    int slot;       /* of the probes; -1: none */
    int columns[READINGS];
};

struct filesystems {
    struct kept table;
    bool has_table;
    bool has_changed; /* since it was read: asking the kernel forgets the answer */
    int64_t table_ns, asked_ns;
    struct probes *probes; /* NULL: sizes are not asked */
    struct filesystem list[FILESYSTEMS_MAX];
    size_t count, network_count;
    int skipped_column;
    bool has_skipped_column;
    bool with_network; /* the user wants network filesystems asked as well */
};

static void
forget(struct filesystems *filesystems, size_t index)
{
    struct filesystem *filesystem = &filesystems->list[index];
    if (filesystems->probes != NULL) {
        probes_remove(filesystems->probes, filesystem->slot);
    }
    free(filesystem->path);
    filesystems->count--;
    memmove(filesystem, filesystem + 1, (filesystems->count - index) * sizeof(*filesystem));
}

static struct filesystem *
find(struct filesystems *filesystems, const char *path, uint64_t device)
{
    for (size_t i = 0; i < filesystems->count; i++) {
        struct filesystem *filesystem = &filesystems->list[i];
        if (filesystem->device == device && strcmp(filesystem->path, path) == 0) {
            return filesystem;
        }
    }
    return NULL;
}

static struct filesystem *
add(struct filesystems *filesystems, const char *path, const struct mount *mount)
{
    char *copy = filesystems->count < FILESYSTEMS_MAX ? strdup(path) : NULL;
    if (copy == NULL) {
        return NULL;
    }
    struct filesystem *filesystem = &filesystems->list[filesystems->count++];
    *filesystem = (struct filesystem){.path = copy, .device = mount->device, .slot = -1};
    if (filesystems->probes != NULL) {
        filesystem->slot = probes_add(filesystems->probes, path);
    }
    char source[sizeof(filesystem->source)];
    size_t n = mount_unescape(mount->source, source, sizeof(source));
    utf8_clean((struct str){source, n}, filesystem->source, sizeof(filesystem->source));
    utf8_clean(mount->type, filesystem->type, sizeof(filesystem->type));
    return filesystem;
}

static void
take_mount(struct filesystems *filesystems, const struct mount *mount, struct batch *batch)
{
    char path[PATH_BYTES_MAX];
    if (mount_use(mount) == MOUNT_NETWORK && !filesystems->with_network) {
        filesystems->network_count++;
        return;
    }
    if (mount_unescape(mount->point, path, sizeof(path)) == 0) {
        batch->rejected++;
        return;
    }
    struct filesystem *filesystem = find(filesystems, path, mount->device);
    if (filesystem == NULL) {
        filesystem = add(filesystems, path, mount);
    }
    if (filesystem == NULL) {
        batch->dropped++;
        return;
    }
    filesystem->is_read_only = mount->is_read_only;
    filesystem->is_listed = true;
}

static void
take_table(struct filesystems *filesystems, struct str text, struct batch *batch)
{
    static const size_t mounts_max = 2 * FILESYSTEMS_MAX;
    struct mount *mounts = reallocarray(NULL, mounts_max, sizeof(*mounts));
    if (mounts == NULL) {
        return;
    }
    size_t count = mounts_select(text, mounts, mounts_max, &batch->rejected);
    filesystems->network_count = 0;
    for (size_t i = 0; i < filesystems->count; i++) {
        filesystems->list[i].is_listed = false;
    }
    for (size_t i = 0; i < count; i++) {
        take_mount(filesystems, &mounts[i], batch);
    }
    free(mounts);
    for (size_t i = filesystems->count; i-- > 0;) {
        if (!filesystems->list[i].is_listed) {
            forget(filesystems, i);
        }
    }
}

static bool
table_changed(const struct filesystems *filesystems)
{
    struct pollfd event = {.fd = filesystems->table.fd, .events = POLLPRI};
    return filesystems->table.fd < 0 ||
           (poll(&event, 1, 0) > 0 && (event.revents & (POLLPRI | POLLERR)) != 0);
}

/* True when the table was read anew. */
static bool
read_table(struct filesystems *filesystems, struct batch *batch)
{
    int64_t now_ns = batch->at.mono_ns, age_ns = now_ns - filesystems->table_ns;
    filesystems->has_changed |= table_changed(filesystems);
    bool is_due = age_ns >= (filesystems->has_changed ? CHANGED_NS : TABLE_NS);
    if (filesystems->has_table && !is_due) {
        return false;
    }
    struct str text;
    if (!kept_read(&filesystems->table, &text)) {
        batch_fail(batch, SOURCE_DEGRADED, "%s cannot be read: %s", filesystems->table.path,
                   strerror(filesystems->table.error));
        return false;
    }
    take_table(filesystems, text, batch);
    filesystems->has_table = true;
    filesystems->has_changed = false;
    filesystems->table_ns = now_ns;
    return true;
}

static void
add_columns(struct filesystem *filesystem, struct batch *batch)
{
    char name[PATH_BYTES_MAX], labels[2 * PATH_BYTES_MAX] = "";
    utf8_clean(str_from(filesystem->path), name, sizeof(name));
    labels_add(labels, sizeof(labels), "mountpoint", str_from(name));
    size_t own = strlen(labels);
    for (size_t i = 0; i < READING_INFO; i++) {
        labels[own] = 0;
        if (reading_rows[i].state != NULL) {
            labels_add(labels, sizeof(labels), "state", str_from(reading_rows[i].state));
        }
        filesystem->columns[i] = batch_column(batch, &metrics[reading_rows[i].row], labels);
    }
    labels[own] = 0;
    labels_add(labels, sizeof(labels), "device", str_from(filesystem->source));
    labels_add(labels, sizeof(labels), "type", str_from(filesystem->type));
    filesystem->columns[READING_INFO] = batch_column(batch, &metrics[ROW_INFO], labels);
    filesystem->has_columns = true;
}

static void
set_sizes(const struct filesystem *filesystem, const struct statvfs *values, struct batch *batch)
{
    double block = (double)(values->f_frsize != 0 ? values->f_frsize : values->f_bsize);
    double total = (double)values->f_blocks, free = (double)values->f_bfree;
    /* A quota or a full reserve can make "available" larger than free, or wrap below 0. */
    double available = values->f_bavail <= values->f_bfree ? (double)values->f_bavail : 0;
    batch_set(batch, filesystem->columns[READING_USED], fmax(0, total - free) * block);
    batch_set(batch, filesystem->columns[READING_FREE], available * block);
    batch_set(batch, filesystem->columns[READING_RESERVED], (free - available) * block);
    if (values->f_files > 0 && values->f_ffree <= values->f_files) {
        batch_set(batch, filesystem->columns[READING_INODES_USED],
                  (double)(values->f_files - values->f_ffree));
        batch_set(batch, filesystem->columns[READING_INODES_FREE], (double)values->f_ffree);
    }
}

static void
set_readings(struct filesystem *filesystem, const struct probe_answer *answer, struct batch *batch)
{
    bool hangs = answer->waiting_ns >= HANGS_NS, is_stale = answer->pending_ns >= HANGS_NS;
    bool has_size = answer->is_known && answer->values.f_blocks > 0;
    if (!filesystem->has_columns && (has_size || hangs)) {
        add_columns(filesystem, batch);
    }
    if (!filesystem->has_columns) {
        return;
    }
    if (has_size && !is_stale) {
        set_sizes(filesystem, &answer->values, batch);
    }
    batch_set(batch, filesystem->columns[READING_READ_ONLY], filesystem->is_read_only);
    batch_set(batch, filesystem->columns[READING_INFO], 1);
    /* Whole milliseconds: what answers at once is 0, and costs nothing to keep. */
    int64_t took_ms = MAX(answer->took_ns, answer->waiting_ns) / NS_PER_MS;
    batch_set(batch, filesystem->columns[READING_RESPONSE_TIME], (double)took_ms / 1000);
    if (hangs) {
        batch_fail(batch, SOURCE_DEGRADED, "%s has not answered for %lld s", filesystem->path,
                   (long long)(answer->waiting_ns / NS_PER_S));
    }
}

static void
ask_sizes(struct filesystems *filesystems, bool table_is_new, int64_t now_ns)
{
    bool is_first = filesystems->asked_ns == 0;
    if (!is_first && !table_is_new && now_ns - filesystems->asked_ns < ASK_NS) {
        probes_help(filesystems->probes);
        return;
    }
    filesystems->asked_ns = now_ns;
    probes_ask(filesystems->probes);
    if (is_first) { /* a snapshot has one look only */
        probes_wait(filesystems->probes, FIRST_WAIT_NS);
    }
}

static void
filesystem_close(void *state)
{
    struct filesystems *filesystems = state;
    if (filesystems == NULL) {
        return;
    }
    while (filesystems->count > 0) {
        forget(filesystems, filesystems->count - 1);
    }
    probes_free(filesystems->probes);
    kept_close(&filesystems->table);
    free(filesystems);
}

int
filesystem_open_with(const struct source_setup *setup, probe_function function, void **ret_state,
                     char *why, size_t why_size)
{
    struct filesystems *filesystems = calloc(1, sizeof(*filesystems));
    if (filesystems == NULL) {
        return -ENOMEM;
    }
    filesystems->with_network = setup->network_filesystems;
    int error = kept_open(&filesystems->table, setup->roots->proc, "self/mountinfo");
    filesystems->table.has_long_records = true; /* the layers of an overlay */
    if (error == 0 && function != NULL) {
        filesystems->probes = probes_new(function, setup->clock);
        error = filesystems->probes == NULL ? -ENOMEM : 0;
    }
    if (error != 0) {
        snprintf(why, why_size, "%s/self/mountinfo cannot be opened: %s", setup->roots->proc,
                 strerror(-error));
        filesystem_close(filesystems);
        return error;
    }
    *ret_state = filesystems;
    return 0;
}

static int
filesystem_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    bool is_this_machine = strcmp(setup->roots->proc, "/proc") == 0;
    return filesystem_open_with(setup, is_this_machine ? statvfs : NULL, ret_state, why, why_size);
}

static enum source_step
filesystem_poll(void *state, struct batch *batch)
{
    struct filesystems *filesystems = state;
    bool table_is_new = read_table(filesystems, batch);
    if (!filesystems->has_table) {
        return SOURCE_DONE;
    }
    if (!filesystems->has_skipped_column) {
        filesystems->skipped_column = batch_column(batch, &metrics[ROW_SKIPPED], "");
        filesystems->has_skipped_column = true;
    }
    batch_set(batch, filesystems->skipped_column, (double)filesystems->network_count);
    if (filesystems->probes == NULL) {
        return SOURCE_DONE;
    }
    ask_sizes(filesystems, table_is_new, batch->at.mono_ns);
    for (size_t i = 0; i < filesystems->count; i++) {
        struct probe_answer answer;
        probes_get(filesystems->probes, filesystems->list[i].slot, &answer);
        set_readings(&filesystems->list[i], &answer, batch);
    }
    return SOURCE_DONE;
}

const struct source source_proc_filesystem = {
    .name = "filesystem",
    .text = "Sizes, inodes and state of the mounted file systems from /proc/self/mountinfo and "
            "statvfs.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = filesystem_open,
    .poll = filesystem_poll,
    .close = filesystem_close,
};
