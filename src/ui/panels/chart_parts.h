/* What the metric of a chart is made of: a line for each value of its first label that is left
 * open, with a small chart, all on one scale. */
#ifndef FLAMETOP_SRC_UI_PANELS_CHART_PARTS_H
#define FLAMETOP_SRC_UI_PANELS_CHART_PARTS_H

#include "flametop/ui/panel.h"
#include "reading.h"

#define CHART_LABELS_BYTES 1024  /* more than sources write: what is cut is another series */
#define CHART_PARTS_HEIGHT_MIN 4 /* frame, heading, one line */

struct chart_part;

struct chart_parts {
    struct catalog *catalog;
    const char *metric, *labels; /* of the whole; the caller's */
    char unit[READING_UNIT];
    char label[64]; /* that parts it; "": none is left open, and there are no parts */
    struct chart_part *list;
    size_t count, selected, top; /* 0 or more than one */
    uint64_t signature;          /* of the pictures they were looked up in */
    struct rect area;            /* of their lines, as last drawn; empty: they were not */
};

/* Closes those of before. Metric and labels, at most CHART_LABELS_BYTES, stay the caller's, and as
 * they are, until the parts are closed or opened anew. A formula has no parts. */
void chart_parts_open(struct chart_parts *parts, struct catalog *catalog, const char *metric,
                      const char *labels);
void chart_parts_close(struct chart_parts *parts);

/* Looks up which there are, when that may have changed. */
void chart_parts_refresh(struct chart_parts *parts, const struct picture *picture);

/* Rows it takes to show all; 0: there are none. */
int chart_parts_height(const struct chart_parts *parts);

/* Brings their charts up to the picture, over the context's span. An area of less than
 * CHART_PARTS_HEIGHT_MIN stays empty. */
void chart_parts_draw(struct chart_parts *parts, const struct panel_context *context,
                      struct canvas *canvas, struct rect area, bool focused);

/* Selects by the commands of lists; false: it is none. */
bool chart_parts_move(struct chart_parts *parts, const char *command);

/* Selects what stands in a row of the screen; false: nothing. */
bool chart_parts_click(struct chart_parts *parts, int y);

/* Labels of the selected part: all that the whole has, and its own. NULL: there is none. */
const char *chart_parts_selected(const struct chart_parts *parts);

#endif
