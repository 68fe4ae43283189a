/* One card: what it asks for, its texts, and whether there is one. */
#include "card_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/core/link.h"

#define PENDING_PICTURES 3 /* so long may a card of every machine wait for its first value */

static struct query *
open_formula(struct catalog *catalog, const char *formula)
{
    char why[160];
    return formula != NULL ? query_new_formula(catalog, formula, why, sizeof(why)) : NULL;
}

static struct query *
open_fact(struct catalog *catalog, const struct fact_def *def)
{
    char why[160];
    return def->labels != NULL ? query_new(catalog, def->formula, def->labels, why, sizeof(why))
                               : open_formula(catalog, def->formula);
}

void
card_state_open(struct card_state *state, const struct card_def *def, const char *labels,
                struct catalog *catalog)
{
    reading_open(&state->reading, catalog, def->metric, labels, def->unit);
    if (def->level != NULL) {
        reading_open(&state->level, catalog, def->level, NULL, NULL);
    }
    state->used = open_formula(catalog, def->used);
    state->of = open_formula(catalog, def->of);
    for (size_t i = 0; i < CARD_PARTS_MAX; i++) {
        state->parts[i].query = open_fact(catalog, &def->parts[i]);
    }
    for (size_t i = 0; i < CARD_FACTS_MAX; i++) {
        state->facts[i].query = open_fact(catalog, &def->facts[i]);
    }
}

void
card_state_close(struct card_state *state)
{
    reading_close(&state->reading);
    reading_close(&state->level);
    query_free(state->used);
    query_free(state->of);
    for (size_t i = 0; i < CARD_PARTS_MAX; i++) {
        query_free(state->parts[i].query);
    }
    for (size_t i = 0; i < CARD_FACTS_MAX; i++) {
        query_free(state->facts[i].query);
    }
    *state = (struct card_state){0};
}

/* ---- texts ---- */

/* Whole, and as wide with one digit as with two: what stands beside it keeps its place. */
static void
percent_text(double value, char dst[READING_TEXT])
{
    snprintf(dst, READING_TEXT, "%-2.0f", value * 100);
}

static void
update_fact(struct fact *fact, const struct fact_def *def, const struct panel_context *context)
{
    fact->text[0] = '\0';
    double value = fact->query != NULL ? query_now(fact->query, context->picture) : (double)NAN;
    if (isnan(value)) {
        return;
    }
    if (strcmp(def->unit, "%") == 0) {
        percent_text(value, fact->text);
        return;
    }
    /* Rates without "/s": the card's value says it. */
    bool rate = strcmp(def->unit, "By/s") == 0;
    (rate ? unit_format_short : unit_format)(value, def->unit, context->glyphs == GLYPHS_ASCII,
                                             fact->text, sizeof(fact->text));
}

/* "9.8 of 16.0 GiB": the unit once where both have the same. */
static void
text_of(double used, double of, bool ascii, char dst[READING_TEXT])
{
    char a[READING_TEXT], b[READING_TEXT];
    unit_format(used, "By", ascii, a, sizeof(a));
    unit_format(of, "By", ascii, b, sizeof(b));
    const char *unit_a = strrchr(a, ' '), *unit_b = strrchr(b, ' ');
    bool same = unit_a != NULL && unit_b != NULL && strcmp(unit_a, unit_b) == 0;
    int n = same ? (int)(unit_a - a) : (int)strlen(a);
    /* Two units leave less room for the title. */
    snprintf(dst, READING_TEXT, same ? "%.*s of %.24s" : "%.*s/%.24s", n, a, b);
}

static void
update_value(struct card_state *state, const struct panel_context *context)
{
    bool ascii = context->glyphs == GLYPHS_ASCII;
    double used = state->used != NULL ? query_now(state->used, context->picture) : (double)NAN;
    double of = state->of != NULL ? query_now(state->of, context->picture) : (double)NAN;
    if (context->compact || isnan(used) || isnan(of)) {
        reading_text(&state->reading, ascii, state->value);
        return;
    }
    text_of(used, of, ascii, state->value);
}

static void
update_scale(struct card_state *state, const struct panel_context *context)
{
    char max[READING_TEXT], span[READING_TEXT];
    bool ascii = context->glyphs == GLYPHS_ASCII;
    double top = chart_max(&state->reading.chart);
    if (isnan(top)) {
        state->scale[0] = '\0';
        return;
    }
    unit_format(top, state->reading.unit, ascii, max, sizeof(max));
    snprintf(state->scale, sizeof(state->scale), "max %s %s %s", max, ascii ? "/" : "·",
             span_text(context->span_ns, span));
}

/* "3 h": its first unit is enough for a forecast. */
static void
about_text(double seconds, char dst[READING_TEXT])
{
    unit_format_age(seconds, dst, READING_TEXT);
    char *blank = strchr(dst, ' ');
    blank = blank != NULL ? strchr(blank + 1, ' ') : NULL;
    if (blank != NULL) {
        *blank = '\0';
    }
}

/* The most useful second fact: when it will be full, else the first that is known. */
static void
update_facts(struct card_state *state, const struct card_def *def,
             const struct panel_context *context)
{
    state->fact[0] = '\0';
    double full = def->full != NULL ? reading_reaches(&state->reading, 1) : (double)NAN;
    if (!isnan(full)) {
        char age[READING_TEXT];
        about_text(full, age);
        snprintf(state->fact, sizeof(state->fact), "%s %s", def->full, age);
        return;
    }
    for (size_t i = 0; i < CARD_FACTS_MAX && state->fact[0] == '\0'; i++) {
        if (state->facts[i].query != NULL) {
            update_fact(&state->facts[i], &def->facts[i], context);
            if (state->facts[i].text[0] != '\0') {
                snprintf(state->fact, sizeof(state->fact), "%s %s", def->facts[i].label,
                         state->facts[i].text);
            }
        }
    }
}

void
card_state_update(struct card_state *state, const struct card_def *def,
                  const struct panel_context *context, int cells)
{
    const struct picture *picture = context->picture;
    if (state->picture_number == picture->number && state->picture_ns == picture->mono_ns &&
        state->cells == cells && state->reading.plan.bucket_ns != 0 &&
        state->reading.chart.bucket_ns == strip_plan(MAX(spark_columns(context->glyphs, cells), 1),
                                                     context->span_ns, STRIP_BUCKET_NS_MIN)
                                              .bucket_ns) {
        return;
    }
    state->picture_number = picture->number;
    state->picture_ns = picture->mono_ns;
    state->cells = cells;
    reading_update(&state->reading, context, cells);
    update_value(state, context);
    update_scale(state, context);
    for (size_t i = 0; i < CARD_PARTS_MAX && def->parts[i].formula != NULL; i++) {
        update_fact(&state->parts[i], &def->parts[i], context);
    }
    update_facts(state, def, context);
    if (reading_is_open(&state->level)) {
        state->level.chart.now = query_now(state->level.chart.query, picture);
    }
}

struct card
card_state_card(const struct card_state *state, const struct card_def *def)
{
    uint8_t role = def->role != 0 ? def->role : ROLE_CHART_1;
    const struct reading *level = reading_is_open(&state->level) ? &state->level : &state->reading;
    struct card card = {
        .title = def->title,
        .value = state->value,
        .scale = state->scale,
        .spark = reading_spark(&state->reading, def->scale, role),
        .level = reading_level(level),
        .trend = state->reading.trend,
        .trend_word = reading_trend_word(&state->reading),
        .fact = state->fact,
    };
    for (size_t i = 0; i < CARD_PARTS_MAX; i++) {
        if (state->parts[i].text[0] != '\0') {
            card.parts[card.part_count++] =
                (struct card_part){def->parts[i].label, state->parts[i].text};
        }
    }
    return card;
}

/* ---- whether there is one ---- */

static bool
fits_limit(enum card_limit limit, const struct host *host)
{
    switch (limit) {
    case LIMIT_CPU:
        return host->core_limit > 0;
    case LIMIT_NO_CPU:
        return !(host->core_limit > 0);
    case LIMIT_MEMORY:
        return host->memory_limit > 0;
    case LIMIT_NO_MEMORY:
        return !(host->memory_limit > 0);
    case LIMIT_EITHER:
    default:
        return true;
    }
}

/* Whether what is shown will surely have what every machine has: it is this machine, one with an
 * agent, or one that said so. */
static bool
is_machine(const struct panel_context *context)
{
    const struct picture *picture = context->picture;
    bool here = context->link == NULL && !picture->past;
    bool agent = context->link != NULL && strcmp(context->link->kind, "agent") == 0;
    return here || agent || picture->host.cores > 0;
}

bool
card_state_has_data(struct card_state *state, const struct card_def *def,
                    const struct panel_context *context)
{
    if (!fits_limit(def->limit, &context->picture->host)) {
        return false;
    }
    return reading_is_present(&state->reading, &state->presence, context->picture) ||
           (def->everywhere && reading_is_open(&state->reading) &&
            context->picture->number <= PENDING_PICTURES && is_machine(context));
}
