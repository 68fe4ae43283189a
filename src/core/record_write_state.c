/* What a reader that joins a shared stream needs, and what stands beside the batches: ticks,
 * findings and the link. */
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/trace.h"
#include "record_writer.h"

/* ---- ticks, findings, the link ---- */

/* Keeps a copy of the payload for readers that join. */
static void
remember(struct buf *copy, const struct buf *payload)
{
    buf_clear(copy);
    buf_add(copy, payload->data, payload->n);
}

void
record_write_tick(struct record_writer *writer, const struct record_tick *tick)
{
    struct buf *out = &writer->payload;
    buf_put_u64(out, (uint64_t)tick->at.mono_ns);
    buf_put_u64(out, (uint64_t)tick->at.wall_ns);
    buf_put_u64(out, (uint64_t)tick->at.boot_ns);
    buf_put_u64(out, (uint64_t)tick->interval_ns);
    buf_put_varint(out, tick->number);
    buf_put_varint(out, tick->missed);
    remember(&writer->tick, out);
    writer->ticks++;
    writer_finish(writer, RECORD_TICK);
}

/* Nothing when the payload is the last one again. */
static void
finish_changed(struct record_writer *writer, enum record_type type, struct buf *copy)
{
    struct buf *out = &writer->payload;
    if (out->n == copy->n && memcmp(out->data, copy->data, out->n) == 0) {
        buf_clear(out);
        return;
    }
    remember(copy, out);
    writer_finish(writer, type);
}

static void
put_optional(struct buf *out, const char *text)
{
    buf_putc(out, text != NULL);
    if (text != NULL) {
        wire_put_text(out, text);
    }
}

static void
put_finding(struct buf *out, const struct finding *finding)
{
    wire_put_text(out, finding->id);
    wire_put_text(out, finding->sentence);
    put_optional(out, finding->short_sentence);
    put_optional(out, finding->culprit);
    put_optional(out, finding->advice);
    buf_put_varint(out, finding->culprit_pid > 0 ? (uint64_t)finding->culprit_pid : 0);
    buf_put_u64(out, (uint64_t)finding->since_wall_ns);
    buf_put_u64(out, (uint64_t)finding->until_wall_ns);
    buf_putc(out, (char)CLAMP(finding->impact, 0, 100));
    buf_putc(out, (char)finding->level);
    size_t evidence = MIN(finding->evidence_count, (size_t)EVIDENCE_MAX);
    buf_put_varint(out, evidence);
    for (size_t i = 0; i < evidence; i++) {
        wire_put_text(out, finding->evidence[i].label);
        wire_put_text(out, finding->evidence[i].value);
        put_optional(out, finding->evidence[i].metric);
        put_optional(out, finding->evidence[i].labels);
    }
}

void
record_write_findings(struct record_writer *writer, const struct record_findings *findings)
{
    struct buf *out = &writer->payload;
    size_t count = MIN(findings->count, (size_t)FINDINGS_MAX);
    put_optional(out, findings->looked_at);
    put_optional(out, findings->not_looked_at);
    buf_put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        put_finding(&writer->entry, &findings->list[i]);
        wire_put_part(out, &writer->entry);
    }
    finish_changed(writer, RECORD_FINDINGS, &writer->findings);
}

void
record_write_link(struct record_writer *writer, const struct link_status *status)
{
    struct buf *out = &writer->payload;
    bool live = status->state == LINK_LIVE;
    buf_putc(out, (char)status->state);
    wire_put_text(out, status->target);
    wire_put_text(out, status->kind);
    wire_put_text(out, status->why);
    buf_put_u64(out, live ? 0 : (uint64_t)status->heard_mono_ns);
    buf_put_u64(out, live ? 0 : (uint64_t)status->retry_mono_ns);
    buf_put_varint(out, status->samples);
    buf_putc(out, status->here);
    finish_changed(writer, RECORD_LINK, &writer->link);
}

/* ---- readers that join ---- */

struct record_mark
record_writer_mark(const struct record_writer *writer)
{
    return (struct record_mark){.metrics = writer->metric_count,
                                .series = writer->series_count,
                                .tables = writer->table_count,
                                .texts = writer->text_count,
                                .forgotten = writer->forgotten,
                                .ticks = writer->ticks};
}

void
record_write_names(struct record_writer *writer, const struct layout *layout)
{
    int64_t id;
    for (size_t i = 0; i < layout->count; i++) {
        writer->dropped += !writer_series(writer, layout->series[i], &id);
    }
    writer_flush_names(writer);
}

static void
put_names(struct record_writer *writer, const struct record_state *state)
{
    struct record_mark known = state->known;
    for (size_t i = known.metrics; i < writer->metric_count; i++) {
        writer_put_metric(writer, writer->metrics[i]);
    }
    for (size_t i = known.series; i < writer->series_count; i++) {
        uint64_t metric = (uint64_t)(uintptr_t)writer->series[i]->metric;
        writer_put_series(writer, writer->series[i],
                          (uintptr_t)map_get(&writer->metric_ids, metric) - 1);
    }
    for (size_t i = known.tables; i < writer->table_count; i++) {
        writer_put_table_def(writer, writer->tables[i]);
    }
    bool anew = known.forgotten != writer->forgotten;
    if (anew && known.texts > 0) {
        writer_put_entry(writer, NAME_FORGET);
    }
    size_t texts = state->own_texts ? 0 : writer->text_count;
    for (size_t i = anew ? 0 : known.texts; i < texts; i++) {
        buf_puts(&writer->entry, writer->texts[i]);
        writer_put_entry(writer, NAME_TEXT);
    }
    writer_flush_names(writer);
}

static bool
was_cut(const struct last *last, size_t rows_had)
{
    for (size_t i = 0; rows_had > 0 && i < last->batch.table_count; i++) {
        if (last->batch.tables[i]->count > rows_had) {
            return true;
        }
    }
    return false;
}

static void
put_copy(struct record_writer *writer, enum record_type type, const struct buf *copy)
{
    if (copy->n > 0) {
        buf_add(&writer->payload, copy->data, copy->n);
        writer_emit(writer, type, &writer->payload);
    }
}

static void
put_state(struct record_writer *writer, const struct record_state *state)
{
    if (state->hello != NULL) {
        record_write_hello(writer, state->hello);
    }
    writer->brief = state->brief;
    put_names(writer, state);
    writer->brief = false;
    if (state->names_only) {
        return;
    }
    writer->own_texts = state->own_texts;
    for (size_t i = 0; i < writer->lasts.count; i++) {
        const struct last *last = writer->lasts.list[i];
        bool newer = last->tick >= state->known.ticks;
        if (last->known && (newer || was_cut(last, state->rows_had))) {
            writer_put_last(writer, last, state->rows_max);
        }
    }
    writer->own_texts = false;
    if (state->known.ticks > 0 && writer->hello_tick >= state->known.ticks) {
        put_copy(writer, RECORD_HELLO, &writer->hello);
    }
    put_copy(writer, RECORD_LINK, &writer->link);
    put_copy(writer, RECORD_FINDINGS, &writer->findings);
    put_copy(writer, RECORD_TICK, &writer->tick);
}

/* For one reader: what is written goes to `out`, and the writer is as before afterwards. */
struct aside {
    struct buf *out;
    bool started, broken;
};

static struct aside
step_aside(struct record_writer *writer, struct buf *out, bool magic)
{
    struct aside own = {writer->out, writer->started, writer->broken};
    writer->out = out;
    writer->started = !magic;
    writer->broken = false;
    writer->frozen = true;
    return own;
}

static void
step_back(struct record_writer *writer, struct aside own)
{
    writer->out = own.out;
    writer->started = own.started;
    writer->broken = own.broken;
    writer->frozen = false;
}

void
record_write_state(struct record_writer *writer, const struct record_state *state, struct buf *out)
{
    struct aside own = step_aside(writer, out, state->hello != NULL);
    put_state(writer, state);
    step_back(writer, own);
}

void
record_write_table_name(struct record_writer *writer, const struct table_def *def)
{
    size_t id;
    writer->dropped += !writer_table(writer, def, &id);
    writer_flush_names(writer);
}

static size_t
kept_columns(const struct table_def *def)
{
    size_t count = 0;
    for (size_t c = 0; c < def->column_count; c++) {
        count += (def->columns[c].flags & (COLUMN_KEY | COLUMN_KEEP)) != 0;
    }
    return count;
}

/* Those of its texts that a column's ticks refer to; `seen` has a bit for each index. */
static size_t
put_texts_of(struct buf *out, const struct chunk *chunk, size_t column, uint8_t *seen)
{
    double values[CHUNK_TICKS];
    size_t count = 0;
    if (!chunk_column(chunk, column, values)) {
        return 0;
    }
    for (size_t i = 0; i < chunk->ticks; i++) {
        const char *text = kept_chunk_text(chunk, values[i]);
        size_t index = text != NULL ? (size_t)values[i] : 0;
        if (text != NULL && index < KEPT_TEXTS_MAX && (seen[index / 8] >> index % 8 & 1) == 0) {
            seen[index / 8] |= (uint8_t)(1 << index % 8);
            buf_put_varint(out, index);
            wire_put_text(out, text);
            count++;
        }
    }
    return count;
}

static void
put_kept(struct record_writer *writer, const struct table_def *def, const struct chunk *chunk,
         size_t table_id)
{
    struct buf *out = &writer->payload;
    uint8_t seen[KEPT_TEXTS_MAX / 8] = {0};
    size_t columns = kept_columns(def), slots = chunk->layout->count / columns, count = 0;
    for (size_t s = 0; s < slots; s++) {
        size_t column = s * columns;
        for (size_t c = 0; c < def->column_count; c++) {
            bool kept = (def->columns[c].flags & (COLUMN_KEY | COLUMN_KEEP)) != 0;
            if (kept && def->columns[c].type == COLUMN_TEXT) {
                count += put_texts_of(&writer->entry, chunk, column, seen);
            }
            column += kept;
        }
    }
    buf_put_varint(out, table_id);
    buf_put_varint(out, slots);
    buf_put_varint(out, count);
    wire_put_part(out, &writer->entry);
    buf_put_varint(out, chunk->size);
    buf_add(out, chunk->bytes, chunk->size);
    writer_finish(writer, RECORD_KEPT);
}

void
record_write_kept(struct record_writer *writer, const struct table_def *def,
                  const struct chunk *chunk, struct buf *out)
{
    struct aside own = step_aside(writer, out, false);
    size_t columns = kept_columns(def), id;
    if (columns > 0 && chunk->layout->count % columns == 0 && writer_table(writer, def, &id)) {
        put_kept(writer, def, chunk, id);
    } else {
        writer->dropped++;
    }
    step_back(writer, own);
}

void
record_write_history(struct record_writer *writer, const char *source, const struct chunk *chunk,
                     struct buf *out)
{
    struct aside own = step_aside(writer, out, false);
    record_write_chunk(writer, source, chunk);
    step_back(writer, own);
}

void
record_write_profile(struct record_writer *writer, const struct buf *growth)
{
    buf_add(&writer->payload, growth->data, growth->n);
    writer_finish(writer, RECORD_PROFILE);
}

void
record_write_coming(struct record_writer *writer, unsigned coming, struct buf *out)
{
    struct aside own = step_aside(writer, out, false);
    buf_put_varint(&writer->payload, coming);
    writer_finish(writer, RECORD_COMING);
    step_back(writer, own);
}

void
record_write_trace(struct record_writer *writer, const struct trace *trace, struct buf *out)
{
    struct aside own = step_aside(writer, out, false);
    bool fits = trace->bytes <= RECORD_BYTES_MAX;
    buf_add(&writer->payload, trace, fits ? trace->bytes : sizeof(*trace));
    writer_emit(writer, RECORD_TRACE, &writer->payload);
    step_back(writer, own);
}
