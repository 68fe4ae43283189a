/* The flame graph of a rectangle in small: where its requests' time went, above what is different
 * about them. F opens it in the flame view, with everything that can be done there. */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/profile.h"
#include "flametop/core/unit.h"

#define TEXT_BYTES 320

void
request_icicle_init(struct request_icicle *icicle)
{
    flame_layout_init(&icicle->layout);
}

static void
forget(struct request_icicle *icicle)
{
    flame_free(icicle->flame);
    profile_release(icicle->profile);
    icicle->flame = NULL;
    icicle->profile = NULL;
    icicle->layout.flame = NULL;
}

void
request_icicle_done(struct request_icicle *icicle)
{
    trace_flame_free(icicle->making);
    forget(icicle);
    flame_layout_done(&icicle->layout);
}

/* The same requests need no other graph: a rectangle of the past does not change. */
static uint64_t
stamp_of(const struct requests *requests)
{
    const struct request_rectangle *rectangle = &requests->rectangle;
    uint64_t stamp = hash_mix((uint64_t)rectangle->from_ns, (uint64_t)rectangle->to_ns);
    stamp = hash_mix(stamp, (uint64_t)rectangle->low_ns ^ (uint64_t)rectangle->high_ns << 1);
    return hash_mix(hash_mix(stamp, requests->shown.count), 1);
}

static void
adopt(struct request_icicle *icicle)
{
    struct flame_options options = {.part = FLAME_WHOLE, .measure = MEASURE_WALL};
    forget(icicle);
    if (!icicle->making->failed) {
        icicle->profile = trace_flame_take(icicle->making);
        icicle->flame = flame_new(icicle->profile, &options);
    }
    trace_flame_free(icicle->making);
    icicle->making = NULL;
}

bool
request_icicle_work(struct requests *requests, int64_t until_ns)
{
    struct request_icicle *icicle = &requests->icicle;
    if (!requests->rectangle.on || requests->shown.count == 0 || requests->is_making) {
        return false;
    }
    uint64_t stamp = stamp_of(requests);
    if (icicle->making == NULL && stamp != icicle->stamp) {
        icicle->stamp = stamp;
        icicle->making = trace_flame_new(&requests->shown, NULL);
    }
    if (icicle->making != NULL) {
        if (!trace_flame_step(icicle->making, until_ns)) {
            return true;
        }
        adopt(icicle);
    }
    return icicle->flame != NULL && !flame_step(icicle->flame, until_ns);
}

static uint8_t
hue(const struct profile_frame *frame)
{
    return (uint8_t)(ROLE_FLAME_HUES +
                     (hash_bytes(frame->module, frame->module_n) >> 16) % RAMP_STEPS);
}

static void
draw_cell(const struct request_icicle *icicle, struct canvas *canvas, const struct flame_cell *cell,
          int x, int y)
{
    uint32_t frame = icicle->flame->frame[cell->node];
    double all = icicle->flame->total[0][0];
    if (cell->kind == FLAME_SELF) {
        return;
    }
    if (cell->kind == FLAME_REST) {
        canvas_fill(canvas, (struct rect){x, y, cell->width, 1},
                    canvas->glyphs == GLYPHS_ASCII ? ':' : 0x2591, (struct style){.fg = ROLE_DIM});
        return;
    }
    struct style style =
        frame == PROFILE_NONE
            ? (struct style){.fg = ROLE_TITLE, .bg = ROLE_HEADER_BG}
            : (struct style){.fg = ROLE_TEXT, .bg = hue(&icicle->profile->frames[frame])};
    struct str name = frame == PROFILE_NONE ? STR("mean of a request")
                                            : (struct str){icicle->profile->frames[frame].name,
                                                           icicle->profile->frames[frame].name_n};
    char weight[REQUEST_TEXT], text[TEXT_BYTES];
    const struct profile_measure *measure = &icicle->profile->measures[MEASURE_WALL];
    unit_format(cell->weight * measure->scale, measure->unit, canvas->glyphs == GLYPHS_ASCII,
                weight, sizeof(weight));
    snprintf(text, sizeof(text), "%.*s  %s  %.0f %%", (int)MIN(name.n, (size_t)200), name.p, weight,
             all > 0 ? cell->weight / all * 100 : 0);
    canvas_fill(canvas, (struct rect){x, y, cell->width, 1}, ' ', style);
    canvas_text(canvas, x, y, MAX(cell->width - 1, 1), str_from(text), style);
    canvas_put(canvas, x + cell->width - 1, y, 0x2502, style); /* │ */
}

/* Only the own time of what is above. */
static bool
is_empty(const struct flame_layout *layout, size_t row)
{
    return layout->cells[layout->rows[row]].kind == FLAME_SELF &&
           layout->rows[row + 1] == layout->rows[row] + 1;
}

/* Rows that it takes of at most so many. */
int
request_icicle_rows(struct request_icicle *icicle, int width, int most)
{
    struct flame_layout *layout = &icicle->layout;
    if (!flame_is_drawable(icicle->flame) || width < 20) {
        return 0;
    }
    if (layout->flame != icicle->flame || layout->width != width) {
        flame_layout_begin(layout, icicle->flame, &icicle->zoom, 0, width);
    }
    flame_layout_extend(layout, (size_t)MAX(most, 0) + 1);
    int rows = (int)MIN(layout->row_count, (size_t)most);
    while (rows > 1 && is_empty(layout, (size_t)rows - 1)) {
        rows--; /* nothing is below */
    }
    return rows;
}

/* What has no room is said to be there, at the end of the last row. */
static void
draw_more(const struct flame_layout *layout, struct canvas *canvas, struct rect row, int rows)
{
    const struct str more = STR(" F shows what is below ");
    if (layout->row_count > (size_t)rows && !is_empty(layout, (size_t)rows)) {
        canvas_text(canvas, row.x + row.width - (int)more.n, row.y, (int)more.n, more,
                    (struct style){.fg = ROLE_KEY});
    }
}

void
request_icicle_draw(struct request_icicle *icicle, struct canvas *canvas, struct rect area)
{
    int rows = request_icicle_rows(icicle, area.width, area.height);
    const struct flame_layout *layout = &icicle->layout;
    for (int row = 0; row < rows; row++) {
        for (size_t i = layout->rows[row]; i < layout->rows[row + 1]; i++) {
            draw_cell(icicle, canvas, &layout->cells[i], area.x + layout->cells[i].x, area.y + row);
        }
    }
    if (rows > 0) {
        draw_more(layout, canvas, (struct rect){area.x, area.y + rows - 1, area.width, 1}, rows);
    }
}
