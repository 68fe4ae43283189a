/* Samplings: words, and how they travel.
 *
 *   u8 state · texts why, notes · varint sampled ns, rate, samples, lost
 *   · varint measures · of each: text name, text unit, f64 scale
 *   · varint frames · of each: text name, text module
 *   · varint nodes · of each: varint parent, varint frame
 *   · of each measure so far: varint values · of each: varint step from the node before, varint how
 *   much it grew, twice; or 1, and f64 how much
 *
 * Measures, frames and nodes are those that are new, numbered on. What follows is skipped. */
#include "flametop/core/sampling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "wire.h"

#define NAME_BYTES_MAX ((size_t)240)
#define WHOLE_MAX 9e15
#define SAMPLED_NS_MAX (INT64_MAX / 4)

/* ---- wishes ---- */

bool
sampling_is_same(const struct sampling_wish *a, const struct sampling_wish *b)
{
    return a->kind == b->kind && a->id == b->id && a->wall == b->wall && a->rate_hz == b->rate_hz &&
           strcmp(a->of, b->of) == 0;
}

bool
sampling_answers(const struct sampling_wish *before, const struct sampling_status *status,
                 const struct sampling_wish *wish)
{
    bool held_or_let_go = before->held || wish->held;
    return sampling_is_same(before, wish) && (held_or_let_go || !sampling_is_over(status));
}

/* ---- words ---- */

void
sampling_describe(const struct sampling_status *status, char *dst, size_t size)
{
    static const char *const states[] = {[SAMPLING_RUNS] = "sampling", [SAMPLING_HELD] = "held"};
    if (status->state == SAMPLING_BEGINS || status->state == SAMPLING_FAILED) {
        snprintf(dst, size, "%s", status->state == SAMPLING_BEGINS ? "beginning" : status->why);
        return;
    }
    const char *state = status->state != SAMPLING_ENDED ? states[status->state]
                        : status->why[0] != '\0'        ? status->why
                                                        : "it ended";
    snprintf(dst, size, "%s %s %lld s at %u Hz, %llu samples, %llu lost%s", state,
             status->state == SAMPLING_RUNS ? "for" : "after",
             (long long)((status->sampled_ns + NS_PER_S / 2) / NS_PER_S), status->rate_hz,
             (unsigned long long)status->samples, (unsigned long long)status->lost, status->notes);
}

/* ---- writing ---- */

static void
put_name(struct buf *out, const char *name, size_t n)
{
    n = MIN(n, NAME_BYTES_MAX);
    buf_put_varint(out, n);
    buf_add(out, name, n);
}

static void
put_status(const struct sampling_status *status, struct buf *out)
{
    buf_putc(out, (char)status->state);
    wire_put_text(out, status->why);
    wire_put_text(out, status->notes);
    buf_put_varint(out, (uint64_t)MAX(status->sampled_ns, 0));
    buf_put_varint(out, status->rate_hz);
    buf_put_varint(out, status->samples);
    buf_put_varint(out, status->lost);
}

static void
put_measures(const struct profile *before, const struct profile *now, struct buf *out)
{
    unsigned from = before != NULL ? before->measure_count : 0;
    buf_put_varint(out, now->measure_count - from);
    for (unsigned i = from; i < now->measure_count; i++) {
        wire_put_text(out, now->measures[i].name);
        wire_put_text(out, now->measures[i].unit);
        wire_put_double(out, now->measures[i].scale);
    }
}

static void
put_frames(const struct profile *before, const struct profile *now, struct buf *out)
{
    uint32_t from = before != NULL ? before->frame_count : 0;
    buf_put_varint(out, now->frame_count - from);
    for (uint32_t i = from; i < now->frame_count; i++) {
        put_name(out, now->frames[i].name, now->frames[i].name_n);
        put_name(out, now->frames[i].module, now->frames[i].module_n);
    }
}

static void
put_nodes(const struct profile *before, const struct profile *now, struct buf *out)
{
    uint32_t from = before != NULL ? before->node_count : 1;
    buf_put_varint(out, now->node_count - from);
    for (uint32_t i = from; i < now->node_count; i++) {
        buf_put_varint(out, now->parent[i]);
        buf_put_varint(out, now->frame[i]);
    }
}

static double
growth_of(const struct profile *before, const struct profile *now, unsigned measure, uint32_t node)
{
    bool known = before != NULL && node < before->node_count && measure < before->measure_count &&
                 before->values[0][measure] != NULL;
    const double *values = now->values[0][measure];
    double value = values != NULL ? values[node] : 0;
    return known ? value - before->values[0][measure][node] : value;
}

static void
put_growth(double growth, struct buf *out)
{
    if (growth < WHOLE_MAX && growth == trunc(growth)) {
        buf_put_varint(out, (uint64_t)growth * 2);
    } else {
        buf_put_varint(out, 1);
        wire_put_double(out, growth);
    }
}

static void
put_values(const struct profile *before, const struct profile *now, unsigned measure,
           struct buf *out)
{
    uint32_t count = 0, last = 0;
    for (uint32_t i = 0; i < now->node_count; i++) {
        count += growth_of(before, now, measure, i) > 0;
    }
    buf_put_varint(out, count);
    for (uint32_t i = 0; count > 0 && i < now->node_count; i++) {
        double growth = growth_of(before, now, measure, i);
        if (growth > 0) {
            buf_put_varint(out, i - last);
            put_growth(growth, out);
            last = i;
        }
    }
}

void
sampling_write(const struct profile *before, const struct profile *now,
               const struct sampling_status *status, struct buf *out)
{
    put_status(status, out);
    if (now == NULL) {
        return;
    }
    put_measures(before, now, out);
    put_frames(before, now, out);
    put_nodes(before, now, out);
    for (unsigned i = 0; i < now->measure_count; i++) {
        put_values(before, now, i, out);
    }
}

/* ---- reading ---- */

bool
sampling_reader_init(struct sampling_reader *reader)
{
    *reader = (struct sampling_reader){.profile = profile_new()};
    reader->frames = calloc(SAMPLING_FRAMES_MAX, sizeof(*reader->frames));
    reader->nodes = calloc(SAMPLING_NODES_MAX, sizeof(*reader->nodes));
    reader->node_count = 1;
    if (reader->profile == NULL || reader->frames == NULL || reader->nodes == NULL) {
        sampling_reader_done(reader);
        return false;
    }
    reader->profile->node_max = SAMPLING_NODES_MAX;
    reader->profile->frame_max = SAMPLING_FRAMES_MAX;
    return true;
}

void
sampling_reader_done(struct sampling_reader *reader)
{
    profile_release(reader->profile);
    free(reader->frames);
    free(reader->nodes);
    *reader = (struct sampling_reader){0};
}

void
sampling_reader_again(struct sampling_reader *reader)
{
    reader->before = reader->status;
    reader->frame_count = reader->measure_count = 0;
    reader->node_count = 1;
}

/* As it is: names in profiles are raw. */
static struct str
take_name(struct wire *wire)
{
    struct wire part = wire_part(wire);
    struct str name = {(const char *)part.p, MIN(wire_left(&part), NAME_BYTES_MAX)};
    return wire->bad ? STR("") : name;
}

static void
take_text(struct wire *wire, char *dst, size_t size)
{
    struct wire part = wire_part(wire);
    utf8_clean(wire->bad ? STR("") : (struct str){(const char *)part.p, wire_left(&part)}, dst,
               size);
}

static void
take_status(struct sampling_reader *reader, struct wire *wire)
{
    const struct sampling_status *before = &reader->before;
    uint8_t state = wire_u8(wire);
    struct sampling_status status = {.state = state <= SAMPLING_FAILED ? (enum sampling_state)state
                                                                       : SAMPLING_FAILED};
    take_text(wire, status.why, sizeof(status.why));
    take_text(wire, status.notes, sizeof(status.notes));
    status.sampled_ns = (int64_t)wire_clamped(wire, SAMPLED_NS_MAX);
    status.sampled_ns = MIN(status.sampled_ns + before->sampled_ns, SAMPLED_NS_MAX);
    status.rate_hz = (unsigned)wire_clamped(wire, 1000000);
    status.samples = wire_varint(wire) + before->samples;
    status.lost = wire_varint(wire) + before->lost;
    if (!wire->bad) {
        reader->status = status;
    }
}

/* Units live as long as the program. */
static const char *
unit_of(struct str text)
{
    static const char *const units[] = {"s", "By", "1"};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (str_is(text, units[i])) {
            return units[i];
        }
    }
    return "";
}

static void
take_measures(struct sampling_reader *reader, struct wire *wire)
{
    size_t count = wire_count(wire, PROFILE_MEASURES_MAX - reader->measure_count);
    for (size_t i = 0; i < count && !wire->bad; i++) {
        struct str name = take_name(wire), unit = take_name(wire);
        double scale = wire_double(wire);
        wire->bad |= !(scale > 0 && scale < 1e18);
        if (!wire->bad) {
            reader->measures[reader->measure_count++] =
                profile_measure(reader->profile, name, unit_of(unit), scale);
        }
    }
}

static void
take_frames(struct sampling_reader *reader, struct wire *wire)
{
    size_t count = wire_count(wire, SAMPLING_FRAMES_MAX - reader->frame_count);
    for (size_t i = 0; i < count && !wire->bad; i++) {
        struct str name = take_name(wire), module = take_name(wire);
        reader->frames[reader->frame_count++] =
            wire->bad ? PROFILE_NONE : profile_frame(reader->profile, name, module);
    }
}

static void
take_nodes(struct sampling_reader *reader, struct wire *wire)
{
    size_t count = wire_count(wire, SAMPLING_NODES_MAX - reader->node_count);
    for (size_t i = 0; i < count && !wire->bad; i++) {
        uint64_t parent = wire_varint(wire), frame = wire_varint(wire);
        wire->bad |= parent >= reader->node_count || frame >= reader->frame_count;
        if (!wire->bad) {
            reader->nodes[reader->node_count++] =
                profile_child(reader->profile, reader->nodes[parent], reader->frames[frame]);
        }
    }
}

static void
take_values(struct sampling_reader *reader, struct wire *wire, uint32_t measure)
{
    size_t count = wire_count(wire, reader->node_count);
    uint64_t node = 0;
    for (size_t i = 0; i < count && !wire->bad; i++) {
        node += wire_clamped(wire, SAMPLING_NODES_MAX);
        uint64_t growth = wire_varint(wire);
        double value = growth == 1 ? wire_double(wire) : (double)(growth / 2);
        wire->bad |= node >= reader->node_count || !(value >= 0);
        if (!wire->bad) {
            profile_put(reader->profile, reader->nodes[node], measure, value);
        }
    }
}

bool
sampling_read(struct sampling_reader *reader, struct str bytes)
{
    struct wire wire = {(const uint8_t *)bytes.p, (const uint8_t *)bytes.p + bytes.n, false};
    take_status(reader, &wire);
    if (wire.bad || wire_left(&wire) == 0) {
        return !wire.bad;
    }
    take_measures(reader, &wire);
    take_frames(reader, &wire);
    take_nodes(reader, &wire);
    for (uint32_t i = 0; i < reader->measure_count && !wire.bad; i++) {
        take_values(reader, &wire, reader->measures[i]);
    }
    return !wire.bad;
}
