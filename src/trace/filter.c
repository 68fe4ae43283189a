/* The filter language for traces. Bounded: terms, values, lengths. */
#include "flametop/trace/filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "tag.h"

#define TERMS_MAX 16
#define VALUES_MAX 16
#define TEXT_MAX 256

enum compare { EQUAL, CONTAINS, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

struct value {
    char text[TEXT_MAX];
    double number; /* NaN: none */
    struct trace_wanted wanted;
};

struct term {
    bool negated, bare;
    struct tag tag;
    enum compare compare;
    struct trace_wanted wanted; /* the key */
    struct value values[VALUES_MAX];
    size_t value_count;
};

struct trace_filter {
    size_t count;
    struct term terms[TERMS_MAX];
};

/* ---- reading ---- */

static bool
say(char *why, size_t why_size, const char *what, struct str text)
{
    char shown[64];
    utf8_clean(text, shown, sizeof(shown));
    snprintf(why, why_size, "filter: %s: %s", what, shown);
    return false;
}

/* The next term: up to a blank outside of quotes. */
static bool
next_term(struct str *rest, struct str *ret_term)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    bool quoted = false;
    while (n < rest->n && (quoted || strchr(" \t\r\n", rest->p[n]) == NULL)) {
        quoted ^= rest->p[n++] == '"';
    }
    *ret_term = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

static bool
take_operator(struct str *rest, enum compare *ret_compare, bool *ret_negated)
{
    static const struct {
        const char *text;
        enum compare compare;
        bool negated;
    } operators[] = {{"!=", EQUAL, true},       {"!~", CONTAINS, true},
                     {"<=", LESS_EQUAL, false}, {">=", GREATER_EQUAL, false},
                     {"=", EQUAL, false},       {"~", CONTAINS, false},
                     {"<", LESS, false},        {">", GREATER, false}};
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
        if (str_starts(*rest, operators[i].text)) {
            size_t n = strlen(operators[i].text);
            rest->p += n;
            rest->n -= n;
            *ret_compare = operators[i].compare;
            *ret_negated ^= operators[i].negated;
            return true;
        }
    }
    return false;
}

/* Values between bars, without their quotes. */
static bool
take_values(struct str rest, struct term *term, char *why, size_t why_size)
{
    struct str all = rest;
    do {
        struct value *value = &term->values[term->value_count];
        bool quoted = false;
        size_t n = 0, i = 0;
        for (; i < rest.n && (quoted || rest.p[i] != '|'); i++) {
            if (rest.p[i] == '"') {
                quoted = !quoted;
            } else if (n + 1 < sizeof(value->text)) {
                value->text[n++] = rest.p[i];
            } else {
                return say(why, why_size, "a value is too long", all);
            }
        }
        value->text[n] = 0;
        if (n == 0) {
            return say(why, why_size, "a value is missing", all);
        }
        if (++term->value_count == VALUES_MAX && i < rest.n) {
            return say(why, why_size, "too many values", all);
        }
        i += i < rest.n;
        rest.p += i;
        rest.n -= i;
    } while (rest.n > 0);
    return true;
}

static bool
is_status(const char *text)
{
    static const char *const words[] = {"ok",         "error",  "slow",   "failed",
                                        "unfinished", "marked", "orphans"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_order(enum compare compare)
{
    return compare >= LESS;
}

/* What a value means for the field. */
static bool
judge_value(const struct term *term, struct value *value, char *why, size_t why_size)
{
    struct str text = str_from(value->text), rest = text;
    char reason[160] = "";
    value->number = (double)NAN;
    value->wanted = trace_wanted(term->tag.key, value->text);
    if (term->tag.field == TAG_DURATION) {
        if (!unit_parse(text, "s", &value->number, reason, sizeof(reason))) {
            snprintf(why, why_size, "filter: duration: %s", reason);
            return false;
        }
        return true;
    }
    double number;
    if (str_double(&rest, &number) && rest.n == 0) {
        value->number = number;
    }
    bool is_number = term->tag.field == TAG_SPANS || term->tag.field == TAG_ATTRIBUTE;
    if ((is_order(term->compare) || term->tag.field == TAG_SPANS) &&
        (!is_number || isnan(value->number))) {
        return say(why, why_size, is_number ? "no number" : "this has no order", text);
    }
    if (term->tag.field == TAG_STATUS && !is_status(value->text)) {
        return say(why, why_size,
                   "status is ok, error, slow, failed, unfinished, marked or orphans", text);
    }
    return true;
}

static bool
parse_term(struct str text, struct term *term, char *why, size_t why_size)
{
    struct str rest = text;
    *term = (struct term){.negated = rest.n > 1 && *rest.p == '!'};
    if (term->negated) {
        rest.p++;
        rest.n--;
    }
    size_t n = 0;
    while (n < rest.n && strchr("=~<>!\"", rest.p[n]) == NULL) {
        n++;
    }
    struct str name = {rest.p, n}, behind = {rest.p + n, rest.n - n};
    term->bare = !take_operator(&behind, &term->compare, &term->negated);
    if (term->bare) {
        term->compare = CONTAINS;
        return take_values(rest, term, why, why_size);
    }
    if (!tag_parse(name, &term->tag)) {
        return say(why, why_size, "what is to be compared is missing", text);
    }
    term->wanted = trace_wanted(term->tag.key, NULL);
    if (!take_values(behind, term, why, why_size)) {
        return false;
    }
    for (size_t i = 0; i < term->value_count; i++) {
        if (!judge_value(term, &term->values[i], why, why_size)) {
            return false;
        }
    }
    return true;
}

struct trace_filter *
trace_filter_new(struct str text, char *why, size_t why_size)
{
    struct trace_filter *filter = calloc(1, sizeof(*filter));
    struct str rest = text, word;
    why[0] = 0;
    bool good = filter != NULL;
    if (filter == NULL || text.n > TRACE_FILTER_BYTES_MAX) {
        snprintf(why, why_size, filter == NULL ? "out of memory" : "filter: the text is too long");
        good = false;
    }
    while (good && next_term(&rest, &word)) {
        if (filter->count == TERMS_MAX) {
            good = say(why, why_size, "too many terms", word);
        } else {
            good = parse_term(word, &filter->terms[filter->count++], why, why_size);
        }
    }
    if (!good || filter->count == 0) {
        free(filter);
        return NULL;
    }
    return filter;
}

void
trace_filter_free(struct trace_filter *filter)
{
    free(filter);
}

/* ---- matching ---- */

static bool
text_fits(enum compare compare, const char *text, const char *wanted, bool exactly)
{
    if (compare == CONTAINS) {
        return (exactly ? strstr(text, wanted) : strcasestr(text, wanted)) != NULL;
    }
    return (exactly ? strcmp(text, wanted) : strcasecmp(text, wanted)) == 0;
}

static bool
number_fits(enum compare compare, double number, double wanted)
{
    switch (compare) {
    case LESS:
        return number < wanted;
    case LESS_EQUAL:
        return number <= wanted;
    case GREATER:
        return number > wanted;
    case GREATER_EQUAL:
        return number >= wanted;
    case EQUAL:
    case CONTAINS:
    default:
        return number == wanted;
    }
}

static bool
status_fits(const struct value *value, const struct trace *trace, uint32_t span)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {{"error", TRACE_ERROR},
                 {"slow", TRACE_SLOW},
                 {"failed", TRACE_ERROR | TRACE_FAILED_INSIDE},
                 {"unfinished", TRACE_UNFINISHED},
                 {"marked", TRACE_MARKED},
                 {"orphans", TRACE_ORPHANS}};
    if (span != TRACE_NONE) {
        const struct trace_span *one = &trace_spans(trace)[span];
        const char *is = one->status == SPAN_ERROR ? "error"
                         : one->duration_ns < 0    ? "unfinished"
                                                   : "ok";
        return strcasecmp(value->text, is) == 0 ||
               (strcasecmp(value->text, "failed") == 0 && one->status == SPAN_ERROR);
    }
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(words[i].word, value->text) == 0) {
            return (trace->flags & words[i].flag) != 0;
        }
    }
    return (trace->flags & TRACE_ERROR) == 0;
}

static bool
attribute_fits(const struct term *term, const struct value *value, const struct trace *trace,
               const struct trace_attribute *attribute)
{
    if (strcmp(trace_text(trace, attribute->key), term->tag.key) != 0) {
        return false;
    }
    if (is_order(term->compare)) {
        return number_fits(term->compare, tag_number_of(trace, attribute), value->number);
    }
    if (term->compare == EQUAL && !isnan(value->number) && !isnan(attribute->real)) {
        return attribute->real == value->number;
    }
    return text_fits(term->compare, trace_text(trace, attribute->text), value->text, true);
}

static bool
any_attribute_fits(const struct term *term, const struct value *value, const struct trace *trace,
                   uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (attribute_fits(term, value, trace, &trace_attributes(trace)[first + i])) {
            return true;
        }
    }
    return false;
}

/* Of a trace any attribute there is; of a span its own and its resource's. */
static bool
attributes_fit(const struct term *term, const struct value *value, const struct trace *trace,
               uint32_t span)
{
    bool exact = term->compare == EQUAL && isnan(value->number);
    if (!trace_signature_has(trace, exact ? &value->wanted : &term->wanted)) {
        return false;
    }
    if (span == TRACE_NONE) {
        return any_attribute_fits(term, value, trace, 0, trace->attribute_count);
    }
    const struct trace_span *one = &trace_spans(trace)[span];
    const struct trace_resource *resource = &trace_resources(trace)[one->resource];
    return any_attribute_fits(term, value, trace, one->attribute, one->attribute_count) ||
           any_attribute_fits(term, value, trace, resource->attribute, resource->attribute_count);
}

/* One span's text of a field. */
static bool
span_fits(const struct term *term, const struct value *value, const struct trace *trace,
          uint32_t span)
{
    const struct trace_span *one = &trace_spans(trace)[span];
    switch (term->tag.field) {
    case TAG_SERVICE:
        return text_fits(term->compare,
                         trace_text(trace, trace_resources(trace)[one->resource].service),
                         value->text, false);
    case TAG_SYSTEM:
        return text_fits(term->compare, trace_system_name(one->system), value->text, false);
    case TAG_TOOL:
        return one->system == SYSTEM_TOOL &&
               text_fits(term->compare, trace_text(trace, one->label), value->text, false);
    default:
        return text_fits(term->compare, trace_text(trace, one->label), value->text, false) ||
               text_fits(term->compare, trace_text(trace, one->name), value->text, false);
    }
}

/* What is so of any span; of a trace all are looked at. */
static bool
spans_fit(const struct term *term, const struct value *value, const struct trace *trace,
          uint32_t span)
{
    if (span != TRACE_NONE) {
        return span_fits(term, value, trace, span);
    }
    for (uint32_t i = 0; i < trace->span_count; i++) {
        if (span_fits(term, value, trace, i)) {
            return true;
        }
    }
    return false;
}

static bool
id_fits(const struct value *value, const struct trace *trace)
{
    char id[TAG_TEXT_MAX];
    return strncasecmp(trace_id_text(trace, id, sizeof(id)), value->text, strlen(value->text)) == 0;
}

static bool
value_fits(const struct term *term, const struct value *value, const struct trace *trace,
           uint32_t span)
{
    if (term->bare) {
        struct term services = {.compare = CONTAINS, .tag.field = TAG_SERVICE};
        return text_fits(CONTAINS, trace_text(trace, trace->endpoint), value->text, false) ||
               text_fits(CONTAINS, trace_text(trace, trace->tool), value->text, false) ||
               id_fits(value, trace) || spans_fit(&services, value, trace, span) ||
               spans_fit(&(struct term){.compare = CONTAINS, .tag.field = TAG_NAME}, value, trace,
                         span);
    }
    switch (term->tag.field) {
    case TAG_ENDPOINT:
        return text_fits(term->compare, trace_text(trace, trace->endpoint), value->text, false);
    case TAG_TOOL:
        return text_fits(term->compare, trace_text(trace, trace->tool), value->text, false) ||
               spans_fit(term, value, trace, span);
    case TAG_STATUS:
        return status_fits(value, trace, span);
    case TAG_TRACE:
        return id_fits(value, trace);
    case TAG_DURATION:
    case TAG_SPANS:
        return number_fits(term->compare, tag_number(&term->tag, trace, span), value->number);
    case TAG_ATTRIBUTE:
        return attributes_fit(term, value, trace, span);
    case TAG_SERVICE:
    case TAG_NAME:
    case TAG_SYSTEM:
    default:
        return spans_fit(term, value, trace, span);
    }
}

bool
trace_filter_matches_span(const struct trace_filter *filter, const struct trace *trace,
                          uint32_t span)
{
    for (size_t t = 0; filter != NULL && t < filter->count; t++) {
        const struct term *term = &filter->terms[t];
        bool fits = false;
        for (size_t v = 0; v < term->value_count && !fits; v++) {
            fits = value_fits(term, &term->values[v], trace, span);
        }
        if (fits == term->negated) {
            return false;
        }
    }
    return true;
}

bool
trace_filter_matches(const struct trace_filter *filter, const struct trace *trace)
{
    return trace_filter_matches_span(filter, trace, TRACE_NONE);
}
