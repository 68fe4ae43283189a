/* Pools: what a node answered becomes metrics and rows, by Snakepit's shapes and by paths. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/sources/etf.h"
#include "../../src/sources/pool_path.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/core/batch.h"
#include "flametop/sources/beam_metrics.h"
#include "flametop/sources/pool.h"

static const struct pool_def defs[] = {
    {.name = "app",
     .call = "app:pools()",
     .rows = ".",
     .busy = "busy",
     .workers = "size",
     .queue = "queue/1",
     .queue_limit = "queue/2",
     .requests = "seen"},
    {.name = "gone", .call = "gone:stats()"},
};

struct bench {
    struct catalog *catalog;
    struct pools *pools;
    struct batch batch;
    struct arena arena;
    char *bytes;
    struct str term;
};

static int
set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    bench->catalog = catalog_new(10000);
    catalog_add(bench->catalog, pool_metrics, POOL_METRIC_COUNT);
    bench->pools = pools_new(defs, ARRAY_SIZE(defs), "/nonexistent");
    arena_init(&bench->arena, (size_t)4 << 20);
    batch_init(&bench->batch, bench->catalog);
    *state = bench;
    return 0;
}

static int
tear_down(void **state)
{
    struct bench *bench = *state;
    batch_done(&bench->batch);
    arena_done(&bench->arena);
    pools_free(bench->pools);
    catalog_free(bench->catalog);
    free(bench->bytes);
    free(bench);
    return 0;
}

/* A term as it is on the wire: without the version. */
static void
load(struct bench *bench, const char *name)
{
    char path[512];
    const char *source = getenv("FLAMETOP_SOURCE");
    snprintf(path, sizeof(path), "%s/tests/fixtures/erlang/%s.term", source != NULL ? source : ".",
             name);
    free(bench->bytes);
    ssize_t n = file_load(path, 1 << 20, &bench->bytes);
    assert_true(n > 1);
    bench->term = (struct str){bench->bytes + 1, (size_t)n - 1};
}

static bool
read_at(struct bench *bench, const char *name, int64_t second)
{
    load(bench, name);
    struct instant at = {second * NS_PER_S, (1700000000 + second) * NS_PER_S, second * NS_PER_S};
    batch_begin(&bench->batch, at, &bench->arena);
    return pools_read(bench->pools, bench->term, "n@h", false, &bench->batch);
}

/* The value of a series in the batch; NaN when it was not set. */
static double
value(const struct bench *bench, enum pool_metric metric, const char *labels)
{
    for (size_t i = 0; i < bench->batch.column_count; i++) {
        const struct series *series = bench->batch.columns[i];
        if (series->metric == &pool_metrics[metric] && strcmp(series->labels, labels) == 0) {
            return bench->batch.values[i];
        }
    }
    return NAN;
}

/* A row of a table by a text of it. */
static const union cell *
row(const struct bench *bench, const struct table_def *def, size_t column, const char *text)
{
    for (size_t t = 0; t < bench->batch.table_count; t++) {
        const struct table *table = bench->batch.tables[t];
        for (size_t i = 0; table->def == def && i < table->count; i++) {
            const union cell *cells = table_row(table, i);
            if (cells[column].text != NULL && strcmp(cells[column].text, text) == 0) {
                return cells;
            }
        }
    }
    fail_msg("no row %s", text);
    return NULL;
}

#define EQUAL(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void
test_pool__reads_snakepit(void **state)
{
    struct bench *bench = *state;
    assert_true(read_at(bench, "snakepit", 100));
    assert_true(read_at(bench, "snakepit_later", 101));
    EQUAL(value(bench, POOL_WORKERS, "node=n@h,pool=default,status=busy"), 3);
    EQUAL(value(bench, POOL_WORKERS, "node=n@h,pool=default,status=available"), 0);
    EQUAL(value(bench, POOL_WORKERS, "node=n@h,pool=default,status=dead"), 1);
    EQUAL(value(bench, POOL_QUEUE_DEPTH, "node=n@h,pool=default"), 120);
    EQUAL(value(bench, POOL_REQUESTS, "node=n@h,pool=default"), 1030);
    EQUAL(value(bench, POOL_RECYCLED, "node=n@h,pool=default"), 5);
    EQUAL(value(bench, WORKER_CAPACITY,
                "node=n@h,pool=ml_inference,worker_id=pool_worker_4,"
                "worker_type=Snakepit.GRPCWorker,adapter_type=Snakepit.Adapters.GRPCPython,"
                "profile=thread"),
          16);
    const union cell *pool = row(bench, &pool_table, POOL_NAME, "default");
    EQUAL(pool[POOL_SHARE].real, 1);
    EQUAL(pool[POOL_RATE].real, 30);
    EQUAL(pool[POOL_ERROR_SHARE].real, 0);
    assert_string_equal(pool[POOL_PROFILE].text, "process");
    EQUAL(row(bench, &pool_table, POOL_NAME, "sessions")[POOL_SESSION_COUNT].real, 17);
    const union cell *worker = row(bench, &worker_table, WORKER_ID, "pool_worker_1");
    assert_string_equal(worker[WORKER_POOL].text, "default");
    assert_string_equal(worker[WORKER_STATUS].text, "active");
    assert_int_equal(worker[WORKER_PID].integer, 4242);
    assert_true(isnan(worker[WORKER_CPU].real)); /* the node is elsewhere */
    EQUAL(worker[WORKER_AGE].real, 101);
    assert_string_equal(row(bench, &worker_table, WORKER_ID, "pool_worker_3")[WORKER_STATUS].text,
                        "dead");
    assert_string_equal(row(bench, &worker_table, WORKER_ID, "pool_worker_4")[WORKER_STATUS].text,
                        "busy");
    assert_string_equal(row(bench, &worker_table, WORKER_ID, "pool_worker_5")[WORKER_STATUS].text,
                        "available");
    assert_true(row(bench, &worker_table, WORKER_ID, "pool_worker_2")[WORKER_PID].integer ==
                CELL_UNKNOWN);
}

/* What ever waited is not what waits. */
static void
test_pool__takes_no_queue_from_old_snakepits(void **state)
{
    struct bench *bench = *state;
    assert_true(read_at(bench, "snakepit_old", 100));
    assert_true(isnan(value(bench, POOL_QUEUE_DEPTH, "node=n@h,pool=default")));
    EQUAL(value(bench, POOL_REQUESTS, "node=n@h,pool=default"), 7);
    EQUAL(row(bench, &pool_table, POOL_NAME, "default")[POOL_SESSION_COUNT].real, 4);
}

static void
test_pool__reads_what_the_configuration_describes(void **state)
{
    struct bench *bench = *state;
    assert_true(read_at(bench, "pools", 100));
    const union cell *db = row(bench, &pool_table, POOL_NAME, "db");
    assert_string_equal(db[POOL_SOURCE].text, "app");
    EQUAL(db[POOL_BUSY].real, 3);
    EQUAL(db[POOL_SHARE].real, 0.3);
    EQUAL(db[POOL_DEPTH].real, 2);
    EQUAL(db[POOL_DEPTH_LIMIT].real, 100);
    assert_true(isnan(db[POOL_RATE].real)); /* a rate takes two answers */
    EQUAL(row(bench, &pool_table, POOL_NAME, "http")[POOL_BUSY].real, 1);
    EQUAL(value(bench, POOL_WORKERS, "node=n@h,pool=http,status=available"), 3);
    assert_int_equal(bench->batch.state, SOURCE_DEGRADED);
    assert_non_null(strstr(bench->batch.why, "gone: the node has no such function"));
}

static void
test_pool__knows_rabbitmq_and_ejabberd(void **state)
{
    struct bench *bench = *state;
    assert_true(read_at(bench, "pools", 100));
    const union cell *queue = row(bench, &pool_table, POOL_NAME, "/ orders");
    assert_string_equal(queue[POOL_SOURCE].text, "rabbitmq");
    EQUAL(queue[POOL_DEPTH].real, 5);
    EQUAL(value(bench, POOL_QUEUE_DEPTH, "node=n@h,pool=shop mail"), 0);
    EQUAL(row(bench, &pool_table, POOL_NAME, "ejabberd")[POOL_SESSION_COUNT].real, 42);
}

static size_t
total(const struct bench *bench, const struct table_def *def)
{
    for (size_t t = 0; t < bench->batch.table_count; t++) {
        if (bench->batch.tables[t]->def == def) {
            return bench->batch.tables[t]->total;
        }
    }
    return 0;
}

/* By the node, and here. */
static void
test_pool__counts_what_is_left_out(void **state)
{
    struct bench *bench = *state;
    assert_true(read_at(bench, "snakepit", 100));
    assert_int_equal(total(bench, &worker_table), 5 + 7);
    assert_int_equal(bench->batch.dropped, 7);
    assert_true(read_at(bench, "pools", 101));
    assert_int_equal(total(bench, &pool_table), 5 + 40);
    assert_int_equal(bench->batch.dropped, 7 + 40); /* since the start */
}

static void
test_pool__says_which_answer_is_too_long(void **state)
{
    struct bench *bench = *state;
    struct buf term;
    buf_init(&term, 4096);
    etf_put_tuple(&term, 3);
    etf_put_atom(&term, "pools");
    etf_put_atom(&term, "none");
    etf_put_list(&term, 1);
    etf_put_tuple(&term, 2);
    etf_put_integer(&term, 0);
    etf_put_tuple(&term, 2);
    etf_put_atom(&term, "large");
    etf_put_integer(&term, 5000000);
    etf_put_nil(&term);
    batch_begin(&bench->batch, (struct instant){.mono_ns = NS_PER_S}, &bench->arena);
    assert_true(
        pools_read(bench->pools, (struct str){term.data, term.n}, "n@h", false, &bench->batch));
    assert_non_null(strstr(bench->batch.why, "app: its answer is 5000000 bytes long"));
    buf_done(&term);
}

/* Cut anywhere, it is either no answer or one with less in it. */
static void
test_pool__survives_what_is_cut(void **state)
{
    struct bench *bench = *state;
    static const char *const names[] = {"snakepit", "pools"};
    for (size_t f = 0; f < ARRAY_SIZE(names); f++) {
        load(bench, names[f]);
        for (size_t n = 0; n < bench->term.n; n++) {
            char *part = malloc(n + 1); /* so that a step too far is seen */
            memcpy(part, bench->term.p, n);
            batch_begin(&bench->batch, (struct instant){.mono_ns = NS_PER_S}, &bench->arena);
            assert_false(
                pools_read(bench->pools, (struct str){part, n}, "n@h", false, &bench->batch));
            free(part);
        }
    }
}

static void
test_pool__follows_paths(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *path;
        double number;
    } rows[] = {
        {"3/1/2/2/db/queue/2", 100},
        {"3/1/2/2/http/queue/2", 50},
        {"3/3/2/2/1/1/2", 5},
        {"3/4/2/2/.", 42},
        {"3/1/2/2/mail/queue", NAN},
        {"3/4/2/2/1", NAN},
        {"4", NAN},
        {"0", NAN},
        {"3/1/2/2/db/queue/3", NAN},
        {"99999999999999999999", NAN},
    };
    load(bench, "pools");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double number = pool_number(bench->term, rows[i].path);
        assert_true(isnan(rows[i].number) ? isnan(number) : number == rows[i].number);
    }
}

/* The text is one expression, whatever the calls hold. */
static void
test_pool__asks_with_quoted_calls(void **state)
{
    (void)state;
    struct pool_def odd = {.name = "odd", .call = "a:b(\"x\\\"). halt(\"", .process = "a\"b"};
    struct pools *pools = pools_new(&odd, 1, "/proc");
    struct buf text;
    buf_init(&text, 1 << 20);
    pools_source(pools, &text);
    assert_false(text.full);
    static const char call[] = "\"a:b(\\\"x\\\\\\\"). halt(\\\"\"";
    assert_non_null(memmem(text.data, text.n, call, sizeof(call) - 1));
    assert_non_null(memmem(text.data, text.n, "\"a\\\"b\"", 6));
    buf_done(&text);
    pools_free(pools);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pool__reads_snakepit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool__takes_no_queue_from_old_snakepits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pool__reads_what_the_configuration_describes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pool__knows_rabbitmq_and_ejabberd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool__counts_what_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool__says_which_answer_is_too_long, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pool__survives_what_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool__follows_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool__asks_with_quoted_calls, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
