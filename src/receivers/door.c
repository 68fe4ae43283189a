/* The door: connections are accepted, their first bytes looked at, and handed on: HTTP/1 to the
 * HTTP server, HTTP/2 to that of gRPC. Where there is none, who knocked is told what to do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/net/loop.h"
#include "receive_parts.h"
#include "seeker.h"

#define VISITORS_MAX 128            /* that have not said a word yet */
#define PATIENCE_NS (10 * NS_PER_S) /* with them */
#define AT_ONCE 64
#define TOLD_MAX 64
#define PAUSE_MS 250            /* until descriptors are looked for again */
#define FULL_NS (60 * NS_PER_S) /* until it is said again that there are none */
#define HTTP_PORT 4318          /* where OTLP over HTTP is expected, and gRPC is a mistake */

struct visitor {
    TAILQ_ENTRY(visitor) entry;
    struct door *door;
    struct place *place;
    uv_poll_t poll;
    int fd; /* -1: handed on */
    int64_t since_ns;
};

struct door {
    struct receive *receive;
    uv_timer_t *timer;
    uv_timer_t *pause;                      /* runs while places that are full accept nobody */
    TAILQ_HEAD(visitors, visitor) visitors; /* the newest first */
    size_t visitor_count;
    int64_t told[TOLD_MAX]; /* processes that were told what is wrong */
    size_t told_count;
    struct seeker *seeker;
    struct place *asked_place; /* where somebody was last looked for, and when */
    int64_t asked_ns;
    int64_t full_ns; /* when it was last told that there are no descriptors; 0: never */
};

static void
visitor_freed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Off the loop; its socket is closed unless it was handed on. */
static void
visitor_end(struct visitor *visitor)
{
    uv_poll_stop(&visitor->poll);
    TAILQ_REMOVE(&visitor->door->visitors, visitor, entry);
    visitor->door->visitor_count--;
    if (visitor->fd >= 0) {
        close(visitor->fd);
    }
    uv_close((uv_handle_t *)&visitor->poll, visitor_freed);
}

/* Its descriptor, which is no longer the loop's. */
static int
visitor_leave(struct visitor *visitor)
{
    int fd = visitor->fd;
    visitor->fd = -1;
    visitor_end(visitor);
    return fd;
}

/* ---- who came to the wrong door ---- */

static bool
was_told(struct door *door, int64_t pid)
{
    for (size_t i = 0; i < MIN(door->told_count, (size_t)TOLD_MAX); i++) {
        if (door->told[i] == pid) {
            return true;
        }
    }
    door->told[door->told_count++ % TOLD_MAX] = pid;
    return false;
}

/* Each process is told once. */
static void
on_found(void *context, const struct owner *owner)
{
    struct door *door = context;
    struct place *place = door->asked_place;
    char who[96] = "a program";
    if (was_told(door, owner->pid)) {
        return;
    }
    if (owner->pid != 0) {
        snprintf(who, sizeof(who), "%s (pid %lld)", owner->name, (long long)owner->pid);
    }
    if (door->receive->grpc != NULL) {
        receive_tell(place,
                     "%s speaks gRPC at port %u, which elsewhere is that of HTTP: it is served "
                     "here; better set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or port 4317",
                     who, place->port);
    } else {
        receive_tell(place,
                     "%s speaks gRPC at port %u, which this flametop cannot: set "
                     "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and "
                     "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%u",
                     who, place->port, place->port);
    }
}

/* Nobody is looked for more often than each second. */
static void
tell(struct door *door, const struct visitor *visitor)
{
    int64_t now_ns = clock_mono_ns();
    if ((door->asked_ns == 0 || now_ns - door->asked_ns >= NS_PER_S) &&
        seeker_look(door->seeker, visitor->fd, visitor->place->port)) {
        door->asked_ns = now_ns;
        door->asked_place = visitor->place;
    }
}

/* ---- first words ---- */

static void
hand_on(struct visitor *visitor, bool http2)
{
    struct door *door = visitor->door;
    struct receive *receive = door->receive;
    if (!http2) {
        http_server_take(receive->http, visitor_leave(visitor));
        return;
    }
    bool served = receive->grpc != NULL;
    if (!served || visitor->place->port == HTTP_PORT) {
        tell(door, visitor);
    }
    if (served) {
        grpc_server_take(receive->grpc, visitor_leave(visitor));
    } else {
        visitor_end(visitor);
    }
}

/* HTTP/2 begins with "PRI * HTTP/2.0"; no method of HTTP/1 that we know begins with PR. */
static void
on_words(uv_poll_t *poll, int status, int events)
{
    struct visitor *visitor = poll->data;
    char words[2];
    (void)events;
    ssize_t n = status == 0 ? recv(visitor->fd, words, sizeof(words), MSG_PEEK | MSG_DONTWAIT) : 0;
    if (n < 0 && status == 0) {
        return;
    }
    if (n <= 0) {
        visitor_end(visitor);
        return;
    }
    hand_on(visitor, n == 2 && words[0] == 'P' && words[1] == 'R');
}

static void
welcome(struct door *door, struct place *place, int fd)
{
    if (door->visitor_count == VISITORS_MAX) { /* who was silent for longest makes way */
        visitor_end(TAILQ_LAST(&door->visitors, visitors));
    }
    struct visitor *visitor = calloc(1, sizeof(*visitor));
    if (visitor == NULL || uv_poll_init(door->receive->setup.loop, &visitor->poll, fd) != 0) {
        free(visitor);
        close(fd);
        return;
    }
    visitor->door = door;
    visitor->place = place;
    visitor->fd = fd;
    visitor->since_ns = clock_mono_ns();
    visitor->poll.data = visitor;
    TAILQ_INSERT_HEAD(&door->visitors, visitor, entry);
    door->visitor_count++;
    place->accepted++;
    place->heard_ns = visitor->since_ns;
    uv_poll_start(&visitor->poll, UV_READABLE | UV_DISCONNECT, on_words);
}

/* ---- no descriptors left ---- */

static bool
is_full(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void
on_pause_over(uv_timer_t *pause)
{
    const struct door *door = pause->data;
    struct receive *receive = door->receive;
    for (size_t i = 0; i < receive->place_count; i++) {
        struct place *place = &receive->places[i];
        if (place->poll != NULL && !place->udp) {
            uv_poll_start(place->poll, UV_READABLE, door_ready);
        }
    }
}

/* Whoever waits at the place stays in the kernel's queue; without a pause the loop would turn for
 * nothing but to be told again that he waits. */
static void
pause_place(struct door *door, struct place *place, int error)
{
    int64_t now_ns = clock_mono_ns();
    uv_poll_stop(place->poll);
    uv_timer_start(door->pause, on_pause_over, PAUSE_MS, 0);
    if (door->full_ns == 0 || now_ns - door->full_ns >= FULL_NS) {
        door->full_ns = now_ns;
        place->full = true;
        receive_tell(place, "%s cannot take connections now: %s%s", place->where, strerror(error),
                     error == EMFILE ? "; raise the limit (ulimit -n)" : "");
    }
}

void
door_ready(uv_poll_t *poll, int status, int events)
{
    struct place *place = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        int fd = accept4(place->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && is_full(errno)) {
            pause_place(place->receive->door, place, errno);
        }
        if (fd < 0) {
            return;
        }
        if (place->full) {
            place->full = false;
            place->note[0] = '\0';
        }
        welcome(place->receive->door, place, fd);
    }
}

/* Who says nothing is sent away. */
static void
on_sweep(uv_timer_t *timer)
{
    struct door *door = timer->data;
    int64_t late_ns = clock_mono_ns() - PATIENCE_NS;
    struct visitor *visitor = TAILQ_FIRST(&door->visitors);
    while (visitor != NULL) {
        struct visitor *next = TAILQ_NEXT(visitor, entry);
        if (visitor->since_ns < late_ns) {
            visitor_end(visitor);
        }
        visitor = next;
    }
}

struct door *
door_new(struct receive *receive)
{
    struct door *door = calloc(1, sizeof(*door));
    uv_timer_t *timer = calloc(1, sizeof(*timer)), *pause = calloc(1, sizeof(*pause));
    struct seeker *seeker =
        door != NULL && timer != NULL && pause != NULL
            ? seeker_new(receive->setup.loop, receive->options->proc, door, on_found)
            : NULL;
    if (seeker == NULL) {
        free(door);
        free(timer);
        free(pause);
        return NULL;
    }
    door->receive = receive;
    door->timer = timer;
    door->pause = pause;
    door->seeker = seeker;
    TAILQ_INIT(&door->visitors);
    uv_timer_init(receive->setup.loop, timer);
    uv_timer_init(receive->setup.loop, pause);
    timer->data = pause->data = door;
    uv_timer_start(timer, on_sweep, PATIENCE_NS / NS_PER_MS / 2, PATIENCE_NS / NS_PER_MS / 2);
    return door;
}

void
door_free(struct door *door)
{
    if (door == NULL) {
        return;
    }
    while (!TAILQ_EMPTY(&door->visitors)) {
        visitor_end(TAILQ_FIRST(&door->visitors));
    }
    seeker_free(door->seeker);
    loop_close(door->timer);
    loop_close(door->pause);
    free(door);
}
