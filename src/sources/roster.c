/* Rosters.
 *
 * Invariant: items[0 .. count) have names; those before the position last asked for are in the
 * order of the file, those behind it in an older order. */
#include "roster.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void
roster_init(struct roster *roster, size_t item_bytes, size_t count_max)
{
    *roster = (struct roster){.item_bytes = item_bytes, .count_max = count_max};
}

void
roster_done(struct roster *roster)
{
    free(roster->items);
    roster_init(roster, roster->item_bytes, roster->count_max);
}

void *
roster_at(const struct roster *roster, size_t index)
{
    return roster->items + index * roster->item_bytes;
}

static bool
is_named(const struct roster *roster, size_t index, struct str name)
{
    const struct roster_name *item = roster_at(roster, index);
    return item->n == name.n && memcmp(item->text, name.p, name.n) == 0;
}

static bool
grow(struct roster *roster)
{
    size_t capacity = roster->capacity == 0 ? 16 : roster->capacity * 2;
    char *items = reallocarray(roster->items, capacity, roster->item_bytes);
    if (items == NULL) {
        return false;
    }
    roster->items = items;
    roster->capacity = capacity;
    return true;
}

/* Makes room at `index`; the old item there moves to the end, where roster_end drops it or a later
 * line of the file finds it. */
static void *
insert(struct roster *roster, size_t index, struct str name)
{
    if (roster->count == roster->count_max ||
        (roster->count == roster->capacity && !grow(roster))) {
        return NULL;
    }
    char *item = roster_at(roster, index);
    if (index < roster->count) {
        memcpy(roster_at(roster, roster->count), item, roster->item_bytes);
    }
    roster->count++;
    memset(item, 0, roster->item_bytes);
    struct roster_name *own = (struct roster_name *)(void *)item;
    own->n = (unsigned char)name.n;
    memcpy(own->text, name.p, name.n);
    return item;
}

static void
swap(struct roster *roster, size_t a, size_t b)
{
    char *p = roster_at(roster, a), *q = roster_at(roster, b);
    for (size_t i = 0; i < roster->item_bytes; i++) {
        char c = p[i];
        p[i] = q[i];
        q[i] = c;
    }
}

void *
roster_place(struct roster *roster, size_t position, struct str name)
{
    if (name.n == 0 || name.n > ROSTER_NAME_MAX || position > roster->count) {
        return NULL;
    }
    if (position < roster->count && is_named(roster, position, name)) {
        return roster_at(roster, position);
    }
    for (size_t i = position + 1; i < roster->count; i++) {
        if (is_named(roster, i, name)) {
            swap(roster, position, i);
            return roster_at(roster, position);
        }
    }
    return insert(roster, position, name);
}

void
roster_end(struct roster *roster, size_t count)
{
    if (count < roster->count) {
        roster->count = count;
    }
}
