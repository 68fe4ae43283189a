/* Any bytes as a map of code made at run time, as the kernel's list of symbols, and as lines of
 * /proc/PID/maps. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/profile/kallsyms.h"
#include "../../src/profile/perf_map.h"
#include "../../src/profile/space.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
add(size_t (*take)(struct symbols *, struct str), struct str text)
{
    struct symbols symbols;
    symbols_init(&symbols, 256);
    if (take(&symbols, text) > text.n) {
        abort();
    }
    symbols_sort(&symbols);
    for (uint32_t i = 0; i < symbols.count; i++) {
        symbols_find(&symbols, symbols.list[i].at + symbols.list[i].size);
    }
    symbols_done(&symbols);
}

/* Mappings stay in order, and none lies over another. */
static void
check_order(const struct space *space)
{
    for (uint32_t i = 0; i < space->count; i++) {
        const struct mapping *mapping = &space->list[i];
        if (mapping->start >= mapping->end || space_find(space, mapping->start) != mapping ||
            (i > 0 && space->list[i - 1].end > mapping->start)) {
            abort();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy, data, size);
    struct str text = {copy, size}, line;
    struct maps_line found;
    struct space *space = space_new(1);
    add(perf_map_add, text);
    add(kallsyms_add, text);
    while (str_line(&text, &line)) {
        if (maps_line_read(line, &found)) {
            space_map(space, found.start, found.end, found.offset, NULL);
            check_order(space);
        }
    }
    space_free(space);
    free(copy);
    return 0;
}
