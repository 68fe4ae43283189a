/* Open files of the whole machine against their limit, from /proc/sys/fs/file-nr. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "kept.h"
#include "proc_file.h"
#include "sources.h"

enum row { ROW_COUNT, ROW_LIMIT, ROWS_STORED };

static const struct metric metrics[] = {
    {.name = "system.file.descriptor.count",
     .unit = "{file}",
     .labels = "",
     .better = BETTER_LOWER,
     .text = "Open files of all processes (a file opened once and shared counts once)."},
    {.name = "system.file.descriptor.limit",
     .unit = "{file}",
     .labels = "",
     .better = BETTER_HIGHER,
     .text = "The most files the kernel lets all processes have open (fs.file-max)."},
    {.name = "system.file.descriptor.utilization",
     .unit = "1",
     .labels = "",
     .formula = "system.file.descriptor.count / system.file.descriptor.limit",
     .better = BETTER_LOWER,
     .fold = FOLD_FORMULA,
     .warning = 0.8,
     .critical = 0.95,
     .text = "Share of the machine's limit of open files in use."},
};

struct files {
    struct kept file;
    int columns[ROWS_STORED];
    bool has_columns;
};

bool
file_counts_parse(struct str text, struct file_counts *ret_counts)
{
    struct str line;
    uint64_t allocated, unused, limit;
    if (!kept_line(&text, &line) || !str_u64(&line, &allocated) || !str_u64(&line, &unused) ||
        !str_u64(&line, &limit) || str_trim(line).n != 0 || unused > allocated) {
        return false;
    }
    *ret_counts = (struct file_counts){.open = allocated - unused, .limit = limit};
    return true;
}

static void
file_close(void *state)
{
    struct files *files = state;
    if (files != NULL) {
        kept_close(&files->file);
        free(files);
    }
}

static int
file_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct files *files = calloc(1, sizeof(*files));
    if (files == NULL) {
        return -ENOMEM;
    }
    int error = kept_open(&files->file, setup->roots->proc, "sys/fs/file-nr");
    if (error != 0) {
        snprintf(why, why_size, "%s/sys/fs/file-nr cannot be opened: %s", setup->roots->proc,
                 strerror(-error));
        file_close(files);
        return error;
    }
    *ret_state = files;
    return 0;
}

static enum source_step
file_poll(void *state, struct batch *batch)
{
    struct files *files = state;
    struct str text;
    if (!kept_read(&files->file, &text)) {
        batch_fail(batch, SOURCE_FAILED, "%s cannot be read: %s", files->file.path,
                   strerror(files->file.error));
        return SOURCE_DONE;
    }
    struct file_counts counts;
    if (!file_counts_parse(text, &counts)) {
        batch->rejected++;
        return SOURCE_DONE;
    }
    if (!files->has_columns) {
        for (size_t i = 0; i < ROWS_STORED; i++) {
            files->columns[i] = batch_column(batch, &metrics[i], "");
        }
        files->has_columns = true;
    }
    batch_set(batch, files->columns[ROW_COUNT], (double)counts.open);
    batch_set(batch, files->columns[ROW_LIMIT], (double)counts.limit);
    return SOURCE_DONE;
}

const struct source source_proc_file = {
    .name = "file",
    .text = "Open files against the machine's limit from /proc/sys/fs/file-nr.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = file_open,
    .poll = file_poll,
    .close = file_close,
};
