/* The trace store: what is open, what is due, and the list of what is done. */
#include "flametop/trace/store.h"

#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "flametop/base/macros.h"
#include "flametop/trace/filter.h"
#include "intake.h"
#include "segments.h"
#include "store_parts.h"

#define BYTES_MAX_DEFAULT ((size_t)16 << 20)
#define SLOW_DEFAULT_S 2
#define SLOW_QUERY_DEFAULT_S 0.5
#define SPARE_BYTES ((size_t)16 << 10)     /* larger ones are not kept for the next trace */
#define REOPENED_BYTES_MAX TRACE_BYTES_MAX /* of finished traces opened again, a second */
#define TIMED_EVERY 16
#define RULES_BYTES_MAX ((size_t)256 << 10)

/* ---- life ---- */

static bool
copy_rules(struct trace_store *store, const struct trace_store_options *options)
{
    struct arena *arena = &store->arena;
    struct trace_threshold *thresholds =
        arena_news(arena, struct trace_threshold, options->threshold_count);
    struct trace_sampling *sampling =
        arena_news(arena, struct trace_sampling, options->sampling_count);
    if ((thresholds == NULL && options->threshold_count > 0) ||
        (sampling == NULL && options->sampling_count > 0)) {
        return false;
    }
    for (size_t i = 0; i < options->threshold_count; i++) {
        const struct trace_threshold *from = &options->thresholds[i];
        thresholds[i] = (struct trace_threshold){
            .endpoint = arena_printf(arena, "%s", from->endpoint != NULL ? from->endpoint : ""),
            .tool = arena_printf(arena, "%s", from->tool != NULL ? from->tool : ""),
            .seconds = from->seconds};
    }
    for (size_t i = 0; i < options->sampling_count; i++) {
        const struct trace_sampling *from = &options->sampling[i];
        sampling[i] = (struct trace_sampling){
            .service = arena_printf(arena, "%s", from->service != NULL ? from->service : ""),
            .endpoint = arena_printf(arena, "%s", from->endpoint != NULL ? from->endpoint : ""),
            .probability = CLAMP(from->probability, 0.0, 1.0)};
    }
    store->options.thresholds = thresholds;
    store->options.sampling = sampling;
    return !arena->full;
}

struct trace_store *
trace_store_new(const struct trace_store_options *options)
{
    struct trace_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return NULL;
    }
    arc4random_buf(&store->seed, sizeof(store->seed));
    store->options = *options;
    struct trace_store_options *own = &store->options;
    own->bytes_max = own->bytes_max > 0 ? own->bytes_max : BYTES_MAX_DEFAULT;
    own->open_bytes_max = own->open_bytes_max > 0 ? own->open_bytes_max : own->bytes_max / 4;
    own->slow_s = own->slow_s > 0 ? own->slow_s : SLOW_DEFAULT_S;
    own->slow_query_s = own->slow_query_s > 0 ? own->slow_query_s : SLOW_QUERY_DEFAULT_S;
    arena_init(&store->arena, RULES_BYTES_MAX);
    intake_init(&store->intake, store->seed);
    build_init(&store->build);
    requests_init(&store->requests);
    segments_init(&store->segments, store->seed, own->bytes_max);
    map_init(&store->open, OPEN_MAX * 2);
    map_init(&store->refused_traces, REFUSED_TRACES * 2);
    if (!copy_rules(store, options)) {
        trace_store_free(store);
        return NULL;
    }
    return store;
}

void
trace_store_free(struct trace_store *store)
{
    if (store == NULL) {
        return;
    }
    for (struct gather *gather = store->oldest; gather != NULL;) {
        struct gather *newer = gather->newer;
        gather_free(gather);
        gather = newer;
    }
    for (size_t i = 0; i < store->spare_count; i++) {
        gather_free(store->spare[i]);
    }
    traces_release(store->list);
    segments_done(&store->segments);
    build_done(&store->build);
    requests_done(&store->requests);
    intake_done(&store->intake);
    map_done(&store->open);
    map_done(&store->refused_traces);
    arena_done(&store->arena);
    free(store);
}

bool
trace_store_used(const struct trace_store *store)
{
    return store->received > 0 || store->segments.changes > 0 || store->refused > 0;
}

/* ---- sampling by rule ---- */

static bool
is_any(const char *pattern)
{
    return pattern[0] == 0 || strcmp(pattern, "*") == 0;
}

/* Whether a trace of this id is among the share: the same answer each time. */
static bool
is_among(struct str id, double probability)
{
    uint64_t hash = hash_u64(hash_bytes(id.p, id.n));
    return (double)(hash >> 11) * 0x1p-53 < probability;
}

/* A first rule for everything decides at once, before anything is gathered; 1: there is none. */
static double
share_of_all(const struct trace_store *store)
{
    const struct trace_sampling *rule = store->options.sampling;
    return store->options.sampling_count > 0 && is_any(rule->service) && is_any(rule->endpoint)
               ? rule->probability
               : 1;
}

/* The share of finished traces like this one that is kept. */
static double
share_of(const struct trace_store *store, const struct trace *trace)
{
    struct str service = str_from(trace_text(trace, trace->service));
    struct str endpoint = str_from(trace_text(trace, trace->endpoint));
    for (size_t i = 0; i < store->options.sampling_count && share_of_all(store) == 1; i++) {
        const struct trace_sampling *rule = &store->options.sampling[i];
        if ((is_any(rule->service) || trace_glob(rule->service, service)) &&
            (is_any(rule->endpoint) || trace_glob(rule->endpoint, endpoint))) {
            return rule->probability;
        }
    }
    return 1;
}

/* ---- traces that are open ---- */

static void
unlink_open(struct trace_store *store, struct gather *gather)
{
    if (gather->older != NULL) {
        gather->older->newer = gather->newer;
    } else {
        store->oldest = gather->newer;
    }
    if (gather->newer != NULL) {
        gather->newer->older = gather->older;
    } else {
        store->newest = gather->older;
    }
    gather->older = gather->newer = NULL;
}

static void
link_newest(struct trace_store *store, struct gather *gather)
{
    gather->older = store->newest;
    gather->newer = NULL;
    if (store->newest != NULL) {
        store->newest->newer = gather;
    } else {
        store->oldest = gather;
    }
    store->newest = gather;
}

/* A trace that has so much of the room for open ones is bounded with others like it, so that it is
 * not finished again and again to make room for small ones. */
static void
grown(struct trace_store *store, struct gather *gather, size_t by)
{
    store->open_bytes += by;
    if (gather->large) {
        store->large_bytes += by;
    } else if (gather->bytes > store->options.open_bytes_max / 4) {
        gather->large = true;
        store->large_bytes += sizeof(*gather) + gather->bytes;
    }
}

/* No longer open: its memory is kept for the next, unless it is much. */
static void
let_go(struct trace_store *store, struct gather *gather)
{
    unlink_open(store, gather);
    map_remove(&store->open, gather->key);
    store->open_count--;
    store->open_bytes -= sizeof(*gather) + gather->bytes;
    store->large_bytes -= gather->large ? sizeof(*gather) + gather->bytes : 0;
    if (store->spare_count < SPARES && gather->bytes <= SPARE_BYTES) {
        gather_clear(gather);
        store->spare[store->spare_count++] = gather;
    } else {
        gather_free(gather);
    }
}

/* A late span opens a finished trace again, which costs by its size: spans of several large ones in
 * turn, each finished to make room for the next, would keep the thread busy for minutes. */
static bool
may_reopen(struct trace_store *store, const struct trace *done, struct instant now)
{
    if (done->bytes <= SPARE_BYTES) {
        return true;
    }
    if (now.mono_ns - store->reopened_since_ns >= NS_PER_S) {
        store->reopened_since_ns = now.mono_ns;
        store->reopened_bytes = 0;
    }
    store->reopened_bytes += done->bytes;
    return store->reopened_bytes <= REOPENED_BYTES_MAX;
}

static struct gather *
open_trace(struct trace_store *store, uint64_t key, struct str id, struct instant now)
{
    const struct trace *done = segments_find(&store->segments, key, (const uint8_t *)id.p, id.n);
    if (done != NULL && !may_reopen(store, done, now)) {
        return NULL;
    }
    struct gather *gather =
        store->spare_count > 0 ? store->spare[--store->spare_count] : gather_new(store->seed);
    if (gather == NULL) {
        return NULL;
    }
    gather->bytes_max =
        MIN(TRACE_BYTES_MAX, MAX(store->options.bytes_max, store->options.open_bytes_max));
    gather->key = key;
    gather->id_n = (uint8_t)id.n;
    memcpy(gather->id, id.p, id.n);
    gather->mono_offset_ns = now.mono_ns - now.wall_ns;
    gather->weight = 1;
    gather->factor = 1 / MAX(share_of_all(store), 1e-9);
    gather->first_mono_ns = gather->last_mono_ns = now.mono_ns;
    if ((done != NULL && !gather_load(gather, done)) || !map_put(&store->open, key, gather)) {
        gather_free(gather);
        return NULL;
    }
    link_newest(store, gather);
    store->open_count++;
    grown(store, gather, sizeof(*gather) + gather->bytes);
    return gather;
}

/* What was refused stays refused: late spans of it do not make a trace. */
static void
remember_refused(struct trace_store *store, uint64_t key)
{
    uint64_t *slot = &store->refused_keys[store->refused_next++ % REFUSED_TRACES];
    if (*slot != 0) {
        map_remove(&store->refused_traces, *slot);
    }
    *slot = key;
    map_put(&store->refused_traces, key, slot);
}

/* ---- finishing ---- */

static double
threshold_of(const struct trace_store *store, const struct trace *trace)
{
    struct str endpoint = str_from(trace_text(trace, trace->endpoint));
    struct str tool = str_from(trace_text(trace, trace->tool));
    for (size_t i = 0; i < store->options.threshold_count; i++) {
        const struct trace_threshold *rule = &store->options.thresholds[i];
        if ((is_any(rule->endpoint) || trace_glob(rule->endpoint, endpoint)) &&
            (is_any(rule->tool) || trace_glob(rule->tool, tool))) {
            return rule->seconds;
        }
    }
    return store->options.slow_s;
}

/* Written behind the last trace; it is one once it is added. NULL: no room. */
static struct trace *
write_trace(struct trace_store *store, struct gather *gather)
{
    if (!build_plan(&store->build, gather) || store->build.bytes > store->options.bytes_max) {
        return NULL;
    }
    struct trace *trace = segments_reserve(&store->segments, store->build.bytes);
    if (trace != NULL) {
        build_write(&store->build, gather, trace);
        bool slow = (double)trace->duration_ns / 1e9 >= threshold_of(store, trace);
        trace->flags |= slow ? (uint32_t)TRACE_SLOW : 0;
    }
    return trace;
}

static void
finish(struct trace_store *store, struct gather *gather)
{
    struct trace *trace = gather->changed ? write_trace(store, gather) : NULL;
    if (trace == NULL) {
        store->dropped += gather->changed ? gather->span_count : 0;
    } else {
        if (!gather->counted && (trace->flags & TRACE_UNFINISHED) == 0) {
            requests_trace(&store->requests, trace, store->now_mono_ns);
        }
        struct str id = {(const char *)gather->id, gather->id_n};
        double share = gather->version == 0 ? share_of(store, trace) : 1;
        if (is_among(id, share)) {
            trace->weight = gather->version == 0 ? trace->weight / share : trace->weight;
            store->stored_bytes += trace->bytes;
            segments_add(&store->segments);
        } else {
            store->sampled_out++;
            remember_refused(store, gather->key);
        }
    }
    let_go(store, gather);
}

static bool
is_due(struct gather *gather, struct instant now)
{
    int64_t quiet_ns = now.mono_ns - gather->last_mono_ns;
    int64_t patience_ns = TRACE_QUIET_NS << MIN(gather->version, 6u);
    if (quiet_ns >= MAX(TRACE_PATIENCE_NS, patience_ns) ||
        now.mono_ns - gather->first_mono_ns >= TRACE_AGE_NS) {
        return true;
    }
    if (quiet_ns < patience_ns) {
        return false;
    }
    if (!gather->judged) {
        gather->whole = build_is_whole(gather);
        gather->judged = true;
    }
    return gather->whole;
}

static void
finish_due(struct trace_store *store, struct instant now)
{
    for (struct gather *gather = store->oldest; gather != NULL;) {
        struct gather *newer = gather->newer;
        if (is_due(gather, now)) {
            finish(store, gather);
        }
        gather = newer;
    }
}

/* ---- spans ---- */

/* What a decoder may have left as it was sent. */
static struct span
tidy(const struct span *span)
{
    struct span own = *span;
    own.trace_id.n = MIN(own.trace_id.n, (size_t)SPAN_ID_BYTES_MAX);
    own.span_id.n = MIN(own.span_id.n, (size_t)SPAN_ID_BYTES_MAX);
    own.parent_id.n = MIN(own.parent_id.n, (size_t)SPAN_ID_BYTES_MAX);
    own.kind = own.kind <= SPAN_CONSUMER ? own.kind : SPAN_UNSPECIFIED;
    own.status = own.status <= SPAN_ERROR ? own.status : SPAN_UNSET;
    return own;
}

static bool
add_span(struct trace_store *store, struct gather *gather, const struct span *span)
{
    struct intake_seen *seen = &store->seen;
    size_t before = gather->bytes;
    enum intake_result result = intake_span(&store->intake, gather, span, seen);
    grown(store, gather, gather->bytes - before);
    if (result == INTAKE_REPEATED) {
        store->repeated++;
        return true;
    }
    gather->changed = true;
    gather->judged = false;
    if (result == INTAKE_FULL) {
        gather->dropped++;
        store->dropped++;
        return false;
    }
    requests_span(&store->requests, gather, &gather->spans[seen->span], &seen->convention,
                  store->options.slow_query_s, store->now_mono_ns);
    return true;
}

/* One of TIMED_EVERY spans is timed: asking for the time costs, too. */
static bool
add_span_timed(struct trace_store *store, struct gather *gather, const struct span *span)
{
    if (store->received % TIMED_EVERY != 0) {
        return add_span(store, gather, span);
    }
    int64_t before = clock_mono_ns();
    bool good = add_span(store, gather, span);
    store->spent_ns += (uint64_t)(clock_mono_ns() - before);
    store->timed++;
    return good;
}

/* The one that got no span for longest; not the last. NULL: none. */
static struct gather *
find_oldest(const struct trace_store *store, bool large)
{
    struct gather *gather = store->oldest;
    while (gather != NULL && gather != store->newest && gather->large != large) {
        gather = gather->newer;
    }
    return gather != store->newest ? gather : NULL;
}

static void
make_open_room(struct trace_store *store)
{
    const struct trace_store_options *options = &store->options;
    struct gather *gather;
    while ((store->open_bytes - store->large_bytes > options->open_bytes_max ||
            store->open_count > OPEN_MAX) &&
           (gather = find_oldest(store, false)) != NULL) {
        finish(store, gather);
    }
    while (store->large_bytes > options->bytes_max && (gather = find_oldest(store, true)) != NULL) {
        finish(store, gather);
    }
}

bool
trace_store_span(struct trace_store *store, const struct span *span, struct instant now)
{
    struct span own = tidy(span);
    store->now_mono_ns = now.mono_ns;
    store->received++;
    if (own.trace_id.n == 0 || own.span_id.n == 0 || own.resource == NULL) {
        store->refused++;
        return false;
    }
    uint64_t key = gather_hash(store->seed, own.trace_id.p, own.trace_id.n);
    struct gather *newest = store->newest;
    struct gather *gather =
        newest != NULL && newest->key == key ? newest : map_get(&store->open, key);
    if (gather == NULL && (!is_among(own.trace_id, share_of_all(store)) ||
                           map_get(&store->refused_traces, key) != NULL)) {
        return true;
    }
    gather = gather != NULL ? gather : open_trace(store, key, own.trace_id, now);
    if (gather == NULL) {
        store->dropped++;
        return false;
    }
    gather->last_mono_ns = now.mono_ns;
    if (gather != store->newest) {
        unlink_open(store, gather);
        link_newest(store, gather);
    }
    bool good = add_span_timed(store, gather, &own);
    make_open_room(store);
    return good;
}

static bool
sink_span(void *context, const struct span *span)
{
    struct trace_store_sink *at = context;
    return trace_store_span(at->store, span, clock_recent(at->clock, &at->recent));
}

struct span_sink
trace_store_sink(struct trace_store_sink *at)
{
    return (struct span_sink){.context = at, .span = sink_span};
}

/* ---- whole traces ---- */

/* It comes after all, or again. */
static void
unleave(struct trace_store *store, uint64_t key)
{
    for (size_t i = 0; i < store->left_count; i++) {
        if (store->left[i].key == key) {
            store->left_count--;
            memmove(&store->left[i], &store->left[i + 1],
                    (store->left_count - i) * sizeof(store->left[0]));
            store->left_changes++;
        }
    }
}

/* Of one that is too large its head is enough to say which it is. */
static void
leave(struct trace_store *store, const void *bytes)
{
    struct trace head;
    memcpy(&head, bytes, sizeof(head));
    if (head.id_n == 0 || head.id_n > SPAN_ID_BYTES_MAX) {
        return;
    }
    uint64_t key = gather_hash(store->seed, head.id, head.id_n);
    const struct trace *here = segments_find(&store->segments, key, head.id, head.id_n);
    if (here != NULL && here->version >= head.version) {
        return;
    }
    unleave(store, key); /* it comes again with each connection */
    if (store->left_count == LEFT_MAX) {
        unleave(store, store->left[0].key);
    }
    struct left *left = &store->left[store->left_count++];
    *left = (struct left){.key = key, .bytes = head.bytes};
    trace_id_text(&head, left->id, sizeof(left->id));
    store->left_changes++;
}

/* Beside the others: it would leave none of them. */
static bool
take_large(struct trace_store *store, const void *bytes, size_t n)
{
    struct trace head;
    memcpy(&head, bytes, sizeof(head));
    if (head.id_n == 0 || head.id_n > SPAN_ID_BYTES_MAX) {
        return false;
    }
    uint64_t key = gather_hash(store->seed, head.id, head.id_n);
    const struct trace *older = segments_find(&store->segments, key, head.id, head.id_n);
    if (older == NULL || older->version < head.version) {
        if (!segments_set_aside(&store->segments, bytes, n)) {
            return false;
        }
    }
    unleave(store, key);
    return true;
}

bool
trace_store_trace(struct trace_store *store, const void *bytes, size_t n, struct instant now)
{
    (void)now;
    if (n < sizeof(struct trace) || n > TRACE_BYTES_MAX) {
        return false;
    }
    if (n == sizeof(struct trace)) {
        leave(store, bytes);
        return false;
    }
    if (n > store->options.bytes_max) {
        return take_large(store, bytes, n);
    }
    struct trace *trace = segments_reserve(&store->segments, n);
    if (trace == NULL) {
        return false;
    }
    memcpy(trace, bytes, n);
    if (!trace_check(trace, n)) {
        return false;
    }
    uint64_t key = gather_hash(store->seed, trace->id, trace->id_n);
    const struct trace *older = segments_find(&store->segments, key, trace->id, trace->id_n);
    if (older == NULL || older->version < trace->version) {
        segments_add(&store->segments);
    }
    unleave(store, key);
    return true;
}

bool
trace_store_mark(struct trace_store *store, struct str id, bool marked)
{
    size_t n = MIN(id.n, (size_t)SPAN_ID_BYTES_MAX);
    uint64_t key = gather_hash(store->seed, id.p, n);
    struct gather *open = map_get(&store->open, key);
    const struct trace *trace = segments_find(&store->segments, key, (const uint8_t *)id.p, n);
    if (open != NULL) {
        open->flags = marked ? TRACE_MARKED : 0;
        open->changed |= trace == NULL;
    }
    bool aside = trace != NULL && trace->bytes > store->options.bytes_max;
    if (trace == NULL || aside || ((trace->flags & TRACE_MARKED) != 0) == marked) {
        return trace != NULL || open != NULL;
    }
    struct trace *copy = segments_reserve(&store->segments, trace->bytes);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, trace, trace->bytes);
    copy->flags = (copy->flags & ~(uint32_t)TRACE_MARKED) | (marked ? (uint32_t)TRACE_MARKED : 0);
    copy->version++;
    segments_add(&store->segments);
    if (open != NULL) {
        open->version = MAX(open->version, copy->version);
    }
    return true;
}

/* ---- lists ---- */

static uint64_t
change_count(const struct trace_store *store)
{
    return store->segments.changes + store->received + store->refused + store->sampled_out +
           store->left_changes;
}

static void
list_left(const struct trace_store *store, struct traces *list)
{
    list->left = store->left_count;
    if (store->left_count > 0) {
        const struct left *last = &store->left[store->left_count - 1];
        list->left_bytes = last->bytes;
        memcpy(list->left_id, last->id, sizeof(list->left_id));
    }
}

struct traces *
trace_store_publish(struct trace_store *store, struct instant now)
{
    store->now_mono_ns = now.mono_ns;
    finish_due(store, now);
    if (store->list != NULL && store->listed == change_count(store) &&
        store->list->open == store->open_count) {
        return traces_acquire(store->list);
    }
    struct traces *list = segments_list(&store->segments);
    if (list == NULL) {
        return NULL;
    }
    list->number = ++store->list_number;
    list->received = store->received;
    list->repeated = store->repeated;
    list->dropped = store->dropped;
    list->refused = store->refused;
    list->cut = store->intake.cut;
    list_left(store, list);
    list->sampled_out += store->sampled_out;
    list->open = store->open_count;
    list->open_bytes = store->open_bytes;
    list->slow_s = store->options.slow_s;
    list->slow_query_s = store->options.slow_query_s;
    store->listed = change_count(store);
    traces_release(store->list);
    store->list = list;
    return traces_acquire(list);
}

void
trace_store_flush(struct trace_store *store, struct instant now)
{
    store->now_mono_ns = now.mono_ns;
    while (store->oldest != NULL) {
        finish(store, store->oldest);
    }
}
