/* A tag: what a trace or one of its spans is told apart by, in filters and queries. */
#ifndef FLAMETOP_TRACE_TAG_H
#define FLAMETOP_TRACE_TAG_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"
#include "flametop/core/trace.h"

enum tag_field {
    TAG_SERVICE,
    TAG_ENDPOINT,
    TAG_TOOL,
    TAG_DURATION,
    TAG_STATUS,
    TAG_NAME,
    TAG_SYSTEM,
    TAG_SPANS,
    TAG_TRACE,
    TAG_ATTRIBUTE, /* any other name */
};

#define TAG_KEY_MAX 128
#define TAG_TEXT_MAX (SPAN_ID_BYTES_MAX * 2 + 1)

struct tag {
    enum tag_field field;
    char key[TAG_KEY_MAX]; /* the name; of an attribute without attr. */
};

/* False when the name is empty or too long. */
bool tag_parse(struct str name, struct tag *ret_tag);

/* The text a trace (span TRACE_NONE) or one of its spans has for it: of a trace the first span with
 * that attribute tells. "" when there is none. `scratch` holds what is made for the occasion. */
const char *tag_text(const struct tag *tag, const struct trace *trace, uint32_t span,
                     char scratch[TAG_TEXT_MAX]);

/* The same as a number: a duration in seconds, a number of spans, an attribute. NaN: none. */
double tag_number(const struct tag *tag, const struct trace *trace, uint32_t span);

/* The number an attribute is, or its text says; NaN. */
double tag_number_of(const struct trace *trace, const struct trace_attribute *attribute);

#endif
