/* A radix sort, byte by byte from the lowest: it can stop anywhere, and bytes that all weights have
 * in common (of whole numbers most are 0) cost nothing. */
#include "flametop/core/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define PASSES 8u
#define PORTION 16384u /* between two looks at the clock */

bool
ranking_init(struct ranking *ranking, uint32_t count)
{
    *ranking = (struct ranking){.count = count};
    ranking->items = malloc(((size_t)count + 1) * sizeof(*ranking->items));
    ranking->other = malloc(((size_t)count + 1) * sizeof(*ranking->other));
    ranking->places = calloc(PASSES, sizeof(*ranking->places));
    if (ranking->items == NULL || ranking->other == NULL || ranking->places == NULL) {
        ranking_done(ranking);
        return false;
    }
    return true;
}

void
ranking_done(struct ranking *ranking)
{
    free(ranking->items);
    free(ranking->other);
    free(ranking->places);
    *ranking = (struct ranking){0};
}

/* The bits of doubles that are not negative are in their order; turned over, the largest is first.
 */
static uint64_t
key_of(double weight)
{
    uint64_t bits;
    memcpy(&bits, &weight, sizeof(bits));
    return ~bits;
}

static void
count_bytes(struct ranking *ranking, uint32_t end)
{
    for (; ranking->at < end; ranking->at++) {
        uint64_t key = key_of(ranking->items[ranking->at].weight);
        for (unsigned i = 0; i < PASSES; i++) {
            ranking->places[i][key >> (8 * i) & 0xff]++;
        }
    }
}

/* From how many there are of each byte to where they begin. */
static void
place_bytes(struct ranking *ranking)
{
    for (unsigned i = 0; i < PASSES; i++) {
        uint32_t before = 0;
        for (unsigned byte = 0; byte < 256; byte++) {
            uint32_t count = ranking->places[i][byte];
            ranking->places[i][byte] = before;
            before += count;
        }
    }
}

static bool
is_common(const struct ranking *ranking)
{
    unsigned byte = key_of(ranking->items[0].weight) >> (8 * (ranking->pass - 1)) & 0xff;
    const uint32_t *places = ranking->places[ranking->pass - 1];
    return places[byte] == 0 && (byte == 255 || places[byte + 1] == ranking->count);
}

static void
move_items(struct ranking *ranking, uint32_t end)
{
    uint32_t *places = ranking->places[ranking->pass - 1];
    for (; ranking->at < end; ranking->at++) {
        struct ranked item = ranking->items[ranking->at];
        unsigned byte = key_of(item.weight) >> (8 * (ranking->pass - 1)) & 0xff;
        ranking->other[places[byte]++] = item;
    }
}

static void
end_pass(struct ranking *ranking)
{
    if (ranking->pass == 0) {
        place_bytes(ranking);
    } else {
        struct ranked *items = ranking->items;
        ranking->items = ranking->other;
        ranking->other = items;
    }
    ranking->at = 0;
    ranking->pass++;
    while (ranking->pass <= PASSES && is_common(ranking)) {
        ranking->pass++;
    }
}

bool
ranking_step(struct ranking *ranking, int64_t until_ns)
{
    if (ranking->count < 2) {
        return true;
    }
    while (ranking->pass <= PASSES) {
        uint32_t end = ranking->at + MIN(ranking->count - ranking->at, PORTION);
        (ranking->pass == 0 ? count_bytes : move_items)(ranking, end);
        if (ranking->at == ranking->count) {
            end_pass(ranking);
        }
        if (clock_mono_ns() >= until_ns) {
            break;
        }
    }
    return ranking->pass > PASSES;
}
