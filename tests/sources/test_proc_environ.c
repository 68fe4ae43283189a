/* The environment of one process, out of files as the kernel writes them. */
#include "../check.h"

#include <errno.h>

#include "flametop/sources/environ.h"
#include "live.h"

static void
test_proc_environ__one_cleaned_line_a_variable(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, "kernel6");
    static const char text[] = "HOME=/root\0\0EVIL=\33]0;x\7\n2\0EMPTY=\0cut";
    live_write(&live, "proc/812/environ", text, sizeof(text) - 1);
    char proc[128];
    snprintf(proc, sizeof(proc), "%s/proc", live.root);
    struct buf lines;
    buf_init(&lines, 1 << 20);
    assert_int_equal(environ_read(proc, 812, &lines), 0);
    assert_string_equal(lines.data, "HOME=/root\nEVIL=?]0;x? 2\nEMPTY=\ncut\n");
    buf_clear(&lines);
    assert_int_equal(environ_read(proc, 99999, &lines), -ENOENT);
    assert_int_equal(environ_read(proc, -1, &lines), -EINVAL);
    assert_int_equal(lines.n, 0);
    buf_done(&lines);
    live_remove(&live, "");
}

static void
test_proc_environ__says_when_there_is_more(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, "kernel6");
    static char text[100000];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(text); i += 1000) {
        text[i] = '\0';
    }
    live_write(&live, "proc/812/environ", text, sizeof(text));
    char proc[128];
    snprintf(proc, sizeof(proc), "%s/proc", live.root);
    struct buf lines;
    buf_init(&lines, 1 << 20);
    assert_int_equal(environ_read(proc, 812, &lines), 0);
    assert_true(lines.n < 70000);
    assert_true(str_ends((struct str){lines.data, lines.n}, "\n…\n"));
    buf_done(&lines);
    live_remove(&live, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_environ__one_cleaned_line_a_variable),
        cmocka_unit_test(test_proc_environ__says_when_there_is_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
