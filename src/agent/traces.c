/* Traces for readers of the record stream.
 *
 * What is new is told by its place: segments are numbered, and new traces only come behind the last
 * one. What went out of the store before its turn is never sent. */
#include "traces.h"

void
trace_feed_done(struct trace_feed *feed)
{
    traces_release(feed->past);
    *feed = (struct trace_feed){0};
}

static const struct trace *
trace_at(const struct traces_part *part, uint32_t row)
{
    bool dead = part->dead != NULL && (part->dead[row / 8] >> row % 8 & 1) != 0;
    return dead ? NULL
                : (const void *)(part->segment->data + (size_t)part->segment->offset[row] * 8);
}

static void
begin(struct trace_feed *feed, struct traces *traces)
{
    feed->begun = true;
    feed->past = traces_acquire(traces);
    for (size_t i = 0; i < traces->part_count; i++) {
        const struct traces_part *part = &traces->parts[i];
        if (!part->kept) {
            feed->segment = part->segment->number;
            feed->row = part->count;
        }
    }
}

static void
write_new(struct trace_feed *feed, const struct traces *traces, struct record_writer *writer,
          struct buf *out)
{
    for (size_t i = 0; i < traces->part_count; i++) {
        const struct traces_part *part = &traces->parts[i];
        uint64_t number = part->segment->number;
        if (part->kept || number < feed->segment) {
            continue;
        }
        for (uint32_t row = number == feed->segment ? feed->row : 0; row < part->count; row++) {
            const struct trace *trace = trace_at(part, row);
            if (out->n >= TRACES_PIECE_BYTES) {
                return;
            }
            if (trace != NULL) {
                record_write_trace(writer, trace, out);
            }
            feed->segment = number;
            feed->row = row + 1;
        }
    }
}

static void
write_past(struct trace_feed *feed, struct record_writer *writer, struct buf *out)
{
    while (feed->past != NULL && out->n < TRACES_PIECE_BYTES) {
        const struct trace *trace =
            feed->past_bytes < TRACES_PAST_BYTES ? traces_next(feed->past, &feed->at) : NULL;
        if (trace != NULL) {
            feed->past_bytes += trace->bytes;
            record_write_trace(writer, trace, out);
        } else {
            traces_release(feed->past);
            feed->past = NULL;
        }
    }
}

void
trace_feed_write(struct trace_feed *feed, struct traces *traces, struct record_writer *writer,
                 struct buf *out)
{
    if (!feed->begun) {
        begin(feed, traces);
    }
    write_new(feed, traces, writer, out);
    write_past(feed, writer, out);
}
