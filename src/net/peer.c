/* Users of sockets: of a unix socket by the socket, of TCP by asking the kernel for the one socket
 * that has our ends turned round (sock_diag(7)). */
#include "peer.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
    struct sockaddr_storage ours, theirs;
};

static bool
is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *four = (const void *)address;
    const struct sockaddr_in6 *six = (const void *)address;
    return (address->ss_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 == 127) ||
           (address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr));
}

/* Ports and addresses, in the order of the network. */
static void
put_address(const struct sockaddr_storage *address, __be16 *ret_port, __be32 ret_bytes[4])
{
    const struct sockaddr_in *four = (const void *)address;
    const struct sockaddr_in6 *six = (const void *)address;
    if (address->ss_family == AF_INET) {
        *ret_port = four->sin_port;
        memcpy(ret_bytes, &four->sin_addr, sizeof(four->sin_addr));
    } else {
        *ret_port = six->sin6_port;
        memcpy(ret_bytes, &six->sin6_addr, sizeof(six->sin6_addr));
    }
}

/* The answer is there when sending returns. */
static bool
ask_kernel(int netlink, const struct ends *ends, uid_t *ret_uid)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 wanted;
    } question = {.head = {.nlmsg_len = sizeof(question),
                           .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                           .nlmsg_flags = NLM_F_REQUEST},
                  .wanted = {.sdiag_family = (__u8)ends->ours.ss_family,
                             .sdiag_protocol = IPPROTO_TCP,
                             .idiag_states = ~0U}};
    struct {
        struct nlmsghdr head;
        struct inet_diag_msg found;
        char more[512];
    } answer;
    struct inet_diag_sockid *id = &question.wanted.id;
    put_address(&ends->theirs, &id->idiag_sport, id->idiag_src);
    put_address(&ends->ours, &id->idiag_dport, id->idiag_dst);
    id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    if (send(netlink, &question, sizeof(question), 0) != (ssize_t)sizeof(question)) {
        return false;
    }
    ssize_t n = recv(netlink, &answer, sizeof(answer), MSG_DONTWAIT);
    if (n < (ssize_t)(sizeof(answer.head) + sizeof(answer.found)) ||
        answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        memcmp(answer.found.id.idiag_src, id->idiag_src, sizeof(id->idiag_src)) != 0 ||
        answer.found.id.idiag_sport != id->idiag_sport ||
        answer.found.id.idiag_dport != id->idiag_dport) {
        return false;
    }
    if (answer.found.idiag_inode == 0) {
        return false; /* it was closed: the kernel says of those that they are root's */
    }
    *ret_uid = answer.found.idiag_uid;
    return true;
}

bool
peer_user(int fd, uid_t *ret_uid)
{
    struct ends ends = {0};
    socklen_t ours_n = sizeof(ends.ours), theirs_n = sizeof(ends.theirs);
    if (getsockname(fd, (struct sockaddr *)&ends.ours, &ours_n) != 0) {
        return false;
    }
    if (ends.ours.ss_family == AF_UNIX) {
        struct ucred user;
        socklen_t n = sizeof(user);
        bool told = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &n) == 0;
        *ret_uid = told ? user.uid : *ret_uid;
        return told;
    }
    if (getpeername(fd, (struct sockaddr *)&ends.theirs, &theirs_n) != 0 ||
        !is_loopback(&ends.theirs) || !is_loopback(&ends.ours)) {
        return false;
    }
    int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool told = netlink >= 0 && ask_kernel(netlink, &ends, ret_uid);
    if (netlink >= 0) {
        close(netlink);
    }
    return told;
}
