/* Metrics in text: the parser's promises, and the adapter on two readings. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/adapters.h"
#include "../../src/sources/exposition_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void
try_parser(struct str text)
{
    struct exposition exposition;
    struct exposition_sample sample;
    exposition_init(&exposition, text);
    while (exposition_next(&exposition, &sample)) {
        struct str rest = sample.labels, key, value;
        assert(sample.name.n > 0 && is_inside(sample.series, text));
        assert(is_inside(sample.labels, text) && is_inside(sample.help, text));
        assert(isnan(sample.value) || isfinite(sample.value));
        while (exposition_label(&rest, &key, &value)) {
            char clean[64];
            assert(key.n > 0 && is_inside(value, sample.labels));
            exposition_text(value, clean, sizeof(clean));
            assert(memchr(clean, '\x1b', strlen(clean)) == NULL);
        }
    }
    exposition_is(text);
}

static void
try_adapter(struct str text)
{
    struct catalog *catalog = catalog_new(5000);
    struct arena arena;
    struct batch batch;
    arena_init(&arena, (size_t)4 << 20);
    batch_init(&batch, catalog);
    void *state = adapter_exposition.open(&(struct adapter_setup){.catalog = catalog});
    for (int i = 0; i < 2; i++) {
        struct host host;
        batch_begin(&batch, (struct instant){.mono_ns = (i + 1) * INT64_C(1000000000)}, &arena);
        adapter_exposition.read(state, &text, &batch);
        adapter_exposition.host(state, &host);
    }
    adapter_exposition.close(state);
    batch_done(&batch);
    arena_done(&arena);
    catalog_free(catalog);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    try_parser(text);
    try_adapter(text);
    return 0;
}
