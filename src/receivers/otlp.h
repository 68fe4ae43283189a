/* What the decoders of OTLP's traces and metrics share. */
#ifndef FLAMETOP_SRC_RECEIVERS_OTLP_H
#define FLAMETOP_SRC_RECEIVERS_OTLP_H

#include "decoder.h"
#include "flametop/base/macros.h"
#include "flametop/base/protobuf.h"

/* The KeyValues in field `number` of a message, at most `count` of them. NULL when there are none.
 * ret_count: how many there are. */
const struct span_attribute *otlp_attributes(struct decoder *decoder, struct arena *arena,
                                             struct str message, uint32_t number, size_t count,
                                             size_t *ret_count);

/* One KeyValue more of a span, in decoder->attributes behind `count` others. Answers how many there
 * are then: no more when it found no room. */
size_t otlp_attribute(struct decoder *decoder, struct str message, size_t count);

/* Begins the resource of a ResourceSpans or ResourceMetrics. */
void otlp_resource(struct decoder *decoder, struct str message);

/* The name in the scope (field 1) of a ScopeSpans or ScopeMetrics becomes the resource's scope. */
void otlp_scope(struct decoder *decoder, struct str message);

/* Calls `each` for each field `number` of a message. False when the message is damaged, or `each`
 * says so. */
bool otlp_each(struct decoder *decoder, struct str message, uint32_t number,
               bool (*each)(struct decoder *decoder, struct str message));

/* The JSON in decoder.text as an attribute's value; a word of that when writing it was not good. */
void otlp_put_json(struct decoder *decoder, struct arena *arena, bool good,
                   struct span_attribute *attribute);

/* A fixed64 of nanoseconds; what is beyond saturates. */
static inline int64_t
otlp_time(uint64_t value)
{
    return (int64_t)MIN(value, (uint64_t)INT64_MAX);
}

/* How many there are of a field. */
size_t otlp_count(struct str message, uint32_t number);

/* ---- JSON ---- */

/* The list of {"key": ..., "value": {...}} that comes next. */
size_t otlp_json_attributes(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
                            const struct span_attribute **ret_attributes);

/* {"attributes": [...]}, as the resource that begins. */
void otlp_json_resource(struct decoder *decoder, struct json_scan *scan);

/* {"name": "..."}. */
void otlp_json_scope(struct decoder *decoder, struct json_scan *scan);

/* The list that comes next: `one` for each object in it, to its end. */
void otlp_json_each(struct decoder *decoder, struct json_scan *scan,
                    void (*one)(struct decoder *decoder, struct json_scan *scan));

/* An object with a list of what belongs to it. Objects have no order, but writers say first whose
 * the list is: where it comes first, the scanner remembers the place and reads it last. */
struct otlp_owner {
    const char *own[2];   /* keys of what it says of itself */
    const char *lists[2]; /* keys of its list */
    void (*take)(struct decoder *decoder, struct json_scan *scan);
    void (*one)(struct decoder *decoder, struct json_scan *scan);
};

void otlp_json_owner(struct decoder *decoder, struct json_scan *scan,
                     const struct otlp_owner *owner);

#endif
