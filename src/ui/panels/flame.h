/* The inside of the flame panel: state and commands (flame.c), the cursor (flame_move.c), filters
 * (flame_rules.c), what is matched (flame_match.c), the graph (flame_graph.c) and the table of
 * frames (flame_frames.c).
 *
 * A tree may be of an older profile than the panel, until one of the newer profile is made: frames
 * of a tree are those of its own profile. */
#ifndef FLAMETOP_SRC_UI_FLAME_H
#define FLAMETOP_SRC_UI_FLAME_H

#include <regex.h>

#include "flametop/core/flame_layout.h"
#include "flametop/core/ranking.h"
#include "flametop/ui/panel.h"

#define FLAME_RULES_MAX 32
#define FLAME_UNDO_MAX 64
#define FLAME_ZOOM_MAX 64
#define FLAME_PATTERN_BYTES 128
#define FLAME_VALUE_BYTES 40
#define FLAME_DYING_MAX 8
#define FLAME_GONE_MAX 8
#define FLAME_SLICE_NS (7 * NS_PER_MS) /* of work in one drawing */

/* One tree on the screen. */
struct flame_piece {
    struct flame *tree;                      /* that is drawn; NULL: none yet */
    struct flame *making;                    /* takes its place */
    struct flame_zoom zooms[FLAME_ZOOM_MAX]; /* the last one is in force; [0] is all */
    size_t zoom_count;
    struct flame_layout layout;
    size_t top; /* first row that is shown */
};

enum { PIECE_MAIN, PIECE_CALLERS, PIECE_CALLEES, PIECES };

/* Where the cursor is: a frame, or the rest below a node. */
struct flame_cursor {
    unsigned piece;
    uint32_t node;
    bool rest;
    uint32_t from;
    size_t row, cell; /* where that was found in the layout */
};

/* What undo goes back to. */
struct flame_look {
    unsigned rules, measure;
    bool invert, collapse, sandwich, timed;
    uint32_t frame; /* of the sandwich */
};

struct flame_rule {
    bool drop, is_pattern;
    uint32_t frame; /* where it is no pattern; PROFILE_NONE: it is not in this profile */
    char text[FLAME_PATTERN_BYTES];
};

/* Frames that match a pattern, looked for in steps. */
struct flame_match {
    char text[FLAME_PATTERN_BYTES]; /* "": nothing is looked for */
    bool plain;                     /* no regular expression */
    bool compiled;
    regex_t regex;
    uint8_t *frames; /* by frame: it matches */
    uint32_t at, count, matched;
    bool failed;
};

enum flame_page { FLAME_PAGE_GRAPH, FLAME_PAGE_FRAMES, FLAME_PAGES };
enum flame_order { FLAME_BY_SELF, FLAME_BY_TOTAL, FLAME_BY_CHANGE, FLAME_ORDERS };

struct flame_panel {
    const struct profile *profile; /* the newest; NULL: none */
    unsigned subject;              /* what it is of */
    struct flame_piece pieces[PIECES];
    struct flame *dying[FLAME_DYING_MAX]; /* given back a part at a time */
    size_t dying_count;
    struct flame_cursor cursor, outside; /* outside: where it was before a sandwich */
    struct flame_look look, undo[FLAME_UNDO_MAX];
    size_t undo_count;
    struct flame_rule rules[FLAME_RULES_MAX];
    uint32_t *rule_bits; /* by frame */
    unsigned marked;     /* rules whose bits are there; the trees wait for those in force */
    struct flame_match marking;
    unsigned side; /* whose weights are widths */
    bool flipped;  /* the root below */

    struct flame_match search, wanted; /* wanted: of a rule to come */
    bool wanted_drop;
    uint8_t *covered; /* by node of the tree below: it or a caller of it matches */
    const struct flame *covered_tree;
    uint32_t covered_at;
    double covered_weight;

    const struct flame *gone_tree; /* whose frames that are gone were counted */
    unsigned gone_side;
    uint32_t gone, gone_frames[FLAME_GONE_MAX]; /* how many, and the heaviest of them */

    enum flame_page page;
    enum flame_order order;
    uint32_t *listed; /* frames in that order */
    uint32_t listed_count;
    const struct flame *listed_tree;
    enum flame_order listed_order;
    struct ranking ranking; /* of frames, while they are listed */
    const struct flame *ranked_tree;
    enum flame_order ranked_order;
    size_t selected, top;
    uint32_t kept;    /* the frame to be selected when they are listed anew; PROFILE_NONE: none */
    int rows;         /* of the table, or of the graph, as last drawn */
    struct rect area; /* the same */
    int middle;       /* y of the root of a sandwich */
};

/* flame.c */
struct flame_zoom *flame_zoomed(struct flame_piece *piece);
unsigned flame_first_piece(const struct flame_panel *panel);
void flame_remember(struct flame_panel *panel); /* the look, for undo */
void flame_make_all(struct flame_panel *panel); /* the trees, after the look has changed */
uint32_t flame_selected(const struct flame_panel *panel); /* a frame of the profile, PROFILE_NONE:
                                                             none */
char *flame_value(const struct flame *tree, double value, bool ascii, char dst[FLAME_VALUE_BYTES]);
char *flame_share(double part, double whole, char dst[FLAME_VALUE_BYTES]); /* "12.3 %" */
struct str flame_name(const struct profile *profile, uint32_t frame);      /* "all": PROFILE_NONE */

/* A frame of one profile in another. */
uint32_t flame_frame_in(const struct profile *profile, const struct profile *before,
                        uint32_t frame);

/* flame_move.c */
const struct flame_cell *
flame_cell_at(const struct flame_panel *panel);          /* NULL: nothing is there */
void flame_locate(struct flame_panel *panel, int width); /* finds the cursor in its layout */
bool flame_move(struct flame_panel *panel, const struct panel_context *context, const char *name);

/* flame_rules.c */
void flame_rule_of_frame(struct flame_panel *panel, const struct panel_context *context, bool drop);
void flame_rule_of_pattern(struct flame_panel *panel, const struct panel_context *context,
                           const char *text); /* "!text": without what matches */
void flame_rules_renew(struct flame_panel *panel, const struct profile *before);
bool flame_rules_step(struct flame_panel *panel, const struct panel_context *context,
                      int64_t until_ns); /* whether there is more to do */

/* flame_match.c: a pattern is plain text, or a regular expression where it has characters of one;
 * capitals count where it has any. */
bool flame_match_begin(struct flame_match *match, const struct profile *profile, const char *text,
                       char *why, size_t why_size);
bool flame_match_step(struct flame_match *match, const struct profile *profile, int64_t until_ns);
void flame_match_done(struct flame_match *match);
bool flame_is_match(const struct flame_panel *panel, const struct flame *tree, uint32_t frame);
bool flame_cover_step(struct flame_panel *panel, int64_t until_ns);

/* flame_graph.c */
void flame_graph_draw(struct flame_panel *panel, const struct panel_context *context,
                      struct canvas *canvas, struct rect area);
bool flame_graph_at(const struct flame_panel *panel, int x, int y, struct flame_cursor *ret_cursor);

/* flame_frames.c */
void flame_frames_draw(struct flame_panel *panel, const struct panel_context *context,
                       struct canvas *canvas, struct rect area);
uint32_t flame_frames_selected(const struct flame_panel *panel); /* PROFILE_NONE: none */
bool flame_frames_command(struct flame_panel *panel, const char *name);

#endif
