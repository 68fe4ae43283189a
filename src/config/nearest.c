/* Edit distance in three rows. */
#include "flametop/config/nearest.h"

#include <string.h>

#include "flametop/base/macros.h"

#define LENGTH_MAX 64

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

unsigned
nearest_distance(struct str a, struct str b)
{
    if (a.n > LENGTH_MAX || b.n > LENGTH_MAX) {
        return (unsigned)MIN(MAX(a.n, b.n), (size_t)1 << 16);
    }
    unsigned rows[3][LENGTH_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++) {
        last[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.p[i - 1]), y = lower(b.p[j - 1]);
            unsigned edits = MIN(MIN(last[j] + 1, row[j - 1] + 1), last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.p[j - 2]) && lower(a.p[i - 2]) == y) {
                edits = MIN(edits, before[j - 2] + 1);
            }
            row[j] = edits;
        }
        unsigned *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.n];
}

void
nearest_init(struct nearest *nearest, struct str wanted)
{
    /* A third of the letters may be wrong; short words need at least one edit of room. */
    *nearest = (struct nearest){wanted, NULL, (unsigned)MIN(wanted.n / 3 + 1, (size_t)LENGTH_MAX)};
}

void
nearest_try(struct nearest *nearest, const char *name)
{
    unsigned distance = nearest_distance(nearest->wanted, str_from(name));
    if (distance < nearest->distance || (distance == nearest->distance && nearest->best == NULL)) {
        nearest->best = name;
        nearest->distance = distance;
    }
}
