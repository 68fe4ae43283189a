/* The catalog: interned metrics and series. One mutex; the hot paths keep pointers and columns and
 * do not come here. */
#include "flametop/core/metric.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/arena.h"
#include "flametop/base/hash.h"

#define METRICS_MAX 4096
#define ALIASES_MAX 512

struct entry {
    const struct metric *metric;
    double warning, critical;
    bool chosen;                            /* the thresholds are the user's */
    const struct metric_settings *settings; /* NULL: none */
    size_t series_count;
};

struct alias {
    const char *alias, *name;
};

struct catalog {
    pthread_mutex_t lock;
    struct entry metrics[METRICS_MAX];
    size_t metric_count;
    struct map metric_by_name; /* hash of the name -> entry */
    struct alias aliases[ALIASES_MAX];
    size_t alias_count;
    struct map series; /* hash of (metric, labels) -> series; probing on by adding 1 */
    struct arena arena;
    size_t series_count, series_max;
    uint64_t refused;
};

struct catalog *
catalog_new(size_t series_max)
{
    struct catalog *catalog = calloc(1, sizeof(*catalog));
    if (catalog == NULL) {
        return NULL;
    }
    pthread_mutex_init(&catalog->lock, NULL);
    map_init(&catalog->metric_by_name, METRICS_MAX);
    map_init(&catalog->series, series_max);
    arena_init(&catalog->arena, (size_t)256 << 20);
    catalog->series_max = series_max;
    return catalog;
}

void
catalog_free(struct catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    map_done(&catalog->metric_by_name);
    map_done(&catalog->series);
    arena_done(&catalog->arena);
    pthread_mutex_destroy(&catalog->lock);
    free(catalog);
}

static struct entry *
entry_of(struct catalog *catalog, const char *name)
{
    uint64_t key = hash_text(name);
    struct entry *entry;
    while ((entry = map_get(&catalog->metric_by_name, key)) != NULL) {
        if (strcmp(entry->metric->name, name) == 0) {
            return entry;
        }
        key++;
    }
    return NULL;
}

static void
add(struct catalog *catalog, const struct metric *metric)
{
    if (catalog->metric_count == METRICS_MAX || entry_of(catalog, metric->name) != NULL) {
        return;
    }
    struct entry *entry = &catalog->metrics[catalog->metric_count++];
    *entry = (struct entry){metric, metric->warning, metric->critical, false, NULL, 0};
    uint64_t key = hash_text(metric->name);
    while (map_get(&catalog->metric_by_name, key) != NULL) {
        key++;
    }
    map_put(&catalog->metric_by_name, key, entry);
}

void
catalog_add(struct catalog *catalog, const struct metric *metrics, size_t count)
{
    pthread_mutex_lock(&catalog->lock);
    for (size_t i = 0; i < count; i++) {
        add(catalog, &metrics[i]);
    }
    pthread_mutex_unlock(&catalog->lock);
}

static const char *
copy(struct catalog *catalog, const char *text)
{
    return arena_text(&catalog->arena, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

const struct metric *
catalog_define(struct catalog *catalog, const struct metric *like)
{
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = entry_of(catalog, like->name);
    struct metric *metric = entry == NULL ? arena_new(&catalog->arena, struct metric) : NULL;
    if (metric != NULL) {
        *metric = *like;
        metric->name = copy(catalog, like->name);
        metric->unit = copy(catalog, like->unit);
        metric->labels = copy(catalog, like->labels);
        metric->text = copy(catalog, like->text);
        metric->formula = NULL;
        metric->defined = true;
        add(catalog, metric);
        entry = entry_of(catalog, metric->name);
    }
    pthread_mutex_unlock(&catalog->lock);
    return entry != NULL ? entry->metric : NULL;
}

void
catalog_add_alias(struct catalog *catalog, const char *alias, const char *name)
{
    pthread_mutex_lock(&catalog->lock);
    if (catalog->alias_count < ALIASES_MAX) {
        catalog->aliases[catalog->alias_count++] = (struct alias){alias, name};
    }
    pthread_mutex_unlock(&catalog->lock);
}

const struct metric *
catalog_metric(struct catalog *catalog, const char *name)
{
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = entry_of(catalog, name);
    for (size_t i = 0; entry == NULL && i < catalog->alias_count; i++) {
        if (strcmp(catalog->aliases[i].alias, name) == 0) {
            entry = entry_of(catalog, catalog->aliases[i].name);
        }
    }
    pthread_mutex_unlock(&catalog->lock);
    return entry != NULL ? entry->metric : NULL;
}

const struct metric *
catalog_metric_at(struct catalog *catalog, size_t index)
{
    pthread_mutex_lock(&catalog->lock);
    const struct metric *metric =
        index < catalog->metric_count ? catalog->metrics[index].metric : NULL;
    pthread_mutex_unlock(&catalog->lock);
    return metric;
}

static const struct series *
intern(struct catalog *catalog, const struct metric *metric, const char *labels)
{
    uint64_t key = hash_mix((uint64_t)(uintptr_t)metric, hash_text(labels));
    struct series *series;
    while ((series = map_get(&catalog->series, key)) != NULL) {
        if (series->metric == metric && strcmp(series->labels, labels) == 0) {
            return series;
        }
        key++;
    }
    if (catalog->series_count == catalog->series_max) {
        catalog->refused++;
        return NULL;
    }
    series = arena_new(&catalog->arena, struct series);
    if (series == NULL) {
        catalog->refused++;
        return NULL;
    }
    series->metric = metric;
    series->labels = arena_text(&catalog->arena, labels, strlen(labels));
    series->id = (uint32_t)catalog->series_count++;
    map_put(&catalog->series, key, series);
    struct entry *entry = entry_of(catalog, metric->name);
    if (entry != NULL) {
        entry->series_count++;
    }
    return series;
}

const struct series *
catalog_series(struct catalog *catalog, const struct metric *metric, const char *labels)
{
    pthread_mutex_lock(&catalog->lock);
    const struct series *series = intern(catalog, metric, labels != NULL ? labels : "");
    pthread_mutex_unlock(&catalog->lock);
    return series;
}

size_t
catalog_series_count(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->lock);
    size_t count = catalog->series_count;
    pthread_mutex_unlock(&catalog->lock);
    return count;
}

bool
catalog_has_series(struct catalog *catalog, const struct metric *metric)
{
    pthread_mutex_lock(&catalog->lock);
    const struct entry *entry = entry_of(catalog, metric->name);
    bool has = entry == NULL || entry->series_count > 0;
    pthread_mutex_unlock(&catalog->lock);
    return has;
}

uint64_t
catalog_series_refused(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->lock);
    uint64_t refused = catalog->refused;
    pthread_mutex_unlock(&catalog->lock);
    return refused;
}

bool
catalog_thresholds(struct catalog *catalog, const struct metric *metric, double *ret_warning,
                   double *ret_critical)
{
    pthread_mutex_lock(&catalog->lock);
    const struct entry *entry = entry_of(catalog, metric->name);
    double warning = entry != NULL ? entry->warning : metric->warning;
    double critical = entry != NULL ? entry->critical : metric->critical;
    pthread_mutex_unlock(&catalog->lock);
    if (warning == 0 && critical == 0) {
        return false;
    }
    *ret_warning = warning;
    *ret_critical = critical;
    return true;
}

bool
catalog_thresholds_chosen(struct catalog *catalog, const struct metric *metric)
{
    pthread_mutex_lock(&catalog->lock);
    const struct entry *entry = entry_of(catalog, metric->name);
    bool chosen = entry != NULL && entry->chosen;
    pthread_mutex_unlock(&catalog->lock);
    return chosen;
}

void
catalog_set_thresholds(struct catalog *catalog, const struct metric *metric, double warning,
                       double critical)
{
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = entry_of(catalog, metric->name);
    if (entry != NULL) {
        entry->warning = warning;
        entry->critical = critical;
        entry->chosen = true;
    }
    pthread_mutex_unlock(&catalog->lock);
}

struct metric_settings
catalog_settings(struct catalog *catalog, const struct metric *metric)
{
    struct metric_settings settings = {0};
    pthread_mutex_lock(&catalog->lock);
    const struct entry *entry = entry_of(catalog, metric->name);
    if (entry != NULL && entry->settings != NULL) {
        settings = *entry->settings;
    }
    pthread_mutex_unlock(&catalog->lock);
    return settings;
}

void
catalog_set_settings(struct catalog *catalog, const struct metric *metric,
                     const struct metric_settings *settings)
{
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = entry_of(catalog, metric->name);
    struct metric_settings *copy =
        entry != NULL ? arena_new(&catalog->arena, struct metric_settings) : NULL;
    if (copy != NULL) {
        *copy = *settings;
        entry->settings = copy;
    }
    pthread_mutex_unlock(&catalog->lock);
}

/* Where an unescaped `stop` stands, or the end. */
static size_t
find_plain(struct str s, char stop)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != stop) {
        i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
    }
    return i;
}

bool
labels_next(struct str *rest, struct str *ret_key, struct str *ret_value)
{
    if (rest->n == 0) {
        return false;
    }
    size_t end = find_plain(*rest, ',');
    struct str pair = {rest->p, end};
    size_t equals = find_plain(pair, '=');
    *ret_key = (struct str){pair.p, equals};
    equals += equals < pair.n;
    *ret_value = (struct str){pair.p + equals, pair.n - equals};
    end += end < rest->n;
    rest->p += end;
    rest->n -= end;
    return true;
}

bool
labels_get(const char *labels, const char *key, struct str *ret_value)
{
    struct str rest = str_from(labels), name, value;
    while (labels_next(&rest, &name, &value)) {
        if (str_is(name, key)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

void
labels_add(char *labels, size_t size, const char *key, struct str value)
{
    size_t n = strlen(labels), key_n = strlen(key);
    if (n + (n > 0) + key_n + 2 > size) {
        return;
    }
    if (n > 0) {
        labels[n++] = ',';
    }
    memcpy(labels + n, key, key_n);
    n += key_n;
    labels[n++] = '=';
    for (size_t i = 0; i < value.n && n + 3 <= size; i++) {
        char c = value.p[i];
        if (c == ',' || c == '=' || c == '|' || c == '\\') {
            labels[n++] = '\\';
        }
        labels[n++] = c == 0 ? '?' : c;
    }
    labels[n] = 0;
}

char *
labels_unescape(struct str value, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < value.n && n + 1 < size; i++) {
        if (value.p[i] == '\\' && i + 1 < value.n) {
            i++;
        }
        dst[n++] = value.p[i];
    }
    if (size > 0) {
        dst[n] = 0;
    }
    return dst;
}
