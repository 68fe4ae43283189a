/* What streams, WebSockets and /api/v1/findings say of a picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "parts.h"

/* The names that dashboards of the agent swarm's tracing know, and where we have them. */
static const struct {
    const char *group, *key, *formula;
    double factor;
} mission[] = {
    {"system", "cpuUsage", "system.cpu.utilization", 100},
    {"system", "memoryUsage", "system.memory.utilization", 100},
    {"system", "diskUsage", "system.filesystem.utilization", 100},
    {"system", "networkLatency", "system.network.rtt", 1e3},
    {"tracing", "collectionOverhead", "flametop.trace.ingest.duration", 1e3},
    {"tracing", "memoryUsage", "flametop.trace.memory", 1},
    {"tracing", "storageGrowth", "flametop.trace.storage.rate", 1},
    {"tracing", "eventThroughput", "flametop.trace.span.rate", 1},
    {"tracing", "errorRate", "flametop.trace.error.ratio", 1},
    {"agents", "totalAgents", "agent.count", 1},
    {"agents", "activeAgents", "agent.count{state=active}", 1},
    {"agents", "busyAgents", "agent.count{state=busy}", 1},
    {"agents", "avgResponseTime", "agent.task.duration", 1e3},
    {"agents", "taskThroughput", "agent.task.rate", 1},
    {"queries", "avgResponseTime", "db.client.operation.duration", 1e3},
    {"queries", "queryThroughput", "db.client.operation.rate", 1},
    {"queries", "slowQueries", "db.client.slow_queries", 1},
    {"queries", "cacheHitRate", "cache.hit.ratio", 1},
    {"ui", "frameRate", "flametop.ui.frame.rate", 1},
    {"ui", "renderTime", "flametop.ui.frame.duration", 1e3},
    {"ui", "uiResponseTime", "flametop.ui.key.latency", 1e3},
    {"ui", "webSocketLatency", "flametop.stream.latency", 1e3},
};

static double
ask(const struct picture *picture, const char *formula)
{
    char why[160];
    struct query *query = query_new_formula(picture->catalog, formula, why, sizeof(why));
    double value = query != NULL ? query_now(query, picture) : NAN;
    query_free(query);
    return value;
}

static void
write_mission(const struct picture *picture, struct json *json)
{
    const char *group = "";
    for (size_t i = 0; i < ARRAY_SIZE(mission); i++) {
        if (strcmp(group, mission[i].group) != 0) {
            if (group[0] != '\0') {
                json_object_end(json);
            }
            group = mission[i].group;
            json_key(json, group);
            json_object(json);
        }
        json_key(json, mission[i].key);
        json_double(json, ask(picture, mission[i].formula) * mission[i].factor);
    }
    json_object_end(json);
}

/* The query of the ith metric of the catalog, kept. */
static struct query *
total_of(struct agent *agent, size_t i, const struct metric *metric)
{
    char why[160];
    if (i >= agent->total_count) {
        size_t count = MIN(MAX(i + 1, agent->total_count * 2), (size_t)AGENT_METRICS_MAX);
        struct query **totals =
            i < AGENT_METRICS_MAX ? reallocarray(agent->totals, count, sizeof(*totals)) : NULL;
        if (totals == NULL) {
            return NULL;
        }
        memset(totals + agent->total_count, 0, (count - agent->total_count) * sizeof(*totals));
        agent->totals = totals;
        agent->total_count = count;
    }
    if (agent->totals[i] == NULL) {
        agent->totals[i] = query_new(agent->setup.catalog, metric->name, NULL, why, sizeof(why));
    }
    return agent->totals[i];
}

void
write_update(struct agent *agent, const struct picture *picture, struct json *json)
{
    const struct metric *metric;
    json_object(json);
    json_key(json, "timestamp");
    json_time(json, picture->wall_ns);
    write_mission(picture, json);
    json_key(json, "metrics");
    json_object(json);
    for (size_t i = 0; (metric = catalog_metric_at(picture->catalog, i)) != NULL; i++) {
        struct query *query = total_of(agent, i, metric);
        double value = query != NULL ? query_now(query, picture) : NAN;
        if (!isnan(value)) { /* unknown is left out */
            json_key(json, metric->name);
            json_double(json, value);
        }
    }
    json_object_end(json);
    json_object_end(json);
}

bool
finding_is_alert(const struct finding *finding)
{
    return finding->level >= LEVEL_WARNING && finding->until_wall_ns == 0;
}

static void
text_member(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

static void
write_finding(const struct finding *finding, struct json *json)
{
    json_object(json);
    text_member(json, "id", finding->id);
    text_member(json, "level", level_name(finding->level));
    json_key(json, "impact");
    json_int(json, finding->impact);
    text_member(json, "sentence", finding->sentence);
    json_key(json, "since");
    json_time(json, finding->since_wall_ns);
    json_key(json, "until");
    if (finding->until_wall_ns != 0) {
        json_time(json, finding->until_wall_ns);
    } else {
        json_null(json);
    }
    text_member(json, "culprit", finding->culprit);
    text_member(json, "advice", finding->advice);
    json_key(json, "evidence");
    json_array(json);
    for (size_t i = 0; i < finding->evidence_count; i++) {
        const struct evidence *evidence = &finding->evidence[i];
        json_object(json);
        text_member(json, "label", evidence->label);
        text_member(json, "value", evidence->value);
        text_member(json, "metric", evidence->metric);
        text_member(json, "labels", evidence->labels);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

/* The number behind an alert: the first of its evidence that is a series. */
void
write_alert(const struct picture *picture, const struct finding *finding, struct json *json)
{
    const struct evidence *proof = NULL;
    double value = NAN, warning, critical, threshold = NAN;
    for (size_t i = 0; i < finding->evidence_count && proof == NULL; i++) {
        proof = finding->evidence[i].metric != NULL ? &finding->evidence[i] : NULL;
    }
    if (proof != NULL) {
        const struct metric *metric = catalog_metric(picture->catalog, proof->metric);
        value = query_once(picture, proof->metric, proof->labels);
        if (metric != NULL && catalog_thresholds(picture->catalog, metric, &warning, &critical)) {
            threshold = finding->level >= LEVEL_CRITICAL ? critical : warning;
        }
    }
    json_object(json);
    text_member(json, "id", finding->id);
    text_member(json, "severity", level_name(finding->level));
    text_member(json, "message", finding->sentence);
    text_member(json, "metric", proof != NULL ? proof->metric : NULL);
    json_key(json, "threshold");
    json_double(json, threshold);
    json_key(json, "value");
    json_double(json, value);
    json_object_end(json);
}

void
write_findings(const struct picture *picture, bool alerts_only, struct json *json)
{
    json_array(json);
    for (size_t i = 0; i < picture->finding_count; i++) {
        if (!alerts_only) {
            write_finding(&picture->findings[i], json);
        } else if (finding_is_alert(&picture->findings[i])) {
            write_alert(picture, &picture->findings[i], json);
        }
    }
    json_array_end(json);
}
