/* The engine thread and a reader that does what a screen does: what the two share, also under TSan.
 */
#include "../check.h"

#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

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
    struct engine_options own = {
        .collector = collector_new(&options), .catalog = *ret_catalog, .interval_ns = interval_ns};
    struct engine *engine = engine_new(&own, why, sizeof(why));
    assert_non_null(engine);
    assert_true(engine_start(engine, why, sizeof(why)));
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
    engine_free(engine);
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
    engine_free(engine);
    catalog_free(catalog);
}

/* The other end of a link: its clock is an hour ahead, a timer of its own makes its ticks. */
struct far_end {
    struct link_sink sink;
    uv_timer_t timer;
    unsigned ticks;
    char command[32];
};
static struct far_end far_end;

static struct instant
far_now(void *context)
{
    (void)context;
    struct instant now = clock_now(&clock_system);
    now.mono_ns += 3600 * NS_PER_S;
    now.boot_ns += 3600 * NS_PER_S;
    now.wall_ns += 3600 * NS_PER_S;
    return now;
}

static void
far_tick(uv_timer_t *timer)
{
    struct far_end *far = timer->data;
    static const struct evidence evidence = {.label = "busy", .value = "99 %"};
    static const struct finding finding = {.id = "far.away",
                                           .sentence = "it is far away",
                                           .impact = 50,
                                           .level = LEVEL_WARNING,
                                           .evidence = &evidence,
                                           .evidence_count = 1};
    if (far->ticks++ == 0) {
        static const struct host host = {
            .name = "far", .system = "s", .kernel = "k", .virtualization = "", .cores = 7};
        static const struct clock clock = {far_now, NULL};
        far->sink.clock(far->sink.context, &clock);
        far->sink.host(far->sink.context, &host);
        far->sink.source(far->sink.context, &source);
    }
    far->sink.findings(far->sink.context, &finding, 1, "all of it", NULL);
    far->sink.tick(far->sink.context);
}

static int
far_open(const struct link_setup *setup, void **ret_state, char *why, size_t size)
{
    (void)why;
    (void)size;
    far_end = (struct far_end){.sink = setup->sink};
    uv_timer_init(setup->loop, &far_end.timer);
    far_end.timer.data = &far_end;
    uv_timer_start(&far_end.timer, far_tick, 50, 50);
    *ret_state = &far_end;
    return 0;
}

static void
far_status(const void *state, struct link_status *ret_status)
{
    const struct far_end *far = state;
    *ret_status = (struct link_status){.state = far->ticks > 0 ? LINK_LIVE : LINK_CONNECTING,
                                       .target = "http://far:1",
                                       .kind = "test",
                                       .why = ""};
}

static void
far_interest(void *state, const struct interest *interest)
{
    (void)state;
    (void)interest;
}

static void
far_interval(void *state, int64_t interval_ns)
{
    (void)state;
    (void)interval_ns;
}

static void
far_command(void *state, const char *name, const char *arguments, void *context,
            link_answer *answer)
{
    (void)state;
    char why[64];
    snprintf(why, sizeof(why), "%s %s", name, arguments);
    answer(context, why);
}

/* One sample of whatever is wished for, at once. */
static void
far_sample(void *state, const struct sampling_wish *wish)
{
    struct far_end *far = state;
    struct sampling_status status = {.state = SAMPLING_RUNS, .samples = 1};
    struct profile *profile = profile_new();
    if (far->ticks == 0 || wish->kind == SAMPLING_NOTHING) {
        profile_release(profile);
        return; /* none is told before it is live */
    }
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    profile_put(profile, profile_child(profile, 0, profile_frame(profile, STR("f"), STR(""))),
                measure, (double)wish->id);
    profile_close(profile);
    status.state = wish->held ? SAMPLING_HELD : SAMPLING_RUNS;
    far->sink.sampled(far->sink.context, &status, profile);
}

static void
far_close(void *state)
{
    struct far_end *far = state;
    uv_close((uv_handle_t *)&far->timer, NULL);
}

static const struct link far_link = {.name = "test",
                                     .open = far_open,
                                     .status = far_status,
                                     .interest = far_interest,
                                     .interval = far_interval,
                                     .command = far_command,
                                     .sample = far_sample,
                                     .close = far_close};

static struct engine *
start_far(struct catalog *catalog, const struct link *link)
{
    struct collector_options options = {.catalog = catalog,
                                        .clock = clock_system,
                                        .interval_ns = 10 * NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .target = "http://far:1"};
    struct engine_options own = {.collector = collector_new(&options),
                                 .catalog = catalog,
                                 .interval_ns = 10 * NS_PER_S, /* the other end's ticks are ours */
                                 .link = link};
    char why[200] = "";
    struct engine *engine = engine_new(&own, why, sizeof(why));
    assert_non_null(engine);
    assert_true(engine_start(engine, why, sizeof(why)));
    return engine;
}

static void
test_engine__a_link_brings_host_clock_sources_and_findings(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(1000);
    char answer[200];
    struct engine *engine = start_far(catalog, &far_link);
    struct picture *picture = wait_for_newer(engine, 6);
    assert_string_equal(picture->host.name, "far");
    assert_int_equal(picture->host.cores, 7);
    assert_non_null(picture->link);
    assert_int_equal(picture->link->state, LINK_LIVE);
    assert_int_equal(picture->finding_count, 1);
    assert_string_equal(picture->findings[0].evidence[0].value, "99 %");
    assert_string_equal(picture->looked_at, "all of it");
    for (int i = 0; i < 100 && !(query_once(picture, "t.count", NULL) >= 0); i++) {
        uint64_t number = picture->number; /* ticks that were late may leave a rate unknown */
        picture_release(picture);
        picture = wait_for_newer(engine, number);
    }
    assert_true(query_once(picture, "t.count", NULL) >= 0);
    assert_true(picture->mono_ns - clock_mono_ns() > 3590 * NS_PER_S);
    struct message message = {.type = MESSAGE_COMMAND,
                              .command = {.name = "signal", .arguments = "{}"}};
    assert_true(engine_send(engine, &message));
    picture_release(wait_for_newer(engine, picture->number + 3));
    assert_true(engine_answer(engine, answer, sizeof(answer)));
    assert_string_equal(answer, "signal {}");
    assert_false(engine_answer(engine, answer, sizeof(answer)));
    picture_release(picture);
    engine_free(engine);
    catalog_free(catalog);
}

/* The status once the sampling of this number is past its beginning. */
static struct sampling_status
wait_for_sampling(struct engine *engine, uint64_t number, const struct profile **ret_profile)
{
    struct sampling_status status = {.state = SAMPLING_BEGINS};
    for (int i = 0; i < 100 && status.state == SAMPLING_BEGINS; i++) {
        struct pollfd ready = {.fd = engine_sampling_fd(engine), .events = POLLIN};
        poll(&ready, 1, 200);
        *ret_profile = engine_sampling(engine, number, &status);
    }
    return status;
}

static void
wish(struct engine *engine, uint64_t number, int64_t id, bool held)
{
    struct message message = {
        .type = MESSAGE_SAMPLE,
        .sample = {.wish = {.kind = SAMPLING_PROCESS, .id = id, .held = held}, .number = number}};
    assert_true(engine_send(engine, &message));
}

static void
test_engine__samples_what_a_link_shows(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(1000);
    struct engine *engine = start_far(catalog, &far_link);
    const struct profile *profile = NULL;
    wish(engine, 1, 12, false); /* the link is told once it is live */
    assert_int_equal(wait_for_sampling(engine, 1, &profile).state, SAMPLING_RUNS);
    assert_non_null(profile);
    assert_true(profile->values[0][0][1] == 12.0);
    profile_release(profile);
    wish(engine, 1, 12, true);
    struct sampling_status status;
    do {
        status = wait_for_sampling(engine, 1, &profile);
        profile_release(profile);
    } while (status.state == SAMPLING_RUNS);
    assert_int_equal(status.state, SAMPLING_HELD);
    wish(engine, 2, 13, false); /* another: nothing of the first is taken for it */
    assert_int_equal(wait_for_sampling(engine, 2, &profile).state, SAMPLING_RUNS);
    assert_true(profile->values[0][0][1] == 13.0);
    profile_release(profile);
    assert_null(engine_sampling(engine, 1, &status));
    assert_int_equal(status.state, SAMPLING_BEGINS);
    engine_free(engine);
    catalog_free(catalog);
}

static void
test_engine__says_what_cannot_be_sampled(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(1000);
    struct link link = far_link;
    link.sample = NULL;
    struct engine *engine = start_far(catalog, &link);
    const struct profile *profile = NULL;
    wish(engine, 1, 12, false);
    struct sampling_status status = wait_for_sampling(engine, 1, &profile);
    assert_int_equal(status.state, SAMPLING_FAILED);
    assert_true(status.why[0] != 0);
    assert_null(profile);
    engine_free(engine);
    catalog_free(catalog);
}

struct seen {
    unsigned batches, pictures;
    bool closed;
};

static int
seen_open(const struct exporter_setup *setup, void **ret_state, char *why, size_t size)
{
    const struct seen *const *seen = setup->options;
    struct interest interest = {.process_sort = 41};
    *ret_state = (void *)(uintptr_t)*seen;
    setup->interest(setup->context, &interest);
    if (setup->loop == NULL) {
        snprintf(why, size, "no loop");
        return -1;
    }
    return 0;
}

static void
seen_batch(void *state, const char *name, const struct batch *batch)
{
    struct seen *seen = state;
    seen->batches += strcmp(name, "counting") == 0 && batch->column_count > 0;
}

static void
seen_picture(void *state, struct picture *picture)
{
    struct seen *seen = state;
    seen->pictures += picture->number > 0;
}

static void
seen_close(void *state)
{
    struct seen *seen = state;
    seen->closed = true;
}

static void
test_engine__exporters_see_batches_and_pictures(void **state)
{
    (void)state;
    static const struct exporter exporter = {"seen",       "",   seen_open, seen_batch,
                                             seen_picture, NULL, seen_close};
    static const struct exporter *const exporters[] = {&exporter};
    struct seen seen = {0}, *pointer = &seen;
    const void *const exporter_options[] = {&pointer};
    struct catalog *catalog = catalog_new(1000);
    struct collector_options options = {.catalog = catalog,
                                        .roots = {"/nonexistent", "/nonexistent", "/nonexistent"},
                                        .clock = clock_system,
                                        .interval_ns = 100 * NS_PER_MS,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = 1};
    struct engine_options own = {.collector = collector_new(&options),
                                 .catalog = catalog,
                                 .interval_ns = 100 * NS_PER_MS,
                                 .exporters = exporters,
                                 .exporter_options = exporter_options,
                                 .exporter_count = 1};
    char why[200] = "";
    struct engine *engine = engine_new(&own, why, sizeof(why));
    assert_non_null(engine);
    assert_true(engine_start(engine, why, sizeof(why)));
    struct picture *picture = wait_for_newer(engine, 3);
    assert_true(query_once(picture, "t.level", NULL) == 41.0); /* its interest reached the source */
    picture_release(picture);
    engine_free(engine);
    assert_true(seen.batches >= 3);
    assert_true(seen.pictures >= 3);
    assert_true(seen.closed);
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

/* ---- exporters that sample ---- */

struct asking {
    struct exporter_setup setup;
    unsigned told;
    double value;
    bool asked;
};

static int
asking_open(const struct exporter_setup *setup, void **ret_state, char *why, size_t size)
{
    struct asking *const *asking = setup->options;
    (void)why;
    (void)size;
    (*asking)->setup = *setup;
    *ret_state = *asking;
    return 0;
}

static void
asking_picture(void *state, struct picture *picture)
{
    struct asking *asking = state;
    struct sampling_wish wish = {.kind = SAMPLING_PROCESS, .id = 7};
    if (picture->link != NULL && picture->link->state == LINK_LIVE && !asking->asked) {
        asking->asked = true;
        asking->setup.sample(asking->setup.context, &wish);
    }
}

static void
asking_sampled(void *state, const struct sampling_status *status, const struct profile *profile)
{
    struct asking *asking = state;
    asking->told += status->state == SAMPLING_RUNS;
    asking->value = profile != NULL ? profile->values[0][0][1] : NAN;
    profile_release(profile);
}

static void
asking_close(void *state)
{
    (void)state;
}

/* What an exporter asks for comes to it, and not to the screen. */
static void
test_engine__samples_for_exporters(void **state)
{
    (void)state;
    static const struct exporter exporter = {.name = "asking",
                                             .open = asking_open,
                                             .picture = asking_picture,
                                             .sampled = asking_sampled,
                                             .close = asking_close};
    static const struct exporter *const exporters[] = {&exporter};
    struct asking asking = {0}, *pointer = &asking;
    const void *const exporter_options[] = {&pointer};
    struct catalog *catalog = catalog_new(1000);
    struct collector_options options = {.catalog = catalog,
                                        .clock = clock_system,
                                        .interval_ns = 10 * NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .target = "http://far:1"};
    struct engine_options own = {.collector = collector_new(&options),
                                 .catalog = catalog,
                                 .interval_ns = 10 * NS_PER_S,
                                 .link = &far_link,
                                 .exporters = exporters,
                                 .exporter_options = exporter_options,
                                 .exporter_count = 1};
    char why[200] = "";
    struct sampling_status status;
    struct engine *engine = engine_new(&own, why, sizeof(why));
    assert_non_null(engine);
    assert_true(engine_start(engine, why, sizeof(why)));
    picture_release(wait_for_newer(engine, 6));
    assert_null(engine_sampling(engine, 0, &status));
    engine_free(engine);
    assert_int_equal(asking.told, 1);
    assert_true(asking.value == 7);
    catalog_free(catalog);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__pictures_stay_as_they_were),
        cmocka_unit_test(test_engine__interval_changes_are_taken_and_bounded),
        cmocka_unit_test(test_engine__a_link_brings_host_clock_sources_and_findings),
        cmocka_unit_test(test_engine__samples_what_a_link_shows),
        cmocka_unit_test(test_engine__says_what_cannot_be_sampled),
        cmocka_unit_test(test_engine__samples_for_exporters),
        cmocka_unit_test(test_engine__exporters_see_batches_and_pictures),
        cmocka_unit_test(test_engine__a_full_queue_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
