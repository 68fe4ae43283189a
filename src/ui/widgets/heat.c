/* Heatmap rows. */
#include "heat.h"

#include <math.h>

#include "flametop/base/macros.h"

#define SHADES 4
#define UPPER_HALF UINT32_C(0x2580)
#define LOWER_HALF UINT32_C(0x2584)

static const uint32_t block_shades[SHADES] = {0x2591, 0x2592, 0x2593, 0x2588};
static const uint32_t ascii_shades[SHADES] = {'.', ':', '+', '#'};

int
heat_step(double value, double high)
{
    if (isnan(value)) {
        return -1;
    }
    double share = high > 0 ? value / high : 0;
    return (int)(CLAMP(share, 0.0, 1.0) * (RAMP_STEPS - 1) + 0.5);
}

static uint8_t
heat_role(int step)
{
    return (uint8_t)(ROLE_RAMP_HEAT + step);
}

static void
put_step(struct canvas *canvas, int x, int y, int step)
{
    if (step < 0) {
        return;
    }
    int shade = step * SHADES / RAMP_STEPS;
    bool ascii = canvas->glyphs == GLYPHS_ASCII;
    /* The step's own neighbour behind the shade keeps the field smooth where there are colours. */
    struct style style = {heat_role(step), ascii ? ROLE_DEFAULT : heat_role(MAX(step - 2, 0)), 0};
    canvas_put(canvas, x, y, ascii ? ascii_shades[shade] : block_shades[shade], style);
}

void
heat_cell(struct canvas *canvas, int x, int y, double value, double high)
{
    put_step(canvas, x, y, heat_step(value, high));
}

static int
step_at(const struct strip *strip, int width, int i, double high)
{
    const struct bucket *bucket = strip_at(strip, width, i);
    return bucket != NULL ? heat_step((double)bucket->max, high) : -1;
}

void
heat_row(struct canvas *canvas, int x, int y, int width, const struct strip *strip, double high)
{
    heat_group(canvas, x, y, width, strip, 1, high);
}

void
heat_group(struct canvas *canvas, int x, int y, int width, const struct strip *strips, size_t count,
           double high)
{
    for (int i = 0; i < width; i++) {
        int step = -1;
        for (size_t j = 0; j < count; j++) {
            step = MAX(step, step_at(&strips[j], width, i, high));
        }
        put_step(canvas, x + i, y, step);
    }
}

void
heat_pair(struct canvas *canvas, int x, int y, int width, const struct strip *upper,
          const struct strip *lower, double high)
{
    for (int i = 0; i < width; i++) {
        int up = step_at(upper, width, i, high);
        int low = lower != NULL ? step_at(lower, width, i, high) : -1;
        if (canvas->glyphs == GLYPHS_ASCII) {
            put_step(canvas, x + i, y, MAX(up, low));
        } else if (up >= 0) {
            struct style style = {heat_role(up), low >= 0 ? heat_role(low) : ROLE_DEFAULT, 0};
            canvas_put(canvas, x + i, y, UPPER_HALF, style);
        } else if (low >= 0) {
            canvas_put(canvas, x + i, y, LOWER_HALF, (struct style){heat_role(low), 0, 0});
        }
    }
}

void
heat_legend(struct canvas *canvas, int x, int y, int width)
{
    for (int i = 0; i < width; i++) {
        put_step(canvas, x + i, y, width > 1 ? i * (RAMP_STEPS - 1) / (width - 1) : 0);
    }
}
