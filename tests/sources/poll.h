/* A source polled on a tree of fixtures, and what it delivered. */
#ifndef FLAMETOP_TESTS_SOURCES_POLL_H
#define FLAMETOP_TESTS_SOURCES_POLL_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/core/source.h"

struct poll {
    const struct source *source;
    struct catalog *catalog;
    struct batch batch;
    struct arena arena;
    struct instant at;
    char proc[PATH_MAX], sys[PATH_MAX], cgroup[PATH_MAX];
    struct roots roots;
    struct source_setup setup;
    void *state;
    char why[200];
};

static inline const char *
fixtures(void)
{
    const char *path = getenv("FLAMETOP_FIXTURES");
    assert_non_null(path);
    return path;
}

/* Opens the source below `root`; answers what its open did. */
static inline int
poll_open_at(struct poll *poll, const struct source *source, const char *root)
{
    *poll = (struct poll){.source = source, .catalog = catalog_new(100000)};
    snprintf(poll->proc, sizeof(poll->proc), "%s/proc", root);
    snprintf(poll->sys, sizeof(poll->sys), "%s/sys", root);
    snprintf(poll->cgroup, sizeof(poll->cgroup), "%s/cgroup", root);
    poll->roots = (struct roots){poll->proc, poll->sys, poll->cgroup};
    poll->setup = (struct source_setup){
        .roots = &poll->roots, .clock = &clock_system, .interval_ns = NS_PER_S};
    catalog_add(poll->catalog, source->metrics, source->metric_count);
    batch_init(&poll->batch, poll->catalog);
    arena_init(&poll->arena, (size_t)64 << 20);
    return source->open(&poll->setup, &poll->state, poll->why, sizeof(poll->why));
}

/* Opens the source on a tree that must have it. */
static inline void
poll_open(struct poll *poll, const struct source *source, const char *tree)
{
    char root[PATH_MAX];
    snprintf(root, sizeof(root), "%s/%s", fixtures(), tree);
    assert_int_equal(poll_open_at(poll, source, root), 0);
}

static inline void
poll_run(struct poll *poll)
{
    arena_clear(&poll->arena);
    poll->at.mono_ns += NS_PER_S;
    batch_begin(&poll->batch, poll->at, &poll->arena);
    while (poll->source->poll(poll->state, &poll->batch) == SOURCE_MORE) {
    }
}

static inline void
poll_close(struct poll *poll)
{
    if (poll->state != NULL) {
        poll->source->close(poll->state);
    }
    batch_done(&poll->batch);
    arena_done(&poll->arena);
    catalog_free(poll->catalog);
}

/* NAN when the series has no reading. */
static inline double
poll_value(const struct poll *poll, const char *metric, const char *labels)
{
    assert_non_null(catalog_metric(poll->catalog, metric));
    for (size_t i = 0; i < poll->batch.column_count; i++) {
        const struct series *series = poll->batch.columns[i];
        if (strcmp(series->metric->name, metric) == 0 && strcmp(series->labels, labels) == 0) {
            return poll->batch.values[i];
        }
    }
    return NAN;
}

/* The sum of what is known of a metric. */
static inline double
poll_sum(const struct poll *poll, const char *metric)
{
    double sum = 0;
    for (size_t i = 0; i < poll->batch.column_count; i++) {
        if (strcmp(poll->batch.columns[i]->metric->name, metric) == 0 &&
            !isnan(poll->batch.values[i])) {
            sum += poll->batch.values[i];
        }
    }
    return sum;
}

#define assert_value(poll, metric, labels, want)                                                   \
    do {                                                                                           \
        double got_ = poll_value((poll), (metric), (labels)), want_ = (want);                      \
        if (!(fabs(got_ - want_) <= 1e-9 * fabs(want_))) {                                         \
            fail_msg("%s{%s} is %.17g, not %.17g", (metric), (labels), got_, want_);               \
        }                                                                                          \
    } while (0)
#define assert_unknown(poll, metric, labels)                                                       \
    assert_true(isnan(poll_value((poll), (metric), (labels))))

/* A tree of a test's own, whose files can be changed while a source holds them. */
static inline void
tree_make(char root[PATH_MAX])
{
    const char *base = getenv("TMPDIR");
    snprintf(root, PATH_MAX, "%s/flametop-tree.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(root));
}

/* Writes a file in place, so that a descriptor held on it sees the new text. */
static inline void
tree_write(const char *root, const char *path, const void *data, size_t n)
{
    char full[PATH_MAX];
    assert_true(snprintf(full, sizeof(full), "%s/%s", root, path) < (int)sizeof(full));
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), (ssize_t)n);
    close(fd);
}

static inline void
tree_remove(const char *root, const char *path)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    unlink(full);
    for (char *slash;
         (slash = strrchr(full, '/')) != NULL && (size_t)(slash - full) > strlen(root);) {
        *slash = 0;
        rmdir(full);
    }
    rmdir(root);
}

/* The bytes of a fixture; free() them. */
static inline size_t
fixture_load(const char *tree, const char *path, char **ret_data)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s/%s/%s", fixtures(), tree, path);
    ssize_t n = file_load(full, (size_t)8 << 20, ret_data);
    assert_true(n >= 0);
    return (size_t)n;
}

static inline void
tree_copy(const char *root, const char *tree, const char *path)
{
    char *data;
    size_t n = fixture_load(tree, path, &data);
    tree_write(root, path, data, n);
    free(data);
}

#endif
