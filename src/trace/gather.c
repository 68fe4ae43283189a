/* Gathering a trace. */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"
#include "convention.h"

/* What most traces need is taken at once. */
#define SLOTS_MIN 64u
#define TEXT_BYTES_MIN 1000u
#define PARTS_MIN 16u
#define SPANS_MIN 8u
#define GROWN_BYTES_MAX ((size_t)4 << 20)

/* Both halves of a product: every bit of both numbers reaches the middle ones. */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* After Wang Yi's wyhash: eight bytes a multiplication, all of it unknown without the seed. */
uint64_t
gather_hash(uint64_t seed, const void *bytes, size_t n)
{
    const uint64_t first = UINT64_C(0xa0761d6478bd642f), second = UINT64_C(0xe7037ed1a0b428db);
    const uint8_t *p = bytes;
    uint64_t h = seed ^ fold(seed ^ first, (uint64_t)n ^ second), tail = 0;
    if (n >= 8) {
        for (size_t at = 0; at + 8 < n; at += 8) {
            h = fold(h ^ gather_word(p + at, 8), first ^ seed);
        }
        tail = gather_word(p + n - 8, 8); /* some of it twice */
    } else if (n >= 4) {
        tail = gather_word(p, 4) << 32 | gather_word(p + n - 4, 4);
    } else if (n > 0) {
        tail = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
    }
    return fold(h ^ tail, second ^ seed);
}

struct gather *
gather_new(uint64_t seed)
{
    struct gather *gather = calloc(1, sizeof(*gather));
    if (gather != NULL) {
        gather->seed = seed;
        gather->bytes_max = TRACE_BYTES_MAX;
    }
    return gather;
}

void
gather_free(struct gather *gather)
{
    if (gather == NULL) {
        return;
    }
    pages_free(gather->spans);
    pages_free(gather->attributes);
    pages_free(gather->events);
    pages_free(gather->links);
    pages_free(gather->resource_list);
    pages_free(gather->resource_hashes);
    pages_free(gather->texts);
    pages_free(gather->text_slots);
    pages_free(gather->id_slots);
    free(gather);
}

void
gather_clear(struct gather *gather)
{
    struct gather was = *gather;
    *gather = (struct gather){.seed = was.seed,
                              .bytes_max = was.bytes_max,
                              .bytes = was.bytes,
                              .spans = was.spans,
                              .attributes = was.attributes,
                              .events = was.events,
                              .links = was.links,
                              .resource_list = was.resource_list,
                              .resource_hashes = was.resource_hashes,
                              .texts = was.texts,
                              .text_slots = was.text_slots,
                              .id_slots = was.id_slots,
                              .span_capacity = was.span_capacity,
                              .attribute_capacity = was.attribute_capacity,
                              .event_capacity = was.event_capacity,
                              .link_capacity = was.link_capacity,
                              .resource_capacity = was.resource_capacity,
                              .hash_capacity = was.hash_capacity,
                              .text_capacity = was.text_capacity,
                              .text_slot_count = was.text_slot_count,
                              .id_slot_count = was.id_slot_count};
    if (gather->text_slots != NULL) {
        memset(gather->text_slots, 0, was.text_slot_count * sizeof(gather->text_slots[0]));
    }
    if (gather->id_slots != NULL) {
        memset(gather->id_slots, 0, was.id_slot_count * sizeof(gather->id_slots[0]));
    }
}

/* How many elements of `element` bytes there may be in the place of `capacity`, which are room for
 * `need`; 0: they are too many bytes. Few become twice as many; many, which are moved without a
 * copy, some MiB more. */
static size_t
wider(const struct gather *gather, size_t capacity, size_t need, size_t element)
{
    size_t least = element == 1 ? TEXT_BYTES_MIN : element < 64 ? PARTS_MIN : SPANS_MIN;
    size_t left = gather->bytes_max - MIN(gather->bytes, gather->bytes_max);
    size_t to = capacity + CLAMP(capacity, least, MAX(least, GROWN_BYTES_MAX / element));
    for (to = MAX(to, need); to >= need; to = to > need ? need : 0) {
        size_t room = pages_room(to * element) / element;
        if (room <= UINT32_MAX / 2 && (room - capacity) * element <= left) {
            return room;
        }
    }
    return 0;
}

/* Room for `more` after `count`; the array may move. */
static bool
reserve(struct gather *gather, void *array, uint32_t *capacity, size_t count, size_t more,
        size_t element)
{
    size_t need = count + more;
    if (need <= *capacity) {
        return true;
    }
    size_t to = wider(gather, *capacity, need, element);
    void *data;
    memcpy(&data, array, sizeof(data));
    data = to > 0 ? pages_grow(data, count * element, to * element) : NULL;
    if (data == NULL) {
        return false;
    }
    memcpy(array, &data, sizeof(data));
    gather->bytes += (to - *capacity) * element;
    *capacity = (uint32_t)to;
    return true;
}

/* ---- texts ---- */

static void
place_text(struct gather_text *slots, uint32_t slot_count, struct gather_text text)
{
    uint32_t i = text.hash & (slot_count - 1);
    while (slots[i].offset != 0) {
        i = (i + 1) & (slot_count - 1);
    }
    slots[i] = text;
}

static bool
grow_texts(struct gather *gather)
{
    uint32_t count = MAX(gather->text_slot_count * 2, SLOTS_MIN);
    size_t more = (count - gather->text_slot_count) * sizeof(gather->text_slots[0]);
    struct gather_text *slots = more <= gather->bytes_max - MIN(gather->bytes, gather->bytes_max)
                                    ? pages_new(count, sizeof(slots[0]), PAGES_HUGE)
                                    : NULL;
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < gather->text_slot_count; i++) {
        if (gather->text_slots[i].offset != 0) {
            place_text(slots, count, gather->text_slots[i]);
        }
    }
    pages_free(gather->text_slots);
    gather->text_slots = slots;
    gather->text_slot_count = count;
    gather->bytes += more;
    return true;
}

uint32_t
gather_text_hash(const struct gather *gather, struct str text)
{
    return (uint32_t)gather_hash(gather->seed, text.p, text.n);
}

uint32_t
gather_find_text(const struct gather *gather, struct str text, uint32_t hash)
{
    if (text.n == 0) {
        return 0;
    }
    if (gather->text_slot_count == 0) {
        return TRACE_NONE;
    }
    for (uint32_t i = hash & (gather->text_slot_count - 1); gather->text_slots[i].offset != 0;
         i = (i + 1) & (gather->text_slot_count - 1)) {
        uint32_t offset = gather->text_slots[i].offset;
        if (gather->text_slots[i].hash == hash && text.n < gather->text_bytes - offset &&
            gather->texts[offset + text.n] == 0 &&
            gather_same(gather->texts + offset, text.p, text.n)) {
            return offset;
        }
    }
    return TRACE_NONE;
}

void
gather_expect_text(const struct gather *gather, uint32_t hash)
{
    if (gather->text_slot_count > 0) {
        __builtin_prefetch(&gather->text_slots[hash & (gather->text_slot_count - 1)]);
    }
}

uint32_t
gather_text(struct gather *gather, struct str text)
{
    uint32_t hash = text.n > 0 ? gather_text_hash(gather, text) : 0;
    uint32_t offset = gather_find_text(gather, text, hash);
    return offset != TRACE_NONE ? offset : gather_add_text(gather, text, hash);
}

uint32_t
gather_add_text(struct gather *gather, struct str text, uint32_t hash)
{
    if ((gather->text_count + 1) * 4 > gather->text_slot_count * 3 && !grow_texts(gather)) {
        return TRACE_NONE;
    }
    bool first = gather->text_bytes == 0;
    if (!reserve(gather, &gather->texts, &gather->text_capacity, gather->text_bytes,
                 text.n + 1 + first, 1)) {
        return TRACE_NONE;
    }
    if (first) {
        gather->texts[gather->text_bytes++] = 0;
    }
    uint32_t offset = gather->text_bytes;
    memcpy(gather->texts + offset, text.p, text.n);
    gather->texts[offset + text.n] = 0;
    gather->text_bytes += (uint32_t)text.n + 1;
    gather->text_count++;
    place_text(gather->text_slots, gather->text_slot_count, (struct gather_text){offset, hash});
    return offset;
}

/* ---- pieces ---- */

struct trace_attribute *
gather_attributes(struct gather *gather, size_t count)
{
    if (!reserve(gather, &gather->attributes, &gather->attribute_capacity, gather->attribute_count,
                 count, sizeof(gather->attributes[0]))) {
        return NULL;
    }
    struct trace_attribute *list = gather->attributes + gather->attribute_count;
    memset(list, 0, count * sizeof(list[0]));
    gather->attribute_count += (uint32_t)count;
    return list;
}

struct trace_event *
gather_events(struct gather *gather, size_t count)
{
    if (!reserve(gather, &gather->events, &gather->event_capacity, gather->event_count, count,
                 sizeof(gather->events[0]))) {
        return NULL;
    }
    struct trace_event *list = gather->events + gather->event_count;
    memset(list, 0, count * sizeof(list[0]));
    gather->event_count += (uint32_t)count;
    return list;
}

struct trace_link *
gather_links(struct gather *gather, size_t count)
{
    if (!reserve(gather, &gather->links, &gather->link_capacity, gather->link_count, count,
                 sizeof(gather->links[0]))) {
        return NULL;
    }
    struct trace_link *list = gather->links + gather->link_count;
    memset(list, 0, count * sizeof(list[0]));
    gather->link_count += (uint32_t)count;
    return list;
}

uint32_t
gather_find_resource(const struct gather *gather, uint64_t hash)
{
    for (uint32_t i = gather->resource_count; i-- > 0;) {
        if (gather->resource_hashes[i] == hash) {
            return i;
        }
    }
    return TRACE_NONE;
}

uint32_t
gather_resource(struct gather *gather, const struct trace_resource *resource, uint64_t hash)
{
    if (gather->resource_count == GATHER_RESOURCES_MAX ||
        !reserve(gather, &gather->resource_list, &gather->resource_capacity, gather->resource_count,
                 1, sizeof(gather->resource_list[0])) ||
        !reserve(gather, &gather->resource_hashes, &gather->hash_capacity, gather->resource_count,
                 1, sizeof(gather->resource_hashes[0]))) {
        return TRACE_NONE;
    }
    gather->resource_list[gather->resource_count] = *resource;
    gather->resource_hashes[gather->resource_count] = hash;
    return gather->resource_count++;
}

/* ---- spans ---- */

struct gather_mark
gather_begin(const struct gather *gather)
{
    return (struct gather_mark){gather->attribute_count, gather->event_count, gather->link_count};
}

void
gather_rollback(struct gather *gather, struct gather_mark mark)
{
    gather->attribute_count = mark.attributes;
    gather->event_count = mark.events;
    gather->link_count = mark.links;
}

/* Answers whether one of its hash was there. */
static bool
place_id(struct gather_id *slots, uint32_t slot_count, struct gather_id id)
{
    bool again = false;
    uint32_t i = id.hash & (slot_count - 1);
    for (; slots[i].span != 0; i = (i + 1) & (slot_count - 1)) {
        again |= slots[i].hash == id.hash;
    }
    slots[i] = id;
    return again;
}

/* Into a larger table, from behind a free slot on: of spans of one id the first stays the first. */
static void
move_ids(const struct gather *gather, struct gather_id *slots, uint32_t slot_count)
{
    uint32_t count = gather->id_slot_count, from = 0;
    while (from < count && gather->id_slots[from].span != 0) {
        from++;
    }
    for (uint32_t i = 1; i <= count; i++) {
        struct gather_id id = gather->id_slots[(from + i) & (count - 1)];
        if (id.span != 0) {
            place_id(slots, slot_count, id);
        }
    }
}

static bool
grow_ids(struct gather *gather)
{
    uint32_t count = MAX(gather->id_slot_count * 2, SLOTS_MIN);
    size_t more = (count - gather->id_slot_count) * sizeof(gather->id_slots[0]);
    struct gather_id *slots = more <= gather->bytes_max - MIN(gather->bytes, gather->bytes_max)
                                  ? pages_new(count, sizeof(slots[0]), PAGES_HUGE)
                                  : NULL;
    if (slots == NULL) {
        return false;
    }
    move_ids(gather, slots, count);
    pages_free(gather->id_slots);
    gather->id_slots = slots;
    gather->id_slot_count = count;
    gather->bytes += more;
    return true;
}

uint32_t
gather_id_hash(const struct gather *gather, const uint8_t *id, size_t n)
{
    return (uint32_t)gather_hash(gather->seed, id, n);
}

size_t
gather_matches(const struct gather *gather, const uint8_t *id, size_t n, uint32_t hash,
               uint32_t ret_spans[GATHER_MATCHES_MAX])
{
    size_t found = 0;
    if (gather->id_slot_count == 0) {
        return 0;
    }
    for (uint32_t i = hash & (gather->id_slot_count - 1);
         gather->id_slots[i].span != 0 && found < GATHER_MATCHES_MAX;
         i = (i + 1) & (gather->id_slot_count - 1)) {
        uint32_t index = gather->id_slots[i].span - 1;
        const struct trace_span *span = &gather->spans[index].span;
        if (gather->id_slots[i].hash == hash && span->id_n == n && memcmp(span->id, id, n) == 0) {
            ret_spans[found++] = index;
        }
    }
    return found;
}

bool
gather_commit(struct gather *gather, const struct gather_span *span, uint32_t hash)
{
    if (gather->span_count >= TRACE_SPANS_MAX ||
        ((gather->span_count + 1) * 4 > gather->id_slot_count * 3 && !grow_ids(gather)) ||
        !reserve(gather, &gather->spans, &gather->span_capacity, gather->span_count, 1,
                 sizeof(gather->spans[0]))) {
        return false;
    }
    gather->spans[gather->span_count] = *span;
    uint32_t matches[GATHER_MATCHES_MAX];
    bool again = place_id(gather->id_slots, gather->id_slot_count,
                          (struct gather_id){++gather->span_count, hash});
    gather->twins |=
        again && gather_matches(gather, span->span.id, span->span.id_n, hash, matches) > 1;
    return true;
}

void
gather_expect_id(const struct gather *gather, uint32_t hash)
{
    if (gather->id_slot_count > 0) {
        __builtin_prefetch(&gather->id_slots[hash & (gather->id_slot_count - 1)]);
    }
}

void
gather_expect_span(const struct gather *gather, uint32_t hash)
{
    uint32_t mask = gather->id_slot_count - 1, i = hash & mask;
    while (gather->id_slot_count > 0 && gather->id_slots[i].span != 0) {
        if (gather->id_slots[i].hash == hash) {
            const struct gather_span *span = &gather->spans[gather->id_slots[i].span - 1];
            __builtin_prefetch(span->span.id);
            __builtin_prefetch(&span->span.resource);
            return;
        }
        i = (i + 1) & mask;
    }
}

/* ---- from a built trace ---- */

static bool
load_texts(struct gather *gather, const struct trace *trace)
{
    const char *texts = trace_text(trace, 0);
    if (!reserve(gather, &gather->texts, &gather->text_capacity, 0, trace->text_bytes, 1)) {
        return false;
    }
    memcpy(gather->texts, texts, trace->text_bytes);
    gather->text_bytes = trace->text_bytes;
    for (uint32_t at = 1; at < trace->text_bytes;) {
        struct str text = str_from(texts + at);
        if ((gather->text_count + 1) * 4 > gather->text_slot_count * 3 && !grow_texts(gather)) {
            return false;
        }
        place_text(gather->text_slots, gather->text_slot_count,
                   (struct gather_text){at, gather_text_hash(gather, text)});
        gather->text_count++;
        at += (uint32_t)text.n + 1;
    }
    return true;
}

static uint8_t
digit(char c)
{
    return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

/* The parent is the one above, or the one that never arrived; a span that was made up is none. */
static void
load_parent(struct gather_span *to, const struct trace *trace)
{
    const struct trace_span *spans = trace_spans(trace);
    const char *missing = trace_text(trace, to->span.missing);
    size_t digits = strlen(missing);
    if (digits > 0) {
        to->parent_n = (uint8_t)MIN(digits / 2, (size_t)SPAN_ID_BYTES_MAX);
        for (size_t i = 0; i < to->parent_n; i++) {
            to->parent[i] = (uint8_t)(digit(missing[i * 2]) << 4 | digit(missing[i * 2 + 1]));
        }
    } else if (to->span.parent != TRACE_NONE) {
        const struct trace_span *parent = &spans[to->span.parent];
        to->parent_n = (parent->flags & SPAN_MADE_UP) != 0 ? 0 : parent->id_n;
        memcpy(to->parent, parent->id, to->parent_n);
    }
}

/* The tool a span names: the text of the first attribute that says so. */
static uint32_t
load_tool(const struct gather *gather, const struct trace_span *span)
{
    for (uint32_t i = 0; i < span->attribute_count; i++) {
        const struct trace_attribute *attribute = &gather->attributes[span->attribute + i];
        struct str key = str_from(gather->texts + attribute->key);
        if (convention_role(key) == ROLE_TOOL_NAME) {
            return attribute->text;
        }
    }
    return 0;
}

static bool
load_spans(struct gather *gather, const struct trace *trace)
{
    const struct trace_span *spans = trace_spans(trace);
    for (uint32_t i = 0; i < trace->span_count; i++) {
        struct gather_span span = {.span = spans[i]};
        if ((spans[i].flags & SPAN_MADE_UP) != 0) {
            continue;
        }
        load_parent(&span, trace);
        span.tool = load_tool(gather, &spans[i]);
        span.span.start_ns += trace->start_ns;
        span.span.missing = 0;
        if (!gather_commit(gather, &span, gather_id_hash(gather, span.span.id, span.span.id_n))) {
            return false;
        }
    }
    return true;
}

static bool
load_parts(struct gather *gather, const struct trace *trace)
{
    size_t attributes = trace->attribute_count, events = trace->event_count,
           links = trace->link_count;
    if ((attributes > 0 && gather_attributes(gather, attributes) == NULL) ||
        (events > 0 && gather_events(gather, events) == NULL) ||
        (links > 0 && gather_links(gather, links) == NULL)) {
        return false;
    }
    if (attributes > 0) {
        memcpy(gather->attributes, trace_attributes(trace),
               attributes * sizeof(gather->attributes[0]));
    }
    for (uint32_t i = 0; i < events; i++) {
        gather->events[i] = trace_events(trace)[i];
        gather->events[i].time_ns += trace->start_ns;
    }
    for (uint32_t i = 0; i < links; i++) {
        gather->links[i] = trace_links(trace)[i];
    }
    return true;
}

bool
gather_load(struct gather *gather, const struct trace *trace)
{
    gather->id_n = trace->id_n;
    memcpy(gather->id, trace->id, trace->id_n);
    gather->mono_offset_ns = trace->mono_ns - trace->start_ns;
    gather->weight = trace->weight;
    gather->factor = 1;
    gather->version = trace->version;
    gather->flags = trace->flags & TRACE_MARKED;
    gather->counted = (trace->flags & TRACE_UNFINISHED) == 0;
    gather->resources = trace->resources;
    gather->dropped = trace->dropped;
    bool good = load_texts(gather, trace) && load_parts(gather, trace);
    const struct trace_resource *resources = trace_resources(trace);
    for (uint32_t i = 0; i < trace->resource_count && good; i++) {
        good = gather_resource(gather, &resources[i], 0) != TRACE_NONE;
    }
    return good && load_spans(gather, trace);
}
