/* Inside of the store. */
#ifndef FLAMETOP_TRACE_STORE_PARTS_H
#define FLAMETOP_TRACE_STORE_PARTS_H

#include "build.h"
#include "flametop/trace/store.h"
#include "intake.h"
#include "requests.h"
#include "segments.h"

#define OPEN_MAX 16384
#define REFUSED_TRACES 8192
#define SPARES 64
#define LEFT_MAX 64

/* A trace of elsewhere that is too large to be here. */
struct left {
    uint64_t key;
    uint32_t bytes;
    char id[2 * SPAN_ID_BYTES_MAX + 1]; /* in hex */
};

struct trace_store {
    struct trace_store_options options; /* rules in the arena */
    struct arena arena;
    uint64_t seed;
    struct intake intake;
    struct intake_seen seen;
    struct build build;
    struct segments segments;

    struct map open; /* key -> gather */
    struct gather *oldest, *newest;
    size_t open_count, open_bytes;
    size_t large_bytes; /* of these, of large ones */
    int64_t reopened_since_ns;
    size_t reopened_bytes; /* of finished traces that late spans opened again since then */
    struct gather *spare[SPARES];
    size_t spare_count;

    struct map refused_traces; /* sampled away by a rule, the last ones */
    uint64_t refused_keys[REFUSED_TRACES];
    uint64_t refused_next;

    struct requests requests;
    int64_t now_mono_ns;

    uint64_t received, repeated, dropped, refused, sampled_out;
    struct left left[LEFT_MAX]; /* those that were left, the last ones, in the order they came */
    size_t left_count;
    uint64_t left_changes; /* counts up whenever these change */
    uint64_t stored_bytes;
    uint64_t timed, spent_ns; /* spans whose cost was measured, and that */
    struct traces *list;      /* published last */
    uint64_t listed, list_number;
};

#endif
