/* Digests. */
#include "digest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/metric.h"

#define TEXT_MAX 120 /* of a label */
#define OTHER "other"

void
digests_init(struct digests *digests, const char *const *label_names, size_t max)
{
    *digests = (struct digests){.label_names = label_names, .max = max};
    map_init(&digests->index, max * 2);
}

static void
digest_done(struct digest *digest)
{
    for (size_t i = 0; i < DIGEST_SLOTS; i++) {
        histogram_done(&digest->slots[i]);
    }
    free(digest->names);
}

void
digests_done(struct digests *digests)
{
    for (size_t i = 0; i < digests->count; i++) {
        digest_done(&digests->list[i]);
    }
    digest_done(&digests->other);
    free(digests->list);
    map_done(&digests->index);
}

static uint64_t
key_of(const struct digests *digests, const struct digest_event *event)
{
    uint64_t key = 1;
    for (size_t i = 0; i < DIGEST_LABELS && digests->label_names[i] != NULL; i++) {
        key = hash_mix(key, hash_text(event->texts[i]));
    }
    return key;
}

/* The label sets are written once. */
static bool
name(const struct digests *digests, struct digest *digest, const char *const *texts)
{
    size_t sizes[DIGEST_LABELS] = {0}, all = 0;
    digest->labels[0] = 0;
    for (size_t i = 0; i < DIGEST_LABELS && digests->label_names[i] != NULL; i++) {
        char text[TEXT_MAX + 1];
        utf8_clean(str_from(texts[i]), text, sizeof(text)); /* cut between characters */
        labels_add(digest->labels, sizeof(digest->labels), digests->label_names[i], str_from(text));
        sizes[i] = strlen(texts[i]) + 1;
        all += sizes[i];
    }
    digest->names = malloc(MAX(all, (size_t)1));
    char *at = digest->names;
    for (size_t i = 0; at != NULL && i < DIGEST_LABELS; i++) {
        digest->texts[i] = sizes[i] > 0 ? at : "";
        if (sizes[i] > 0) {
            memcpy(at, texts[i], sizes[i]);
        }
        at += sizes[i];
    }
    return at != NULL;
}

static bool
begin(const struct digests *digests, struct digest *digest, uint64_t key, const char *const *texts)
{
    digest_done(digest);
    *digest = (struct digest){.key = key};
    for (size_t i = 0; i < DIGEST_SLOTS; i++) {
        histogram_init(&digest->slots[i]);
    }
    return name(digests, digest, texts);
}

/* A place: a new one, or that of whoever was idle longest. */
static struct digest *
find_place(struct digests *digests, int64_t mono_ns)
{
    if (digests->list == NULL) {
        digests->list = calloc(digests->max, sizeof(digests->list[0]));
    }
    if (digests->list == NULL || digests->count < digests->max) {
        return digests->list != NULL ? &digests->list[digests->count] : NULL;
    }
    struct digest *idle = &digests->list[0];
    for (size_t i = 1; i < digests->count; i++) {
        idle = digests->list[i].seen_mono_ns < idle->seen_mono_ns ? &digests->list[i] : idle;
    }
    return mono_ns - idle->seen_mono_ns >= DIGEST_IDLE_NS ? idle : NULL;
}

static struct digest *
find(struct digests *digests, const struct digest_event *event, int64_t mono_ns)
{
    static const char *const others[DIGEST_LABELS] = {OTHER, OTHER, OTHER};
    uint64_t key = key_of(digests, event);
    struct digest *digest = map_get(&digests->index, key);
    if (digest != NULL) {
        return digest;
    }
    digest = find_place(digests, mono_ns);
    if (digest == NULL) {
        digests->beyond++;
        bool good = digests->other.names != NULL || begin(digests, &digests->other, 0, others);
        return good ? &digests->other : NULL;
    }
    bool fresh = digest == &digests->list[digests->count];
    if (!fresh) {
        map_remove(&digests->index, digest->key);
    }
    if (!begin(digests, digest, key, event->texts) || !map_put(&digests->index, key, digest)) {
        return NULL;
    }
    digests->count += fresh;
    return digest;
}

static size_t
slot_of(struct digest *digest, int64_t mono_ns)
{
    int64_t number = mono_ns / DIGEST_SLOT_NS + 1;
    size_t slot = (size_t)((uint64_t)number % DIGEST_SLOTS);
    if (digest->slot_numbers[slot] != number) {
        histogram_clear(&digest->slots[slot]);
        digest->sums[slot] = (struct digest_sums){0};
        digest->slot_numbers[slot] = number;
    }
    return slot;
}

bool
digests_add(struct digests *digests, const struct digest_event *event, int64_t mono_ns)
{
    struct digest *digest = find(digests, event, mono_ns);
    if (digest == NULL) {
        return false;
    }
    size_t slot = slot_of(digest, mono_ns);
    double failed = event->failed ? event->weight : 0;
    digest->seen_mono_ns = mono_ns;
    digest->count += event->weight;
    digest->errors += failed;
    digest->sums[slot].count += event->weight;
    digest->sums[slot].failed += failed;
    digest->slow += event->slow ? event->weight : 0;
    if (!isnan(event->seconds)) {
        uint32_t times = (uint32_t)CLAMP(event->weight + 0.5, 1.0, 1e6);
        histogram_add_times(&digest->slots[slot], event->seconds, times);
        digest->sums[slot].seconds += event->seconds * event->weight;
    }
    return true;
}

struct digest *
digests_at(struct digests *digests, size_t index)
{
    if (index < digests->count) {
        return &digests->list[index];
    }
    return index == digests->count && digests->other.names != NULL ? &digests->other : NULL;
}

static bool
is_in_window(const struct digest *digest, size_t slot, int64_t mono_ns)
{
    return digest->slot_numbers[slot] > mono_ns / DIGEST_SLOT_NS + 1 - DIGEST_SLOTS;
}

static void
add_window(const struct digest *digest, int64_t mono_ns, struct histogram *into)
{
    for (size_t i = 0; i < DIGEST_SLOTS; i++) {
        if (is_in_window(digest, i, mono_ns) && digest->slots[i].count > 0) {
            histogram_merge(into, &digest->slots[i]);
        }
    }
}

bool
digest_window(const struct digest *digest, int64_t mono_ns, struct histogram *into)
{
    histogram_clear(into);
    add_window(digest, mono_ns, into);
    return into->count > 0;
}

struct digest_sums
digest_window_sums(const struct digest *digest, int64_t mono_ns)
{
    struct digest_sums sums = {0};
    for (size_t i = 0; i < DIGEST_SLOTS; i++) {
        if (is_in_window(digest, i, mono_ns)) {
            sums.count += digest->sums[i].count;
            sums.failed += digest->sums[i].failed;
            sums.seconds += digest->sums[i].seconds;
        }
    }
    return sums;
}

int64_t
digest_window_from(int64_t mono_ns)
{
    return (mono_ns / DIGEST_SLOT_NS + 1 - DIGEST_SLOTS) * DIGEST_SLOT_NS;
}

bool
digests_window(struct digests *digests, int64_t mono_ns, struct histogram *into)
{
    struct digest *digest;
    histogram_clear(into);
    for (size_t i = 0; (digest = digests_at(digests, i)) != NULL; i++) {
        add_window(digest, mono_ns, into);
    }
    return into->count > 0;
}
