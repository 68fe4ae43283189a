/* Segments of finished traces. */
#include "segments.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/pages.h"
#include "flametop/trace/store.h"
#include "gather.h"

#define INDEX_MAX ((size_t)1 << 22)
#define WEIGHT_MAX 1e9

void
segments_init(struct segments *segments, uint64_t seed, size_t bytes_max)
{
    *segments = (struct segments){.seed = seed, .bytes_max = bytes_max};
    map_init(&segments->index, INDEX_MAX);
}

static void
held_free(struct held *held)
{
    trace_segment_release(held->segment);
    free(held);
}

static void
generation_done(struct generation *generation)
{
    for (size_t i = 0; i < generation->count; i++) {
        held_free(generation->list[i]);
    }
    free(generation->list);
}

void
segments_done(struct segments *segments)
{
    generation_done(&segments->kept);
    generation_done(&segments->fresh);
    generation_done(&segments->aside);
    map_done(&segments->index);
}

/* ---- places ---- */

static void *
place_of(uint64_t number, uint32_t row)
{
    return (void *)(uintptr_t)(number * TRACE_SEGMENT_ROWS + row + 1);
}

static struct held *
find_in(const struct generation *generation, uint64_t number)
{
    size_t low = 0, high = generation->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct held *held = generation->list[middle];
        if (held->segment->number == number) {
            return held;
        }
        if (held->segment->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static const struct trace *
row_of(const struct held *held, uint32_t row)
{
    return (const void *)(held->segment->data + (size_t)held->segment->offset[row] * 8);
}

static struct held *
held_at(const struct segments *segments, const void *place, uint32_t *ret_row)
{
    uint64_t at = (uint64_t)(uintptr_t)place - 1;
    struct held *held = find_in(&segments->fresh, at / TRACE_SEGMENT_ROWS);
    *ret_row = (uint32_t)(at % TRACE_SEGMENT_ROWS);
    held = held != NULL ? held : find_in(&segments->kept, at / TRACE_SEGMENT_ROWS);
    return held != NULL ? held : find_in(&segments->aside, at / TRACE_SEGMENT_ROWS);
}

const struct trace *
segments_find(const struct segments *segments, uint64_t key, const uint8_t *id, size_t n)
{
    uint32_t row;
    const void *place = map_get(&segments->index, key);
    const struct held *held = place != NULL ? held_at(segments, place, &row) : NULL;
    const struct trace *trace = held != NULL ? row_of(held, row) : NULL;
    return trace != NULL && trace->id_n == n && memcmp(trace->id, id, n) == 0 ? trace : NULL;
}

static bool
is_dead(const struct held *held, uint32_t row)
{
    return (held->dead[row / 8] >> row % 8 & 1) != 0;
}

/* ---- adding ---- */

static size_t
held_bytes(const struct held *held)
{
    return held->segment->bytes + sizeof(*held) +
           held->segment->count * sizeof(held->segment->offset[0]);
}

static struct held *
held_new(struct segments *segments, size_t capacity)
{
    struct held *held = calloc(1, sizeof(*held));
    struct trace_segment *segment = held != NULL ? malloc(sizeof(*segment)) : NULL;
    uint8_t *data = segment != NULL ? pages_new(capacity, 1, PAGES_HUGE) : NULL;
    if (data == NULL) {
        free(segment);
        free(held);
        return NULL;
    }
    segment->refs = 1;
    segment->number = segments->next_number++;
    segment->count = 0;
    segment->bytes = 0;
    segment->capacity = capacity;
    segment->data = data;
    held->segment = segment;
    held->oldest_mono_ns = INT64_MAX;
    return held;
}

static struct held *
append_held(struct segments *segments, struct generation *generation, size_t capacity)
{
    if (generation->count == generation->capacity) {
        size_t to = MAX(generation->capacity * 2, (size_t)16);
        struct held **list = realloc(generation->list, to * sizeof(list[0]));
        if (list == NULL) {
            return NULL;
        }
        generation->list = list;
        generation->capacity = to;
    }
    struct held *held = held_new(segments, capacity);
    if (held != NULL) {
        generation->list[generation->count++] = held;
    }
    return held;
}

static bool
has_room(const struct held *held, size_t bytes)
{
    return held->segment->count < TRACE_SEGMENT_ROWS &&
           bytes <= held->segment->capacity - held->segment->bytes;
}

static void
drop(struct generation *generation, size_t index)
{
    struct held *held = generation->list[index];
    generation->bytes -= held->segment->count > 0 ? held_bytes(held) : 0;
    memmove(generation->list + index, generation->list + index + 1,
            (generation->count - index - 1) * sizeof(generation->list[0]));
    generation->count--;
    held_free(held);
}

/* The last segment of a generation, with room for so many bytes. */
static struct held *
last_with_room(struct segments *segments, struct generation *generation, size_t bytes)
{
    struct held *last = generation->count > 0 ? generation->list[generation->count - 1] : NULL;
    return last != NULL && has_room(last, bytes)
               ? last
               : append_held(segments, generation, MAX(bytes, TRACE_SEGMENT_BYTES));
}

/* One that was made for a trace that did not become a row goes first: only what rows fill counts,
 * so many of them would be as much memory as one likes. */
void *
segments_reserve(struct segments *segments, size_t bytes)
{
    struct generation *fresh = &segments->fresh;
    const struct held *last = fresh->count > 0 ? fresh->list[fresh->count - 1] : NULL;
    if (last != NULL && last->segment->count == 0 &&
        last->segment->capacity != MAX(bytes, TRACE_SEGMENT_BYTES)) {
        drop(fresh, fresh->count - 1);
    }
    struct held *held = last_with_room(segments, fresh, bytes);
    return held != NULL ? held->segment->data + held->segment->bytes : NULL;
}

static uint64_t
key_of(const struct segments *segments, const struct trace *trace)
{
    return gather_hash(segments->seed, trace->id, trace->id_n);
}

static void
bury(struct segments *segments, const void *place)
{
    uint32_t row;
    struct held *held = held_at(segments, place, &row);
    if (held != NULL && !is_dead(held, row)) {
        held->dead[row / 8] |= (uint8_t)(1 << row % 8);
        held->dead_count++;
        segments->alive--;
    }
}

/* The trace at the end of a segment becomes a row of it. */
static void
take_row(struct segments *segments, struct generation *generation, struct held *held)
{
    struct trace_segment *segment = held->segment;
    const struct trace *trace = (const void *)(segment->data + segment->bytes);
    uint64_t key = key_of(segments, trace);
    void *older = map_get(&segments->index, key);
    generation->bytes -= segment->count > 0 ? held_bytes(held) : 0;
    segment->offset[segment->count] = (uint32_t)(segment->bytes / 8);
    segment->bytes += trace->bytes;
    if (older != NULL) {
        bury(segments, older);
    }
    if (map_put(&segments->index, key, place_of(segment->number, segment->count))) {
        segments->alive++;
    } else { /* nobody could find it again */
        held->dead[segment->count / 8] |= (uint8_t)(1 << segment->count % 8);
        held->dead_count++;
    }
    segment->count++;
    held->oldest_mono_ns = MIN(held->oldest_mono_ns, trace->mono_ns);
    generation->bytes += held_bytes(held);
    segments->changes++;
}

/* ---- making room ---- */

/* A copy among the kept ones, which takes its place in the index. */
static bool
keep(struct segments *segments, const struct trace *trace, double weight)
{
    struct held *to = last_with_room(segments, &segments->kept, trace->bytes);
    if (to == NULL) {
        return false;
    }
    struct trace *copy = (void *)(to->segment->data + to->segment->bytes);
    memcpy(copy, trace, trace->bytes);
    copy->weight = MIN(weight, WEIGHT_MAX);
    take_row(segments, &segments->kept, to);
    return true;
}

/* Of the traces of one endpoint one in TRACE_TAIL_SHARE; which one comes first differs from
 * endpoint to endpoint, so that rare ones have their chance. */
static bool
is_drawn(struct segments *segments, const struct trace *trace)
{
    uint64_t hash = hash_mix(hash_text(trace_text(trace, trace->endpoint)),
                             hash_text(trace_text(trace, trace->service)));
    uint32_t *seen = &segments->strata[hash % STRATA];
    *seen += *seen == 0 ? (uint32_t)(hash_u64(hash ^ trace->key) % TRACE_TAIL_SHARE) + 1 : 1;
    return *seen % TRACE_TAIL_SHARE == 0;
}

static void
forget(struct segments *segments, const struct trace *trace)
{
    map_remove(&segments->index, key_of(segments, trace));
    segments->alive--;
    segments->sampled_out++;
    segments->changes++;
}

/* The oldest segment of a generation goes. Of a fresh one what is telling stays, and a share of the
 * rest; of a kept one what is marked. */
static void
evict(struct segments *segments, struct generation *generation, uint32_t telling, bool draw)
{
    struct held *held = generation->list[0];
    if (generation == &segments->kept && generation->count == 1 &&
        append_held(segments, generation, TRACE_SEGMENT_BYTES) == NULL) {
        telling = 0; /* nowhere to go */
    }
    for (uint32_t row = 0; row < held->segment->count; row++) {
        if (is_dead(held, row)) {
            continue;
        }
        const struct trace *trace = row_of(held, row);
        bool stays = (trace->flags & telling) != 0;
        double weight = trace->weight;
        if (!stays && draw && is_drawn(segments, trace)) {
            stays = true;
            weight *= TRACE_TAIL_SHARE;
        }
        if (!stays || !keep(segments, trace, weight)) {
            forget(segments, trace);
        }
    }
    drop(generation, 0);
}

/* Segments in which nothing is alive go at once: late spans of a large trace leave many. */
static void
drop_dead(struct generation *generation)
{
    for (size_t i = generation->count; i-- > 0;) {
        const struct held *held = generation->list[i];
        if (held->dead_count == held->segment->count && i + 1 < generation->count) {
            drop(generation, i);
        }
    }
}

size_t
segments_bytes(const struct segments *segments)
{
    return segments->kept.bytes + segments->fresh.bytes;
}

static void
make_room(struct segments *segments)
{
    if (segments_bytes(segments) <= segments->bytes_max) {
        return;
    }
    drop_dead(&segments->fresh);
    drop_dead(&segments->kept);
    size_t rounds = segments->fresh.count + segments->kept.count + 2;
    for (size_t i = 0; i < rounds && segments_bytes(segments) > segments->bytes_max; i++) {
        bool too_many = segments->kept.bytes > segments->bytes_max / 2;
        bool spare_marked = i < rounds / 2;
        if (segments->kept.count > 0 && (too_many || segments->fresh.count <= 1)) {
            evict(segments, &segments->kept, spare_marked ? TRACE_MARKED : 0, false);
        } else if (segments->fresh.count > 1) {
            evict(segments, &segments->fresh, TRACE_SLOW | TRACE_ERROR | TRACE_MARKED, true);
        } else {
            break;
        }
    }
}

void
segments_add(struct segments *segments)
{
    take_row(segments, &segments->fresh, segments->fresh.list[segments->fresh.count - 1]);
    make_room(segments);
}

/* ---- aside ---- */

bool
segments_set_aside(struct segments *segments, const void *bytes, size_t n)
{
    struct generation *aside = &segments->aside;
    struct held *held = append_held(segments, aside, n);
    if (held == NULL) {
        return false;
    }
    memcpy(held->segment->data, bytes, n);
    if (!trace_check((const struct trace *)(const void *)held->segment->data, n)) {
        drop(aside, aside->count - 1);
        return false;
    }
    take_row(segments, aside, held);
    if (aside->count > 1) {
        if (!is_dead(aside->list[0], 0)) {
            forget(segments, row_of(aside->list[0], 0));
        }
        drop(aside, 0);
    }
    return true;
}

/* ---- lists ---- */

static size_t
dead_bytes(const struct generation *generation)
{
    size_t bytes = 0;
    for (size_t i = 0; i < generation->count; i++) {
        bytes +=
            generation->list[i]->dead_count > 0 ? (generation->list[i]->segment->count + 7) / 8 : 0;
    }
    return bytes;
}

static uint8_t *
add_parts(struct traces *list, const struct generation *generation, bool kept, uint8_t *dead)
{
    for (size_t i = 0; i < generation->count; i++) {
        const struct held *held = generation->list[i];
        struct traces_part *part = &list->parts[list->part_count++];
        __atomic_add_fetch(&held->segment->refs, 1, __ATOMIC_RELAXED);
        *part = (struct traces_part){.segment = held->segment,
                                     .count = held->segment->count,
                                     .dead_count = held->dead_count,
                                     .kept = kept};
        if (held->dead_count > 0) {
            size_t n = (held->segment->count + 7) / 8;
            memcpy(dead, held->dead, n);
            part->dead = dead;
            dead += n;
        }
        list->oldest_mono_ns = MIN(list->oldest_mono_ns, held->oldest_mono_ns);
    }
    return dead;
}

struct traces *
segments_list(const struct segments *segments)
{
    size_t parts = segments->kept.count + segments->aside.count + segments->fresh.count;
    struct traces *list =
        calloc(1, sizeof(*list) + parts * sizeof(list->parts[0]) + dead_bytes(&segments->kept) +
                      dead_bytes(&segments->aside) + dead_bytes(&segments->fresh));
    if (list == NULL) {
        return NULL;
    }
    list->refs = 1;
    list->parts = (struct traces_part *)(list + 1);
    list->oldest_mono_ns = INT64_MAX;
    uint8_t *dead = (uint8_t *)(list->parts + parts);
    dead = add_parts(list, &segments->kept, true, dead);
    dead = add_parts(list, &segments->aside, true, dead);
    add_parts(list, &segments->fresh, false, dead);
    list->count = segments->alive;
    list->bytes = segments_bytes(segments) + segments->aside.bytes;
    list->bytes_max = segments->bytes_max;
    list->sampled_out = segments->sampled_out;
    return list;
}
