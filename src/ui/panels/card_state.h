/* One card as it is shown: what it asks for, and its texts of the last picture. A zeroed one is
 * closed; each call is given the definition it was opened with. */
#ifndef FLAMETOP_SRC_UI_CARD_STATE_H
#define FLAMETOP_SRC_UI_CARD_STATE_H

#include "cards.h"

struct fact {
    struct query *query; /* NULL: unknown here */
    char text[READING_TEXT];
};

struct card_state {
    struct reading reading;
    struct query *used, *of;
    struct reading level;
    struct fact parts[CARD_PARTS_MAX], facts[CARD_FACTS_MAX];
    struct presence presence;
    uint64_t picture_number;
    int64_t picture_ns;
    int cells;
    char value[READING_TEXT], scale[2 * READING_TEXT], fact[2 * READING_TEXT];
};

/* Metrics that are unknown are left out. `labels` are those of the charted one ("" for all). */
void card_state_open(struct card_state *state, const struct card_def *def, const char *labels,
                     struct catalog *catalog);
void card_state_close(struct card_state *state);

/* Whether there is such a card: it had a value, or surely will have one. */
bool card_state_has_data(struct card_state *state, const struct card_def *def,
                         const struct panel_context *context);

/* Brings chart and texts up to the picture, for a chart of this many cells; does nothing where they
 * are. */
void card_state_update(struct card_state *state, const struct card_def *def,
                       const struct panel_context *context, int cells);

/* To be drawn; its texts are the state's. */
struct card card_state_card(const struct card_state *state, const struct card_def *def);

#endif
