/* The parsers for one process' files. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/sources/proc_pid_parse.h"
#include "flametop/base/macros.h"

static const char whole[] =
    "42 (a) b) R 7 42 42 34816 42 2097216 11 12 13 14 15 16 17 18 25 5 4 0 999 4096 77 "
    "18446744073709551615 0 0 0\n";

static void
test_proc_pid_parse__stat_fields(void **state)
{
    (void)state;
    struct pid_stat stat;
    assert_true(pid_stat_parse(str_from(whole), &stat));
    assert_int_equal(stat.pid, 42);
    assert_true(str_is(stat.name, "a) b"));
    assert_int_equal(stat.state, 'R');
    assert_int_equal(stat.parent_pid, 7);
    assert_true(stat.kernel);
    assert_int_equal(stat.minor_faults, 11);
    assert_int_equal(stat.major_faults, 13);
    assert_int_equal(stat.cpu_ticks, 15 + 16);
    assert_int_equal(stat.children_cpu_ticks, 17 + 18);
    assert_int_equal(stat.nice, 5);
    assert_int_equal(stat.threads, 4);
    assert_int_equal(stat.start_ticks, 999);
    assert_int_equal(stat.virtual_bytes, 4096);
    assert_int_equal(stat.rss_pages, 77);
}

/* Each prefix in memory of just that size, so that a sanitizer sees a look past the end. */
static void
test_proc_pid_parse__every_torn_stat_is_refused(void **state)
{
    (void)state;
    size_t enough = (size_t)(strstr(whole, "77 ") - whole) + 3;
    for (size_t n = 0; n <= strlen(whole); n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, whole, n);
        char *exact = realloc(copy, n > 0 ? n : 1);
        struct pid_stat stat = {.pid = -1};
        bool parsed = pid_stat_parse((struct str){exact, n}, &stat);
        assert_int_equal(parsed, n >= enough);
        assert_int_equal(stat.pid, parsed ? 42 : -1);
        free(exact);
    }
}

static void
test_proc_pid_parse__stat_that_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "1",
        "1 )(",
        "x (a) S 1",
        "1 (a) SS 1 1 1 0 -1 0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ",
        "1 (a)S 1 1 1 0 -1 0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ",
        "1 (a) S 1 1 1 0 -1 0 1 1 1x 1 1 1 1 1 1 1 1 1 1 1 1 1 ",
    };
    struct pid_stat stat;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(pid_stat_parse(str_from(bad[i]), &stat));
    }
}

static void
test_proc_pid_parse__io_needs_whole_lines(void **state)
{
    (void)state;
    struct pid_io io;
    assert_true(pid_io_parse(
        STR("rchar: 1\nread_bytes: 12\nwrite_bytes: 34\ncancelled_write_bytes: 5\n"), &io));
    assert_int_equal(io.read_bytes, 12);
    assert_int_equal(io.write_bytes, 34);
    assert_false(pid_io_parse(STR("read_bytes: 12\nwrite_bytes: 3"), &io));
    assert_false(pid_io_parse(STR(""), &io));
}

static void
test_proc_pid_parse__status(void **state)
{
    (void)state;
    struct pid_status status;
    assert_true(pid_status_parse(STR("Name:\tUid:\nUid:\t1\t2\t3\t4\nvoluntary_ctxt_switches:\t10\n"
                                     "nonvoluntary_ctxt_switches:\t5\n"),
                                 &status));
    assert_int_equal(status.effective_uid, 2);
    assert_int_equal(status.switches, 15);
    assert_false(pid_status_parse(STR("Uid:\t1\t2\t3\t4\n"), &status));
    assert_false(pid_status_parse(
        STR("Uid:\t1\nvoluntary_ctxt_switches:\t10\nnonvoluntary_ctxt_switches:\t5\n"), &status));
}

static void
test_proc_pid_parse__cgroup_paths(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path; /* NULL: refused */
    } cases[] = {
        {"0::/user.slice\n", "/user.slice"},
        {"0::/\n", "/"},
        {"4:memory:/a:b\n1:name=systemd:/c\n0::/\n", "/a:b"},
        {"4:memory:/a\n0::/d\n", "/d"},
        {"4:memory:/a", NULL},
        {"", NULL},
        {"nonsense\n", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct str path;
        assert_int_equal(pid_cgroup_parse(str_from(cases[i].text), &path), cases[i].path != NULL);
        assert_true(cases[i].path == NULL || str_is(path, cases[i].path));
    }
}

static void
test_proc_pid_parse__short_cgroup_names(void **state)
{
    (void)state;
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    static const char *const cases[][2] = {
        {"/", "/"},
        {"", ""},
        {"/docker/" ID, "0123456789ab"},
        {"/system.slice/docker-" ID ".scope", "0123456789ab"},
        {"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope/init", "0123456789ab"},
        {"/machine.slice/libpod-" ID ".scope/container", "0123456789ab"},
        {"/user.slice/user-0.slice/session-3.scope", "session-3.scope"},
        {"/user.slice/", "user.slice"},
        {"/app.slice/app-gnome\\x2dterminal.scope", "app-gnome-terminal.scope"},
        {"/evil\x1b[31m", "evil?[31m"},
        {"/deadbeef", "deadbeef"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char name[64];
        cgroup_short_name(str_from(cases[i][0]), name, sizeof(name));
        assert_string_equal(name, cases[i][1]);
    }
}

static void
test_proc_pid_parse__command_lines(void **state)
{
    (void)state;
    char text[16];
    assert_int_equal(pid_cmdline_text(STR("ls\0-l\0\0\0"), text, sizeof(text)), 5);
    assert_string_equal(text, "ls -l");
    assert_int_equal(pid_cmdline_text(STR(""), text, sizeof(text)), 0);
    pid_cmdline_text(STR("12345678901234\xc3\xbc"), text,
                     sizeof(text)); /* cut before the two-byte character */
    assert_string_equal(text, "12345678901234");
}

static void
test_proc_pid_parse__limit_of_open_files(void **state)
{
    (void)state;
    int64_t limit = -1;
    assert_true(pid_limits_parse(
        STR("Limit                     Soft Limit           Hard Limit           Units     \n"
            "Max open files            1024                 524288               files     \n"),
        &limit));
    assert_int_equal(limit, 1024);
    assert_true(pid_limits_parse(
        STR("Max open files            unlimited            unlimited            files\n"),
        &limit));
    assert_true(limit == INT64_MAX);
    limit = -1;
    static const char *const none[] = {"",
                                       "Max open files",
                                       "Max open files 10",
                                       "Max open files -1 -1 files\n",
                                       "Max open files 10x 20 files\n",
                                       "Max processes 10 10 processes\n"};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        assert_false(pid_limits_parse(str_from(none[i]), &limit));
        assert_int_equal(limit, -1);
    }
}

static void
test_proc_pid_parse__pids(void **state)
{
    (void)state;
    int64_t pid = -1;
    assert_true(pid_parse("4194304", &pid));
    assert_int_equal(pid, 4194304);
    static const char *const none[] = {"", "self", "0", "01", "1a", "-1", "99999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        assert_false(pid_parse(none[i], &pid));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_pid_parse__stat_fields),
        cmocka_unit_test(test_proc_pid_parse__every_torn_stat_is_refused),
        cmocka_unit_test(test_proc_pid_parse__stat_that_is_none),
        cmocka_unit_test(test_proc_pid_parse__io_needs_whole_lines),
        cmocka_unit_test(test_proc_pid_parse__status),
        cmocka_unit_test(test_proc_pid_parse__cgroup_paths),
        cmocka_unit_test(test_proc_pid_parse__short_cgroup_names),
        cmocka_unit_test(test_proc_pid_parse__command_lines),
        cmocka_unit_test(test_proc_pid_parse__limit_of_open_files),
        cmocka_unit_test(test_proc_pid_parse__pids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
