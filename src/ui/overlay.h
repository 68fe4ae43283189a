/* An overlay: a list of lines over the view, for help, log, sources, evidence and menus. One
 * implementation; what differs is who fills it. A line takes as many rows as its text needs. */
#ifndef FLAMETOP_SRC_UI_OVERLAY_H
#define FLAMETOP_SRC_UI_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/ui/canvas.h"

#define OVERLAY_LINES_MAX 1024

struct overlay_line {
    const char *left; /* key, label: in a column of its own; "" for none */
    const char *text;
    const char *command; /* what Enter runs; NULL: nothing */
    uint8_t role;
    bool heading;
};

struct overlay;
struct app;
typedef void overlay_fill(struct app *app, struct overlay *overlay);

struct overlay {
    overlay_fill *fill; /* NULL: closed */
    bool lasting;       /* its lines are made once, not again with each picture */
    char title[80];
    char search[64];    /* only lines that contain it; "" for all */
    struct arena arena; /* of the lines */
    struct overlay_line *lines;
    size_t count;
    size_t selected, first;

    /* As last drawn: */
    struct rect area;
    int rows;        /* of the window, inside */
    size_t shown;    /* lines in them, whole */
    int width, left; /* cells of a row, and of them for labels */
};

void overlay_init(struct overlay *overlay);
void overlay_done(struct overlay *overlay);

/* Opens and fills it; a search of before is forgotten. */
void overlay_open(struct overlay *overlay, struct app *app, const char *title, overlay_fill *fill,
                  bool lasting);
void overlay_close(struct overlay *overlay); /* overwrites its lines: they may be secrets */
bool overlay_is_open(const struct overlay *overlay);

/* Fills it again: after a new picture or search. */
void overlay_refresh(struct overlay *overlay, struct app *app);

/* For fill: adds a line unless the search is on and does not match it. Texts are copied. */
void overlay_add(struct overlay *overlay, uint8_t role, const char *left, const char *text,
                 const char *command);
void overlay_heading(struct overlay *overlay, const char *text);

/* "move.*" commands; false for others. */
bool overlay_command(struct overlay *overlay, const char *name);

/* The line in this row of the screen, or one past the last. */
size_t overlay_line_at(const struct overlay *overlay, int y);

/* The command of the selected line, or NULL. */
const char *overlay_selected(const struct overlay *overlay);

void overlay_draw(struct overlay *overlay, struct canvas *canvas, struct rect area);

#endif
