/* Cursors of lists. */
#include "list.h"

#include <string.h>

#include "flametop/base/macros.h"

bool
list_move(const char *name, size_t count, size_t page, size_t *at)
{
    size_t last = MAX(count, (size_t)1) - 1;
    const struct {
        const char *name;
        size_t to;
    } moves[] = {{"move.up", *at - (*at > 0)},
                 {"move.down", *at + 1},
                 {"move.page.up", *at - MIN(*at, page)},
                 {"move.page.down", *at + page},
                 {"move.first", 0},
                 {"move.last", last}};
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        if (strcmp(moves[i].name, name) == 0) {
            *at = MIN(moves[i].to, last);
            return true;
        }
    }
    return false;
}

size_t
list_first(size_t first, size_t at, size_t count, size_t room)
{
    size_t most = count > room ? count - room : 0;
    if (at < first) {
        first = at;
    } else if (room > 0 && at >= first + room) {
        first = at - room + 1;
    }
    return MIN(first, most);
}
