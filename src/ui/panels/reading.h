/* A reading: one metric (or formula) on screen: its chart, its thresholds, its trend, its texts.
 *
 * Kept from frame to frame, so that a new picture costs the new ticks only. */
#ifndef FLAMETOP_UI_READING_H
#define FLAMETOP_UI_READING_H

#include <stdbool.h>

#include "../widgets/limits.h"
#include "../widgets/spark.h"
#include "../widgets/strip.h"
#include "flametop/core/unit.h"
#include "flametop/ui/panel.h"

#define READING_TEXT 40
#define READING_UNIT 24

enum reading_scale {
    READING_SHARE, /* 0 to 1 */
    READING_NICE,  /* 0 to a round number above the maximum of the span */
};

struct reading {
    struct chart chart; /* query NULL: closed */
    char unit[READING_UNIT];
    enum metric_better better;
    struct limits limits;
    struct strip_plan plan;
    enum trend trend;     /* of full buckets: does not flicker */
    bool in_reach;        /* of a threshold, then: only there a trend is good or bad */
    int64_t trend_bucket; /* it was made at */
};

/* The unit of what a query of the metric answers: counters count a second. Answers dst. */
char *reading_unit(const struct metric *metric, char dst[READING_UNIT]);

/* A metric with labels (NULL or "" for all), or, when there is no metric of that name, a formula
 * with the given unit. False when it is neither: nothing to close then. */
bool reading_open(struct reading *reading, struct catalog *catalog, const char *metric_or_formula,
                  const char *labels, const char *unit);
void reading_close(struct reading *reading);
bool reading_is_open(const struct reading *reading);

/* Brings the chart up to the picture, for this many cells of the context's glyphs. */
void reading_update(struct reading *reading, const struct panel_context *context, int cells);

/* The trend anew, if there is a new full bucket or `anew`. */
void reading_follow_trend(struct reading *reading, bool anew);

/* Whether there was a value in a picture it was asked of: stays once true. Panels ask several times
 * a frame, and a metric that is absent is looked for in all series. */
struct presence {
    bool is;
    uint64_t picture_number;
    int64_t picture_ns;
};

bool reading_is_present(const struct reading *reading, struct presence *presence,
                        const struct picture *picture);

/* Whether there is anything in the chart. */
bool reading_has_data(const struct reading *reading);

/* The top of a scale for this maximum: round in the unit's own steps (1,024 for bytes), 1 for
 * shares. */
double reading_top(const char *unit, double max);

enum level reading_level(const struct reading *reading);
const char *reading_trend_word(const struct reading *reading);
struct spark reading_spark(const struct reading *reading, enum reading_scale scale, uint8_t role);

/* The value now, with its unit. Answers dst. */
char *reading_text(const struct reading *reading, bool ascii, char dst[READING_TEXT]);

/* Seconds until the value reaches `top`, by the line through the buckets; NaN unless it rises
 * steadily and that is not further away than the history seen allows to say (10 times its length).
 */
double reading_reaches(const struct reading *reading, double top);

/* Changes when a source's series do: what was looked up by labels is then looked up anew. */
uint64_t picture_signature(const struct picture *picture);

#endif
