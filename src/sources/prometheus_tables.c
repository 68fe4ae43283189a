/* Tables of a Prometheus server. */
#include "prometheus_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/alert.h"
#include "flametop/core/finding.h"
#include "flametop/core/instance.h"
#include "prometheus_answer.h"

enum { TARGETS_MAX = 5000, ALERTS_MAX = 1000, EXEMPLARS_MAX = 200, TEXT_BYTES = 256 };

/* The label that tells the parts of the one query apart. */
#define PART_LABEL "flametop"

/* clang-format off */
enum target_column { TARGET_COLUMN_KEY, TARGET_COLUMN_JOB, TARGET_COLUMN_INSTANCE, TARGET_COLUMN_HEALTH, TARGET_COLUMN_AGE, TARGET_COLUMN_DURATION, TARGET_COLUMN_SAMPLES, TARGET_COLUMN_ERROR, TARGET_COLUMNS };

static const struct column target_columns[TARGET_COLUMNS] = {
    [TARGET_COLUMN_KEY] = {"target", "TARGET", "", "Job and instance.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP | COLUMN_HIDDEN, 30},
    [TARGET_COLUMN_JOB] = {"target.job", "JOB", "", "Job that scrapes it.", COLUMN_TEXT, COLUMN_KEEP, 16},
    [TARGET_COLUMN_INSTANCE] = {"target.instance", "INSTANCE", "", "Address it is scraped at.", COLUMN_TEXT, COLUMN_KEEP, 24},
    [TARGET_COLUMN_HEALTH] = {"target.health", "HEALTH", "", "up, down, or unknown.", COLUMN_TEXT, COLUMN_KEEP, 7},
    [TARGET_COLUMN_AGE] = {"target.age", "AGE", "s", "Time since the last scrape.", COLUMN_REAL, COLUMN_KEEP, 7},
    [TARGET_COLUMN_DURATION] = {"target.scrape.duration", "TOOK", "s", "How long the last scrape took.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 8},
    [TARGET_COLUMN_SAMPLES] = {"target.scrape.samples", "SAMPLES", "{sample}", "Samples the last scrape brought.", COLUMN_REAL, COLUMN_KEEP, 8},
    [TARGET_COLUMN_ERROR] = {"target.error", "ERROR", "", "Why the last scrape failed.", COLUMN_TEXT, COLUMN_KEEP, 0},
};

enum exemplar_column { EXEMPLAR_KEY, EXEMPLAR_METRIC, EXEMPLAR_VALUE, EXEMPLAR_AGE, EXEMPLAR_LABELS, EXEMPLAR_COLUMNS };

static const struct column exemplar_columns[EXEMPLAR_COLUMNS] = {
    [EXEMPLAR_KEY] = {"exemplar.trace", "TRACE", "", "Id of the trace, or the labels that stand for it.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP, 33},
    [EXEMPLAR_METRIC] = {"exemplar.metric", "METRIC", "", "Metric it is an example of.", COLUMN_TEXT, COLUMN_KEEP, 36},
    [EXEMPLAR_VALUE] = {"exemplar.value", "VALUE", "", "Value that was observed.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [EXEMPLAR_AGE] = {"exemplar.age", "AGE", "s", "Time since then.", COLUMN_REAL, COLUMN_KEEP, 7},
    [EXEMPLAR_LABELS] = {"exemplar.labels", "SERIES", "", "Labels of its series.", COLUMN_TEXT, COLUMN_KEEP, 0},
};
/* clang-format on */

static const struct table_def target_table = {
    .name = "prometheus.targets",
    .title = "Targets",
    .text = "What Prometheus scrapes.",
    .columns = target_columns,
    .column_count = TARGET_COLUMNS,
    .sort_column = TARGET_COLUMN_DURATION,
    .kept_rows = 8,
};
static const struct table_def exemplar_table = {
    .name = "prometheus.exemplars",
    .title = "Exemplars",
    .text = "Single observations behind histograms and counters, with their traces.",
    .columns = exemplar_columns,
    .column_count = EXEMPLAR_COLUMNS,
    .sort_column = EXEMPLAR_VALUE,
    .kept_rows = 8,
};

const struct table_def *const prometheus_tables[] = {&instance_table, &target_table, &alert_table,
                                                     &exemplar_table};
const size_t prometheus_table_count = ARRAY_SIZE(prometheus_tables);

/* ---- what is scraped ---- */

void
scrapes_init(struct scrapes *scrapes, struct arena *arena)
{
    *scrapes = (struct scrapes){.arena = arena};
    map_init(&scrapes->index, TARGETS_MAX);
}

void
scrapes_done(struct scrapes *scrapes)
{
    map_done(&scrapes->index);
    free(scrapes->list);
}

static bool
grow(struct scrapes *scrapes)
{
    if (scrapes->count < scrapes->capacity) {
        return true;
    }
    size_t capacity = MAX(scrapes->capacity * 2, (size_t)64);
    struct scraped **list = reallocarray(scrapes->list, capacity, sizeof(struct scraped *));
    if (list == NULL) {
        return false;
    }
    scrapes->list = list;
    scrapes->capacity = capacity;
    return true;
}

static const char *
text_at(const cJSON *labels, const char *key, struct arena *arena)
{
    const char *text = json_cell_at(labels, key, arena);
    return text != NULL ? text : "";
}

static uint64_t
key_of(const cJSON *labels)
{
    char job[TEXT_BYTES], instance[TEXT_BYTES];
    json_text_at(labels, "job", job, sizeof(job));
    json_text_at(labels, "instance", instance, sizeof(instance));
    return hash_mix(hash_text(job), hash_text(instance));
}

struct scraped *
scrapes_of(struct scrapes *scrapes, const cJSON *labels)
{
    uint64_t key = key_of(labels);
    struct scraped *scraped = map_get(&scrapes->index, key);
    if (scraped != NULL || !cJSON_IsString(json_at(labels, "instance"))) {
        return scraped;
    }
    scraped = grow(scrapes) ? arena_new(scrapes->arena, struct scraped) : NULL;
    if (scraped == NULL || !map_put(&scrapes->index, key, scraped)) {
        scrapes->dropped++;
        return NULL;
    }
    *scraped = (struct scraped){.job = text_at(labels, "job", scrapes->arena),
                                .instance = text_at(labels, "instance", scrapes->arena),
                                .level = -1};
    for (size_t i = 0; i < TARGET_VALUES; i++) {
        scraped->values[i] = NAN;
    }
    scrapes->list[scrapes->count++] = scraped;
    return scraped;
}

static int
by_instance(const void *a, const void *b)
{
    const struct scraped *x = *(struct scraped *const *)a, *y = *(struct scraped *const *)b;
    int order = strcmp(x->instance, y->instance);
    return order != 0 ? order : strcmp(x->job, y->job);
}

void
scrapes_sort(struct scrapes *scrapes)
{
    if (scrapes->count > 1) {
        qsort(scrapes->list, scrapes->count, sizeof(struct scraped *), by_instance);
    }
}

/* One expression for all: its parts are told apart by a label. %s is the span of rates. */
#define RATE_OF(metric) "(rate(" metric "[%s]))"
#define REAL_INTERFACE "{device!~\"lo|veth.*|docker.*|br-.*|virbr.*|cali.*|cni.*|flannel.*\"}"

static const struct {
    const char *name, *expression;
} parts[TARGET_VALUES] = {
    [TARGET_UP] = {"up", "up"},
    [TARGET_AT] = {"at", "timestamp(up)"},
    [TARGET_DURATION] = {"duration", "scrape_duration_seconds"},
    [TARGET_SAMPLES] = {"samples", "scrape_samples_scraped"},
    [TARGET_CPU] = {"cpu",
                    "1-avg by(job,instance)" RATE_OF("node_cpu_seconds_total{mode=\"idle\"}")},
    [TARGET_MEMORY] = {"memory", "1-node_memory_MemAvailable_bytes/node_memory_MemTotal_bytes"},
    [TARGET_DISK] = {"disk", "max by(job,instance)" RATE_OF("node_disk_io_time_seconds_total")},
    [TARGET_NETWORK] = {"network",
                        "sum by(job,instance)" RATE_OF(
                            "node_network_receive_bytes_"
                            "total" REAL_INTERFACE) "+sum "
                                                    "by(job,"
                                                    "instance)" RATE_OF("node_network_"
                                                                        "transmit_bytes_"
                                                                        "tota"
                                                                        "l" REAL_INTERFACE)},
};

static void
put_part(struct buf *query, const char *name, const char *expression, const char *span)
{
    buf_printf(query, "%slabel_replace(", query->n > 0 ? " or " : "");
    for (const char *mark; (mark = strstr(expression, "%s")) != NULL; expression = mark + 2) {
        buf_add(query, expression, (size_t)(mark - expression));
        buf_puts(query, span);
    }
    buf_printf(query, "%s,\"" PART_LABEL "\",\"%s\",\"\",\"\")", expression, name);
}

void
scrapes_query(struct buf *query, unsigned span_s)
{
    char span[16];
    snprintf(span, sizeof(span), "%us", span_s);
    for (size_t i = 0; i < TARGET_VALUES; i++) {
        put_part(query, parts[i].name, parts[i].expression, span);
    }
}

static int
part_of(const char *name)
{
    for (int i = 0; i < TARGET_VALUES; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void
take_result(struct scrapes *scrapes, const cJSON *result)
{
    char name[16];
    const cJSON *labels = json_at(result, "metric"), *pair = json_at(result, "value");
    json_text_at(labels, PART_LABEL, name, sizeof(name));
    int part = part_of(name);
    struct scraped *scraped = part >= 0 ? scrapes_of(scrapes, labels) : NULL;
    if (scraped != NULL) {
        const cJSON *value = cJSON_GetArrayItem(pair, 1);
        scraped->values[part] = part == TARGET_AT ? prometheus_time(value) : json_number(value);
        scraped->machine |= part >= TARGET_CPU;
    }
}

void
scrapes_take(struct scrapes *scrapes, const cJSON *results)
{
    const cJSON *result;
    cJSON_ArrayForEach(result, results)
    {
        take_result(scrapes, result);
    }
}

void
scrape_errors_init(struct scrape_errors *errors)
{
    map_init(&errors->texts, TARGETS_MAX);
    arena_init(&errors->arena, (size_t)2 << 20);
}

void
scrape_errors_done(struct scrape_errors *errors)
{
    map_done(&errors->texts);
    arena_done(&errors->arena);
}

void
scrape_errors_take(struct scrape_errors *errors, const cJSON *data)
{
    const cJSON *target, *list = json_at(data, "activeTargets");
    list = cJSON_IsArray(list) ? list : NULL;
    map_clear(&errors->texts);
    arena_clear(&errors->arena);
    cJSON_ArrayForEach(target, list)
    {
        const char *text = text_at(target, "lastError", &errors->arena);
        if (text[0] != '\0') {
            map_put(&errors->texts, key_of(json_at(target, "labels")), (void *)(uintptr_t)text);
        }
    }
}

void
scrapes_take_errors(struct scrapes *scrapes, const struct scrape_errors *errors)
{
    for (size_t i = 0; i < scrapes->count; i++) {
        struct scraped *scraped = scrapes->list[i];
        bool down = scraped->values[TARGET_UP] <= 0;
        uint64_t key = hash_mix(hash_text(scraped->job), hash_text(scraped->instance));
        const char *text = down ? map_get(&errors->texts, key) : NULL;
        scraped->error = text != NULL ? arena_text(scrapes->arena, text, strlen(text)) : NULL;
    }
}

/* What rules say of the weight of their alerts, in their own words. */
static int
level_of(const cJSON *alert)
{
    static const struct {
        const char *word;
        enum level level;
    } words[] = {
        {"info", LEVEL_INFO},           {"information", LEVEL_INFO},   {"none", LEVEL_NORMAL},
        {"notice", LEVEL_INFO},         {"critical", LEVEL_CRITICAL},  {"crit", LEVEL_CRITICAL},
        {"error", LEVEL_CRITICAL},      {"high", LEVEL_CRITICAL},      {"page", LEVEL_CRITICAL},
        {"emergency", LEVEL_EMERGENCY}, {"disaster", LEVEL_EMERGENCY},
    };
    char severity[32];
    json_text_at(alert, "labels.severity", severity, sizeof(severity));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(severity, words[i].word) == 0) {
            return (int)words[i].level;
        }
    }
    return LEVEL_WARNING;
}

static const char *
summary_of(const cJSON *alert, struct arena *arena)
{
    static const char *const sayings[] = {"annotations.summary", "annotations.description",
                                          "annotations.message", "labels.alertname"};
    const char *text = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(sayings) && text == NULL; i++) {
        text = json_cell_at(alert, sayings[i], arena);
    }
    return text;
}

static void
take_alert(struct scrapes *scrapes, const cJSON *alert)
{
    char state[16], instance[TEXT_BYTES];
    int level = level_of(alert);
    json_text_at(alert, "state", state, sizeof(state));
    json_text_at(alert, "labels.instance", instance, sizeof(instance));
    for (size_t i = 0; strcmp(state, "firing") == 0 && i < scrapes->count; i++) {
        struct scraped *scraped = scrapes->list[i];
        if (level > scraped->level && strcmp(scraped->instance, instance) == 0) {
            scraped->level = level;
            scraped->alert = summary_of(alert, scrapes->arena);
        }
    }
}

void
scrapes_take_alerts(struct scrapes *scrapes, const cJSON *data)
{
    const cJSON *alert, *list = json_at(data, "alerts");
    size_t n = 0;
    list = cJSON_IsArray(list) ? list : NULL;
    cJSON_ArrayForEach(alert, list)
    {
        if (n++ < ALERTS_MAX) {
            take_alert(scrapes, alert);
        }
    }
}

/* ---- into tables ---- */

static const char *
health_of(const struct scraped *scraped)
{
    double up = scraped->values[TARGET_UP];
    return isnan(up) ? "unknown" : up > 0 ? "up" : "down";
}

static double
age_s(double at_s, double now_s)
{
    double age = now_s - at_s;
    return age < 0 ? 0 : age; /* unknown stays so */
}

/* Of "Get "http://web-01:9100/metrics": dial tcp 10.0.0.1:9100: connect: connection refused; try X"
 * what stands last: the rest says what is known. */
const char *
scrape_why(const char *error, struct arena *arena)
{
    if (error == NULL) {
        return NULL;
    }
    const char *last = error;
    for (const char *colon; (colon = strstr(last, ": ")) != NULL;) {
        last = colon + 2;
    }
    size_t n = strcspn(last, ";");
    return n > 0 ? arena_text(arena, last, n) : error;
}

static void
put_instance(const struct scraped *scraped, struct table *table, struct arena *arena, double now_s)
{
    static const struct {
        enum instance_column column;
        enum target_value value;
    } places[] = {
        {INSTANCE_CPU, TARGET_CPU},
        {INSTANCE_MEMORY, TARGET_MEMORY},
        {INSTANCE_DISK, TARGET_DISK},
        {INSTANCE_NETWORK, TARGET_NETWORK},
    };
    union cell *row = table->count < INSTANCES_MAX ? table_add(table, arena) : NULL;
    if (row == NULL) {
        return;
    }
    double up = scraped->values[TARGET_UP];
    row[INSTANCE_NAME].text = scraped->instance;
    row[INSTANCE_UP].integer = isnan(up) ? CELL_UNKNOWN : up > 0;
    row[INSTANCE_WHY].text = scrape_why(scraped->error, arena);
    row[INSTANCE_AGE].real = age_s(scraped->values[TARGET_AT], now_s);
    row[INSTANCE_LEVEL].integer = scraped->level >= 0 ? scraped->level : CELL_UNKNOWN;
    row[INSTANCE_TEXT].text = scraped->alert;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        row[places[i].column].real = scraped->values[places[i].value];
    }
}

static void
put_target(const struct scraped *scraped, struct table *table, struct arena *arena, double now_s)
{
    union cell *row = table_add(table, arena);
    if (row == NULL) {
        return;
    }
    row[TARGET_COLUMN_KEY].text = arena_printf(arena, "%s %s", scraped->job, scraped->instance);
    row[TARGET_COLUMN_JOB].text = scraped->job;
    row[TARGET_COLUMN_INSTANCE].text = scraped->instance;
    row[TARGET_COLUMN_HEALTH].text = health_of(scraped);
    row[TARGET_COLUMN_AGE].real = age_s(scraped->values[TARGET_AT], now_s);
    row[TARGET_COLUMN_DURATION].real = scraped->values[TARGET_DURATION];
    row[TARGET_COLUMN_SAMPLES].real = scraped->values[TARGET_SAMPLES];
    row[TARGET_COLUMN_ERROR].text = scraped->error;
}

/* A machine that is down has no readings, but its job is one of machines. */
static void
mark_machines(const struct scrapes *scrapes)
{
    struct map jobs;
    map_init(&jobs, TARGETS_MAX);
    for (size_t i = 0; i < scrapes->count; i++) {
        if (scrapes->list[i]->machine) {
            map_put(&jobs, hash_text(scrapes->list[i]->job), scrapes->list[i]);
        }
    }
    for (size_t i = 0; i < scrapes->count; i++) {
        struct scraped *scraped = scrapes->list[i];
        scraped->machine |= map_get(&jobs, hash_text(scraped->job)) != NULL;
    }
    map_done(&jobs);
}

void
scrapes_put(const struct scrapes *scrapes, struct batch *batch, double now_s, const char *instance)
{
    bool all = instance[0] == '\0';
    struct table *targets = batch_table(batch, &target_table, all ? scrapes->count : 1);
    struct table *instances = all ? batch_table(batch, &instance_table, scrapes->count) : NULL;
    size_t machines = 0;
    mark_machines(scrapes);
    for (size_t i = 0; i < scrapes->count; i++) {
        const struct scraped *scraped = scrapes->list[i];
        machines += scraped->machine;
        if (instances != NULL && scraped->machine) {
            put_instance(scraped, instances, batch->arena, now_s);
        }
        if (targets != NULL && (all || strcmp(scraped->instance, instance) == 0)) {
            put_target(scraped, targets, batch->arena, now_s);
        }
    }
    if (instances != NULL) {
        instances->total = machines;
    }
    if (targets != NULL) {
        targets->total = targets->count + scrapes->dropped;
    }
    batch->dropped += scrapes->dropped;
}

/* ---- alerts and exemplars ---- */

/* "2026-11-21T16:24:28.563082886Z" in seconds since 1970; NaN when it is none. */
static double
parse_time(const cJSON *item)
{
    struct tm tm = {0};
    double fraction = 0;
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL) {
        return NAN;
    }
    if (*rest == '.') {
        struct str digits = str_from(rest);
        str_double(&digits, &fraction);
        rest = digits.p;
    }
    return *rest == 'Z' ? (double)timegm(&tm) + fraction : NAN;
}

/* "a=b c=d", without the one that says what it is of. */
static const char *
labels_text(const cJSON *labels, const char *without, struct arena *arena)
{
    char text[512];
    struct buf joined;
    const cJSON *label;
    buf_init(&joined, sizeof(text));
    labels = cJSON_IsObject(labels) ? labels : NULL; /* what stands in a list has no name */
    cJSON_ArrayForEach(label, labels)
    {
        if (cJSON_IsString(label) && strcmp(label->string, without) != 0) {
            buf_printf(&joined, "%s%s=%s", joined.n > 0 ? " " : "", label->string,
                       label->valuestring);
        }
    }
    utf8_clean((struct str){joined.data, joined.n}, text, sizeof(text));
    buf_done(&joined);
    return arena_text(arena, text, strlen(text));
}

static void
put_alert(const cJSON *alert, struct table *table, struct arena *arena, double now_s)
{
    union cell *row =
        cJSON_IsObject(alert) && table->count < ALERTS_MAX ? table_add(table, arena) : NULL;
    if (row == NULL) {
        return;
    }
    const cJSON *labels = json_at(alert, "labels");
    row[ALERT_KEY].text = labels_text(labels, "", arena);
    row[ALERT_NAME].text = json_cell_at(labels, "alertname", arena);
    row[ALERT_STATE].text = json_cell_at(alert, "state", arena);
    row[ALERT_LEVEL].integer = level_of(alert);
    row[ALERT_SEVERITY].text = json_cell_at(labels, "severity", arena);
    row[ALERT_INSTANCE].text = json_cell_at(labels, "instance", arena);
    double since_s = parse_time(json_at(alert, "activeAt"));
    row[ALERT_AGE].real = age_s(since_s, now_s);
    row[ALERT_SINCE].integer = isnan(since_s) ? CELL_UNKNOWN : (int64_t)since_s;
    row[ALERT_VALUE].real = json_number_at(alert, "value");
    row[ALERT_SUMMARY].text = summary_of(alert, arena);
}

/* Of this instance, or of none in particular. */
static bool
is_about(const cJSON *alert, const char *instance)
{
    char own[TEXT_BYTES];
    json_text_at(alert, "labels.instance", own, sizeof(own));
    return instance[0] == '\0' || own[0] == '\0' || strcmp(own, instance) == 0;
}

static void
put_down(const struct scraped *down, struct table *table, struct arena *arena)
{
    union cell *row = down != NULL && down->level < 0 ? table_add(table, arena) : NULL;
    if (row != NULL) {
        row[ALERT_KEY].text = "down";
        row[ALERT_STATE].text = "firing";
        row[ALERT_LEVEL].integer = LEVEL_CRITICAL;
        row[ALERT_INSTANCE].text = down->instance;
        const char *why = scrape_why(down->error, arena);
        row[ALERT_SUMMARY].text =
            arena_printf(arena, "%s does not answer the server that watches it%s%s", down->instance,
                         why != NULL ? ": " : "", why != NULL ? why : "");
        table->total++;
    }
}

void
alerts_put(const cJSON *data, const char *instance, const struct scraped *down, struct batch *batch,
           double now_s, size_t *ret_firing, size_t *ret_pending)
{
    const cJSON *alert, *list = json_at(data, "alerts");
    list = cJSON_IsArray(list) ? list : NULL;
    size_t total = (size_t)cJSON_GetArraySize(list);
    struct table *table = batch_table(batch, &alert_table, MIN(total, (size_t)ALERTS_MAX) + 1);
    *ret_firing = *ret_pending = 0;
    cJSON_ArrayForEach(alert, list)
    {
        char state[16];
        if (!is_about(alert, instance)) {
            total--;
            continue;
        }
        json_text_at(alert, "state", state, sizeof(state));
        *ret_firing += strcmp(state, "firing") == 0;
        *ret_pending += strcmp(state, "pending") == 0;
        if (table != NULL) {
            put_alert(alert, table, batch->arena, now_s);
        }
    }
    if (table != NULL) {
        table->total = total;
        put_down(down, table, batch->arena);
    }
}

static void
put_exemplar(const cJSON *exemplar, const cJSON *series, struct table *table, struct arena *arena,
             double now_s)
{
    static const char *const ids[] = {"trace_id", "traceID", "traceId", "TraceID"};
    const cJSON *labels = json_at(exemplar, "labels");
    const char *trace = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(ids) && trace == NULL; i++) {
        trace = json_cell_at(labels, ids[i], arena);
    }
    union cell *row =
        cJSON_IsObject(exemplar) && table->count < EXEMPLARS_MAX ? table_add(table, arena) : NULL;
    if (row != NULL) {
        row[EXEMPLAR_KEY].text = trace != NULL ? trace : labels_text(labels, "", arena);
        row[EXEMPLAR_METRIC].text = json_cell_at(series, "__name__", arena);
        row[EXEMPLAR_VALUE].real = json_number_at(exemplar, "value");
        row[EXEMPLAR_AGE].real = age_s(json_number_at(exemplar, "timestamp"), now_s);
        row[EXEMPLAR_LABELS].text = labels_text(series, "__name__", arena);
    }
}

void
exemplars_put(const cJSON *data, struct batch *batch, double now_s)
{
    const cJSON *group, *exemplar;
    bool any = cJSON_IsArray(data) && cJSON_GetArraySize(data) > 0;
    struct table *table = any ? batch_table(batch, &exemplar_table, EXEMPLARS_MAX) : NULL;
    size_t total = 0;
    if (table == NULL) {
        return;
    }
    cJSON_ArrayForEach(group, data)
    {
        const cJSON *list = json_at(group, "exemplars");
        list = cJSON_IsArray(list) ? list : NULL;
        cJSON_ArrayForEach(exemplar, list)
        {
            total++;
            put_exemplar(exemplar, json_at(group, "seriesLabels"), table, batch->arena, now_s);
        }
    }
    table->total = total;
}
