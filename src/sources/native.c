/* Our own metrics, put by name. */
#include "native.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/sources/table.h"

enum { CELLS_MAX = 20000 };

struct sum {
    int column;
    double sum;
    int64_t mono_ns; /* until when; 0: it begins with the reading before */
};

void
native_init(struct native *native)
{
    *native = (struct native){.mono_ns = 0};
    map_init(&native->cells, CELLS_MAX);
    arena_init(&native->arena, (size_t)1 << 20);
}

void
native_done(struct native *native)
{
    map_done(&native->cells);
    arena_done(&native->arena);
}

void
native_begin(struct native *native, const struct batch *batch)
{
    native->before_ns = native->mono_ns;
    native->mono_ns = batch->at.mono_ns;
}

/* The row of a metric: attached, this machine's sources are not opened and may not be known yet. */
static const struct metric *
metric_named(struct catalog *catalog, const char *name)
{
    const struct metric *metric = catalog_metric(catalog, name);
    for (size_t i = 0; i < source_table_count && metric == NULL; i++) {
        const struct source *source = source_table[i];
        for (size_t m = 0; m < source->metric_count && metric == NULL; m++) {
            if (strcmp(source->metrics[m].name, name) == 0) {
                catalog_add(catalog, source->metrics, source->metric_count); /* and its formulas */
                metric = &source->metrics[m];
            }
        }
    }
    return metric;
}

static struct sum *
cell_of(struct native *native, struct batch *batch, const char *name, const char *labels)
{
    uint64_t key = hash_mix(hash_text(name), hash_text(labels));
    struct sum *cell = map_get(&native->cells, key);
    if (cell != NULL) {
        return cell;
    }
    const struct metric *metric = metric_named(batch->catalog, name);
    assert(metric != NULL && metric->formula == NULL);
    cell = arena_new(&native->arena, struct sum);
    if (cell == NULL || !map_put(&native->cells, key, cell)) {
        batch->dropped++;
        return NULL;
    }
    cell->column = batch_column(batch, metric, labels);
    return cell;
}

void
native_put(struct native *native, struct batch *batch, const char *name, const char *labels,
           double value)
{
    struct sum *cell = isfinite(value) ? cell_of(native, batch, name, labels) : NULL;
    if (cell != NULL) {
        batch_set(batch, cell->column, value);
    }
}

/* Over a gap as well: the rate that follows from it is over all that time, and to be the one told.
 */
void
native_add(struct native *native, struct batch *batch, const char *name, const char *labels,
           double rate)
{
    struct sum *cell = isfinite(rate) ? cell_of(native, batch, name, labels) : NULL;
    if (cell != NULL) {
        int64_t from_ns = cell->mono_ns != 0 ? cell->mono_ns : native->before_ns;
        int64_t passed_ns = from_ns != 0 ? MAX(native->mono_ns - from_ns, INT64_C(0)) : 0;
        cell->sum += MAX(rate, 0) * (double)passed_ns / (double)NS_PER_S;
        cell->mono_ns = native->mono_ns;
        batch_set(batch, cell->column, cell->sum);
    }
}

char *
native_labels(char dst[NATIVE_LABELS], const char *key, struct str value, const char *key2,
              const char *value2)
{
    char clean[NATIVE_LABELS];
    dst[0] = '\0';
    utf8_clean(value, clean, sizeof(clean));
    labels_add(dst, NATIVE_LABELS, key, str_from(clean));
    if (key2 != NULL) {
        labels_add(dst, NATIVE_LABELS, key2, str_from(value2));
    }
    return dst;
}

static bool
starts_with_any(struct str name, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_starts(name, prefixes[i])) {
            return true;
        }
    }
    return false;
}

bool
native_is_virtual_interface(struct str name)
{
    static const char *const prefixes[] = {
        "veth", "docker", "br-", "virbr", "vnet", "tun",  "tap",  "cni", "cali",  "flannel",
        "wg",   "dummy",  "sit", "gre",   "ifb",  "bond", "team", "lxc", "podman"};
    return str_is(name, "lo") || starts_with_any(name, prefixes, ARRAY_SIZE(prefixes));
}

bool
native_is_logical_disk(struct str name)
{
    static const char *const prefixes[] = {"dm-", "md", "loop", "zram", "ram", "bcache", "drbd"};
    return starts_with_any(name, prefixes, ARRAY_SIZE(prefixes));
}

/* sda1, vda2, nvme0n1p3, mmcblk0p1: what ends in a number behind a disk's own name. */
bool
native_is_partition(struct str name)
{
    static const char *const lettered[] = {"sd", "hd", "vd", "xvd"};
    size_t digits = 0;
    while (digits < name.n && name.p[name.n - 1 - digits] >= '0' &&
           name.p[name.n - 1 - digits] <= '9') {
        digits++;
    }
    if (digits == 0 || digits == name.n) {
        return false;
    }
    bool numbered = str_starts(name, "nvme") || str_starts(name, "mmcblk");
    return numbered ? name.p[name.n - 1 - digits] == 'p'
                    : starts_with_any(name, lettered, ARRAY_SIZE(lettered));
}
