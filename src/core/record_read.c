/* Reading the record stream.
 *
 * Invariant: `held` is the beginning of the item (the magic, or one record) at byte `position` of
 * the stream, and never longer than that item; a length that is announced costs nothing until its
 * bytes have come. A record is acted on when it is there whole and its checksum is right; its
 * contents are checked all the same. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "record_last.h"
#include "record_names.h"

#define HELD_BYTES_KEPT ((size_t)64 << 10)
#define BATCH_BYTES_MAX ((size_t)64 << 20)
#define LAYOUTS_KEPT 16
#define TIME_NS_MAX (INT64_C(1) << 61)
#define HEADER_BYTES_MAX 15

/* Chunks need a series for each column: this one stands for those that the catalog refused. */
static const struct metric refused_metric = {
    .name = "refused", .unit = "", .labels = "", .text = ""};
static const struct series refused_series = {&refused_metric, "", 0};

struct record_reader {
    struct record_events events;
    struct names names;
    struct batch batch;
    struct arena arena; /* of one record */
    struct layout *layouts[LAYOUTS_KEPT];
    size_t layout_next;
    struct lasts lasts;
    uint64_t dropped;

    struct buf held;
    uint64_t position, round;
    bool begun, greeted, ended;
    int error;
    char why[200];
};

struct record_reader *
record_reader_new(struct catalog *catalog, const struct record_events *events)
{
    struct record_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return NULL;
    }
    reader->events = *events;
    names_init(&reader->names, catalog);
    batch_init(&reader->batch, catalog);
    arena_init(&reader->arena, BATCH_BYTES_MAX);
    buf_init(&reader->held, RECORD_BYTES_MAX + HEADER_BYTES_MAX);
    return reader;
}

void
record_reader_free(struct record_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    for (size_t i = 0; i < LAYOUTS_KEPT; i++) {
        layout_release(reader->layouts[i]);
    }
    names_done(&reader->names);
    lasts_done(&reader->lasts);
    batch_done(&reader->batch);
    arena_done(&reader->arena);
    buf_done(&reader->held);
    free(reader);
}

void
record_reader_tables(struct record_reader *reader, const struct table_def *const *tables,
                     size_t count)
{
    reader->names.preferred = tables;
    reader->names.preferred_count = count;
}

const char *
record_reader_why(const struct record_reader *reader)
{
    return reader->why;
}

static const char *
type_name(unsigned type)
{
    static const char *const names[] = {
        [RECORD_HELLO] = "hello", [RECORD_NAMES] = "names",       [RECORD_BATCH] = "batch",
        [RECORD_CHUNK] = "chunk", [RECORD_END] = "end",           [RECORD_CHANGES] = "changes",
        [RECORD_TICK] = "tick",   [RECORD_FINDINGS] = "findings", [RECORD_KEPT] = "kept",
        [RECORD_TRACE] = "trace", [RECORD_PROFILE] = "profile"};
    return type < ARRAY_SIZE(names) && names[type] != NULL ? names[type] : "unknown";
}

static void
fail(struct record_reader *reader, int error, const char *what)
{
    if (reader->error == 0) {
        reader->error = error;
        snprintf(reader->why, sizeof(reader->why), "%s (at byte %" PRIu64 ")", what,
                 reader->position);
    }
}

/* A record that cannot be used. */
static void
damaged(struct record_reader *reader, unsigned type, const char *reason)
{
    char what[160];
    snprintf(what, sizeof(what), "the %s record is damaged: %s", type_name(type), reason);
    fail(reader, -EBADMSG, what);
}

/* ---- payloads ---- */

static int64_t
read_time(struct wire *wire)
{
    int64_t time = (int64_t)wire_u64(wire);
    wire->bad |= time < -TIME_NS_MAX || time > TIME_NS_MAX;
    return time;
}

static struct instant
read_instant(struct wire *wire)
{
    struct instant at = {.mono_ns = read_time(wire)};
    at.wall_ns = read_time(wire);
    at.boot_ns = read_time(wire);
    return at;
}

static double
finite_or_zero(double value)
{
    return isfinite(value) ? value : 0;
}

static void
read_host(struct wire *wire, struct arena *arena, struct host *ret_host)
{
    ret_host->name = wire_text(wire, arena);
    ret_host->system = wire_text(wire, arena);
    ret_host->kernel = wire_text(wire, arena);
    ret_host->virtualization = wire_text(wire, arena);
    ret_host->cores = (int)wire_clamped(wire, 65536);
    ret_host->core_limit = finite_or_zero(wire_double(wire));
    ret_host->memory_limit = finite_or_zero(wire_double(wire));
    ret_host->uptime_s = finite_or_zero(wire_double(wire));
}

static void
on_hello(struct record_reader *reader, struct wire wire)
{
    struct record_hello hello = {.protocol = wire_varint(&wire)};
    hello.protocol_min = wire_varint(&wire);
    if (!wire.bad && hello.protocol_min > RECORD_PROTOCOL) {
        fail(reader, -EPROTONOSUPPORT,
             "the stream needs a newer flametop: its protocol is too new");
        return;
    }
    hello.at = read_instant(&wire);
    hello.interval_ns = read_time(&wire);
    read_host(&wire, &reader->names.lasting, &hello.host);
    hello.instance = wire_left(&wire) > 0 ? wire_text(&wire, &reader->names.lasting) : "";
    if (wire.bad || hello.interval_ns <= 0 || reader->names.lasting.full) {
        damaged(reader, RECORD_HELLO, "its contents are wrong");
        return;
    }
    reader->greeted = true;
    if (reader->events.hello != NULL) {
        reader->events.hello(reader->events.context, &hello);
    }
}

static void
on_names(struct record_reader *reader, struct wire wire)
{
    const char *reason;
    if (!names_read(&reader->names, wire, &reader->arena, &reason)) {
        damaged(reader, RECORD_NAMES, reason);
    }
}

/* The samples as they come: refused ones are NULL. */
static bool
read_samples(struct record_reader *reader, struct wire *wire)
{
    struct batch *batch = &reader->batch;
    size_t n = wire_count(wire, reader->names.series_count);
    int64_t *ids = arena_news(&reader->arena, int64_t, n);
    batch->column_count = 0;
    if (wire->bad || ids == NULL || !batch_reserve(batch, n) ||
        !names_series(&reader->names, wire, n, reader->round, batch->columns, ids)) {
        return false;
    }
    wire_doubles(wire, batch->values, n);
    batch->column_count = n;
    return !wire->bad;
}

/* What is neither refused nor gone. */
static void
keep_known(struct batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->column_count; i++) {
        batch->dropped += batch->columns[i] == NULL;
        if (batch->columns[i] != NULL && !isnan(batch->values[i])) {
            batch->columns[kept] = batch->columns[i];
            batch->values[kept++] = batch->values[i];
        }
    }
    batch->column_count = kept;
}

static bool
read_tables(struct record_reader *reader, struct wire *wire, const struct batch *before)
{
    struct batch *batch = &reader->batch;
    size_t n = wire_count(wire, BATCH_TABLES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct wire part = wire_part(wire);
        struct table *table =
            wire->bad        ? NULL
            : before != NULL ? names_changed_table(&reader->names, &part, before, &reader->arena)
                             : names_table(&reader->names, &part, &reader->arena);
        if (table == NULL) {
            return false;
        }
        batch->tables[batch->table_count++] = table;
    }
    return !wire->bad;
}

static bool
read_batch_header(struct record_reader *reader, struct wire *wire)
{
    struct batch *batch = &reader->batch;
    batch->column_count = 0;
    batch_begin(batch, read_instant(wire), &reader->arena);
    unsigned state = wire_u8(wire);
    batch->state = state <= SOURCE_FAILED ? (enum source_state)state : SOURCE_DEGRADED;
    utf8_clean(str_from(wire_text(wire, &reader->arena)), batch->why, sizeof(batch->why));
    batch->rejected = wire_varint(wire);
    batch->dropped = wire_varint(wire);
    batch->errors = wire_varint(wire);
    return !wire->bad;
}

/* Remembers the batch as it came, for changes of it. What takes too much memory is forgotten, and
 * its changes will be passed over. */
static void
remember_batch(struct record_reader *reader, const char *source, bool columns_too)
{
    const struct batch *batch = &reader->batch;
    struct last *last = lasts_find(&reader->lasts, source);
    last = last != NULL ? last : lasts_add(&reader->lasts, source);
    if (last == NULL) {
        return;
    }
    bool good = true;
    if (columns_too) {
        last->batch.column_count = 0;
        for (size_t i = 0; i < batch->column_count && good; i++) {
            good = last_add_column(last, batch->columns[i]);
            if (good) {
                last->batch.values[i] = batch->values[i];
            }
        }
    }
    last_set_header(last, batch);
    last->known = last_set_tables(last, batch->tables, batch->table_count) && good &&
                  lasts_bytes(&reader->lasts) <= LAST_BYTES_MAX;
    if (!last->known) {
        last_forget(last);
    }
}

static void
pass_batch(struct record_reader *reader, unsigned type, const char *source, bool good)
{
    if (!good || reader->arena.full) {
        damaged(reader, type,
                reader->arena.full ? "it takes more memory than a batch may"
                                   : "its contents are wrong");
        return;
    }
    remember_batch(reader, source, type == RECORD_BATCH);
    keep_known(&reader->batch);
    if (reader->events.batch != NULL) {
        reader->events.batch(reader->events.context, source, &reader->batch);
    }
}

static void
on_batch(struct record_reader *reader, struct wire wire)
{
    const char *source = wire_text(&wire, &reader->arena);
    bool good = read_batch_header(reader, &wire) && read_samples(reader, &wire) &&
                read_tables(reader, &wire, NULL);
    pass_batch(reader, RECORD_BATCH, source, good);
}

/* ---- changes ---- */

/* Columns that are new, at the end of the last batch. */
static bool
read_new(struct record_reader *reader, struct wire *wire, struct last *last)
{
    bool good = read_samples(reader, wire);
    for (size_t i = 0; good && i < reader->batch.column_count; i++) {
        good = last->batch.column_count < SERIES_IDS_MAX &&
               last_add_column(last, reader->batch.columns[i]);
        if (good) {
            last->batch.values[last->batch.column_count - 1] = reader->batch.values[i];
        }
    }
    return good;
}

static bool
read_gone(struct record_reader *reader, struct wire *wire, struct last *last, size_t had)
{
    size_t *places, n;
    if (!wire_places(wire, had, &reader->arena, &places, &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        last->batch.values[places[i]] = NAN;
    }
    return true;
}

static bool
read_grown(struct record_reader *reader, struct wire *wire, struct last *last, size_t had,
           double scale)
{
    size_t *places, n;
    if (!wire_places(wire, had, &reader->arena, &places, &n)) {
        return false;
    }
    for (size_t i = 0; i < n && !wire->bad; i++) {
        double *value = &last->batch.values[places[i]];
        uint64_t zigzag = wire_varint(wire);
        double grown = (double)(int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));
        *value = (rint(*value * scale) + grown) / scale;
    }
    return !wire->bad;
}

static bool
read_others(struct record_reader *reader, struct wire *wire, struct last *last, size_t had)
{
    size_t *places, n;
    if (!wire_places(wire, had, &reader->arena, &places, &n)) {
        return false;
    }
    double *values = arena_news(&reader->arena, double, n + 1);
    if (values == NULL) {
        return false;
    }
    wire_doubles(wire, values, n);
    for (size_t i = 0; i < n; i++) {
        last->batch.values[places[i]] = values[i];
    }
    return !wire->bad;
}

static bool
read_columns(struct record_reader *reader, struct wire *wire, struct last *last)
{
    size_t had = last->batch.column_count;
    bool good = read_new(reader, wire, last) && read_gone(reader, wire, last, had);
    for (size_t e = 0; e < CHANGED_EXPONENTS && good; e++) {
        good = read_grown(reader, wire, last, had, changed_scales[e]);
    }
    return good && read_others(reader, wire, last, had);
}

/* The whole batch, of its last one. */
static bool
copy_columns(struct batch *batch, const struct batch *from)
{
    if (!batch_reserve(batch, from->column_count)) {
        return false;
    }
    for (size_t i = 0; i < from->column_count; i++) {
        batch->columns[i] = from->columns[i];
        batch->values[i] = from->values[i];
    }
    batch->column_count = from->column_count;
    return true;
}

static void
on_changes(struct record_reader *reader, struct wire wire)
{
    const char *source = wire_text(&wire, &reader->arena);
    int64_t before_ns = (int64_t)wire_u64(&wire);
    struct last *last = lasts_find(&reader->lasts, source);
    if (!wire.bad && (last == NULL || !last->known || last->batch.at.mono_ns != before_ns)) {
        reader->dropped++; /* it changes a batch that is not here */
        return;
    }
    bool good = !wire.bad && read_batch_header(reader, &wire) &&
                read_columns(reader, &wire, last) && copy_columns(&reader->batch, &last->batch) &&
                read_tables(reader, &wire, &last->batch);
    pass_batch(reader, RECORD_CHANGES, source, good);
}

uint64_t
record_reader_dropped(const struct record_reader *reader)
{
    return reader->dropped;
}

/* Chunks of the same columns share a layout: queries find their columns by it. */
static struct layout *
layout_for(struct record_reader *reader, const struct series **series, size_t count)
{
    for (size_t i = 0; i < LAYOUTS_KEPT; i++) {
        struct layout *layout = reader->layouts[i];
        if (layout != NULL && layout->count == count &&
            (count == 0 || memcmp(layout->series, series, count * sizeof(*series)) == 0)) {
            return layout;
        }
    }
    struct layout *layout = layout_new(series, count);
    if (layout != NULL) {
        layout_release(reader->layouts[reader->layout_next]);
        reader->layouts[reader->layout_next] = layout;
        reader->layout_next = (reader->layout_next + 1) % LAYOUTS_KEPT;
    }
    return layout;
}

/* History looks times up by halves and adds the offset to them. */
static bool
times_are_sound(const struct chunk *chunk)
{
    int64_t times[CHUNK_TICKS];
    if (!chunk_times(chunk, times) || chunk->wall_offset_ns < -TIME_NS_MAX ||
        chunk->wall_offset_ns > TIME_NS_MAX || times[0] < -TIME_NS_MAX) {
        return false;
    }
    for (size_t i = 1; i < chunk->ticks; i++) {
        if (times[i] < times[i - 1]) {
            return false;
        }
    }
    return times[chunk->ticks - 1] <= TIME_NS_MAX;
}

static struct chunk *
read_chunk(struct record_reader *reader, struct wire *wire)
{
    /* Each column has a byte at least. The same series may stand for several: see refused_series.
     */
    size_t count = wire_count(wire, MIN(wire_left(wire), SERIES_IDS_MAX));
    int64_t *ids = arena_news(&reader->arena, int64_t, count);
    const struct series **series = arena_news(&reader->arena, const struct series *, count);
    if (wire->bad || ids == NULL || series == NULL ||
        !names_series(&reader->names, wire, count, 0, series, ids)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        series[i] = series[i] != NULL ? series[i] : &refused_series;
    }
    struct wire bytes = wire_part(wire);
    struct layout *layout = wire->bad ? NULL : layout_for(reader, series, count);
    struct chunk *chunk = layout != NULL ? chunk_parse(layout, bytes.p, wire_left(&bytes)) : NULL;
    if (chunk != NULL && !times_are_sound(chunk)) {
        chunk_release(chunk);
        return NULL;
    }
    return chunk;
}

static void
on_chunk(struct record_reader *reader, struct wire wire)
{
    const char *source = wire_text(&wire, &reader->arena);
    struct chunk *chunk = read_chunk(reader, &wire);
    if (chunk == NULL) {
        damaged(reader, RECORD_CHUNK, "its contents are wrong");
        return;
    }
    if (reader->events.chunk != NULL) {
        reader->events.chunk(reader->events.context, source, chunk);
    }
    chunk_release(chunk);
}

/* The texts of kept rows by their index. */
static const char *const *
read_kept_texts(struct record_reader *reader, struct wire *wire)
{
    const char **texts = arena_news(&reader->arena, const char *, KEPT_TEXTS_MAX);
    size_t count = wire_count(wire, KEPT_TEXTS_MAX);
    struct wire part = wire_part(wire);
    for (size_t i = 0; texts != NULL && i < count && !part.bad; i++) {
        uint64_t index = wire_varint(&part);
        const char *text = wire_text(&part, &reader->arena);
        if (index >= KEPT_TEXTS_MAX) {
            return NULL;
        }
        texts[index] = text;
    }
    wire->bad |= part.bad;
    return texts;
}

/* The columns of a slot, as columns of the definition that is used here. */
static const int *
kept_columns(struct record_reader *reader, const struct stream_table *table, size_t *ret_count)
{
    int *columns = arena_news(&reader->arena, int, table->column_count);
    size_t count = 0;
    for (size_t c = 0; columns != NULL && c < table->column_count; c++) {
        if ((table->own->columns[c].flags & (COLUMN_KEY | COLUMN_KEEP)) != 0) {
            columns[count++] = table->columns[c];
        }
    }
    *ret_count = count;
    return columns;
}

static struct chunk *
read_kept_chunk(struct record_reader *reader, struct wire *wire, size_t count)
{
    const struct series **series = arena_news(&reader->arena, const struct series *, count + 1);
    struct wire bytes = wire_part(wire);
    if (series == NULL || wire->bad) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        series[i] = &refused_series;
    }
    struct layout *layout = layout_for(reader, series, count);
    struct chunk *chunk = layout != NULL ? chunk_parse(layout, bytes.p, wire_left(&bytes)) : NULL;
    if (chunk != NULL && !times_are_sound(chunk)) {
        chunk_release(chunk);
        return NULL;
    }
    return chunk;
}

static void
on_kept(struct record_reader *reader, struct wire wire)
{
    struct kept_part part = {.text_count = KEPT_TEXTS_MAX};
    uint64_t id = wire_varint(&wire);
    part.slots = wire_count(&wire, KEPT_SLOTS_MAX);
    const struct stream_table *table =
        id < reader->names.table_count && !wire.bad ? &reader->names.tables[id] : NULL;
    struct chunk *chunk = NULL;
    if (table != NULL) {
        part.def = table->def;
        part.columns = kept_columns(reader, table, &part.column_count);
        part.texts = read_kept_texts(reader, &wire);
        bool good = part.columns != NULL && part.texts != NULL;
        chunk = good ? read_kept_chunk(reader, &wire, part.slots * part.column_count) : NULL;
    }
    if (chunk == NULL) {
        damaged(reader, RECORD_KEPT, "its contents are wrong");
        return;
    }
    part.chunk = chunk;
    if (reader->events.kept != NULL) {
        reader->events.kept(reader->events.context, &part);
    }
    chunk_release(chunk);
}

static void
on_tick(struct record_reader *reader, struct wire wire)
{
    struct record_tick tick = {.at = read_instant(&wire)};
    tick.interval_ns = read_time(&wire);
    tick.number = wire_varint(&wire);
    tick.missed = wire_varint(&wire);
    if (wire.bad || tick.interval_ns <= 0) {
        damaged(reader, RECORD_TICK, "its contents are wrong");
    } else if (reader->events.tick != NULL) {
        reader->events.tick(reader->events.context, &tick);
    }
}

/* ---- findings ---- */

static const char *
read_optional(struct wire *wire, struct arena *arena)
{
    return wire_u8(wire) != 0 ? wire_text(wire, arena) : NULL;
}

static bool
read_evidence(struct wire *wire, struct arena *arena, struct finding *finding)
{
    size_t n = wire_count(wire, EVIDENCE_MAX);
    struct evidence *evidence = arena_news(arena, struct evidence, n + 1);
    for (size_t i = 0; evidence != NULL && i < n && !wire->bad; i++) {
        evidence[i].label = wire_text(wire, arena);
        evidence[i].value = wire_text(wire, arena);
        evidence[i].metric = read_optional(wire, arena);
        evidence[i].labels = read_optional(wire, arena);
    }
    finding->evidence = evidence;
    finding->evidence_count = n;
    return evidence != NULL && !wire->bad;
}

static bool
read_finding(struct wire wire, struct arena *arena, struct finding *ret_finding)
{
    struct finding finding = {.id = wire_text(&wire, arena)};
    finding.sentence = wire_text(&wire, arena);
    finding.short_sentence = read_optional(&wire, arena);
    finding.culprit = read_optional(&wire, arena);
    finding.advice = read_optional(&wire, arena);
    uint64_t pid = wire_varint(&wire);
    finding.culprit_pid = pid <= INT64_MAX ? (int64_t)pid : 0;
    finding.since_wall_ns = read_time(&wire);
    finding.until_wall_ns = read_time(&wire);
    int impact = wire_u8(&wire), level = wire_u8(&wire);
    finding.impact = MIN(impact, 100);
    finding.level = (enum level)MIN(level, (int)LEVEL_EMERGENCY);
    bool good = read_evidence(&wire, arena, &finding);
    *ret_finding = finding;
    return good;
}

static void
on_findings(struct record_reader *reader, struct wire wire)
{
    struct arena *arena = &reader->arena;
    struct record_findings findings = {.looked_at = read_optional(&wire, arena)};
    findings.not_looked_at = read_optional(&wire, arena);
    findings.count = wire_count(&wire, FINDINGS_MAX);
    struct finding *list = arena_news(arena, struct finding, findings.count + 1);
    bool good = list != NULL && !wire.bad;
    for (size_t i = 0; good && i < findings.count; i++) {
        good = read_finding(wire_part(&wire), arena, &list[i]) && !wire.bad;
    }
    findings.list = list;
    if (!good || arena->full) {
        damaged(reader, RECORD_FINDINGS, "its contents are wrong");
    } else if (reader->events.findings != NULL) {
        reader->events.findings(reader->events.context, &findings);
    }
}

static void
on_end(struct record_reader *reader, struct wire wire)
{
    (void)wire;
    reader->ended = true;
    if (reader->events.end != NULL) {
        reader->events.end(reader->events.context);
    }
}

static void
on_trace(struct record_reader *reader, struct wire wire)
{
    if (reader->events.trace != NULL) {
        reader->events.trace(reader->events.context, wire.p, wire_left(&wire));
    }
}

static void
on_profile(struct record_reader *reader, struct wire wire)
{
    if (reader->events.profile != NULL) {
        reader->events.profile(reader->events.context,
                               (struct str){(const char *)wire.p, wire_left(&wire)});
    }
}

static void
on_record(struct record_reader *reader, unsigned type, struct wire payload)
{
    static void (*const handlers[])(struct record_reader *, struct wire) = {
        [RECORD_HELLO] = on_hello, [RECORD_NAMES] = on_names,       [RECORD_BATCH] = on_batch,
        [RECORD_CHUNK] = on_chunk, [RECORD_END] = on_end,           [RECORD_CHANGES] = on_changes,
        [RECORD_TICK] = on_tick,   [RECORD_FINDINGS] = on_findings, [RECORD_KEPT] = on_kept,
        [RECORD_TRACE] = on_trace, [RECORD_PROFILE] = on_profile,
    };
    if (type >= ARRAY_SIZE(handlers) || handlers[type] == NULL) {
        return; /* of a later version */
    }
    if (!reader->greeted && type != RECORD_HELLO) {
        damaged(reader, type, "the stream does not begin with hello");
        return;
    }
    reader->round++;
    handlers[type](reader, payload);
    arena_clear(&reader->arena);
}

/* ---- framing ---- */

/* The payload's length and where its checksum stands, once the varint is there. */
static bool
read_header(const struct record_reader *reader, uint64_t *ret_length, size_t *ret_crc_at)
{
    struct wire wire = {(const uint8_t *)reader->held.data,
                        (const uint8_t *)reader->held.data + reader->held.n, false};
    wire_u8(&wire);
    *ret_length = wire_varint(&wire);
    *ret_crc_at = wire.bad ? 0 : (size_t)(wire.p - (const uint8_t *)reader->held.data);
    return !wire.bad;
}

/* How many bytes must be held before the next step: more than there are unless the item is whole.
 */
static size_t
wanted(struct record_reader *reader)
{
    uint64_t length;
    size_t crc_at;
    if (!reader->begun) {
        return RECORD_MAGIC_BYTES;
    }
    if (reader->held.n < 2) {
        return reader->held.n + 1;
    }
    if (!read_header(reader, &length, &crc_at)) {
        if (reader->held.n > 10) {
            fail(reader, -EBADMSG, "a record is damaged: its length is wrong");
        }
        return reader->held.n + 1;
    }
    if (length > RECORD_BYTES_MAX) {
        fail(reader, -EBADMSG, "a record is damaged: it says it is longer than records may be");
        return reader->held.n + 1;
    }
    return crc_at + 4 + (size_t)length;
}

static void
on_magic(struct record_reader *reader)
{
    const char *p = reader->held.data;
    if (memcmp(p, RECORD_MAGIC, RECORD_MAGIC_BYTES - 1) != 0) {
        fail(reader, -EBADMSG, "this is no flametop recording: it begins with something else");
    } else if (p[RECORD_MAGIC_BYTES - 1] != RECORD_MAGIC[RECORD_MAGIC_BYTES - 1]) {
        fail(reader, -EPROTONOSUPPORT,
             "the recording has a version that this flametop does not read");
    }
    reader->begun = true;
}

static void
on_item(struct record_reader *reader)
{
    uint64_t length;
    size_t crc_at;
    if (!reader->begun) {
        on_magic(reader);
        return;
    }
    if (!read_header(reader, &length, &crc_at)) {
        return;
    }
    const uint8_t *bytes = (const uint8_t *)reader->held.data;
    const uint8_t *p = bytes + crc_at, *payload = p + 4;
    uint32_t told =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    if (hash_crc32c(hash_crc32c(0, bytes, 1), payload, (size_t)length) != told) {
        damaged(reader, bytes[0], "its checksum is wrong");
        return;
    }
    on_record(reader, bytes[0], (struct wire){payload, payload + length, false});
}

/* History comes once, in records far larger than those of each tick: their room is given back. */
static void
let_go(struct buf *held)
{
    if (held->capacity > HELD_BYTES_KEPT) {
        buf_done(held);
    }
    buf_clear(held);
}

int
record_reader_feed(struct record_reader *reader, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0 && reader->error == 0) {
        if (reader->ended) {
            fail(reader, -EBADMSG, "bytes follow the end of the stream");
            break;
        }
        size_t want = wanted(reader);
        size_t taken = MIN(n, want - reader->held.n);
        if (reader->error != 0) {
            break;
        }
        buf_add(&reader->held, p, taken);
        if (reader->held.full) {
            fail(reader, -ENOMEM, "there is not enough memory for a record");
            break;
        }
        p += taken;
        n -= taken;
        if (reader->held.n == wanted(reader) && reader->error == 0) {
            on_item(reader);
            reader->position += reader->error == 0 ? reader->held.n : 0;
            let_go(&reader->held);
        }
    }
    return reader->error;
}

int
record_reader_finish(struct record_reader *reader)
{
    if (reader->error == 0 && !reader->begun && reader->held.n == 0) {
        fail(reader, -ENODATA, "the stream is empty");
    } else if (reader->error == 0 && !reader->begun) {
        fail(reader, -EBADMSG, "this is no flametop recording: it is too short");
    } else if (reader->error == 0 && reader->held.n > 0) {
        fail(reader, -EBADMSG, "the stream breaks off inside a record");
    }
    return reader->error;
}
