/* See palette.h. A pair is found by its two roles first, which is quick, then by its two colours.
 */
#include "palette.h"

#include <string.h>

#include "flametop/base/macros.h"

#define COLOUR_UNSET (-2)

void
palette_init(struct palette *palette)
{
    memset(palette, 0, sizeof(*palette));
    palette->depth = TERM_DEPTH_MONO;
    theme_mono(&palette->mono);
}

/* What a theme that leaves both to the terminal needs on one that is not what it was made for. */
static const struct {
    uint32_t background, text;
} papers[2] = {{0x101216, 0xd0d4dc}, {0xfcfcfc, 0x1c2330}};

/* A theme made for the terminal's own background, on one that is as it should be: nothing to paint,
 * which is what sends fewest bytes. A terminal that does not say is taken for a dark one, as most
 * are. */
static bool
must_paint(const struct palette *palette, const struct theme *theme)
{
    return palette->depth != TERM_DEPTH_MONO && !theme->mono &&
           theme->colour[ROLE_BACKGROUND] == THEME_NO_COLOUR &&
           palette->light_paper != theme->light;
}

void
palette_set_theme(struct palette *palette, const struct theme *theme)
{
    palette->theme = *theme;
    palette->chosen = *theme;
    palette->painted = must_paint(palette, theme);
    if (palette->painted) {
        palette->theme.colour[ROLE_BACKGROUND] = papers[theme->light].background;
        if (theme->colour[ROLE_TEXT] == THEME_NO_COLOUR) {
            palette->theme.colour[ROLE_TEXT] = papers[theme->light].text;
        }
    }
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        palette->colour[i] = COLOUR_UNSET;
    }
    memset(palette->faint, 0, sizeof(palette->faint));
    memset(palette->pair_of, 0, sizeof(palette->pair_of));
}

bool
palette_learn_paper(struct palette *palette, bool light)
{
    palette->light_paper = light;
    if (must_paint(palette, &palette->chosen) == palette->painted) {
        return false;
    }
    palette_set_theme(palette, &palette->chosen);
    return true;
}

bool
palette_is_mono(const struct palette *palette)
{
    return palette->depth == TERM_DEPTH_MONO || palette->theme.mono;
}

static int
reduced(struct palette *palette, int role, uint32_t rgb)
{
    static const int counts[] = {[TERM_DEPTH_8] = 8, [TERM_DEPTH_16] = 16, [TERM_DEPTH_256] = 256};
    if (palette->depth == TERM_DEPTH_TRUE) {
        return (int)MAX(rgb, 8u); /* curses sends 0-7 as the terminal's own eight */
    }
    int nearest = theme_nearest(rgb, counts[palette->depth]);
    /* A grey must not vanish into the background: it is shown faint instead. */
    if (palette->depth != TERM_DEPTH_256 && role != ROLE_BACKGROUND &&
        nearest == (palette->theme.light ? counts[palette->depth] - 1 : 0)) {
        palette->faint[role] = true;
        nearest = -1;
    }
    return nearest;
}

static int
role_colour(struct palette *palette, int role)
{
    if (palette->colour[role] == COLOUR_UNSET) {
        uint32_t rgb = palette->theme.colour[role];
        palette->colour[role] = rgb == THEME_NO_COLOUR ? -1 : reduced(palette, role, rgb);
    }
    return palette->colour[role];
}

static struct pair *
known_pair(struct palette *palette, struct style style)
{
    int fg_role = style.fg == ROLE_DEFAULT ? ROLE_TEXT : style.fg;
    int bg_role = style.bg == ROLE_DEFAULT ? ROLE_BACKGROUND : style.bg;
    return &palette->pairs[palette->pair_of[fg_role][bg_role]];
}

/* Cells that did not change are passed over, so which pairs this frame needs is found out only
 * when one must be taken away. */
static void
count_pairs(struct palette *palette)
{
    const struct canvas *canvas = palette->drawing;
    size_t cells = (size_t)canvas->width * (size_t)canvas->height;
    for (size_t i = 0; i < cells; i++) {
        known_pair(palette, canvas->cells[i].style)->frame = palette->frame;
    }
    palette->counted_frame = palette->frame;
}

/* The pair of two colours: the one there is, a free one, or the one unused for longest. Pairs of
 * this frame are never taken away; when all are, the cell keeps the terminal's own colours. */
static short
take_pair(struct palette *palette, int fg, int bg, bool *ret_new)
{
    int oldest = 0;
    uint64_t oldest_frame = palette->frame;
    if (palette->pair_count > 1 && palette->pairs[palette->pair_count - 1].frame != 0 &&
        palette->counted_frame != palette->frame) {
        count_pairs(palette);
    }
    for (int i = 1; i < palette->pair_count; i++) {
        struct pair *pair = &palette->pairs[i];
        if (pair->frame != 0 && pair->fg == fg && pair->bg == bg) {
            return (short)i;
        }
        if (pair->frame < oldest_frame) {
            oldest = i;
            oldest_frame = pair->frame;
        }
    }
    if (oldest != 0) {
        *ret_new = true;
        palette->pairs[oldest] = (struct pair){.fg = fg, .bg = bg};
    }
    return (short)oldest;
}

/* Of a scale: what is drawn in one on another is a shade between the two, and no writing. */
static bool
is_ramp(int role)
{
    return role >= ROLE_RAMP_HEAT && role < ROLE_FLAME_HUES;
}

void
palette_begin(struct palette *palette, const struct canvas *canvas)
{
    palette->frame++;
    palette->drawing = canvas;
}

short
palette_pair(struct palette *palette, struct style style, bool *ret_new)
{
    *ret_new = false;
    if (palette->depth == TERM_DEPTH_MONO || palette->pair_count == 0) {
        return 0;
    }
    int fg_role = style.fg == ROLE_DEFAULT ? ROLE_TEXT : style.fg;
    int bg_role = style.bg == ROLE_DEFAULT ? ROLE_BACKGROUND : style.bg;
    int fg = role_colour(palette, fg_role), bg = role_colour(palette, bg_role);
    if (palette->painted) { /* the terminal's own text was made for another background */
        fg = fg >= 0 ? fg : role_colour(palette, ROLE_TEXT);
        bg = bg >= 0 ? bg : role_colour(palette, ROLE_BACKGROUND);
    }
    if (fg == bg && fg >= 0 && !(is_ramp(fg_role) && is_ramp(bg_role))) {
        /* Two colours became one: writing that can be read comes first. */
        fg = palette->painted ? role_colour(palette, ROLE_TEXT) : -1;
    }
    if (fg < 0 && bg < 0) {
        return 0;
    }
    short *known = &palette->pair_of[fg_role][bg_role];
    const struct pair *pair = &palette->pairs[*known];
    if (*known == 0 || pair->fg != fg || pair->bg != bg) {
        *known = take_pair(palette, fg, bg, ret_new);
    }
    palette->pairs[*known].frame = palette->frame;
    return *known;
}

unsigned
palette_attributes(const struct palette *palette, struct style style)
{
    const struct theme *theme =
        palette->depth == TERM_DEPTH_MONO ? &palette->mono : &palette->theme;
    unsigned wanted = style.attributes | theme->attributes[style.fg];
    if (palette_is_mono(palette)) { /* without colours a background can only be an attribute */
        wanted |= theme->attributes[style.bg];
    }
    return palette->faint[style.fg] ? wanted | CELL_DIM : wanted;
}
