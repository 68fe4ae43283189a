/* Cookies: which of the places has the word, what is said when none has; names of targets and what
 * command lines and epmd tell. */
#include "../check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/sources/beam_local.h"
#include "../../src/sources/cookie.h"
#include "../../src/sources/epmd.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/sources/beam.h"

static char folder[64];

static void
write_text(const char *name, const char *text, size_t n)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    assert_int_equal(file_write_atomic(path, text, n, 0600), 0);
}

static int
set_up(void **state)
{
    (void)state;
    str_copy(STR("/tmp/flametop-cookie-XXXXXX"), folder, sizeof(folder));
    assert_non_null(mkdtemp(folder));
    setenv("HOME", folder, 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("RELEASE_COOKIE");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof(command), "%s", folder);
    /* a handful of files, two levels deep at most */
    static const char *const files[] = {".erlang.cookie",
                                        "config/erlang/.erlang.cookie",
                                        "config/erlang",
                                        "config",
                                        "given",
                                        "empty",
                                        "proc/7/cmdline",
                                        "proc/7/environ",
                                        "proc/7/status",
                                        "proc/7",
                                        "proc",
                                        "rel/releases/COOKIE",
                                        "rel/releases",
                                        "rel",
                                        "other/.erlang.cookie",
                                        "other"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        if (unlink(path) != 0) {
            rmdir(path);
        }
    }
    return rmdir(folder);
}

static int
find(const char *file, const char *given, int64_t pid, char *ret_text, char *ret_why)
{
    char proc[PATH_MAX], path[PATH_MAX];
    struct cookie cookie;
    snprintf(proc, sizeof(proc), "%s/proc", folder);
    snprintf(path, sizeof(path), "%s/%s", folder, file != NULL ? file : "");
    struct cookie_setup setup = {
        .file = file != NULL ? path : NULL, .given = given, .proc = proc, .pid = pid};
    int found = cookie_find(&setup, &cookie, ret_why, 400);
    str_copy(str_from(cookie.text), ret_text, COOKIE_BYTES);
    return found;
}

#define TEXT(literal) literal, sizeof(literal) - 1

static void
write_status(unsigned uid, unsigned effective)
{
    char text[200];
    int n = snprintf(text, sizeof(text), "Name:\tbeam.smp\nState:\tS\nUid:\t%u\t%u\t%u\t%u\n", uid,
                     effective, effective, effective);
    write_text("proc/7/status", text, (size_t)n);
}

/* Each place that is added comes before those that were there. */
static void
test_cookie__the_nearest_place_wins(void **state)
{
    (void)state;
    char text[COOKIE_BYTES], why[400] = "", arguments[400];
    assert_int_equal(find(NULL, NULL, 7, text, why), -ENOENT);
    assert_non_null(strstr(why, "there is no cookie"));
    assert_non_null(strstr(why, "--cookie-file"));
    write_text(".erlang.cookie", TEXT("HOME\n"));
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "HOME");
    write_text("config/erlang/.erlang.cookie", TEXT("CONFIG"));
    snprintf(arguments, sizeof(arguments), "%s/config", folder);
    setenv("XDG_CONFIG_HOME", arguments, 1);
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "CONFIG");
    setenv("RELEASE_COOKIE", "RELEASE", 1);
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "RELEASE");
    /* the node's own process: its home, its release, its environment, its arguments */
    write_text("other/.erlang.cookie", TEXT("OTHERS"));
    int n = snprintf(arguments, sizeof(arguments), "/x/beam.smp%c--%c-home%c%s/other%c", 0, 0, 0,
                     folder, 0);
    write_text("proc/7/cmdline", arguments, (size_t)n);
    write_status(getuid(), getuid());
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "OTHERS");
    write_text("rel/releases/COOKIE", TEXT("RELEASED"));
    n = snprintf(arguments, sizeof(arguments), "A=1%cRELEASE_ROOT=%s/rel%c", 0, folder, 0);
    write_text("proc/7/environ", arguments, (size_t)n);
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "RELEASED");
    write_text("proc/7/environ", TEXT("RELEASE_COOKIE=THEIRS\0"));
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "THEIRS");
    write_text("proc/7/cmdline", TEXT("beam.smp\0--\0-setcookie\0ARGUMENT\0"));
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "ARGUMENT");
    assert_int_equal(find(NULL, "GIVEN", 7, text, why), 0);
    assert_string_equal(text, "GIVEN");
    write_text("given", TEXT("  FILE \n\n"));
    assert_int_equal(find("given", "GIVEN", 7, text, why), 0);
    assert_string_equal(text, "FILE");
}

/* A file that is named is the cookie's place, and no other is taken instead. */
static void
test_cookie__says_what_is_wrong_with_a_file(void **state)
{
    (void)state;
    char text[COOKIE_BYTES], why[400], large[1200];
    write_text(".erlang.cookie", TEXT("HOME"));
    assert_int_equal(find("missing", NULL, 0, text, why), -ENOENT);
    assert_non_null(strstr(why, "there is no file"));
    write_text("empty", TEXT("\n"));
    assert_int_equal(find("empty", NULL, 0, text, why), -EINVAL);
    assert_non_null(strstr(why, "holds no cookie"));
    memset(large, 'c', sizeof(large));
    write_text("empty", large, sizeof(large));
    assert_int_equal(find("empty", NULL, 0, text, why), -EINVAL);
    assert_int_equal(find("config", NULL, 0, text, why), -ENOENT);
    write_text("config/erlang/.erlang.cookie", TEXT("c"));
    assert_true(find("config", NULL, 0, text, why) < 0);
    assert_non_null(strstr(why, "cannot read the cookie in"));
    assert_null(strstr(why, "HOME"));
}

/* A node could name any file as its cookie, and be shown it in a challenge. */
static void
test_cookie__takes_no_files_of_others_from_a_node(void **state)
{
    (void)state;
    char text[COOKIE_BYTES], why[400] = "", arguments[400], link[PATH_MAX];
    int n = snprintf(arguments, sizeof(arguments), "A=1%cHOME=%s/other%c", 0, folder, 0);
    write_text("proc/7/environ", arguments, (size_t)n);
    write_text("other/.erlang.cookie", TEXT("OTHERS"));
    assert_int_equal(find(NULL, NULL, 7, text, why), -EPERM); /* nobody knows whose it is */
    write_status(getuid() + 1, getuid() + 1);
    assert_int_equal(find(NULL, NULL, 7, text, why), -EPERM);
    assert_string_equal(text, "");
    assert_non_null(strstr(why, "/other/.erlang.cookie, which the node names, does not belong"));
    assert_non_null(strstr(why, "--cookie-file"));
    write_status(getuid() + 1, getuid());
    assert_int_equal(find(NULL, NULL, 7, text, why), -EPERM);
    /* a link to one's own is good, and no other kind of file is */
    write_status(getuid(), getuid());
    write_text("given", TEXT("LINKED"));
    snprintf(link, sizeof(link), "%s/other/.erlang.cookie", folder);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("../given", link), 0);
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "LINKED");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkdir(link, 0700), 0);
    assert_int_equal(find(NULL, NULL, 7, text, why), -EPERM);
    /* our own is taken instead */
    write_text(".erlang.cookie", TEXT("HOME"));
    assert_int_equal(find(NULL, NULL, 7, text, why), 0);
    assert_string_equal(text, "HOME");
}

static void
test_beam__reads_names_of_targets(void **state)
{
    (void)state;
    static const struct {
        const char *target, *name, *host;
        unsigned port;
        const char *why; /* NULL: it is good */
    } rows[] = {
        {"beam://rabbit@web-01", "rabbit", "web-01", 0, NULL},
        {"rabbit@web-01", "rabbit", "web-01", 0, NULL},
        {"beam://a@b.example:9100", "a", "b.example", 9100, NULL},
        {"beam://a@[::1]:9100", "a", "::1", 9100, NULL},
        {"beam://web-01", "", "web-01", 0, NULL},
        {"beam://web-01/", "", "web-01", 0, NULL},
        {"beam://", "", "", 0, NULL},
        {"web-01", "", "", 0, "write beam://NAME@HOST"},
        {"beam://a:cookie@b", "", "", 0, "seen by everybody"},
        {"beam://a@b:0", "", "", 0, "a port is"},
        {"beam://a@b:70000", "", "", 0, "a port is"},
        {"beam://@b", "", "", 0, "write beam://"},
        {"beam://a@", "", "", 0, "write beam://"},
        {"beam://a b@c", "", "", 0, "write beam://"},
        {"-x@b", "", "", 0, "write beam://"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct beam_address address;
        char why[400] = "";
        bool good = beam_address_parse(rows[i].target, &address, why, sizeof(why));
        assert_int_equal(good, rows[i].why == NULL);
        if (good) {
            assert_string_equal(address.name, rows[i].name);
            assert_string_equal(address.host, rows[i].host);
            assert_int_equal(address.port, rows[i].port);
        } else {
            assert_non_null(strstr(why, rows[i].why));
            assert_null(strstr(why, "cookie@"));
        }
    }
}

static void
test_beam__reads_command_lines(void **state)
{
    (void)state;
    struct beam_vm vm;
    assert_true(
        beam_vm_parse((struct str){TEXT("/e/bin/beam.smp\0--\0-name\0a@h.x\0-noshell\0")}, &vm));
    assert_string_equal(vm.name, "a");
    assert_string_equal(vm.host, "h.x");
    assert_false(vm.told);
    assert_true(beam_vm_parse((struct str){TEXT("beam.smp\0-sname\0b\0-erl_epmd_port\0"
                                                "4711\0")},
                              &vm));
    assert_true(vm.told && vm.port == 4711 && vm.host[0] == '\0');
    assert_true(beam_vm_parse((struct str){TEXT("beam.smp\0-noshell")}, &vm));
    assert_string_equal(vm.name, "");
    assert_false(beam_vm_parse((struct str){TEXT("/bin/sh\0beam.smp\0")}, &vm));
    assert_false(beam_vm_parse((struct str){TEXT("beamer\0")}, &vm));
    assert_false(beam_vm_parse((struct str){"", 0}, &vm));
}

static void
test_epmd__reads_answers(void **state)
{
    (void)state;
    struct epmd_node nodes[3];
    unsigned port = 0;
    static const char names[] =
        "\0\0\x11\x11name rabbit at port 25672\nname b at port 4\nnonsense\n"
        "name c at port 99999\n";
    assert_int_equal(epmd_parse_names((struct str){TEXT(names)}, nodes, 3), 2);
    assert_string_equal(nodes[0].name, "rabbit");
    assert_int_equal(nodes[0].port, 25672);
    assert_int_equal(epmd_parse_names((struct str){names, 3}, nodes, 3), 0);
    assert_true(epmd_parse_port((struct str){TEXT("\x77\x00\x64\x48M\x00")}, &port));
    assert_int_equal(port, 25672);
    assert_false(epmd_parse_port((struct str){TEXT("\x77\x01")}, &port)); /* it knows none */
    assert_false(epmd_parse_port((struct str){TEXT("HTTP/1.1")}, &port));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cookie__the_nearest_place_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cookie__says_what_is_wrong_with_a_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cookie__takes_no_files_of_others_from_a_node, set_up,
                                        tear_down),
        cmocka_unit_test(test_beam__reads_names_of_targets),
        cmocka_unit_test(test_beam__reads_command_lines),
        cmocka_unit_test(test_epmd__reads_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
