/* The trail of one row of a table: what its numbers were over time, as far as rows were kept, and
 * what each picture adds. For drawers. */
#ifndef FLAMETOP_SRC_UI_PANELS_TRAIL_H
#define FLAMETOP_SRC_UI_PANELS_TRAIL_H

#include <stddef.h>
#include <stdint.h>

#include "flametop/ui/panel.h"

#define TRAIL_COLUMNS 2

struct trail_point {
    int64_t mono_ns;
    double values[TRAIL_COLUMNS]; /* NaN: unknown */
};

struct trail {
    int64_t key;                /* of the row followed; 0: none */
    int64_t watched_ns;         /* of the picture last taken in */
    uint64_t arrivals;          /* of the picture last looked at: core/picture.h */
    struct trail_point *points; /* oldest first */
    size_t count;
};

bool trail_init(struct trail *trail); /* false: out of memory */
void trail_done(struct trail *trail);

/* Follows the row of this integer key in tables of `def`: the history once, and again when older
 * history came from elsewhere, then what each picture adds. `columns` are kept ones with numbers;
 * before `since_ns` the key was another row's. */
void trail_follow(struct trail *trail, const struct picture *picture, const struct table_def *def,
                  const union cell *cells, int64_t key, const int columns[TRAIL_COLUMNS],
                  int64_t since_ns);

/* A sparkline of one column in one row with its label (up to the blank after it), highest value and
 * span. */
void trail_draw(const struct trail *trail, const struct panel_context *context, int column,
                const char *label, const char *unit, uint8_t role, struct canvas *canvas,
                struct rect row);

#endif
