/* External terms: whatever bytes, walking and printing end within them, and the readers of a node's
 * answers make rows of what is there. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/beam_node.h"
#include "../../src/sources/epmd.h"
#include "flametop/sources/beam_metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_walk(struct str text)
{
    struct str rest = text, whole;
    struct etf_list list;
    char shown[200];
    if (etf_skip(&rest, &whole)) {
        assert(whole.n + rest.n == text.n && whole.n > 0);
        assert(strlen(etf_print(whole, shown, sizeof(shown))) < sizeof(shown));
        assert(strchr(shown, '\x1b') == NULL);
    }
    etf_print(text, shown, 8);
    etf_text(text, shown, sizeof(shown));
    rest = text;
    if (etf_list(&rest, &list)) {
        struct str term;
        while (etf_list_next(&list, &term)) {
            assert(term.p >= text.p && term.p + term.n <= text.p + text.n);
        }
    }
}

static void
try_readers(struct str text)
{
    static void (*const readers[])(struct beam_node *, struct str, struct batch *) = {
        beam_read_scan,  beam_read_detail,       beam_read_ets, beam_read_ports,
        beam_read_peers, beam_read_applications, beam_read_tree};
    static struct beam_node node;
    struct catalog *catalog = catalog_new(1000);
    struct arena arena;
    struct batch batch;
    struct str values[BEAM_VALUES_MAX];
    arena_init(&arena, (size_t)4 << 20);
    batch_init(&batch, catalog);
    memset(&node, 0, sizeof(node));
    node.word_bytes = 8;
    for (size_t i = 0; i < BEAM_VALUES_MAX; i++) {
        values[i] = text;
    }
    beam_take_masters(&node, text);
    beam_take_applications(&node, values);
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        batch_begin(&batch, (struct instant){.mono_ns = (int64_t)i * 1000000000}, &arena);
        readers[i](&node, text, &batch);
    }
    batch_begin(&batch, (struct instant){.mono_ns = INT64_C(60000000000)}, &arena);
    beam_read_vm(&node, values, &batch);
    beam_read_allocators(&node, values, &batch);
    beam_take_info(&node, values);
    batch_done(&batch);
    arena_done(&arena);
    catalog_free(catalog);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct epmd_node nodes[4];
    unsigned port;
    try_walk(text);
    try_readers(text);
    epmd_parse_names(text, nodes, 4);
    epmd_parse_port(text, &port);
    return 0;
}
