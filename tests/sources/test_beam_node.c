/* Numbers of a node that no node has: they are read as they are, or kept in bounds. */
#include "../check.h"

#include <math.h>
#include <string.h>

#include "../../src/sources/beam_node.h"
#include "flametop/core/batch.h"
#include "flametop/sources/beam_metrics.h"

struct bench {
    struct catalog *catalog;
    struct arena arena;
    struct batch batch;
    struct beam_node node;
    struct buf term;
};

static struct bench *
begin(void)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    bench.catalog = catalog_new(1000);
    catalog_add(bench.catalog, beam_metrics, BEAM_METRIC_COUNT);
    arena_init(&bench.arena, (size_t)1 << 20);
    batch_init(&bench.batch, bench.catalog);
    buf_init(&bench.term, 4096);
    bench.node.word_bytes = 8;
    batch_begin(&bench.batch, (struct instant){.mono_ns = 1}, &bench.arena);
    return &bench;
}

static void
end(struct bench *bench)
{
    batch_done(&bench->batch);
    arena_done(&bench->arena);
    catalog_free(bench->catalog);
    buf_done(&bench->term);
}

static struct str
text_of(const struct bench *bench)
{
    return (struct str){bench->term.data, bench->term.n};
}

/* {{Start,Took,Processes,Queued,Round},[],[],[],[]} */
static void
scan(struct bench *bench, int64_t start_us, int64_t took_us)
{
    buf_clear(&bench->term);
    etf_put_tuple(&bench->term, 5);
    etf_put_tuple(&bench->term, 5);
    etf_put_integer(&bench->term, start_us);
    etf_put_integer(&bench->term, took_us);
    etf_put_integer(&bench->term, 3);
    etf_put_integer(&bench->term, 0);
    etf_put_integer(&bench->term, INT64_MIN);
    for (int i = 0; i < 4; i++) {
        etf_put_nil(&bench->term);
    }
    beam_read_scan(&bench->node, text_of(bench), &bench->batch);
}

static void
test_beam_node__keeps_times_in_bounds(void **state)
{
    (void)state;
    struct bench *bench = begin();
    scan(bench, -INT64_MAX, 5000);
    assert_int_equal(bench->node.scan_us, 5000);
    assert_true(isnan(bench->node.scan_interval_s));
    scan(bench, INT64_MAX, INT64_MAX);
    assert_true(bench->node.scan_us <= INT64_MAX / 1000 / 1000);
    assert_true(bench->node.scan_interval_s > 1e12);
    end(bench);
}

static void
test_beam_node__keeps_counts_in_bounds(void **state)
{
    (void)state;
    struct bench *bench = begin();
    struct buf name;
    struct str values[BEAM_VALUES_MAX];
    buf_init(&name, 64);
    etf_put_atom(&name, "a@b");
    etf_put_integer(&bench->term, INT64_MAX);
    for (size_t i = 0; i < BEAM_VALUES_MAX; i++) {
        values[i] = i == 0 ? (struct str){name.data, name.n} : text_of(bench);
    }
    assert_true(beam_take_info(&bench->node, values));
    assert_int_equal(bench->node.schedulers, INT32_MAX);
    bench->node.started_ns = -INT64_MAX;
    beam_read_vm(&bench->node, values, &bench->batch);
    assert_true(bench->node.uptime_s > 1e10);
    buf_done(&name);
    buf_clear(&bench->term); /* [{1,2,3}]: whose scheduler it is follows from the counts */
    etf_put_list(&bench->term, 1);
    etf_put_tuple(&bench->term, 3);
    for (int i = 1; i <= 3; i++) {
        etf_put_integer(&bench->term, i);
    }
    etf_put_nil(&bench->term);
    for (size_t i = 0; i < BEAM_VALUES_MAX; i++) {
        values[i] = i == 0 ? text_of(bench) : (struct str){"", 0};
    }
    bench->batch.rejected = 0;
    beam_read_sums(&bench->node, values, &bench->batch);
    assert_int_equal(bench->batch.rejected, 1); /* what memory there is was not told */
    end(bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beam_node__keeps_times_in_bounds),
        cmocka_unit_test(test_beam_node__keeps_counts_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
