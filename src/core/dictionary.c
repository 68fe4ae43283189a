/* Dictionaries. Texts are found by their hash; two with the same hash take the next free key. */
#include "dictionary.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/arena.h"
#include "flametop/base/hash.h"

#define TEXTS_MAX 4096
#define TEXT_BYTES_MAX ((size_t)256 * 1024)
#define TEXTS_FULL (TEXT_BYTES_MAX / 4 * 3) /* the rest is what the arena wastes */
#define TEXT_CUT 256

struct dictionary {
    unsigned refs; /* atomic */
    struct arena arena;
    struct map by_hash;
    size_t bytes; /* of the texts */
    size_t count;
    const char *texts[TEXTS_MAX];
};

struct dictionary *
dictionary_new(void)
{
    struct dictionary *dictionary = calloc(1, sizeof(*dictionary));
    if (dictionary != NULL) {
        dictionary->refs = 1;
        arena_init(&dictionary->arena, TEXT_BYTES_MAX);
        map_init(&dictionary->by_hash, TEXTS_MAX);
    }
    return dictionary;
}

struct dictionary *
dictionary_acquire(struct dictionary *dictionary)
{
    __atomic_add_fetch(&dictionary->refs, 1, __ATOMIC_RELAXED);
    return dictionary;
}

void
dictionary_release(struct dictionary *dictionary)
{
    if (dictionary != NULL && __atomic_sub_fetch(&dictionary->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        arena_done(&dictionary->arena);
        map_done(&dictionary->by_hash);
        free(dictionary);
    }
}

double
dictionary_index(struct dictionary *dictionary, const char *text)
{
    size_t n = strnlen(text, TEXT_CUT);
    uint64_t key = hash_bytes(text, n);
    void *found;
    while ((found = map_get(&dictionary->by_hash, key)) != NULL) {
        size_t index = (size_t)(uintptr_t)found - 1;
        if (strlen(dictionary->texts[index]) == n &&
            memcmp(dictionary->texts[index], text, n) == 0) {
            return (double)index;
        }
        key++;
    }
    if (dictionary->count == TEXTS_MAX || dictionary->bytes + n >= TEXTS_FULL) {
        return NAN;
    }
    size_t index = dictionary->count++;
    dictionary->bytes += n + 1;
    dictionary->texts[index] = arena_text(&dictionary->arena, text, n);
    map_put(&dictionary->by_hash, key, (void *)(uintptr_t)(index + 1));
    return (double)index;
}

const char *
dictionary_text(const struct dictionary *dictionary, double index)
{
    bool is_one = index >= 0 && index < (double)TEXTS_MAX; /* false for NaN */
    return dictionary != NULL && is_one ? dictionary->texts[(size_t)index] : NULL;
}

bool
dictionary_is_old(const struct dictionary *dictionary)
{
    return dictionary->count > TEXTS_MAX / 2 || dictionary->bytes > TEXT_BYTES_MAX / 2;
}

bool
dictionary_has_room(const struct dictionary *dictionary, size_t texts)
{
    return texts <= TEXTS_MAX - dictionary->count &&
           dictionary->bytes + texts * (TEXT_CUT + 1) < TEXTS_FULL;
}

size_t
dictionary_memory(const struct dictionary *dictionary)
{
    return dictionary != NULL
               ? dictionary->arena.bytes + dictionary->count * sizeof(dictionary->texts[0]) +
                     dictionary->by_hash.capacity * sizeof(dictionary->by_hash.slots[0])
               : 0;
}
