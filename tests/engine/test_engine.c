/* The engine thread and a reader that does what a screen does: what the two share, also under TSan.
 */
#include "../check.h"

#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/engine/engine.h"
#include "flametop/engine/queue.h"

static const struct metric metrics[] = {
    {.name = "t.count", .unit = "{tick}", .labels = "", .kind = METRIC_COUNTER, .text = ""},
    {.name = "t.level", .unit = "1", .labels = "row", .text = ""},
};
static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
};
static const struct table_def rows = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 1, 4};
static const struct table_def *const tables[] = {&rows};

struct counting {
    const struct interest *interest;
    unsigned polls, steps;
};
static struct counting counting;

static int
counting_open(const struct source_setup *setup, void **ret_state, char *why, size_t size)
{
    (void)why;
    (void)size;
    counting = (struct counting){.interest = setup->interest};
    *ret_state = &counting;
    return 0;
}

/* Takes two steps, and its set of series changes now and then. */
static enum source_step
counting_poll(void *state, struct batch *batch)
{
    struct counting *c = state;
    if (c->steps++ % 2 == 0) {
        return SOURCE_MORE;
    }
    c->polls++;
    char labels[32] = "";
    labels_add(labels, sizeof(labels), "row", str_from(c->polls % 8 < 4 ? "a" : "b"));
    batch_put(batch, &metrics[0], "", c->polls);
    batch_put(batch, &metrics[1], labels, c->interest->process_sort);
    struct table *table = batch_table(batch, &rows, 4);
    union cell *row = table_add(table, batch->arena);
    row[0].integer = 1;
    row[1].real = c->polls;
    return SOURCE_DONE;
}

static void
counting_close(void *state)
{
    (void)state;
}

static const struct source source = {.name = "counting",
                                     .text = "",
                                     .metrics = metrics,
                                     .metric_count = ARRAY_SIZE(metrics),
                                     .tables = tables,
                                     .table_count = 1,
                                     .open = counting_open,
                                     .poll = counting_poll,
                                     .close = counting_close};
static const struct source *const sources[] = {&source};

static struct engine *
start(struct catalog **ret_catalog, int64_t interval_ns)
{
    *ret_catalog = catalog_new(1000);
    struct collector_options options = {.catalog = *ret_catalog,
                                        .roots = {"/nonexistent", "/nonexistent", "/nonexistent"},
                                        .clock = clock_system,
                                        .interval_ns = interval_ns,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = 1};
    char why[160] = "";
    struct engine *engine =
        engine_start(collector_new(&options), options.interval_ns, why, sizeof(why));
    assert_non_null(engine);
    return engine;
}

static struct picture *
wait_for_newer(struct engine *engine, uint64_t than)
{
    for (int i = 0; i < 600; i++) {
        struct pollfd ready = {.fd = engine_fd(engine), .events = POLLIN};
        uint64_t count;
        if (poll(&ready, 1, 50) > 0) {
            assert_int_equal(read(engine_fd(engine), &count, sizeof(count)), sizeof(count));
        }
        struct picture *picture = engine_latest(engine);
        if (picture != NULL && picture->number > than) {
            return picture;
        }
        picture_release(picture);
    }
    fail_msg("no picture after 30 s");
    return NULL;
}

static void
test_engine__pictures_stay_as_they_were(void **state)
{
    (void)state;
    struct catalog *catalog;
    struct engine *engine = start(&catalog, 100 * NS_PER_MS);
    struct picture *held = wait_for_newer(engine, 0);
    double before = query_once(held, "t.level", NULL);
    uint64_t newest = held->number;
    for (int i = 0; i < 12; i++) {
        struct message interest = {.type = MESSAGE_INTEREST, .interest = {.process_sort = i}};
        assert_true(engine_send(engine, &interest));
        struct message report = {.type = MESSAGE_REPORT,
                                 .report = {.metric = "flametop.ui.frame.rate", .value = i}};
        assert_true(engine_send(engine, &report));
        struct picture *picture = wait_for_newer(engine, newest);
        newest = picture->number;
        struct picture *past = picture_at(picture, picture->mono_ns - 250 * NS_PER_MS);
        assert_true(past->mono_ns <= picture->mono_ns);
        struct point points[128];
        char why[160];
        struct query *query = query_new(catalog, "t.count", NULL, why, sizeof(why));
        size_t n = query_points(query, picture, 0, INT64_MAX, points, ARRAY_SIZE(points));
        assert_true(n >= 1);
        query_free(query);
        picture_release(past);
        picture_release(picture);
    }
    assert_true(query_once(held, "t.level", NULL) == before);
    struct picture *last = wait_for_newer(engine, newest + 1);
    assert_true(query_once(last, "t.level", NULL) == 11.0);
    assert_true(query_once(last, "flametop.ui.frame.rate", NULL) >= 0);
    picture_release(last);
    engine_stop(engine);
    picture_release(held); /* outlives the engine */
    catalog_free(catalog);
}

static void
test_engine__interval_changes_are_taken_and_bounded(void **state)
{
    (void)state;
    struct catalog *catalog;
    struct engine *engine = start(&catalog, NS_PER_S);
    struct picture *picture = wait_for_newer(engine, 0);
    assert_true(picture->interval_ns == NS_PER_S);
    uint64_t first = picture->number;
    picture_release(picture);
    struct message message = {.type = MESSAGE_INTERVAL, .interval_ns = 1};
    assert_true(engine_send(engine, &message));
    picture =
        wait_for_newer(engine, first + 2); /* the one after it may be older than the message */
    assert_true(picture->interval_ns == INTERVAL_NS_MIN);
    picture_release(picture);
    engine_stop(engine);
    catalog_free(catalog);
}

static void
test_engine__a_full_queue_refuses(void **state)
{
    (void)state;
    struct queue queue;
    struct message message = {.type = MESSAGE_STOP}, out;
    queue_init(&queue);
    for (int i = 0; i < QUEUE_LENGTH; i++) {
        assert_true(queue_push(&queue, &message));
    }
    assert_false(queue_push(&queue, &message));
    assert_int_equal(queue_refused(&queue), 1);
    assert_true(queue_pop(&queue, &out));
    assert_true(queue_push(&queue, &message));
    queue_done(&queue);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__pictures_stay_as_they_were),
        cmocka_unit_test(test_engine__interval_changes_are_taken_and_bounded),
        cmocka_unit_test(test_engine__a_full_queue_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
