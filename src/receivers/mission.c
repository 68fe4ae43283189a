/* The profiling data model: requests with durations and no times, and measurements.
 *
 * A request's spans have no start and no parent: they are laid end to end under the root, in the
 * order in which they are sent, and say so (SPAN_ASSUMED). */
#include <math.h>
#include <string.h>
#include <time.h>

#include "decoder.h"
#include "flametop/base/macros.h"

#define ROOT_ATTRIBUTES 6
#define DURATION_MAX_MS (10 * 365.25 * 86400e3)
#define DURATION_MAX_NS ((int64_t)(DURATION_MAX_MS * 1e6)) /* of all parts together as well */
#define NANOSECONDS_FROM INT64_C(100000000000000000)

/* ---- times ---- */

/* A bare number is seconds, milliseconds, microseconds or nanoseconds, by its size: they are apart
 * by a factor that no date of ours closes. */
static int64_t
time_of_number(double value)
{
    static const struct {
        double below, scale;
    } sizes[] = {{1e11, 1e9}, {1e14, 1e6}, {1e17, 1e3}, {9.2e18, 1}};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        if (value >= 0 && value < sizes[i].below) {
            return (int64_t)(value * sizes[i].scale);
        }
    }
    return 0;
}

static bool
take_digits(struct str *rest, size_t n, int *ret_value)
{
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= rest->n || rest->p[i] < '0' || rest->p[i] > '9') {
            return false;
        }
        value = value * 10 + (rest->p[i] - '0');
    }
    *rest = (struct str){rest->p + n, rest->n - n};
    *ret_value = value;
    return true;
}

static bool
take_char(struct str *rest, const char *any)
{
    if (rest->n == 0 || rest->p[0] == '\0' || strchr(any, rest->p[0]) == NULL) {
        return false;
    }
    rest->p++;
    rest->n--;
    return true;
}

static int64_t
take_fraction(struct str *rest)
{
    int64_t ns = 0, digit = NS_PER_S / 10;
    if (!take_char(rest, ".,")) {
        return 0;
    }
    while (rest->n > 0 && rest->p[0] >= '0' && rest->p[0] <= '9') {
        ns += digit * (rest->p[0] - '0');
        digit /= 10;
        rest->p++;
        rest->n--;
    }
    return ns;
}

/* Minutes east of Greenwich; without a zone it is UTC. */
static int
take_zone(struct str *rest)
{
    int hours = 0, minutes = 0;
    bool west = rest->n > 0 && rest->p[0] == '-';
    if (!take_char(rest, "+-") || !take_digits(rest, 2, &hours)) {
        return 0;
    }
    take_char(rest, ":");
    take_digits(rest, 2, &minutes);
    return (west ? -1 : 1) * (hours * 60 + minutes);
}

/* "2026-11-21T14:02:31.25Z"; 0 when it is none. */
static int64_t
time_of_text(struct str text)
{
    struct tm tm = {0};
    struct str rest = str_trim(text);
    if (!take_digits(&rest, 4, &tm.tm_year) || !take_char(&rest, "-") ||
        !take_digits(&rest, 2, &tm.tm_mon) || !take_char(&rest, "-") ||
        !take_digits(&rest, 2, &tm.tm_mday) || !take_char(&rest, "T ") ||
        !take_digits(&rest, 2, &tm.tm_hour) || !take_char(&rest, ":") ||
        !take_digits(&rest, 2, &tm.tm_min) || !take_char(&rest, ":") ||
        !take_digits(&rest, 2, &tm.tm_sec) || tm.tm_year < 1970 || tm.tm_year > 2200) {
        return 0;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t fraction_ns = take_fraction(&rest);
    int64_t seconds = (int64_t)timegm(&tm) - 60 * (int64_t)take_zone(&rest);
    return MAX(seconds * NS_PER_S + fraction_ns, INT64_C(0));
}

/* The next value as a time; 0 when it is none. */
static int64_t
take_time(struct decoder *decoder, struct json_scan *scan)
{
    struct span_attribute value = {.key = {"", 0}};
    json_take_any(scan, &decoder->inner, &value);
    struct str rest = value.text;
    double number;
    switch (value.type) {
    case SPAN_INTEGER:
        return value.integer >= NANOSECONDS_FROM ? value.integer /* exact */
                                                 : time_of_number((double)value.integer);
    case SPAN_REAL:
        return time_of_number(value.real);
    case SPAN_TEXT:
        return str_double(&rest, &number) && rest.n == 0 ? time_of_number(number)
                                                         : time_of_text(value.text);
    default:
        return 0;
    }
}

/* ---- requests ---- */

struct request {
    struct str trace_id, method, path, tool, service, resources;
    int64_t duration_ns, start_ns;
    int64_t status;
    bool failed, has_duration, bad_duration;
    struct str error;
    struct json_scan spans;
    bool has_spans;
};

static bool
take_ms(struct json_scan *scan, int64_t *ret_ns)
{
    double ms;
    if (!json_take_real(scan, &ms) || !(ms >= 0 && ms <= DURATION_MAX_MS)) {
        return false;
    }
    *ret_ns = (int64_t)(ms * 1e6);
    return true;
}

/* "error": true, or what it was. */
static bool
take_error(struct decoder *decoder, struct json_scan *scan, struct str *text)
{
    struct span_attribute value = {.key = {"", 0}};
    json_take_any(scan, &decoder->outer, &value);
    if (value.type == SPAN_TEXT) {
        *text = value.text;
        return value.text.n > 0;
    }
    return value.type == SPAN_JSON || value.integer != 0;
}

/* The object "request"; its members may as well stand beside it. False when the key is none. */
static bool
take_request_field(struct decoder *decoder, struct json_scan *scan, struct str key,
                   struct request *request)
{
    struct arena *arena = &decoder->outer;
    if (str_is(key, "method")) {
        request->method = json_next_text(scan, arena);
    } else if (str_is(key, "path") || str_is(key, "endpoint")) {
        request->path = json_next_text(scan, arena);
    } else if (str_is(key, "tool")) {
        request->tool = json_next_text(scan, arena);
    } else if (str_is(key, "duration_ms")) {
        struct json_scan before = *scan;
        request->has_duration = take_ms(scan, &request->duration_ns);
        request->bad_duration =
            !request->has_duration && json_scan_next(&before) != JSON_NULL; /* that is none */
    } else if (str_is(key, "status_code") || str_is(key, "status")) {
        json_take_integer(scan, &request->status);
    } else if (str_is(key, "error")) {
        request->failed = take_error(decoder, scan, &request->error);
    } else {
        return false;
    }
    return true;
}

static void
take_field(struct decoder *decoder, struct json_scan *scan, struct str key, struct request *request)
{
    struct span_attribute value = {.key = {"", 0}, .text = {"", 0}};
    struct str inner;
    if (str_is(key, "trace_id")) {
        request->trace_id = json_next_text(scan, &decoder->outer);
    } else if (str_is(key, "service")) {
        request->service = json_next_text(scan, &decoder->outer);
    } else if (str_is(key, "timestamp") || str_is(key, "time") || str_is(key, "start_time")) {
        request->start_ns = take_time(decoder, scan);
    } else if (str_is(key, "resources")) {
        json_take_any(scan, &decoder->outer, &value);
        request->resources = value.type == SPAN_JSON ? value.text : (struct str){"", 0};
    } else if (str_is(key, "spans")) {
        request->spans = *scan;
        request->has_spans = json_scan_skip(scan, JSON_KEY);
    } else if (str_is(key, "request") && json_scan_enter(scan, JSON_OBJECT)) {
        while (json_scan_key(scan, &inner)) {
            if (!take_request_field(decoder, scan, inner, request)) {
                json_scan_skip(scan, JSON_KEY);
            }
        }
    } else if (!str_is(key, "request") && !take_request_field(decoder, scan, key, request)) {
        json_scan_skip(scan, JSON_KEY);
    }
}

static struct str
id_of_number(struct arena *arena, uint64_t number)
{
    uint64_t *id = arena_new(arena, uint64_t);
    if (id == NULL) {
        return (struct str){"", 0};
    }
    *id = number != 0 ? number : 1;
    return (struct str){(const char *)id, sizeof(*id)};
}

/* One that says no id is known by what it is and when it came. */
static struct str
trace_of(struct decoder *decoder, const struct request *request)
{
    if (request->trace_id.n > 0) {
        return id_of_text(&decoder->outer, request->trace_id, TRACE_ID_BYTES);
    }
    uint64_t number = hash_mix(hash_u64((uint64_t)decoder->delivery->now_ns),
                               hash_u64(decoder->delivery->spans + 1));
    return id_of_number(&decoder->outer, number);
}

static struct str
root_name(struct decoder *decoder, const struct request *request)
{
    if (request->method.n == 0 || request->path.n == 0) {
        return request->path.n > 0   ? request->path
               : request->tool.n > 0 ? request->tool
                                     : STR("request");
    }
    const char *name =
        arena_printf(&decoder->outer, "%.*s %.*s", (int)MIN(request->method.n, (size_t)64),
                     request->method.p, (int)MIN(request->path.n, (size_t)1024), request->path.p);
    return str_from(name);
}

static size_t
root_attributes(const struct request *request, struct span_attribute attributes[ROOT_ATTRIBUTES])
{
    const struct {
        const char *key;
        struct str text;
        enum span_value_type type;
    } texts[] = {{"http.request.method", request->method, SPAN_TEXT},
                 {"url.path", request->path, SPAN_TEXT},
                 {"gen_ai.tool.name", request->tool, SPAN_TEXT},
                 {"flametop.resources", request->resources, SPAN_JSON}};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i].text.n > 0) {
            attributes[n++] = (struct span_attribute){
                .key = str_from(texts[i].key), .type = texts[i].type, .text = texts[i].text};
        }
    }
    if (request->status > 0) {
        attributes[n++] = (struct span_attribute){.key = STR("http.response.status_code"),
                                                  .type = SPAN_INTEGER,
                                                  .text = {"", 0},
                                                  .integer = request->status};
    }
    return n;
}

/* {"name": ..., "duration_ms": ...}; what else it says are attributes. False without a duration. */
static bool
take_part(struct decoder *decoder, struct json_scan *scan, struct span *span, int64_t *ret_ns)
{
    struct str key;
    bool known = false;
    size_t room = MIN(json_count(*scan), (size_t)SPAN_ATTRIBUTES_MAX);
    struct span_attribute *attributes =
        arena_news(&decoder->inner, struct span_attribute, room + 1);
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "name")) {
            span->name = json_next_text(scan, &decoder->inner);
        } else if (str_is(key, "duration_ms")) {
            known = take_ms(scan, ret_ns);
        } else if (str_is(key, "error")) {
            span->status =
                take_error(decoder, scan, &span->status_text) ? SPAN_ERROR : span->status;
        } else if (attributes != NULL && span->attribute_count < room) {
            attributes[span->attribute_count].key = json_plain(&decoder->inner, key);
            span->attribute_count +=
                json_take_any(scan, &decoder->inner, &attributes[span->attribute_count]);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    span->attributes = attributes;
    return known && scan->why == NULL;
}

/* A scanner before the list. `root` gives what all have in common. Answers their sum; those that
 * would make it longer than a request may be are refused. */
static int64_t
take_parts(struct decoder *decoder, struct json_scan scan, const struct span *root, bool deliver)
{
    int64_t at_ns = root->start_ns, total_ns = 0;
    uint64_t number = 1;
    if (!json_scan_enter(&scan, JSON_ARRAY)) {
        return 0;
    }
    while (json_next_object(&scan)) {
        struct span span = {.trace_id = root->trace_id,
                            .parent_id = root->span_id,
                            .name = {"", 0},
                            .status_text = {"", 0},
                            .kind = SPAN_INTERNAL,
                            .flags = SPAN_ASSUMED,
                            .start_ns = at_ns,
                            .resource = root->resource};
        int64_t duration_ns = 0;
        arena_clear(&decoder->inner);
        if (!take_part(decoder, &scan, &span, &duration_ns)) {
            continue;
        }
        if (duration_ns > DURATION_MAX_NS - total_ns) {
            decoder->delivery->spans += deliver;
            decoder->delivery->refused += deliver;
            continue;
        }
        total_ns += duration_ns;
        at_ns = ns_after(at_ns, duration_ns);
        span.end_ns = at_ns;
        span.span_id = id_of_number(
            &decoder->inner, hash_mix(hash_bytes(root->trace_id.p, root->trace_id.n), ++number));
        if (deliver) {
            decoder_span(decoder, &span);
        }
    }
    return total_ns;
}

static void
deliver_request(struct decoder *decoder, struct request *request)
{
    struct span_attribute attributes[ROOT_ATTRIBUTES];
    decoder_service(decoder, request->service);
    struct span root = {.trace_id = trace_of(decoder, request),
                        .parent_id = {"", 0},
                        .name = root_name(decoder, request),
                        .status_text = request->error,
                        .kind = SPAN_SERVER,
                        .status =
                            request->failed || request->status >= 500 ? SPAN_ERROR : SPAN_UNSET,
                        .flags = request->has_spans ? SPAN_ASSUMED : 0,
                        .attributes = attributes,
                        .resource = decoder->resource};
    root.span_id =
        id_of_number(&decoder->outer, hash_mix(hash_bytes(root.trace_id.p, root.trace_id.n), 1));
    root.attribute_count = root_attributes(request, attributes);
    if (!request->has_duration && request->has_spans) { /* as long as its parts */
        request->duration_ns = take_parts(decoder, request->spans, &root, false);
    }
    root.start_ns = request->start_ns != 0
                        ? request->start_ns
                        : MAX(decoder->delivery->now_ns - request->duration_ns, INT64_C(0));
    root.end_ns = ns_after(root.start_ns, request->duration_ns);
    decoder_span(decoder, &root);
    if (request->has_spans) {
        take_parts(decoder, request->spans, &root, true);
    }
}

static bool
take_request(struct decoder *decoder, struct json_scan *scan, void *context)
{
    struct str key;
    struct request request = {.trace_id = {"", 0},
                              .method = {"", 0},
                              .path = {"", 0},
                              .tool = {"", 0},
                              .service = {"", 0},
                              .resources = {"", 0},
                              .error = {"", 0}};
    (void)context;
    while (json_scan_key(scan, &key)) {
        take_field(decoder, scan, key, &request);
    }
    if (scan->why != NULL) {
        return false;
    }
    if (request.bad_duration) {
        return decoder_fail_json(decoder, scan, "\"duration_ms\" is a number from 0 to ten years");
    }
    if (!request.has_duration && !request.has_spans) {
        return decoder_fail_json(decoder, scan,
                                 "a request has neither \"duration_ms\" nor \"spans\"");
    }
    deliver_request(decoder, &request);
    return true;
}

bool
mission_requests_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    decoder_init(&decoder, sink, delivery);
    bool good = json_each(&decoder, body, true, NULL, take_request);
    decoder_done(&decoder);
    return good;
}

/* ---- samples ---- */

static const struct {
    const char *word;
    enum reading_kind kind;
} kinds[] = {{"gauge", READING_GAUGE},      {"counter", READING_COUNT}, {"histogram", READING_TIME},
             {"timer", READING_TIME},       {"summary", READING_TIME},  {"set", READING_MEMBER},
             {"distribution", READING_TIME}};

static bool
take_kind(struct json_scan *scan, struct arena *arena, enum reading_kind *ret_kind)
{
    struct str word = json_next_text(scan, arena);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (str_is(word, kinds[i].word)) {
            *ret_kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

struct sample {
    struct measurement reading;
    struct span_attribute value;
    bool valued, wrong_kind;
};

static void
take_sample_field(struct decoder *decoder, struct json_scan *scan, struct str key,
                  struct sample *sample)
{
    struct measurement *reading = &sample->reading;
    struct arena *arena = &decoder->inner;
    if (str_is(key, "name") || str_is(key, "metric")) {
        reading->name = json_next_text(scan, arena);
    } else if (str_is(key, "value")) {
        sample->valued = json_take_any(scan, arena, &sample->value);
    } else if (str_is(key, "unit")) {
        reading->unit = json_next_text(scan, arena);
    } else if (str_is(key, "description")) {
        reading->description = json_next_text(scan, arena);
    } else if (str_is(key, "tags") || str_is(key, "labels")) {
        reading->tag_count = json_take_map(decoder, scan, arena, &reading->tags);
    } else if (str_is(key, "time") || str_is(key, "timestamp")) {
        reading->time_ns = take_time(decoder, scan);
    } else if (str_is(key, "kind") || str_is(key, "type")) {
        sample->wrong_kind = !take_kind(scan, arena, &reading->kind);
    } else {
        json_scan_skip(scan, JSON_KEY);
    }
}

static double
number_of(const struct span_attribute *value)
{
    struct str rest = value->text;
    double number;
    if (value->type == SPAN_INTEGER || value->type == SPAN_BOOL) {
        return (double)value->integer;
    }
    if (value->type == SPAN_REAL) {
        return value->real;
    }
    return str_double(&rest, &number) && rest.n == 0 ? number : (double)NAN;
}

static bool
take_sample(struct decoder *decoder, struct json_scan *scan, void *context)
{
    struct str key;
    struct sample sample = {.reading = {.name = {"", 0},
                                        .unit = {"", 0},
                                        .text = {"", 0},
                                        .description = {"", 0},
                                        .weight = 1,
                                        .sum = (double)NAN},
                            .value = {.key = {"", 0}, .type = SPAN_TEXT, .text = {"", 0}}};
    struct measurement *reading = &sample.reading;
    (void)context;
    arena_clear(&decoder->inner);
    while (json_scan_key(scan, &key)) {
        take_sample_field(decoder, scan, key, &sample);
    }
    if (scan->why != NULL) {
        return false;
    }
    if (sample.wrong_kind) {
        return decoder_fail_json(
            decoder, scan,
            "\"kind\" is none of gauge, counter, histogram, timer, summary, distribution, set");
    }
    reading->text = sample.value.text;
    reading->value = number_of(&sample.value);
    bool known = reading->kind == READING_MEMBER || isfinite(reading->value);
    if (reading->name.n == 0 || !sample.valued || !known) {
        return decoder_fail_json(decoder, scan, "a sample needs \"name\" and \"value\", a number");
    }
    decoder_reading(decoder, reading);
    return true;
}

bool
mission_samples_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    decoder_init(&decoder, sink, delivery);
    bool good = json_each(&decoder, body, true, NULL, take_sample);
    decoder_done(&decoder);
    return good;
}
