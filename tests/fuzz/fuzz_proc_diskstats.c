/* /proc/diskstats, and the order its devices are remembered in. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/kept.h"
#include "../../src/sources/proc_disk.h"
#include "../../src/sources/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks the lines as the source does; answers how many devices. */
static size_t
walk(struct roster *roster, struct str text)
{
    size_t position = 0;
    for (struct str line; kept_line(&text, &line);) {
        struct disk_line parsed;
        if (!disk_line_parse(line, &parsed)) {
            continue;
        }
        assert(parsed.name.n > 0);
        assert(parsed.field_count >= DISK_FIELDS_LEAST && parsed.field_count <= DISK_FIELDS);
        const struct roster_name *name = roster_place(roster, position, parsed.name);
        if (name != NULL) {
            assert(name->n == parsed.name.n && memcmp(name->text, parsed.name.p, name->n) == 0);
            position++;
        }
    }
    roster_end(roster, position);
    assert(roster->count == position);
    return position;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The two halves are two readings of the file. */
    const char *text = (const char *)data;
    size_t half = size / 2;
    struct roster roster;
    roster_init(&roster, sizeof(struct roster_name), 64);
    size_t count = walk(&roster, (struct str){text, half});
    walk(&roster, (struct str){text + half, size - half});
    assert(walk(&roster, (struct str){text, half}) == count);
    roster_done(&roster);
    return 0;
}
