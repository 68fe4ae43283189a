/* What decoders share: scratch memory, ids, values, and handing on.
 *
 * `outer` holds what lives as long as the delivery, `inner` what lives as long as one span; who
 * begins the next clears it. */
#ifndef FLAMETOP_SRC_RECEIVERS_DECODER_H
#define FLAMETOP_SRC_RECEIVERS_DECODER_H

#include "flametop/base/arena.h"
#include "flametop/base/buf.h"
#include "flametop/base/hash.h"
#include "flametop/base/json_scan.h"
#include "flametop/receivers/decode.h"

#define TRACE_ID_BYTES 16
#define SPAN_ID_BYTES 8

struct decoder {
    const struct span_sink *sink;
    struct delivery *delivery;
    struct arena outer, inner;
    struct buf text;                   /* for one value at a time */
    struct span_resource *resource;    /* never NULL; another pointer for each */
    struct span_resource none;         /* when there is no memory for more */
    struct span_attribute *attributes; /* of the span at hand, where they are not counted first */
    size_t attribute_capacity;
    struct map services; /* resources by name */
};

void decoder_init(struct decoder *decoder, const struct span_sink *sink, struct delivery *delivery);
void decoder_done(struct decoder *decoder);

/* A new resource, empty. */
void decoder_resource(struct decoder *decoder);

/* The same with another scope from now on. */
void decoder_scope(struct decoder *decoder, struct str scope);

/* The resource that is known by its service's name alone: each name has one. Of a new one the
 * attributes can be set then (true). */
bool decoder_service(struct decoder *decoder, struct str service);

/* A span of that resource with nothing in it; what the last one held is gone. */
void span_init(struct decoder *decoder, struct span *span);

void decoder_span(struct decoder *decoder, const struct span *span);
void decoder_reading(struct decoder *decoder, const struct measurement *reading);

/* Whether to read on, asked before each element of a list; otherwise the scanner (NULL: none) is at
 * its end. */
bool decoder_goes_on(struct decoder *decoder, struct json_scan *scan);

/* The first sentence stays. Answers false. */
bool decoder_fail(struct decoder *decoder, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same with the line, of JSON that is wrong: what the scanner says, else `what`. */
bool decoder_fail_json(struct decoder *decoder, const struct json_scan *scan, const char *what);

/* ---- times ---- */

/* Microseconds, none below zero, as nanoseconds. This and the next saturate. */
int64_t ns_of_us(int64_t us);

/* The end of what began then and took so long (0 or more). */
int64_t ns_after(int64_t start_ns, int64_t duration_ns);

/* ---- ids ---- */

/* An id as it is meant: none when all its bytes are zero, a hash when there are too many. */
struct str id_of_bytes(struct arena *arena, struct str bytes);

/* An id that is text: hexadecimal digits (short ones get zeros in front up to `width` bytes), a
 * UUID, base64 of exactly `width` bytes, or any other text, whose bytes it is then. */
struct str id_of_text(struct arena *arena, struct str text, size_t width);

/* ---- attributes ---- */

/* At most `max` of a list; what is beyond is counted. */
size_t decoder_bound(struct decoder *decoder, size_t count, size_t max);

const struct span_attribute *attribute_find(const struct span_attribute *attributes, size_t count,
                                            const char *key);

static inline struct span_attribute
attribute_text(struct str key, struct str text)
{
    return (struct span_attribute){.key = key, .type = SPAN_TEXT, .text = text};
}

/* That the trace was sampled, by W3C's tracestate ("ot=th:c" or "ot=p:3") or by an attribute
 * (sampling.probability, sampler.param of a probabilistic sampler); 0: not said. */
double span_sampled(struct str trace_state, const struct span_attribute *attributes, size_t count);

/* Takes service.name out of the resource's attributes into resource.service. */
void decoder_name_service(struct decoder *decoder);

/* ---- JSON ---- */

/* A string's text without escapes: a view of the JSON where there are none, else in the arena. */
struct str json_plain(struct arena *arena, struct str text);

/* The next value as a string without escapes; false, and it is skipped, when it is none. */
bool json_take_text(struct json_scan *scan, struct arena *arena, struct str *ret_text);

/* The same, empty when it is none. */
struct str json_next_text(struct json_scan *scan, struct arena *arena);

/* The next value as an id (id_of_text) in the inner arena; empty when it is no string. */
struct str json_take_id(struct decoder *decoder, struct json_scan *scan, size_t width);

/* The next value as a whole number, written as a number or as a string; false, and it is skipped,
 * when it is none. Exact to 64 bits: a double would lose nanoseconds. What is beyond saturates. */
bool json_take_integer(struct json_scan *scan, int64_t *ret_value);

/* The same of any number. */
bool json_take_real(struct json_scan *scan, double *ret_value);

bool json_take_bool(struct json_scan *scan, bool *ret_value);

/* The next value, of any kind, as an attribute's: objects and arrays as their JSON. */
bool json_take_any(struct json_scan *scan, struct arena *arena, struct span_attribute *attribute);

/* {"key": value, ...} as attributes; NULL and 0 when the next value is no object. */
size_t json_take_map(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
                     const struct span_attribute **ret_attributes);

/* Begins the next object of the array that was entered, skipping what is none; false at its end.
 * What stays unread of an object must be skipped (json_scan_skip). */
bool json_next_object(struct json_scan *scan);

/* The list of objects that comes next: `one` fills an element of so many bytes, zeroed, from each,
 * and reads to its end. At most `max`; what is beyond is counted. NULL and 0 when there are none.
 */
void *json_take_list(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
                     size_t max, size_t bytes,
                     void (*one)(struct decoder *decoder, struct json_scan *scan,
                                 struct arena *arena, void *element),
                     size_t *ret_count);

/* The elements of the array that was entered, or the fields of an object, without reading on: for
 * the size of what is to be filled. */
size_t json_count(struct json_scan scan);

/* The value after the one key of several that a document with it has, wherever it stands in it.
 * False when there is none. For telling formats apart by their first bytes, which may be cut. */
bool json_has_key(struct str head, const char *key);

/* Reads values that follow one another: one document, the elements of one array, or lines. `one` is
 * called at the begin of each object (after its JSON_OBJECT) and reads it to its end. */
bool json_each(struct decoder *decoder, struct str text, bool arrays, void *context,
               bool (*one)(struct decoder *decoder, struct json_scan *scan, void *context));

#endif
