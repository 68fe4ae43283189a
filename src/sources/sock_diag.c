/* Round-trip times by netlink.
 *
 * The request is TCPDIAG_GETSOCK, the older of the two forms: it alone answers for IPv4 and IPv6 in
 * one walk over the kernel's table, and that walk (all buckets, used or not) is the cost. */
#include "sock_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define DATAGRAM_BYTES 32768
#define ESTABLISHED 1 /* TCP_ESTABLISHED of net/tcp_states.h, which clashes with linux/tcp.h */
#define ACTIVE_MS (60 * 1000)

static bool
is_loopback(const struct inet_diag_msg *message)
{
    static const uint8_t v4_in_v6[12] = {[10] = 0xFF, [11] = 0xFF};
    static const uint8_t v6_loopback[16] = {[15] = 1};
    uint8_t peer[16];
    memcpy(peer, message->id.idiag_dst, sizeof(peer));
    if (message->idiag_family == AF_INET) {
        return peer[0] == 127;
    }
    if (memcmp(peer, v4_in_v6, sizeof(v4_in_v6)) == 0) {
        return peer[12] == 127;
    }
    return memcmp(peer, v6_loopback, sizeof(v6_loopback)) == 0;
}

/* A machine that talks to its own address does so over loopback. */
static bool
is_own_address(const struct inet_diag_msg *message)
{
    size_t n = message->idiag_family == AF_INET ? 4 : 16;
    return memcmp(message->id.idiag_src, message->id.idiag_dst, n) == 0;
}

static void
add(struct rtt_sample *sample, enum rtt_group group, uint32_t rtt_us)
{
    if (rtt_us > 0 && sample->counts[group] < SOCK_DIAG_PEERS_MAX) {
        sample->rtt_us[group][sample->counts[group]++] = rtt_us;
    }
    sample->is_done |= sample->counts[RTT_ACTIVE] == SOCK_DIAG_PEERS_MAX;
}

/* The attribute INET_DIAG_INFO is a struct tcp_info that grows with each kernel: only its beginning
 * is read. */
static void
take_info(struct rtt_sample *sample, const struct inet_diag_msg *message, const char *info,
          size_t n)
{
    uint32_t rtt_us, last_heard_ms;
    size_t end = offsetof(struct tcp_info, tcpi_rtt) + sizeof(rtt_us);
    if (n < end) {
        return;
    }
    memcpy(&rtt_us, info + offsetof(struct tcp_info, tcpi_rtt), sizeof(rtt_us));
    memcpy(&last_heard_ms, info + offsetof(struct tcp_info, tcpi_last_ack_recv),
           sizeof(last_heard_ms));
    enum rtt_group group = last_heard_ms <= ACTIVE_MS ? RTT_ACTIVE : RTT_IDLE;
    if (is_loopback(message) || is_own_address(message)) {
        group = RTT_LOOPBACK;
    }
    add(sample, group, rtt_us);
}

static void
take_socket(struct rtt_sample *sample, const char *bytes, size_t n)
{
    struct inet_diag_msg message;
    if (n < sizeof(message)) {
        return;
    }
    memcpy(&message, bytes, sizeof(message));
    sample->sockets++;
    sample->is_done |= sample->sockets == SOCK_DIAG_SOCKETS_MAX;
    for (size_t at = NLMSG_ALIGN(sizeof(message)); at + sizeof(struct nlattr) <= n;) {
        struct nlattr attribute;
        memcpy(&attribute, bytes + at, sizeof(attribute));
        if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > n - at) {
            return;
        }
        if ((attribute.nla_type & NLA_TYPE_MASK) == INET_DIAG_INFO) {
            take_info(sample, &message, bytes + at + sizeof(attribute),
                      attribute.nla_len - sizeof(attribute));
            return;
        }
        at += NLA_ALIGN(attribute.nla_len);
    }
}

bool
rtt_take(struct rtt_sample *sample, const void *bytes, size_t n)
{
    const char *p = bytes;
    for (size_t at = 0; !sample->is_done && at + sizeof(struct nlmsghdr) <= n;) {
        struct nlmsghdr header;
        memcpy(&header, p + at, sizeof(header));
        if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > n - at ||
            header.nlmsg_type == NLMSG_ERROR) {
            return false;
        }
        if (header.nlmsg_type == NLMSG_DONE) {
            sample->is_done = true;
        } else if (header.nlmsg_type == TCPDIAG_GETSOCK ||
                   header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
            take_socket(sample, p + at + NLMSG_HDRLEN, header.nlmsg_len - sizeof(header));
        }
        at += NLMSG_ALIGN(header.nlmsg_len);
    }
    return n > 0;
}

static int
compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The value below which a share q of them lies, by the nearest rank. */
static double
quantile_s(const uint32_t *sorted_us, size_t count, double q)
{
    size_t rank = (size_t)ceil(q * (double)count);
    return (double)sorted_us[rank > 0 ? rank - 1 : 0] / 1e6;
}

struct rtt_summary
rtt_summarize(struct rtt_sample *sample)
{
    for (size_t group = 0; group < RTT_GROUPS; group++) {
        size_t count = sample->counts[group];
        if (count > 0) {
            uint32_t *rtt_us = sample->rtt_us[group];
            qsort(rtt_us, count, sizeof(*rtt_us), compare_u32);
            return (struct rtt_summary){count, quantile_s(rtt_us, count, 0.5),
                                        quantile_s(rtt_us, count, 0.95)};
        }
    }
    return (struct rtt_summary){0, NAN, NAN};
}

static int
send_request(int fd)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof(message),
                   .nlmsg_type = TCPDIAG_GETSOCK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.idiag_family = AF_INET, /* not looked at by the kernel */
                    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                    .idiag_states = 1 << ESTABLISHED},
    };
    return send(fd, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

int
sock_diag_read(struct rtt_sample *ret_sample)
{
    int64_t until_ns = clock_mono_ns() + SOCK_DIAG_NS;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        return -errno;
    }
    memset(ret_sample->counts, 0, sizeof(ret_sample->counts));
    ret_sample->sockets = 0;
    ret_sample->is_done = false;
    int error = send_request(fd);
    while (error == 0 && !ret_sample->is_done) {
        char bytes[DATAGRAM_BYTES] __attribute__((aligned(8)));
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 || !rtt_take(ret_sample, bytes, (size_t)n)) {
            error = n < 0 ? -errno : -EPROTO;
        }
        ret_sample->is_done |= clock_mono_ns() > until_ns;
    }
    close(fd);
    return error;
}
