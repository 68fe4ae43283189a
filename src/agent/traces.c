/* Traces for readers of the record stream.
 *
 * All is told by its place: segments are numbered, and new traces only come behind the last one.
 * What went out of the store before its turn is never sent; what was thinned meanwhile may be sent
 * again, and takes its own place at the reader. */
#include "traces.h"

static const struct trace *
trace_at(const struct traces_part *part, uint32_t row)
{
    bool dead = part->dead != NULL && (part->dead[row / 8] >> row % 8 & 1) != 0;
    return dead ? NULL
                : (const void *)(part->segment->data + (size_t)part->segment->offset[row] * 8);
}

static void
begin(struct trace_feed *feed, const struct traces *traces)
{
    feed->begun = feed->past = true;
    for (size_t i = 0; i < traces->part_count; i++) {
        const struct traces_part *part = &traces->parts[i];
        if (!part->kept) {
            feed->next = (struct trace_place){part->segment->number, part->count};
        }
    }
    feed->at = feed->next;
}

static void
write_new(struct trace_feed *feed, const struct traces *traces, struct record_writer *writer,
          struct buf *out)
{
    for (size_t i = 0; i < traces->part_count; i++) {
        const struct traces_part *part = &traces->parts[i];
        uint64_t number = part->segment->number;
        if (part->kept || number < feed->next.segment) {
            continue;
        }
        for (uint32_t row = number == feed->next.segment ? feed->next.row : 0; row < part->count;
             row++) {
            const struct trace *trace = trace_at(part, row);
            if (out->n >= TRACES_PIECE_BYTES) {
                return;
            }
            if (trace != NULL) {
                record_write_trace(writer, trace, out);
            }
            feed->next = (struct trace_place){number, row + 1};
        }
    }
}

/* How many rows of a part are still to be sent: all, those below the place, or none. */
static uint32_t
rows_left(const struct trace_feed *feed, const struct traces_part *part)
{
    uint64_t number = part->segment->number;
    if (part->kept != feed->kept) {
        return part->kept ? part->count : 0;
    }
    if (number == feed->at.segment) {
        return feed->at.row < part->count ? feed->at.row : part->count;
    }
    return number < feed->at.segment ? part->count : 0;
}

/* The next one back in time; NULL: there are no more. */
static const struct trace *
next_past(struct trace_feed *feed, const struct traces *traces)
{
    for (size_t i = traces->part_count; i-- > 0;) {
        const struct traces_part *part = &traces->parts[i];
        for (uint32_t row = rows_left(feed, part); row-- > 0;) {
            const struct trace *trace = trace_at(part, row);
            feed->kept = part->kept;
            feed->at = (struct trace_place){part->segment->number, row};
            if (trace != NULL) {
                return trace;
            }
        }
    }
    return NULL;
}

static void
write_past(struct trace_feed *feed, const struct traces *traces, struct record_writer *writer,
           struct buf *out)
{
    while (feed->past && out->n < TRACES_PIECE_BYTES) {
        const struct trace *trace =
            feed->past_bytes < TRACES_PAST_BYTES ? next_past(feed, traces) : NULL;
        feed->past = trace != NULL;
        if (trace != NULL) {
            feed->past_bytes +=
                trace->bytes <= RECORD_BYTES_MAX ? trace->bytes : sizeof(*trace); /* its head */
            record_write_trace(writer, trace, out);
        }
    }
}

void
trace_feed_write(struct trace_feed *feed, const struct traces *traces, struct record_writer *writer,
                 struct buf *out)
{
    if (!feed->begun) {
        begin(feed, traces);
    }
    write_new(feed, traces, writer, out);
    write_past(feed, traces, writer, out);
}
