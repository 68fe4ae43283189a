/* Small files, in a folder of their own. */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"

static char folder[64];

static int
set_up(void **state)
{
    (void)state;
    strlcpy(folder, "/tmp/flametop-test-XXXXXX", sizeof(folder));
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *
in_folder(const char *name, char dst[128])
{
    snprintf(dst, 128, "%s/%s", folder, name);
    return dst;
}

static void
check_content(const char *path, const char *want)
{
    char text[64];
    assert_int_equal(file_read_at(AT_FDCWD, path, text, sizeof(text)), strlen(want));
    assert_string_equal(text, want);
}

static void
test_file__writes_replace_atomically(void **state)
{
    (void)state;
    char path[128];
    struct stat st;
    in_folder("a", path);
    assert_int_equal(file_write_atomic(path, "one", 3, 0600), 0);
    check_content(path, "one");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_write_atomic(path, "second", 6, 0600), 0);
    check_content(path, "second");
    assert_int_equal(file_may_write(path), 0);
    assert_int_equal(unlink(path), 0); /* and the folder is empty again: tear_down removes it */
}

static void
test_file__a_failure_leaves_the_old(void **state)
{
    (void)state;
    char path[128], inner[128], temporary[192];
    in_folder("dir", path);
    snprintf(inner, sizeof(inner), "%s/dir/file", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(file_write_atomic(inner, "x", 1, 0600), 0);
    assert_true(file_write_atomic(path, "y", 1, 0600) < 0); /* a folder is in its place */
    check_content(inner, "x");
    snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(file_write_atomic("/nonexistent/file", "y", 1, 0600), -ENOENT);
    assert_int_equal(file_may_write("/nonexistent/file"), -ENOENT);
    assert_int_equal(file_may_write(path), -EISDIR);
    assert_int_equal(file_may_write("/dev/null"), 0);
    assert_int_equal(file_may_write("/file"), access("/", W_OK) == 0 ? 0 : -errno);

    /* What a killed writer of the same number left does not stand in the way. */
    snprintf(temporary, sizeof(temporary), "%s.%d.tmp", inner, (int)getpid());
    assert_int_equal(file_write_atomic(temporary, "old", 3, 0600), 0);
    assert_int_equal(file_write_atomic(inner, "new", 3, 0600), 0);
    check_content(inner, "new");
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(unlink(inner), 0);
    assert_int_equal(rmdir(path), 0);
}

static void
test_file__devices_and_pipes_are_written_to(void **state)
{
    (void)state;
    char path[128], text[8] = "";
    struct stat st;
    in_folder("fifo", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_NONBLOCK);
    assert_int_equal(file_write_atomic(path, "abc", 3, 0600), 0);
    assert_int_equal(read(fd, text, sizeof(text)), 3);
    assert_string_equal(text, "abc");
    close(fd);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(file_write_atomic("/dev/null", "abc", 3, 0600), 0);
    assert_int_equal(unlink(path), 0);
}

static void
test_file__a_link_is_followed(void **state)
{
    (void)state;
    char target[128], link[128];
    struct stat st;
    in_folder("target", target);
    in_folder("link", link);
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(file_write_atomic(link, "lost", 4, 0600), -ENOENT);
    assert_int_equal(file_write_atomic(target, "old", 3, 0600), 0);
    assert_int_equal(file_write_atomic(link, "new", 3, 0600), 0);
    check_content(target, "new");
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(unlink(link), 0);
    assert_int_equal(unlink(target), 0);
}

#define DEPTH 16
#define SHORT_RECORDS 4
#define STEP ((size_t)1 << 16)

/* Mappings at the bottom: the record of the last does not fit the page with the others. */
static void
test_file__a_short_read_is_not_the_end(void **state)
{
    (void)state;
    static char path[4096], text[1 << 18];
    char name[241];
    memset(name, 'd', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    size_t lengths[DEPTH];
    strlcpy(path, folder, sizeof(path));
    for (size_t i = 0; i < DEPTH; i++) {
        lengths[i] = strlen(path);
        snprintf(path + lengths[i], sizeof(path) - lengths[i], "/%s", name);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    size_t bottom = strlen(path);
    strlcpy(path + bottom, "/file", sizeof(path) - bottom);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 4096), 0);
    char *low = (char *)0x10000000;
    for (size_t i = 0; i <= SHORT_RECORDS; i++) {
        int flags = MAP_PRIVATE | MAP_FIXED | (i < SHORT_RECORDS ? MAP_ANONYMOUS : 0);
        char *at = low + i * STEP;
        assert_true(mmap(at, 4096, PROT_READ, flags, i < SHORT_RECORDS ? -1 : fd, 0) == at);
    }
    close(fd);
    assert_true(file_read_at(AT_FDCWD, "/proc/self/maps", text, sizeof(text)) > 4096);
    assert_non_null(strstr(text, path));
    assert_non_null(strstr(text, "[stack]"));
    munmap(low, (SHORT_RECORDS + 1) * STEP);
    assert_int_equal(unlink(path), 0);
    path[bottom] = 0;
    for (size_t i = DEPTH; i > 0; i--) {
        assert_int_equal(rmdir(path), 0);
        path[lengths[i - 1]] = 0;
    }
}

static void
test_file__reads_are_bounded_and_ended(void **state)
{
    (void)state;
    char path[128], text[5000], *loaded;
    static char long_text[20000];
    memset(long_text, 'x', sizeof(long_text));
    in_folder("b", path);
    assert_int_equal(file_write_atomic(path, long_text, sizeof(long_text), 0600), 0);
    static const size_t sizes[] = {1, 2, 1024, 5000};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        assert_int_equal(file_read_at(AT_FDCWD, path, text, sizes[i]), sizes[i] - 1);
        assert_int_equal(strlen(text), sizes[i] - 1);
    }
    assert_int_equal(file_load(path, sizeof(long_text), &loaded), sizeof(long_text));
    assert_int_equal(strlen(loaded), sizeof(long_text));
    free(loaded);
    assert_int_equal(file_load(path, sizeof(long_text) - 1, &loaded), -EFBIG);
    assert_int_equal(file_load("/nonexistent", 10, &loaded), -ENOENT);
    assert_int_equal(file_read_brief_at(AT_FDCWD, path, text, sizeof(text)), 4999);
    assert_int_equal(file_read_at(AT_FDCWD, "/nonexistent", text, sizeof(text)), -ENOENT);
    assert_int_equal(file_read_brief_at(AT_FDCWD, "/nonexistent", text, sizeof(text)), -ENOENT);
    assert_true(file_load(folder, 10, &loaded) < 0);
    assert_int_equal(unlink(path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file__writes_replace_atomically, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file__a_failure_leaves_the_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file__devices_and_pipes_are_written_to, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_file__a_link_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file__a_short_read_is_not_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file__reads_are_bounded_and_ended, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
