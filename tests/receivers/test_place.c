/* The words of --receive, and who holds a socket. */
#include "../../src/receivers/owner.h"
#include "../check.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/receivers/receive.h"

static void
test_place__takes_ports_and_addresses(void **state)
{
    static const char *const right[] = {"usual",   "4318",     "localhost:9411",  "127.0.0.1:4317",
                                        "[::1]:1", "udp:8125", "udp:127.0.0.1:1", "127.1.2.3:1"};
    static const char *const wrong[] = {"",      "x",         "127.0.0.1", "::1:4318", "4318x",
                                        "70000", "host:4318", "tcp:1",     "[::1]"};
    char why[300];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
        assert_true(receive_check(right[i], false, why, sizeof(why)));
    }
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(receive_check(wrong[i], false, why, sizeof(why)));
        assert_non_null(strstr(why, "is no address to receive at"));
    }
}

static void
test_place__asks_before_others_can_send(void **state)
{
    char why[300];
    (void)state;
    assert_false(receive_check("0.0.0.0:4318", false, why, sizeof(why)));
    assert_non_null(strstr(why, "--receive-open"));
    assert_true(receive_check("0.0.0.0:4318", true, why, sizeof(why)));
}

static void
test_place__finds_the_inode_of_a_socket(void **state)
{
    static const char list[] =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout inode\n"
        "   0: 0100007F:10DE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        "
        "0 4711 1 0000000000000000 100 0 0 10 0\n"
        "   1: 0100007F:C350 0100007F:10DE 01 00000000:00000000 00:00000000 00000000  1000        "
        "0 4712 1 0000000000000000 20 4 30 10 -1\n"
        "   2: 0100007F:10DE 0100007F:C350 01 00000000:00000000\n"
        "   3: nonsense\n";
    struct str text = STR(list);
    (void)state;
    assert_int_equal(owner_inode(text, OWNER_LISTENS, 4318, 0), 4711);
    assert_int_equal(owner_inode(text, OWNER_CONNECTED, 50000, 4318), 4712);
    assert_int_equal(owner_inode(text, OWNER_CONNECTED, 50000, 4317), 0);
    assert_int_equal(owner_inode(text, OWNER_LISTENS, 50000, 0), 0);
    for (size_t n = 0; n < text.n; n++) { /* cut anywhere */
        owner_inode((struct str){list, n}, OWNER_CONNECTED, 50000, 4318);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place__takes_ports_and_addresses),
        cmocka_unit_test(test_place__asks_before_others_can_send),
        cmocka_unit_test(test_place__finds_the_inode_of_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
