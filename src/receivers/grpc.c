/* OTLP over gRPC: the unary Export of traces and of metrics. */
#include <stdio.h>
#include <string.h>

#include "otlp_reply.h"
#include "receive_parts.h"

static const struct {
    const char *path;
    decode_function *read;
    bool metrics;
} services[] = {
    {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", otlp_traces_read, false},
    {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", otlp_metrics_read, true},
};

enum grpc_status
grpc_handle(void *context, const char *path, struct str message, struct buf *reply, char *why,
            size_t why_size)
{
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        struct delivery delivery;
        if (strcmp(services[i].path, path) != 0) {
            continue;
        }
        if (!receive_decode(context, RECEIVE_OTLP_GRPC, services[i].read, message, &delivery)) {
            snprintf(why, why_size, "%s", delivery.why);
            return GRPC_INVALID_ARGUMENT;
        }
        otlp_reply(&delivery, services[i].metrics, false, reply);
        return GRPC_OK;
    }
    receive_error(context, RECEIVE_OTLP_GRPC);
    snprintf(why, why_size, "%s",
             strstr(path, "LogsService") != NULL
                 ? "logs are not kept here: set OTEL_LOGS_EXPORTER=none"
                 : "traces and metrics are received here, nothing else");
    return GRPC_UNIMPLEMENTED;
}

void
grpc_refused(void *context)
{
    receive_error(context, RECEIVE_OTLP_GRPC);
}
