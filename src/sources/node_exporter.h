/* node_exporter's metrics (node_*) as our own, so that the views of a machine show it. */
#ifndef FLAMETOP_SOURCES_NODE_EXPORTER_H
#define FLAMETOP_SOURCES_NODE_EXPORTER_H

#include "exposition_parse.h"
#include "flametop/core/picture.h"
#include "native.h"

struct node_rule;

#define NODE_MOUNTS_MAX 128

struct node_exporter {
    struct native native;
    struct node_mount {
        uint64_t key; /* hash of the mount point */
        char name[256];
        double size, free, available, files, files_free;
        uint64_t seen; /* the last reading it was in */
    } mounts[NODE_MOUNTS_MAX];
    size_t mount_count;
    uint64_t readings; /* begun */
    double boot_s, now_s;
    unsigned cores;
    char host[256], kernel[128], system[128];
};

/* The metrics of node_exporter that are read, by name; NULL at the end. */
const char *node_metric(size_t index);

void node_init(struct node_exporter *node);
void node_done(struct node_exporter *node);

/* The rule for a sample, NULL when there is none, and our labels for it. To be kept for the series:
 * it does not change. */
const struct node_rule *node_rule_for(const struct exposition_sample *sample,
                                      char ret_labels[NATIVE_LABELS]);

/* Around the samples of a reading. */
void node_begin(struct node_exporter *node, struct batch *batch);
void node_take(struct node_exporter *node, struct batch *batch, const struct node_rule *rule,
               const char *labels, const struct exposition_sample *sample);
void node_end(struct node_exporter *node, struct batch *batch);

/* False while it has not said who it is. */
bool node_host(const struct node_exporter *node, struct host *ret_host);

#endif
