/* The cards of the overview: what is on them is a table (cards_table.c); a card without data is
 * not drawn and the others take its room. Where none of the table has data, as of a server of a
 * kind nobody knows, they are made of the metrics that tell most. The compact form is one line a
 * card. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../pin.h"
#include "flametop/ui/term.h"
#include "card_state.h"
#include "cards.h"
#include "panels.h"
#include "telling.h"

#define CARDS_OWN_MAX (PINS_MAX + TELLING_MAX) /* besides those of the table */
#define CARDS_SHOWN_MAX (CARDS_MAX + CARDS_OWN_MAX)
#define CARD_HEIGHT 6
#define CARD_ROWS 2
#define LINES_MAX 6
#define TITLE_WIDTH_OWN 17 /* in a line, of names that nobody shortened */

/* A card that is not of the table: somebody pinned it, or it tells most. */
struct own_card {
    struct card_def def; /* points into the rest, into pins and what is told */
    struct pin pin;      /* of a pinned one; labels "" of others */
    char title[READING_TEXT], formula[2 * READING_TEXT + 200], unit[READING_UNIT];
};

/* Cards are numbered: those of the table, the pinned ones, those that tell. */
struct cards {
    const struct card_set *set;
    struct catalog *catalog;
    struct card_state states[CARDS_MAX + CARDS_OWN_MAX];
    struct own_card own[CARDS_OWN_MAX];
    size_t pinned_count, told_count;
    struct telling telling;
    unsigned pin_changes;  /* as of the pins these are of */
    unsigned told_changes; /* the same of what is told */
    size_t track_count;    /* of the picture the queries were opened for */
    int shown[CARDS_SHOWN_MAX], shown_count;
    struct rect areas[CARDS_SHOWN_MAX]; /* of the shown ones, as last drawn */
    int selected;                       /* among the shown */
};

static void *
open_set(struct catalog *catalog, const struct card_set *set)
{
    struct cards *cards = calloc(1, sizeof(*cards));
    if (cards != NULL) {
        cards->set = set;
        cards->catalog = catalog;
    }
    return cards;
}

static void *
cards_open(struct catalog *catalog)
{
    return open_set(catalog, &machine_cards);
}

static void *
node_cards_open(struct catalog *catalog)
{
    return open_set(catalog, &node_cards);
}

static void
close_states(struct cards *cards)
{
    for (size_t i = 0; i < ARRAY_SIZE(cards->states); i++) {
        card_state_close(&cards->states[i]);
    }
}

static void
cards_close(void *state)
{
    struct cards *cards = state;
    if (cards != NULL) {
        close_states(cards);
        free(cards);
    }
}

static const struct own_card *
own_of(const struct cards *cards, int card)
{
    int count = (int)cards->set->count;
    return card < count ? NULL : &cards->own[card - count];
}

static const struct card_def *
def_of(const struct cards *cards, int card)
{
    const struct own_card *own = own_of(cards, card);
    return own != NULL ? &own->def : &cards->set->defs[card];
}

static const char *
labels_of(const struct cards *cards, int card)
{
    const struct own_card *own = own_of(cards, card);
    return own != NULL ? own->pin.labels : "";
}

static bool
is_pinned(const struct cards *cards, int card)
{
    int count = (int)cards->set->count;
    return card >= count && card < count + (int)cards->pinned_count;
}

static void
take_pin(struct cards *cards, struct own_card *own, const struct pin *pin)
{
    const struct metric *metric = catalog_metric(cards->catalog, pin->metric);
    bool is_share = metric != NULL && strcmp(metric->unit, "1") == 0;
    *own = (struct own_card){.pin = *pin};
    pin_title(&own->pin, own->title, sizeof(own->title));
    own->def = (struct card_def){
        .title = own->title,
        .metric = own->pin.metric,
        .scale = is_share ? READING_SHARE : READING_NICE,
        .role = ROLE_CHART_4,
    };
}

/* Cards side by side differ in colour. */
static uint8_t
role_of(size_t place)
{
    static const uint8_t roles[] = {ROLE_CHART_1, ROLE_CHART_2, ROLE_CHART_3,
                                    ROLE_CHART_4, ROLE_CHART_5, ROLE_CHART_6};
    return roles[place % ARRAY_SIZE(roles)];
}

static void
take_told(struct own_card *own, const struct told *told, size_t place)
{
    const struct metric *metric = told->metric;
    *own = (struct own_card){.pin = {.labels = ""}};
    str_copy(str_from(told->title), own->title, sizeof(own->title));
    own->def = (struct card_def){
        .title = own->title,
        .metric = metric->name,
        .scale = strcmp(metric->unit, "1") == 0 ? READING_SHARE : READING_NICE,
        .role = role_of(place),
    };
    if (told->count != NULL) {
        snprintf(own->formula, sizeof(own->formula), "%s / %s", metric->name, told->count->name);
        str_copy(str_from(metric->unit), own->unit, sizeof(own->unit));
        own->def.metric = own->formula;
        own->def.unit = own->unit;
        own->def.opens = metric->name;
        return;
    }
    reading_unit(metric, own->unit);
    for (size_t i = 0; i < told->part_count; i++) {
        own->def.parts[i] =
            (struct fact_def){told->parts[i].label, metric->name, own->unit, told->parts[i].labels};
    }
}

/* A new source may bring metrics that were unknown when the queries were made; pins come and go,
 * and so does what is told. */
static void
follow_sources(struct cards *cards, const struct panel_context *context)
{
    const struct pins *pins = cards->set->own ? context->pins : NULL;
    unsigned pin_changes = pins != NULL ? pins->changes : 0;
    if (cards->track_count == context->picture->track_count && cards->pin_changes == pin_changes &&
        cards->told_changes == cards->telling.changes) {
        return;
    }
    close_states(cards);
    cards->track_count = context->picture->track_count;
    cards->pin_changes = pin_changes;
    cards->told_changes = cards->telling.changes;
    cards->pinned_count = pins != NULL ? pins->count : 0;
    cards->told_count = cards->telling.count;
    for (size_t i = 0; i < cards->pinned_count; i++) {
        take_pin(cards, &cards->own[i], &pins->rows[i]);
    }
    for (size_t i = 0; i < cards->told_count; i++) {
        take_told(&cards->own[cards->pinned_count + i], &cards->telling.list[i], i);
    }
    for (int i = 0; i < (int)(cards->set->count + cards->pinned_count + cards->told_count); i++) {
        card_state_open(&cards->states[i], def_of(cards, i), labels_of(cards, i), cards->catalog);
    }
}

/* ---- which and where ---- */

static void
choose_from(struct cards *cards, const struct panel_context *context, size_t from, size_t to,
            int max)
{
    for (size_t i = from; i < to && cards->shown_count < max; i++) {
        if (card_state_has_data(&cards->states[i], def_of(cards, (int)i), context)) {
            cards->shown[cards->shown_count++] = (int)i;
        }
    }
}

static void
choose_from_table(struct cards *cards, const struct panel_context *context, int max)
{
    size_t first = 0, own = cards->set->count;
    while (first < own && cards->set->defs[first].everywhere) {
        first++;
    }
    choose_from(cards, context, 0, first, max);
    choose_from(cards, context, own, own + cards->pinned_count, max);
    choose_from(cards, context, first, own, max);
}

static bool
has_any_of_table(const struct cards *cards)
{
    for (int i = 0; i < cards->shown_count; i++) {
        if (own_of(cards, cards->shown[i]) == NULL) {
            return true;
        }
    }
    return false;
}

/* Finds the first `max` cards with data: what every machine has, what was pinned, the others; and
 * what tells most where there is none of these. */
static void
choose(struct cards *cards, const struct panel_context *context, int max)
{
    size_t told = cards->set->count + cards->pinned_count;
    follow_sources(cards, context);
    cards->shown_count = 0;
    choose_from_table(cards, context, MAX(max, PINS_MAX + 1)); /* not of pinned ones alone */
    if (cards->set->own && !has_any_of_table(cards)) {
        telling_update(&cards->telling, context->picture);
        follow_sources(cards, context);
        told = cards->set->count + cards->pinned_count;
        choose_from(cards, context, told, told + cards->told_count, CARDS_SHOWN_MAX);
    }
    cards->shown_count = MIN(cards->shown_count, max);
}

/* Those that are drawn: the selected one is among them. */
static void
choose_drawn(struct cards *cards, const struct panel_context *context, int max)
{
    choose(cards, context, max);
    cards->selected = CLAMP(cards->selected, 0, MAX(cards->shown_count - 1, 0));
}

static int
columns_at(int width)
{
    return MAX(width / CARD_WIDTH_MIN, 1);
}

/* Asked more than once a frame, also after it was drawn: what commands and the mouse are about
 * stays. */
static bool
cards_have_data(void *state, const struct panel_context *context)
{
    struct cards *cards = state;
    int shown[CARDS_SHOWN_MAX], count = cards->shown_count;
    memcpy(shown, cards->shown, sizeof(shown));
    choose(cards, context, 1);
    bool any = cards->shown_count > 0;
    memcpy(cards->shown, shown, sizeof(shown));
    cards->shown_count = count;
    return any;
}

static int
cards_height(void *state, const struct panel_context *context, int width)
{
    struct cards *cards = state;
    if (context->compact) {
        choose(cards, context, LINES_MAX);
        return cards->shown_count;
    }
    int columns = columns_at(width);
    choose(cards, context, MIN(CARD_ROWS * columns, CARDS_SHOWN_MAX));
    return CARD_HEIGHT * ((cards->shown_count + columns - 1) / columns);
}

/* Cards in rows of nearly equal length; the widths of a row tile it exactly. */
static void
arrange(struct cards *cards, struct rect area, int rows)
{
    int count = cards->shown_count, columns = (count + rows - 1) / rows;
    for (int i = 0, row = 0; row < rows; row++) {
        int n = MIN(columns, count - i);
        int top = area.height * row / rows, bottom = area.height * (row + 1) / rows;
        for (int j = 0; j < n; j++, i++) {
            int left = area.width * j / n, right = area.width * (j + 1) / n;
            cards->areas[i] =
                (struct rect){area.x + left, area.y + top, right - left, bottom - top};
        }
    }
}

static void
draw_lines(struct cards *cards, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    choose_drawn(cards, context, MIN(area.height, CARDS_SHOWN_MAX));
    for (int i = 0; i < cards->shown_count; i++) {
        struct card_state *state = &cards->states[cards->shown[i]];
        const struct card_def *def = def_of(cards, cards->shown[i]);
        int title_width = own_of(cards, cards->shown[i]) != NULL ? TITLE_WIDTH_OWN : 0;
        card_state_update(state, def, context, card_line_chart(area.width, title_width));
        struct card card = card_state_card(state, def);
        card.title_width = title_width;
        card.focused = focused && i == cards->selected;
        cards->areas[i] = (struct rect){area.x, area.y + i, area.width, 1};
        card_draw_line(canvas, area.x, area.y + i, area.width, &card);
    }
}

static void
cards_draw(void *state, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    struct cards *cards = state;
    int rows_max = area.height / CARD_HEIGHT_MIN, columns = columns_at(area.width);
    if (context->compact || rows_max == 0) {
        draw_lines(cards, context, canvas, area, focused);
    } else {
        choose_drawn(cards, context, MIN(rows_max * columns, CARDS_SHOWN_MAX));
        int rows = MAX((cards->shown_count + columns - 1) / columns, 1);
        arrange(cards, area, rows);
        for (int i = 0; i < cards->shown_count; i++) {
            struct card_state *one = &cards->states[cards->shown[i]];
            const struct card_def *def = def_of(cards, cards->shown[i]);
            card_state_update(one, def, context, card_chart(cards->areas[i]).width);
            struct card card = card_state_card(one, def);
            card.focused = focused && i == cards->selected;
            card_draw(canvas, cards->areas[i], &card);
        }
    }
    if (focused && cards->shown_count > 0) {
        canvas->cursor_x = cards->areas[cards->selected].x;
        canvas->cursor_y = cards->areas[cards->selected].y;
    }
}

/* ---- commands ---- */

/* The nearest card in a direction, by the middle of their areas; the present one when there is
 * none. */
static int
neighbour(const struct cards *cards, int dx, int dy)
{
    const struct rect *from = &cards->areas[cards->selected];
    int best = cards->selected, best_distance = INT32_MAX;
    for (int i = 0; i < cards->shown_count; i++) {
        const struct rect *to = &cards->areas[i];
        int x = to->x + to->width / 2 - from->x - from->width / 2, y = to->y - from->y;
        bool ahead = dx != 0 ? x * dx > 0 && y == 0 : y * dy > 0;
        int distance = abs(x) + 1000 * abs(y);
        if (ahead && distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}

static enum reaction
cards_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    (void)argument;
    struct cards *cards = state;
    static const struct {
        const char *name;
        int dx, dy;
    } moves[] = {
        {"move.left", -1, 0}, {"move.right", 1, 0}, {"move.up", 0, -1}, {"move.down", 0, 1}};
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        if (strcmp(name, moves[i].name) == 0) {
            cards->selected =
                cards->shown_count > 0 ? neighbour(cards, moves[i].dx, moves[i].dy) : 0;
            return REACTION_HANDLED;
        }
    }
    if (strcmp(name, "move.first") == 0 || strcmp(name, "move.last") == 0) {
        cards->selected = strcmp(name, "move.first") == 0 ? 0 : MAX(cards->shown_count - 1, 0);
        return REACTION_HANDLED;
    }
    if (strcmp(name, "open") == 0 && cards->shown_count > 0) {
        int card = cards->shown[cards->selected];
        const struct card_def *def = def_of(cards, card);
        panel_open_chart(context, def->opens != NULL ? def->opens : def->metric,
                         labels_of(cards, card));
        return REACTION_HANDLED;
    }
    if (strcmp(name, "unpin") == 0 && cards->shown_count > 0) {
        int card = cards->shown[cards->selected];
        if (is_pinned(cards, card)) {
            panel_pin(context, def_of(cards, card)->metric, labels_of(cards, card), false);
        } else {
            panel_say(context, "only cards that were pinned in Metrics (view 9) can be taken off");
        }
        return REACTION_HANDLED;
    }
    return REACTION_NONE;
}

static enum reaction
cards_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct cards *cards = state;
    for (int i = 0; i < cards->shown_count; i++) {
        const struct rect *area = &cards->areas[i];
        if (x < area->x || x >= area->x + area->width || y < area->y ||
            y >= area->y + area->height) {
            continue;
        }
        if (button == TERM_CLICK) {
            cards->selected = i;
            return REACTION_HANDLED;
        }
        if (button == TERM_DOUBLE_CLICK) {
            cards->selected = i;
            return cards_command(cards, context, "open", "");
        }
    }
    return REACTION_NONE;
}

static void
cards_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    const struct cards *cards = state;
    size_t count = cards->set->own && context->pins != NULL ? context->pins->count : 0;
    for (size_t i = 0; i < count; i++) {
        interest_in_metric(interest, catalog_metric(cards->catalog, context->pins->rows[i].metric));
    }
}

const struct panel panel_cards = {
    .name = "cards",
    .title = "Cards",
    .open = cards_open,
    .close = cards_close,
    .has_data = cards_have_data,
    .height = cards_height,
    .draw = cards_draw,
    .command = cards_command,
    .interest = cards_interest,
    .mouse = cards_mouse,
};

const struct panel panel_node_cards = {
    .name = "node-cards",
    .title = "Node",
    .open = node_cards_open,
    .close = cards_close,
    .has_data = cards_have_data,
    .height = cards_height,
    .draw = cards_draw,
    .command = cards_command,
    .mouse = cards_mouse,
};
