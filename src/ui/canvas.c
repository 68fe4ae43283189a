/* The canvas. Everything that reaches a cell goes through canvas_put, which is the one place that
 * clips, keeps wide characters whole and maps glyphs.
 *
 * Invariant: a cell with c == 0 stands right of a cell with a character of width 2, and nowhere
 * else. Where a write takes one half of a wide character the other half becomes a blank, even just
 * outside the clip: a popup's edge may cut one, and half a character cannot be shown. */
#include "flametop/ui/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/chart.h"
#include "flametop/core/finding.h"

#define SIZE_MAX_CELLS 1000
#define BRAILLE_FIRST 0x2800u
#define BRAILLE_LAST 0x28FFu
#define BLOCK_EIGHTH 0x2581u /* one eighth; seven more up to the full block */
#define ELLIPSIS 0x2026u

static const struct canvas_cell blank = {.c = ' '};

/* What stands for a character where only ASCII can be shown: runs of code points, by their first.
 */
static const struct ascii_run {
    uint32_t first;
    const char *stand_ins;
} ascii_runs[] = {
    {0x00A0, " !cL?Y|S\"ca<--r-o+23'uP.,1o>????"
             "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTs"
             "aaaaaaaceeeeiiiidnooooo/ouuuuyty"},
    {0x0394, "D"},
    {0x03A3, "S"},
    {0x03BC, "u"},
    {0x2010, "------=_'','\"\"\"\"++*>.:~."},
    {0x2030, "%"},
    {0x2032, "'\""},
    {0x2039, "<>"},
    {0x2190, "<^>v-|\\/\\/"},
    {0x2205, "0"},
    {0x2206, "D"},
    {0x2211, "S-"},
    {0x2248, "~"},
    {0x2260, "#"},
    {0x2264, "<>"},
    {0x22EE, ":~"},
    {0x23F8, "="},
    {0x2500, "--||--||--||"
             "++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++"
             "--||=|"
             "+++++++++++++++++++++++++++++++"
             "/\\X-|-|-|-|-|-|"},
    {0x2580, "\".:-=+*%###===--=.:*\"|..'#%##'%#"},
    {0x25A0, "#o"},
    {0x25AA, ".."},
    {0x25B2, "!^^^>>>>??vvvv<<<<??Xo?*?o??**"},
    {0x2713, "vv?xx"},
    {0x276F, ">"},
};

static uint32_t
ascii_of(uint32_t c)
{
    if (c < 0x80) {
        return c;
    }
    for (size_t i = ARRAY_SIZE(ascii_runs); i-- > 0;) {
        const struct ascii_run *run = &ascii_runs[i];
        if (c >= run->first) {
            bool inside = c - run->first < strlen(run->stand_ins);
            return inside ? (unsigned char)run->stand_ins[c - run->first] : '?';
        }
    }
    return '?';
}

/* Charts fill braille cells from the bottom, so the number of dots is the height in eighths. */
static uint32_t
block_of(uint32_t braille)
{
    int dots = __builtin_popcount(braille - BRAILLE_FIRST);
    return dots == 0 ? ' ' : BLOCK_EIGHTH + (uint32_t)dots - 1;
}

/* Printable ASCII: one cell, in every glyph set itself. */
static bool
is_plain(uint32_t c)
{
    return c >= 0x20 && c < 0x7F;
}

static bool
is_braille(uint32_t c)
{
    return c >= BRAILLE_FIRST && c <= BRAILLE_LAST;
}

/* What may stand in a cell at all: blanks for tabs and ends of lines, '?' for other controls and
 * bad bytes. */
static uint32_t
shown(uint32_t c)
{
    if (is_plain(c)) {
        return c;
    }
    if (c == 0 || c == '\t' || c == '\n' || c == '\r') {
        return ' ';
    }
    bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    return c < 0xA0 || c == UTF8_BAD || c > 0x10FFFF || surrogate ? '?' : c;
}

static uint32_t
mapped(enum glyphs glyphs, uint32_t c)
{
    if (is_braille(c) && glyphs != GLYPHS_BRAILLE) {
        c = block_of(c);
    }
    return glyphs == GLYPHS_ASCII ? ascii_of(c) : c;
}

static struct rect
intersect(struct rect a, struct rect b)
{
    int64_t left = MAX(a.x, b.x), top = MAX(a.y, b.y);
    int64_t right = MIN((int64_t)a.x + a.width, (int64_t)b.x + b.width);
    int64_t bottom = MIN((int64_t)a.y + a.height, (int64_t)b.y + b.height);
    if (right <= left || bottom <= top) {
        return (struct rect){a.x, a.y, 0, 0};
    }
    return (struct rect){(int)left, (int)top, (int)(right - left), (int)(bottom - top)};
}

static bool
inside(const struct canvas *canvas, int x, int y)
{
    const struct rect *clip = &canvas->clip;
    return x >= clip->x && y >= clip->y && x - clip->x < clip->width && y - clip->y < clip->height;
}

static struct canvas_cell *
cell_at(const struct canvas *canvas, int x, int y)
{
    return &canvas->cells[(size_t)y * (size_t)canvas->width + (size_t)x];
}

/* Sets a cell, and blanks the other half of the wide character it may have been part of. */
static void
set(struct canvas *canvas, int x, int y, uint32_t c, struct style style)
{
    struct canvas_cell *cell = cell_at(canvas, x, y);
    if (cell->c == 0 && x > 0) {
        cell[-1].c = ' ';
    }
    if (x + 1 < canvas->width && cell[1].c == 0) {
        cell[1].c = ' ';
    }
    *cell = (struct canvas_cell){.c = c, .style = style};
}

void
canvas_init(struct canvas *canvas)
{
    *canvas = (struct canvas){.glyphs = GLYPHS_BRAILLE, .cursor_x = -1, .cursor_y = -1};
}

void
canvas_done(struct canvas *canvas)
{
    free(canvas->cells);
    canvas_init(canvas);
}

bool
canvas_resize(struct canvas *canvas, int width, int height)
{
    width = CLAMP(width, 1, SIZE_MAX_CELLS);
    height = CLAMP(height, 1, SIZE_MAX_CELLS);
    if (canvas->cells == NULL || width != canvas->width || height != canvas->height) {
        struct canvas_cell *cells = calloc((size_t)width * (size_t)height, sizeof(*cells));
        if (cells == NULL) {
            return false;
        }
        free(canvas->cells);
        canvas->cells = cells;
        canvas->width = width;
        canvas->height = height;
    }
    canvas_clear(canvas);
    return true;
}

void
canvas_clear(struct canvas *canvas)
{
    size_t n = (size_t)canvas->width * (size_t)canvas->height;
    for (size_t i = 0; i < n; i++) {
        canvas->cells[i] = blank;
    }
    canvas->clip = (struct rect){0, 0, canvas->width, canvas->height};
    canvas->cursor_x = canvas->cursor_y = -1;
}

struct rect
canvas_clip(struct canvas *canvas, struct rect clip)
{
    struct rect previous = canvas->clip;
    canvas->clip = intersect(previous, clip);
    return previous;
}

void
canvas_unclip(struct canvas *canvas, struct rect previous)
{
    canvas->clip = intersect(previous, (struct rect){0, 0, canvas->width, canvas->height});
}

void
canvas_put(struct canvas *canvas, int x, int y, uint32_t c, struct style style)
{
    if (is_plain(c) || (is_braille(c) && canvas->glyphs == GLYPHS_BRAILLE)) { /* most are */
        if (inside(canvas, x, y)) {
            set(canvas, x, y, c, style);
        }
        return;
    }
    c = shown(c);
    int width = utf8_width(c);
    c = mapped(canvas->glyphs, c);
    if (width == 0 || x == INT32_MAX) {
        return;
    }
    bool left = inside(canvas, x, y), right = width == 2 && inside(canvas, x + 1, y);
    bool pair =
        left && right && c >= 0x80; /* the stand-in of a wide one is repeated, to keep the width */
    uint32_t alone = width == 2 && (!left || !right) ? ' ' : c;
    if (right) {
        set(canvas, x + 1, y, alone, style);
    }
    if (left) {
        set(canvas, x, y, alone, style);
    }
    if (pair) {
        cell_at(canvas, x + 1, y)->c = 0;
    }
}

/* A row of one character that takes one cell. Only at its ends can halves of wide ones be cut. */
static void
fill_row(struct canvas *canvas, int x, int y, int width, uint32_t c, struct style style)
{
    struct canvas_cell *cells = cell_at(canvas, x, y);
    set(canvas, x, y, c, style);
    set(canvas, x + width - 1, y, c, style);
    for (int i = 1; i + 1 < width; i++) {
        cells[i] = (struct canvas_cell){.c = c, .style = style};
    }
}

void
canvas_fill(struct canvas *canvas, struct rect area, uint32_t c, struct style style)
{
    area = intersect(area, canvas->clip);
    int step = utf8_width(shown(c));
    if (step == 1 && area.width > 0) {
        uint32_t drawn = mapped(canvas->glyphs, shown(c));
        for (int y = area.y; y < area.y + area.height; y++) {
            fill_row(canvas, area.x, y, area.width, drawn, style);
        }
        return;
    }
    step = MAX(1, step);
    for (int y = area.y; y < area.y + area.height; y++) {
        for (int x = area.x; x < area.x + area.width; x += step) {
            bool half = step == 2 && x + 1 == area.x + area.width;
            canvas_put(canvas, x, y, half ? ' ' : c, style);
        }
    }
}

/* How many characters at the front of a text are plain, at most `most`. */
static int
plain_length(struct str text, int most)
{
    int n = 0;
    while (n < most && (size_t)n < text.n && is_plain((unsigned char)text.p[n])) {
        n++;
    }
    return n;
}

/* Cells the text takes, or limit + 1 when it is wider than that. */
static int
text_width(struct str text, int limit)
{
    int used = plain_length(text, limit + 1);
    uint32_t c;
    text.p += used;
    text.n -= (size_t)used;
    while (used <= limit && (c = utf8_next(&text)) != 0) {
        used += utf8_width(shown(c));
    }
    return MIN(used, limit + 1);
}

/* Cells from x that the text may take: what the caller gave it and what the clip leaves. */
static int
room_for(const struct canvas *canvas, int x, int width)
{
    int64_t end = MIN((int64_t)x + width, (int64_t)canvas->clip.x + canvas->clip.width);
    return end <= x ? 0 : (int)MIN(end - x, INT32_MAX - 1);
}

/* Plain characters side by side. Only at their ends can halves of wide ones be cut. */
static void
put_plain(struct canvas *canvas, int x, int y, const char *text, int n, struct style style)
{
    struct rect row = intersect((struct rect){x, y, n, 1}, canvas->clip);
    if (row.width == 0) {
        return;
    }
    text += row.x - x;
    struct canvas_cell *cells = cell_at(canvas, row.x, row.y);
    set(canvas, row.x, row.y, (unsigned char)text[0], style);
    set(canvas, row.x + row.width - 1, row.y, (unsigned char)text[row.width - 1], style);
    for (int i = 1; i + 1 < row.width; i++) {
        cells[i] = (struct canvas_cell){.c = (unsigned char)text[i], .style = style};
    }
}

int
canvas_text(struct canvas *canvas, int x, int y, int width, struct str text, struct style style)
{
    int room = room_for(canvas, x, width);
    if (room == 0) {
        return 0;
    }
    bool cut = text_width(text, room) > room;
    int limit = cut ? room - 1 : room;
    int used = plain_length(text, limit);
    uint32_t c;
    put_plain(canvas, x, y, text.p, used, style);
    text.p += used;
    text.n -= (size_t)used;
    while ((c = utf8_next(&text)) != 0) {
        c = shown(c);
        int cells = utf8_width(c);
        if (used + cells > limit) {
            break;
        }
        if (cells > 0) {
            canvas_put(canvas, x + used, y, c, style);
        }
        used += cells;
    }
    if (cut) {
        canvas_put(canvas, x + used, y, ELLIPSIS, style);
        used++;
    }
    return used;
}

int
canvas_text_right(struct canvas *canvas, int x, int y, int width, struct str text,
                  struct style style)
{
    int limit = CLAMP(width, 0, INT32_MAX - 1);
    int used = MIN(text_width(text, limit), limit);
    int64_t start = (int64_t)x + limit - used;
    if (start > INT32_MAX - 1) {
        return 0;
    }
    return canvas_text(canvas, (int)start, y, used, text, style);
}

int
canvas_printf(struct canvas *canvas, int x, int y, int width, struct style style,
              const char *format, ...)
{
    char text[4 * SIZE_MAX_CELLS + 8];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n <= 0) {
        return 0;
    }
    return canvas_text(canvas, x, y, width, str_from(text), style);
}

void
canvas_restyle(struct canvas *canvas, struct rect area, struct style style)
{
    area = intersect(area, canvas->clip);
    for (int y = area.y; y < area.y + area.height; y++) {
        for (int x = area.x; x < area.x + area.width; x++) {
            cell_at(canvas, x, y)->style = style;
        }
    }
}

/* A background says something of its own (a heat map's half blocks): it stays and gets dimmer. */
void
canvas_dim(struct canvas *canvas, struct rect area)
{
    area = intersect(area, canvas->clip);
    for (int y = area.y; y < area.y + area.height; y++) {
        for (int x = area.x; x < area.x + area.width; x++) {
            struct style *style = &cell_at(canvas, x, y)->style;
            if (style->bg == ROLE_DEFAULT) {
                *style = (struct style){.fg = ROLE_DIM};
            } else if (style->bg != ROLE_SELECT_BG) {
                style->attributes |= CELL_DIM;
            }
        }
    }
}

void
canvas_box(struct canvas *canvas, struct rect area, struct style style)
{
    if (area.width < 2 || area.height < 2 || area.x > INT32_MAX - area.width ||
        area.y > INT32_MAX - area.height) {
        return;
    }
    int right = area.x + area.width - 1, bottom = area.y + area.height - 1;
    canvas_fill(canvas, (struct rect){area.x, area.y, area.width, 1}, 0x2500, style);
    canvas_fill(canvas, (struct rect){area.x, bottom, area.width, 1}, 0x2500, style);
    canvas_fill(canvas, (struct rect){area.x, area.y, 1, area.height}, 0x2502, style);
    canvas_fill(canvas, (struct rect){right, area.y, 1, area.height}, 0x2502, style);
    canvas_put(canvas, area.x, area.y, 0x250C, style);
    canvas_put(canvas, right, area.y, 0x2510, style);
    canvas_put(canvas, area.x, bottom, 0x2514, style);
    canvas_put(canvas, right, bottom, 0x2518, style);
}

void
canvas_dump(const struct canvas *canvas, struct buf *out)
{
    for (int y = 0; y < canvas->height; y++) {
        int width = canvas->width;
        while (width > 0 && cell_at(canvas, width - 1, y)->c == ' ') {
            width--;
        }
        for (int x = 0; x < width; x++) {
            uint32_t c = cell_at(canvas, x, y)->c;
            char bytes[4];
            if (c != 0) {
                buf_add(out, bytes, utf8_put(c, bytes));
            }
        }
        buf_putc(out, '\n');
    }
}

/* Styles in the order they are met, and the letter of each. */
struct legend {
    struct style styles[62];
    size_t n;
};

static const char legend_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static char
legend_letter(struct legend *legend, struct style style)
{
    if (style.fg == ROLE_DEFAULT && style.bg == ROLE_DEFAULT && style.attributes == 0) {
        return '.';
    }
    size_t i = 0;
    while (i < legend->n && memcmp(&legend->styles[i], &style, sizeof(style)) != 0) {
        i++;
    }
    if (i == ARRAY_SIZE(legend->styles)) {
        return '*';
    }
    if (i == legend->n) {
        legend->styles[legend->n++] = style;
    }
    return legend_letters[i];
}

static void
legend_line(char letter, struct style style, struct buf *out)
{
    static const char *const names[] = {"bold", "dim", "reverse", "underline"};
    buf_printf(out, "%c %s on %s", letter, role_name(style.fg), role_name(style.bg));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if ((style.attributes & (1u << i)) != 0) {
            buf_printf(out, " %s", names[i]);
        }
    }
    buf_putc(out, '\n');
}

void
canvas_dump_styles(const struct canvas *canvas, struct buf *out)
{
    struct legend legend = {.n = 0};
    canvas_dump(canvas, out);
    buf_puts(out, "--\n");
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            buf_putc(out, legend_letter(&legend, cell_at(canvas, x, y)->style));
        }
        buf_putc(out, '\n');
    }
    buf_puts(out, "--\n");
    for (size_t i = 0; i < legend.n; i++) {
        legend_line(legend_letters[i], legend.styles[i], out);
    }
}

uint32_t
glyph_level(enum glyphs glyphs, int level)
{
    static const uint32_t signs[] = {[LEVEL_NORMAL] = 0xB7,
                                     [LEVEL_INFO] = 'i',
                                     [LEVEL_WARNING] = 0x25B2,
                                     [LEVEL_CRITICAL] = 0x25C6,
                                     [LEVEL_EMERGENCY] = 0x25A0};
    return level < 0 || (size_t)level >= ARRAY_SIZE(signs) ? '?' : mapped(glyphs, signs[level]);
}

uint32_t
glyph_trend(enum glyphs glyphs, int trend)
{
    static const uint32_t signs[] = {[TREND_UNKNOWN] = ' ',
                                     [TREND_STABLE] = 0x2192,
                                     [TREND_RISING] = 0x2197,
                                     [TREND_FALLING] = 0x2198,
                                     [TREND_VOLATILE] = '~'};
    if (trend < 0 || (size_t)trend >= ARRAY_SIZE(signs)) {
        return ' ';
    }
    /* '>' would read as "greater" beside a number. */
    return glyphs == GLYPHS_ASCII && trend == TREND_STABLE ? '-' : mapped(glyphs, signs[trend]);
}
