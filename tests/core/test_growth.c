/* Samplings on their way to a terminal: what is read is what was written, however often and in
 * which portions; damaged bytes are refused. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/sampling.h"

struct stage {
    struct profile *profile; /* grows at one end */
    uint32_t cpu, samples;
    const struct profile *sent;
    struct sampling_reader reader; /* the other */
    struct sampling_status status;
};

static void
stage_init(struct stage *stage)
{
    memset(stage, 0, sizeof(*stage));
    stage->profile = profile_new();
    stage->cpu = profile_measure(stage->profile, STR("CPU time"), "s", 1e-9);
    stage->samples = profile_measure(stage->profile, STR("samples"), "", 1);
    stage->status = (struct sampling_status){.state = SAMPLING_RUNS, .rate_hz = 99};
    assert_true(sampling_reader_init(&stage->reader));
}

static void
stage_done(struct stage *stage)
{
    sampling_reader_done(&stage->reader);
    profile_release(stage->sent);
    profile_release(stage->profile);
}

/* "a;b;c", so much of both measures. */
static void
put(struct stage *stage, const char *stack, double cpu, double samples)
{
    struct str rest = str_from(stack), frame;
    uint32_t node = 0;
    while (str_until(&rest, ';', &frame)) {
        node = profile_child(stage->profile, node,
                             profile_frame(stage->profile, frame, STR("/lib/x.so")));
    }
    profile_put(stage->profile, node, stage->cpu, cpu);
    profile_put(stage->profile, node, stage->samples, samples);
    stage->status.samples += (uint64_t)samples;
}

/* What it grew by goes over; answers how many bytes that took. */
static size_t
send_growth(struct stage *stage)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    const struct profile *now = profile_copy(stage->profile);
    sampling_write(stage->sent, now, &stage->status, &out);
    size_t n = out.n;
    assert_true(sampling_read(&stage->reader, (struct str){out.data, out.n}));
    profile_release(stage->sent);
    stage->sent = now;
    buf_done(&out);
    return n;
}

/* The value of a stack at the reader's end, by measure; -1: it is not there. */
static double
value_of(const struct stage *stage, const char *stack, uint32_t measure)
{
    const struct profile *profile = stage->reader.profile;
    struct str rest = str_from(stack), name;
    uint32_t node = 0;
    while (str_until(&rest, ';', &name)) {
        uint32_t child = 1;
        while (child < profile->node_count &&
               (profile->parent[child] != node ||
                profile->frames[profile->frame[child]].name_n != name.n ||
                memcmp(profile->frames[profile->frame[child]].name, name.p, name.n) != 0)) {
            child++;
        }
        if (child == profile->node_count) {
            return -1;
        }
        node = child;
    }
    const double *values = profile->values[0][measure];
    return values != NULL ? values[node] : 0;
}

static void
test_growth__arrives_as_it_grew(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage);
    put(&stage, "main;hot", 7e6, 7);
    put(&stage, "main;cold", 3e6, 3);
    size_t first = send_growth(&stage);
    put(&stage, "main;hot", 0.25, 1);
    put(&stage, "main;hot;deeper", 1e6, 1);
    size_t second = send_growth(&stage);
    assert_int_equal(value_of(&stage, "main;hot", 1), 8);
    assert_true(value_of(&stage, "main;hot", 0) == 7e6 + 0.25);
    assert_int_equal(value_of(&stage, "main;cold", 1), 3);
    assert_int_equal(value_of(&stage, "main;hot;deeper", 1), 1);
    assert_int_equal(stage.reader.status.samples, 12);
    assert_string_equal(stage.reader.profile->measures[0].unit, "s");
    assert_true(stage.reader.profile->modules[0]);
    assert_true(second < first); /* what is known is not told again */
    assert_true(send_growth(&stage) < second);
    assert_int_equal(value_of(&stage, "main;hot", 1), 8);
    stage_done(&stage);
}

/* Held, and gone on with: the other end began anew, here it is one. */
static void
test_growth__adds_what_comes_after_a_pause(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage);
    put(&stage, "main;hot", 7, 7);
    stage.status.sampled_ns = 2 * NS_PER_S;
    send_growth(&stage);
    struct sampling_reader reader = stage.reader;
    stage.reader = (struct sampling_reader){0};
    stage_done(&stage);
    stage_init(&stage);
    sampling_reader_done(&stage.reader);
    stage.reader = reader;
    sampling_reader_again(&stage.reader);
    put(&stage, "other", 1, 1); /* so that numbers differ */
    put(&stage, "main;hot", 3, 3);
    stage.status.sampled_ns = NS_PER_S;
    send_growth(&stage);
    assert_int_equal(value_of(&stage, "main;hot", 1), 10);
    assert_int_equal(value_of(&stage, "other", 1), 1);
    assert_int_equal(stage.reader.status.samples, 11);
    assert_int_equal(stage.reader.status.sampled_ns, 3 * NS_PER_S);
    char text[SAMPLING_TEXT_BYTES];
    sampling_describe(&stage.reader.status, text, sizeof(text));
    assert_string_equal(text, "sampling for 3 s at 99 Hz, 11 samples, 0 lost");
    stage_done(&stage);
}

static void
test_growth__of_a_status_alone(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage);
    struct buf out;
    buf_init(&out, 4096);
    stage.status.state = SAMPLING_FAILED;
    snprintf(stage.status.why, sizeof(stage.status.why), "it \x1b[2J is not yours");
    sampling_write(NULL, NULL, &stage.status, &out);
    assert_true(sampling_read(&stage.reader, (struct str){out.data, out.n}));
    assert_int_equal(stage.reader.status.state, SAMPLING_FAILED);
    assert_null(strchr(stage.reader.status.why, '\x1b')); /* it is shown */
    assert_non_null(strstr(stage.reader.status.why, "is not yours"));
    buf_done(&out);
    stage_done(&stage);
}

/* No prefix of it, and nothing with a changed byte, does harm; what does not hold is refused. */
static void
test_growth__refuses_what_is_damaged(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage);
    put(&stage, "main;hot", 7, 7);
    put(&stage, "main;cold", 3.5, 3);
    const struct profile *now = profile_copy(stage.profile);
    struct buf out;
    buf_init(&out, 1 << 20);
    sampling_write(NULL, now, &stage.status, &out);
    size_t refused = 0;
    for (size_t n = 0; n < out.n; n++) {
        struct sampling_reader reader;
        assert_true(sampling_reader_init(&reader));
        refused += !sampling_read(&reader, (struct str){out.data, n});
        sampling_reader_done(&reader);
    }
    assert_true(refused + 2 > out.n); /* the whole status alone is one, too */
    for (size_t i = 0; i < out.n; i++) {
        struct sampling_reader reader;
        assert_true(sampling_reader_init(&reader));
        out.data[i] = (char)(out.data[i] ^ 0x55);
        sampling_read(&reader, (struct str){out.data, out.n});
        out.data[i] = (char)(out.data[i] ^ 0x55);
        sampling_reader_done(&reader);
    }
    buf_done(&out);
    profile_release(now);
    stage_done(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth__arrives_as_it_grew),
        cmocka_unit_test(test_growth__adds_what_comes_after_a_pause),
        cmocka_unit_test(test_growth__of_a_status_alone),
        cmocka_unit_test(test_growth__refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
