/* Text over several rows, broken at blanks. */
#ifndef FLAMETOP_UI_WRAP_H
#define FLAMETOP_UI_WRAP_H

#include "flametop/ui/canvas.h"

/* How many bytes of a text stand on the next row of `width` cells. At least 1. */
size_t wrap_row_bytes(struct str text, int width);

/* How many rows of `width` cells a text takes: 0 when it is empty. */
int wrap_rows(struct str text, int width);

/* Draws at most area.height rows, the last one cut with '…' when there is more. Answers the rows
 * used. */
int wrap_draw(struct canvas *canvas, struct rect area, struct str text, struct style style);

#endif
