/* Colours in OKLab (Björn Ottosson, 2020), and the nearest a terminal of few colours has. */
#include "colour.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "flametop/ui/theme.h"

#define BLUE 4
#define CYAN 6
#define BRIGHT_BLUE 12
#define BLUE_LIGHTNESS_MAX 0.6

struct lab {
    double l, a, b;
};

static double
linear_of(uint32_t byte)
{
    double c = byte / 255.0;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static uint32_t
byte_of(double c)
{
    c = CLAMP(c, 0.0, 1.0);
    c = c <= 0.0031308 ? 12.92 * c : 1.055 * pow(c, 1 / 2.4) - 0.055;
    return (uint32_t)lround(c * 255);
}

static struct lab
lab_of(uint32_t rgb)
{
    double r = linear_of(rgb >> 16 & 255), g = linear_of(rgb >> 8 & 255), b = linear_of(rgb & 255);
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    return (struct lab){0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
                        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
                        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

static uint32_t
rgb_of(struct lab lab)
{
    double l = pow(lab.l + 0.3963377774 * lab.a + 0.2158037573 * lab.b, 3);
    double m = pow(lab.l - 0.1055613458 * lab.a - 0.0638541728 * lab.b, 3);
    double s = pow(lab.l - 0.0894841775 * lab.a - 1.2914855480 * lab.b, 3);
    uint32_t r = byte_of(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
    uint32_t g = byte_of(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
    uint32_t b = byte_of(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
    return r << 16 | g << 8 | b;
}

/* The ends come back as they are; only what lies between goes through OKLab and its rounding. */
uint32_t
colour_mix(uint32_t from, uint32_t to, double part)
{
    if (part <= 0 || from == to) {
        return from;
    }
    if (part >= 1) {
        return to;
    }
    struct lab a = lab_of(from), b = lab_of(to);
    return rgb_of(
        (struct lab){a.l + (b.l - a.l) * part, a.a + (b.a - a.a) * part, a.b + (b.b - a.b) * part});
}

double
colour_lightness(uint32_t rgb)
{
    return lab_of(rgb).l;
}

uint32_t
colour_with_lightness(uint32_t rgb, double lightness)
{
    struct lab lab = lab_of(rgb);
    lab.l = lightness;
    return rgb_of(lab);
}

static uint32_t
palette_rgb(int i)
{
    static const uint32_t sixteen[16] = {0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD,
                                         0x00CDCD, 0xE5E5E5, 0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00,
                                         0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF};
    static const uint32_t level[6] = {0, 95, 135, 175, 215, 255};
    if (i < 16) {
        return sixteen[i];
    }
    if (i < 232) {
        int cube = i - 16;
        return level[cube / 36] << 16 | level[cube / 6 % 6] << 8 | level[cube % 6];
    }
    return (uint32_t)(8 + 10 * (i - 232)) * 0x010101u;
}

/* With few colours the hue says what is meant: a pastel is nearer to the full colour of its hue
 * than to grey. */
static struct lab
hue_first(struct lab lab)
{
    double less = 1 / (hypot(lab.a, lab.b) + 0.06);
    return (struct lab){lab.l, lab.a * less, lab.b * less};
}

int
theme_nearest(uint32_t rgb, int colours)
{
    /* The first sixteen of 256 are whatever the user made of them; the cube and the greys are
     * fixed. */
    int first = colours > 16 ? 16 : 0, end = colours > 16 ? 256 : colours > 8 ? 16 : 8;
    struct lab want = colours > 16 ? lab_of(rgb) : hue_first(lab_of(rgb));
    int best = first;
    double best_distance = INFINITY;
    for (int i = first; i < end; i++) {
        struct lab have = colours > 16 ? lab_of(palette_rgb(i)) : hue_first(lab_of(palette_rgb(i)));
        double dl = want.l - have.l, da = want.a - have.a, db = want.b - have.b;
        double distance = dl * dl + da * da + db * db;
        if (distance < best_distance) {
            best_distance = distance;
            best = i;
        }
    }
    /* Blue is the darkest of few colours: what is meant to be read on a dark background is not made
     * of it. */
    bool unreadable = colours <= 16 && best == BLUE && lab_of(rgb).l > BLUE_LIGHTNESS_MAX;
    return !unreadable ? best : colours > 8 ? BRIGHT_BLUE : CYAN;
}
