/* The link to an agent, against a peer that plays one: what it brings, in which order, and what it
 * says when the peer leaves, refuses, or sends rubbish. */
#include "../check.h"

#include "flametop/base/macros.h" /* before those that define MIN as well */

#include <math.h>
#include <uv.h>

#include "../peer.h"
#include "flametop/core/record.h"
#include "flametop/sources/agent.h"

static const struct metric metrics[] = {
    {.name = "t.time", .unit = "s", .labels = "", .text = "", .kind = METRIC_COUNTER}};

static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
};
static const struct table_def rows_def = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 0, 0};

enum play { PLAY_TICKS, PLAY_TOKEN, PLAY_HOST, PLAY_RUBBISH, PLAY_NEWER };

struct scene {
    uv_loop_t loop;
    uv_timer_t guard;
    struct peer peer;
    struct catalog *catalog;
    enum play play;
    int64_t start_ns;    /* of the agent's clock */
    int64_t starts_s[4]; /* of it at each stream; 0: goes on as it did */
    const char *agents;  /* a letter for the agent of each stream; NULL: it is one */
    bool new_tables;     /* each stream brings a table of its own */
    int64_t step_ns;     /* from tick to tick */
    int tick_count;      /* of each stream */
    int64_t now_ns;      /* what its clock shows to who asks */
    int64_t ahead_ns;    /* its wall clock beside ours */
    unsigned streams;    /* asked for so far */
    char request[8192];
    pthread_mutex_t lock;

    struct link_setup setup;
    struct agent_link_options options;
    void *link;
    const struct source *source;
    void *state;
    struct batch batch;
    struct arena arena;
    unsigned ticks, batches, chunks, findings, hosts, clocks, want;
    int64_t last_ns, chunk_ns;
    double last_value;
    struct clock clock;
    bool out_of_order;
    size_t tables;
};

/* ---- the peer ---- */

static void
write_batch(struct record_writer *writer, struct batch *batch, struct arena *arena, int64_t at_ns,
            const struct table_def *def)
{
    arena_clear(arena);
    batch_begin(batch, (struct instant){at_ns, at_ns + 7, at_ns}, arena);
    batch_put(batch, &metrics[0], "", (double)(at_ns / NS_PER_S));
    struct table *table = batch_table(batch, def, 1);
    table_add(table, arena)[0].integer = at_ns / NS_PER_S;
    record_write_changes(writer, "proc.test", batch);
}

static void
write_history(struct record_writer *writer, struct catalog *catalog, int64_t at_ns)
{
    const struct series *series[] = {catalog_series(catalog, &metrics[0], "")};
    struct layout *layout = layout_new(series, 1);
    struct head *head = head_new(layout, 7);
    head->mono_ns[0] = at_ns;
    head->values[0] = 1;
    struct chunk *chunk = chunk_seal(head, 1);
    record_write_chunk(writer, "proc.test", chunk);
    chunk_release(chunk);
    head_release(head);
    layout_release(layout);
}

static void
write_stream(struct scene *scene, struct buf *out)
{
    struct catalog *catalog = catalog_new(100);
    catalog_add(catalog, metrics, 1);
    struct record_writer *writer = record_writer_new(out);
    struct batch batch;
    struct arena arena;
    char instance[] = {'a', 'b', scene->agents != NULL ? scene->agents[scene->streams] : 'c', '\0'};
    char name[] = {'r', 'o', 'w', 's', (char)('a' + scene->streams), '\0'};
    struct table_def own_def = rows_def;
    own_def.name = name;
    int64_t start_s =
        scene->streams < ARRAY_SIZE(scene->starts_s) ? scene->starts_s[scene->streams] : 0;
    int64_t at_ns =
        start_s > 0 ? start_s * NS_PER_S : scene->start_ns + scene->streams * 10 * NS_PER_S;
    scene->now_ns = at_ns + 5 * scene->step_ns;
    int64_t now_ns = clock_now(&clock_system).wall_ns;
    struct record_hello hello = {.protocol = scene->play == PLAY_NEWER ? 9 : 1,
                                 .protocol_min = scene->play == PLAY_NEWER ? 9 : 1,
                                 .at = {scene->now_ns, now_ns + scene->ahead_ns, scene->now_ns},
                                 .interval_ns = NS_PER_S,
                                 .instance = instance,
                                 .host = {.name = "far"}};
    batch_init(&batch, catalog);
    arena_init(&arena, 1 << 20);
    record_write_hello(writer, &hello);
    write_history(writer, catalog, at_ns - 5 * NS_PER_S);
    for (int i = 0; i < scene->tick_count; i++) { /* all at once, as after a stall */
        struct finding finding = {.id = "f", .sentence = "s"};
        struct record_findings findings = {&finding, 1, "cpu", NULL};
        write_batch(writer, &batch, &arena, at_ns + i * scene->step_ns,
                    scene->new_tables ? &own_def : &rows_def);
        record_write_findings(writer, &findings);
        struct record_tick tick = {batch.at, NS_PER_S, (uint64_t)i + 1, 0};
        record_write_tick(writer, &tick);
    }
    record_writer_free(writer);
    batch_done(&batch);
    arena_done(&arena);
    catalog_free(catalog);
}

static bool
answer(struct peer *peer, int fd, const char *request)
{
    struct scene *scene = peer->context;
    if (strstr(request, "GET /api/v1/stream?") == NULL) {
        char body[80];
        pthread_mutex_lock(&scene->lock);
        snprintf(body, sizeof(body), "{\"monotonic_ns\": %lld}", (long long)scene->now_ns);
        pthread_mutex_unlock(&scene->lock);
        peer_reply(fd, "200 OK", "application/json", body, strlen(body));
        return true;
    }
    pthread_mutex_lock(&scene->lock);
    snprintf(scene->request, sizeof(scene->request), "%s", request);
    pthread_mutex_unlock(&scene->lock);
    if (scene->play == PLAY_TOKEN) {
        peer_reply(fd, "401 Unauthorized", "application/json", "{}", 2);
        return true;
    }
    if (scene->play == PLAY_HOST) {
        static const char body[] = "{\"error\":\"start it with --allow-host\\u001b[2J\"}";
        peer_reply(fd, "403 Forbidden", "application/json", body, sizeof(body) - 1);
        return true;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    if (scene->play == PLAY_RUBBISH) {
        buf_puts(&out, "<html>no such thing</html>");
    } else {
        pthread_mutex_lock(&scene->lock);
        write_stream(scene, &out);
        pthread_mutex_unlock(&scene->lock);
    }
    peer_puts(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/x-flametop\r\n\r\n");
    peer_write(fd, out.data, out.n);
    buf_done(&out);
    scene->streams++;
    return false; /* it leaves */
}

/* ---- the sink ---- */

static void
poll_source(struct scene *scene)
{
    arena_clear(&scene->arena);
    batch_begin(&scene->batch, (struct instant){0}, &scene->arena);
    if (scene->source->poll(scene->state, &scene->batch) != SOURCE_DONE) {
        return;
    }
    scene->batches++;
    scene->out_of_order |= scene->batch.at.mono_ns <= scene->last_ns;
    scene->last_ns = scene->batch.at.mono_ns;
    scene->last_value = scene->batch.values[0];
    scene->tables += scene->batch.table_count;
    if (!scene->new_tables) {
        assert_int_equal(scene->batch.table_count, 1);
        assert_true(table_row(scene->batch.tables[0], 0)[0].integer == (int64_t)scene->last_value);
    }
}

static void
sink_source(void *context, const struct source *source)
{
    struct scene *scene = context;
    struct source_setup setup = {.source = source};
    char why[80];
    assert_null(scene->source);
    scene->source = source;
    assert_int_equal(source->open(&setup, &scene->state, why, sizeof(why)), 0);
    batch_init(&scene->batch, scene->catalog);
    arena_init(&scene->arena, 1 << 20);
}

static void
sink_kept(void *context, const struct kept_part *part)
{
    (void)context;
    (void)part;
}

static void
sink_chunk(void *context, const char *source, struct chunk *chunk)
{
    struct scene *scene = context;
    assert_string_equal(source, "proc.test");
    scene->chunks++;
    scene->chunk_ns = chunk->first_ns;
}

static void
sink_host(void *context, const struct host *host)
{
    struct scene *scene = context;
    assert_string_equal(host->name, "far");
    scene->hosts++;
}

static void
sink_clock(void *context, const struct clock *clock)
{
    struct scene *scene = context;
    scene->clocks++;
    scene->clock = *clock;
}

static void
sink_findings(void *context, const struct finding *findings, size_t count, const char *looked_at,
              const char *not_looked_at)
{
    struct scene *scene = context;
    assert_int_equal(count, 1);
    assert_string_equal(findings[0].sentence, "s");
    assert_string_equal(looked_at, "cpu");
    assert_null(not_looked_at);
    scene->findings++;
}

static void
sink_tick(void *context)
{
    struct scene *scene = context;
    struct link_status status;
    scene->ticks++;
    if (scene->source != NULL) {
        poll_source(scene);
    }
    if (scene->link != NULL) {
        link_agent.status(scene->link, &status);
        if (scene->batches >= scene->want || status.state == LINK_REFUSED) {
            uv_stop(&scene->loop);
        } else if (scene->new_tables && status.state == LINK_LOST &&
                   scene->batches == 5 * scene->hosts) {
            link_agent.retry(scene->link);
        }
    }
}

/* ---- the tests ---- */

static void
on_guard(uv_timer_t *timer)
{
    struct scene *scene = timer->data;
    uv_stop(&scene->loop);
}

static void
scene_start(struct scene *scene, enum play play)
{
    char text[64], why[200];
    *scene = (struct scene){
        .play = play, .start_ns = 1000 * NS_PER_S, .step_ns = NS_PER_S, .tick_count = 5};
    pthread_mutex_init(&scene->lock, NULL);
    uv_loop_init(&scene->loop);
    uv_timer_init(&scene->loop, &scene->guard);
    scene->guard.data = scene;
    uv_timer_start(&scene->guard, on_guard, 20000, 0);
    scene->catalog = catalog_new(100);
    peer_start(&scene->peer, NULL, 0, answer, scene);
    snprintf(text, sizeof(text), "http://127.0.0.1:%u", scene->peer.port);
    assert_true(url_parse(str_from(text), &scene->options.url, why, sizeof(why)));
    scene->setup = (struct link_setup){.loop = &scene->loop,
                                       .catalog = scene->catalog,
                                       .interval_ns = NS_PER_S,
                                       .span_ns = 60 * NS_PER_S,
                                       .options = &scene->options,
                                       .sink = {scene, sink_source, sink_chunk, sink_kept,
                                                sink_host, sink_clock, sink_findings, sink_tick}};
    void *link = NULL;
    assert_int_equal(link_agent.open(&scene->setup, &link, why, sizeof(why)), 0);
    scene->link = link;
}

static void
scene_end(struct scene *scene)
{
    if (scene->source != NULL) {
        scene->source->close(scene->state);
        batch_done(&scene->batch);
        arena_done(&scene->arena);
    }
    link_agent.close(scene->link);
    uv_close((uv_handle_t *)&scene->guard, NULL);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    peer_stop(&scene->peer);
    catalog_free(scene->catalog);
    pthread_mutex_destroy(&scene->lock);
}

static void
test_agent__brings_every_tick_in_its_order(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, PLAY_TICKS);
    scene.want = 5;
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(scene.batches, 5);
    assert_false(scene.out_of_order);
    assert_true(scene.last_ns == scene.start_ns + 4 * NS_PER_S && scene.last_value == 1004);
    assert_true(scene.chunks == 1 && scene.findings == 1 && scene.hosts == 1 && scene.clocks == 1);
    int64_t now_ns = clock_now(&scene.clock).mono_ns;
    assert_true(now_ns > scene.start_ns - NS_PER_S && now_ns < scene.start_ns + 30 * NS_PER_S);
    scene_end(&scene);
}

/* Its wall clock is another: that is said, and its times are shown as it has them. */
static void
check_clock(int64_t ahead_ns, bool said)
{
    struct scene scene;
    struct link_status status;
    scene_start(&scene, PLAY_TICKS);
    scene.ahead_ns = ahead_ns;
    scene.want = 5;
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    link_agent.status(scene.link, &status);
    int64_t wall_ns = clock_now(&scene.clock).wall_ns;
    int64_t off_ns = wall_ns - clock_now(&clock_system).wall_ns;
    assert_true(llabs(off_ns - ahead_ns) < 2 * NS_PER_S);
    if (said) {
        assert_true(llabs(status.clock_error_ns - ahead_ns) < 2 * NS_PER_S);
    } else {
        assert_true(status.clock_error_ns == 0);
    }
    scene_end(&scene);
}

static void
test_agent__another_clock_is_said_and_followed(void **state)
{
    (void)state;
    check_clock(180 * NS_PER_S, true);
    check_clock(-3600 * NS_PER_S, true);
    check_clock(0, false);
}

static void
test_agent__comes_back_where_it_was(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, PLAY_TICKS);
    scene.want = 10; /* those of the second stream */
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(scene.batches, 10);
    assert_false(scene.out_of_order);
    assert_true(scene.clocks == 1 && scene.chunks == 2);
    assert_true(scene.chunk_ns == scene.start_ns + 5 * NS_PER_S);
    pthread_mutex_lock(&scene.lock);
    assert_non_null(strstr(scene.request, "instance=abc"));
    assert_non_null(strstr(scene.request, "since=1004000000000"));
    assert_non_null(strstr(scene.request, "span=60s"));
    pthread_mutex_unlock(&scene.lock);
    scene_end(&scene);
}

/* One of the machines slept for an hour: the clock does not crawl after. */
static void
test_agent__clock_jumps_after_a_sleep(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, PLAY_TICKS);
    pthread_mutex_lock(&scene.lock);
    scene.starts_s[1] = 4600;
    pthread_mutex_unlock(&scene.lock);
    scene.want = 10;
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(scene.batches, 10);
    int64_t now_ns = clock_now(&scene.clock).mono_ns;
    assert_true(now_ns > 4600 * NS_PER_S && now_ns < 4630 * NS_PER_S);
    scene_end(&scene);
}

/* The machine is started anew, and later the agent: times never go back. */
static void
test_agent__times_go_on_over_restarts(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, PLAY_TICKS);
    pthread_mutex_lock(&scene.lock);
    scene.agents = "abbcc";
    scene.starts_s[1] = 10;
    scene.starts_s[2] = 1010;
    scene.starts_s[3] = 1020;
    scene.step_ns = NS_PER_S / 100;
    pthread_mutex_unlock(&scene.lock);
    scene.want = 20;
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(scene.batches, 20);
    assert_false(scene.out_of_order);
    assert_true(scene.last_value == 1020 && scene.last_ns > 2000 * NS_PER_S);
    assert_int_equal(scene.chunks, 1); /* history of before the restart cannot be placed */
    scene_end(&scene);
}

/* It was stopped for minutes: the newest are shown one after the other, without waiting for what
 * was dropped. */
static void
test_agent__passes_over_what_was_dropped(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, PLAY_TICKS);
    pthread_mutex_lock(&scene.lock);
    scene.tick_count = 300;
    pthread_mutex_unlock(&scene.lock);
    scene.want = 60;
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(scene.batches, 60);
    assert_true(scene.last_value > 1230);
    assert_in_range(scene.ticks, 60, 70);
    scene_end(&scene);
}

/* A definition lives as long as the reader that made it: of the last streams there are none. */
static void
test_agent__takes_tables_of_so_many_streams(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, PLAY_TICKS);
    pthread_mutex_lock(&scene.lock);
    scene.new_tables = true;
    pthread_mutex_unlock(&scene.lock);
    scene.want = 55;
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(scene.batches, 55);
    assert_int_equal(scene.tables, 40);
    scene_end(&scene);
}

static void
check_refused(enum play play, const char *says)
{
    struct scene scene;
    struct link_status status;
    scene_start(&scene, play);
    scene.want = UINT32_MAX;
    if (play == PLAY_RUBBISH) {
        scene.want = 0; /* it tries again: the first loss ends this */
    }
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    link_agent.status(scene.link, &status);
    assert_int_equal(status.state, play == PLAY_RUBBISH ? LINK_CONNECTING : LINK_REFUSED);
    assert_true((status.retry_mono_ns > 0) == (play == PLAY_RUBBISH));
    assert_non_null(strstr(status.why, says));
    assert_string_equal(status.kind, "agent");
    assert_non_null(strstr(status.target, "http://127.0.0.1:"));
    assert_int_equal(scene.batches, 0);
    scene_end(&scene);
}

static void
test_agent__says_what_is_wrong(void **state)
{
    (void)state;
    check_refused(PLAY_TOKEN, "--token-file");
    check_refused(PLAY_HOST, "start it with --allow-host?[2J");
    check_refused(PLAY_RUBBISH, "no flametop recording");
    check_refused(PLAY_NEWER, "newer flametop");
}

static void
on_answer(void *context, const char *why)
{
    assert_non_null(strstr(why, "--change-token-file"));
    *(bool *)context = true;
}

static void
test_agent__commands_need_their_token(void **state)
{
    (void)state;
    struct scene scene;
    bool answered = false;
    scene_start(&scene, PLAY_TICKS);
    link_agent.command(scene.link, "signal", "{}", &answered, on_answer);
    assert_true(answered);
    scene_end(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent__brings_every_tick_in_its_order),
        cmocka_unit_test(test_agent__another_clock_is_said_and_followed),
        cmocka_unit_test(test_agent__comes_back_where_it_was),
        cmocka_unit_test(test_agent__clock_jumps_after_a_sleep),
        cmocka_unit_test(test_agent__times_go_on_over_restarts),
        cmocka_unit_test(test_agent__passes_over_what_was_dropped),
        cmocka_unit_test(test_agent__takes_tables_of_so_many_streams),
        cmocka_unit_test(test_agent__says_what_is_wrong),
        cmocka_unit_test(test_agent__commands_need_their_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
