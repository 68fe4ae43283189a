/* Building a trace: the tree of the spans by their ids, then a walk of it. All of it is loops: a
 * trace may be as deep as it has spans. */
#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"

#define SIGNED_SPANS_MAX                                                                           \
    64 /* larger traces have so many attributes that a signature says nothing */

#define RADIX_SPANS_MIN 256 /* fewer are compared */
#define RADIX_BITS 11
#define RADIX (1u << RADIX_BITS)

#define AHEAD 8u /* look-ups that memory is asked for beforehand */

enum walk_state { UNSEEN, ON_THE_WAY, SEEN };

void
build_init(struct build *build)
{
    *build = (struct build){.made_up = TRACE_NONE};
}

void
build_done(struct build *build)
{
    pages_free(build->all);
    build_init(build);
}

/* One block, its parts by how they are aligned. */
static bool
reserve(struct build *build, uint32_t count)
{
    if (count <= build->capacity) {
        return true;
    }
    size_t capacity = MAX(count, MAX(build->capacity * 2, 64u));
    size_t each = 2 * sizeof(build->sorted[0]) + 4 * sizeof(uint32_t) + sizeof(build->state[0]);
    build_done(build);
    build->all = pages_new(capacity, each, PAGES_HUGE);
    if (build->all == NULL) {
        return false;
    }
    build->sorted = build->all;
    build->spare = build->sorted + capacity;
    build->parent = (uint32_t *)(build->spare + capacity);
    build->first = build->parent + capacity;
    build->next = build->first + capacity;
    build->place = build->next + capacity;
    build->state = (uint8_t *)(build->place + capacity);
    build->capacity = (uint32_t)capacity;
    return true;
}

/* ---- parents ---- */

static bool
is_remote_half(uint8_t kind)
{
    return kind == SPAN_SERVER || kind == SPAN_CONSUMER;
}

/* A span that shares its id with the caller's half is that one's child. */
static uint32_t
other_half(const struct gather *gather, uint32_t index)
{
    const struct trace_span *span = &gather->spans[index].span;
    uint32_t matches[GATHER_MATCHES_MAX];
    if (!gather->twins || !is_remote_half(span->kind)) {
        return TRACE_NONE;
    }
    uint32_t hash = gather_id_hash(gather, span->id, span->id_n);
    size_t count = gather_matches(gather, span->id, span->id_n, hash, matches);
    for (size_t i = 0; i < count; i++) {
        uint8_t kind = gather->spans[matches[i]].span.kind;
        if (matches[i] != index && !is_remote_half(kind)) {
            return matches[i];
        }
    }
    return TRACE_NONE;
}

static uint32_t
parent_hash(const struct gather *gather, uint32_t index)
{
    const struct gather_span *child = &gather->spans[index];
    return child->parent_n > 0 ? gather_id_hash(gather, child->parent, child->parent_n) : 0;
}

/* Of two halves of one id a child belongs to the one of its own process, else to the callee's. */
static uint32_t
find_parent(const struct gather *gather, uint32_t index, uint32_t hash)
{
    const struct gather_span *child = &gather->spans[index];
    uint32_t matches[GATHER_MATCHES_MAX], best = TRACE_NONE;
    size_t count = gather_matches(gather, child->parent, child->parent_n, hash, matches);
    int best_score = -1;
    for (size_t i = 0; i < count; i++) {
        const struct trace_span *parent = &gather->spans[matches[i]].span;
        int score = 2 * (parent->resource == child->span.resource) + is_remote_half(parent->kind);
        if (matches[i] != index && score > best_score) {
            best = matches[i];
            best_score = score;
        }
    }
    return best;
}

/* `hash` is that of the parent's id. */
static uint32_t
parent_of(const struct gather *gather, uint32_t index, uint32_t hash)
{
    uint32_t half = other_half(gather, index);
    if (half != TRACE_NONE) {
        return half;
    }
    return gather->spans[index].parent_n > 0 ? find_parent(gather, index, hash) : TRACE_NONE;
}

bool
build_is_whole(const struct gather *gather)
{
    size_t roots = 0;
    for (uint32_t i = 0; i < gather->span_count; i++) {
        bool top = parent_of(gather, i, parent_hash(gather, i)) == TRACE_NONE;
        if (top && gather->spans[i].parent_n > 0) {
            return false;
        }
        roots += top;
        if (gather->spans[i].span.duration_ns < 0) {
            return false;
        }
    }
    return roots == 1;
}

/* ---- order ---- */

/* By start; of those that start together the longer, then by id, so that the order in which they
 * came does not matter. */
static int
compare(const struct gather *gather, uint32_t a, uint32_t b)
{
    const struct trace_span *x = &gather->spans[a].span, *y = &gather->spans[b].span;
    if (x->start_ns != y->start_ns) {
        return x->start_ns < y->start_ns ? -1 : 1;
    }
    if (x->duration_ns != y->duration_ns) {
        return x->duration_ns > y->duration_ns ? -1 : 1;
    }
    int order = memcmp(x->id, y->id, sizeof(x->id));
    return order != 0 ? order : (x->kind > y->kind) - (x->kind < y->kind);
}

/* Spans that name each other as parents have no way to the root: the first of each such circle
 * loses its parent. */
static void
cut_circles(struct build *build, const struct gather *gather)
{
    memset(build->state, UNSEEN, gather->span_count);
    for (uint32_t i = 0; i < gather->span_count; i++) {
        uint32_t at = i;
        while (at != TRACE_NONE && build->state[at] == UNSEEN) {
            build->state[at] = ON_THE_WAY;
            at = build->parent[at];
        }
        bool circle = at != TRACE_NONE && build->state[at] == ON_THE_WAY;
        for (uint32_t j = i; j != TRACE_NONE && build->state[j] == ON_THE_WAY;
             j = build->parent[j]) {
            build->state[j] = SEEN;
        }
        uint32_t first = at;
        for (uint32_t j = circle ? build->parent[at] : at; j != at; j = build->parent[j]) {
            first = compare(gather, j, first) < 0 ? j : first;
        }
        if (circle) {
            build->parent[first] = TRACE_NONE;
        }
    }
}

/* What is needed of every span is read at once: many do not stay where they are fast to read. */
static void
read_spans(struct build *build, struct gather *gather)
{
    uint32_t *hashes = build->place; /* no place is known yet */
    for (uint32_t i = 0; i < gather->span_count; i++) {
        struct trace_span *span = &gather->spans[i].span;
        build->sorted[i] = (struct build_entry){span->start_ns, i};
        hashes[i] = parent_hash(gather, i);
        if (span->missing != 0) {
            span->missing = 0;
        }
    }
}

static void
find_parents(struct build *build, const struct gather *gather)
{
    const uint32_t *hashes = build->place;
    uint32_t count = gather->span_count;
    for (uint32_t i = 0; i < count; i++) {
        if (i + 2 * AHEAD < count) {
            gather_expect_id(gather, hashes[i + 2 * AHEAD]);
            gather_expect_span(gather, hashes[i + AHEAD]);
        }
        build->parent[i] = parent_of(gather, i, hashes[i]);
    }
    cut_circles(build, gather);
}

/* ---- tops ---- */

static uint32_t
text_or_none(struct gather *gather, struct str text)
{
    uint32_t at = gather_text(gather, text);
    return at != TRACE_NONE ? at : 0;
}

static uint32_t
hex_text(struct gather *gather, const uint8_t *id, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char text[SPAN_ID_BYTES_MAX * 2];
    for (size_t i = 0; i < n; i++) {
        text[i * 2] = digits[id[i] >> 4];
        text[i * 2 + 1] = digits[id[i] & 15];
    }
    return text_or_none(gather, (struct str){text, n * 2});
}

struct tops {
    uint32_t count, roots;
    uint32_t root, orphan; /* the first of each; TRACE_NONE: none */
};

static uint32_t
earlier(const struct gather *gather, uint32_t a, uint32_t b)
{
    return a == TRACE_NONE || compare(gather, b, a) < 0 ? b : a;
}

static struct tops
find_tops(struct build *build, struct gather *gather)
{
    struct tops tops = {.root = TRACE_NONE, .orphan = TRACE_NONE};
    for (uint32_t i = 0; i < gather->span_count; i++) {
        struct gather_span *span = &gather->spans[i];
        if (build->parent[i] != TRACE_NONE) {
            continue;
        }
        tops.count++;
        if (span->parent_n == 0) {
            tops.roots++;
            tops.root = earlier(gather, tops.root, i);
        } else {
            tops.orphan = earlier(gather, tops.orphan, i);
            span->span.missing = hex_text(gather, span->parent, span->parent_n);
        }
    }
    return tops;
}

/* What cannot hang below the root hangs below a span that is made up, which covers it. */
static struct build_entry
make_up(struct build *build, const struct gather *gather, const struct tops *tops)
{
    struct build_entry entry = {INT64_MAX, gather->span_count};
    int64_t end_ns = INT64_MIN;
    bool below = tops->roots == 1;
    for (uint32_t i = 0; i < gather->span_count; i++) {
        const struct trace_span *span = &gather->spans[i].span;
        if (build->parent[i] != TRACE_NONE || (below && i == tops->root)) {
            continue;
        }
        build->parent[i] = entry.span;
        entry.start_ns = MIN(entry.start_ns, span->start_ns);
        end_ns = MAX(end_ns, span->start_ns + MAX(span->duration_ns, 0));
    }
    build->parent[entry.span] = below ? tops->root : TRACE_NONE;
    build->root = below ? tops->root : entry.span;
    build->made_up = entry.span;
    build->made_up_start_ns = entry.start_ns;
    build->made_up_end_ns = end_ns;
    return entry;
}

static int
by_start(const void *a, const void *b, void *context)
{
    const struct build_entry *x = a, *y = b;
    const struct gather *gather = context;
    if (x->start_ns != y->start_ns) {
        return x->start_ns < y->start_ns ? -1 : 1;
    }
    bool made_up = x->span == gather->span_count || y->span == gather->span_count;
    return made_up ? (x->span == gather->span_count ? -1 : 1) : compare(gather, x->span, y->span);
}

static void
compare_sort(struct build_entry *list, size_t count, struct gather *gather)
{
    if (count > 1) {
        qsort_r(list, count, sizeof(list[0]), by_start, gather);
    }
}

/* One pass: by so many bits of the start, those that are equal in them as they were. */
static void
radix_pass(const struct build_entry *from, struct build_entry *to, uint32_t count, int64_t least_ns,
           unsigned shift)
{
    uint32_t places[RADIX] = {0}, next = 0;
    for (uint32_t i = 0; i < count; i++) {
        places[(uint64_t)(from[i].start_ns - least_ns) >> shift & (RADIX - 1)]++;
    }
    for (uint32_t i = 0; i < RADIX; i++) {
        uint32_t n = places[i];
        places[i] = next;
        next += n;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[places[(uint64_t)(from[i].start_ns - least_ns) >> shift & (RADIX - 1)]++] = from[i];
    }
}

/* Many are sorted by the digits of their starts, and compared only with those that start together.
 */
static void
sort(struct build *build, struct gather *gather)
{
    uint32_t count = build->count;
    if (count < RADIX_SPANS_MIN) {
        compare_sort(build->sorted, count, gather);
        return;
    }
    int64_t least_ns = INT64_MAX, most_ns = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        least_ns = MIN(least_ns, build->sorted[i].start_ns);
        most_ns = MAX(most_ns, build->sorted[i].start_ns);
    }
    uint64_t range = (uint64_t)(most_ns - least_ns);
    for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += RADIX_BITS) {
        struct build_entry *sorted = build->spare;
        radix_pass(build->sorted, sorted, count, least_ns, shift);
        build->spare = build->sorted;
        build->sorted = sorted;
    }
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && build->sorted[end].start_ns == build->sorted[i].start_ns;
             end++) {
        }
        compare_sort(build->sorted + i, end - i, gather);
    }
}

/* Children by start, as lists. */
static void
list_children(struct build *build)
{
    for (uint32_t i = 0; i < build->count; i++) {
        build->first[i] = TRACE_NONE;
    }
    for (uint32_t i = build->count; i-- > 0;) {
        uint32_t span = build->sorted[i].span, parent = build->parent[span];
        if (parent != TRACE_NONE) {
            build->next[span] = build->first[parent];
            build->first[parent] = span;
        }
    }
    build->next[build->root] = TRACE_NONE;
}

/* The walk: who stands where, and where what is below it ends. It touches little memory; the starts
 * make room for what it finds. */
static void
walk(struct build *build)
{
    uint32_t at = build->root, count = 0;
    uint32_t *order = (uint32_t *)build->sorted, *after = (uint32_t *)build->spare;
    while (at != TRACE_NONE) {
        order[count] = at;
        build->place[at] = count++;
        if (build->first[at] != TRACE_NONE) {
            at = build->first[at];
            continue;
        }
        after[build->place[at]] = count;
        while (at != build->root && build->next[at] == TRACE_NONE) {
            at = build->parent[at];
            after[build->place[at]] = count;
        }
        at = at == build->root ? TRACE_NONE : build->next[at];
    }
    build->order = order;
    build->after = after;
}

/* The bytes of all parts but the texts. */
static size_t
part_bytes(const struct build *build, const struct gather *gather)
{
    return sizeof(struct trace) + build->count * sizeof(struct trace_span) +
           gather->resource_count * sizeof(struct trace_resource) +
           gather->attribute_count * sizeof(struct trace_attribute) +
           gather->event_count * sizeof(struct trace_event) +
           gather->link_count * sizeof(struct trace_link);
}

bool
build_plan(struct build *build, struct gather *gather)
{
    uint32_t n = gather->span_count;
    if (n == 0 || !reserve(build, n + 1)) {
        return false;
    }
    read_spans(build, gather);
    find_parents(build, gather);
    struct tops tops = find_tops(build, gather);
    build->count = n;
    build->root = tops.root != TRACE_NONE ? tops.root : tops.orphan;
    build->made_up = TRACE_NONE;
    build->orphans = tops.count > tops.roots;
    if (tops.count > 1) {
        build->sorted[n] = make_up(build, gather, &tops);
        build->count = n + 1;
        build->made_up_name =
            text_or_none(gather, tops.roots > 1 ? STR("(several roots)") : STR("(missing parent)"));
    }
    sort(build, gather);
    list_children(build);
    walk(build);
    build->bytes = (part_bytes(build, gather) + MAX(gather->text_bytes, 1u) + 7) / 8 * 8;
    return build->bytes <= TRACE_BYTES_MAX;
}

/* ---- writing ---- */

/* A span that is made up shows the face of its first child. */
static uint32_t
face_of(const struct build *build, uint32_t span)
{
    return span == build->made_up ? build->first[span] : span;
}

static struct trace_span
span_of(const struct build *build, const struct gather *gather, uint32_t index)
{
    if (index != build->made_up) {
        return gather->spans[index].span;
    }
    return (struct trace_span){.start_ns = build->made_up_start_ns,
                               .duration_ns = build->made_up_end_ns - build->made_up_start_ns,
                               .name = build->made_up_name,
                               .label = build->made_up_name,
                               .resource = gather->spans[face_of(build, index)].span.resource,
                               .kind = SPAN_INTERNAL,
                               .flags = SPAN_MADE_UP};
}

/* Spans are read in another order than they lie: memory is asked beforehand. */
static void
expect(const struct gather *gather, uint32_t index)
{
    const char *span = (const char *)&gather->spans[MIN(index, gather->span_count - 1)];
    for (size_t at = 0; at < sizeof(struct gather_span); at += 64) {
        __builtin_prefetch(span + at);
    }
}

/* What is said of the whole is found on the way: the first tool, failures, what is assumed. */
static void
write_spans(const struct build *build, const struct gather *gather, struct trace *trace)
{
    struct trace_span *spans = (struct trace_span *)(trace + 1);
    for (uint32_t i = 0; i < build->count; i++) {
        uint32_t at = build->order[i];
        struct trace_span *span = &spans[i];
        expect(gather, build->order[MIN(i + AHEAD, build->count - 1)]);
        *span = span_of(build, gather, at);
        span->start_ns -= trace->start_ns;
        span->parent = i > 0 ? build->place[build->parent[at]] : TRACE_NONE;
        span->depth = i > 0 ? spans[span->parent].depth + 1 : 0;
        span->after = build->after[i];
        trace->flags |= span->status == SPAN_ERROR ? (uint32_t)TRACE_FAILED_INSIDE : 0;
        trace->flags |= (span->flags & SPAN_ASSUMED) != 0 ? (uint32_t)TRACE_ASSUMED : 0;
        if (trace->tool == 0 && at != build->made_up) {
            trace->tool = gather->spans[at].tool;
        }
    }
}

static void
write_parts(const struct gather *gather, struct trace *trace)
{
    char *at = (char *)(uintptr_t)trace_resources(trace);
    memcpy(at, gather->resource_list, gather->resource_count * sizeof(gather->resource_list[0]));
    at += gather->resource_count * sizeof(gather->resource_list[0]);
    if (gather->attribute_count > 0) {
        memcpy(at, gather->attributes, gather->attribute_count * sizeof(gather->attributes[0]));
        at += gather->attribute_count * sizeof(gather->attributes[0]);
    }
    for (uint32_t i = 0; i < gather->event_count; i++, at += sizeof(struct trace_event)) {
        struct trace_event event = gather->events[i];
        event.time_ns -= trace->start_ns;
        memcpy(at, &event, sizeof(event));
    }
    if (gather->link_count > 0) {
        memcpy(at, gather->links, gather->link_count * sizeof(gather->links[0]));
        at += gather->link_count * sizeof(gather->links[0]);
    }
    if (gather->text_bytes > 0) {
        memcpy(at, gather->texts, gather->text_bytes);
    }
    size_t end = (size_t)(at - (char *)trace) + trace->text_bytes;
    memset((char *)trace + end - (gather->text_bytes == 0), 0,
           trace->bytes - end + (gather->text_bytes == 0));
}

static void
sign(struct trace *trace)
{
    if (trace->span_count > SIGNED_SPANS_MAX) {
        memset(trace->signature, 0xFF, sizeof(trace->signature));
        return;
    }
    const struct trace_attribute *attributes = trace_attributes(trace);
    for (uint32_t i = 0; i < trace->attribute_count; i++) {
        struct trace_wanted wanted = trace_wanted(trace_text(trace, attributes[i].key),
                                                  trace_text(trace, attributes[i].text));
        for (size_t w = 0; w < ARRAY_SIZE(trace->signature); w++) {
            trace->signature[w] |= wanted.bits[w];
        }
    }
}

/* What the root says of the whole. */
static void
summarise(const struct build *build, struct trace *trace)
{
    const struct trace_span *spans = trace_spans(trace);
    uint32_t face = build->place[face_of(build, build->root)];
    trace->flags |= spans[face].status == SPAN_ERROR ? (uint32_t)TRACE_ERROR : 0;
    trace->service = trace_resources(trace)[spans[face].resource].service;
    trace->endpoint = spans[face].label;
}

/* The root's duration; of one that has not ended, up to the last that is known of it. */
static int64_t
duration_of(const struct trace *trace)
{
    const struct trace_span *spans = trace_spans(trace);
    if (spans[0].duration_ns >= 0) {
        return spans[0].duration_ns;
    }
    int64_t end = 0;
    for (uint32_t i = 0; i < trace->span_count; i++) {
        end = MAX(end, spans[i].start_ns + MAX(spans[i].duration_ns, 0));
    }
    return end;
}

void
build_write(const struct build *build, const struct gather *gather, void *dst)
{
    struct trace *trace = dst;
    int64_t start_ns = span_of(build, gather, build->root).start_ns;
    *trace =
        (struct trace){.bytes = (uint32_t)build->bytes,
                       .version = gather->version + 1,
                       .key = hash_bytes(gather->id, gather->id_n),
                       .start_ns = start_ns,
                       /* A sender's clock may be ahead: nothing begins later than it arrives. */
                       .mono_ns = MIN(start_ns + gather->mono_offset_ns, gather->first_mono_ns),
                       .weight = MAX(gather->weight * gather->factor, 1),
                       .flags = gather->flags | (build->orphans ? (unsigned)TRACE_ORPHANS : 0) |
                                (gather->dropped > 0 ? (unsigned)TRACE_CUT : 0),
                       .span_count = build->count,
                       .resource_count = gather->resource_count,
                       .attribute_count = gather->attribute_count,
                       .event_count = gather->event_count,
                       .link_count = gather->link_count,
                       .text_bytes = MAX(gather->text_bytes, 1u),
                       .dropped = gather->dropped,
                       .resources = gather->resources,
                       .id_n = gather->id_n};
    memcpy(trace->id, gather->id, gather->id_n);
    write_spans(build, gather, trace);
    write_parts(gather, trace);
    trace->duration_ns = duration_of(trace);
    trace->flags |= trace_spans(trace)[0].duration_ns < 0 ? (uint32_t)TRACE_UNFINISHED : 0;
    summarise(build, trace);
    sign(trace);
}
