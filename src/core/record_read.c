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
#include "record_reader.h"

#define HELD_BYTES_KEPT ((size_t)64 << 10)
#define BATCH_BYTES_MAX ((size_t)64 << 20)
#define HEADER_BYTES_MAX 15

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
        [RECORD_HELLO] = "hello",  [RECORD_NAMES] = "names",       [RECORD_BATCH] = "batch",
        [RECORD_CHUNK] = "chunk",  [RECORD_END] = "end",           [RECORD_CHANGES] = "changes",
        [RECORD_TICK] = "tick",    [RECORD_FINDINGS] = "findings", [RECORD_KEPT] = "kept",
        [RECORD_TRACE] = "trace",  [RECORD_PROFILE] = "profile",   [RECORD_LINK] = "link",
        [RECORD_COMING] = "coming"};
    return type < ARRAY_SIZE(names) && names[type] != NULL ? names[type] : "unknown";
}

/* The first error stands; nothing is read after it. */
static void
reader_fail(struct record_reader *reader, int error, const char *what)
{
    if (reader->error == 0) {
        reader->error = error;
        snprintf(reader->why, sizeof(reader->why), "%s (at byte %" PRIu64 ")", what,
                 reader->position);
    }
}

void
reader_damaged(struct record_reader *reader, unsigned type, const char *reason)
{
    char what[160];
    snprintf(what, sizeof(what), "the %s record is damaged: %s", type_name(type), reason);
    reader_fail(reader, -EBADMSG, what);
}

/* ---- payloads ---- */

static int64_t
read_time(struct wire *wire)
{
    int64_t time = (int64_t)wire_u64(wire);
    wire->bad |= time < -TIME_NS_MAX || time > TIME_NS_MAX;
    return time;
}

struct instant
reader_instant(struct wire *wire)
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
        reader_fail(reader, -EPROTONOSUPPORT,
                    "the stream needs a newer flametop: its protocol is too new");
        return;
    }
    hello.at = reader_instant(&wire);
    hello.interval_ns = read_time(&wire);
    read_host(&wire, &reader->names.lasting, &hello.host);
    hello.instance = wire_left(&wire) > 0 ? wire_text(&wire, &reader->names.lasting) : "";
    if (wire.bad || hello.interval_ns <= 0 || reader->names.lasting.full) {
        reader_damaged(reader, RECORD_HELLO, "its contents are wrong");
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
        reader_damaged(reader, RECORD_NAMES, reason);
    }
}

uint64_t
record_reader_dropped(const struct record_reader *reader)
{
    return reader->dropped;
}

static void
on_tick(struct record_reader *reader, struct wire wire)
{
    struct record_tick tick = {.at = reader_instant(&wire)};
    tick.interval_ns = read_time(&wire);
    tick.number = wire_varint(&wire);
    tick.missed = wire_varint(&wire);
    if (wire.bad || tick.interval_ns <= 0) {
        reader_damaged(reader, RECORD_TICK, "its contents are wrong");
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
        reader_damaged(reader, RECORD_FINDINGS, "its contents are wrong");
    } else if (reader->events.findings != NULL) {
        reader->events.findings(reader->events.context, &findings);
    }
}

static void
on_link(struct record_reader *reader, struct wire wire)
{
    unsigned state = wire_u8(&wire);
    struct link_status status = {.state = (enum link_state)MIN(state, (unsigned)LINK_REFUSED),
                                 .target = wire_text(&wire, &reader->arena)};
    status.kind = wire_text(&wire, &reader->arena);
    status.why = wire_text(&wire, &reader->arena);
    status.heard_mono_ns = read_time(&wire);
    status.retry_mono_ns = read_time(&wire);
    status.samples = (unsigned)wire_varint(&wire);
    status.here = wire_u8(&wire) != 0;
    status.offer = "";
    if (wire.bad || reader->arena.full) {
        reader_damaged(reader, RECORD_LINK, "its contents are wrong");
    } else if (reader->events.link != NULL) {
        reader->events.link(reader->events.context, &status);
    }
}

static void
on_coming(struct record_reader *reader, struct wire wire)
{
    unsigned coming = (unsigned)wire_varint(&wire);
    if (wire.bad) {
        reader_damaged(reader, RECORD_COMING, "its contents are wrong");
    } else if (reader->events.coming != NULL) {
        reader->events.coming(reader->events.context, coming);
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
        [RECORD_HELLO] = on_hello,     [RECORD_NAMES] = on_names,
        [RECORD_BATCH] = reader_batch, [RECORD_CHUNK] = reader_chunk,
        [RECORD_END] = on_end,         [RECORD_CHANGES] = reader_changes,
        [RECORD_TICK] = on_tick,       [RECORD_FINDINGS] = on_findings,
        [RECORD_KEPT] = reader_kept,   [RECORD_TRACE] = on_trace,
        [RECORD_PROFILE] = on_profile, [RECORD_LINK] = on_link,
        [RECORD_COMING] = on_coming,
    };
    if (type >= ARRAY_SIZE(handlers) || handlers[type] == NULL) {
        return; /* of a later version */
    }
    if (!reader->greeted && type != RECORD_HELLO) {
        reader_damaged(reader, type, "the stream does not begin with hello");
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
            reader_fail(reader, -EBADMSG, "a record is damaged: its length is wrong");
        }
        return reader->held.n + 1;
    }
    if (length > RECORD_BYTES_MAX) {
        reader_fail(reader, -EBADMSG,
                    "a record is damaged: it says it is longer than records may be");
        return reader->held.n + 1;
    }
    return crc_at + 4 + (size_t)length;
}

static void
on_magic(struct record_reader *reader)
{
    const char *p = reader->held.data;
    if (memcmp(p, RECORD_MAGIC, RECORD_MAGIC_BYTES - 1) != 0) {
        reader_fail(reader, -EBADMSG,
                    "this is no flametop recording: it begins with something else");
    } else if (p[RECORD_MAGIC_BYTES - 1] != RECORD_MAGIC[RECORD_MAGIC_BYTES - 1]) {
        reader_fail(reader, -EPROTONOSUPPORT,
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
        reader_damaged(reader, bytes[0], "its checksum is wrong");
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
            reader_fail(reader, -EBADMSG, "bytes follow the end of the stream");
            break;
        }
        size_t want = wanted(reader);
        size_t taken = MIN(n, want - reader->held.n);
        if (reader->error != 0) {
            break;
        }
        buf_add(&reader->held, p, taken);
        if (reader->held.full) {
            reader_fail(reader, -ENOMEM, "there is not enough memory for a record");
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
        reader_fail(reader, -ENODATA, "the stream is empty");
    } else if (reader->error == 0 && !reader->begun) {
        reader_fail(reader, -EBADMSG, "this is no flametop recording: it is too short");
    } else if (reader->error == 0 && reader->held.n > 0) {
        reader_fail(reader, -EBADMSG, "the stream breaks off inside a record");
    }
    return reader->error;
}
