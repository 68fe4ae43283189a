/* Cards and frames. */
#include "card.h"

#include <string.h>

#include "flametop/base/utf8.h"

#define TITLE_WIDTH 12
#define VALUE_WIDTH 10
#define WORD_WIDTH 10
#define CHART_MIN 6    /* cells of a chart in a line: fewer show nothing */
#define CHART_SHORT 16 /* where the parts have to go for it */

static const struct style style_dim = {ROLE_DIM, 0, 0};
static const struct style style_text = {ROLE_TEXT, 0, 0};
static const struct style style_value = {ROLE_VALUE, 0, CELL_BOLD};

static int
text_width(const char *text)
{
    return text != NULL ? (int)utf8_text_width(str_from(text)) : 0;
}

static struct style
border_style(bool focused)
{
    return (struct style){focused ? ROLE_BORDER_FOCUS : ROLE_BORDER, 0, 0};
}

/* A text inside an edge, with a blank on both sides. */
static int
edge_text(struct canvas *canvas, int x, int y, int width, const char *text, struct style style)
{
    if (width < 3 || text == NULL || text[0] == '\0') {
        return 0;
    }
    canvas_put(canvas, x, y, ' ', style_text);
    int n = canvas_text(canvas, x + 1, y, width - 2, str_from(text), style);
    canvas_put(canvas, x + 1 + n, y, ' ', style_text);
    return n + 2;
}

static int
edge_text_right(struct canvas *canvas, int x, int y, int width, const char *text,
                struct style style)
{
    int n = text_width(text);
    if (n == 0 || n + 2 > width) {
        return edge_text(canvas, x, y, n == 0 ? 0 : width, text, style);
    }
    return edge_text(canvas, x + width - n - 2, y, n + 2, text, style);
}

void
frame_draw(struct canvas *canvas, struct rect area, const char *title, const char *right,
           bool focused)
{
    canvas_box(canvas, area, border_style(focused));
    int room = area.width - 2;
    int used = edge_text_right(canvas, area.x + 1, area.y, room, right, style_value);
    edge_text(canvas, area.x + 1, area.y, room - used, title,
              (struct style){ROLE_TITLE, 0, focused ? CELL_BOLD : 0});
}

int
frame_note(struct canvas *canvas, struct rect area, const char *text, bool right,
           struct style style)
{
    int y = area.y + area.height - 1;
    return right ? edge_text_right(canvas, area.x + 1, y, area.width - 2, text, style)
                 : edge_text(canvas, area.x + 1, y, area.width - 2, text, style);
}

struct rect
card_chart(struct rect area)
{
    return (struct rect){area.x + 1, area.y + 1, MAX(area.width - 2, 0), MAX(area.height - 3, 0)};
}

/* Blanks at the end of a value keep the places of what follows, where there is room for them. */
static struct str
part_value(const struct card_part *part, bool padded)
{
    struct str value = part->value != NULL ? str_from(part->value) : (struct str){NULL, 0};
    while (!padded && value.n > 0 && value.p[value.n - 1] == ' ') {
        value.n--;
    }
    return value;
}

static int
part_width(const struct card_part *part, bool padded)
{
    int label = text_width(part->label);
    int value = (int)utf8_text_width(part_value(part, padded));
    return label + (label > 0 && value > 0 ? 1 : 0) + value;
}

/* How many parts fit whole, `apart` cells between them. */
static size_t
parts_fit(const struct card *card, int width, int apart, bool padded)
{
    int at = 0;
    size_t count = 0;
    while (count < card->part_count) {
        bool last = count + 1 == card->part_count;
        int gap = count > 0 ? apart : 0, part = part_width(&card->parts[count], padded && !last);
        if (at + gap + part > width) {
            break;
        }
        at += gap + part;
        count++;
    }
    return count;
}

/* Parts that fit whole, labels dim and values plain; nearer to each other where the last would
 * touch the frame, which stands right of them. */
static void
draw_parts(struct canvas *canvas, int x, int y, int width, bool framed, const struct card *card)
{
    size_t count = parts_fit(card, width, 2, false);
    width -= framed;
    int apart = parts_fit(card, width, 2, false) == count ? 2 : 1;
    count = MIN(count, parts_fit(card, width, apart, false));
    bool padded = parts_fit(card, width, apart, true) == count;
    for (size_t i = 0; i < count; i++) {
        const struct card_part *part = &card->parts[i];
        struct str value = part_value(part, padded && i + 1 < count);
        int label =
            canvas_text(canvas, x, y, text_width(part->label), str_from(part->label), style_dim);
        x += label + (label > 0 && value.n > 0 ? 1 : 0);
        x += apart + canvas_text(canvas, x, y, (int)utf8_text_width(value), value, style_text);
    }
}

/* Level sign, trend sign and word. Answers the cells used. */
static int
draw_state(struct canvas *canvas, int x, int y, int width, const struct card *card)
{
    struct style style = {level_role(card->level), 0,
                          card->level >= LEVEL_CRITICAL ? CELL_BOLD : 0};
    if (width < 5) {
        return 0;
    }
    bool trend = card->trend_word != NULL && card->trend != TREND_UNKNOWN;
    int cells = trend ? MIN(4 + text_width(card->trend_word), width) : 1;
    canvas_fill(canvas, (struct rect){x, y, cells, 1}, ' ', style_text);
    canvas_put(canvas, x, y, glyph_level(canvas->glyphs, (int)card->level), style);
    if (!trend) {
        return cells;
    }
    canvas_put(canvas, x + 2, y, glyph_trend(canvas->glyphs, (int)card->trend), style);
    return 4 + canvas_text(canvas, x + 4, y, width - 4, str_from(card->trend_word),
                           card->level == LEVEL_NORMAL ? style_dim : style);
}

static void
draw_bottom(struct canvas *canvas, struct rect area, const struct card *card)
{
    int y = area.y + area.height - 1, room = area.width - 4;
    canvas_put(canvas, area.x + 1, y, ' ', style_text);
    int used = draw_state(canvas, area.x + 2, y, room, card);
    canvas_put(canvas, area.x + 2 + used, y, ' ', style_text);
    int fact = text_width(card->fact);
    if (fact > 0 && used + fact + 1 <= room) {
        edge_text_right(canvas, area.x + 1, y, area.width - 2, card->fact, style_text);
    }
}

void
card_draw(struct canvas *canvas, struct rect area, const struct card *card)
{
    struct rect clip = canvas_clip(canvas, area);
    frame_draw(canvas, area, card->title, card->value, card->focused);
    struct rect chart = card_chart(area);
    spark_draw(canvas, chart, &card->spark);
    if (chart.height > 0) {
        edge_text(canvas, chart.x, chart.y, chart.width, card->scale, style_dim);
    }
    if (area.height >= 3) {
        draw_parts(canvas, area.x + 2, area.y + area.height - 2, area.width - 3, true, card);
    }
    if (area.height >= 2) {
        draw_bottom(canvas, area, card);
    }
    canvas_unclip(canvas, clip);
}

int
card_line_chart(int width, int title_width)
{
    int room = width - (1 + (title_width > 0 ? title_width : TITLE_WIDTH) + VALUE_WIDTH + 2);
    int beside = room - 40; /* the trend in words and the parts as well */
    int alone = room - (2 + 4 + WORD_WIDTH + 1);
    return beside >= CHART_MIN ? MIN(beside, 40) : alone >= CHART_MIN ? MIN(alone, CHART_SHORT) : 0;
}

void
card_draw_line(struct canvas *canvas, int x, int y, int width, const struct card *card)
{
    struct rect clip = canvas_clip(canvas, (struct rect){x, y, width, 1});
    int end = x + width, chart = card_line_chart(width, card->title_width);
    int at = x + 1, title_width = card->title_width > 0 ? card->title_width : TITLE_WIDTH;
    struct style title = {ROLE_TITLE, 0, card->focused ? CELL_REVERSE : 0};
    canvas_text(canvas, at, y, MIN(title_width, end - at), str_from(card->title), title);
    at += title_width;
    canvas_text_right(canvas, at, y, CLAMP(end - at, 0, VALUE_WIDTH), str_from(card->value),
                      style_value);
    at += VALUE_WIDTH + 2;
    if (chart > 0) {
        spark_draw(canvas, (struct rect){at, y, chart, 1}, &card->spark);
        at += chart + 2;
    }
    draw_state(canvas, at, y, MIN(end - at, 4 + WORD_WIDTH), card);
    at += 4 + WORD_WIDTH + 1;
    if (at < end) {
        draw_parts(canvas, at, y, end - at - 1, false, card);
    }
    canvas_unclip(canvas, clip);
}
