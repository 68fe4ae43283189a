/* Tags. */
#include "tag.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"
#include "flametop/trace/filter.h"

bool
tag_parse(struct str name, struct tag *ret_tag)
{
    static const struct {
        const char *name;
        enum tag_field field;
    } fields[] = {{"service", TAG_SERVICE},   {"endpoint", TAG_ENDPOINT}, {"tool", TAG_TOOL},
                  {"duration", TAG_DURATION}, {"status", TAG_STATUS},     {"name", TAG_NAME},
                  {"system", TAG_SYSTEM},     {"spans", TAG_SPANS},       {"trace", TAG_TRACE},
                  {"id", TAG_TRACE}};
    if (name.n == 0 || name.n >= TAG_KEY_MAX) {
        return false;
    }
    ret_tag->field = TAG_ATTRIBUTE;
    str_copy(name, ret_tag->key, sizeof(ret_tag->key));
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (strcasecmp(fields[i].name, ret_tag->key) == 0) {
            ret_tag->field = fields[i].field;
        }
    }
    if (strncmp(ret_tag->key, "attr.", 5) == 0) {
        str_copy((struct str){name.p + 5, name.n - 5}, ret_tag->key, sizeof(ret_tag->key));
    }
    return ret_tag->key[0] != 0;
}

double
tag_number_of(const struct trace *trace, const struct trace_attribute *attribute)
{
    if (attribute == NULL) {
        return (double)NAN;
    }
    if (!isnan(attribute->real) || attribute->type != SPAN_TEXT) {
        return attribute->real;
    }
    struct str text = str_from(trace_text(trace, attribute->text));
    double number;
    return str_double(&text, &number) && text.n == 0 ? number : (double)NAN;
}

static const struct trace_attribute *
find_attribute(const struct tag *tag, const struct trace *trace, uint32_t span)
{
    if (span != TRACE_NONE) {
        return trace_attribute(trace, span, tag->key);
    }
    struct trace_wanted wanted = trace_wanted(tag->key, NULL);
    const struct trace_attribute *found = NULL;
    for (uint32_t i = 0;
         trace_signature_has(trace, &wanted) && i < trace->span_count && found == NULL; i++) {
        found = trace_attribute(trace, i, tag->key);
    }
    return found;
}

static const char *
status_text(const struct trace *trace, uint32_t span)
{
    bool failed = span == TRACE_NONE ? (trace->flags & TRACE_ERROR) != 0
                                     : trace_spans(trace)[span].status == SPAN_ERROR;
    bool open = span == TRACE_NONE ? (trace->flags & TRACE_UNFINISHED) != 0
                                   : trace_spans(trace)[span].duration_ns < 0;
    return failed ? "error" : open ? "unfinished" : "ok";
}

const char *
tag_text(const struct tag *tag, const struct trace *trace, uint32_t span,
         char scratch[TAG_TEXT_MAX])
{
    const struct trace_span *one = &trace_spans(trace)[span != TRACE_NONE ? span : 0];
    const struct trace_attribute *attribute;
    switch (tag->field) {
    case TAG_SERVICE:
        return trace_text(trace, span == TRACE_NONE
                                     ? trace->service
                                     : trace_resources(trace)[one->resource].service);
    case TAG_ENDPOINT:
        return trace_text(trace, trace->endpoint);
    case TAG_TOOL:
        return trace_text(trace, trace->tool);
    case TAG_STATUS:
        return status_text(trace, span);
    case TAG_NAME:
        return trace_text(trace, one->label);
    case TAG_SYSTEM:
        return trace_system_name(one->system);
    case TAG_TRACE:
        return trace_id_text(trace, scratch, TAG_TEXT_MAX);
    case TAG_ATTRIBUTE:
        attribute = find_attribute(tag, trace, span);
        return attribute != NULL ? trace_text(trace, attribute->text) : "";
    case TAG_DURATION:
    case TAG_SPANS:
    default:
        snprintf(scratch, TAG_TEXT_MAX, "%g", tag_number(tag, trace, span));
        return scratch;
    }
}

double
tag_number(const struct tag *tag, const struct trace *trace, uint32_t span)
{
    if (tag->field == TAG_DURATION) {
        int64_t ns = span == TRACE_NONE ? trace->duration_ns : trace_spans(trace)[span].duration_ns;
        return ns >= 0 ? (double)ns / 1e9 : (double)NAN;
    }
    if (tag->field == TAG_SPANS) {
        return span == TRACE_NONE ? trace->span_count : 1;
    }
    return tag->field == TAG_ATTRIBUTE ? tag_number_of(trace, find_attribute(tag, trace, span))
                                       : (double)NAN;
}
