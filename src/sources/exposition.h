/* What samples in text form become in a batch, for all who bring some. */
#ifndef FLAMETOP_SOURCES_EXPOSITION_H
#define FLAMETOP_SOURCES_EXPOSITION_H

#include "exposition_parse.h"
#include "flametop/base/arena.h"
#include "flametop/base/hash.h"
#include "flametop/core/batch.h"
#include "node_exporter.h"

/* Invariant: a cell is what a series, written as it is, was found to be; its column in the batch
 * does not change. */
struct exposed {
    struct map cells; /* hash of name and labels as written -> cell */
    struct arena arena;
    struct node_exporter node;
    bool plain; /* node_exporter's as well stay as they are */
    /* Optional: the column of what is known under another name; -1 when it is not. */
    int (*known)(struct batch *batch, const struct exposition_sample *sample);
};

struct exposed_cell {
    int column;
    const struct node_rule *rule; /* NULL: none, and the column is its */
    const char *labels;
};

void exposed_init(struct exposed *exposed);
void exposed_done(struct exposed *exposed);

/* The metric of a sample's name, made when there is none; `keys`: of its labels. NULL: no room. */
const struct metric *exposed_describe(struct catalog *catalog,
                                      const struct exposition_sample *sample, const char *keys,
                                      bool on_demand);

/* The cell of a sample's series, made at first use; NULL when there are too many. */
struct exposed_cell *exposed_cell_of(struct exposed *exposed, struct batch *batch,
                                     const struct exposition_sample *sample);

/* Around the samples of a reading: those of node_exporter become ours, all others are series of a
 * metric with the name they have. */
void exposed_begin(struct exposed *exposed, struct batch *batch);
void exposed_take(struct exposed *exposed, struct batch *batch, const struct exposed_cell *cell,
                  const struct exposition_sample *sample);
void exposed_end(struct exposed *exposed, struct batch *batch);

#endif
