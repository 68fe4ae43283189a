/* What OTLP answers: the export responses and the errors, in protobuf and in JSON. */
#ifndef FLAMETOP_SRC_RECEIVERS_OTLP_REPLY_H
#define FLAMETOP_SRC_RECEIVERS_OTLP_REPLY_H

#include "flametop/base/buf.h"
#include "flametop/receivers/decode.h"

/* An Export*ServiceResponse: empty when all was taken, else the partial success. `metrics`: data
 * points are counted instead of spans. */
void otlp_reply(const struct delivery *delivery, bool metrics, bool json, struct buf *out);

/* A google.rpc.Status. */
void otlp_reply_error(int code, const char *sentence, bool json, struct buf *out);

#endif
