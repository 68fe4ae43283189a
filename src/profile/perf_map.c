/* "7f1c3a2b4000 1c0 name with blanks", in hexadecimal, one function a line. */
#include "perf_map.h"

#include <string.h>

#include "hex.h"

static void
add_line(struct symbols *symbols, struct str line)
{
    uint64_t at, size;
    line = str_trim(line);
    if (!hex_take(&line, &at)) {
        return;
    }
    line = str_trim(line);
    if (!hex_take(&line, &size) || size == 0) {
        return;
    }
    line = str_trim(line);
    if (line.n > 0) {
        symbols_add(symbols, at, size, 0, line);
    }
}

size_t
perf_map_add(struct symbols *symbols, struct str text)
{
    size_t used = 0;
    const char *end;
    while ((end = memchr(text.p + used, '\n', text.n - used)) != NULL) {
        size_t n = (size_t)(end - text.p) - used;
        add_line(symbols, (struct str){text.p + used, n});
        used += n + 1;
    }
    return used;
}
