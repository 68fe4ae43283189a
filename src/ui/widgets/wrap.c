/* Wrapping: each row takes as many words as fit; a word longer than a row is cut where the row
 * ends. */
#include "wrap.h"

#include "flametop/base/utf8.h"

size_t
wrap_row_bytes(struct str text, int width)
{
    struct str rest = text;
    size_t end = 0, blank = 0;
    int used = 0;
    while (rest.n > 0) {
        size_t at = (size_t)(rest.p - text.p);
        uint32_t c = utf8_next(&rest);
        used += utf8_width(c);
        blank = c == ' ' ? at : blank;
        if (used > width) {
            break;
        }
        end = (size_t)(rest.p - text.p);
    }
    size_t cut = end == text.n || blank == 0 ? end : blank;
    return MAX(cut, 1);
}

/* Takes the next row off the text, and the blanks behind it. */
static struct str
next_row(struct str *text, int width)
{
    size_t n = wrap_row_bytes(*text, width);
    struct str row = {text->p, n};
    while (n < text->n && text->p[n] == ' ') {
        n++;
    }
    *text = (struct str){text->p + n, text->n - n};
    return row;
}

int
wrap_rows(struct str text, int width)
{
    int rows = 0;
    for (; width > 0 && text.n > 0; rows++) {
        next_row(&text, width);
    }
    return rows;
}

int
wrap_draw(struct canvas *canvas, struct rect area, struct str text, struct style style)
{
    int row = 0;
    for (; row < area.height && area.width > 0 && text.n > 0; row++) {
        struct str all = text, line = next_row(&text, area.width);
        canvas_text(canvas, area.x, area.y + row, area.width, row == area.height - 1 ? all : line,
                    style);
    }
    return row;
}
