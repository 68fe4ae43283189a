/* The mount table. */
#include "../check.h"

#include "../../src/sources/mountinfo.h"
#include "poll.h"

static void
test_mountinfo__parses_a_line(void **state)
{
    (void)state;
    struct mount mount;
    assert_true(mount_parse(
        STR("36 35 98:7 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,ro"), &mount));
    assert_int_equal(mount.id, 36);
    assert_int_equal(mount.parent, 35);
    assert_int_equal(mount.device, UINT64_C(98) << 32 | 7);
    assert_true(str_is(mount.root, "/mnt1") && str_is(mount.point, "/mnt2"));
    assert_true(str_is(mount.type, "ext3") && str_is(mount.source, "/dev/root"));
    assert_true(mount.is_read_only);
    assert_true(mount_parse(STR("1 0 0:4 / / rw,errors=ro - tmpfs  rw"), &mount));
    assert_int_equal(mount.source.n, 0);
    assert_false(mount.is_read_only);
}

static void
test_mountinfo__refuses_what_is_no_line(void **state)
{
    (void)state;
    static const char line[] = "36 35 98:7 / /mnt rw shared:2 - ext3 /dev/root rw";
    struct mount mount;
    for (size_t n = 0; n < sizeof(line) - sizeof("/dev/root rw"); n++) {
        assert_false(mount_parse((struct str){line, n}, &mount));
    }
    static const char *const bad[] = {
        "36 35 98 / /mnt rw - ext3 a rw", "36 35 98:x / /mnt rw - ext3 a rw",
        "36 35 1:2 / mnt rw - ext3 a rw", "a 35 1:2 / /mnt rw - ext3 a rw",
        "36 35 1:2 / /mnt rw shared:1 ext3 a rw"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(mount_parse(str_from(bad[i]), &mount));
    }
}

static void
test_mountinfo__takes_escapes_out(void **state)
{
    (void)state;
    static const struct {
        const char *escaped, *want;
        size_t size;
    } rows[] = {
        {"/a\\040b\\011c\\012d\\134e\\043", "/a b\tc\nd\\e#", 64},
        {"/plain", "/plain", 7},
        {"/plain", NULL, 6},
        {"/a\\000b", NULL, 64},
        {"/a\\04", "/a\\04", 64},
        {"/a\\9404", "/a\\9404", 64},
        {"/a\\777", "/a\\777", 64},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[64];
        size_t n = mount_unescape(str_from(rows[i].escaped), text, rows[i].size);
        assert_int_equal(n, rows[i].want != NULL ? strlen(rows[i].want) : 0);
        if (rows[i].want != NULL) {
            assert_string_equal(text, rows[i].want);
        }
    }
}

/* The points kept of a tree, each followed by a blank; network ones in brackets. */
static void
list_points(const char *tree, size_t max, char *dst, size_t size, uint64_t *refused)
{
    struct mount mounts[64];
    char *data;
    size_t n = fixture_load(tree, "proc/self/mountinfo", &data), at = 0;
    size_t count = mounts_select((struct str){data, n}, mounts, max, refused);
    dst[0] = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_network = mount_use(&mounts[i]) == MOUNT_NETWORK;
        at += (size_t)snprintf(dst + at, size - at, is_network ? "[%.*s] " : "%.*s ",
                               (int)mounts[i].point.n, mounts[i].point.p);
    }
    free(data);
}

static void
test_mountinfo__keeps_what_people_call_file_systems(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *want;
        uint64_t refused;
    } rows[] = {
        /* Out: pseudo, squashfs, bind of a folder, docker's and kubelet's own, autofs, the hidden
         * shm and the mount under /mnt/under; of two subvolumes the shorter path. */
        {"kernel6",
         "/dev /run / /dev/shm /boot/efi [/mnt/nfs] [/mnt/home] /mnt/usb\\040disk\\011\\134x "
         "/var/lib/kubelet/pods/x/volume /mnt/under /home /mnt/nosource ",
         0},
        {"cgroup2", "/ /dev /dev/shm /data ", 0},
        {"hostile", "/ /a\\000b /loop ", 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char points[1024];
        uint64_t refused = 0;
        list_points(rows[i].tree, 64, points, sizeof(points), &refused);
        assert_string_equal(points, rows[i].want);
        assert_int_equal(refused, rows[i].refused);
    }
}

static void
test_mountinfo__counts_what_is_too_many(void **state)
{
    (void)state;
    char points[1024];
    uint64_t refused = 0;
    list_points("kernel6", 5, points, sizeof(points), &refused);
    assert_string_equal(points, "/dev /run / /dev/shm /boot/efi ");
    assert_true(refused >= 7);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mountinfo__parses_a_line),
        cmocka_unit_test(test_mountinfo__refuses_what_is_no_line),
        cmocka_unit_test(test_mountinfo__takes_escapes_out),
        cmocka_unit_test(test_mountinfo__keeps_what_people_call_file_systems),
        cmocka_unit_test(test_mountinfo__counts_what_is_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
