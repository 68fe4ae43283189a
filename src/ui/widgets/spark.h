/* A sparkline or area chart: buckets of time as columns, drawn by their maximum.
 *
 * Braille shows two columns a cell and four steps a row, blocks and ASCII one column and eight
 * steps. A reading of zero has the lowest step: only a gap is blank. With blocks of several rows
 * the part below the mean is dimmer. The colour follows the thresholds: by height in tall charts,
 * by value in those of one row. */
#ifndef FLAMETOP_UI_SPARK_H
#define FLAMETOP_UI_SPARK_H

#include "flametop/ui/canvas.h"
#include "limits.h"
#include "strip.h"

struct spark {
    struct strip strip;
    double low, high; /* of the scale; high > low, else 0-1 */
    struct limits limits;
    uint8_t role; /* where there are no thresholds */
};

/* Columns that fit into `width` cells. */
int spark_columns(enum glyphs glyphs, int width);

void spark_draw(struct canvas *canvas, struct rect area, const struct spark *spark);

#endif
