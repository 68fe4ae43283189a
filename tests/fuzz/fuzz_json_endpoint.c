/* Foreign JSON through each adapter that reads it. The first byte chooses; a zero byte parts the
 * readings. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/adapters.h"
#include "flametop/base/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct endpoint_mapping mappings[] = {
    {"/a/*/b", "pool.depth", "ms", "gauge", 10},
    {"/c", "system.cpu.utilization", "%", "counter", 0},
};

static void
judge_text(const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        assert((unsigned char)*text >= ' ' && *text != 0x7f);
    }
}

/* Nothing that reaches a terminal holds a control character. */
static void
judge(const struct batch *batch)
{
    for (size_t i = 0; i < batch->column_count; i++) {
        judge_text(batch->columns[i]->labels);
        judge_text(batch->columns[i]->metric->name);
        assert(!isinf(batch->values[i]));
    }
    for (size_t t = 0; t < batch->table_count; t++) {
        const struct table *table = batch->tables[t];
        for (size_t c = 0; c < table->def->column_count; c++) {
            judge_text(table->def->columns[c].title);
            for (size_t r = 0; r < table->count; r++) {
                if (table->def->columns[c].type == COLUMN_TEXT) {
                    judge_text(table_row(table, r)[c].text);
                }
            }
        }
    }
}

static void
drop_chunk(void *context, const char *source, struct chunk *chunk)
{
    (void)context;
    (void)source;
    assert(chunk->ticks > 0 && chunk->ticks <= CHUNK_TICKS);
}

static void
try_adapter(const struct adapter *adapter, struct str text)
{
    struct catalog *catalog = catalog_new(5000);
    struct arena arena;
    struct batch batch;
    arena_init(&arena, (size_t)8 << 20);
    batch_init(&batch, catalog);
    catalog_add(catalog, adapter->metrics, adapter->metric_count);
    const struct link_sink sink = {.chunk = drop_chunk};
    void *state = adapter->open(&(struct adapter_setup){.catalog = catalog,
                                                        .mappings = mappings,
                                                        .mapping_count = ARRAY_SIZE(mappings),
                                                        .sink = &sink,
                                                        .span_ns = 600 * NS_PER_S});
    struct buf path;
    buf_init(&path, (size_t)64 << 10);
    struct str part;
    for (int i = 0; i < 6 && str_until(&text, '\0', &part); i++) {
        struct str bodies[ADAPTER_REQUESTS_MAX];
        for (size_t b = 0; b < ADAPTER_REQUESTS_MAX; b++) {
            bodies[b] = part;
        }
        for (size_t b = 0; adapter->ask != NULL && adapter->ask(state, b, &path); b++) {
            buf_clear(&path);
        }
        struct host host;
        batch_begin(&batch, (struct instant){.mono_ns = (i + 1) * NS_PER_S}, &arena);
        adapter->recognizes(&(struct adapter_answer){200, "application/json", "", part});
        adapter->read(state, bodies, &batch);
        judge(&batch);
        if (adapter->host != NULL && adapter->host(state, &host)) {
            judge_text(host.name);
        }
    }
    buf_done(&path);
    adapter->close(state);
    batch_done(&batch);
    arena_done(&arena);
    catalog_free(catalog);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct adapter *const adapters[] = {&adapter_json,    &adapter_glances_3,
                                                     &adapter_netdata, &adapter_rabbitmq,
                                                     &adapter_nginx,   &adapter_prometheus};
    if (size > 0) {
        try_adapter(adapters[data[0] % ARRAY_SIZE(adapters)],
                    (struct str){(const char *)data + 1, size - 1});
    }
    return 0;
}
