/* The cursor of a list, and which part of the list is on the screen. */
#ifndef FLAMETOP_UI_LIST_H
#define FLAMETOP_UI_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Moves `at` among `count` rows by a command: "move.up", "move.down", "move.page.up",
 * "move.page.down" (by `page` rows), "move.first" or "move.last". False, and `at` is untouched,
 * when it is none of these. */
bool list_move(const char *name, size_t count, size_t page, size_t *at);

/* First row of `room` that are shown: `first` where `at` stays visible, and no blank rows at the
 * end of a list that is longer. */
size_t list_first(size_t first, size_t at, size_t count, size_t room);

#endif
