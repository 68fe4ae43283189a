/* Colours 0xRRGGBB mixed and measured in OKLab, where equal steps look equal. */
#ifndef FLAMETOP_UI_COLOUR_H
#define FLAMETOP_UI_COLOUR_H

#include <stdint.h>

/* Between `from` (part 0) and `to` (part 1). */
uint32_t colour_mix(uint32_t from, uint32_t to, double part);

/* Perceived lightness, 0 black to 1 white. */
double colour_lightness(uint32_t rgb);
uint32_t colour_with_lightness(uint32_t rgb, double lightness);

#endif
