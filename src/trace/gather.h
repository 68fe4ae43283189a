/* A trace that is being gathered: spans in the order of arrival, and the parts they refer to laid
 * out as the finished trace will have them (core/trace.h), so that building is sorting spans and
 * copying parts.
 *
 * Invariant: what a span that is counted refers to is inside its part; texts[0] is the empty text,
 * and equal texts have equal offsets. A span is added piece by piece and counts once
 * gather_commit was called; gather_rollback forgets its pieces (texts stay, to be used again). */
#ifndef FLAMETOP_TRACE_GATHER_H
#define FLAMETOP_TRACE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "flametop/core/trace.h"

#define GATHER_MATCHES_MAX 6 /* spans of one id differ in kind */
#define GATHER_RESOURCES_MAX 1024

struct gather_span {
    struct trace_span span; /* start_ns is Unix time; parent, after and depth are not set */
    uint32_t tool;          /* text; 0: none */
    uint8_t parent_n;
    uint8_t parent[SPAN_ID_BYTES_MAX];
};

struct gather_text {
    uint32_t offset; /* 0: free */
    uint32_t hash;
};

struct gather_id {
    uint32_t span; /* + 1; 0: free */
    uint32_t hash;
};

struct gather {
    uint64_t serial; /* of who remembers offsets of texts (intake); 0: not known to it */
    struct gather *older, *newer; /* by last arrival */
    uint64_t key;                 /* of the store's map */
    uint64_t seed;
    uint8_t id_n;
    uint8_t id[SPAN_ID_BYTES_MAX];
    int64_t first_mono_ns, last_mono_ns;
    int64_t mono_offset_ns; /* monotonic time minus Unix time, when it began */
    double weight;          /* by what its sender says of sampling */
    double factor;          /* more by that, for traces of its kind that were refused unseen */
    uint32_t version;       /* of the one published last; 0: none was */
    unsigned flags;         /* TRACE_MARKED */
    bool counted;           /* the request is in the metrics */
    bool changed;           /* since it was begun or loaded */
    bool judged, whole;
    bool large;         /* it counts to the bound of large ones */
    bool twins;         /* there are spans of one id */
    uint32_t resources; /* text */
    uint32_t dropped;

    struct gather_span *spans;
    struct trace_attribute *attributes;
    struct trace_event *events;
    struct trace_link *links;
    struct trace_resource *resource_list;
    uint64_t *resource_hashes;
    char *texts;
    struct gather_text *text_slots;
    struct gather_id *id_slots;
    uint32_t span_count, attribute_count, event_count, link_count, resource_count, text_bytes,
        text_count;
    uint32_t span_capacity, attribute_capacity, event_capacity, link_capacity, resource_capacity,
        hash_capacity, text_capacity, text_slot_count, id_slot_count;
    size_t bytes, bytes_max; /* held in all of these */
};

/* What was there before a span's pieces were added. */
struct gather_mark {
    uint32_t attributes, events, links;
};

struct gather *gather_new(uint64_t seed);
void gather_free(struct gather *gather); /* NULL is allowed */

/* As new, but with its memory. */
void gather_clear(struct gather *gather);

/* The hash that tells ids and texts apart inside; `seed` is nobody else's, so that nobody can make
 * them meet on purpose. */
uint64_t gather_hash(uint64_t seed, const void *bytes, size_t n);

static inline uint64_t
gather_word(const void *p, size_t n)
{
    uint64_t word = 0;
    memcpy(&word, p, n);
    return word;
}

/* Whether n bytes are the same. In the header because most are few. */
static inline bool
gather_same(const char *a, const char *b, size_t n)
{
    if (n < 4 || n > 32) {
        return memcmp(a, b, n) == 0;
    }
    if (n < 8) { /* some of it twice */
        return gather_word(a, 4) == gather_word(b, 4) &&
               gather_word(a + n - 4, 4) == gather_word(b + n - 4, 4);
    }
    uint64_t differ = gather_word(a + n - 8, 8) ^ gather_word(b + n - 8, 8);
    for (size_t at = 0; at + 8 < n; at += 8) {
        differ |= gather_word(a + at, 8) ^ gather_word(b + at, 8);
    }
    return differ == 0;
}

/* A text that is clean already; TRACE_NONE: no room. */
uint32_t gather_text(struct gather *gather, struct str text);

/* The same in two: where a text is, TRACE_NONE: nowhere; and one that is nowhere yet. */
uint32_t gather_text_hash(const struct gather *gather, struct str text);
uint32_t gather_find_text(const struct gather *gather, struct str text, uint32_t hash);
uint32_t gather_add_text(struct gather *gather, struct str text, uint32_t hash);

/* Begins to read what gather_find_text of this hash will. */
void gather_expect_text(const struct gather *gather, uint32_t hash);

/* Pieces; NULL: no room. What comes back is zeroed and counted already; of attributes, the last
 * ones can be given back by counting less. */
struct trace_attribute *gather_attributes(struct gather *gather, size_t count);
struct trace_event *gather_events(struct gather *gather, size_t count);
struct trace_link *gather_links(struct gather *gather, size_t count);

/* The resource of this hash, TRACE_NONE when it is new (what was loaded has 0: its hash is not
 * known); and a new one. */
uint32_t gather_find_resource(const struct gather *gather, uint64_t hash);
uint32_t gather_resource(struct gather *gather, const struct trace_resource *resource,
                         uint64_t hash);

struct gather_mark gather_begin(const struct gather *gather);
void gather_rollback(struct gather *gather, struct gather_mark mark);

/* The spans of an id; `hash` is that of the id, here and where it is counted. */
bool gather_commit(struct gather *gather, const struct gather_span *span, uint32_t hash);
uint32_t gather_id_hash(const struct gather *gather, const uint8_t *id, size_t n);
size_t gather_matches(const struct gather *gather, const uint8_t *id, size_t n, uint32_t hash,
                      uint32_t ret_spans[GATHER_MATCHES_MAX]);

/* Begins to read what gather_matches of this hash will: the place that tells the span, and once
 * that is there the span. Many look-ups at a time wait once for memory instead of each. */
void gather_expect_id(const struct gather *gather, uint32_t hash);
void gather_expect_span(const struct gather *gather, uint32_t hash);

/* Begins with a trace that was built before. False: no room. */
bool gather_load(struct gather *gather, const struct trace *trace);

#endif
