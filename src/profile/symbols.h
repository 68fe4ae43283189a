/* Symbols: names of addresses, found by any address inside.
 *
 * They are added in any order, sorted once, then found. Of several that begin at one address the
 * last of those with the highest rank counts. A symbol of size 0 reaches to the next one. */
#ifndef FLAMETOP_SRC_PROFILE_SYMBOLS_H
#define FLAMETOP_SRC_PROFILE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"

#define SYMBOL_NAME_BYTES_MAX ((size_t)4096) /* longer ones are cut */

struct symbol {
    uint64_t at;
    uint32_t size : 28, rank : 4;
    uint32_t name;
};

struct symbols {
    struct symbol *list;
    uint32_t count, capacity, count_max;
    struct buf names;
    bool sorted;
    bool full; /* some had no room */
};

void symbols_init(struct symbols *symbols, uint32_t count_max);
void symbols_done(struct symbols *symbols);

/* No more than so many bytes of them, before any is added. */
void symbols_limit(struct symbols *symbols, size_t bytes);
size_t symbols_bytes(const struct symbols *symbols); /* held */

void symbols_add(struct symbols *symbols, uint64_t at, uint64_t size, unsigned rank,
                 struct str name);
void symbols_sort(struct symbols *symbols);

/* The name of what is at an address; n is 0 when that is not known. */
struct str symbols_find(const struct symbols *symbols, uint64_t at);

#endif
