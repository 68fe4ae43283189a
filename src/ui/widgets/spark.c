/* Area charts of cells. */
#include "spark.h"

#include <math.h>

#include "flametop/base/macros.h"

#define BRAILLE UINT32_C(0x2800)

/* Dots of a braille cell filled from below: left and right column. */
static const uint8_t braille_left[] = {0x00, 0x40, 0x44, 0x46, 0x47};
static const uint8_t braille_right[] = {0x00, 0x80, 0xA0, 0xB0, 0xB8};

static const uint32_t block_steps[] = {' ',    0x2581, 0x2582, 0x2583, 0x2584,
                                       0x2585, 0x2586, 0x2587, 0x2588};
static const uint32_t ascii_steps[] = {' ', '_', '.', '-', '=', '+', '*', '%', '#'};

/* One column, in steps of a cell's height. */
struct pillar {
    int top, mean; /* 0: a gap */
    double value;
};

int
spark_columns(enum glyphs glyphs, int width)
{
    return glyphs == GLYPHS_BRAILLE ? 2 * width : width;
}

static int
steps_of(const struct spark *spark, double value, int steps)
{
    double high = spark->high > spark->low ? spark->high : spark->low + 1;
    double share = (value - spark->low) / (high - spark->low);
    return (int)lround(CLAMP(share, 0.0, 1.0) * steps);
}

static struct pillar
pillar_of(const struct spark *spark, const struct bucket *bucket, int steps)
{
    if (bucket == NULL) {
        return (struct pillar){0, 0, (double)NAN};
    }
    double max = (double)bucket->max;
    int top = steps_of(spark, max, steps);
    int mean = steps_of(spark, (double)bucket->sum / bucket->count, steps);
    return (struct pillar){MAX(top, 1), mean, max};
}

/* The value at the upper edge of a row counted from below, so that colour follows height. */
static double
value_of_row(const struct spark *spark, int row, int rows, double value)
{
    double high = spark->high > spark->low ? spark->high : spark->low + 1;
    double edge = spark->low + (high - spark->low) * (row + 1) / rows;
    return rows == 1 || value < edge ? value : edge;
}

static void
draw_braille(struct canvas *canvas, struct rect area, const struct spark *spark, int x,
             const struct pillar *left, const struct pillar *right)
{
    double value = isnan(left->value) ? right->value : fmax(left->value, right->value);
    for (int row = 0; row < area.height; row++) {
        int l = CLAMP(left->top - 4 * row, 0, 4), r = CLAMP(right->top - 4 * row, 0, 4);
        if (l + r == 0) {
            break;
        }
        uint8_t role =
            limits_role(&spark->limits, value_of_row(spark, row, area.height, value), spark->role);
        canvas_put(canvas, area.x + x, area.y + area.height - 1 - row,
                   BRAILLE + braille_left[l] + braille_right[r], (struct style){role, 0, 0});
    }
}

static void
draw_steps(struct canvas *canvas, struct rect area, const struct spark *spark, int x,
           const struct pillar *pillar)
{
    const uint32_t *glyphs = canvas->glyphs == GLYPHS_ASCII ? ascii_steps : block_steps;
    bool dim = canvas->glyphs != GLYPHS_ASCII && area.height > 1;
    for (int row = 0; row < area.height && pillar->top > 8 * row; row++) {
        int step = MIN(pillar->top - 8 * row, 8);
        double value = value_of_row(spark, row, area.height, pillar->value);
        uint8_t attributes = dim && pillar->mean >= 8 * (row + 1) ? CELL_DIM : 0;
        canvas_put(canvas, area.x + x, area.y + area.height - 1 - row, glyphs[step],
                   (struct style){limits_role(&spark->limits, value, spark->role), 0, attributes});
    }
}

/* The pillar of column x, after that of the column before it: a bucket takes several. */
static struct pillar
pillar_at(const struct spark *spark, int columns, int x, int steps, struct pillar before)
{
    bool same = (columns - x) % MAX(spark->strip.repeat, 1) != 0;
    return same ? before : pillar_of(spark, strip_at(&spark->strip, columns, x), steps);
}

void
spark_draw(struct canvas *canvas, struct rect area, const struct spark *spark)
{
    bool braille = canvas->glyphs == GLYPHS_BRAILLE;
    int columns = spark_columns(canvas->glyphs, area.width),
        steps = (braille ? 4 : 8) * area.height;
    int ahead = braille && spark->strip.half;
    struct pillar pillar = pillar_of(spark, strip_at(&spark->strip, columns, ahead), steps);
    for (int x = 0; x < area.width; x++) {
        if (braille) {
            struct pillar left = pillar_at(spark, columns, 2 * x + ahead, steps, pillar);
            pillar = pillar_at(spark, columns, 2 * x + 1 + ahead, steps, left);
            draw_braille(canvas, area, spark, x, &left, &pillar);
        } else {
            pillar = pillar_at(spark, columns, x, steps, pillar);
            draw_steps(canvas, area, spark, x, &pillar);
        }
    }
}
