/* From a span as a decoder read it to one of a trace that is gathered: texts cleaned, secrets
 * redacted, conventions applied, in this one place.
 *
 * Keys of attributes are few and come again and again: each is cleaned and judged once, what came
 * after it last time is tried first, and where it is among the texts of a trace is remembered.
 * Other texts come again, too: what is among the texts of the trace was cleaned and redacted
 * before. */
#ifndef FLAMETOP_TRACE_INTAKE_H
#define FLAMETOP_TRACE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "convention.h"
#include "flametop/base/arena.h"
#include "flametop/base/hash.h"
#include "gather.h"

#define INTAKE_KEYS_MAX 4096
#define INTAKE_KEY_BYTES 200
#define INTAKE_TEXT_BYTES TRACE_TEXT_BYTES_MAX /* of a value; what is longer ends with … */
#define INTAKE_NAME_BYTES 512
#define INTAKE_PARTS_MAX 256 /* attributes, events and links of a span */
#define INTAKE_NUMBERS 256

struct key;

/* A number among the texts of the trace of this serial. */
struct intake_number {
    uint64_t serial;
    int64_t value;
    uint32_t offset;
};

struct intake {
    uint64_t seed, serial;
    struct map keys;
    struct key *last;              /* looked up last; NULL: none */
    struct span_resource resource; /* of the span before: its addresses, not what is there */
    uint64_t resource_of;          /* what its memo said */
    uint64_t resource_serial;      /* the trace that has it; 0: none */
    uint32_t resource_at;
    struct arena arena;
    size_t key_count;
    uint64_t cut; /* attributes, events, links and texts beyond a limit */
    struct intake_number numbers[INTAKE_NUMBERS]; /* by their last bits */
    char text[INTAKE_TEXT_BYTES], other[INTAKE_TEXT_BYTES];
};

/* What metrics are made of, of the span that was added. */
struct intake_seen {
    struct convention convention;
    uint32_t span; /* in the gathered trace */
};

enum intake_result { INTAKE_ADDED, INTAKE_REPEATED, INTAKE_FULL };

void intake_init(struct intake *intake, uint64_t seed);
void intake_done(struct intake *intake);
enum intake_result intake_span(struct intake *intake, struct gather *gather,
                               const struct span *span, struct intake_seen *ret_seen);

#endif
