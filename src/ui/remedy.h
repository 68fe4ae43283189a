/* What a view says that has nothing to show: what to do about it, with real addresses. */
#ifndef FLAMETOP_SRC_UI_REMEDY_H
#define FLAMETOP_SRC_UI_REMEDY_H

#include "flametop/ui/canvas.h"

struct app;

/* Of the view that is open. */
void remedy_draw(const struct app *app, struct canvas *canvas, struct rect area);

#endif
