/* Chrome's trace events: slices of time on threads, as {"traceEvents": [...]} or as the list alone,
 * which may lack its end.
 *
 * Slices of one thread (ph X, or B and E) nest by time: each that is in no other is a request, and
 * those in it are below it. Slices with an id (ph b and e) nest by that. Times are microseconds. */
#include <stdlib.h>
#include <string.h>

#include "decoder.h"
#include "flametop/base/macros.h"

#define EVENTS_MAX ((size_t)4 << 20)
#define DEPTH_MAX 8192

/* A slice, while its begin or more is known. */
struct slice {
    uint64_t lane; /* of a thread, or of an id */
    uint64_t process;
    int64_t start_ns, end_ns; /* end 0: not ended */
    struct str name, category, arguments;
    uint32_t order; /* as they stand in the file */
};

struct chrome {
    struct decoder *decoder;
    struct slice *slices;
    size_t count, capacity;
    struct map open;      /* lane → 1 + the slice that began last and has not ended */
    uint32_t *under;      /* of an open slice: 1 + the one that was open before it */
    struct map processes; /* process → resource */
    struct map threads;   /* lane → name (struct str) */
    bool full;
};

/* One event as it is read. */
struct event {
    struct str name, category, arguments, id;
    char phase;
    double ts_us, duration_us;
    struct str pid, tid;
};

static int64_t
from_us(double us)
{
    return us > 0 ? (int64_t)MIN(us * 1000 + 0.5, 9e18) : 0;
}

static bool
grow(struct chrome *chrome)
{
    size_t capacity = MAX(chrome->capacity * 2, (size_t)1024);
    if (chrome->count == EVENTS_MAX) {
        return false;
    }
    struct slice *slices = realloc(chrome->slices, capacity * sizeof(*slices));
    if (slices != NULL) {
        chrome->slices = slices;
    }
    uint32_t *under = realloc(chrome->under, capacity * sizeof(*under));
    if (under != NULL) {
        chrome->under = under;
    }
    if (slices == NULL || under == NULL) {
        return false;
    }
    chrome->capacity = capacity;
    return true;
}

static struct slice *
add_slice(struct chrome *chrome, const struct event *event, uint64_t lane, uint64_t process)
{
    if (chrome->count == chrome->capacity && !grow(chrome)) {
        chrome->full = true;
        chrome->decoder->delivery->cut++;
        return NULL;
    }
    struct slice *slice = &chrome->slices[chrome->count];
    *slice = (struct slice){.lane = lane,
                            .process = process,
                            .start_ns = from_us(event->ts_us),
                            .name = event->name,
                            .category = event->category,
                            .arguments = event->arguments,
                            .order = (uint32_t)chrome->count};
    chrome->under[chrome->count++] = 0;
    return slice;
}

static void
begin(struct chrome *chrome, const struct event *event, uint64_t lane, uint64_t process)
{
    struct slice *slice = add_slice(chrome, event, lane, process);
    if (slice != NULL) {
        uintptr_t before = (uintptr_t)map_get(&chrome->open, lane);
        chrome->under[slice->order] = (uint32_t)before;
        map_put(&chrome->open, lane, (void *)(uintptr_t)(slice->order + 1));
    }
}

static void
end(struct chrome *chrome, const struct event *event, uint64_t lane)
{
    uintptr_t open = (uintptr_t)map_get(&chrome->open, lane);
    if (open == 0) {
        return;
    }
    struct slice *slice = &chrome->slices[open - 1];
    slice->end_ns = MAX(from_us(event->ts_us), slice->start_ns);
    if (slice->arguments.n == 0) {
        slice->arguments = event->arguments;
    }
    uint32_t before = chrome->under[open - 1];
    if (before > 0) {
        map_put(&chrome->open, lane, (void *)(uintptr_t)before);
    } else {
        map_remove(&chrome->open, lane);
    }
}

static struct str
argument_text(struct chrome *chrome, struct str arguments, const char *wanted)
{
    struct json_scan scan;
    struct str key, text = {"", 0};
    json_scan_init(&scan, arguments);
    if (arguments.n > 0 && json_scan_enter(&scan, JSON_OBJECT)) {
        while (json_scan_key(&scan, &key)) {
            if (str_is(key, wanted)) {
                json_take_text(&scan, &chrome->decoder->outer, &text);
            } else {
                json_scan_skip(&scan, JSON_KEY);
            }
        }
    }
    return text;
}

static struct span_resource *
process_of(struct chrome *chrome, uint64_t process, struct str pid)
{
    struct decoder *decoder = chrome->decoder;
    struct span_resource *resource = map_get(&chrome->processes, process);
    if (resource == NULL) {
        decoder_resource(decoder);
        resource = decoder->resource;
        resource->service = str_from(
            arena_printf(&decoder->outer, "process %.*s", (int)MIN(pid.n, (size_t)32), pid.p));
        map_put(&chrome->processes, process, resource);
    }
    return resource;
}

/* Names of processes and threads. */
static void
take_metadata(struct chrome *chrome, const struct event *event, uint64_t lane, uint64_t process)
{
    struct str name = argument_text(chrome, event->arguments, "name");
    if (name.n > 0 && str_is(event->name, "process_name")) {
        process_of(chrome, process, event->pid)->service = name;
    } else if (name.n > 0 && str_is(event->name, "thread_name")) {
        struct str *kept = arena_new(&chrome->decoder->outer, struct str);
        if (kept != NULL) {
            *kept = name;
            map_put(&chrome->threads, lane, kept);
        }
    }
}

static void
take_whole(struct chrome *chrome, const struct event *event)
{
    uint64_t process = hash_bytes(event->pid.p, event->pid.n);
    uint64_t lane = hash_mix(process, hash_bytes(event->tid.p, event->tid.n));
    uint64_t apart = hash_mix(hash_mix(process, hash_bytes(event->id.p, event->id.n)),
                              hash_bytes(event->category.p, event->category.n));
    struct slice *slice;
    if (strchr("XBb", event->phase) != NULL && event->phase != '\0') {
        process_of(chrome, process, event->pid);
    }
    switch (event->phase) {
    case 'X':
        slice = add_slice(chrome, event, lane, process);
        if (slice != NULL) {
            slice->end_ns = ns_after(slice->start_ns, from_us(event->duration_us));
        }
        break;
    case 'B':
        begin(chrome, event, lane, process);
        break;
    case 'E':
        end(chrome, event, lane);
        break;
    case 'b':
        begin(chrome, event, apart, process);
        break;
    case 'e':
        end(chrome, event, apart);
        break;
    case 'M':
        take_metadata(chrome, event, lane, process);
        break;
    default:
        break;
    }
}

/* ---- reading ---- */

/* A number or a text, as it stands. */
static struct str
take_word(struct json_scan *scan)
{
    enum json_token token = json_scan_next(scan);
    if (token == JSON_NUMBER || token == JSON_STRING) {
        return scan->text;
    }
    json_scan_skip(scan, token);
    return (struct str){"", 0};
}

static void
take_field(struct chrome *chrome, struct json_scan *scan, struct str key, struct event *event)
{
    struct span_attribute value = {.text = {"", 0}};
    struct str word;
    if (str_is(key, "name")) {
        event->name = json_next_text(scan, &chrome->decoder->outer);
    } else if (str_is(key, "cat")) {
        event->category = json_next_text(scan, &chrome->decoder->outer);
    } else if (str_is(key, "ph")) {
        word = take_word(scan);
        event->phase = word.n == 1 ? word.p[0] : '\0';
    } else if (str_is(key, "ts")) {
        json_take_real(scan, &event->ts_us);
    } else if (str_is(key, "dur")) {
        json_take_real(scan, &event->duration_us);
    } else if (str_is(key, "pid")) {
        event->pid = take_word(scan);
    } else if (str_is(key, "tid")) {
        event->tid = take_word(scan);
    } else if (str_is(key, "id")) {
        event->id = take_word(scan);
    } else if (str_is(key, "args") && json_take_any(scan, &chrome->decoder->outer, &value)) {
        event->arguments = value.type == SPAN_JSON ? value.text : (struct str){"", 0};
    } else if (!str_is(key, "args")) {
        json_scan_skip(scan, JSON_KEY);
    }
}

static void
take_event(struct chrome *chrome, struct json_scan *scan)
{
    struct str key;
    struct event event = {.name = {"", 0},
                          .category = {"", 0},
                          .arguments = {"", 0},
                          .id = {"", 0},
                          .pid = {"", 0},
                          .tid = {"", 0}};
    while (json_scan_key(scan, &key)) {
        take_field(chrome, scan, key, &event);
    }
    if (scan->why == NULL) {
        take_whole(chrome, &event);
    }
}

/* Inside the list. A list that breaks off is as good as one that ends: whoever writes it may be
 * ended at any time. */
static bool
take_events(struct chrome *chrome, struct json_scan *scan)
{
    while (json_next_object(scan)) {
        take_event(chrome, scan);
    }
    return scan->why == NULL || (scan->p >= scan->end && chrome->count > 0);
}

static bool
read_all(struct chrome *chrome, struct str body)
{
    struct json_scan scan;
    struct str key;
    json_scan_init(&scan, body);
    enum json_token token = json_scan_next(&scan);
    if (token == JSON_ARRAY) {
        return take_events(chrome, &scan) ||
               decoder_fail_json(chrome->decoder, &scan, "this is no list of events");
    }
    while (token == JSON_OBJECT && json_scan_key(&scan, &key)) {
        if (str_is(key, "traceEvents") && json_scan_enter(&scan, JSON_ARRAY)) {
            if (!take_events(chrome, &scan)) {
                return decoder_fail_json(chrome->decoder, &scan, "the list of events is damaged");
            }
        } else if (!str_is(key, "traceEvents")) {
            json_scan_skip(&scan, JSON_KEY);
        }
    }
    return chrome->count > 0 || decoder_fail(chrome->decoder, "there are no events in it");
}

/* ---- spans ---- */

static int
compare(const void *a, const void *b)
{
    const struct slice *left = a, *right = b;
    if (left->lane != right->lane) {
        return left->lane < right->lane ? -1 : 1;
    }
    if (left->start_ns != right->start_ns) {
        return left->start_ns < right->start_ns ? -1 : 1;
    }
    if (left->end_ns != right->end_ns) { /* the longer one holds the other; what never ended most */
        bool longer = left->end_ns == 0 || (right->end_ns != 0 && left->end_ns > right->end_ns);
        return longer ? -1 : 1;
    }
    return (left->order > right->order) - (left->order < right->order);
}

static void
deliver(struct chrome *chrome, const struct slice *slice, uint64_t trace, uint64_t id,
        uint64_t parent)
{
    struct decoder *decoder = chrome->decoder;
    const struct span_attribute *arguments = NULL;
    struct span_attribute *attributes;
    const struct str *thread = map_get(&chrome->threads, slice->lane);
    struct json_scan scan;
    size_t n = 0;
    arena_clear(&decoder->inner);
    if (slice->arguments.n > 0) {
        json_scan_init(&scan, slice->arguments);
        n = json_take_map(decoder, &scan, &decoder->inner, &arguments);
    }
    attributes = arena_news(&decoder->inner, struct span_attribute, n + 2);
    if (attributes == NULL) {
        return;
    }
    if (n > 0) {
        memcpy(attributes, arguments, n * sizeof(*attributes));
    }
    if (slice->category.n > 0) {
        attributes[n++] = attribute_text(STR("category"), slice->category);
    }
    if (thread != NULL) {
        attributes[n++] = attribute_text(STR("thread.name"), *thread);
    }
    const struct span_resource *resource = map_get(&chrome->processes, slice->process);
    struct span span = {.trace_id = {(const char *)&trace, sizeof(trace)},
                        .span_id = {(const char *)&id, sizeof(id)},
                        .parent_id = {(const char *)&parent, parent != 0 ? sizeof(parent) : 0},
                        .name = slice->name,
                        .status_text = {"", 0},
                        .kind = SPAN_INTERNAL,
                        .start_ns = slice->start_ns,
                        .end_ns = slice->end_ns,
                        .attributes = attributes,
                        .attribute_count = n,
                        .resource = resource != NULL ? resource : &decoder->none};
    decoder_span(decoder, &span);
}

/* Those that are open at the start of one hold it; the first of a lane begins a request. */
static void
deliver_all(struct chrome *chrome, size_t *stack)
{
    size_t depth = 0;
    uint64_t trace = 0;
    for (size_t i = 0; i < chrome->count; i++) {
        const struct slice *slice = &chrome->slices[i];
        while (depth > 0) {
            const struct slice *top = &chrome->slices[stack[depth - 1]];
            bool over = top->end_ns != 0 && (slice->start_ns >= top->end_ns);
            if (top->lane == slice->lane && !over) {
                break;
            }
            depth--;
        }
        trace = depth == 0 ? hash_mix(slice->lane, hash_u64(slice->order)) | 1 : trace;
        deliver(chrome, slice, trace, i + 1, depth > 0 ? stack[depth - 1] + 1 : 0);
        if (depth < DEPTH_MAX) {
            stack[depth++] = i;
        }
    }
}

bool
chrome_trace_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    struct chrome chrome = {.decoder = &decoder};
    decoder_init(&decoder, sink, delivery);
    map_init(&chrome.open, EVENTS_MAX);
    map_init(&chrome.processes, 65536);
    map_init(&chrome.threads, 65536);
    size_t *stack = malloc(DEPTH_MAX * sizeof(*stack));
    bool good = stack != NULL && read_all(&chrome, body);
    if (stack != NULL && chrome.count > 0) {
        qsort(chrome.slices, chrome.count, sizeof(*chrome.slices), compare);
        deliver_all(&chrome, stack);
    }
    map_done(&chrome.open);
    map_done(&chrome.processes);
    map_done(&chrome.threads);
    free(chrome.slices);
    free(chrome.under);
    free(stack);
    decoder_done(&decoder);
    return good;
}
