/* Round-trip times: messages as the kernel sends them, and the kernel itself. */
#include "../check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/sources/sock_diag.h"
#include "flametop/base/macros.h"

/* One datagram. */
struct datagram {
    char bytes[65536];
    size_t n;
};

static void
put(struct datagram *datagram, const void *bytes, size_t n)
{
    assert_true(datagram->n + n + 4 <= sizeof(datagram->bytes));
    memcpy(datagram->bytes + datagram->n, bytes, n);
    memset(datagram->bytes + datagram->n + n, 0, 4);
    datagram->n = NLMSG_ALIGN(datagram->n + n);
}

static void
put_socket(struct datagram *datagram, const char *peer, uint32_t rtt_us, uint32_t heard_ms)
{
    struct inet_diag_msg message = {.idiag_family = strchr(peer, ':') != NULL ? AF_INET6 : AF_INET};
    assert_int_equal(inet_pton(message.idiag_family, peer, message.id.idiag_dst), 1);
    message.id.idiag_src[0] = 77;
    struct tcp_info info = {.tcpi_rtt = rtt_us, .tcpi_last_ack_recv = heard_ms};
    struct nlattr other = {.nla_len = sizeof(other) + 1, .nla_type = INET_DIAG_SHUTDOWN};
    struct nlattr attribute = {.nla_len = (uint16_t)(sizeof(attribute) + sizeof(info)),
                               .nla_type = INET_DIAG_INFO};
    struct nlmsghdr header = {.nlmsg_type = TCPDIAG_GETSOCK,
                              .nlmsg_len = (uint32_t)(sizeof(header) + sizeof(message) + 8 +
                                                      sizeof(attribute) + sizeof(info))};
    put(datagram, &header, sizeof(header));
    put(datagram, &message, sizeof(message));
    put(datagram, &other, sizeof(other));
    put(datagram, "\0\0\0", 4);
    put(datagram, &attribute, sizeof(attribute));
    put(datagram, &info, sizeof(info));
}

static void
put_done(struct datagram *datagram)
{
    struct nlmsghdr header = {.nlmsg_type = NLMSG_DONE, .nlmsg_len = sizeof(header)};
    put(datagram, &header, sizeof(header));
}

static void
test_sock_diag__takes_the_group_that_tells_most(void **state)
{
    (void)state;
    static struct datagram datagram;
    static struct rtt_sample sample;
    struct rtt_summary summary = rtt_summarize(&sample);
    assert_int_equal(summary.count, 0);
    assert_true(isnan(summary.median_s));

    put_socket(&datagram, "127.0.0.1", 10, 0);
    put_socket(&datagram, "::1", 30, 0);
    put_socket(&datagram, "::ffff:127.0.0.2", 20, 0);
    assert_true(rtt_take(&sample, datagram.bytes, datagram.n));
    assert_false(sample.is_done);
    summary = rtt_summarize(&sample);
    assert_int_equal(summary.count, 3);
    assert_true(summary.median_s == 20e-6);

    datagram.n = 0;
    put_socket(&datagram, "10.0.0.1", 9000, 3600 * 1000);
    assert_true(rtt_take(&sample, datagram.bytes, datagram.n));
    summary = rtt_summarize(&sample);
    assert_int_equal(summary.count, 1);
    assert_true(summary.median_s == 9e-3);

    datagram.n = 0;
    for (uint32_t i = 1; i <= 100; i++) {
        put_socket(&datagram, i % 2 == 0 ? "10.0.0.1" : "2001:db8::1", i * 1000, 60 * 1000);
    }
    put_socket(&datagram, "10.0.0.1", 0, 0); /* nothing measured yet */
    put_done(&datagram);
    assert_true(rtt_take(&sample, datagram.bytes, datagram.n));
    assert_true(sample.is_done);
    summary = rtt_summarize(&sample);
    assert_int_equal(summary.count, 100);
    assert_true(summary.median_s == 0.05);
    assert_true(summary.p95_s == 0.095);
}

static void
test_sock_diag__stops_at_the_maximum(void **state)
{
    (void)state;
    static struct datagram datagram;
    static struct rtt_sample sample;
    put_socket(&datagram, "10.0.0.1", 1, 0);
    for (int i = 0; i < SOCK_DIAG_PEERS_MAX; i++) {
        assert_false(sample.is_done);
        assert_true(rtt_take(&sample, datagram.bytes, datagram.n));
    }
    assert_true(sample.is_done);
    assert_int_equal(sample.counts[RTT_ACTIVE], SOCK_DIAG_PEERS_MAX);
}

/* Every cut, and every byte of the lengths wrong. */
static void
test_sock_diag__torn_messages_are_refused(void **state)
{
    (void)state;
    static struct datagram datagram;
    put_socket(&datagram, "10.0.0.1", 5, 0);
    for (size_t cut = 0; cut < datagram.n; cut++) {
        static struct rtt_sample sample;
        memset(&sample, 0, sizeof(sample));
        char *copy = test_malloc(cut + 1); /* its guard finds a read past the end */
        memcpy(copy, datagram.bytes, cut);
        bool good = rtt_take(&sample, copy, cut);
        assert_int_equal(good, cut > 0 && cut < sizeof(struct nlmsghdr));
        assert_int_equal(sample.counts[RTT_ACTIVE], 0);
        test_free(copy);
    }
    static struct rtt_sample sample;
    struct nlmsghdr error = {.nlmsg_type = NLMSG_ERROR, .nlmsg_len = sizeof(error)};
    assert_false(rtt_take(&sample, &error, sizeof(error)));
    struct nlmsghdr tiny = {.nlmsg_type = TCPDIAG_GETSOCK, .nlmsg_len = 3};
    assert_false(rtt_take(&sample, &tiny, sizeof(tiny)));
}

/* A connection of our own over loopback is in the kernel's answer. */
static void
test_sock_diag__reads_the_kernel(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &n), 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&address, sizeof(address)), 0);
    static struct rtt_sample sample;
    int error = sock_diag_read(&sample);
    close(peer);
    close(listener);
    if (error == -ENOENT || error == -EPROTO || error == -EPROTONOSUPPORT || error == -EPERM) {
        skip(); /* a kernel or sandbox without sock_diag */
    }
    assert_int_equal(error, 0);
    assert_true(sample.is_done);
    assert_true(sample.sockets >= 1);
    assert_true(rtt_summarize(&sample).median_s > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sock_diag__takes_the_group_that_tells_most),
        cmocka_unit_test(test_sock_diag__stops_at_the_maximum),
        cmocka_unit_test(test_sock_diag__torn_messages_are_refused),
        cmocka_unit_test(test_sock_diag__reads_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
