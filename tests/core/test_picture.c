/* Pictures of the past: which moments there are. */
#include "../check.h"

#include "flametop/base/macros.h"
#include "flametop/core/keep.h"
#include "flametop/core/picture.h"

#define TICKS 20

/* Ticks a second apart, each up to 1 ms late. */
static int64_t
tick_ns(size_t i)
{
    return 1000 * NS_PER_S + (int64_t)i * NS_PER_S + (int64_t)(i * 7 % 5) * (NS_PER_MS / 4);
}

/* A slow source that has the longest history, and one that ticks each second. */
static struct picture *
two_speeds(void)
{
    struct picture *picture = picture_new(NULL, 1 << 20);
    struct layout *layout = layout_new(NULL, 0);
    picture->tracks = arena_news(&picture->arena, struct track, 2);
    picture->track_count = 2;
    for (size_t t = 0; t < 2; t++) {
        struct track *track = &picture->tracks[t];
        *track = (struct track){.name = t == 0 ? "slow" : "fine", .text = "", .why = ""};
        track->head = head_new(layout, 0);
        for (size_t i = 0; i < TICKS; i += t == 0 ? 5 : 1) {
            track->head->mono_ns[track->head_ticks++] = tick_ns(i) - (t == 0 && i == 0);
        }
    }
    layout_release(layout);
    picture->mono_ns = tick_ns(TICKS - 1) + 3 * NS_PER_MS; /* the tick, and what it took */
    picture->interval_ns = NS_PER_S;
    return picture;
}

static void
test_picture__steps_go_through_every_tick(void **state)
{
    (void)state;
    struct picture *live = two_speeds();
    int64_t now = live->mono_ns;
    for (size_t i = TICKS - 1; i-- > 0;) {
        now = picture_step(live, now, -1);
        assert_int_equal(now, tick_ns(i));
        struct picture *past = picture_at(live, now);
        assert_int_equal(past->mono_ns, now);
        picture_release(past);
    }
    assert_int_equal(picture_step(live, now, -1), picture_oldest(live));
    for (size_t i = 1; i < TICKS; i++) {
        now = picture_step(live, now, 1);
        assert_int_equal(now, tick_ns(i));
    }
    assert_int_equal(picture_step(live, now, 1), now);
    assert_int_equal(picture_step(live, now, -5), tick_ns(TICKS - 6));
    assert_int_equal(picture_step(live, now, -1000), picture_oldest(live));
    picture_release(live);
}

static void
test_picture__without_history_there_is_one_moment(void **state)
{
    (void)state;
    struct picture *picture = picture_new(NULL, 1 << 16);
    picture->mono_ns = 77;
    assert_int_equal(picture_step(picture, 77, -1), 77);
    assert_int_equal(picture_step(picture, 77, 1), 77);
    assert_int_equal(picture_oldest(picture), 77);
    picture_release(picture);
}

static void
test_findings__equals_keep_their_places(void **state)
{
    (void)state;
    struct finding findings[] = {{.id = "c", .impact = 10},
                                 {.id = "b", .impact = 10},
                                 {.id = "d", .impact = 90},
                                 {.id = "a", .impact = 10}};
    findings_sort(findings, ARRAY_SIZE(findings));
    static const char *const wanted[] = {"d", "a", "b", "c"};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        assert_string_equal(findings[i].id, wanted[i]);
    }
}

/* What was over then is over when one goes back, and stands below what was still so. */
static void
test_findings__of_the_past_end_when_they_did(void **state)
{
    (void)state;
    int64_t wall_ns = INT64_C(1700000000) * NS_PER_S;
    const struct finding then[] = {{.id = "still", .sentence = "so", .impact = 10},
                                   {.id = "over",
                                    .sentence = "was so",
                                    .impact = 90,
                                    .since_wall_ns = wall_ns,
                                    .until_wall_ns = wall_ns + 5 * NS_PER_S}};
    struct picture *live = two_speeds();
    struct keep *keep = keep_new(&finding_table);
    keep_add(keep, findings_to_table(then, ARRAY_SIZE(then), &live->arena),
             (struct instant){.mono_ns = tick_ns(5), .wall_ns = wall_ns + 9 * NS_PER_S});
    live->kept = arena_news(&live->arena, struct kept *, 1);
    live->kept[live->kept_count++] = keep_view(keep);
    struct picture *past = picture_at(live, tick_ns(5));
    assert_int_equal(past->finding_count, 2);
    assert_string_equal(past->findings[0].id, "still");
    assert_int_equal(past->findings[0].until_wall_ns, 0);
    assert_int_equal(past->findings[1].since_wall_ns, wall_ns);
    assert_int_equal(past->findings[1].until_wall_ns, wall_ns + 5 * NS_PER_S);
    picture_release(past);
    picture_release(live);
    keep_free(keep);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture__steps_go_through_every_tick),
        cmocka_unit_test(test_picture__without_history_there_is_one_moment),
        cmocka_unit_test(test_findings__equals_keep_their_places),
        cmocka_unit_test(test_findings__of_the_past_end_when_they_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
