/* Hashing, and a map from 64-bit keys or texts to pointers.
 *
 * The map is open addressing with linear probing and deletes by back-shifting, so it has no
 * tombstones. It holds at most count_max entries. Text keys are not copied: they must outlive the
 * map. */
#ifndef FLAMETOP_BASE_HASH_H
#define FLAMETOP_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t n);
uint64_t hash_text(const char *text);
uint64_t hash_u64(uint64_t value);
uint64_t hash_mix(uint64_t a, uint64_t b);

/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected). Start with 0. */
uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t n);

struct map_slot {
    uint64_t key;
    void *value; /* NULL: free */
};

struct map {
    struct map_slot *slots;
    size_t count, capacity, count_max;
};

void map_init(struct map *map, size_t count_max);
void map_done(struct map *map);
void map_clear(struct map *map);
void *map_get(const struct map *map, uint64_t key);

/* Sets (value != NULL). False when the map is at its maximum. */
bool map_put(struct map *map, uint64_t key, void *value);

/* Answers what was there, or NULL. */
void *map_remove(struct map *map, uint64_t key);

/* Walks the map: start with *at = 0; NULL at the end. The map must not change meanwhile. */
void *map_next(const struct map *map, size_t *at, uint64_t *ret_key);

#endif
