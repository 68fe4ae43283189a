/* A format: a pure function from a picture to bytes, for the command line, files and routes alike.
 */
#ifndef FLAMETOP_CORE_FORMAT_H
#define FLAMETOP_CORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/core/picture.h"

struct format_options {
    int64_t span_ns; /* how much history goes with it */
    size_t rows_max; /* of each table */
    size_t width;    /* text forms: columns */
    bool ascii;
    bool pretty;
    const char *target; /* which of several it is, as it was named; NULL: there is one only */
    bool continues;     /* what another picture in the same form was written to: no head again */
    /* Whether a row of a table goes with it; NULL: all do. */
    bool (*wants)(const void *context, const struct table *table, const union cell *row);
    const void *wants_context;
};

struct format {
    const char *name;      /* json */
    const char *extension; /* .json */
    const char *media_type;
    const char *text;
    bool has_tables; /* not numbers alone */
    bool one_moment; /* several pictures in a row mean nothing */
    bool has_target; /* says which of several targets it is of */
    /* 0 or a negative errno. */
    int (*write)(const struct picture *picture, const struct format_options *options,
                 struct buf *out);
};

#endif
