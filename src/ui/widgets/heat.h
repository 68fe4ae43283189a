/* Rows of a heatmap: one cell a bucket, by its maximum, in the steps of the heat ramp. The shade of
 * the glyph says the same as the colour, so that the map reads without colours. */
#ifndef FLAMETOP_UI_HEAT_H
#define FLAMETOP_UI_HEAT_H

#include "flametop/ui/canvas.h"
#include "strip.h"

/* Step of the ramp, 0 to RAMP_STEPS - 1; -1 for NaN. `high` is the top of the scale, its bottom is
 * 0. */
int heat_step(double value, double high);

/* One cell; nothing for NaN. */
void heat_cell(struct canvas *canvas, int x, int y, double value, double high);

/* One row. */
void heat_row(struct canvas *canvas, int x, int y, int width, const struct strip *strip,
              double high);

/* Several strips as one row, by their maximum. */
void heat_group(struct canvas *canvas, int x, int y, int width, const struct strip *strips,
                size_t count, double high);

/* Two rows in one, by half blocks; with ASCII their maximum. `lower` may be NULL. */
void heat_pair(struct canvas *canvas, int x, int y, int width, const struct strip *upper,
               const struct strip *lower, double high);

/* The ramp from left to right: the legend. */
void heat_legend(struct canvas *canvas, int x, int y, int width);

#endif
