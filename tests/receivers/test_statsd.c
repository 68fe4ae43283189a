#include "recorded.h"

#include <stdlib.h>

static void
test_statsd__reads_each_type(void **state)
{
    (void)state;
    check_decoded(statsd_read,
                  "pages:3|c\nusers:42|g\nusers:-2|g\nusers:+4|g\nload:250|ms\nsize:7|h\r\n"
                  "dist:1.5|d\nseen:ann:7|s\n\n",
                  "count pages 3 x1 []\ngauge users 42 x1 []\nadd users -2 x1 []\n"
                  "add users 4 x1 []\ntime load 0.25 x1 [s]\ntime size 7 x1 []\n"
                  "time dist 1.5 x1 []\nmember seen 0 x1 [] ann:7\n");
}

static void
test_statsd__reads_rates_and_tags(void **state)
{
    (void)state;
    check_decoded(statsd_read,
                  "a:1|c|@0.1|#k:v,alone,url:http://x|c:box|T1656581400\n"
                  "b,host=web-1:2|ms|@0.5\n"
                  "many:1:2:3|h\n_e{5,4}:title|text\n_sc|check|0\n",
                  "count a 1 x10 [] k=v alone=true url=http://x\n"
                  "time b 0.002 x2 [s] host=web-1\n"
                  "time many 1 x1 []\ntime many 2 x1 []\ntime many 3 x1 []\n");
}

static void
test_statsd__leaves_bad_lines_out(void **state)
{
    struct recorded recorded = {.refuse = false};
    (void)state;
    assert_false(record(&recorded, statsd_read,
                        STR("good:1|c\n:1|c\nx|c\nx:|c\nx:y|g\nx:1|q\nx:1|c|@7\nx:1\ngood:2|c")));
    assert_string_equal(recorded.text.data, "count good 1 x1 []\ncount good 2 x1 []\n");
    assert_string_equal(recorded.delivery.why, "\":1|c\" is no measurement of StatsD");
    assert_int_equal(recorded.delivery.refused, 7);
    buf_done(&recorded.text);
    check_hostile(statsd_read, STR("a,b=c:1:2|ms|@.5|#a:b,,c\nx:+1e9|g|T9\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statsd__reads_each_type),
        cmocka_unit_test(test_statsd__reads_rates_and_tags),
        cmocka_unit_test(test_statsd__leaves_bad_lines_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
