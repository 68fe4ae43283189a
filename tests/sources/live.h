/* A source polled on a copy of a fixture tree that changes under it, with a clock of its own.
 *
 * The second reading is written over the first in place: sources keep descriptors, as they do on
 * /proc. */
#ifndef FLAMETOP_TESTS_SOURCES_LIVE_H
#define FLAMETOP_TESTS_SOURCES_LIVE_H

#include <dirent.h>
#include <ftw.h>

#include "poll.h"

#define LIVE_BOOT_NS (INT64_C(360000) * NS_PER_S) /* /proc/uptime of the fixtures */

struct live {
    struct poll poll;
    struct interest interest;
    struct clock clock;
    char root[64];
};

static struct instant
live_now(void *context)
{
    return ((struct live *)context)->poll.at;
}

static inline void
live_write(const struct live *live, const char *path, const void *bytes, size_t n)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s/%s", live->root, path);
    for (char *slash = full + strlen(live->root) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = 0;
        mkdir(full, 0755);
        *slash = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static inline void
live_text(const struct live *live, const char *path, const char *text)
{
    live_write(live, path, text, strlen(text));
}

static inline int
live_unlink(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void
live_remove(const struct live *live, const char *path)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s/%s", live->root, path);
    assert_int_equal(nftw(full, live_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Copies files and folders below `from` over those at `path`. */
static inline void
live_copy(const struct live *live, const char *from, const char *path)
{
    DIR *dir = opendir(from);
    assert_non_null(dir);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char source[PATH_MAX], target[PATH_MAX], full[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            entry->d_type == DT_LNK) {
            continue;
        }
        assert_true(snprintf(source, sizeof(source), "%s/%s", from, entry->d_name) < PATH_MAX);
        assert_true(snprintf(target, sizeof(target), "%s/%s", path, entry->d_name) < PATH_MAX);
        if (entry->d_type == DT_DIR) {
            assert_true(snprintf(full, sizeof(full), "%s/%s", live->root, target) < PATH_MAX);
            mkdir(full, 0755);
            live_copy(live, source, target);
        } else {
            char *data;
            ssize_t n = file_load(source, (size_t)1 << 20, &data);
            assert_true(n >= 0);
            live_write(live, target, data, (size_t)n);
            free(data);
        }
    }
    closedir(dir);
}

static inline void
live_apply(const struct live *live, const char *name)
{
    static const char *const folders[] = {"proc", "sys/devices/system/cpu", "cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        char from[PATH_MAX];
        snprintf(from, sizeof(from), "%s/%s/%s", fixtures(), name, folders[i]);
        if (access(from, F_OK) == 0) {
            live_copy(live, from, folders[i]);
        }
    }
}

/* A copy of the fixture, nothing opened yet: files may be changed before live_open. */
static inline void
live_init(struct live *live, const char *name)
{
    *live = (struct live){.interest = {.process_sort = -1}, .root = "/tmp/flametop-live-XXXXXX"};
    assert_non_null(mkdtemp(live->root));
    static const char *const folders[] = {
        "proc", "sys", "sys/devices", "sys/devices/system", "sys/devices/system/cpu", "cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        char full[PATH_MAX];
        snprintf(full, sizeof(full), "%s/%s", live->root, folders[i]);
        mkdir(full, 0755);
    }
    if (name != NULL) {
        live_apply(live, name);
    }
}

static inline int
live_open(struct live *live, const struct source *source)
{
    struct poll *poll = &live->poll;
    *poll = (struct poll){.source = source, .catalog = catalog_new(10000)};
    snprintf(poll->proc, sizeof(poll->proc), "%s/proc", live->root);
    snprintf(poll->sys, sizeof(poll->sys), "%s/sys", live->root);
    snprintf(poll->cgroup, sizeof(poll->cgroup), "%s/cgroup", live->root);
    poll->roots = (struct roots){poll->proc, poll->sys, poll->cgroup};
    live->clock = (struct clock){live_now, live};
    poll->setup = (struct source_setup){.roots = &poll->roots,
                                        .clock = &live->clock,
                                        .interest = &live->interest,
                                        .interval_ns = NS_PER_S};
    poll->at = (struct instant){.mono_ns = 1000 * NS_PER_S, .boot_ns = LIVE_BOOT_NS};
    catalog_add(poll->catalog, source->metrics, source->metric_count);
    batch_init(&poll->batch, poll->catalog);
    arena_init(&poll->arena, (size_t)64 << 20);
    return source->open(&poll->setup, &poll->state, poll->why, sizeof(poll->why));
}

/* Polls once, `ms` after the last time. */
static inline void
live_run(struct live *live, int64_t ms)
{
    struct poll *poll = &live->poll;
    poll->at.mono_ns += ms * NS_PER_MS;
    poll->at.boot_ns += ms * NS_PER_MS;
    arena_clear(&poll->arena);
    batch_begin(&poll->batch, poll->at, &poll->arena);
    while (poll->source->poll(poll->state, &poll->batch) == SOURCE_MORE) {
    }
}

static inline void
live_close(struct live *live)
{
    poll_close(&live->poll);
    live_remove(live, "");
}

/* The row whose column has this integer or text; NULL when there is none. */
static inline const union cell *
live_row(const struct live *live, int column, int64_t integer, const char *text)
{
    assert_int_equal(live->poll.batch.table_count, 1);
    const struct table *table = live->poll.batch.tables[0];
    for (size_t i = 0; i < table->count; i++) {
        const union cell *row = table_row(table, i);
        if (text != NULL ? row[column].text != NULL && strcmp(row[column].text, text) == 0
                         : row[column].integer == integer) {
            return row;
        }
    }
    return NULL;
}

#define assert_real(got, want)                                                                     \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        if (!(fabs(got_ - want_) <= 1e-9 * fabs(want_))) {                                         \
            fail_msg("%s is %.17g, not %.17g", #got, got_, want_);                                 \
        }                                                                                          \
    } while (0)

#define assert_nan(got) assert_true(isnan(got))

#endif
