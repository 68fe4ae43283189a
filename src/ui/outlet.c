/* Writes that never block the screen. */
#include "outlet.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#define WAIT_MS 250

long
outlet_send(int fd, struct buf *out, size_t *at)
{
    if (out->n == *at) {
        return 0;
    }
    ssize_t written = write(fd, out->data + *at, out->n - *at);
    if (written < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    *at += (size_t)written;
    if (*at == out->n) {
        buf_clear(out);
        *at = 0;
    }
    return (long)written;
}

void
outlet_send_patiently(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, data, n);
        if (written > 0) {
            data += written;
            n -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (poll(&wait, 1, WAIT_MS) <= 0) {
                return;
            }
        } else if (written < 0 && errno != EINTR) {
            return;
        }
    }
}
