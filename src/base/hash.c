/* Hashing and the map. */
#include "flametop/base/hash.h"

#include <stdlib.h>
#include <string.h>

uint64_t
hash_u64(uint64_t x)
{
    /* The finalizer of MurmurHash3: every input bit reaches every output bit. */
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    x ^= x >> 33;
    return x;
}

uint64_t
hash_mix(uint64_t a, uint64_t b)
{
    return hash_u64(a * UINT64_C(0x9e3779b97f4a7c15) + b);
}

uint64_t
hash_bytes(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t h = hash_u64(n);
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = hash_mix(h, word);
    }
    uint64_t tail = 0;
    if (n > 0) {
        memcpy(&tail, p, n);
    }
    return hash_mix(h, tail);
}

uint64_t
hash_text(const char *text)
{
    return hash_bytes(text, strlen(text));
}

uint32_t
hash_crc32c(uint32_t crc, const void *bytes, size_t n)
{
    /* Four bits a step: 64 bytes of table, fast enough for records of a few KiB. */
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const unsigned char *p = bytes;
    crc = ~crc;
    while (n-- > 0) {
        crc ^= *p++;
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

void
map_init(struct map *map, size_t count_max)
{
    *map = (struct map){.count_max = count_max};
}

void
map_done(struct map *map)
{
    free(map->slots);
    map_init(map, map->count_max);
}

void
map_clear(struct map *map)
{
    if (map->slots != NULL) {
        memset(map->slots, 0, map->capacity * sizeof(*map->slots));
    }
    map->count = 0;
}

static size_t
slot_of(const struct map *map, uint64_t key)
{
    size_t i = hash_u64(key) & (map->capacity - 1);
    while (map->slots[i].value != NULL && map->slots[i].key != key) {
        i = (i + 1) & (map->capacity - 1);
    }
    return i;
}

void *
map_get(const struct map *map, uint64_t key)
{
    return map->count == 0 ? NULL : map->slots[slot_of(map, key)].value;
}

static bool
map_grow(struct map *map)
{
    struct map bigger = {.capacity = map->capacity == 0 ? 16 : map->capacity * 2,
                         .count = map->count,
                         .count_max = map->count_max};
    bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
    if (bigger.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value != NULL) {
            bigger.slots[slot_of(&bigger, map->slots[i].key)] = map->slots[i];
        }
    }
    free(map->slots);
    *map = bigger;
    return true;
}

bool
map_put(struct map *map, uint64_t key, void *value)
{
    if (map->capacity == 0 || (map->count + 1) * 4 > map->capacity * 3) {
        if (!map_grow(map)) {
            return false;
        }
    }
    size_t i = slot_of(map, key);
    if (map->slots[i].value == NULL) {
        if (map->count >= map->count_max) {
            return false;
        }
        map->count++;
    }
    map->slots[i] = (struct map_slot){key, value};
    return true;
}

void *
map_remove(struct map *map, uint64_t key)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t hole = slot_of(map, key);
    void *value = map->slots[hole].value;
    if (value == NULL) {
        return NULL;
    }
    /* Shift back what probed past the hole, so that look-ups never meet a gap. */
    size_t mask = map->capacity - 1;
    for (size_t i = (hole + 1) & mask; map->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t home = hash_u64(map->slots[i].key) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct map_slot){0};
    map->count--;
    return value;
}

void *
map_next(const struct map *map, size_t *at, uint64_t *ret_key)
{
    while (*at < map->capacity) {
        const struct map_slot *slot = &map->slots[(*at)++];
        if (slot->value != NULL) {
            *ret_key = slot->key;
            return slot->value;
        }
    }
    return NULL;
}
