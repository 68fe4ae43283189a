/* What a node answers: whatever bytes, reading ends within them. The first byte says what was
 * asked. */
#include <stddef.h>
#include <stdint.h>

#include "../../src/sources/beam_node.h"
#include "flametop/base/macros.h"
#include "flametop/core/profile.h"
#include "flametop/sources/beam_flame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_stacks(struct str term)
{
    struct profile *profile = profile_new();
    struct beam_flame_part part;
    if (profile != NULL) {
        beam_flame_read(term, profile, profile_measure(profile, STR("samples"), "", 1), &part);
    }
    profile_release(profile);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct beam_node *, struct str, struct batch *) = {
        beam_read_scan,         beam_read_detail, beam_read_ets, beam_read_ports,
        beam_read_applications, beam_read_peers,  beam_read_tree};
    if (size == 0) {
        return 0;
    }
    struct str term = {(const char *)data + 1, size - 1};
    size_t which = data[0] % (ARRAY_SIZE(readers) + 1);
    if (which == ARRAY_SIZE(readers)) {
        read_stacks(term);
        return 0;
    }
    struct catalog *catalog = catalog_new(1000);
    struct beam_node node = {.name = "n@h", .labels = "node=n@h", .word_bytes = 8};
    struct arena arena;
    struct batch batch;
    arena_init(&arena, (size_t)4 << 20);
    batch_init(&batch, catalog);
    beam_take_masters(&node, term);
    for (int64_t i = 1; i <= 2; i++) { /* rates take two */
        batch_begin(&batch, (struct instant){.mono_ns = i * 1000000000}, &arena);
        readers[which](&node, term, &batch);
    }
    batch_done(&batch);
    arena_done(&arena);
    catalog_free(catalog);
    return 0;
}
