/* The diagnosis of an Erlang node over pictures made by hand: what is said, of whom, and when. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "flametop/base/macros.h"
#include "flametop/sources/beam_metrics.h"

#define NODE "node=a@b"

/* One Erlang process of the node. */
struct actor {
    uint32_t id;
    const char *name, *current;
    double reductions, queue, memory;
};

struct pool {
    double workers, busy, queue, rate, errors, late, dead;
};

static struct world {
    int64_t mono_ns;
    double use, run_queue, dirty, dirty_queue; /* of 4 schedulers, and as many dirty ones */
    double ticks, active, dirty_active;        /* counters */
    double atoms, atoms_more, binaries, binaries_more, processes, ets, gc, gc_more;
    double reductions, buffer, uptime_s;
    const char *status; /* of all processes; NULL: unknown */
    struct actor actors[4];
    size_t actor_count;
    int64_t key; /* of all of them; 0: those of their ids */
    struct pool pools[2];
    size_t pool_count;
    bool no_node;
} world;

static void
put(struct batch *batch, enum beam_metric metric, const char *labels, double value)
{
    batch_put(batch, &beam_metrics[metric], labels, value);
}

static void
put_counters(struct batch *batch)
{
    world.ticks += 1e9;
    world.active += world.use * 1e9;
    world.dirty_active += world.dirty * 1e9;
    world.atoms += world.atoms_more;
    world.binaries += world.binaries_more;
    world.gc += world.gc_more;
    for (int i = 1; i <= 4; i++) {
        char labels[96];
        snprintf(labels, sizeof(labels), NODE ",kind=normal,scheduler=%d", i);
        put(batch, BEAM_SCHEDULER_ACTIVE, labels, world.active);
        put(batch, BEAM_SCHEDULER_TOTAL, labels, world.ticks);
        snprintf(labels, sizeof(labels), NODE ",kind=dirty_cpu,scheduler=%d", 4 + i);
        put(batch, BEAM_SCHEDULER_ACTIVE, labels, world.dirty_active);
        put(batch, BEAM_SCHEDULER_TOTAL, labels, world.ticks);
    }
    for (size_t i = 0; i < world.actor_count; i++) {
        world.reductions += isnan(world.actors[i].reductions) ? 0 : world.actors[i].reductions;
    }
    put(batch, BEAM_REDUCTIONS, NODE, world.reductions);
    put(batch, BEAM_GC, NODE, world.gc);
    put(batch, BEAM_GC_RECLAIMED, NODE, world.gc * 100);
}

static void
put_gauges(struct batch *batch)
{
    put(batch, BEAM_SCHEDULER_COUNT, NODE ",kind=normal", 4);
    put(batch, BEAM_RUN_QUEUE, NODE ",kind=normal", world.run_queue);
    put(batch, BEAM_RUN_QUEUE, NODE ",kind=dirty_cpu", world.dirty_queue);
    put(batch, BEAM_MEMORY, NODE ",kind=processes", 100e6 + world.actors[0].memory);
    put(batch, BEAM_MEMORY, NODE ",kind=binary", world.binaries);
    put(batch, BEAM_UPTIME, NODE, world.uptime_s++);
    put(batch, BEAM_ATOMS, NODE, world.atoms);
    put(batch, BEAM_ATOMS_LIMIT, NODE, 1048576);
    put(batch, BEAM_PROCESSES, NODE, world.processes);
    put(batch, BEAM_PROCESSES_LIMIT, NODE, 1000);
    put(batch, BEAM_ETS, NODE, world.ets);
    put(batch, BEAM_ETS_LIMIT, NODE, 1000);
    put(batch, BEAM_DISTRIBUTION_BUFFER_MOST, NODE, world.buffer);
    put(batch, BEAM_DISTRIBUTION_BUFFER_LIMIT, NODE, 1 << 20);
}

static void
put_tables(struct batch *batch)
{
    struct table *nodes = batch_table(batch, &beam_node_table, 1);
    table_add(nodes, batch->arena)[BEAM_NODE_NAME].text = "a@b";
    struct table *table = batch_table(batch, &beam_process_table, 4);
    table->total = world.actor_count;
    for (size_t i = 0; i < world.actor_count; i++) {
        const struct actor *actor = &world.actors[i];
        union cell *row = table_add(table, batch->arena);
        row[BEAM_PROCESS_KEY].integer = world.key != 0 ? world.key : beam_process_key(actor->id, 0);
        row[BEAM_PROCESS_PID].text = arena_printf(batch->arena, "<0.%u.0>", actor->id);
        row[BEAM_PROCESS_NAME].text = actor->name;
        row[BEAM_PROCESS_CURRENT].text = actor->current;
        row[BEAM_PROCESS_REDUCTIONS].real = actor->reductions;
        row[BEAM_PROCESS_QUEUE].real = actor->queue;
        row[BEAM_PROCESS_MEMORY].real = actor->memory;
        row[BEAM_PROCESS_STATUS].text = world.status;
    }
    struct table *peers = batch_table(batch, &beam_peer_table, 1);
    union cell *peer = table_add(peers, batch->arena);
    peer[BEAM_PEER_NAME].text = "c@d";
    peer[BEAM_PEER_BUFFER].real = world.buffer;
    table = batch_table(batch, &pool_table, 2);
    for (size_t i = 0; i < world.pool_count; i++) {
        const struct pool *pool = &world.pools[i];
        union cell *row = table_add(table, batch->arena);
        row[POOL_KEY].text = arena_printf(batch->arena, "snakepit p%zu", i);
        row[POOL_NAME].text = arena_printf(batch->arena, "p%zu", i);
        row[POOL_TOTAL].real = pool->workers;
        row[POOL_BUSY].real = pool->busy;
        row[POOL_SHARE].real = pool->busy / pool->workers;
        row[POOL_DEPTH].real = pool->queue;
        row[POOL_DEPTH_LIMIT].real = 1000;
        row[POOL_RATE].real = pool->rate;
        row[POOL_ERROR_SHARE].real = pool->errors;
        row[POOL_TIMEOUT_RATE].real = pool->late;
        row[POOL_DEAD].real = pool->dead;
    }
}

static enum source_step
source_poll(void *state, struct batch *batch)
{
    (void)state;
    if (!world.no_node) {
        put_counters(batch);
        put_gauges(batch);
        put_tables(batch);
    }
    return SOURCE_DONE;
}

static const struct source source = WORLD_SOURCE("beam", beam_metrics, beam_tables, source_poll);

static int
set_up(void **state)
{
    static struct fixture f;
    static const struct source *const sources[] = {&source};
    world = (struct world){
        .mono_ns = 1000 * NS_PER_S,
        .use = 0.1,
        .atoms = 20000,
        .binaries = 30e6,
        .processes = 300,
        .ets = 100,
        .gc_more = 500,
        .actors = {{80, "worker", "w:loop/1", 2e6, 0, 1e6}, {90, NULL, "gen:loop/7", 1e6, 2, 2e6}},
        .actor_count = 2,
        .pools = {{8, 4, 0, 10, 0, 0, 0}},
        .pool_count = 1};
    f = (struct fixture){.world = &world, .source = sources, .catalog = catalog_new(1000)};
    catalog_add(f.catalog, pool_metrics, POOL_METRIC_COUNT);
    start(&f);
    *state = &f;
    return 0;
}

static const struct finding *
finding(const struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->picture->finding_count; i++) {
        if (strcmp(f->picture->findings[i].id, id) == 0 &&
            f->picture->findings[i].until_wall_ns == 0) {
            return &f->picture->findings[i];
        }
    }
    return NULL;
}

static bool
says(const struct fixture *f, const char *id, const char *words)
{
    const struct finding *found = finding(f, id);
    bool right = found != NULL && strstr(found->sentence, words) != NULL;
    for (size_t i = 0; i < f->picture->finding_count && !right; i++) {
        print_message("%s: %s\n", f->picture->findings[i].id, f->picture->findings[i].sentence);
    }
    return right;
}

static void
test_beam__is_silent_on_a_calm_node(void **state)
{
    struct fixture *f = *state;
    pass(f, 40);
    assert_int_equal(f->picture->finding_count, 0);
    assert_non_null(strstr(f->picture->looked_at, "schedulers"));
    assert_non_null(strstr(f->picture->looked_at, "2 Erlang processes"));
}

static void
test_beam__is_silent_without_a_node(void **state)
{
    struct fixture *f = *state;
    world.no_node = true;
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

/* Each: one value that is just not enough, one that is. */
static void
test_beam__speaks_above_its_threshold_only(void **state)
{
    struct fixture *f = *state;
    struct {
        double *value, quiet, loud;
        const char *id, *words;
    } rows[] = {
        {&world.use, 0.85, 0.99, "beam.schedulers", "worker (<0.80.0>) does 67 % of the work"},
        {&world.dirty, 0.8, 1, "beam.dirty_cpu", "all dirty CPU schedulers are 100 % busy"},
        {&world.processes, 700, 950, "beam.process_limit", "95 % of the node's limit"},
        {&world.ets, 700, 900, "beam.ets_limit", "ETS tables are at 90 %"},
        {&world.atoms, 600000, 900000, "beam.atom_limit", "atoms are at 86 %"},
        {&world.buffer, 300e3, 1.2e6, "beam.distribution", "the buffer to node c@d is"},
        {&world.pools[0].errors, 0.01, 0.3, "pool.errors:snakepit p0", "30 % of the requests fail"},
        {&world.pools[0].dead, 0, 3, "pool.dead:snakepit p0", "3 workers are dead"},
        {&world.pools[0].late, 0, 2, "pool.saturated:snakepit p0", "2 a second are sent away"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double before = *rows[i].value;
        *rows[i].value = rows[i].quiet;
        pass(f, 15);
        assert_null(finding(f, rows[i].id));
        *rows[i].value = rows[i].loud;
        pass(f, 15);
        assert_true(says(f, rows[i].id, rows[i].words));
        *rows[i].value = before;
        pass(f, 30);
        assert_null(finding(f, rows[i].id));
    }
}

/* A queue that grows is named with its process; one that is long for a moment is not. */
static void
test_beam__names_the_process_whose_messages_pile_up(void **state)
{
    struct fixture *f = *state;
    pass(f, 5);
    world.actors[0].queue = 5000; /* a burst */
    pass(f, 1);
    world.actors[0].queue = 0;
    pass(f, 10);
    assert_int_equal(f->picture->finding_count, 0);
    for (int i = 0; i < 8; i++) {
        world.actors[0].queue += 800;
        pass(f, 1);
    }
    assert_true(says(f, "beam.mailbox:<0.80.0>", "messages wait for one process"));
    assert_true(says(f, "beam.mailbox:<0.80.0>", "worker (<0.80.0>) is in w:loop/1"));
    assert_int_equal(finding(f, "beam.mailbox:<0.80.0>")->culprit_pid, 0); /* of no OS process */
    world.actors[0].queue = 0;
    pass(f, 2);
    assert_null(finding(f, "beam.mailbox:<0.80.0>"));
}

/* Said without growth as well, where it is very long. */
static void
test_beam__says_that_a_queue_is_long(void **state)
{
    struct fixture *f = *state;
    world.actors[1].queue = 50000;
    pass(f, 10);
    assert_true(says(f, "beam.mailbox:<0.90.0>", "50 k messages wait for one process; <0.90.0>"));
}

/* One that was begun again has its findings since then. */
static void
test_beam__counts_from_when_the_node_began(void **state)
{
    struct fixture *f = *state;
    world.uptime_s = 5000;
    world.actors[1].queue = 50000;
    pass(f, 10);
    int64_t first_ns = finding(f, "beam.mailbox:<0.90.0>")->since_wall_ns;
    world.uptime_s = 0;
    pass(f, 10);
    const struct finding *again = finding(f, "beam.mailbox:<0.90.0>");
    assert_non_null(again);
    assert_true(again->since_wall_ns >= first_ns + 9 * NS_PER_S);
}

/* A node of elsewhere may say anything: no key is none of the machine's pids either. */
static void
test_beam__blames_nobody_by_what_is_no_key(void **state)
{
    static const int64_t keys[] = {-812, INT64_MIN, INT64_MAX};
    struct fixture *f = *state;
    world.actors[1].queue = 50000;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        world.key = keys[i];
        pass(f, 30);
        assert_true(says(f, "beam.mailbox:<0.90.0>", "50 k messages wait for one process"));
        assert_int_equal(finding(f, "beam.mailbox:<0.90.0>")->culprit_pid, 0);
    }
}

static void
test_beam__says_when_leaking_atoms_end_the_node(void **state)
{
    struct fixture *f = *state;
    pass(f, 5);
    world.atoms += 5000; /* code is loaded */
    pass(f, 10);
    assert_int_equal(f->picture->finding_count, 0);
    world.atoms_more = 5000;
    pass(f, 12);
    assert_true(says(f, "beam.atoms", "atoms leak: 5 k more each second"));
    assert_true(says(f, "beam.atoms", "worker (<0.80.0>)"));
    assert_int_equal(finding(f, "beam.atoms")->level, LEVEL_CRITICAL);
    world.atoms_more = 0;
    pass(f, 20);
    assert_null(finding(f, "beam.atoms"));
}

/* Ten seconds between two readings: what grows with each of them does not stand still. */
static void
test_beam__sees_growth_when_it_looks_seldom(void **state)
{
    struct fixture *f = *state;
    collector_set_interval(f->collector, 10 * NS_PER_S);
    world.atoms_more = 5000;
    world.binaries_more = 30e6;
    for (int i = 0; i < 12; i++) {
        world.mono_ns += 9 * NS_PER_S;
        pass(f, 1);
    }
    assert_true(says(f, "beam.atoms", "atoms leak: 500 more each second"));
    assert_true(says(f, "beam.memory:binary", "memory of binaries grows by"));
}

static void
test_beam__names_the_memory_that_grows(void **state)
{
    struct fixture *f = *state;
    pass(f, 5);
    world.binaries_more = 8e6;
    pass(f, 12);
    assert_true(says(f, "beam.memory:binary", "memory of binaries grows by"));
    world.binaries_more = 0;
    pass(f, 20);
    assert_null(finding(f, "beam.memory:binary"));
}

static void
test_beam__names_the_process_whose_memory_grows(void **state)
{
    struct fixture *f = *state;
    pass(f, 5);
    for (int i = 0; i < 12; i++) {
        world.actors[0].memory += 10e6;
        pass(f, 1);
    }
    assert_true(says(f, "beam.memory:processes", "memory of processes grows by"));
    assert_true(says(f, "beam.memory:processes", "worker (<0.80.0>) holds"));
}

/* What evaluates text there is most likely one of us. */
static void
test_beam__blames_nobody_who_asks(void **state)
{
    struct fixture *f = *state;
    world.actors[2] = (struct actor){95, NULL, "prim_eval:receive/2", 9e6, 0, 1e6};
    world.actor_count = 3;
    world.atoms_more = 5000;
    pass(f, 12);
    assert_true(says(f, "beam.atoms", "worker (<0.80.0>) does 67 % of the work"));
}

/* Where it waits is not where it worked. */
static void
test_beam__says_where_who_runs_is(void **state)
{
    struct fixture *f = *state;
    world.atoms_more = 5000;
    world.status = "running";
    pass(f, 12);
    assert_true(says(f, "beam.atoms", "of the work in w:loop/1"));
    world.status = "waiting";
    pass(f, 12);
    assert_false(says(f, "beam.atoms", "of the work in"));
    assert_true(says(f, "beam.atoms", "worker (<0.80.0>) does 67 % of the work"));
}

/* More schedulers would not help it. */
static void
test_beam__names_one_process_that_fills_a_scheduler(void **state)
{
    struct fixture *f = *state;
    world.use = 0.27;
    world.actors[0].reductions = 20e6;
    pass(f, 10);
    assert_true(says(f, "beam.one_process:<0.80.0>", "one Erlang process fills a scheduler"));
    assert_true(says(f, "beam.one_process:<0.80.0>", "in w:loop/1"));
}

static void
test_beam__says_that_the_run_queue_grows(void **state)
{
    struct fixture *f = *state;
    pass(f, 5);
    for (int i = 0; i < 12; i++) {
        world.run_queue += 8;
        pass(f, 1);
    }
    assert_true(says(f, "beam.run_queue", "the run queue grows:"));
}

static void
test_beam__says_that_it_collects_garbage_all_the_time(void **state)
{
    struct fixture *f = *state;
    world.use = 0.8;
    world.gc_more = 60000;
    pass(f, 10);
    assert_null(finding(f, "beam.gc"));
    world.gc_more = 200000;
    pass(f, 10);
    assert_true(says(f, "beam.gc", "200 k times a second"));
}

/* All workers busy is what a pool is for; that requests wait is what hurts. */
static void
test_beam__says_that_requests_wait_for_a_pool(void **state)
{
    struct fixture *f = *state;
    world.pools[0].busy = 8;
    pass(f, 10);
    assert_int_equal(f->picture->finding_count, 0);
    world.pools[0].queue = 120;
    pass(f, 10);
    assert_true(
        says(f, "pool.saturated:snakepit p0", "pool p0: 8 of 8 workers busy, 120 requests wait"));
}

/* Nothing that is not known is judged. */
static void
test_beam__says_nothing_of_what_is_not_told(void **state)
{
    struct fixture *f = *state;
    world.actors[0] = (struct actor){70, NULL, NULL, NAN, NAN, NAN};
    world.pools[0] = (struct pool){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    world.dirty = world.buffer = world.run_queue = NAN;
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_beam__is_silent_on_a_calm_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beam__is_silent_without_a_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beam__speaks_above_its_threshold_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__names_the_process_whose_messages_pile_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__says_that_a_queue_is_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beam__counts_from_when_the_node_began, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__blames_nobody_by_what_is_no_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__says_when_leaking_atoms_end_the_node, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__sees_growth_when_it_looks_seldom, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__names_the_memory_that_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beam__names_the_process_whose_memory_grows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__blames_nobody_who_asks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beam__says_where_who_runs_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beam__names_one_process_that_fills_a_scheduler, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__says_that_the_run_queue_grows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__says_that_it_collects_garbage_all_the_time,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beam__says_that_requests_wait_for_a_pool, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beam__says_nothing_of_what_is_not_told, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
