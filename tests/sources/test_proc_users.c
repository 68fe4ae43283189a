/* Names of users, from a file that changes. */
#include "../check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/sources/users.h"

static char path[64];

static int
set_up(void **state)
{
    (void)state;
    strlcpy(path, "/tmp/flametop-test-XXXXXX", sizeof(path));
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int
tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void
put(const char *text)
{
    assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void
check_name(struct users *users, uint32_t uid, uint64_t tick, const char *want)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    const char *name = users_name(users, uid, &arena, tick);
    assert_non_null(name);
    assert_string_equal(name, want);
    arena_done(&arena);
}

static void
test_proc_users__follow_the_file(void **state)
{
    (void)state;
    put("root:x:0:0::/:\nann:x:1000:1000::/:\nagain:x:1000:1000::/:\n");
    struct users *users = users_new(path);
    assert_non_null(users);
    check_name(users, 1000, 1, "ann");
    check_name(users, 1001, 1, "1001");
    put("root:x:0:0::/:\nannabel:x:1000:1000::/:\nbob:x:1001:1001::/:\n");
    check_name(users, 1001, 60, "1001"); /* not asked at every tick */
    check_name(users, 1001, 61, "bob");
    check_name(users, 1000, 61, "annabel");
    put("root:x:0:0::/:\ncarol:x:1002:1002::/:\n");
    check_name(users, 1002, 62, "carol"); /* at once for one that was not seen before */
    check_name(users, 1001, 62, "1001");
    users_free(users);
}

static void
test_proc_users__lists_all(void **state)
{
    (void)state;
    put("root:x:0:0::/:\nann:x:1000:1000::/:\nbroken\n");
    struct users *users = users_new(path);
    size_t at = 0, count = 0;
    uint32_t uid;
    const char *name;
    while ((name = users_next(users, &at, &uid)) != NULL) {
        assert_string_equal(name, uid == 0 ? "root" : "ann");
        count++;
    }
    assert_int_equal(count, 2);
    users_free(users);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_proc_users__follow_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_proc_users__lists_all, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
