/* A sorted array, and all names one after another. */
#include "symbols.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

#define NAME_BYTES_EACH 256u /* on average, at most */
#define LIST_PART 4u         /* of limited bytes, for the array */
#define SIZE_MAX_KEPT ((UINT32_C(1) << 28) - 1)
#define REACH ((uint64_t)1 << 20) /* of a symbol without a size */
#define STEPS_BACK 16             /* over symbols inside a larger one */

void
symbols_init(struct symbols *symbols, uint32_t count_max)
{
    *symbols = (struct symbols){.count_max = count_max};
    buf_init(&symbols->names,
             (size_t)MIN((uint64_t)count_max * NAME_BYTES_EACH, (uint64_t)UINT32_MAX / 2));
}

void
symbols_done(struct symbols *symbols)
{
    free(symbols->list);
    buf_done(&symbols->names);
    *symbols = (struct symbols){0};
}

void
symbols_limit(struct symbols *symbols, size_t bytes)
{
    size_t each = sizeof(*symbols->list), count = bytes / LIST_PART / each;
    symbols->count_max = (uint32_t)MIN((size_t)symbols->count_max, count);
    symbols->names.max = MIN(symbols->names.max, bytes - symbols->count_max * each);
}

size_t
symbols_bytes(const struct symbols *symbols)
{
    return symbols->capacity * sizeof(*symbols->list) + symbols->names.capacity;
}

static bool
has_room(struct symbols *symbols, size_t name_n)
{
    if (symbols->count == symbols->count_max ||
        symbols->names.n + name_n + 1 > symbols->names.max) {
        return false;
    }
    if (symbols->count < symbols->capacity) {
        return true;
    }
    uint32_t wider = MIN(MAX(symbols->capacity * 2, 256u), symbols->count_max);
    struct symbol *grown = realloc(symbols->list, wider * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    symbols->list = grown;
    symbols->capacity = wider;
    return true;
}

void
symbols_add(struct symbols *symbols, uint64_t at, uint64_t size, unsigned rank, struct str name)
{
    name.n = MIN(name.n, SYMBOL_NAME_BYTES_MAX);
    if (!has_room(symbols, name.n)) {
        symbols->full = true;
        return;
    }
    size_t before = symbols->names.n;
    buf_add(&symbols->names, name.p, name.n);
    buf_putc(&symbols->names, '\0');
    if (symbols->names.full) {
        symbols->full = true;
        return;
    }
    symbols->list[symbols->count++] =
        (struct symbol){.at = at,
                        .size = MIN(size, SIZE_MAX_KEPT) & SIZE_MAX_KEPT,
                        .rank = MIN(rank, 15u) & 15u,
                        .name = (uint32_t)before};
    symbols->sorted = false;
}

/* Names are added in turn: a later one is the later symbol. */
static int
compare(const void *a, const void *b)
{
    const struct symbol *left = a, *right = b;
    if (left->at != right->at) {
        return left->at < right->at ? -1 : 1;
    }
    return left->rank != right->rank ? (left->rank < right->rank ? -1 : 1)
                                     : (left->name > right->name) - (left->name < right->name);
}

void
symbols_sort(struct symbols *symbols)
{
    if (!symbols->sorted && symbols->count > 1) {
        qsort(symbols->list, symbols->count, sizeof(*symbols->list), compare);
    }
    symbols->sorted = true;
}

/* How many begin at the address or before. */
static uint32_t
count_until(const struct symbols *symbols, uint64_t at)
{
    uint32_t low = 0, high = symbols->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (symbols->list[middle].at <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct str
symbols_find(const struct symbols *symbols, uint64_t at)
{
    uint32_t count = count_until(symbols, at);
    for (uint32_t i = 0; i < MIN(count, (uint32_t)STEPS_BACK); i++) {
        const struct symbol *symbol = &symbols->list[count - 1 - i];
        uint64_t inside = at - symbol->at;
        if (symbol->size > 0 ? inside < symbol->size : i == 0 && inside < REACH) {
            return str_from(symbols->names.data + symbol->name);
        }
    }
    return (struct str){"", 0};
}
