/* A table on screen: columns, order, tree, filter, search, selection. Panels embed it; it knows
 * nothing of what the rows mean.
 *
 * Invariant: the selection is a key, not a place: when rows move, it stays on its row. As long as
 * nobody has moved it, it is the first row, whichever that is. Columns have fixed widths, so
 * numbers do not move; the last column takes what is left, and columns are dropped from the right
 * where there is no room, but never the one the rows are sorted by. Left and right scroll the
 * columns that do not say which row it is. */
#ifndef FLAMETOP_SRC_UI_TABLE_VIEW_H
#define FLAMETOP_SRC_UI_TABLE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/filter.h"
#include "flametop/ui/panel.h"

#define TABLE_VIEW_COLUMNS 64
#define TABLE_VIEW_TEXT 256

#define TABLE_VIEW_HELD 64

struct table_view_row {
    uint32_t row;   /* in the table */
    uint16_t depth; /* in the tree */
    uint64_t more;  /* bit d: its ancestor (or itself) of depth d has siblings below */
    float share;    /* what a share is sorted by: see hold() */
    bool folded;    /* has children that are not shown */
};

struct table_view_place { /* of a column, at the last drawing */
    int column, x, width;
};

struct table_view {
    const struct table_def *def; /* of the table last shown; NULL before the first */
    const char *const *order;    /* names of the columns shown first; NULL: as in the def */
    bool narrow;          /* only these, the sorted one and the one that takes what is left */
    const char *parent;   /* name of the column with the parent's key, for trees; NULL: no trees */
    const char *indented; /* name of the column that shows the tree, and which row it is */
    int name_width;       /* of that column; 0: as the def says */
    int tree_width;       /* that the deepest row of the tree is indented by */

    struct table_view_held {
        uint64_t key;
        double value;
        int64_t until_ns;
    } held[TABLE_VIEW_HELD]; /* shares that fell a little a moment ago: their rows do not move yet
                              */
    size_t held_count;
    int held_sort;

    int sort;
    bool ascending;
    bool by_share;                    /* the sorted column is one of shares */
    uint8_t ties[TABLE_VIEW_COLUMNS]; /* columns that decide where the sorted one does not */
    size_t tie_count;
    bool tree;
    uint64_t folded[128]; /* keys */
    size_t folded_count;
    struct filter *filter;
    char filter_text[TABLE_VIEW_TEXT], search[TABLE_VIEW_TEXT];
    uint64_t chosen; /* bit i: column i is wanted */
    uint64_t absent; /* bit i: nobody has a value of column i, it takes no room */
    size_t skip;     /* columns scrolled out to the left */
    size_t missing;  /* at the last drawing: columns that did not fit */
    bool follow;

    bool pinned;       /* somebody moved the selection */
    uint64_t selected; /* key */
    bool loose;        /* its row moved by itself since: the window stays where it is */
    bool keep;         /* the window goes along nevertheless: the row is looked at */
    size_t at, first;  /* index in rows: of the selection; of the first one shown */

    const char *nothing; /* what to read where the table has no rows; NULL: nothing to explain */

    /* What a cell says and how it looks beyond its column's way; NULL: nothing. */
    void (*dress)(const struct table_view *view, const struct panel_context *context, size_t row,
                  int column, char *text, size_t size, struct style *style);

    const struct table *table;
    uint64_t stamp; /* of the picture and settings the rows were made from */
    uint64_t settings;
    struct table_view_row *rows;
    size_t count, capacity;
    bool whole; /* each row of the table is among them */
    struct table_view_place places[TABLE_VIEW_COLUMNS];
    size_t place_count;
    struct rect area; /* head line and rows, as last drawn */
};

void table_view_init(struct table_view *view, const char *const *order, const char *parent,
                     const char *indented);
void table_view_done(struct table_view *view);

/* Brings the rows up to the picture's table. Does little when neither changed. */
void table_view_update(struct table_view *view, const struct table *table,
                       const struct picture *picture);

void table_view_draw(struct table_view *view, const struct panel_context *context,
                     struct canvas *canvas, struct rect area, bool focused);

/* move.*, sort.*, tree*, filter.set, search.*, columns, follow, escape, copy. */
enum reaction table_view_command(struct table_view *view, const struct panel_context *context,
                                 const char *name, const char *argument);
enum reaction table_view_mouse(struct table_view *view, const struct panel_context *context, int x,
                               int y, int button);

/* The selection stays on its row from now on, as if somebody had moved it there. */
void table_view_pin(struct table_view *view);

/* The text that filter.set or search.set would change, "" for none; NULL for other commands. */
const char *table_view_current(const struct table_view *view, const char *command);

/* The selected row's cells, valid as long as the picture; NULL when there are no rows. */
const union cell *table_view_selected(const struct table_view *view);

/* The cells of the i-th row on screen, NULL past the last. */
const union cell *table_view_visible(const struct table_view *view, size_t i);

/* One cell as text: "–" when unknown; with its unit when `full`. Answers dst. */
char *table_view_format(const struct column *column, union cell cell, bool full, bool ascii,
                        char *dst, size_t size);

/* A row "TITLE   value" of one cell in full, for drawers. */
void table_view_draw_fact(const struct column *column, union cell cell, int label_width,
                          struct canvas *canvas, struct rect row);

#endif
