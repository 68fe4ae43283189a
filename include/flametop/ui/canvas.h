/* A canvas: a grid of cells that panels draw on. Knows nothing of curses, colours or the terminal.
 *
 * Invariant: nothing is ever written outside the canvas or the clip rectangle; a wide character
 * takes two cells or, where only one is left, becomes a blank. Text that is cut ends in '…'. Cells
 * carry roles, not colours: the theme says what a role looks like at which colour depth. */
#ifndef FLAMETOP_UI_CANVAS_H
#define FLAMETOP_UI_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "flametop/base/str.h"
#include "flametop/ui/role.h"

enum cell_attribute { CELL_BOLD = 1, CELL_DIM = 2, CELL_REVERSE = 4, CELL_UNDERLINE = 8 };

struct style {
    uint8_t fg, bg;     /* enum role; ROLE_DEFAULT is the terminal's own */
    uint8_t attributes; /* enum cell_attribute */
};

struct canvas_cell {
    uint32_t c; /* character; 0: right half of a wide one */
    struct style style;
};

struct rect {
    int x, y, width, height;
};

/* Which characters may be drawn. The canvas is told once and maps line drawing, levels and charts.
 */
enum glyphs { GLYPHS_ASCII, GLYPHS_BLOCKS, GLYPHS_BRAILLE };

struct canvas {
    int width, height;
    struct canvas_cell *cells; /* [y][x] */
    struct rect clip;
    enum glyphs glyphs;
    int cursor_x, cursor_y; /* where the hardware cursor stands; -1: hidden in the corner */
};

void canvas_init(struct canvas *canvas);
void canvas_done(struct canvas *canvas);

/* Sizes below 1 become 1, above 1000 become 1000. Clears. False when out of memory (the old size
 * stays). */
bool canvas_resize(struct canvas *canvas, int width, int height);
void canvas_clear(struct canvas *canvas);

/* Restricts drawing to the part of `clip` inside the present clip; answers the previous one to put
 * back. */
struct rect canvas_clip(struct canvas *canvas, struct rect clip);
void canvas_unclip(struct canvas *canvas, struct rect previous);

void canvas_put(struct canvas *canvas, int x, int y, uint32_t c, struct style style);
void canvas_fill(struct canvas *canvas, struct rect area, uint32_t c, struct style style);

/* Text in at most `width` cells, cut with '…' (in ASCII '~'). Control characters never get through.
 * Answers the cells used. */
int canvas_text(struct canvas *canvas, int x, int y, int width, struct str text,
                struct style style);
int canvas_text_right(struct canvas *canvas, int x, int y, int width, struct str text,
                      struct style style);
int canvas_printf(struct canvas *canvas, int x, int y, int width, struct style style,
                  const char *format, ...) PRINTF_LIKE(6, 7);

/* Restyles what is there: the selected row. Keeps the characters. */
void canvas_restyle(struct canvas *canvas, struct rect area, struct style style);

/* What is there, as of long ago: without colours, but for the selected row. */
void canvas_dim(struct canvas *canvas, struct rect area);

/* A box along the edge of `area`. */
void canvas_box(struct canvas *canvas, struct rect area, struct style style);

/* Cells as text, trailing blanks cut, one line a row: for golden files, snapshots and --plain. */
void canvas_dump(const struct canvas *canvas, struct buf *out);

/* The same with a second block that names the style of each cell by a letter, and a legend. */
void canvas_dump_styles(const struct canvas *canvas, struct buf *out);

/* Signs of the glyph set. */
uint32_t glyph_level(enum glyphs glyphs, int level); /* enum level */
uint32_t glyph_trend(enum glyphs glyphs, int trend); /* enum trend */

#endif
