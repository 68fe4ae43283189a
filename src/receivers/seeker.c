/* The thread that looks for processes. It has its own of everything but the time by which it ends,
 * which is set to now when nobody waits for it any more. */
#include "seeker.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/thread.h"
#include "flametop/net/loop.h"

#define PATIENCE_NS (30 * NS_PER_S)

struct seeker {
    const char *proc;
    void *context;
    void (*found)(void *context, const struct owner *owner);
    uv_async_t *wake;
    pthread_t thread;
    bool busy;
    int fd; /* holds the connection */
    unsigned port, peer_port;
    int64_t until_ns; /* set by either thread */
    struct owner owner;
};

static void *
look(void *context)
{
    struct seeker *seeker = context;
    if (!owner_find(seeker->proc, OWNER_CONNECTED, seeker->peer_port, seeker->port,
                    &seeker->until_ns, &seeker->owner)) {
        seeker->owner = (struct owner){.pid = 0};
    }
    uv_async_send(seeker->wake);
    return NULL;
}

static void
end(struct seeker *seeker)
{
    if (seeker->busy) {
        pthread_join(seeker->thread, NULL);
        close(seeker->fd);
        seeker->busy = false;
    }
}

static void
on_wake(uv_async_t *wake)
{
    struct seeker *seeker = wake->data;
    end(seeker);
    seeker->found(seeker->context, &seeker->owner);
}

static unsigned
peer_port(int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &n) != 0) {
        return 0;
    }
    return peer.ss_family == AF_INET
               ? ntohs(((const struct sockaddr_in *)(void *)&peer)->sin_port)
               : ntohs(((const struct sockaddr_in6 *)(void *)&peer)->sin6_port);
}

bool
seeker_look(struct seeker *seeker, int fd, unsigned port)
{
    int held = seeker->busy ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (held < 0) {
        return false;
    }
    seeker->fd = held;
    seeker->port = port;
    seeker->peer_port = peer_port(held);
    seeker->until_ns = clock_mono_ns() + PATIENCE_NS;
    seeker->owner = (struct owner){.pid = 0};
    seeker->busy = thread_start(look, seeker, &seeker->thread) == 0;
    if (!seeker->busy) {
        close(held);
    }
    return seeker->busy;
}

struct seeker *
seeker_new(uv_loop_t *loop, const char *proc, void *context,
           void (*found)(void *context, const struct owner *owner))
{
    struct seeker *seeker = calloc(1, sizeof(*seeker));
    uv_async_t *wake = calloc(1, sizeof(*wake));
    if (seeker == NULL || wake == NULL || uv_async_init(loop, wake, on_wake) != 0) {
        free(seeker);
        free(wake);
        return NULL;
    }
    wake->data = seeker;
    seeker->proc = proc;
    seeker->context = context;
    seeker->found = found;
    seeker->wake = wake;
    return seeker;
}

void
seeker_free(struct seeker *seeker)
{
    if (seeker == NULL) {
        return;
    }
    __atomic_store_n(&seeker->until_ns, 0, __ATOMIC_RELAXED);
    end(seeker);
    loop_close(seeker->wake);
    free(seeker);
}
