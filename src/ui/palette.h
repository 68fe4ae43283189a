/* What styles look like on one terminal: the theme's colours as far as the terminal has them, and
 * the pairs of them that curses is given, of which there are fewer than a screen may want.
 *
 * Colours are curses' numbers, -1 is the terminal's own. */
#ifndef FLAMETOP_UI_PALETTE_H
#define FLAMETOP_UI_PALETTE_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/ui/canvas.h"
#include "flametop/ui/term.h"
#include "flametop/ui/theme.h"

#define PAIRS_MAX 1024

struct pair {
    int fg, bg;
    uint64_t frame; /* the last that used it; 0: free */
};

struct palette {
    enum term_depth depth;
    struct theme chosen, theme, mono; /* as given; with what has to be painted; for no colours */
    bool light_paper;                 /* the terminal says that its own background is light */
    bool painted;                     /* the theme's background is drawn, not the terminal's left */
    int colour[ROLE_COUNT];           /* or COLOUR_UNSET: not yet asked for */
    bool faint[ROLE_COUNT];           /* shown by dim instead of a colour the terminal lacks */

    struct pair pairs[PAIRS_MAX];
    int pair_count; /* that the terminal has; 0: no colours */
    short pair_of[ROLE_COUNT][ROLE_COUNT];
    uint64_t frame, counted_frame; /* now; and the last whose pairs in use are known */
    const struct canvas *drawing;  /* what this frame shows, while it is drawn */
};

/* Without colours, in the theme for that. */
void palette_init(struct palette *palette);

void palette_set_theme(struct palette *palette, const struct theme *theme);

/* What the terminal says of its own background. True when that changes what is painted. */
bool palette_learn_paper(struct palette *palette, bool light);

/* It or its theme has no colours. */
bool palette_is_mono(const struct palette *palette);

/* A frame begins: pairs of these cells are not taken away until the next. */
void palette_begin(struct palette *palette, const struct canvas *canvas);

/* The number of the style's pair; 0: the terminal's own colours. *ret_new says that it stands for
 * others than before: curses has to be told. */
short palette_pair(struct palette *palette, struct style style, bool *ret_new);

/* Bits of enum cell_attribute: the style's, the theme's, and what stands for colours. */
unsigned palette_attributes(const struct palette *palette, struct style style);

#endif
