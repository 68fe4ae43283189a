/* A sink that writes down what decoders deliver, one line a span or reading. */
#ifndef FLAMETOP_TESTS_RECORDED_H
#define FLAMETOP_TESTS_RECORDED_H

#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "flametop/base/buf.h"
#include "flametop/receivers/decode.h"

struct recorded {
    struct buf text;
    struct delivery delivery;
    bool refuse; /* the sink takes nothing */
};

static inline void
record_str(struct buf *out, struct str text)
{
    buf_add(out, text.p, text.n);
}

static inline void
record_id(struct buf *out, const char *name, struct str id)
{
    buf_printf(out, " %s=", name);
    for (size_t i = 0; i < id.n; i++) {
        buf_printf(out, "%02x", (unsigned char)id.p[i]);
    }
}

static inline void
record_attributes(struct buf *out, const struct span_attribute *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_puts(out, " ");
        record_str(out, list[i].key);
        switch (list[i].type) {
        case SPAN_INTEGER:
            buf_printf(out, "=%lld", (long long)list[i].integer);
            break;
        case SPAN_BOOL:
            buf_puts(out, list[i].integer != 0 ? "=true" : "=false");
            break;
        case SPAN_REAL:
            buf_printf(out, "=%g", list[i].real);
            break;
        default:
            buf_puts(out, list[i].type == SPAN_JSON ? ":=" : "=");
            record_str(out, list[i].text);
        }
    }
}

static bool
record_span(void *context, const struct span *span)
{
    struct recorded *recorded = context;
    struct buf *out = &recorded->text;
    buf_puts(out, "span ");
    record_str(out, span->name);
    record_id(out, "trace", span->trace_id);
    record_id(out, "id", span->span_id);
    record_id(out, "parent", span->parent_id);
    buf_printf(out, " kind=%d status=%d flags=%u %lld-%lld", (int)span->kind, (int)span->status,
               span->flags, (long long)span->start_ns, (long long)span->end_ns);
    if (span->probability > 0) {
        buf_printf(out, " p=%g", span->probability);
    }
    buf_puts(out, " service=");
    record_str(out, span->resource->service);
    buf_puts(out, " scope=");
    record_str(out, span->resource->scope);
    record_attributes(out, span->attributes, span->attribute_count);
    for (size_t i = 0; i < span->event_count; i++) {
        buf_printf(out, " event@%lld=", (long long)span->events[i].time_ns);
        record_str(out, span->events[i].name);
        record_attributes(out, span->events[i].attributes, span->events[i].attribute_count);
    }
    for (size_t i = 0; i < span->link_count; i++) {
        record_id(out, span->links[i].follows ? "follows" : "link", span->links[i].span_id);
    }
    if (span->status_text.n > 0) {
        buf_puts(out, " why=");
        record_str(out, span->status_text);
    }
    buf_puts(out, "\n");
    return !recorded->refuse;
}

static bool
record_reading(void *context, const struct measurement *reading)
{
    static const char *const kinds[] = {"gauge", "add",    "count",     "total",
                                        "time",  "member", "histogram", "histograms"};
    struct recorded *recorded = context;
    struct buf *out = &recorded->text;
    buf_printf(out, "%s ", kinds[reading->kind]);
    record_str(out, reading->name);
    buf_printf(out, " %g x%g [", reading->value, reading->weight);
    record_str(out, reading->unit);
    buf_puts(out, "]");
    if (reading->kind == READING_MEMBER) {
        buf_puts(out, " ");
        record_str(out, reading->text);
    }
    record_attributes(out, reading->tags, reading->tag_count);
    for (size_t i = 0; i < reading->bucket_count; i++) {
        buf_printf(out, " (%g,%g]%llu", reading->buckets[i].low, reading->buckets[i].high,
                   (unsigned long long)reading->buckets[i].count);
    }
    buf_puts(out, "\n");
    return !recorded->refuse;
}

static inline bool
record(struct recorded *recorded, decode_function *decode, struct str body)
{
    struct span_sink sink = {recorded, record_span, record_reading};
    buf_init(&recorded->text, (size_t)8 << 20);
    buf_puts(&recorded->text, "");
    recorded->delivery = (struct delivery){.now_ns = 2000000000};
    return decode(body, &sink, &recorded->delivery);
}

/* Decodes and compares. */
static inline void
check_decoded(decode_function *decode, const char *body, const char *expected)
{
    struct recorded recorded = {.refuse = false};
    bool good = record(&recorded, decode, str_from(body));
    assert_string_equal(recorded.text.data, expected);
    assert_string_equal(recorded.delivery.why, "");
    assert_true(good);
    buf_done(&recorded.text);
}

/* It is refused with this sentence, and what was before is delivered. */
static inline void
check_refused(decode_function *decode, const char *body, const char *why, uint64_t before)
{
    struct recorded recorded = {.refuse = false};
    assert_false(record(&recorded, decode, str_from(body)));
    assert_string_equal(recorded.delivery.why, why);
    assert_int_equal(recorded.delivery.spans + recorded.delivery.readings, before);
    buf_done(&recorded.text);
}

/* Cut anywhere, or with any byte changed, nothing is read that is not there (ASan sees). */
static inline void
check_hostile(decode_function *decode, struct str body)
{
    char *copy = malloc(body.n + 1);
    assert_non_null(copy);
    for (size_t n = 0; n < body.n; n++) {
        struct recorded recorded = {.refuse = (n & 1) != 0};
        char *cut = malloc(n > 0 ? n : 1);
        memcpy(cut, body.p, n);
        record(&recorded, decode, (struct str){cut, n});
        buf_done(&recorded.text);
        free(cut);
        memcpy(copy, body.p, body.n);
        copy[n] = (char)(copy[n] ^ (1 << n % 8));
        record(&recorded, decode, (struct str){copy, body.n});
        buf_done(&recorded.text);
    }
    free(copy);
}

#endif
