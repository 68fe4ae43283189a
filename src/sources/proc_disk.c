/* Disks, from /proc/diskstats.
 *
 * What is counted: system.disk.* are the devices that do the work, so that their sum counts each
 * byte once. Devices that hand their requests on to others of the list (dm, md, bcache, drbd,
 * zvols) are system.disk.logical.*. Partitions, loop devices, RAM disks, hidden paths and devices
 * with queue/iostats 0 are left out, as is what never did an operation since the machine started
 * (iostat does the same).
 *
 * Invariant: series are registered when a device is first counted and again when its name or class
 * changes; otherwise a poll is one pread and one walk over the text. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "kept.h"
#include "proc_disk.h"
#include "roster.h"
#include "sources.h"
#include "wide.h"

#define DISKS_MAX 4096
#define IDENTIFIED_A_POLL 128 /* new devices looked up in one poll: about 3 ms */
#define POLLS_BETWEEN_LOOKS 8 /* one known device is looked up again */

/* The same rows for the devices that work and for those on top of them. */
#define DISK_METRICS(prefix, of)                                                                   \
    {.name = prefix ".io",                                                                         \
     .unit = "By",                                                                                 \
     .labels = "device direction",                                                                 \
     .kind = METRIC_COUNTER,                                                                       \
     .text = "Bytes read from and written to " of "."},                                            \
        {.name = prefix ".operations",                                                             \
         .unit = "{operation}",                                                                    \
         .labels = "device direction",                                                             \
         .kind = METRIC_COUNTER,                                                                   \
         .bits = KERNEL_LONG_BITS,                                                                 \
         .text = "Read and write requests that " of " completed."},                                \
        {.name = prefix ".merged",                                                                 \
         .unit = "{operation}",                                                                    \
         .labels = "device direction",                                                             \
         .kind = METRIC_COUNTER,                                                                   \
         .bits = KERNEL_LONG_BITS,                                                                 \
         .text = "Requests to " of                                                                 \
                 " that were joined with a neighbouring one before they were issued."},            \
        {.name = prefix ".operation_time",                                                         \
         .unit = "s",                                                                              \
         .labels = "device direction",                                                             \
         .kind = METRIC_COUNTER,                                                                   \
         .better = BETTER_LOWER,                                                                   \
         .text = "Time the completed requests to " of " took, waiting included, added up."},       \
        {.name = prefix ".io_time",                                                                \
         .unit = "s",                                                                              \
         .labels = "device",                                                                       \
         .kind = METRIC_COUNTER,                                                                   \
         .better = BETTER_LOWER,                                                                   \
         .text = "Time during which " of " had at least one request in flight."},                  \
        {.name = prefix ".weighted_io_time",                                                       \
         .unit = "s",                                                                              \
         .labels = "device",                                                                       \
         .kind = METRIC_COUNTER,                                                                   \
         .better = BETTER_LOWER,                                                                   \
         .text = "Time with requests to " of " in flight, times how many there were."},            \
        {.name = prefix ".pending_operations",                                                     \
         .unit = "{operation}",                                                                    \
         .labels = "device",                                                                       \
         .better = BETTER_LOWER,                                                                   \
         .text = "Requests to " of " in flight at this moment."},                                  \
        {.name = prefix ".discard.io",                                                             \
         .unit = "By",                                                                             \
         .labels = "device",                                                                       \
         .kind = METRIC_COUNTER,                                                                   \
         .text = "Bytes of " of " declared unused (discard, TRIM); no data is moved."},            \
        {.name = prefix ".discard.operations",                                                     \
         .unit = "{operation}",                                                                    \
         .labels = "device",                                                                       \
         .kind = METRIC_COUNTER,                                                                   \
         .bits = KERNEL_LONG_BITS,                                                                 \
         .text = "Discard requests that " of " completed."},                                       \
        {.name = prefix ".flush.operations",                                                       \
         .unit = "{operation}",                                                                    \
         .labels = "device",                                                                       \
         .kind = METRIC_COUNTER,                                                                   \
         .bits = KERNEL_LONG_BITS,                                                                 \
         .text = "Cache flushes (fsync and journals ask for them) that " of " completed."},        \
        {.name = prefix ".flush.time",                                                             \
         .unit = "s",                                                                              \
         .labels = "device",                                                                       \
         .kind = METRIC_COUNTER,                                                                   \
         .better = BETTER_LOWER,                                                                   \
         .text = "Time the completed cache flushes of " of " took, added up."},                    \
        {.name = prefix ".limit", .unit = "By", .labels = "device", .text = "Size of " of "."},    \
        {.name = prefix ".info",                                                                   \
         .unit = "1",                                                                              \
         .labels = "device kernel kind model",                                                     \
         .text = "Always 1: the labels say the kernel's name, the kind and the model of " of "."}, \
        {.name = prefix ".await",                                                                  \
         .unit = "s",                                                                              \
         .labels = "device direction",                                                             \
         .formula = prefix ".operation_time / " prefix ".operations",                              \
         .better = BETTER_LOWER,                                                                   \
         .fold = FOLD_FORMULA,                                                                     \
         .warning = 0.05,                                                                          \
         .critical = 0.25,                                                                         \
         .text = "Mean time a request to " of " took, waiting included (await of iostat)."},       \
        {.name = prefix ".flush.await",                                                            \
         .unit = "s",                                                                              \
         .labels = "device",                                                                       \
         .formula = prefix ".flush.time / " prefix ".flush.operations",                            \
         .better = BETTER_LOWER,                                                                   \
         .fold = FOLD_FORMULA,                                                                     \
         .text = "Mean time a cache flush of " of " took (f_await of iostat)."},                   \
        {.name = prefix ".queue",                                                                  \
         .unit = "{operation}",                                                                    \
         .labels = "device",                                                                       \
         .formula = prefix ".weighted_io_time",                                                    \
         .better = BETTER_LOWER,                                                                   \
         .text = "Mean number of requests to " of " in flight (aqu-sz of iostat)."},               \
        {.name = prefix ".request.size",                                                           \
         .unit = "By",                                                                             \
         .labels = "device direction",                                                             \
         .formula = prefix ".io / " prefix ".operations",                                          \
         .fold = FOLD_FORMULA,                                                                     \
         .text = "Mean size of a request to " of " (areq-sz of iostat)."},                         \
    {                                                                                              \
        .name = prefix ".utilization", .unit = "1", .labels = "device",                            \
        .formula = "min(1, " prefix ".io_time)", .better = BETTER_LOWER, .fold = FOLD_MAX,         \
        .warning = 0.8, .critical = 0.95,                                                          \
        .text =                                                                                    \
            "Share of time during which " of " had requests in flight; one that works on many at " \
            "once (NVMe, RAID) can take more at 100 %."                                            \
    }

enum disk_metric {
    ROW_IO,
    ROW_OPERATIONS,
    ROW_MERGED,
    ROW_OPERATION_TIME,
    ROW_IO_TIME,
    ROW_WEIGHTED_IO_TIME,
    ROW_PENDING,
    ROW_DISCARD_IO,
    ROW_DISCARD_OPERATIONS,
    ROW_FLUSH_OPERATIONS,
    ROW_FLUSH_TIME,
    ROW_LIMIT,
    ROW_INFO,
    ROWS_OF_A_CLASS = ROW_INFO + 6, /* and five derived ones */
};

static const struct metric metrics[] = {
    DISK_METRICS("system.disk", "the disk"),
    DISK_METRICS("system.disk.logical", "the device that is made of other disks"),
};

_Static_assert(ARRAY_SIZE(metrics) == 2 * ROWS_OF_A_CLASS, "both classes have the same rows");

/* How a field becomes a reading. Times are widened because seconds wrap elsewhere than at 2^32;
 * sectors on 32-bit kernels for the same reason. */
enum widening { WIDEN_NEVER, WIDEN_LONG, WIDEN_ALWAYS };

static const struct reading {
    enum disk_metric metric;
    const char *direction; /* NULL: the metric has no such label */
    enum disk_field field;
    double multiply, divide;
    enum widening widening;
} readings[] = {
    {ROW_IO, "read", DISK_SECTORS_READ, 512, 1, WIDEN_LONG},
    {ROW_IO, "write", DISK_SECTORS_WRITTEN, 512, 1, WIDEN_LONG},
    {ROW_OPERATIONS, "read", DISK_READS, 1, 1, WIDEN_NEVER},
    {ROW_OPERATIONS, "write", DISK_WRITES, 1, 1, WIDEN_NEVER},
    {ROW_MERGED, "read", DISK_READS_MERGED, 1, 1, WIDEN_NEVER},
    {ROW_MERGED, "write", DISK_WRITES_MERGED, 1, 1, WIDEN_NEVER},
    {ROW_OPERATION_TIME, "read", DISK_READ_MS, 1, 1000, WIDEN_ALWAYS},
    {ROW_OPERATION_TIME, "write", DISK_WRITE_MS, 1, 1000, WIDEN_ALWAYS},
    {ROW_IO_TIME, NULL, DISK_BUSY_MS, 1, 1000, WIDEN_ALWAYS},
    {ROW_WEIGHTED_IO_TIME, NULL, DISK_WEIGHTED_MS, 1, 1000, WIDEN_ALWAYS},
    {ROW_PENDING, NULL, DISK_IN_FLIGHT, 1, 1, WIDEN_NEVER},
    {ROW_DISCARD_IO, NULL, DISK_SECTORS_DISCARDED, 512, 1, WIDEN_LONG},
    {ROW_DISCARD_OPERATIONS, NULL, DISK_DISCARDS, 1, 1, WIDEN_NEVER},
    {ROW_FLUSH_OPERATIONS, NULL, DISK_FLUSHES, 1, 1, WIDEN_NEVER},
    {ROW_FLUSH_TIME, NULL, DISK_FLUSH_MS, 1, 1000, WIDEN_ALWAYS},
};

struct disk {
    struct roster_name name;
    bool is_identified;
    bool has_columns;
    struct disk_identity identity;
    int columns[ARRAY_SIZE(readings)];
    int limit, info;
    struct wide wide[ARRAY_SIZE(readings)];
};

struct disks {
    struct kept file;
    char *sys;
    struct roster roster;
    size_t next_look;
    unsigned polls;
};

bool
disk_line_parse(struct str line, struct disk_line *ret_line)
{
    struct disk_line parsed = {.field_count = 0};
    uint64_t major, minor;
    if (!str_u64(&line, &major) || !str_u64(&line, &minor) || !str_word(&line, &parsed.name)) {
        return false;
    }
    while (parsed.field_count < DISK_FIELDS && str_u64(&line, &parsed.fields[parsed.field_count])) {
        if (line.n > 0 && line.p[0] != ' ') {
            return false;
        }
        parsed.field_count++;
    }
    if (parsed.field_count < DISK_FIELDS_LEAST) {
        return false;
    }
    *ret_line = parsed;
    return true;
}

static bool
has_worked(const struct disk_line *line)
{
    uint64_t operations =
        line->fields[DISK_READS] | line->fields[DISK_WRITES] | line->fields[DISK_IN_FLIGHT];
    if (line->field_count > DISK_DISCARDS) {
        operations |= line->fields[DISK_DISCARDS];
    }
    return operations != 0;
}

static void
identify(struct disks *disks, size_t index)
{
    struct disk *disk = roster_at(&disks->roster, index);
    const char *before = "";
    for (size_t i = index; i-- > 0;) {
        const struct disk *other = roster_at(&disks->roster, i);
        if (other->identity.class == DISK_WHOLE) {
            before = other->name.text;
            break;
        }
    }
    struct disk_identity identity;
    disk_identify(disks->sys, disk->name.text, before, &identity);
    bool is_same = disk->is_identified && identity.class == disk->identity.class &&
                   strcmp(identity.name, disk->identity.name) == 0;
    disk->identity = identity;
    if (!is_same) {
        disk->has_columns = false;
        memset(disk->wide, 0, sizeof(disk->wide));
    }
    disk->is_identified = true;
}

static void
add_columns(struct disk *disk, struct batch *batch)
{
    const struct metric *rows =
        metrics + (disk->identity.class == DISK_LAYERED ? ROWS_OF_A_CLASS : 0);
    struct str name = str_from(disk->identity.name);
    char labels[512] = "";
    labels_add(labels, sizeof(labels), "device", name);
    size_t own = strlen(labels);
    disk->limit = batch_column(batch, &rows[ROW_LIMIT], labels);
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        labels[own] = 0;
        if (readings[i].direction != NULL) {
            labels_add(labels, sizeof(labels), "direction", str_from(readings[i].direction));
        }
        disk->columns[i] = batch_column(batch, &rows[readings[i].metric], labels);
    }
    labels[own] = 0;
    labels_add(labels, sizeof(labels), "kernel", str_from(disk->name.text));
    labels_add(labels, sizeof(labels), "kind", str_from(disk->identity.kind));
    labels_add(labels, sizeof(labels), "model", str_from(disk->identity.model));
    disk->info = batch_column(batch, &rows[ROW_INFO], labels);
    disk->has_columns = true;
}

static void
set_readings(struct disk *disk, const struct disk_line *line, struct batch *batch)
{
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        const struct reading *reading = &readings[i];
        if (reading->field >= line->field_count) {
            continue;
        }
        uint64_t value = line->fields[reading->field];
        bool widen = reading->widening == WIDEN_ALWAYS ||
                     (reading->widening == WIDEN_LONG && KERNEL_LONG_BITS == 32);
        if (widen) {
            value = wide_take(&disk->wide[i], value);
        }
        batch_set(batch, disk->columns[i], (double)value * reading->multiply / reading->divide);
    }
    batch_set(batch, disk->limit, disk->identity.size_bytes);
    batch_set(batch, disk->info, 1);
}

static void
disk_close(void *state)
{
    struct disks *disks = state;
    if (disks == NULL) {
        return;
    }
    kept_close(&disks->file);
    roster_done(&disks->roster);
    free(disks->sys);
    free(disks);
}

static int
disk_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct disks *disks = calloc(1, sizeof(*disks));
    if (disks == NULL) {
        return -ENOMEM;
    }
    roster_init(&disks->roster, sizeof(struct disk), DISKS_MAX);
    disks->sys = strdup(setup->roots->sys);
    int error = disks->sys == NULL ? -ENOMEM : 0;
    int opened = kept_open(&disks->file, setup->roots->proc, "diskstats");
    error = error != 0 ? error : opened;
    if (error != 0) {
        snprintf(why, why_size, "%s/diskstats cannot be opened: %s", setup->roots->proc,
                 strerror(-error));
        disk_close(disks);
        return error;
    }
    *ret_state = disks;
    return 0;
}

/* Names and classes change seldom: a dm device is made anew under the same number, a path becomes
 * hidden. */
static void
look_again(struct disks *disks)
{
    if (disks->roster.count == 0 || disks->polls++ % POLLS_BETWEEN_LOOKS != 0) {
        return;
    }
    disks->next_look = (disks->next_look + 1) % disks->roster.count;
    identify(disks, disks->next_look);
}

static void
take_lines(struct disks *disks, struct str text, struct batch *batch)
{
    size_t position = 0, looks = 0;
    for (struct str line; kept_line(&text, &line);) {
        struct disk_line parsed;
        if (!disk_line_parse(line, &parsed)) {
            batch->rejected++;
            continue;
        }
        struct disk *disk = roster_place(&disks->roster, position, parsed.name);
        if (disk == NULL) {
            batch->dropped++;
            continue;
        }
        if (!disk->is_identified && looks < IDENTIFIED_A_POLL) {
            looks++;
            identify(disks, position);
        }
        position++;
        if (disk->identity.class == DISK_FOLDED || !has_worked(&parsed)) {
            continue;
        }
        if (!disk->has_columns) {
            add_columns(disk, batch);
        }
        set_readings(disk, &parsed, batch);
    }
    roster_end(&disks->roster, position);
}

static enum source_step
disk_poll(void *state, struct batch *batch)
{
    struct disks *disks = state;
    struct str text;
    if (!kept_read(&disks->file, &text)) {
        batch_fail(batch, SOURCE_FAILED, "%s cannot be read: %s", disks->file.path,
                   strerror(disks->file.error));
        return SOURCE_DONE;
    }
    take_lines(disks, text, batch);
    look_again(disks);
    return SOURCE_DONE;
}

const struct source source_proc_disk = {
    .name = "disk",
    .text = "Bytes, operations, waiting and busy time of each disk from /proc/diskstats.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = disk_open,
    .poll = disk_poll,
    .close = disk_close,
};
