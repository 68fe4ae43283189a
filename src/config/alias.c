/* The tables of other names, one name a row, in the order of the manual. */
#include "flametop/config/alias.h"

#include <string.h>

#include "flametop/base/macros.h"

const struct name_alias metric_alias_table[] = {
    {"system.cpu_utilization", "system.cpu.utilization"},
    {"system.cpuUsage", "system.cpu.utilization"},
    {"cpu_percent", "system.cpu.utilization"},
    {"system.memory_utilization", "system.memory.utilization"},
    {"system.memoryUsage", "system.memory.utilization"},
    {"memoryUsage", "system.memory.utilization"},
    {"memory_mb", "system.memory.usage"},
    {"system.diskUsage", "system.filesystem.utilization"},
    {"system.networkLatency", "system.network.rtt"},
    {"system.scheduler_utilization", "beam.scheduler.utilization"},
    {"system.process_count", "beam.process.count"},
    {"system.gc_frequency", "beam.gc.rate"},
    {"gc_frequency", "beam.gc.rate"},
    {"pool.capacity_utilization", "pool.capacity.utilization"},
    {"request.completed", "request.count"},
    {"request.throughput", "request.count"},
    {"tracing.collectionOverhead", "flametop.trace.ingest.duration"},
    {"tracing.memoryUsage", "flametop.trace.ingest.memory"},
    {"tracing.storageGrowth", "flametop.trace.storage.rate"},
    {"tracing.eventThroughput", "flametop.trace.span.rate"},
    {"tracing.errorRate", "flametop.trace.error.ratio"},
    {"agents.avgResponseTime", "agent.task.duration"},
    {"agents.taskThroughput", "agent.task.rate"},
    {"queries.avgResponseTime", "db.client.operation.duration"},
    {"queries.queryThroughput", "db.client.operation.count"},
    {"queries.slowQueries", "db.client.slow_queries"},
    {"queries.cacheHitRate", "cache.hit.ratio"},
    {"ui.frameRate", "flametop.ui.frame.rate"},
    {"ui.renderTime", "flametop.ui.frame.duration"},
    {"ui.uiResponseTime", "flametop.ui.key.latency"},
    {"ui.webSocketLatency", "flametop.stream.latency"},
    {"collected_count", "flametop.source.samples"},
    {"collection_time", "flametop.source.duration"},
    {"errors", "flametop.source.errors"},
};
const size_t metric_alias_table_count = ARRAY_SIZE(metric_alias_table);

const struct name_alias option_alias_table[] = {
    {"collection_interval", "interval"},
    {"updateInterval", "interval"},
    {"refresh_interval", "interval"},
    {"tracingConfig.level", "log.level"},
};
const size_t option_alias_table_count = ARRAY_SIZE(option_alias_table);

void
alias_add_all(struct catalog *catalog)
{
    for (size_t i = 0; i < metric_alias_table_count; i++) {
        catalog_add_alias(catalog, metric_alias_table[i].alias, metric_alias_table[i].name);
    }
}

const char *
alias_option(const char *name)
{
    for (size_t i = 0; i < option_alias_table_count; i++) {
        if (strcmp(option_alias_table[i].alias, name) == 0) {
            return option_alias_table[i].name;
        }
    }
    return name;
}
