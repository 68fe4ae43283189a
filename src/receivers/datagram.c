/* StatsD over UDP. */
#include <sys/socket.h>

#include "flametop/base/clock.h"
#include "receive_parts.h"

#define DATAGRAM_BYTES 65536
#define AT_ONCE 256 /* then others get their turn */

void
datagram_ready(uv_poll_t *poll, int status, int events)
{
    struct place *place = poll->data;
    char bytes[DATAGRAM_BYTES];
    (void)status;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        struct delivery delivery;
        ssize_t n = recv(place->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0) {
            return;
        }
        place->accepted++;
        place->heard_ns = clock_mono_ns();
        receive_decode(place->receive, RECEIVE_STATSD, statsd_read, (struct str){bytes, (size_t)n},
                       &delivery);
    }
}
