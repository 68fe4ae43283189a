/* Whose socket is at the other end: sockets of the test itself. */
#include "../check.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/net/peer.h"

struct ends {
    int listening, here, there;
};

/* Of IPv4 or IPv6; false where the machine has none. */
static bool
open_ends(struct ends *ends, int family)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *at = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t n = family == AF_INET ? sizeof(four) : sizeof(six);
    ends->listening = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ends->there = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ends->here = -1;
    if (ends->listening >= 0 && bind(ends->listening, at, n) == 0 &&
        listen(ends->listening, 1) == 0 && getsockname(ends->listening, at, &n) == 0 &&
        connect(ends->there, at, n) == 0) {
        ends->here = accept(ends->listening, NULL, NULL);
    }
    return ends->here >= 0;
}

static void
close_ends(struct ends *ends)
{
    const int fds[] = {ends->listening, ends->here, ends->there};
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static void
test_peer__is_told_by_the_kernel(void **state)
{
    (void)state;
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++) {
        struct ends ends;
        uid_t user = 12345;
        if (open_ends(&ends, families[i]) &&
            peer_user(ends.here, &user)) { /* not in each sandbox */
            assert_int_equal(user, geteuid());
        }
        close_ends(&ends);
    }
}

/* The kernel says of a socket that nobody holds any more that it is root's. */
static void
test_peer__is_nobody_once_it_has_closed(void **state)
{
    (void)state;
    struct ends ends;
    uid_t user = 12345;
    assert_true(open_ends(&ends, AF_INET));
    assert_int_equal(send(ends.there, "x", 1, 0), 1);
    close(ends.there);
    ends.there = -1;
    assert_false(peer_user(ends.here, &user));
    assert_int_equal(user, 12345);
    close_ends(&ends);
}

static void
test_peer__of_a_unix_socket(void **state)
{
    (void)state;
    int pair[2];
    uid_t user = 12345;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(peer_user(pair[0], &user));
    assert_int_equal(user, geteuid());
    close(pair[0]);
    close(pair[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer__is_told_by_the_kernel),
        cmocka_unit_test(test_peer__is_nobody_once_it_has_closed),
        cmocka_unit_test(test_peer__of_a_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
