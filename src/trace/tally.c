/* Counting attributes. A request counts once for each key and once for each value, however many of
 * its spans have it: `last` remembers the request. */
#include "tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/trace/select.h"

#define TEXT_BYTES_MAX ((size_t)8 << 20)
#define VALUE_BYTES_MAX 256u /* of what is shown */

bool
tally_init(struct tally *tally)
{
    *tally = (struct tally){.pending = calloc(TALLY_KEYS_MAX, sizeof(uint32_t))};
    map_init(&tally->key_index, TALLY_KEYS_MAX);
    map_init(&tally->value_index, TALLY_VALUES_MAX);
    arena_init(&tally->texts, TEXT_BYTES_MAX);
    return tally->pending != NULL;
}

void
tally_done(struct tally *tally)
{
    for (uint32_t i = 0; i < tally->key_count; i++) {
        for (unsigned side = 0; side < TALLY_SIDES; side++) {
            free(tally->keys[i].numbers[side].list);
        }
    }
    free(tally->keys);
    free(tally->values);
    free(tally->pending);
    map_done(&tally->key_index);
    map_done(&tally->value_index);
    arena_done(&tally->texts);
}

/* Room for one more. */
static bool
reserve(void **array, uint32_t count, uint32_t *capacity, size_t bytes)
{
    if (count < *capacity) {
        return true;
    }
    uint32_t wider = MAX(*capacity * 2, 64u);
    void *grown = realloc(*array, wider * bytes);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *capacity = wider;
    return true;
}

/* ---- keys and values ---- */

static struct tally_key *
key_of(struct tally *tally, uint64_t hash, const char *text)
{
    uintptr_t place = (uintptr_t)map_get(&tally->key_index, hash);
    if (place != 0) {
        return &tally->keys[place - 1];
    }
    if (tally->key_count == TALLY_KEYS_MAX) {
        tally->dropped++;
        return NULL;
    }
    if (!reserve((void **)&tally->keys, tally->key_count, &tally->key_capacity,
                 sizeof(*tally->keys)) ||
        !map_put(&tally->key_index, hash, (void *)(uintptr_t)(tally->key_count + 1))) {
        tally->failed = true;
        return NULL;
    }
    struct tally_key *key = &tally->keys[tally->key_count++];
    *key =
        (struct tally_key){.text = arena_text(&tally->texts, text, strnlen(text, VALUE_BYTES_MAX))};
    return key;
}

static struct tally_value *
value_of(struct tally *tally, struct tally_key *key, uint64_t hash, const char *text)
{
    uintptr_t place = (uintptr_t)map_get(&tally->value_index, hash);
    if (place != 0) {
        return &tally->values[place - 1];
    }
    key->values++;
    if (tally->value_count == TALLY_VALUES_MAX || key->values > TALLY_VALUES_OF_KEY_MAX ||
        tally->texts.full) {
        tally->dropped++;
        return NULL;
    }
    if (!reserve((void **)&tally->values, tally->value_count, &tally->value_capacity,
                 sizeof(*tally->values)) ||
        !map_put(&tally->value_index, hash, (void *)(uintptr_t)(tally->value_count + 1))) {
        tally->failed = true;
        return NULL;
    }
    struct tally_value *value = &tally->values[tally->value_count];
    *value = (struct tally_value){
        .text = arena_text(&tally->texts, text, strnlen(text, VALUE_BYTES_MAX)),
        .next = key->first};
    key->first = ++tally->value_count;
    return value;
}

/* The key, where the request has it; NULL: there is no room for it. */
static struct tally_key *
count_value(struct tally *tally, unsigned side, int64_t weight, const char *key_text,
            const char *text)
{
    uint64_t hash = hash_text(key_text);
    struct tally_key *key = key_of(tally, hash, key_text);
    if (key == NULL) {
        return NULL;
    }
    if (key->last != tally->serial) {
        key->last = tally->serial;
        key->weight[side] += weight;
        key->traces++;
    }
    struct tally_value *value = value_of(tally, key, hash_mix(hash, hash_text(text)), text);
    if (value != NULL && value->last != tally->serial) {
        value->last = tally->serial;
        value->weight[side] += weight;
        key->occurrences++;
    }
    return key;
}

/* ---- numbers ---- */

static void
note_number(struct tally *tally, struct tally_key *key, double number)
{
    if (!key->pending) {
        tally->pending[tally->pending_count++] = (uint32_t)(key - tally->keys);
        key->number = number;
        key->pending = true;
    }
    key->number = MAX(key->number, number);
}

static void
thin(struct tally_numbers *numbers)
{
    for (uint32_t i = 0; i < numbers->count / 2; i++) {
        numbers->list[i] = numbers->list[i * 2];
    }
    numbers->count /= 2;
    numbers->stride = MAX(numbers->stride, 1u) * 2;
}

static void
put_number(struct tally *tally, struct tally_numbers *numbers, double number, int64_t weight)
{
    if (++numbers->skipped < numbers->stride) {
        return;
    }
    numbers->skipped = 0;
    if (numbers->count == TALLY_NUMBERS_MAX) {
        thin(numbers);
    }
    if (!reserve((void **)&numbers->list, numbers->count, &numbers->capacity,
                 sizeof(*numbers->list))) {
        tally->failed = true;
        return;
    }
    numbers->list[numbers->count++] = (struct tally_number){number, weight};
}

static void
put_pending(struct tally *tally, unsigned side, int64_t weight)
{
    for (uint32_t i = 0; i < tally->pending_count; i++) {
        struct tally_key *key = &tally->keys[tally->pending[i]];
        put_number(tally, &key->numbers[side], key->number, weight);
        key->pending = false;
    }
    tally->pending_count = 0;
}

/* ---- requests ---- */

static void
count_attributes(struct tally *tally, unsigned side, int64_t weight, const struct trace *trace,
                 uint32_t first, uint32_t count)
{
    const struct trace_attribute *attributes = trace_attributes(trace);
    for (uint32_t i = first; i < first + count; i++) {
        const struct trace_attribute *attribute = &attributes[i];
        if (attribute->redacted != 0) {
            continue;
        }
        struct tally_key *key = count_value(tally, side, weight, trace_text(trace, attribute->key),
                                            trace_text(trace, attribute->text));
        bool number = (attribute->type == SPAN_INTEGER || attribute->type == SPAN_REAL) &&
                      isfinite(attribute->real);
        if (key != NULL && number) {
            note_number(tally, key, attribute->real);
        } else if (key != NULL) {
            key->other = true;
        }
    }
}

static void
count_text(struct tally *tally, unsigned side, int64_t weight, const char *key_text,
           const char *text)
{
    struct tally_key *key =
        text[0] != '\0' ? count_value(tally, side, weight, key_text, text) : NULL;
    if (key != NULL) {
        key->other = true;
    }
}

static void
begin(struct tally *tally, unsigned side, int64_t weight, const struct trace *trace)
{
    tally->serial++;
    tally->weight[side] += weight;
    tally->traces[side]++;
    count_text(tally, side, weight, "endpoint", trace_text(trace, trace->endpoint));
    count_text(tally, side, weight, "tool", trace_text(trace, trace->tool));
    count_text(tally, side, weight, "status", (trace->flags & TRACE_ERROR) != 0 ? "error" : "ok");
    const struct trace_resource *resources = trace_resources(trace);
    for (uint32_t i = 0; i < trace->resource_count; i++) {
        count_text(tally, side, weight, "service", trace_text(trace, resources[i].service));
        count_attributes(tally, side, weight, trace, resources[i].attribute,
                         resources[i].attribute_count);
    }
}

void
tally_trace(struct tally *tally, unsigned side, const struct trace *trace, uint32_t from,
            uint32_t to)
{
    int64_t weight = trace_weight(trace);
    if (from == 0) {
        begin(tally, side, weight, trace);
    }
    const struct trace_span *spans = trace_spans(trace);
    for (uint32_t i = from; i < to; i++) {
        count_text(tally, side, weight, "calls", i > 0 ? trace_text(trace, spans[i].label) : "");
        count_attributes(tally, side, weight, trace, spans[i].attribute, spans[i].attribute_count);
    }
    if (to == trace->span_count) {
        put_pending(tally, side, weight);
    }
}
