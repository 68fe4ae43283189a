/* Sections: small tables with a sparkline a row, as data, laid out in as many columns as fit and
 * paged.
 *
 * A section's rows are the values of a label (one a device, core, interface …), fixed ones, or the
 * first rows of one of the picture's tables. A section without rows is not drawn. Only what is on
 * the page is kept up to date. */
#ifndef FLAMETOP_UI_PANELS_SECTIONS_H
#define FLAMETOP_UI_PANELS_SECTIONS_H

#include "flametop/ui/panel.h"
#include "reading.h"

#define SECTION_COLUMNS_MAX 7
#define SECTION_ROWS_MAX 256

/* A column of numbers: a metric, asked with the row's label and further labels (NULL: none). */
struct section_column {
    const char *title, *metric, *labels;
    int width;
    bool always; /* shown also while no row has a value; others once one had */
};

/* A row that is always the same: its sparkline and value. */
struct section_row {
    const char *title, *metric, *labels, *unit;
    enum reading_scale scale;
};

/* Rows that are not worth a line: those for which the metric `is` is known with these labels too,
 * while both their share and their amount are small. */
struct section_quiet {
    const char *is, *labels;
    const char *share;
    double share_from;
    const char *amount, *amount_labels;
    double amount_from;
};

struct section_def {
    const char *title;
    const char *metric,
        *label; /* rows by the values of this label of this metric; it is the sparkline's too */
    const char *labels; /* further labels of the sparkline's metric; NULL: none */
    const char *label_title;
    enum reading_scale scale;
    const char *reaches; /* title of a last column: time until the metric is 1; NULL: none */
    struct section_column columns[SECTION_COLUMNS_MAX];
    const struct section_quiet *quiet; /* NULL: all rows are shown */
    const struct section_row *rows;    /* fixed rows instead */
    size_t row_count;
    const char *table;                /* a table of the picture instead */
    const char *sort;                 /* its column, largest first; NULL: its own */
    const char *const *table_columns; /* ended by NULL; NULL: those that are not hidden */
    bool filler;                      /* only where a page has room left for it */
};

struct sections;

struct sections *sections_new(struct catalog *catalog, const struct section_def *defs,
                              size_t count);
void sections_free(struct sections *sections);
bool sections_have_data(struct sections *sections, const struct panel_context *context);

/* Draws a page into the area. With `paged` false what does not fit is left out. */
void sections_draw(struct sections *sections, const struct panel_context *context,
                   struct canvas *canvas, struct rect area, bool focused, bool paged);

enum reaction sections_command(struct sections *sections, const struct panel_context *context,
                               const char *name);

/* Moves the cursor to the first row of the next section on the page (step 1) or of the previous one
 * (-1); false past the end. `enter` begins at the first or the last one instead. */
bool sections_step(struct sections *sections, int step, bool enter);

enum reaction sections_mouse(struct sections *sections, const struct panel_context *context, int x,
                             int y, int button);

#endif
