/* A dictionary: the texts of kept rows, by index.
 *
 * One writer appends; whoever holds an index reads it without a lock, as an entry never changes or
 * moves. Bounded: when it is full there is no index for a new text, and a fresh one is due well
 * before (dictionary_is_old). Layouts of kept rows hold the one their chunks refer to. */
#ifndef FLAMETOP_CORE_DICTIONARY_H
#define FLAMETOP_CORE_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>

struct dictionary;
struct dictionary *dictionary_new(void); /* one reference; NULL when out of memory */
struct dictionary *dictionary_acquire(struct dictionary *dictionary);
void dictionary_release(struct dictionary *dictionary);

/* The text's index, added at first use, cut at 256 bytes. NaN when the dictionary is full. */
double dictionary_index(struct dictionary *dictionary, const char *text);

/* The text of an index; NULL for what is none, NaN among it. */
const char *dictionary_text(const struct dictionary *dictionary, double index);

/* More than half full; and whether so many new texts, whatever they are, surely find room. */
bool dictionary_is_old(const struct dictionary *dictionary);
bool dictionary_has_room(const struct dictionary *dictionary, size_t texts);

size_t dictionary_memory(const struct dictionary *dictionary); /* 0 for NULL */

#endif
