/* Traces: where their parts are, and whether bytes from elsewhere are one.
 *
 * Invariant: every reader's offsets are inside after trace_check, so readers check nothing. */
#include "flametop/core/trace.h"

#include <math.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

/* Relative times, in ns, so that a start and a duration can be added. */
#define TIME_MAX ((INT64_C(1) << 62) - 1)
#define WEIGHT_MAX 1e12

_Static_assert(sizeof(struct trace) % 8 == 0, "parts are aligned to 8");
_Static_assert(sizeof(struct trace_span) == 112, "no padding: it travels as it is");
_Static_assert(sizeof(struct trace_attribute) == 24, "no padding: it travels as it is");
_Static_assert(sizeof(struct trace_event) == 24, "no padding: it travels as it is");

static const char *
part(const struct trace *trace, size_t offset)
{
    return (const char *)trace + offset;
}

static size_t
resources_at(const struct trace *trace)
{
    return sizeof(*trace) + trace->span_count * sizeof(struct trace_span);
}

static size_t
attributes_at(const struct trace *trace)
{
    return resources_at(trace) + trace->resource_count * sizeof(struct trace_resource);
}

static size_t
events_at(const struct trace *trace)
{
    return attributes_at(trace) + trace->attribute_count * sizeof(struct trace_attribute);
}

static size_t
links_at(const struct trace *trace)
{
    return events_at(trace) + trace->event_count * sizeof(struct trace_event);
}

static size_t
texts_at(const struct trace *trace)
{
    return links_at(trace) + trace->link_count * sizeof(struct trace_link);
}

const struct trace_span *
trace_spans(const struct trace *trace)
{
    return (const void *)part(trace, sizeof(*trace));
}

const struct trace_resource *
trace_resources(const struct trace *trace)
{
    return (const void *)part(trace, resources_at(trace));
}

const struct trace_attribute *
trace_attributes(const struct trace *trace)
{
    return (const void *)part(trace, attributes_at(trace));
}

const struct trace_event *
trace_events(const struct trace *trace)
{
    return (const void *)part(trace, events_at(trace));
}

const struct trace_link *
trace_links(const struct trace *trace)
{
    return (const void *)part(trace, links_at(trace));
}

const char *
trace_text(const struct trace *trace, uint32_t text)
{
    return part(trace, texts_at(trace) + text);
}

uint32_t
trace_find_span(const struct trace *trace, struct str id)
{
    const struct trace_span *spans = trace_spans(trace);
    for (uint32_t i = 0; i < trace->span_count; i++) {
        if (spans[i].id_n == id.n && memcmp(spans[i].id, id.p, id.n) == 0) {
            return i;
        }
    }
    return TRACE_NONE;
}

static const struct trace_attribute *
find_attribute(const struct trace *trace, uint32_t first, uint32_t count, const char *key)
{
    const struct trace_attribute *attributes = trace_attributes(trace) + first;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(trace_text(trace, attributes[i].key), key) == 0) {
            return &attributes[i];
        }
    }
    return NULL;
}

const struct trace_attribute *
trace_attribute(const struct trace *trace, uint32_t span, const char *key)
{
    const struct trace_span *s = &trace_spans(trace)[span];
    const struct trace_attribute *own =
        find_attribute(trace, s->attribute, s->attribute_count, key);
    const struct trace_resource *resource = &trace_resources(trace)[s->resource];
    return own != NULL ? own
                       : find_attribute(trace, resource->attribute, resource->attribute_count, key);
}

struct trace_wanted
trace_wanted(const char *key, const char *value)
{
    struct trace_wanted wanted = {{0}};
    uint64_t hash = hash_text(key);
    wanted.bits[hash >> 6 & 3] |= UINT64_C(1) << (hash & 63);
    if (value != NULL) {
        hash = hash_mix(hash, hash_text(value));
        wanted.bits[hash >> 6 & 3] |= UINT64_C(1) << (hash & 63);
    }
    return wanted;
}

bool
trace_signature_has(const struct trace *trace, const struct trace_wanted *wanted)
{
    bool all = true;
    for (size_t i = 0; i < ARRAY_SIZE(wanted->bits); i++) {
        all &= (trace->signature[i] & wanted->bits[i]) == wanted->bits[i];
    }
    return all;
}

char *
trace_id_text(const struct trace *trace, char *dst, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < trace->id_n && n + 2 < size; i++) {
        dst[n++] = digits[trace->id[i] >> 4];
        dst[n++] = digits[trace->id[i] & 15];
    }
    if (size > 0) {
        dst[n] = 0;
    }
    return dst;
}

/* ---- bytes from elsewhere ---- */

static bool
header_fits(const struct trace *trace, size_t n)
{
    size_t limit = TRACE_BYTES_MAX;
    bool small = trace->span_count >= 1 && trace->span_count <= limit / sizeof(struct trace_span) &&
                 trace->resource_count >= 1 &&
                 trace->resource_count <= limit / sizeof(struct trace_resource) &&
                 trace->attribute_count <= limit / sizeof(struct trace_attribute) &&
                 trace->event_count <= limit / sizeof(struct trace_event) &&
                 trace->link_count <= limit / sizeof(struct trace_link) && trace->text_bytes >= 1 &&
                 trace->text_bytes <= limit;
    return small && trace->bytes == n && n <= limit && n % 8 == 0 && trace->id_n >= 1 &&
           trace->id_n <= SPAN_ID_BYTES_MAX &&
           (texts_at(trace) + trace->text_bytes + 7) / 8 * 8 == n;
}

static bool
header_makes_sense(const struct trace *trace)
{
    return trace->weight >= 1 && trace->weight <= WEIGHT_MAX && trace->start_ns >= 0 &&
           trace->start_ns <= TIME_MAX && trace->duration_ns >= 0 &&
           trace->duration_ns <= TIME_MAX && trace->mono_ns >= -TIME_MAX &&
           trace->mono_ns <= TIME_MAX && trace->service < trace->text_bytes &&
           trace->endpoint < trace->text_bytes && trace->tool < trace->text_bytes &&
           trace->resources < trace->text_bytes;
}

/* Whether they are safe for a terminal, as utf8_clean leaves them, and none is too long. */
static bool
texts_are_clean(const struct trace *trace)
{
    const char *texts = trace_text(trace, 0);
    struct str rest = {texts, trace->text_bytes};
    const char *begin = texts;
    if (texts[0] != 0 || texts[rest.n - 1] != 0) {
        return false;
    }
    while (rest.n > 0) {
        unsigned char c = (unsigned char)*rest.p;
        if (rest.p - begin >= TRACE_TEXT_BYTES_MAX) {
            return false;
        }
        begin = c == 0 ? rest.p + 1 : begin;
        if (c == 0 || (c >= 0x20 && c < 0x7F)) {
            rest.p++;
            rest.n--;
            continue;
        }
        struct str before = rest;
        char clean[8];
        utf8_next(&rest);
        before.n -= rest.n;
        if (utf8_clean(before, clean, sizeof(clean)) != before.n ||
            memcmp(clean, before.p, before.n) != 0) {
            return false;
        }
    }
    return true;
}

static bool
range_fits(uint32_t first, uint32_t count, uint32_t all)
{
    return first <= all && count <= all - first;
}

static bool
span_makes_sense(const struct trace *trace, const struct trace_span *span)
{
    uint32_t texts = trace->text_bytes;
    return span->start_ns >= -TIME_MAX && span->start_ns <= TIME_MAX && span->duration_ns >= -1 &&
           span->duration_ns <= TIME_MAX && span->name < texts && span->status_text < texts &&
           span->label < texts && span->missing < texts && span->resource < trace->resource_count &&
           range_fits(span->attribute, span->attribute_count, trace->attribute_count) &&
           range_fits(span->event, span->event_count, trace->event_count) &&
           range_fits(span->link, span->link_count, trace->link_count) &&
           span->kind <= SPAN_CONSUMER && span->status <= SPAN_ERROR &&
           span->system < TRACE_SYSTEMS && span->id_n <= SPAN_ID_BYTES_MAX;
}

/* Preorder: each span's parent is the nearest before it whose descendants have not ended. */
static bool
tree_is_whole(const struct trace *trace)
{
    const struct trace_span *spans = trace_spans(trace);
    uint32_t count = trace->span_count;
    if (spans[0].parent != TRACE_NONE || spans[0].after != count || spans[0].depth != 0) {
        return false;
    }
    for (uint32_t i = 1, parent = 0; i < count; i++) {
        while (spans[parent].after <= i) {
            parent = spans[parent].parent; /* ends at the root, whose `after` is the count */
        }
        const struct trace_span *span = &spans[i];
        if (span->parent != parent || span->after <= i || span->after > spans[parent].after ||
            span->depth != spans[parent].depth + 1) {
            return false;
        }
        parent = i;
    }
    return true;
}

static bool
parts_make_sense(const struct trace *trace)
{
    uint32_t texts = trace->text_bytes;
    uint64_t attributes_owned = 0, events_owned = 0, links_owned = 0;
    bool good = true;
    const struct trace_span *spans = trace_spans(trace);
    for (uint32_t i = 0; i < trace->span_count && good; i++) {
        good = span_makes_sense(trace, &spans[i]);
        attributes_owned += spans[i].attribute_count;
        events_owned += spans[i].event_count;
        links_owned += spans[i].link_count;
    }
    const struct trace_resource *resources = trace_resources(trace);
    for (uint32_t i = 0; i < trace->resource_count && good; i++) {
        good = resources[i].service < texts && resources[i].scope < texts &&
               range_fits(resources[i].attribute, resources[i].attribute_count,
                          trace->attribute_count);
        attributes_owned += resources[i].attribute_count;
    }
    const struct trace_attribute *attributes = trace_attributes(trace);
    for (uint32_t i = 0; i < trace->attribute_count && good; i++) {
        good = attributes[i].key < texts && attributes[i].text < texts &&
               attributes[i].type <= SPAN_BYTES;
    }
    const struct trace_event *events = trace_events(trace);
    for (uint32_t i = 0; i < trace->event_count && good; i++) {
        good = events[i].name < texts && events[i].time_ns >= -TIME_MAX &&
               events[i].time_ns <= TIME_MAX &&
               range_fits(events[i].attribute, events[i].attribute_count, trace->attribute_count);
        attributes_owned += events[i].attribute_count;
    }
    const struct trace_link *links = trace_links(trace);
    for (uint32_t i = 0; i < trace->link_count && good; i++) {
        good = links[i].trace < texts && links[i].span < texts;
    }
    return good && attributes_owned <= trace->attribute_count &&
           events_owned <= trace->event_count && links_owned <= trace->link_count;
}

bool
trace_check(const void *bytes, size_t n)
{
    const struct trace *trace = bytes;
    return n >= sizeof(*trace) && (uintptr_t)bytes % 8 == 0 && header_fits(trace, n) &&
           header_makes_sense(trace) && parts_make_sense(trace) && tree_is_whole(trace) &&
           texts_are_clean(trace);
}
