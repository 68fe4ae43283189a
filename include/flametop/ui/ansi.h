/* A canvas as text with escape sequences, for files and pagers (`snapshot --format ansi`). */
#ifndef FLAMETOP_UI_ANSI_H
#define FLAMETOP_UI_ANSI_H

#include "flametop/base/buf.h"
#include "flametop/ui/canvas.h"
#include "flametop/ui/theme.h"

/* One line a row, each ending in a reset; 24-bit colours, or attributes only for a mono theme.
 * Trailing blanks without a background are cut. */
void ansi_write(const struct canvas *canvas, const struct theme *theme, struct buf *out);

#endif
