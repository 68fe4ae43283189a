/* Which metrics of an unknown server become cards. */
#include "../check.h"

#include "../../src/ui/panels/telling.h"
#include "fake_picture.h"

static const struct metric metrics[] = {
    {.name = "json.config.port", .unit = "", .labels = "pointer", .text = ""},
    {.name = "json.config.workers", .unit = "", .labels = "pointer", .text = ""},
    {.name = "json.process.uptime", .unit = "s", .labels = "pointer", .text = ""},
    {.name = "json.clock", .unit = "", .labels = "pointer", .text = ""},
    {.name = "json.queue.depth", .unit = "", .labels = "pointer", .text = ""},
    {.name = "http_requests_total",
     .unit = "",
     .labels = "path code",
     .kind = METRIC_COUNTER,
     .text = ""},
    {.name = "rpc_seconds_sum", .unit = "s", .labels = "", .kind = METRIC_COUNTER, .text = ""},
    {.name = "rpc_seconds_count", .unit = "", .labels = "", .kind = METRIC_COUNTER, .text = ""},
    {.name = "rpc_seconds_bucket", .unit = "", .labels = "le", .kind = METRIC_COUNTER, .text = ""},
    {.name = "json.jobs", .unit = "", .labels = "pointer", .text = ""},
    {.name = "json.jobs.rate", .unit = "", .labels = "pointer", .kind = METRIC_COUNTER, .text = ""},
    {.name = "json.heap.used", .unit = "By", .labels = "pointer", .text = ""},
    {.name = "json.heap.used.rate",
     .unit = "By",
     .labels = "pointer",
     .kind = METRIC_COUNTER,
     .text = ""},
    {.name = "go_goroutines", .unit = "", .labels = "", .text = ""},
    {.name = "json.unknown", .unit = "", .labels = "pointer", .text = ""},
};

/* Up and down again. */
static double
saw(size_t tick, double a, double b)
{
    return b + a * (double)(tick % 5);
}

static void
fill(struct fake *fake)
{
    fake_init(fake);
    fake_metrics(fake, metrics, ARRAY_SIZE(metrics));
    fake_series(fake, "json.config.port", "pointer=/config/port", fake_constant, 8080, 0);
    fake_series(fake, "json.config.workers", "pointer=/config/workers", fake_constant, 4, 0);
    fake_series(fake, "json.process.uptime", "pointer=/process/uptime", fake_counter, 1, 0);
    fake_series(fake, "json.clock", "pointer=/clock", fake_counter, 1, 1e9);
    fake_series(fake, "json.queue.depth", "pointer=/queue/depth", saw, 3, 1);
    fake_series(fake, "http_requests_total", "path=/a,code=200", fake_counter, 5, 0);
    fake_series(fake, "http_requests_total", "path=/a,code=500", fake_counter, 0.5, 0);
    fake_series(fake, "rpc_seconds_sum", "", fake_counter, 0.3, 0);
    fake_series(fake, "rpc_seconds_count", "", fake_counter, 20, 0);
    fake_series(fake, "rpc_seconds_bucket", "le=1", fake_counter, 20, 0);
    fake_series(fake, "json.jobs", "pointer=/jobs", fake_counter, 7, 0);
    fake_series(fake, "json.jobs.rate", "pointer=/jobs", fake_counter, 7, 0);
    fake_series(fake, "go_goroutines", "", saw, 1, 10);
    fake_series(fake, "json.unknown", "pointer=/unknown", fake_constant, (double)NAN, 0);
}

static int
place_of(const struct telling *telling, const char *metric)
{
    for (size_t i = 0; i < telling->count; i++) {
        if (strcmp(telling->list[i].metric->name, metric) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void
test_telling__prefers_what_moves_waits_and_fails(void **state)
{
    (void)state;
    struct fake fake;
    struct telling telling = {0};
    fill(&fake);
    telling_update(&telling, fake_picture(&fake));
    static const char *const absent[] = {"json.config.port", "json.process.uptime",
                                         "rpc_seconds_bucket", "json.jobs", "json.unknown"};
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
        if (place_of(&telling, absent[i]) >= 0) {
            fail_msg("%s is told", absent[i]);
        }
    }
    assert_true(place_of(&telling, "http_requests_total") < 3);
    assert_true(place_of(&telling, "json.queue.depth") < 4);
    int goroutines = place_of(&telling, "go_goroutines"), clock = place_of(&telling, "json.clock");
    assert_true(place_of(&telling, "json.jobs.rate") < goroutines);
    assert_true(goroutines < clock && clock > 0); /* a clock moves, but says nothing */
    fake_done(&fake);
}

static void
test_telling__words_titles_parts_and_means(void **state)
{
    (void)state;
    struct fake fake;
    struct telling telling = {0};
    fill(&fake);
    telling_update(&telling, fake_picture(&fake));
    const struct told *requests = &telling.list[place_of(&telling, "http_requests_total")];
    assert_string_equal(requests->title, "http_requests");
    assert_int_equal(requests->part_count, 2);
    assert_string_equal(requests->parts[0].label, "200"); /* in what they differ */
    assert_string_equal(requests->parts[1].label, "500");
    assert_string_equal(requests->parts[1].labels, "path=/a,code=500");
    const struct told *mean = &telling.list[place_of(&telling, "rpc_seconds_sum")];
    assert_string_equal(mean->title, "rpc mean");
    assert_string_equal(mean->count->name, "rpc_seconds_count");
    assert_string_equal(telling.list[place_of(&telling, "json.queue.depth")].title, "queue.depth");
    fake_done(&fake);
}

static void
test_telling__keeps_its_order_and_looks_seldom(void **state)
{
    (void)state;
    struct fake fake;
    struct telling telling = {0};
    fill(&fake);
    struct picture *picture = fake_picture(&fake);
    telling_update(&telling, picture);
    unsigned changes = telling.changes, looks = telling.looks;
    assert_int_equal(looks, 1);
    const struct metric *first = telling.list[0].metric, *second = telling.list[1].metric;
    for (int i = 0; i < 200; i++) {
        picture->number++;
        telling_update(&telling, picture);
    }
    assert_true(telling.looks <= 5);
    assert_int_equal(telling.changes, changes); /* the same picture tells the same */
    assert_ptr_equal(telling.list[0].metric, first);
    assert_ptr_equal(telling.list[1].metric, second);
    fake_done(&fake);
}

static void
test_telling__a_rate_that_ended_gives_way_to_its_level(void **state)
{
    (void)state;
    struct fake fake;
    struct telling telling = {0};
    fill(&fake);
    struct picture *picture = fake_picture(&fake);
    telling_update(&telling, picture);
    assert_true(place_of(&telling, "json.jobs.rate") >= 0);
    struct head *head = picture->tracks[0].head;
    for (size_t i = 0; i < fake.column_count; i++) { /* it fell: nothing comes any more */
        bool rate = strcmp(fake.columns[i].series->metric->name, "json.jobs.rate") == 0;
        for (size_t tick = CHUNK_TICKS / 2; rate && tick < CHUNK_TICKS; tick++) {
            head->values[i * CHUNK_TICKS + tick] = (double)NAN;
        }
    }
    uint64_t number = picture->number;
    for (uint64_t i = 1; i <= 200; i++) {
        picture->number = number + i;
        telling_update(&telling, picture);
    }
    assert_true(place_of(&telling, "json.jobs.rate") < 0);
    assert_true(place_of(&telling, "json.jobs") >= 0);
    fake_done(&fake);
}

/* What fills up only rises, and is a level all the same. */
static void
test_telling__memory_is_told_by_its_level(void **state)
{
    (void)state;
    struct fake fake;
    struct telling telling = {0};
    fill(&fake);
    fake_series(&fake, "json.heap.used", "pointer=/heap/used", fake_counter, 1e5, 0);
    fake_series(&fake, "json.heap.used.rate", "pointer=/heap/used", fake_counter, 1e5, 0);
    telling_update(&telling, fake_picture(&fake));
    assert_true(place_of(&telling, "json.heap.used.rate") < 0);
    assert_true(place_of(&telling, "json.heap.used") >= 0);
    assert_true(place_of(&telling, "json.heap.used") < place_of(&telling, "go_goroutines"));
    fake_done(&fake);
}

static void
test_telling__of_nothing_is_nothing(void **state)
{
    (void)state;
    struct fake fake;
    struct telling telling = {0};
    fake_init(&fake);
    telling_update(&telling, fake_picture(&fake));
    assert_int_equal(telling.count, 0);
    fake_done(&fake);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_telling__prefers_what_moves_waits_and_fails),
        cmocka_unit_test(test_telling__words_titles_parts_and_means),
        cmocka_unit_test(test_telling__keeps_its_order_and_looks_seldom),
        cmocka_unit_test(test_telling__a_rate_that_ended_gives_way_to_its_level),
        cmocka_unit_test(test_telling__memory_is_told_by_its_level),
        cmocka_unit_test(test_telling__of_nothing_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
