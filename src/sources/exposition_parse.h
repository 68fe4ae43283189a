/* Reader of metrics in text: Prometheus 0.0.4 and OpenMetrics 1.0
 * (prometheus.io/docs/instrumenting/ exposition_formats). Pure: no I/O, no memory of its own;
 * everything points into the text. */
#ifndef FLAMETOP_SOURCES_EXPOSITION_PARSE_H
#define FLAMETOP_SOURCES_EXPOSITION_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

enum exposition_type {
    EXPOSITION_UNTYPED,
    EXPOSITION_COUNTER,
    EXPOSITION_GAUGE,
    EXPOSITION_HISTOGRAM,
    EXPOSITION_SUMMARY,
    EXPOSITION_INFO,
};

struct exposition {
    struct str rest;
    struct str family, help, unit; /* of the comments above */
    enum exposition_type type;
    uint64_t rejected; /* lines that are neither sample nor comment */
    bool truncated;    /* the last line may be half of one: it is not read */
};

struct exposition_sample {
    struct str name;
    struct str labels; /* between the braces */
    struct str series; /* name and labels as written */
    struct str help;   /* of its family; escaped */
    enum exposition_type type;
    double value; /* NaN and infinities are NaN */
};

void exposition_init(struct exposition *exposition, struct str text);

/* The next sample; false at the end. */
bool exposition_next(struct exposition *exposition, struct exposition_sample *ret_sample);

/* The next label of a sample: start with its labels in rest. The value is still escaped. */
bool exposition_label(struct str *rest, struct str *ret_key, struct str *ret_value);

/* Takes the escapes out and cleans what must not reach a terminal. Answers dst. */
char *exposition_text(struct str value, char *dst, size_t size);

/* Whether a text looks like metrics, by its first lines. */
bool exposition_is(struct str text);

#endif
