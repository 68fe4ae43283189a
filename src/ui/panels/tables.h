/* Tables of a picture, one of which has the cursor: a line to choose by stands above it, and others
 * below where there is room. */
#ifndef FLAMETOP_SRC_UI_PANELS_TABLES_H
#define FLAMETOP_SRC_UI_PANELS_TABLES_H

#include "flametop/ui/panel.h"
#include "../table_view.h"

/* A table that is wanted, and how it is shown. */
struct sheet_def {
    const char *name;              /* of the table */
    const char *title;             /* in the line to choose by; NULL: its own */
    const char *const *order;      /* as in table_view_init */
    const char *parent, *indented; /* the same: a tree, shown as one from the start */
    const char *nothing;           /* what to read where it has no rows; NULL: that it has none */
    bool asked_for; /* it may be chosen also while the picture does not have it: it is
                       made for those who look at it */
};

struct tables;

/* Those of `defs`, in this order; with none, all that have no panel of their own, where no
 * processes are known. Definitions must outlive it. NULL when out of memory. */
struct tables *tables_new(const struct sheet_def *defs, size_t count);
void tables_free(struct tables *tables);

/* Finds the picture's tables; those that were seen once keep their place. False: there are none,
 * and none that may be chosen all the same. */
bool tables_update(struct tables *tables, const struct panel_context *context);

/* What to say of tables that the picture does not have, although it is of the present; NULL: that
 * they are asked for. A constant. */
void tables_set_missing(struct tables *tables, const char *text);

/* `beside` false: only the current one. */
void tables_draw(struct tables *tables, const struct panel_context *context, struct canvas *canvas,
                 struct rect area, bool focused, bool beside);
enum reaction tables_command(struct tables *tables, const struct panel_context *context,
                             const char *name, const char *argument);
const char *tables_current(const struct tables *tables, const char *command);
enum reaction tables_mouse(struct tables *tables, const struct panel_context *context, int x, int y,
                           int button);

/* The current table as it is looked at; after tables_update. It has no rows while the picture does
 * not have it. */
struct table_view *tables_view(struct tables *tables);

/* Makes the table of that name the current one; false when it cannot be. */
bool tables_choose(struct tables *tables, const char *name);

/* Name of the current table. */
const char *tables_name(const struct tables *tables);

#endif
