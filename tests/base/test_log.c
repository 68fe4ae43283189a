/* The log, written to a pipe and kept in its ring. */
#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/log.h"
#include "flametop/base/macros.h"

static char lines[LOG_LINES_KEPT][LOG_LINE_BYTES];

static const char *
newest(void)
{
    size_t n = log_tail(lines, LOG_LINES_KEPT);
    return n > 0 ? lines[n - 1] : "";
}

static void
test_log__levels_are_parsed_and_obeyed(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    enum log_level level;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_true(log_level_parse(names[i], &level));
        assert_int_equal(level, i);
    }
    level = LOG_LEVEL_INFO;
    assert_false(log_level_parse("loud", &level));
    assert_false(log_level_parse("", &level));
    assert_int_equal(level, LOG_LEVEL_INFO);
    log_open(-1, LOG_LEVEL_WARNING);
    log_warning("shown %d", 1);
    log_info("hidden");
    assert_non_null(strstr(newest(), "level=warning msg=\"shown 1\""));
}

static void
test_log__lines_are_clean_ended_and_bounded(void **state)
{
    (void)state;
    char name[600], text[LOG_LINE_BYTES * 3] = "";
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_open(ends[1], LOG_LEVEL_DEBUG);
    log_error("%s", "a \"quoted\" \\ name\n\x1b[31m \xc2\x9b"
                    "5m \xff");
    assert_non_null(strstr(newest(), "msg=\"a \\\"quoted\\\" \\\\ name ?[31m ?5m ?\""));
    memset(name, '"', sizeof(name));
    for (size_t n = 1; n < sizeof(name); n += 13) {
        for (size_t i = 0; i + 2 < n; i += 2) {
            memcpy(name + i, "ü", 2);
        }
        log_error("%zu%.*s", n, (int)n, name); /* each another: what repeats is not written */
        size_t length = strlen(newest());
        assert_true(length < LOG_LINE_BYTES - 1 && newest()[length - 1] == '"');
        ssize_t got = read(ends[0], text, sizeof(text) - 1);
        assert_true(got > 0 && text[got - 1] == '\n');
        memset(name, '"', sizeof(name));
    }
    close(ends[0]);
    close(ends[1]);
    log_set_fd(-1);
}

static void
test_log__repetition_is_counted(void **state)
{
    (void)state;
    log_open(-1, LOG_LEVEL_DEBUG);
    for (int i = 0; i < 50; i++) {
        log_error("the same");
    }
    assert_non_null(strstr(newest(), "\"the same\""));
    log_error("another");
    size_t n = log_tail(lines, LOG_LINES_KEPT);
    assert_non_null(strstr(lines[n - 1], "\"another\""));
    assert_non_null(strstr(lines[n - 2], "last message repeated 49 times"));
    assert_non_null(strstr(lines[n - 3], "\"the same\""));
}

static void
test_log__the_ring_keeps_the_newest(void **state)
{
    (void)state;
    log_open(-1, LOG_LEVEL_DEBUG);
    for (int i = 0; i < LOG_LINES_KEPT * 2 + 3; i++) {
        log_debug("line %d.", i);
    }
    assert_int_equal(log_tail(lines, LOG_LINES_KEPT), LOG_LINES_KEPT);
    for (int i = 0; i < LOG_LINES_KEPT; i++) {
        char want[32];
        snprintf(want, sizeof(want), "line %d.", LOG_LINES_KEPT + 3 + i);
        assert_non_null(strstr(lines[i], want));
    }
    assert_int_equal(log_tail(lines, 2), 2);
    assert_non_null(strstr(lines[1], "line 514."));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__levels_are_parsed_and_obeyed),
        cmocka_unit_test(test_log__lines_are_clean_ended_and_bounded),
        cmocka_unit_test(test_log__repetition_is_counted),
        cmocka_unit_test(test_log__the_ring_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
