/* Records of a perf ring. The kernel writes them, but a recording of them may come from anywhere:
 * nothing in them is trusted. */
#include "ring_record.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>

#include "flametop/base/macros.h"

#define TRAILER_BYTES 16 /* pid, tid, time */

/* Taken from the front of what is left of a record; zeros past its end, which is told by `ended`.
 */
struct fields {
    struct str rest;
    bool ended;
};

static void
take(struct fields *fields, void *dst, size_t n)
{
    memset(dst, 0, n);
    if (fields->rest.n < n) {
        fields->ended = true;
        fields->rest.n = 0;
        return;
    }
    memcpy(dst, fields->rest.p, n);
    fields->rest.p += n;
    fields->rest.n -= n;
}

static uint32_t
take_u32(struct fields *fields)
{
    uint32_t value;
    take(fields, &value, sizeof(value));
    return value;
}

static uint64_t
take_u64(struct fields *fields)
{
    uint64_t value;
    take(fields, &value, sizeof(value));
    return value;
}

/* Texts are padded with NULs. */
static struct str
take_text(struct fields *fields)
{
    struct str text = {fields->rest.p, strnlen(fields->rest.p, fields->rest.n)};
    fields->rest.p += fields->rest.n;
    fields->rest.n = 0;
    return text;
}

static void
read_sample(struct fields *fields, struct ring_record *record)
{
    record->pid = take_u32(fields);
    record->tid = take_u32(fields);
    record->time = take_u64(fields);
    record->period = take_u64(fields);
    uint64_t count = take_u64(fields), room = fields->rest.n / sizeof(uint64_t);
    fields->ended |= count > room;
    record->chain = (struct str){fields->rest.p, (size_t)MIN(count, room) * sizeof(uint64_t)};
}

static void
read_task(struct fields *fields, struct ring_record *record)
{
    record->pid = take_u32(fields);
    record->parent = take_u32(fields);
    record->tid = take_u32(fields);
    record->parent_tid = take_u32(fields);
}

static void
read_comm(struct fields *fields, struct ring_record *record)
{
    record->pid = take_u32(fields);
    record->tid = take_u32(fields);
    record->text = take_text(fields);
}

static void
read_lost(struct fields *fields, struct ring_record *record)
{
    (void)take_u64(fields); /* id */
    record->lost = take_u64(fields);
}

static void
read_lost_samples(struct fields *fields, struct ring_record *record)
{
    record->lost = take_u64(fields);
}

static void
read_map(struct fields *fields, struct ring_record *record)
{
    record->pid = take_u32(fields);
    record->tid = take_u32(fields);
    record->start = take_u64(fields);
    record->size = take_u64(fields);
    record->offset = take_u64(fields);
    record->major = take_u32(fields);
    record->minor = take_u32(fields);
    record->inode = take_u64(fields);
    (void)take_u64(fields); /* generation of the inode */
    record->executable = (take_u32(fields) & PROT_EXEC) != 0;
    (void)take_u32(fields); /* flags */
    record->text = take_text(fields);
    fields->ended |= record->start > UINT64_MAX - record->size;
}

static const struct {
    uint32_t type;
    enum ring_kind kind;
    void (*read)(struct fields *fields, struct ring_record *record);
} types[] = {
    {PERF_RECORD_SAMPLE, RING_SAMPLE, read_sample},
    {PERF_RECORD_MMAP2, RING_MAP, read_map},
    {PERF_RECORD_COMM, RING_COMM, read_comm},
    {PERF_RECORD_FORK, RING_FORK, read_task},
    {PERF_RECORD_EXIT, RING_EXIT, read_task},
    {PERF_RECORD_LOST, RING_LOST, read_lost},
    {PERF_RECORD_LOST_SAMPLES, RING_LOST, read_lost_samples},
};

/* The time of a record that is no sample stands at its end. */
static void
take_trailer(struct fields *fields, struct ring_record *record)
{
    if (fields->rest.n < TRAILER_BYTES) {
        fields->ended = true;
        return;
    }
    fields->rest.n -= TRAILER_BYTES;
    memcpy(&record->time, fields->rest.p + fields->rest.n + 2 * sizeof(uint32_t),
           sizeof(record->time));
}

size_t
ring_record_read(struct str bytes, struct ring_record *ret_record)
{
    struct perf_event_header header;
    if (bytes.n < sizeof(header)) {
        return 0;
    }
    memcpy(&header, bytes.p, sizeof(header));
    if (header.size < sizeof(header) || header.size > bytes.n) {
        return 0;
    }
    struct fields fields = {{bytes.p + sizeof(header), header.size - sizeof(header)}, false};
    *ret_record = (struct ring_record){.text = {"", 0}, .chain = {"", 0}};
    if (header.type != PERF_RECORD_SAMPLE) {
        take_trailer(&fields, ret_record);
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (types[i].type == header.type) {
            types[i].read(&fields, ret_record);
            ret_record->kind = fields.ended ? RING_OTHER : types[i].kind;
        }
    }
    ret_record->exec =
        ret_record->kind == RING_COMM && (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0;
    return header.size;
}

uint64_t
ring_chain_at(const struct ring_record *record, size_t i)
{
    uint64_t address;
    memcpy(&address, record->chain.p + i * sizeof(address), sizeof(address));
    return address;
}
