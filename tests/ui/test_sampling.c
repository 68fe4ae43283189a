/* F: what is sampled, and how the flame view shows it while it grows. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "../../src/ui/app_state.h"
#include "flametop/core/profile.h"
#include "flametop/ui/app.h"
#include "golden.h"
#include "machine.h"

/* A sampler that does what the test says. */
struct sampler {
    int64_t pid; /* of the last that was begun; -1: none */
    unsigned begun, ended;
    bool held, over;
    uint64_t samples;
    const char *why;
};

struct stage {
    struct fake fake;
    struct app *app;
    struct canvas canvas;
    struct sampler sampler;
    struct app_sampler face;
};

static bool
begin(void *context, const struct sampling_wish *wish, char *why, size_t why_size)
{
    struct sampler *sampler = context;
    assert_int_equal(wish->kind, wish->id > 0 ? SAMPLING_PROCESS : SAMPLING_MACHINE);
    assert_int_equal(wish->rate_hz, 99);
    if (wish->id == 13) {
        snprintf(why, why_size, "it is not yours");
        return false;
    }
    sampler->pid = wish->id;
    sampler->begun++;
    sampler->held = sampler->over = false;
    sampler->samples = 0;
    return true;
}

static void
end(void *context)
{
    struct sampler *sampler = context;
    sampler->ended++;
}

static void
hold(void *context, bool held)
{
    struct sampler *sampler = context;
    sampler->held = held;
}

static int
fd(const void *context)
{
    (void)context;
    return -1;
}

static const struct profile *
take(void *context, struct sampling_status *ret_status)
{
    const struct sampler *sampler = context;
    *ret_status = (struct sampling_status){.state = sampler->over   ? SAMPLING_FAILED
                                                    : sampler->held ? SAMPLING_HELD
                                                                    : SAMPLING_RUNS,
                                           .sampled_ns = 2 * NS_PER_S,
                                           .rate_hz = 99,
                                           .samples = sampler->samples};
    snprintf(ret_status->why, sizeof(ret_status->why), "%s", sampler->why);
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    uint32_t node = profile_child(profile, 0, profile_frame(profile, STR("worker"), STR("")));
    profile_put(profile, node, measure, (double)sampler->samples);
    profile_close(profile);
    return profile;
}

static void
draw(struct stage *stage)
{
    do {
        stage->app->again = false;
        app_draw(stage->app, &stage->canvas);
    } while (stage->app->again);
}

static void
stage_init(struct stage *stage, bool here)
{
    memset(stage, 0, sizeof(*stage));
    machine_init(&stage->fake, 4);
    stage->sampler = (struct sampler){.pid = -1, .why = ""};
    stage->face = (struct app_sampler){&stage->sampler, begin, end, hold, fd, take};
    struct app_options options = {.catalog = stage->fake.catalog,
                                  .view = 3,
                                  .sampler = here ? &stage->face : NULL,
                                  .sample_rate_hz = 99};
    stage->app = app_new(&options);
    fake_processes(&stage->fake, 20);
    app_set_picture(stage->app, fake_picture(&stage->fake));
    canvas_init(&stage->canvas);
    assert_true(canvas_resize(&stage->canvas, 120, 40));
    draw(stage);
}

static void
stage_done(struct stage *stage)
{
    app_free(stage->app);
    canvas_done(&stage->canvas);
    fake_done(&stage->fake);
}

static void
press(struct stage *stage, const char *keys)
{
    struct str rest = str_from(keys), word;
    while (str_word(&rest, &word)) {
        char name[32];
        struct term_event event = {0};
        assert_true(key_parse(str_copy(word, name, sizeof(name)), &event.key));
        app_key(stage->app, &event);
        draw(stage);
    }
}

static void
arrive(struct stage *stage, uint64_t samples)
{
    stage->sampler.samples = samples;
    sampling_take(stage->app);
    draw(stage);
}

static bool
shows(const struct stage *stage, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    canvas_dump(&stage->canvas, &out);
    bool found = strstr(out.data, text) != NULL;
    buf_done(&out);
    return found;
}

static void
test_sampling__f_samples_the_selected_process(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    assert_true(shows(&stage, "F flame graph"));
    press(&stage, "F");
    assert_true(stage.sampler.pid > 0);
    assert_int_equal(stage.app->view, VIEW_FLAME);
    assert_true(shows(&stage, "it has used no CPU so far"));
    arrive(&stage, 0);
    assert_true(shows(&stage, "it has used no CPU so far"));
    arrive(&stage, 200);
    assert_true(shows(&stage, "sampling for 2 s at 99 Hz"));
    assert_true(shows(&stage, "worker"));
    assert_true(shows(&stage, "F hold"));
    stage_done(&stage);
}

static void
test_sampling__f_in_the_flame_view_holds_and_goes_on(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    press(&stage, "6 F");
    assert_int_equal(stage.sampler.pid, 0);
    assert_true(shows(&stage, "this machine"));
    arrive(&stage, 10);
    press(&stage, "F");
    assert_true(stage.sampler.held);
    assert_true(shows(&stage, "F go on"));
    arrive(&stage, 12);
    press(&stage, "F");
    assert_false(stage.sampler.held);
    assert_int_equal(stage.sampler.begun, 1);
    stage_done(&stage);
}

static void
test_sampling__another_begins_after_a_question(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    press(&stage, "F");
    int64_t first = stage.sampler.pid;
    arrive(&stage, 10);
    press(&stage, "3 F"); /* the same goes on */
    assert_int_equal(stage.app->view, VIEW_FLAME);
    assert_int_equal(stage.sampler.begun, 1);
    press(&stage, "3 Down Down F");
    assert_int_equal(stage.sampler.begun, 1);
    assert_true(shows(&stage, "Drop the 10 samples of"));
    press(&stage, "n");
    assert_int_equal(stage.sampler.begun, 1);
    press(&stage, "3 F y");
    assert_int_equal(stage.sampler.begun, 2);
    assert_true(stage.sampler.pid != first && stage.sampler.pid > 0);
    stage_done(&stage);
}

static void
test_sampling__says_what_went_wrong(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    app_command(stage.app, "flame.open 13");
    draw(&stage);
    assert_true(shows(&stage, "it is not yours"));
    app_command(stage.app, "flame.open x");
    draw(&stage);
    assert_true(shows(&stage, "give the number of a process"));
    press(&stage, "6 F");
    stage.sampler.over = true;
    stage.sampler.why = "it takes CAP_PERFMON";
    arrive(&stage, 0);
    assert_true(shows(&stage, "it takes CAP_PERFMON"));
    stage_done(&stage);
    stage_init(&stage, false);
    press(&stage, "F");
    assert_true(shows(&stage, "flametop flame --pid"));
    assert_false(shows(&stage, "F flame graph"));
    stage_done(&stage);
}

/* What else is opened in the flame view stays there. */
static void
test_sampling__gives_way_to_another_profile(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    press(&stage, "F");
    arrive(&stage, 10);
    struct profile *profile = profile_new();
    profile_measure(profile, STR("time"), "s", 1);
    profile_put(profile, profile_child(profile, 0, profile_frame(profile, STR("request"), STR(""))),
                0, 1);
    profile_close(profile);
    app_set_profile(stage.app, profile, "a request", false);
    arrive(&stage, 20);
    assert_true(shows(&stage, "request"));
    assert_int_equal(stage.sampler.ended, 1);
    stage_done(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampling__f_samples_the_selected_process),
        cmocka_unit_test(test_sampling__f_in_the_flame_view_holds_and_goes_on),
        cmocka_unit_test(test_sampling__another_begins_after_a_question),
        cmocka_unit_test(test_sampling__says_what_went_wrong),
        cmocka_unit_test(test_sampling__gives_way_to_another_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
