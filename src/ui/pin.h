/* Pins: the metrics that somebody wants as cards of the overview, in the order they were pinned. */
#ifndef FLAMETOP_SRC_UI_PIN_H
#define FLAMETOP_SRC_UI_PIN_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"

#define PINS_MAX 8
#define PIN_METRIC_BYTES 128
#define PIN_LABELS_BYTES 160

struct pin {
    char metric[PIN_METRIC_BYTES];
    char labels[PIN_LABELS_BYTES]; /* as in series.labels; "" for all */
};

struct pins {
    struct pin rows[PINS_MAX];
    size_t count;
    unsigned changes; /* counts up with each one */
};

enum pin_result { PIN_DONE, PIN_UNCHANGED, PIN_FULL, PIN_TOO_LONG };

enum pin_result pins_add(struct pins *pins, struct str metric, struct str labels);
enum pin_result pins_remove(struct pins *pins, const char *metric, const char *labels);
bool pins_have(const struct pins *pins, const char *metric, const char *labels);

/* Adds what a configuration says: system.disk.io, or system.disk.io{device=sda,direction=read}. */
enum pin_result pins_add_text(struct pins *pins, struct str text);

/* A title for its card: the end of the metric's name and the values of the labels, "disk.io sda
 * read". Answers dst. */
char *pin_title(const struct pin *pin, char *dst, size_t size);

#endif
