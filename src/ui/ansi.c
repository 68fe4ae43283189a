/* A canvas with SGR sequences (ECMA-48). */
#include "flametop/ui/ansi.h"

#include <string.h>

#include "flametop/base/utf8.h"

static void
put_colour(struct buf *out, int layer, uint32_t rgb)
{
    buf_printf(out, ";%d;2;%u;%u;%u", layer, rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255);
}

static void
put_style(struct buf *out, const struct theme *theme, struct style style)
{
    static const struct {
        unsigned attribute, code;
    } codes[] = {{CELL_BOLD, 1}, {CELL_DIM, 2}, {CELL_UNDERLINE, 4}, {CELL_REVERSE, 7}};
    unsigned attributes = style.attributes | theme->attributes[style.fg];
    buf_puts(out, "\033[0");
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (attributes & codes[i].attribute) {
            buf_printf(out, ";%u", codes[i].code);
        }
    }
    if (!theme->mono && theme->colour[style.fg] != THEME_NO_COLOUR) {
        put_colour(out, 38, theme->colour[style.fg]);
    }
    if (!theme->mono && theme->colour[style.bg] != THEME_NO_COLOUR && style.bg != ROLE_DEFAULT) {
        put_colour(out, 48, theme->colour[style.bg]);
    }
    buf_putc(out, 'm');
}

/* Cells up to the last one that shows. */
static int
row_end(const struct canvas_cell *row, int width)
{
    while (width > 0 && row[width - 1].c == ' ' && row[width - 1].style.bg == ROLE_DEFAULT &&
           (row[width - 1].style.attributes & (CELL_REVERSE | CELL_UNDERLINE)) == 0) {
        width--;
    }
    return width;
}

void
ansi_write(const struct canvas *canvas, const struct theme *theme, struct buf *out)
{
    for (int y = 0; y < canvas->height; y++) {
        const struct canvas_cell *row = canvas->cells + (size_t)y * (size_t)canvas->width;
        int end = row_end(row, canvas->width);
        for (int x = 0; x < end; x++) {
            if (x == 0 || memcmp(&row[x].style, &row[x - 1].style, sizeof(row[x].style)) != 0) {
                put_style(out, theme, row[x].style);
            }
            if (row[x].c != 0) {
                char bytes[4];
                buf_add(out, bytes, utf8_put(row[x].c, bytes));
            }
        }
        buf_puts(out, end > 0 ? "\033[0m\n" : "\n");
    }
}
