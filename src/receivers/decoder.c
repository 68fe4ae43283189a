/* What decoders share. */
#include "decoder.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"

#define SCRATCH_BYTES_MAX ((size_t)256 << 20)
#define SERVICES_MAX 65536
#define VALUE_BYTES_MAX ((size_t)64 << 10)

void
decoder_init(struct decoder *decoder, const struct span_sink *sink, struct delivery *delivery)
{
    *decoder = (struct decoder){
        .sink = sink, .delivery = delivery, .none = {.service = {"", 0}, .scope = {"", 0}}};
    arena_init(&decoder->outer, SCRATCH_BYTES_MAX);
    arena_init(&decoder->inner, SCRATCH_BYTES_MAX);
    buf_init(&decoder->text, VALUE_BYTES_MAX);
    map_init(&decoder->services, SERVICES_MAX);
    decoder_resource(decoder);
}

void
decoder_done(struct decoder *decoder)
{
    arena_done(&decoder->outer);
    arena_done(&decoder->inner);
    buf_done(&decoder->text);
    map_done(&decoder->services);
}

void
decoder_resource(struct decoder *decoder)
{
    struct span_resource *resource = arena_new(&decoder->outer, struct span_resource);
    struct span_memo *memo = arena_new(&decoder->outer, struct span_memo);
    if (memo != NULL) {
        *memo = (struct span_memo){0};
    }
    decoder->resource = resource != NULL ? resource : &decoder->none;
    *decoder->resource = (struct span_resource){.service = {"", 0}, .scope = {"", 0}, .memo = memo};
}

void
decoder_scope(struct decoder *decoder, struct str scope)
{
    struct str now = decoder->resource->scope;
    if (scope.n == now.n && memcmp(scope.p, now.p, now.n) == 0) {
        return;
    }
    struct span_resource same = *decoder->resource;
    decoder_resource(decoder);
    *decoder->resource = same;
    decoder->resource->scope = scope;
}

bool
decoder_service(struct decoder *decoder, struct str service)
{
    uint64_t key = hash_bytes(service.p, service.n);
    struct span_resource *known = map_get(&decoder->services, key);
    if (known != NULL) {
        decoder->resource = known;
        return false;
    }
    decoder_resource(decoder);
    decoder->resource->service = service;
    map_put(&decoder->services, key, decoder->resource);
    return true;
}

void
span_init(struct decoder *decoder, struct span *span)
{
    arena_clear(&decoder->inner);
    *span = (struct span){.trace_id = {"", 0},
                          .span_id = {"", 0},
                          .parent_id = {"", 0},
                          .name = {"", 0},
                          .status_text = {"", 0},
                          .resource = decoder->resource};
}

void
decoder_span(struct decoder *decoder, const struct span *span)
{
    decoder->delivery->spans++;
    if (decoder->sink->span == NULL || !decoder->sink->span(decoder->sink->context, span)) {
        decoder->delivery->refused++;
    }
}

void
decoder_reading(struct decoder *decoder, const struct measurement *reading)
{
    decoder->delivery->readings++;
    if (decoder->sink->reading == NULL ||
        !decoder->sink->reading(decoder->sink->context, reading)) {
        decoder->delivery->refused++;
    }
}

bool
decoder_goes_on(struct decoder *decoder, struct json_scan *scan)
{
    const bool *ended = decoder->delivery->ended;
    if (ended == NULL || !__atomic_load_n(ended, __ATOMIC_RELAXED)) {
        return true;
    }
    if (scan != NULL && scan->why == NULL) {
        scan->why = "the rest was not read";
    }
    return false;
}

bool
decoder_fail(struct decoder *decoder, const char *format, ...)
{
    struct delivery *delivery = decoder->delivery;
    if (delivery->why[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(delivery->why, sizeof(delivery->why), format, args);
        va_end(args);
    }
    return false;
}

bool
decoder_fail_json(struct decoder *decoder, const struct json_scan *scan, const char *what)
{
    return decoder_fail(decoder, "line %zu: %s", json_scan_line(scan),
                        scan->why != NULL ? scan->why : what);
}

size_t
decoder_bound(struct decoder *decoder, size_t count, size_t max)
{
    if (count > max) {
        decoder->delivery->cut += count - max;
    }
    return MIN(count, max);
}

/* ---- times ---- */

int64_t
ns_of_us(int64_t us)
{
    return us > INT64_MAX / 1000 ? INT64_MAX : us < 0 ? 0 : us * 1000;
}

int64_t
ns_after(int64_t start_ns, int64_t duration_ns)
{
    return start_ns > INT64_MAX - duration_ns ? INT64_MAX : start_ns + duration_ns;
}

/* ---- ids ---- */

static struct str
id_copy(struct arena *arena, const void *bytes, size_t n)
{
    char *copy = arena_alloc(arena, n);
    if (copy == NULL) {
        return (struct str){"", 0};
    }
    memcpy(copy, bytes, n);
    return (struct str){copy, n};
}

/* Two independent halves of 64 bits, so that ids which differ stay apart. */
static struct str
id_hash(struct arena *arena, struct str bytes)
{
    uint64_t halves[2] = {hash_bytes(bytes.p, bytes.n), 0};
    halves[1] = hash_mix(hash_bytes(bytes.p + bytes.n / 2, bytes.n - bytes.n / 2), bytes.n);
    return id_copy(arena, halves, sizeof(halves));
}

struct str
id_of_bytes(struct arena *arena, struct str bytes)
{
    size_t i = 0;
    while (i < bytes.n && bytes.p[i] == 0) {
        i++;
    }
    if (i == bytes.n) {
        return (struct str){"", 0};
    }
    return bytes.n <= SPAN_ID_BYTES_MAX ? bytes : id_hash(arena, bytes);
}

/* The bytes of hexadecimal digits, those of a UUID with its dashes as well; 0 when it is neither,
 * or longer than an id. */
static size_t
hex_bytes(struct str text, size_t width, uint8_t dst[SPAN_ID_BYTES_MAX])
{
    char digits[2 * SPAN_ID_BYTES_MAX];
    size_t n = 0;
    bool uuid = text.n == 36 && text.p[8] == '-' && text.p[13] == '-' && text.p[18] == '-' &&
                text.p[23] == '-';
    for (size_t i = 0; i < text.n; i++) {
        if (uuid && text.p[i] == '-') {
            continue;
        }
        int digit = str_hex_digit(text.p[i]);
        if (digit < 0 || n == sizeof(digits)) {
            return 0;
        }
        digits[n++] = (char)digit;
    }
    size_t bytes = MAX((n + 1) / 2, width), zeros = 2 * bytes - n;
    memset(dst, 0, SPAN_ID_BYTES_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t at = zeros + i;
        dst[at / 2] |= (uint8_t)(digits[i] << (at % 2 == 0 ? 4 : 0));
    }
    return n > 0 ? bytes : 0;
}

static int
base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' || c == '-' ? 62
           : c == '/' || c == '_' ? 63
                                  : -1;
}

/* Base64 of exactly `width` bytes: 24 characters of a trace's id, 12 of a span's. */
static bool
base64_bytes(struct str text, size_t width, uint8_t dst[SPAN_ID_BYTES_MAX])
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    if (text.n != (width + 2) / 3 * 4 || text.p[text.n - 1] != '=') {
        return false;
    }
    while (text.n > 0 && text.p[text.n - 1] == '=') {
        text.n--;
    }
    for (size_t i = 0; i < text.n; i++) {
        int digit = base64_digit(text.p[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8 && n < width) {
            held -= 8;
            dst[n++] = (uint8_t)(bits >> held);
        }
    }
    return n == width;
}

struct str
id_of_text(struct arena *arena, struct str text, size_t width)
{
    uint8_t bytes[SPAN_ID_BYTES_MAX];
    size_t n = hex_bytes(text, width, bytes);
    if (n == 0 && base64_bytes(text, width, bytes)) {
        n = width;
    }
    if (n == 0) {
        return text.n <= SPAN_ID_BYTES_MAX ? text : id_hash(arena, text);
    }
    struct str id = id_of_bytes(arena, (struct str){(const char *)bytes, n});
    return id.n == 0 ? id : id_copy(arena, bytes, n);
}

/* ---- attributes ---- */

const struct span_attribute *
attribute_find(const struct span_attribute *attributes, size_t count, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < count; i++) {
        if (attributes[i].key.n == n && memcmp(attributes[i].key.p, key, n) == 0) {
            return &attributes[i];
        }
    }
    return NULL;
}

static double
attribute_number(const struct span_attribute *attribute)
{
    double value = (double)NAN;
    struct str rest = attribute->text;
    if (attribute->type == SPAN_REAL) {
        return attribute->real;
    }
    if (attribute->type == SPAN_INTEGER) {
        return (double)attribute->integer;
    }
    return attribute->type == SPAN_TEXT && str_double(&rest, &value) ? value : (double)NAN;
}

/* The part "ot=..." of a tracestate; empty when there is none. */
static struct str
vendor_part(struct str trace_state)
{
    struct str member;
    while (str_until(&trace_state, ',', &member)) {
        member = str_trim(member);
        if (str_starts(member, "ot=")) {
            return (struct str){member.p + 3, member.n - 3};
        }
    }
    return (struct str){"", 0};
}

/* A rejection threshold: up to 14 hexadecimal digits of a fraction of one. */
static double
threshold_probability(struct str digits)
{
    double rejected = 0, weight = 1.0 / 16;
    for (size_t i = 0; i < digits.n && i < 14; i++, weight /= 16) {
        int digit = str_hex_digit(digits.p[i]);
        if (digit < 0) {
            return 0;
        }
        rejected += digit * weight;
    }
    return digits.n > 0 ? 1 - rejected : 0;
}

static double
state_probability(struct str trace_state)
{
    struct str rest = vendor_part(trace_state), pair;
    while (str_until(&rest, ';', &pair)) {
        struct str value = {pair.p, pair.n};
        uint64_t power;
        if (str_starts(pair, "th:")) {
            return threshold_probability((struct str){pair.p + 3, pair.n - 3});
        }
        if (str_starts(pair, "p:")) {
            value = (struct str){pair.p + 2, pair.n - 2};
            return str_u64(&value, &power) && power < 63 ? 1.0 / (double)(UINT64_C(1) << power) : 0;
        }
    }
    return 0;
}

/* Nearly all spans have no attribute that begins like those below. */
static bool
may_say_sampled(const struct span_attribute *attributes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (attributes[i].key.n > 6 && memcmp(attributes[i].key.p, "sampl", 5) == 0) {
            return true;
        }
    }
    return false;
}

double
span_sampled(struct str trace_state, const struct span_attribute *attributes, size_t count)
{
    double probability = trace_state.n > 0 ? state_probability(trace_state) : 0;
    const struct span_attribute *said = NULL;
    count = may_say_sampled(attributes, count) ? count : 0;
    if (probability <= 0) {
        said = attribute_find(attributes, count, "sampling.probability");
    }
    if (said == NULL && probability <= 0) {
        const struct span_attribute *type = attribute_find(attributes, count, "sampler.type");
        if (type != NULL && str_is(type->text, "probabilistic")) {
            said = attribute_find(attributes, count, "sampler.param");
        }
    }
    probability = said != NULL ? attribute_number(said) : probability;
    return probability > 0 && probability <= 1 ? probability : 0;
}

void
decoder_name_service(struct decoder *decoder)
{
    struct span_resource *resource = decoder->resource;
    const struct span_attribute *name =
        attribute_find(resource->attributes, resource->attribute_count, "service.name");
    if (name != NULL && name->type == SPAN_TEXT) {
        resource->service = name->text;
    }
}
