/* The list of pinned metrics. */
#include "pin.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

static size_t
find(const struct pins *pins, struct str metric, struct str labels)
{
    size_t i = 0;
    while (i < pins->count &&
           !(str_is(metric, pins->rows[i].metric) && str_is(labels, pins->rows[i].labels))) {
        i++;
    }
    return i;
}

enum pin_result
pins_add(struct pins *pins, struct str metric, struct str labels)
{
    if (metric.n == 0 || metric.n >= PIN_METRIC_BYTES || labels.n >= PIN_LABELS_BYTES) {
        return PIN_TOO_LONG;
    }
    if (find(pins, metric, labels) < pins->count) {
        return PIN_UNCHANGED;
    }
    if (pins->count == PINS_MAX) {
        return PIN_FULL;
    }
    struct pin *pin = &pins->rows[pins->count++];
    str_copy(metric, pin->metric, sizeof(pin->metric));
    str_copy(labels, pin->labels, sizeof(pin->labels));
    pins->changes++;
    return PIN_DONE;
}

enum pin_result
pins_remove(struct pins *pins, const char *metric, const char *labels)
{
    size_t i = find(pins, str_from(metric), str_from(labels));
    if (i == pins->count) {
        return PIN_UNCHANGED;
    }
    pins->count--;
    memmove(&pins->rows[i], &pins->rows[i + 1], (pins->count - i) * sizeof(pins->rows[0]));
    pins->changes++;
    return PIN_DONE;
}

bool
pins_have(const struct pins *pins, const char *metric, const char *labels)
{
    return pins != NULL && find(pins, str_from(metric), str_from(labels)) < pins->count;
}

enum pin_result
pins_add_text(struct pins *pins, struct str text)
{
    struct str rest = str_trim(text), metric = {rest.p, 0};
    str_until(&rest, '{', &metric);
    if (str_ends(rest, "}")) {
        rest.n--;
    }
    return pins_add(pins, str_trim(metric), str_trim(rest));
}

/* What stands after the first dot, unless the name has less than three parts. */
static const char *
name_end(const char *name)
{
    const char *first = strchr(name, '.');
    return first != NULL && strchr(first + 1, '.') != NULL ? first + 1 : name;
}

char *
pin_title(const struct pin *pin, char *dst, size_t size)
{
    char raw[PIN_METRIC_BYTES + PIN_LABELS_BYTES];
    strlcpy(raw, name_end(pin->metric), sizeof(raw));
    struct str rest = str_from(pin->labels), label, key;
    while (str_until(&rest, ',', &label)) {
        char value[PIN_LABELS_BYTES];
        str_until(&label, '=', &key);
        strlcat(raw, " ", sizeof(raw));
        strlcat(raw, str_copy(label, value, sizeof(value)), sizeof(raw));
    }
    utf8_clean(str_from(raw), dst, size);
    return dst;
}
