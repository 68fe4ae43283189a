/* Numbers of foreign servers under our own metric names, so that the views made for this machine
 * show theirs. */
#ifndef FLAMETOP_SOURCES_NATIVE_H
#define FLAMETOP_SOURCES_NATIVE_H

#include <stdbool.h>

#include "flametop/base/hash.h"
#include "flametop/base/str.h"
#include "flametop/core/batch.h"

#define NATIVE_LABELS 512

struct native {
    struct map cells; /* hash of name and labels -> its column and sum */
    struct arena arena;
    int64_t mono_ns, before_ns; /* of the reading, and of the one before; 0: none */
};

void native_init(struct native *native);
void native_done(struct native *native);

/* Before the values of each reading. */
void native_begin(struct native *native, const struct batch *batch);

/* `name` is one of our stored metrics. NaN: unknown. */
void native_put(struct native *native, struct batch *batch, const char *name, const char *labels,
                double value);

/* For a counter of which the server tells only the rate a second: the sum of what passed. */
void native_add(struct native *native, struct batch *batch, const char *name, const char *labels,
                double rate);

/* The same with one label, or two, whose values come from outside. Answers dst. */
char *native_labels(char dst[NATIVE_LABELS], const char *key, struct str value, const char *key2,
                    const char *value2);

/* By the name alone, as Linux names them. */
bool native_is_virtual_interface(struct str name);
bool native_is_logical_disk(struct str name);
bool native_is_partition(struct str name);

#endif
