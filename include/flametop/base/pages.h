/* Large zeroed arrays, mapped each for itself: nothing is cleared or copied at once, as calloc and
 * realloc would, and all of it is given back. */
#ifndef FLAMETOP_BASE_PAGES_H
#define FLAMETOP_BASE_PAGES_H

#include <stddef.h>

enum pages {
    PAGES_PLAIN, /* as the kernel likes */
    PAGES_HUGE, /* read at random: with pages of 4 KiB half of a look-up is that of its address. The
                   kernel may take long to find them */
    PAGES_SMALL, /* filled at random: the first entries would have all huge pages cleared */
};

/* NULL when out of memory. Aligned for any type; memory is used as it is written. */
void *pages_new(size_t count, size_t bytes, enum pages kind);
void pages_free(void *pages); /* NULL: nothing */

/* Makes it another size, of huge pages where it is large: the first `used` bytes stay as they are,
 * the others may be anything. `pages` NULL: a new one. Large ones are not copied, their addresses
 * change. NULL when out of memory, `pages` is as it was then. */
void *pages_grow(void *pages, size_t used, size_t bytes);

/* How many bytes pages_grow takes to have so many: all of them may be asked for. */
size_t pages_room(size_t bytes);

/* Gives back the memory of a part of any large array, some MiB from `from` on, before it is freed:
 * all at once would take long. Answers where to go on; `bytes` when there is no more. Its contents
 * are lost. */
size_t pages_drop(void *array, size_t bytes, size_t from);

#endif
