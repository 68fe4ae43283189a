/* OTLP over gRPC: the unary Export of traces and of metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp_reply.h"
#include "receive_parts.h"

#define REPLY_BYTES_MAX 4096

static const struct {
    const char *path;
    decode_function *read;
    bool metrics;
} services[] = {
    {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", otlp_traces_read, false},
    {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", otlp_metrics_read, true},
};

/* ---- large messages ---- */

struct large_call {
    struct receive_large large;
    struct grpc_call *call;
    bool metrics;
};

static void
answer_large(struct receive_large *large, const struct delivery *delivery, enum decoded how)
{
    struct large_call *call = (struct large_call *)large;
    struct str none = {"", 0};
    struct buf reply;
    if (how == DECODED_GOOD) {
        buf_init(&reply, REPLY_BYTES_MAX);
        otlp_reply(delivery, call->metrics, false, &reply);
        grpc_answer(call->call, GRPC_OK,
                    reply.data != NULL ? (struct str){reply.data, reply.n} : none, "");
        buf_done(&reply);
    } else if (how == DECODED_BAD) {
        grpc_answer(call->call, GRPC_INVALID_ARGUMENT, none, delivery->why);
    } else {
        grpc_answer(call->call, GRPC_UNAVAILABLE, none, "flametop ends");
    }
    free(call);
}

static enum grpc_status
take_large(struct receive *receive, struct grpc_call *call, decode_function *decode, bool metrics,
           struct str message, char *why, size_t why_size)
{
    struct large_call *large = malloc(sizeof(*large));
    if (large != NULL) {
        *large = (struct large_call){
            .large = {receive, RECEIVE_OTLP_GRPC, answer_large}, .call = call, .metrics = metrics};
        if (receive_decode_large(&large->large, decode, message)) {
            return GRPC_LATER;
        }
        free(large);
    }
    snprintf(why, why_size, "other messages are being read: send it again in a moment");
    return GRPC_UNAVAILABLE;
}

/* ---- calls ---- */

enum grpc_status
grpc_handle(void *context, struct grpc_call *call, const char *path, struct str message,
            struct buf *reply, char *why, size_t why_size)
{
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        struct delivery delivery;
        if (strcmp(services[i].path, path) != 0) {
            continue;
        }
        if (receive_is_large(context, message)) {
            return take_large(context, call, services[i].read, services[i].metrics, message, why,
                              why_size);
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
