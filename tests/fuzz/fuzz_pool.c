/* Answers about pools, and paths into them: whatever bytes, reading ends within them. The first
 * byte says how much of the rest is a path. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/pool_path.h"
#include "flametop/core/batch.h"
#include "flametop/sources/beam_metrics.h"
#include "flametop/sources/pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pool_def defs[] = {
        {.name = "a", .call = "a:b()", .rows = ".", .pool = "1 2", .busy = "busy", .queue = "1/2"}};
    char path[64] = "";
    size_t cut = size > 0 ? (size_t)data[0] % sizeof(path) : 0;
    if (size < cut + 1) {
        return 0;
    }
    memcpy(path, data + 1, cut);
    struct str term = {(const char *)data + 1 + cut, size - 1 - cut};
    struct catalog *catalog = catalog_new(1000);
    struct pools *pools = pools_new(defs, 1, "/nonexistent");
    struct arena arena;
    struct batch batch;
    arena_init(&arena, (size_t)4 << 20);
    batch_init(&batch, catalog);
    for (int64_t i = 1; i <= 2 && pools != NULL; i++) {
        batch_begin(&batch, (struct instant){.mono_ns = i * 1000000000}, &arena);
        pools_read(pools, term, "n@h", true, &batch);
    }
    pool_number(term, path);
    batch_done(&batch);
    arena_done(&arena);
    pools_free(pools);
    catalog_free(catalog);
    return 0;
}
