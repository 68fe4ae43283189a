/* Coverage: from the newest segment of a track back to the oldest that is asked for. */
#include "coverage.h"

#include "flametop/base/macros.h"

#define LEAD_TICKS_MIN 3

void
coverage_done(const struct range *range, struct coverage *coverage)
{
    range_give(range, coverage->segments);
    range_give(range, coverage->times);
}

/* How many chunks begin at that time or before, found by halves: a past that is long is asked for
 * in many turns. */
static size_t
chunks_until(const struct track *track, int64_t to_ns)
{
    size_t low = 0, high = track->chunks != NULL ? track->chunks->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (track->chunks->chunks[middle]->first_ns <= to_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t
coverage_ticks(const struct track *track, const struct range *range)
{
    size_t ticks = 0, count = chunks_until(track, range->to_ns);
    for (size_t i = 0; i < track->head_ticks; i++) {
        int64_t at_ns = track->head->mono_ns[i];
        ticks += at_ns > range->from_ns && at_ns <= range->to_ns;
    }
    while (count-- > 0 && track->chunks->chunks[count]->last_ns > range->from_ns) {
        ticks += track->chunks->chunks[count]->ticks;
    }
    return ticks;
}

static const int64_t *
segment_times(const struct track *track, size_t index_from_end, struct segment *ret_segment,
              int64_t scratch[CHUNK_TICKS])
{
    if (index_from_end == 0) {
        *ret_segment =
            (struct segment){NULL, track->head, track->head->layout, 0, track->head_ticks};
        return track->head->mono_ns;
    }
    const struct chunk *chunk = track->chunks->chunks[track->chunks->count - index_from_end];
    *ret_segment = (struct segment){chunk, NULL, chunk->layout, 0, chunk->ticks};
    if (!chunk_times(chunk, scratch)) {
        ret_segment->count = 0;
    }
    return scratch;
}

static void
reverse_segments(struct segment *segments, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct segment swap = segments[i];
        segments[i] = segments[count - 1 - i];
        segments[count - 1 - i] = swap;
    }
}

static void
reverse_times(int64_t *times, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        int64_t swap = times[i];
        times[i] = times[count - 1 - i];
        times[count - 1 - i] = swap;
    }
}

/* Room for one more segment and its ticks. */
static bool
coverage_grow(const struct range *range, struct coverage *c, size_t *segment_capacity,
              size_t *tick_capacity, size_t ticks)
{
    if (c->segment_count == *segment_capacity) {
        size_t capacity = *segment_capacity == 0 ? 4 : *segment_capacity * 2;
        struct segment *grown =
            range_more(range, c->segments, c->segment_count, capacity, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        c->segments = grown;
        *segment_capacity = capacity;
    }
    if (c->tick_count + ticks > *tick_capacity) {
        size_t capacity = MAX(*tick_capacity * 2, c->tick_count + ticks);
        int64_t *grown = range_more(range, c->times, c->tick_count, capacity, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        c->times = grown;
        *tick_capacity = capacity;
    }
    return true;
}

/* Collected newest first, then turned round. */
bool
coverage_find(const struct track *track, const struct range *range, int64_t lead_ns,
              struct coverage *ret)
{
    size_t chunk_count = track->chunks != NULL ? track->chunks->count : 0;
    size_t newest = chunk_count - chunks_until(track, range->to_ns) + 1; /* from the end; 0: head */
    struct coverage c = {0};
    size_t capacity = 0, segments_capacity = 0;
    int64_t first_ns = INT64_MAX;
    size_t leading = 0;
    bool enough = false;
    for (size_t i = track->head_ticks > 0 ? 0 : newest; i <= chunk_count && !enough;
         i = MAX(i + 1, newest)) {
        int64_t scratch[CHUNK_TICKS];
        struct segment segment;
        const int64_t *times = segment_times(track, i, &segment, scratch);
        size_t end = segment.count;
        while (end > 0 && times[end - 1] > range->to_ns) {
            end--;
        }
        /* Back to the start of the range, and on to a reading old enough to make a rate with the
         * first. */
        size_t start = end;
        while (start > 0 && !enough) {
            int64_t time = times[start - 1];
            if (time <= range->from_ns && first_ns == INT64_MAX) {
                enough = true;
                break;
            }
            start--;
            if (time > range->from_ns) {
                first_ns = time;
            } else {
                leading++;
                enough = first_ns - time >= lead_ns && leading >= LEAD_TICKS_MIN;
            }
        }
        if (start == end) {
            continue;
        }
        segment.first = start;
        segment.count = end - start;
        if (!coverage_grow(range, &c, &segments_capacity, &capacity, segment.count)) {
            break;
        }
        for (size_t t = 0; t < segment.count; t++) { /* newest first for now */
            c.times[c.tick_count + t] = times[end - 1 - t];
        }
        c.tick_count += segment.count;
        c.segments[c.segment_count++] = segment;
    }
    reverse_segments(c.segments, c.segment_count);
    reverse_times(c.times, c.tick_count);
    while (c.lead < c.tick_count && c.times[c.lead] <= range->from_ns) {
        c.lead++;
    }
    if (c.lead == c.tick_count) {
        coverage_done(range, &c);
        return false;
    }
    *ret = c;
    return true;
}
