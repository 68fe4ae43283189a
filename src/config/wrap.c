/* Greedy line filling. */
#include "wrap.h"

#include <string.h>

#include "flametop/base/str.h"
#include "flametop/base/utf8.h"

void
wrap_text(struct buf *out, const char *text, size_t at, const char *indent, size_t width)
{
    struct str rest = str_from(text), word;
    size_t start = strlen(indent);
    bool fresh = true;
    while (str_word(&rest, &word)) {
        size_t cells = utf8_text_width(word);
        if (!fresh && at + 1 + cells > width) {
            buf_printf(out, "\n%s", indent);
            at = start;
            fresh = true;
        }
        if (!fresh) {
            buf_putc(out, ' ');
            at++;
        }
        buf_add(out, word.p, word.n);
        at += cells;
        fresh = false;
    }
}
