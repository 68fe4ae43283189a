/* The screen of an attached target: what it says while it connects, when the connection is lost or
 * refused, and that nothing of this machine is touched meanwhile. */
#include "../check.h"

#include <unistd.h>

#include "../../src/ui/app_state.h"
#include "flametop/base/buf.h"
#include "flametop/core/link.h"
#include "flametop/ui/app.h"
#include "fake_picture.h"
#include "golden.h"

#define OUR_NS (INT64_C(5000) * NS_PER_S)

static const struct size {
    int width, height;
} sizes[] = {{12, 3}, {40, 12}, {80, 24}, {120, 40}};

struct screen {
    struct fake fake, later;
    struct link_status link, later_link;
    struct instant now;
    struct clock clock;
    struct app *app;
    struct canvas canvas;
    struct buf out;
    int environments; /* times it was asked for one */
};

static struct instant
fixed(void *context)
{
    return *(const struct instant *)context;
}

static int
environment(void *context, int64_t pid, struct buf *lines)
{
    (void)pid;
    (void)lines;
    ++*(int *)context;
    return 0;
}

static struct screen *
screen_new(const struct size *size)
{
    struct screen *screen = calloc(1, sizeof(*screen));
    fake_init(&screen->fake);
    fake_init(&screen->later);
    fake_processes(&screen->fake, 214);
    fake_finding(&screen->fake, LEVEL_WARNING, 40, "memory 91 % used and rising", NULL);
    screen->now.mono_ns = OUR_NS;
    screen->clock = (struct clock){fixed, &screen->now};
    struct app_options options = {.catalog = screen->fake.catalog,
                                  .view = 3,
                                  .clock = &screen->clock,
                                  .environment = environment,
                                  .environment_context = &screen->environments};
    screen->app = app_new(&options);
    struct app_target target = {NULL, "http://web-01:7711"};
    assert_true(app_set_targets(screen->app, &target, 1));
    canvas_init(&screen->canvas);
    canvas_resize(&screen->canvas, size->width, size->height);
    buf_init(&screen->out, 1 << 20);
    screen->link = (struct link_status){.state = LINK_LIVE,
                                        .target = "http://web-01:7711",
                                        .kind = "agent",
                                        .why = "",
                                        .heard_mono_ns = OUR_NS};
    screen->later_link = screen->link;
    return screen;
}

static void
screen_free(struct screen *screen)
{
    app_free(screen->app);
    canvas_done(&screen->canvas);
    buf_done(&screen->out);
    fake_done(&screen->fake);
    fake_done(&screen->later);
    free(screen);
}

/* A picture with everything, while the link was live. */
static void
see(struct screen *screen)
{
    screen->fake.picture->link = &screen->link;
    app_set_picture(screen->app, fake_picture(&screen->fake));
}

/* A later one without a table, which says how the link is now. */
static void
hear(struct screen *screen, enum link_state state, const char *why, int64_t retry_s)
{
    screen->later_link.state = state;
    screen->later_link.why = why;
    screen->later_link.retry_mono_ns = retry_s > 0 ? OUR_NS + retry_s * NS_PER_S : 0;
    screen->later.picture->link = &screen->later_link;
    app_set_picture(screen->app, screen->later.picture);
}

static const char *
shown(struct screen *screen)
{
    app_draw(screen->app, &screen->canvas);
    buf_clear(&screen->out);
    canvas_dump(&screen->canvas, &screen->out);
    return screen->out.data;
}

static void
press(struct screen *screen, int32_t key)
{
    struct term_event event = {.key = key};
    shown(screen);
    app_key(screen->app, &event);
}

static void
look(struct screen *screen, const char *name)
{
    char file[80];
    snprintf(file, sizeof(file), "attached-%s-%dx%d", name, screen->canvas.width,
             screen->canvas.height);
    shown(screen);
    golden_text(file, &screen->out);
}

static void
test_attached__golden(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool seen;
        enum link_state state;
        const char *why;
        int64_t retry_s;
    } screens[] = {
        {"connecting", false, LINK_CONNECTING, "web-01 refused the connection", 3},
        {"refused", false, LINK_REFUSED,
         "the token is not the right one: give it with "
         "--token-file FILE",
         0},
        {"lost", true, LINK_LOST, "no answer", 4},
    };
    for (size_t s = 0; s < ARRAY_SIZE(screens); s++) {
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
            struct screen *screen = screen_new(&sizes[i]);
            if (screens[s].seen) {
                see(screen);
                screen->now.mono_ns = OUR_NS + 12 * NS_PER_S;
                hear(screen, screens[s].state, screens[s].why, 12 + screens[s].retry_s);
            } else {
                hear(screen, screens[s].state, screens[s].why, screens[s].retry_s);
            }
            look(screen, screens[s].name);
            screen_free(screen);
        }
    }
}

static void
test_attached__header_warns(void **state)
{
    (void)state;
    for (size_t i = 1; i < ARRAY_SIZE(sizes); i++) {
        struct screen *screen = screen_new(&sizes[i]);
        screen->link.insecure = true;
        screen->link.clock_error_ns = 192 * NS_PER_S;
        see(screen);
        look(screen, "warned");
        screen_free(screen);
    }
    struct screen *screen = screen_new(&sizes[2]);
    screen->link.clock_error_ns = -1999 * NS_PER_MS;
    see(screen);
    assert_null(strstr(shown(screen), "clock"));
    screen->link.clock_error_ns = -2 * NS_PER_S;
    assert_non_null(strstr(shown(screen), "clock −2 s"));
    screen_free(screen);
}

static void
test_attached__age_goes_on_without_pictures(void **state)
{
    (void)state;
    struct screen *screen = screen_new(&sizes[2]);
    see(screen);
    assert_null(strstr(shown(screen), "lost"));
    screen->now.mono_ns = OUR_NS + 2 * NS_PER_S;
    hear(screen, LINK_LOST, "no answer", 9);
    assert_non_null(strstr(shown(screen), "lost 2 s ago: no answer; trying again in 7 s"));
    screen->now.mono_ns = OUR_NS + 8500 * NS_PER_MS;
    assert_non_null(strstr(shown(screen), "lost 8 s ago: no answer; trying again in 1 s"));
    screen->now.mono_ns = OUR_NS + 9 * NS_PER_S;
    assert_non_null(strstr(shown(screen), "lost 9 s ago: no answer; trying again "));
    assert_non_null(strstr(screen->out.data, "beam.smp"));
    hear(screen, LINK_LIVE, "", 0);
    assert_null(strstr(shown(screen), "lost"));
    screen_free(screen);
}

/* The picture of the moment before stays, in its rows and in what it says of itself. */
static void
test_attached__lost_keeps_the_picture(void **state)
{
    (void)state;
    struct screen *screen = screen_new(&sizes[2]);
    see(screen);
    screen->later.picture->number = 9;
    hear(screen, LINK_LOST, "no answer", 3);
    assert_non_null(strstr(shown(screen), "postgres"));
    press(screen, '8');
    assert_non_null(strstr(shown(screen), "memory 91 % used"));
    press(screen, ' ');
    assert_non_null(strstr(shown(screen), "‖ 14:02:31"));
    press(screen, 'r');
    assert_null(strstr(shown(screen), "‖"));
    screen_free(screen);
}

/* What was asked for is not all that an agent holds. */
static void
test_attached__says_what_an_agent_was_asked_for(void **state)
{
    (void)state;
    struct screen *screen = screen_new(&sizes[3]);
    screen->link.agent = true;
    see(screen);
    app_command(screen->app, "time.skip -1d");
    assert_non_null(strstr(shown(screen), "with a longer --span it may send more"));
    press(screen, 'r');
    screen->link.kind = "prometheus";
    screen->link.agent = false;
    app_command(screen->app, "time.skip -1d");
    assert_non_null(strstr(shown(screen), "the history begins here"));
    screen_free(screen);
}

/* A moment whose rows are still on their way, and requests of which none is here. */
static void
test_attached__says_what_is_coming(void **state)
{
    static const struct metric held = {
        .name = "flametop.trace.count", .unit = "{trace}", .labels = "", .text = ""};
    (void)state;
    struct screen *screen = screen_new(&sizes[3]);
    see(screen);
    struct picture *past = picture_at(screen->fake.picture, screen->fake.picture->mono_ns - 1);
    assert_non_null(past);
    moment_hold(screen->app, past);
    assert_null(strstr(shown(screen), "is coming"));
    screen->link.coming = LINK_HISTORY_COMES;
    assert_non_null(strstr(shown(screen), "the agent's history is coming …"));
    screen->link.coming = 0;
    assert_null(strstr(shown(screen), "is coming"));
    press(screen, 'r');
    press(screen, '5');
    assert_null(strstr(shown(screen), "are coming"));
    fake_metrics(&screen->later, &held, 1);
    fake_series(&screen->later, held.name, "", fake_constant, 10000, 0);
    fake_picture(&screen->later);
    hear(screen, LINK_LIVE, "", 0);
    assert_non_null(strstr(shown(screen), "requests are coming: 0 of 10000"));
    hear(screen, LINK_LOST, "no answer", 3);
    assert_null(strstr(shown(screen), "are coming"));
    screen_free(screen);
}

/* Keys that act on a process of this machine say what to do instead. */
static void
test_attached__never_acts_here(void **state)
{
    (void)state;
    struct screen *screen = screen_new(&sizes[3]);
    see(screen);
    press(screen, 'E');
    assert_non_null(strstr(shown(screen), "read on the machine itself"));
    assert_int_equal(screen->environments, 0);
    press(screen, 'K');
    assert_non_null(strstr(shown(screen), "--change-token-file"));
    assert_null(strstr(screen->out.data, "Signal to"));
    press(screen, ']');
    press(screen, '\x1b');
    screen->link.may_change = true;
    app_command(screen->app, "process.nice 1");
    assert_non_null(strstr(shown(screen), "is not known"));
    press(screen, 'K');
    assert_non_null(strstr(shown(screen), "Signal to"));
    press(screen, '\r');
    assert_non_null(strstr(shown(screen), "Send TERM to"));
    press(screen, 'y');
    assert_non_null(strstr(shown(screen), "not sent, there is no connection"));
    hear(screen, LINK_LOST, "no answer", 3);
    press(screen, 'K');
    assert_non_null(strstr(shown(screen), "there is no connection"));
    screen_free(screen);
}

/* What a link offers is asked once, and done only after a yes. */
static void
test_attached__offer_is_a_question(void **state)
{
    (void)state;
    struct screen *screen = screen_new(&sizes[3]);
    screen->later_link.offer = "copy flametop (5.1 MB) to web\x1b-01, ~/.local/bin?";
    hear(screen, LINK_REFUSED, "there is no flametop on web-01", 0);
    assert_non_null(strstr(shown(screen), "copy flametop (5.1 MB) to web"));
    assert_null(strchr(screen->out.data, '\x1b'));
    press(screen, 'n');
    assert_non_null(strstr(shown(screen), "nothing was done"));
    hear(screen, LINK_REFUSED, "there is no flametop on web-01", 0);
    press(screen, ' ');
    assert_null(strstr(shown(screen), "(5.1 MB)"));
    app_command(screen->app, "accept");
    assert_non_null(strstr(shown(screen), "(5.1 MB)"));
    press(screen, 'y'); /* there is no engine to do it */
    assert_non_null(strstr(shown(screen), "not done"));
    screen->later_link.offer = NULL;
    hear(screen, LINK_REFUSED, "no", 0);
    app_command(screen->app, "accept");
    assert_non_null(strstr(shown(screen), "nothing is offered here"));
    screen_free(screen);
}

static void
test_attached__any_size(void **state)
{
    (void)state;
    struct screen *screen = screen_new(&sizes[2]);
    hear(screen, LINK_CONNECTING, "a\x1b[31m hostile\n sentence", 3);
    for (int width = 1; width < 130; width += 7) {
        for (int height = 1; height < 40; height += 3) {
            canvas_resize(&screen->canvas, width, height);
            press(screen, '3');
            press(screen, 'K');
            assert_null(strstr(shown(screen), "\x1b"));
        }
    }
    screen_free(screen);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attached__golden),
        cmocka_unit_test(test_attached__header_warns),
        cmocka_unit_test(test_attached__age_goes_on_without_pictures),
        cmocka_unit_test(test_attached__lost_keeps_the_picture),
        cmocka_unit_test(test_attached__says_what_is_coming),
        cmocka_unit_test(test_attached__says_what_an_agent_was_asked_for),
        cmocka_unit_test(test_attached__never_acts_here),
        cmocka_unit_test(test_attached__offer_is_a_question),
        cmocka_unit_test(test_attached__any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
