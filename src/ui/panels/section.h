/* Inside of sections: one of them and its rows. */
#ifndef FLAMETOP_UI_PANELS_SECTION_H
#define FLAMETOP_UI_PANELS_SECTION_H

#include "sections.h"

#define TITLE_BYTES 96
#define LABELS_BYTES 1024 /* more than sources write: what is cut is asked for in vain */
#define HEIGHT_EDGES 3    /* box and head line */

struct cell_text {
    struct query *query; /* NULL: unknown metric */
    struct limits limits;
    char unit[READING_UNIT];
    char text[READING_TEXT];
    enum level level;
};

struct row {
    char title[TITLE_BYTES], labels[LABELS_BYTES];
    const struct section_row *fixed;
    struct reading reading;
    struct cell_text cells[SECTION_COLUMNS_MAX];
    char value[READING_TEXT], reaches[READING_TEXT];
    uint64_t picture_number;
    int64_t picture_ns;
    struct presence presence; /* of a fixed row */
    bool hidden;              /* quiet, or gone with its device */
    struct query *quiet[3];   /* is, share, amount */
};

struct section {
    const struct section_def *def;
    struct row *rows;
    size_t count;
    uint64_t signature;              /* of the layouts the rows were found in */
    bool known[SECTION_COLUMNS_MAX]; /* columns that ever had a value; others are not shown */
    uint64_t probed_at;              /* picture number */
};

/* Rows worth drawing: of a label those that are not quiet, the fixed ones that ever had a value,
 * those of the table. */
size_t section_refresh(struct section *section, struct catalog *catalog,
                       const struct panel_context *context);

/* No rows. */
void section_close(struct section *section);

/* Finds columns that have values by now. */
void section_probe(struct section *section, const struct picture *picture);

/* What a row shows, its sparkline `spark` cells wide. */
void section_row_update(const struct section *section, struct row *row,
                        const struct panel_context *context, int spark);

/* A section of a table, inside its frame. */
void section_draw_table(const struct section *section, const struct panel_context *context,
                        struct canvas *canvas, struct rect area);

#endif
