/* Whether ~/.netrc has something for a host. */
#include "../check.h"

#include <stdlib.h>

#include "flametop/base/macros.h"
#include "flametop/net/netrc.h"

static void
test_netrc__finds_the_machine(void **state)
{
    static const struct {
        const char *text;
        bool names;
    } cases[] = {
        {"machine web-01 login a password b", true},
        {"machine web-02 login a password b\nmachine web-01\n  login x", true},
        {"machine web-02 login a password b\n", false},
        {"machine web-02 login web-01 password web-01\n", false},
        {"machine web-02 login a password machine\n", false},
        {"machine web-02 password default login a\n", false},
        {"machine web-02 login a password b\ndefault login x password y\n", true},
        {"# machine web-01 login a\n", false},
        {"macdef init\nmachine web-01\n\nmachine web-02 login a\n", false},
        {"macdef init\nput x\n\nmachine web-01 login a\n", true},
        {"machine", false},
        {"machine web-010", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (netrc_names(str_from(cases[i].text), "web-01") != cases[i].names) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void
test_netrc__of_nobody_has_nothing(void **state)
{
    (void)state;
    setenv("HOME", "/nonexistent", 1);
    assert_false(netrc_has("web-01"));
    unsetenv("HOME");
    assert_false(netrc_has("web-01"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netrc__finds_the_machine),
        cmocka_unit_test(test_netrc__of_nobody_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
