/* UTF-8 in, display cells out. Width does not depend on the locale. */
#ifndef FLAMETOP_BASE_UTF8_H
#define FLAMETOP_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

#define UTF8_BAD 0xFFFDu

/* Takes one character off the front. Bad bytes come out one by one as UTF8_BAD. 0 at the end. */
uint32_t utf8_next(struct str *rest);

/* Writes 1-4 bytes; answers how many. */
size_t utf8_put(uint32_t c, char dst[4]);

/* Cells a character takes: 0 (combining, format), 1 or 2 (East Asian wide, emoji). Control
 * characters: 0. */
int utf8_width(uint32_t c);
size_t utf8_text_width(struct str s);

/* Untrusted text made safe for a terminal: control characters (C0, DEL, C1, bidirectional
 * overrides, line and paragraph separators) and bad bytes become '?', tabs and newlines a space.
 * Cut at a character boundary to fit size with its NUL. Answers the bytes written. */
size_t utf8_clean(struct str s, char *dst, size_t size);

#endif
