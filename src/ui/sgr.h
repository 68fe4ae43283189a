/* Select graphic rendition: the sequences (ECMA-48 8.3.117) that set colours and attributes. */
#ifndef FLAMETOP_UI_SGR_H
#define FLAMETOP_UI_SGR_H

#include <stddef.h>

/* Drops, in place, those that the next one resets before anything is drawn: curses takes a colour
 * back by one and sends the attributes after it by another that begins anew. Answers the bytes that
 * are left. Other bytes stay as they are, a sequence that is cut off as well. */
size_t sgr_fold(char *bytes, size_t n);

#endif
