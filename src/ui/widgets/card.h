/* A card: a box with a title and a value in its top edge, a chart, a line of parts, and level,
 * trend and one more fact in its bottom edge; or the same on one line. Draws texts it is given;
 * decides nothing. */
#ifndef FLAMETOP_UI_CARD_H
#define FLAMETOP_UI_CARD_H

#include <stdbool.h>

#include "flametop/ui/canvas.h"
#include "spark.h"

#define CARD_WIDTH_MIN 28
#define CARD_HEIGHT_MIN 5
#define CARD_PARTS_MAX 4

struct card_part {
    const char *label, *value;
};

struct card {
    const char *title, *value;
    int title_width;   /* in a line; 0: as usual */
    const char *scale; /* "max 312 MB/s"; NULL: none */
    struct spark spark;
    struct card_part parts[CARD_PARTS_MAX];
    size_t part_count;
    enum level level;
    enum trend trend;
    const char *trend_word; /* NULL: not known yet */
    const char *fact;       /* NULL: none */
    bool focused;
};

/* Room for the chart in a card of this size. */
struct rect card_chart(struct rect area);
void card_draw(struct canvas *canvas, struct rect area, const struct card *card);

/* Cells of the sparkline in a line of this width and this width of its title (0: as usual). */
int card_line_chart(int width, int title_width);
void card_draw_line(struct canvas *canvas, int x, int y, int width, const struct card *card);

/* A box with a title left and a text right in its top edge; NULL or "" for none. */
void frame_draw(struct canvas *canvas, struct rect area, const char *title, const char *right,
                bool focused);

/* Text into the lower edge of a frame, from the left or to the right. Answers the cells used. */
int frame_note(struct canvas *canvas, struct rect area, const char *text, bool right,
               struct style style);

#endif
