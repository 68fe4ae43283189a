/* Spans coming in. */
#include "intake.h"

#include <math.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "redact.h"

#define TIME_MAX ((INT64_C(1) << 62) - 1)
#define ELLIPSIS "\xE2\x80\xA6"
#define WEIGHT_MAX 1e6
#define HEX_SHOWN 64 /* bytes of a value that is no text */

/* What is known of an attribute before it is added. */
struct judged {
    struct key *key; /* NULL: there was no room to remember it */
    uint32_t hash;   /* of its text */
    bool hashed;
};

struct key {
    struct str raw, clean;
    enum role role;
    bool secret;
    uint32_t hash;   /* of clean, in all traces */
    uint64_t serial; /* of the trace where it is at offset */
    uint32_t offset;
    uint32_t value, value_n; /* there, too: its last text; none: value_n 0 */
    struct key *next;        /* what came after it last; NULL: nothing that is remembered */
};

void
intake_init(struct intake *intake, uint64_t seed)
{
    intake->seed = seed;
    intake->serial = 0;
    intake->last = NULL;
    intake->resource_serial = 0;
    intake->key_count = 0;
    intake->cut = 0;
    memset(intake->numbers, 0, sizeof(intake->numbers));
    map_init(&intake->keys, (size_t)INTAKE_KEYS_MAX * 2);
    arena_init(&intake->arena, (size_t)INTAKE_KEYS_MAX * 512);
}

void
intake_done(struct intake *intake)
{
    map_done(&intake->keys);
    arena_done(&intake->arena);
}

/* ---- texts ---- */

/* Most texts are plain ASCII and are taken as they are. */
static bool
is_plain(struct str text)
{
    unsigned char bad = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bad |= (unsigned char)(c < 0x20) | (unsigned char)(c > 0x7E);
    }
    return bad == 0;
}

/* Clean and no longer than size - 1; in dst, or where it was. */
static struct str
clean(struct intake *intake, struct str text, char *dst, size_t size)
{
    if (text.n < size && is_plain(text)) {
        return text;
    }
    if (text.n < size) {
        return (struct str){dst, utf8_clean(text, dst, size)};
    }
    intake->cut++;
    size_t n = utf8_clean(text, dst, size - strlen(ELLIPSIS));
    memcpy(dst + n, ELLIPSIS, sizeof(ELLIPSIS));
    return (struct str){dst, n + strlen(ELLIPSIS)};
}

/* Clean, of at most size - 1 bytes, without secrets. */
static struct str
safe(struct intake *intake, struct str text, size_t size, bool *ret_redacted)
{
    text = clean(intake, text, intake->text, size);
    if (redact_may_hold_secret(text)) {
        size_t n = redact_text(text, intake->other, sizeof(intake->other), ret_redacted);
        text = *ret_redacted ? (struct str){intake->other, n} : text;
    }
    return text;
}

/* A text made safe, as a text of the trace. What is one of them already holds no secret that is not
 * there. */
static uint32_t
add_hashed(struct intake *intake, struct gather *gather, struct str text, uint32_t hash,
           size_t size, bool *ret_redacted)
{
    if (text.n == 0) {
        return 0;
    }
    uint32_t offset = text.n < size ? gather_find_text(gather, text, hash) : TRACE_NONE;
    if (offset != TRACE_NONE) {
        return offset;
    }
    struct str made = safe(intake, text, size, ret_redacted);
    bool same = made.p == text.p && made.n == text.n && text.n < size;
    return same ? gather_add_text(gather, text, hash) : gather_text(gather, made);
}

static uint32_t
add_safe(struct intake *intake, struct gather *gather, struct str text, size_t size,
         bool *ret_redacted)
{
    uint32_t hash = text.n > 0 && text.n < size ? gather_text_hash(gather, text) : 0;
    return add_hashed(intake, gather, text, hash, size, ret_redacted);
}

static uint32_t
add_name(struct intake *intake, struct gather *gather, struct str text)
{
    bool redacted = false;
    return add_safe(intake, gather, text, INTAKE_NAME_BYTES, &redacted);
}

static uint32_t
add_hex(struct gather *gather, const char *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char text[HEX_SHOWN * 2];
    size_t shown = MIN(n, (size_t)HEX_SHOWN);
    for (size_t i = 0; i < shown; i++) {
        text[i * 2] = digits[(unsigned char)bytes[i] >> 4];
        text[i * 2 + 1] = digits[bytes[i] & 15];
    }
    return gather_text(gather, (struct str){text, shown * 2});
}

static struct str
integer_text(int64_t value, char dst[24])
{
    size_t at = 24;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        dst[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        dst[--at] = '-';
    }
    return (struct str){dst + at, 24 - at};
}

/* Few numbers come often: where they are among the texts of a trace is remembered. */
static uint32_t
add_integer(struct intake *intake, struct gather *gather, int64_t value)
{
    char text[24];
    struct intake_number *number = &intake->numbers[(uint64_t)value % INTAKE_NUMBERS];
    if (number->serial == gather->serial && number->value == value) {
        return number->offset;
    }
    uint32_t offset = gather_text(gather, integer_text(value, text));
    if (offset != TRACE_NONE) {
        *number = (struct intake_number){gather->serial, value, offset};
    }
    return offset;
}

/* ---- keys ---- */

static void
judge_key(struct intake *intake, struct str raw, struct key *ret_key)
{
    struct str text = clean(intake, raw, intake->other, INTAKE_KEY_BYTES);
    *ret_key = (struct key){.raw = raw,
                            .clean = text,
                            .role = convention_role(raw),
                            .secret = redact_names_secret(raw),
                            .hash = (uint32_t)gather_hash(intake->seed, text.p, text.n)};
}

static struct key *
remember_key(struct intake *intake, uint64_t hash, struct key *key)
{
    struct key *kept = intake->key_count < INTAKE_KEYS_MAX && key->raw.n <= INTAKE_KEY_BYTES
                           ? arena_new(&intake->arena, struct key)
                           : NULL;
    if (kept == NULL) {
        return key;
    }
    *kept = *key;
    kept->raw.p = arena_text(&intake->arena, key->raw.p, key->raw.n);
    kept->clean.p = arena_text(&intake->arena, key->clean.p, key->clean.n);
    if (intake->arena.full || !map_put(&intake->keys, hash, kept)) {
        return key;
    }
    intake->key_count++;
    return kept;
}

static bool
is_key(const struct key *key, struct str raw)
{
    return key != NULL && key->raw.n == raw.n && gather_same(key->raw.p, raw.p, raw.n);
}

static struct key *
look_up_key(struct intake *intake, struct str raw, struct key *spare)
{
    uint64_t hash = gather_hash(intake->seed, raw.p, raw.n);
    struct key *key = map_get(&intake->keys, hash);
    if (is_key(key, raw)) {
        return key;
    }
    judge_key(intake, raw, spare);
    return key == NULL ? remember_key(intake, hash, spare) : spare;
}

/* `spare` holds it where there is no room to remember it; valid until the next call. */
static struct key *
find_key(struct intake *intake, struct str raw, struct key *spare)
{
    struct key *before = intake->last, *key = before != NULL ? before->next : NULL;
    if (!is_key(key, raw)) {
        key = look_up_key(intake, raw, spare);
        if (before != NULL && key != spare) {
            before->next = key;
        }
    }
    intake->last = key != spare ? key : before;
    return key;
}

/* Its place among the texts of a trace. */
static uint32_t
add_key(struct gather *gather, struct key *key)
{
    if (key->serial == gather->serial) {
        return key->offset;
    }
    uint32_t offset = gather_find_text(gather, key->clean, key->hash);
    offset = offset != TRACE_NONE ? offset : gather_add_text(gather, key->clean, key->hash);
    if (offset != TRACE_NONE) {
        key->serial = gather->serial;
        key->offset = offset;
        key->value_n = 0;
    }
    return offset;
}

/* ---- attributes ---- */

/* Nearly as often as not a key has the text that it had last. */
static bool
is_last_text(const struct gather *gather, const struct key *key, struct str text)
{
    return key->serial == gather->serial && key->value_n == text.n && text.n > 0 &&
           gather_same(gather->texts + key->value, text.p, text.n);
}

static uint32_t
add_text(struct intake *intake, struct gather *gather, const struct judged *judged, struct str text,
         bool *ret_redacted)
{
    struct key *key = judged->key;
    if (is_last_text(gather, key, text)) {
        return key->value;
    }
    uint32_t offset =
        judged->hashed
            ? add_hashed(intake, gather, text, judged->hash, sizeof(intake->text), ret_redacted)
            : add_safe(intake, gather, text, sizeof(intake->text), ret_redacted);
    if (key->serial == gather->serial && offset != TRACE_NONE) {
        key->value = offset;
        key->value_n = (uint32_t)strlen(gather->texts + offset);
    }
    return offset;
}

static uint32_t
add_value(struct intake *intake, struct gather *gather, const struct span_attribute *from,
          const struct judged *judged, struct trace_attribute *to)
{
    char number[32];
    bool redacted = false;
    uint32_t text = 0;
    to->real = (double)NAN;
    switch (from->type) {
    case SPAN_BOOL:
        to->real = from->integer != 0;
        return gather_text(gather, from->integer != 0 ? STR("true") : STR("false"));
    case SPAN_INTEGER:
        to->real = (double)from->integer;
        return add_integer(intake, gather, from->integer);
    case SPAN_REAL:
        to->real = from->real;
        return gather_text(gather,
                           str_from(isfinite(from->real) ? json_double_text(from->real, number)
                                    : isnan(from->real)  ? "NaN"
                                    : from->real > 0     ? "Infinity"
                                                         : "-Infinity"));
    case SPAN_BYTES:
        return add_hex(gather, from->text.p, from->text.n);
    case SPAN_TEXT:
    case SPAN_JSON:
    default:
        text = add_text(intake, gather, judged, from->text, &redacted);
        to->redacted = redacted;
        return text;
    }
}

static bool
is_number(const struct span_attribute *attribute)
{
    return attribute->type == SPAN_BOOL || attribute->type == SPAN_INTEGER ||
           attribute->type == SPAN_REAL;
}

/* One attribute, zeroed; false: no room. */
static bool
add_attribute(struct intake *intake, struct gather *gather, const struct span_attribute *from,
              const struct judged *judged, struct trace_attribute *to)
{
    struct key *key = judged->key;
    to->key = add_key(gather, key); /* first: it may stand in `other` */
    if (key->secret && !is_number(from)) {
        to->real = (double)NAN;
        to->type = SPAN_TEXT;
        to->redacted = true;
        to->text = gather_text(gather, STR(REDACTED));
    } else {
        to->type = (uint8_t)MIN(from->type, SPAN_BYTES);
        to->text = add_value(intake, gather, from, judged, to);
    }
    return to->key != TRACE_NONE && to->text != TRACE_NONE;
}

/* A list of them; `judged`: what is known of them already, or NULL. *ret_first and *ret_count as
 * they stand in the trace. */
static bool
add_attributes(struct intake *intake, struct gather *gather, const struct span_attribute *list,
               size_t count, const struct judged *judged, uint32_t *ret_first, uint32_t *ret_count)
{
    size_t taken = MIN(count, (size_t)INTAKE_PARTS_MAX);
    *ret_first = gather->attribute_count;
    *ret_count = 0;
    intake->cut += count - taken;
    struct trace_attribute *to = taken > 0 ? gather_attributes(gather, taken) : NULL;
    if (to == NULL) {
        return taken == 0;
    }
    for (size_t i = 0; i < taken; i++) {
        struct key spare;
        struct judged one = judged != NULL ? judged[i] : (struct judged){.key = NULL};
        if (list[i].key.n == 0) {
            intake->cut++;
            continue;
        }
        one.key = one.key != NULL ? one.key : find_key(intake, list[i].key, &spare);
        if (one.key->role == ROLE_RESOURCES) {
            bool redacted = false;
            gather->resources =
                add_safe(intake, gather, list[i].text, sizeof(intake->text), &redacted);
            gather->resources = gather->resources == TRACE_NONE ? 0 : gather->resources;
            continue;
        }
        if (!add_attribute(intake, gather, &list[i], &one, &to[*ret_count])) {
            return false;
        }
        ++*ret_count;
    }
    gather->attribute_count = *ret_first + *ret_count;
    return true;
}

/* ---- resources ---- */

/* What differs only behind what is kept of it is the same. */
static uint64_t
hash_str(uint64_t seed, struct str text, size_t kept)
{
    return gather_hash(seed + text.n, text.p, MIN(text.n, kept));
}

static uint64_t
attributes_hash(const struct intake *intake, const struct span_resource *resource)
{
    uint64_t hash = intake->seed;
    for (size_t i = 0; i < MIN(resource->attribute_count, (size_t)INTAKE_PARTS_MAX); i++) {
        const struct span_attribute *attribute = &resource->attributes[i];
        uint64_t real;
        memcpy(&real, &attribute->real, sizeof(real));
        hash = hash_str(hash + attribute->type, attribute->key, INTAKE_TEXT_BYTES);
        hash = is_number(attribute) ? hash_mix(hash, (uint64_t)attribute->integer ^ real)
                                    : hash_str(hash, attribute->text, INTAKE_TEXT_BYTES);
    }
    return hash;
}

/* What stands in the memo of a resource once this intake has read its attributes. */
static uint64_t
memo_of(const struct intake *intake, const struct span_resource *resource)
{
    uint64_t of = hash_mix(intake->seed, (uint64_t)(uintptr_t)resource->attributes);
    return hash_mix(of, resource->attribute_count) | 1;
}

/* The attributes, which may be large, are read for the first span of a delivery. */
static uint64_t
resource_hash(const struct intake *intake, const struct span_resource *resource)
{
    struct span_memo *memo = resource->memo, own = {0};
    uint64_t of = memo_of(intake, resource);
    memo = memo != NULL ? memo : &own;
    if (memo->of != of) {
        *memo = (struct span_memo){of, attributes_hash(intake, resource)};
    }
    uint64_t hash = hash_str(memo->hash, resource->service, INTAKE_NAME_BYTES);
    return hash_str(hash, resource->scope, INTAKE_NAME_BYTES) | 1; /* 0: it was loaded */
}

static bool
same_resource(const struct gather *gather, const struct trace_resource *a,
              const struct trace_resource *b)
{
    return a->service == b->service && a->scope == b->scope &&
           a->attribute_count == b->attribute_count &&
           (a->attribute_count == 0 ||
            memcmp(gather->attributes + a->attribute, gather->attributes + b->attribute,
                   a->attribute_count * sizeof(gather->attributes[0])) == 0);
}

/* A resource's place; TRACE_NONE: no room. */
static uint32_t
find_or_add(struct intake *intake, struct gather *gather, const struct span_resource *resource)
{
    uint64_t hash = resource_hash(intake, resource);
    uint32_t at = gather_find_resource(gather, hash);
    if (at != TRACE_NONE) {
        return at;
    }
    struct gather_mark mark = gather_begin(gather);
    struct trace_resource to = {.service = add_name(intake, gather, resource->service),
                                .scope = add_name(intake, gather, resource->scope)};
    if (to.service == TRACE_NONE || to.scope == TRACE_NONE ||
        !add_attributes(intake, gather, resource->attributes, resource->attribute_count, NULL,
                        &to.attribute, &to.attribute_count)) {
        gather_rollback(gather, mark);
        return TRACE_NONE;
    }
    for (uint32_t i = 0; i < gather->resource_count; i++) {
        if (gather->resource_hashes[i] == 0 &&
            same_resource(gather, &gather->resource_list[i], &to)) {
            gather->resource_hashes[i] = hash; /* known again */
            gather_rollback(gather, mark);
            return i;
        }
    }
    at = gather_resource(gather, &to, hash);
    if (at == TRACE_NONE) {
        gather_rollback(gather, mark);
    }
    return at;
}

/* Whether it is the resource of the span before. Addresses say so within one delivery; the first of
 * another delivery comes with a memo that this intake did not write. */
static bool
is_last_resource(const struct intake *intake, const struct span_resource *resource)
{
    const struct span_resource *last = &intake->resource;
    return resource->memo != NULL && resource->memo == last->memo &&
           resource->memo->of == intake->resource_of && resource->attributes == last->attributes &&
           resource->attribute_count == last->attribute_count &&
           resource->service.p == last->service.p && resource->service.n == last->service.n &&
           resource->scope.p == last->scope.p && resource->scope.n == last->scope.n;
}

/* Of many spans in turn it is the same. */
static uint32_t
add_resource(struct intake *intake, struct gather *gather, const struct span_resource *resource)
{
    if (intake->resource_serial == gather->serial && is_last_resource(intake, resource)) {
        return intake->resource_at;
    }
    uint32_t at = find_or_add(intake, gather, resource);
    intake->resource = *resource;
    intake->resource_of = resource->memo != NULL ? resource->memo->of : 0;
    intake->resource_serial = at != TRACE_NONE ? gather->serial : 0;
    intake->resource_at = at;
    return at;
}

/* ---- spans ---- */

static bool
add_events(struct intake *intake, struct gather *gather, const struct span *span,
           struct trace_span *to)
{
    size_t count = MIN(span->event_count, (size_t)INTAKE_PARTS_MAX);
    to->event = gather->event_count;
    to->event_count = (uint32_t)count;
    intake->cut += span->event_count - count;
    for (size_t i = 0; i < count; i++) {
        const struct span_event *from = &span->events[i];
        struct trace_event event = {.time_ns = CLAMP(from->time_ns, 0, TIME_MAX),
                                    .name = add_name(intake, gather, from->name)};
        if (event.name == TRACE_NONE ||
            !add_attributes(intake, gather, from->attributes, from->attribute_count, NULL,
                            &event.attribute, &event.attribute_count)) {
            return false;
        }
        struct trace_event *at = gather_events(gather, 1);
        if (at == NULL) {
            return false;
        }
        *at = event;
    }
    return true;
}

static bool
add_links(struct intake *intake, struct gather *gather, const struct span *span,
          struct trace_span *to)
{
    size_t count = MIN(span->link_count, (size_t)INTAKE_PARTS_MAX);
    to->link = gather->link_count;
    to->link_count = (uint32_t)count;
    intake->cut += span->link_count - count;
    for (size_t i = 0; i < count; i++) {
        const struct span_link *from = &span->links[i];
        struct trace_link link = {.trace = add_hex(gather, from->trace_id.p, from->trace_id.n),
                                  .span = add_hex(gather, from->span_id.p, from->span_id.n),
                                  .follows = from->follows};
        struct trace_link *at =
            link.trace != TRACE_NONE && link.span != TRACE_NONE ? gather_links(gather, 1) : NULL;
        if (at == NULL) {
            return false;
        }
        *at = link;
    }
    return true;
}

/* Keys are looked up, and memory is asked for the texts that are not the ones that came last. */
static void
judge(struct intake *intake, const struct gather *gather, const struct span *span,
      const struct span_attribute *facts[ROLES], struct judged judged[INTAKE_PARTS_MAX])
{
    for (size_t i = 0; i < MIN(span->attribute_count, (size_t)INTAKE_PARTS_MAX); i++) {
        struct key spare;
        const struct span_attribute *attribute = &span->attributes[i];
        if (attribute->key.n == 0) {
            judged[i] = (struct judged){.key = NULL};
            continue;
        }
        struct key *key = find_key(intake, attribute->key, &spare);
        facts[key->role] = facts[key->role] == NULL ? attribute : facts[key->role];
        judged[i] = (struct judged){.key = key != &spare ? key : NULL};
        struct str text = attribute->type == SPAN_TEXT ? attribute->text : (struct str){"", 0};
        if (text.n > 0 && text.n < sizeof(intake->text) && !is_last_text(gather, key, text)) {
            judged[i].hash = gather_text_hash(gather, text);
            judged[i].hashed = true;
            gather_expect_text(gather, judged[i].hash);
        }
    }
}

static double
probability_of(const struct span *span, const struct span_attribute *fact)
{
    double probability = span->probability;
    if (probability == 0 && fact != NULL) {
        struct str text = fact->text;
        probability = fact->type == SPAN_REAL      ? fact->real
                      : fact->type == SPAN_INTEGER ? (double)fact->integer
                                                   : 0;
        if (fact->type == SPAN_TEXT) {
            str_double(&text, &probability);
        }
    }
    return probability > 0 && probability < 1 ? probability : 1;
}

static void
set_id(uint8_t *dst, uint8_t *ret_n, struct str id)
{
    *ret_n = (uint8_t)MIN(id.n, (size_t)SPAN_ID_BYTES_MAX);
    if (*ret_n > 0) {
        memcpy(dst, id.p, *ret_n);
    }
}

static void
set_times(struct trace_span *to, const struct span *span)
{
    to->start_ns = CLAMP(span->start_ns, 0, TIME_MAX);
    int64_t end = CLAMP(span->end_ns, 0, TIME_MAX);
    to->duration_ns = span->end_ns <= 0 ? -1 : MAX(end - to->start_ns, 0);
}

/* All of the span's pieces; false: no room, and the caller rolls back. */
static bool
add_pieces(struct intake *intake, struct gather *gather, const struct span *span,
           const struct convention *convention, const struct judged *judged, struct gather_span *to)
{
    bool redacted = false;
    struct str label = {convention->label, convention->label_n};
    to->span.name = add_name(intake, gather, span->name);
    to->span.status_text = add_name(intake, gather, span->status_text);
    to->span.label = add_safe(intake, gather, label, LABEL_BYTES_MAX, &redacted);
    to->tool = add_name(intake, gather, convention->tool);
    return to->span.name != TRACE_NONE && to->span.status_text != TRACE_NONE &&
           to->span.label != TRACE_NONE && to->tool != TRACE_NONE &&
           add_attributes(intake, gather, span->attributes, span->attribute_count, judged,
                          &to->span.attribute, &to->span.attribute_count) &&
           add_events(intake, gather, span, &to->span) &&
           add_links(intake, gather, span, &to->span);
}

/* The span that is there already, of this id and kind; TRACE_NONE. */
static uint32_t
find_same(const struct gather *gather, const struct span *span, const struct trace_span *of,
          uint32_t hash)
{
    uint32_t matches[GATHER_MATCHES_MAX];
    size_t count = gather_matches(gather, of->id, of->id_n, hash, matches);
    for (size_t i = 0; i < count; i++) {
        if (gather->spans[matches[i]].span.kind == (uint8_t)span->kind) {
            return matches[i];
        }
    }
    return TRACE_NONE;
}

enum intake_result
intake_span(struct intake *intake, struct gather *gather, const struct span *span,
            struct intake_seen *ret_seen)
{
    const struct span_attribute *facts[ROLES] = {NULL};
    struct judged judged[INTAKE_PARTS_MAX];
    struct convention *convention = &ret_seen->convention;
    struct gather_span to = {
        .span = {.kind = (uint8_t)span->kind,
                 .status = (uint8_t)MIN(span->status, SPAN_ERROR),
                 .flags = (uint8_t)(span->flags & (SPAN_SHARED | SPAN_ASSUMED))}};
    if (gather->serial == 0) {
        gather->serial = ++intake->serial;
    }
    set_id(to.span.id, &to.span.id_n, span->span_id);
    uint32_t hash = gather_id_hash(gather, to.span.id, to.span.id_n);
    gather_expect_id(gather, hash); /* it comes while what the span says is read */
    judge(intake, gather, span, facts, judged);
    convention_of(span, facts, convention);
    uint32_t same = find_same(gather, span, &to.span, hash);
    if (same != TRACE_NONE && (gather->spans[same].span.duration_ns >= 0 || span->end_ns <= 0)) {
        return INTAKE_REPEATED;
    }
    to.span.resource = add_resource(intake, gather, span->resource);
    if (to.span.resource == TRACE_NONE) {
        return INTAKE_FULL;
    }
    struct gather_mark mark = gather_begin(gather);
    set_times(&to.span, span);
    set_id(to.parent, &to.parent_n, span->parent_id);
    to.span.system = (uint8_t)convention->system;
    if (span->status == SPAN_UNSET && convention->error) {
        to.span.status = SPAN_ERROR;
    }
    if (!add_pieces(intake, gather, span, convention, judged, &to) ||
        (same == TRACE_NONE && !gather_commit(gather, &to, hash))) {
        gather_rollback(gather, mark);
        return INTAKE_FULL;
    }
    if (same != TRACE_NONE) {
        gather->spans[same] = to; /* it has ended since */
    }
    gather->weight =
        MAX(gather->weight, MIN(1 / probability_of(span, facts[ROLE_PROBABILITY]), WEIGHT_MAX));
    ret_seen->span = same != TRACE_NONE ? same : gather->span_count - 1;
    return INTAKE_ADDED;
}
