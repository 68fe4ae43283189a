/* What cards say: the table of those of the overview and of an Erlang node, and its row. */
#ifndef FLAMETOP_SRC_UI_CARDS_H
#define FLAMETOP_SRC_UI_CARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../widgets/card.h"
#include "reading.h"

#define CARDS_MAX 32 /* of one set */
#define CARD_FACTS_MAX 3

/* A text from a number: `label value`, or `value label` when the label starts with a blank. */
struct fact_def {
    const char *label, *formula, *unit;
    const char *labels; /* with them `formula` is the name of a metric; NULL: none */
};

/* Inside a container what counts is its limit: one card takes the other's place. */
enum card_limit { LIMIT_EITHER, LIMIT_NO_CPU, LIMIT_CPU, LIMIT_NO_MEMORY, LIMIT_MEMORY };

struct card_def {
    const char *title;
    enum card_limit limit;
    const char *metric;    /* charted: a metric, or a formula with `unit` */
    const char *unit;      /* NULL: the metric's */
    const char *used, *of; /* value: "9.8 of 16.0 GiB"; NULL: the charted value */
    const char *level;     /* metric whose thresholds make the level; NULL: the charted one */
    const char *opens;     /* metric of the full screen; NULL: the charted one */
    const char
        *full; /* what it says before the time when the chart will reach its top; NULL: never */
    enum reading_scale scale;
    bool everywhere; /* every machine has it */
    uint8_t role;
    struct fact_def parts[CARD_PARTS_MAX];
    struct fact_def facts[CARD_FACTS_MAX]; /* the first known one stands in the bottom edge */
};

/* The cards of a view: those of a table, and what was pinned or tells most where that is wanted. */
struct card_set {
    const struct card_def *defs;
    size_t count;
    bool own; /* pinned ones as well, and those that tell */
};

extern const struct card_set machine_cards, node_cards;

#endif
