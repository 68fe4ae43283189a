/* The formats of profiles that are not folded stacks, told apart and read; and what is said of
 * those that are wrong. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/profile/read.h"

static struct profile *
read_as(const char *format, struct str text)
{
    char why[300] = "";
    const struct profile_format *found = profile_detect(text, true);
    if (found == NULL) {
        fail_msg("it is not known: %.60s", text.p);
    }
    assert_string_equal(found->name, format);
    struct profile *profile = profile_new();
    if (!profile_read(text, profile, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    return profile;
}

/* The value of a stack by its names; -1: there is no such stack. */
static double
value(const struct profile *profile, const char *stack, unsigned measure)
{
    struct str rest = str_from(stack), part;
    uint32_t node = 0;
    while (str_until(&rest, ';', &part)) {
        uint32_t found = 0;
        for (uint32_t i = 1; i < profile->node_count; i++) {
            const struct profile_frame *frame = &profile->frames[profile->frame[i]];
            found = profile->parent[i] == node && frame->name_n == part.n &&
                            memcmp(frame->name, part.p, part.n) == 0
                        ? i
                        : found;
        }
        if (found == 0) {
            return -1;
        }
        node = found;
    }
    return profile->values[0][measure] != NULL ? profile->values[0][measure][node] : 0;
}

static const char perf_text[] =
    "# captured\n"
    "my prog 12/13 [001] 100.5:     250000 cpu-clock:pppH: \n"
    "\tffffffff81000000 do_syscall+0x10 ([kernel.kallsyms])\n"
    "\t    55d0 std::map<int (*)(char)>::find(int)+0x1f (/usr/bin/my prog)\n"
    "\t    1000 [unknown] (/usr/lib/libz.so.1)\n"
    "\n"
    "other 7 100.6: 500000 cpu-clock: \n"
    "\t    10 main+0x0 (/bin/other)\n";

static void
test_perf_script__reads_samples(void **state)
{
    (void)state;
    struct profile *profile = read_as("perf script", str_from(perf_text));
    assert_string_equal(profile->measures[1].name, "cpu-clock");
    assert_true(value(profile, "my prog;[libz.so.1];std::map<int (*)(char)>::find(int);do_syscall",
                      0) == 1);
    assert_true(value(profile, "other;main", 1) == 500000);
    for (uint32_t i = 0; i < profile->frame_count; i++) {
        if (strcmp(profile->frames[i].name, "do_syscall") == 0) {
            assert_string_equal(profile->frames[i].module, "[kernel]");
        }
    }
    profile_release(profile);
}

static const char speedscope_text[] =
    "{\"profiles\":[{\"type\":\"sampled\",\"name\":\"t1\",\"unit\":\"milliseconds\","
    "\"startValue\":0,\"endValue\":9,\"samples\":[[0,1],[0,2],[0]],\"weights\":[3,5,1]},"
    "{\"type\":\"evented\",\"name\":\"t2\",\"unit\":\"milliseconds\",\"startValue\":0,"
    "\"endValue\":10,\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":0},"
    "{\"type\":\"O\",\"frame\":2,\"at\":2},{\"type\":\"C\",\"frame\":2,\"at\":6},"
    "{\"type\":\"O\",\"frame\":1,\"at\":7}]}],"
    "\"shared\":{\"frames\":[{\"name\":\"main\"},{\"name\":\"a \\u2713\",\"file\":\"a.c\"},"
    "{\"name\":\"b\"}]},\"$schema\":\"https://www.speedscope.app/file-format-schema.json\"}";

static void
test_speedscope__reads_samples_and_events(void **state)
{
    (void)state;
    struct profile *profile = read_as("speedscope", str_from(speedscope_text));
    assert_string_equal(profile->measures[0].unit, "s");
    assert_true(profile->measures[0].scale == 1e-3);
    assert_true(value(profile, "t1;main;a ✓", 0) == 3);
    assert_true(value(profile, "t1;main", 0) == 1);
    assert_true(value(profile, "t2;main;b", 0) == 4);
    assert_true(value(profile, "t2;main", 0) == 3);
    assert_true(value(profile, "t2;main;a ✓", 0) == 3); /* open until the end */
    profile_release(profile);
}

static const char cpuprofile_text[] =
    "{\"nodes\":[{\"id\":3,\"callFrame\":{\"functionName\":\"\",\"url\":\"f.js\"}},"
    "{\"id\":1,\"callFrame\":{\"functionName\":\"(root)\"},\"children\":[2]},"
    "{\"id\":2,\"callFrame\":{\"functionName\":\"slow\",\"url\":\"f.js\"},\"children\":[3]}],"
    "\"startTime\":0,\"endTime\":3010,\"samples\":[2,3,2],\"timeDeltas\":[10,1000,2000]}";

static void
test_cpuprofile__gives_each_sample_the_time_to_the_next(void **state)
{
    (void)state;
    struct profile *profile = read_as("cpuprofile", str_from(cpuprofile_text));
    assert_true(value(profile, "slow", 0) == 1000);
    assert_true(value(profile, "slow;(anonymous)", 0) == 2000);
    profile_release(profile);
}

static void
check_moments(const struct profile *profile, const double *values, size_t count)
{
    assert_int_equal(profile->moment_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(profile->moments[i].value == (values[i] < 0 ? -values[i] : values[i]));
        assert_int_equal(profile->moments[i].idle, values[i] < 0);
    }
}

/* Idle ones are written as less than zero. */
static void
test_formats__keep_the_order_of_time(void **state)
{
    (void)state;
    struct profile *profile = read_as("speedscope", str_from(speedscope_text));
    check_moments(profile, (const double[]){3, 5, 1, 2, 4, 1, 3}, 7);
    profile_release(profile);
    profile = read_as("speedscope",
                      STR("{\"shared\":{\"frames\":[{\"name\":\"f\"}]},\"profiles\":[{\"type\":"
                          "\"evented\",\"name\":\"\",\"unit\":\"seconds\",\"startValue\":0,"
                          "\"endValue\":9,\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":2},"
                          "{\"type\":\"C\",\"frame\":0,\"at\":5}]}]}"));
    check_moments(profile, (const double[]){-2, 3, -4}, 3);
    profile_release(profile);
    profile = read_as("cpuprofile", str_from(cpuprofile_text));
    check_moments(profile, (const double[]){1000, 2000}, 2);
    profile_release(profile);
    profile = read_as("folded", STR("a;b 1\na 2\n"));
    check_moments(profile, NULL, 0);
    profile_release(profile);
}

static const char callgrind_text[] = "# callgrind format\n"
                                     "version: 1\n"
                                     "positions: line\n"
                                     "events: Ir Dr\n"
                                     "fl=(1) work.c\n"
                                     "fn=(1) main\n"
                                     "10 100 10\n"
                                     "cfn=(2) slow\n"
                                     "calls=2 20\n"
                                     "11 600 60\n"
                                     "cfi=(2) util.c\n"
                                     "cfn=(3) copy\n"
                                     "calls=1 5\n"
                                     "+1 300 30\n"
                                     "\n"
                                     "fn=(2)\n"
                                     "20 400 40\n"
                                     "cfi=(2)\n"
                                     "cfn=(3)\n"
                                     "calls=2 5\n"
                                     "* 200 20\n"
                                     "jcnd=1/2 +3\n"
                                     "* \n"
                                     "fl=(2)\n"
                                     "fn=(3)\n"
                                     "5 500 50\n"
                                     "totals: 1000 100\n";

static void
test_callgrind__divides_by_callers(void **state)
{
    (void)state;
    struct profile *profile = read_as("callgrind", str_from(callgrind_text));
    assert_string_equal(profile->measures[0].name, "Ir");
    assert_true(value(profile, "main", 0) == 100);
    assert_true(value(profile, "main;slow", 0) == 400);
    assert_true(value(profile, "main;copy", 0) == 300);
    assert_true(value(profile, "main;slow;copy", 0) == 200);
    assert_int_equal(profile->node_count, 5);
    profile_release(profile);
}

/* What calls itself, in a ring, or is called by nobody: no cost is lost or counted twice. */
static void
test_callgrind__ends_with_rings(void **state)
{
    (void)state;
    struct profile *profile = read_as("callgrind", STR("events: Time_(10ns)\n"
                                                       "fn=main\n0 100\n"
                                                       "cfn=a\ncalls=1 0\n0 900\n"
                                                       "fn=a\n0 500\n"
                                                       "cfn=a\ncalls=9 0\n0 450\n"
                                                       "cfn=b\ncalls=9 0\n0 700\n"
                                                       "fn=b\n0 400\n"
                                                       "cfn=a\ncalls=9 0\n0 300\n"
                                                       "fn=x\n0 7\ncfn=y\ncalls=1 0\n0 3\n"
                                                       "fn=y\n0 3\ncfn=x\ncalls=1 0\n0 10\n"));
    assert_string_equal(profile->measures[0].unit, "s");
    assert_true(profile->measures[0].scale == 1e-8);
    double sum = 0;
    for (uint32_t i = 0; i < profile->node_count; i++) {
        sum += profile->values[0][0][i];
    }
    assert_true(fabs(sum - 1010) < 1e-9);
    assert_true(value(profile, "main", 0) == 100);
    assert_true(value(profile, "main;a", 0) + value(profile, "main;a;b", 0) == 900);
    assert_true(value(profile, "x", 0) > 0 || value(profile, "y", 0) > 0);
    profile_release(profile);
}

/* Two sample types, a location of two inlined lines, values packed and not. */
static const unsigned char pprof_bytes[] = {
    0x0a, 4,   8,    1,   16,   2,                          /* sample_type {samples, count} */
    0x0a, 4,   8,    3,   16,   4,                          /* {cpu, nanoseconds} */
    0x12, 8,   0x0a, 2,   2,    1,    0x12, 2,    3,    90, /* sample: location 2, then 1; values 3,
                                                               90 */
    0x12, 6,   8,    1,   16,   7,    16,   10, /* sample: location 1; values 7, 10, not packed */
    0x22, 10,  8,    1,   0x22, 2,    8,    3,    0x22, 2,    8,   1, /* location 1: inlined, main
                                                                       */
    0x22, 6,   8,    2,   0x22, 2,    8,    2,                        /* location 2: alloc */
    0x2a, 4,   8,    1,   16,   5,                                    /* function 1: main */
    0x2a, 4,   8,    2,   16,   6,                                    /* function 2: alloc */
    0x2a, 4,   8,    3,   16,   7,                                    /* function 3: inlined */
    0x32, 0,                                                          /* strings */
    0x32, 7,   's',  'a', 'm',  'p',  'l',  'e',  's',  0x32, 5,   'c', 'o',  'u',
    'n',  't', 0x32, 3,   'c',  'p',  'u',  0x32, 11,   'n',  'a', 'n', 'o',  's',
    'e',  'c', 'o',  'n', 'd',  's',  0x32, 4,    'm',  'a',  'i', 'n', 0x32, 5,
    'a',  'l', 'l',  'o', 'c',  0x32, 7,    'i',  'n',  'l',  'i', 'n', 'e',  'd'};

static void
test_pprof__reads_inlined_calls(void **state)
{
    (void)state;
    struct profile *profile =
        read_as("pprof", (struct str){(const char *)pprof_bytes, sizeof(pprof_bytes)});
    assert_int_equal(profile->measure_count, 2);
    assert_int_equal(profile->measure_chosen, 1);
    assert_true(profile->measures[1].scale == 1e-9);
    assert_true(value(profile, "main;inlined;alloc", 0) == 3);
    assert_true(value(profile, "main;inlined;alloc", 1) == 90);
    assert_true(value(profile, "main;inlined", 1) == 10);
    profile_release(profile);
}

static void
test_formats__say_where_they_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"cmd 1 1.5: cycles:\n\t10 main (x)\nwhat is this\n", "line 3"},
        {"{\"shared\":{\"frames\":[]},\n\"profiles\":[{\"samples\":[[5]],\"weights\":[1]}]}",
         "line 2"},
        {"{\"shared\":{\"frames\":[]}}", "missing"},
        {"{\"$schema\":\"speedscope.app/file-format-schema\",", "too early"},
        {"{\"nodes\":[{\"id\":1,\"callFrame\":{\"functionName\":\"a\"},\"children\":[1]}]}",
         "children of themselves"},
        {"\x0a\x04\x08\x01\x10\x02\x12\xff\x01", "byte 6"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char why[300] = "";
        struct profile *profile = profile_new();
        assert_false(profile_read(str_from(rows[i].text), profile, why, sizeof(why)));
        if (strstr(why, rows[i].why) == NULL) {
            fail_msg("%s: %s", rows[i].text, why);
        }
        profile_release(profile);
    }
}

/* Every beginning of every format is refused with a sentence or read. */
static void
test_formats__can_be_cut_anywhere(void **state)
{
    (void)state;
    const struct str texts[] = {STR(perf_text),
                                STR(speedscope_text),
                                STR(cpuprofile_text),
                                STR(callgrind_text),
                                {(const char *)pprof_bytes, sizeof(pprof_bytes)}};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        for (size_t n = 0; n < texts[i].n; n++) {
            char why[300] = "";
            struct profile *profile = profile_new();
            bool good = profile_read((struct str){texts[i].p, n}, profile, why, sizeof(why));
            assert_true(good || why[0] != '\0');
            profile_release(profile);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perf_script__reads_samples),
        cmocka_unit_test(test_speedscope__reads_samples_and_events),
        cmocka_unit_test(test_cpuprofile__gives_each_sample_the_time_to_the_next),
        cmocka_unit_test(test_formats__keep_the_order_of_time),
        cmocka_unit_test(test_callgrind__divides_by_callers),
        cmocka_unit_test(test_callgrind__ends_with_rings),
        cmocka_unit_test(test_pprof__reads_inlined_calls),
        cmocka_unit_test(test_formats__say_where_they_are_wrong),
        cmocka_unit_test(test_formats__can_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
