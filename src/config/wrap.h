/* Sentences in lines of a given width. */
#ifndef FLAMETOP_CONFIG_WRAP_H
#define FLAMETOP_CONFIG_WRAP_H

#include <stddef.h>

#include "flametop/base/buf.h"

/* Appends the words of `text`. The cursor stands at column `at`; further lines begin with `indent`
 * (of ASCII), and no line passes `width` unless one word alone does. Ends without LF. */
void wrap_text(struct buf *out, const char *text, size_t at, const char *indent, size_t width);

#endif
