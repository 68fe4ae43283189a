/* Any bytes as what a service or a file sends: all that is delivered is read to its end. */
#ifndef FLAMETOP_TESTS_FUZZ_DELIVERED_H
#define FLAMETOP_TESTS_FUZZ_DELIVERED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/receivers/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline uint64_t
fuzz_str(uint64_t hash, struct str text)
{
    return hash_mix(hash, hash_bytes(text.p, text.n));
}

static inline uint64_t
fuzz_attributes(uint64_t hash, const struct span_attribute *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hash = fuzz_str(fuzz_str(hash, list[i].key), list[i].text);
    }
    return hash;
}

static bool
fuzz_span(void *context, const struct span *span)
{
    uint64_t *hash = context;
    const struct str texts[] = {span->trace_id,       span->span_id,     span->parent_id,
                                span->name,           span->status_text, span->resource->service,
                                span->resource->scope};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *hash = fuzz_str(*hash, texts[i]);
    }
    if (span->trace_id.n > SPAN_ID_BYTES_MAX || span->span_id.n > SPAN_ID_BYTES_MAX ||
        span->attribute_count > SPAN_ATTRIBUTES_MAX + 2 || span->probability < 0 ||
        span->probability > 1) {
        abort();
    }
    *hash = fuzz_attributes(*hash, span->attributes, span->attribute_count);
    *hash = fuzz_attributes(*hash, span->resource->attributes, span->resource->attribute_count);
    for (size_t i = 0; i < span->event_count; i++) {
        *hash = fuzz_str(*hash, span->events[i].name);
        *hash = fuzz_attributes(*hash, span->events[i].attributes, span->events[i].attribute_count);
    }
    for (size_t i = 0; i < span->link_count; i++) {
        *hash = fuzz_str(fuzz_str(*hash, span->links[i].trace_id), span->links[i].span_id);
    }
    return (*hash & 1) != 0;
}

static bool
fuzz_reading(void *context, const struct measurement *reading)
{
    uint64_t *hash = context;
    *hash = fuzz_str(fuzz_str(fuzz_str(*hash, reading->name), reading->unit), reading->text);
    *hash = fuzz_attributes(*hash, reading->tags, reading->tag_count);
    for (size_t i = 0; i < reading->bucket_count; i++) {
        *hash = hash_mix(*hash, reading->buckets[i].count);
    }
    return true;
}

/* In memory of exactly this size: what is read behind it is found. */
static inline int
fuzz_decode(decode_function *decode, const uint8_t *data, size_t size)
{
    uint64_t hash = 0;
    struct span_sink sink = {&hash, fuzz_span, fuzz_reading};
    struct delivery delivery = {.now_ns = 1};
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    span_format_detect((struct str){copy, size}, true);
    if (!decode((struct str){copy, size}, &sink, &delivery) && delivery.why[0] == 0) {
        abort();
    }
    if (delivery.refused > delivery.spans + delivery.readings) {
        abort();
    }
    free(copy);
    return 0;
}

#endif
