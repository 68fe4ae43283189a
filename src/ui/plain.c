/* Findings and connections as lines, for screen readers, serial consoles and logs. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "flametop/base/buf.h"
#include "flametop/base/utf8.h"
#include "flametop/core/link.h"
#include "flametop/ui/app.h"

#define LINE_BYTES 512
#define LINES_BYTES_MAX ((size_t)1 << 20)

static const struct finding *
same(const struct picture *picture, const char *id)
{
    for (size_t i = 0; picture != NULL && i < picture->finding_count; i++) {
        if (strcmp(picture->findings[i].id, id) == 0) {
            return &picture->findings[i];
        }
    }
    return NULL;
}

/* Nothing found, and something looked at: the first pictures have nothing to compare yet. */
static bool
is_quiet(const struct picture *picture)
{
    return picture != NULL && picture->finding_count == 0 && picture->looked_at != NULL &&
           picture->looked_at[0] != '\0';
}

static void
add_line(const char *name, const struct picture *picture, const char *word, const char *sentence,
         struct buf *out)
{
    char clock[16], clean[LINE_BYTES];
    time_t at = (time_t)(picture->wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&at, &day);
    strftime(clock, sizeof(clock), "%H:%M:%S", &day);
    utf8_clean(str_from(sentence), clean, sizeof(clean));
    buf_printf(out, "%s %s%s%s%s%s\n", clock, name, name[0] != '\0' ? " " : "", word,
               clean[0] != '\0' ? ": " : "", clean);
}

/* The connection, when it is not as it was: that it is up is said only after it was not. */
static void
add_link(const char *name, const struct picture *before, const struct picture *now, struct buf *out)
{
    static const char *const words[] = {
        [LINK_CONNECTING] = "connecting",
        [LINK_LIVE] = "live",
        [LINK_LOST] = "lost",
        [LINK_REFUSED] = "refused",
    };
    const struct link_status *link = now->link, *was = before != NULL ? before->link : NULL;
    if (link == NULL) {
        return;
    }
    bool is_live = link->state == LINK_LIVE, same_state = was != NULL && was->state == link->state;
    const char *why = is_live ? "" : link->why;
    bool told = was != NULL && was->state != LINK_LIVE &&
                (was->state != LINK_CONNECTING || was->why[0] != '\0');
    bool told_same = same_state && strcmp(was->why, link->why) == 0;
    bool tells = is_live ? told : link->state != LINK_CONNECTING || why[0] != '\0';
    if (tells && !told_same && !(is_live && same_state)) {
        add_line(name, now, words[link->state], why, out);
    }
}

void
plain_changes(const char *name, const struct picture *before, const struct picture *now,
              struct buf *out)
{
    add_link(name, before, now, out);
    for (size_t i = 0; i < now->finding_count; i++) {
        const struct finding *finding = &now->findings[i], *old = same(before, finding->id);
        if (old == NULL || old->level != finding->level) {
            add_line(name, now, level_name(finding->level), finding->sentence, out);
        }
    }
    for (size_t i = 0; before != NULL && i < before->finding_count; i++) {
        if (same(now, before->findings[i].id) == NULL) {
            add_line(name, now, "over", before->findings[i].sentence, out);
        }
    }
    if (is_quiet(now) && !is_quiet(before)) {
        char text[LINE_BYTES];
        snprintf(text, sizeof(text), "nothing unusual; looked at %s", now->looked_at);
        add_line(name, now, "normal", text, out);
    }
}

static bool
write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        bytes += MAX(written, 0);
        n -= (size_t)MAX(written, 0);
    }
    return true;
}

struct heard {
    const char *name; /* "" when there is one only */
    struct engine *engine;
    struct picture *last;
};

/* Reads the newest picture and adds what changed. */
static void
take(struct heard *heard, struct buf *out)
{
    uint64_t count;
    if (read(engine_fd(heard->engine), &count, sizeof(count)) <= 0) {
        return;
    }
    struct picture *now = engine_latest(heard->engine);
    if (now == NULL || (heard->last != NULL && now->number == heard->last->number)) {
        picture_release(now);
        return;
    }
    plain_changes(heard->name, heard->last, now, out);
    picture_release(heard->last);
    heard->last = now;
}

static int
signals_open(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGHUP);
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until a signal comes (true) or nobody reads any more. */
static bool
listen_to(struct heard *list, struct pollfd *fds, size_t count, struct buf *out)
{
    const struct pollfd *reader = &fds[count], *signals = &fds[count + 1];
    for (;;) {
        if (poll(fds, count + 2, -1) < 0) {
            if (errno != EINTR) {
                return false;
            }
            continue;
        }
        if (signals->revents != 0 || reader->revents != 0) {
            return reader->revents == 0;
        }
        buf_clear(out);
        for (size_t i = 0; i < count; i++) {
            if ((fds[i].revents & POLLIN) != 0) {
                take(&list[i], out);
            }
        }
        if (!write_all(reader->fd, out->data, out->n)) {
            return false;
        }
    }
}

int
plain_run(const struct app_target *targets, size_t count, int fd)
{
    struct heard *list = calloc(count, sizeof(*list));
    struct pollfd *fds = calloc(count + 2, sizeof(*fds));
    struct buf out;
    buf_init(&out, LINES_BYTES_MAX);
    bool ok = list != NULL && fds != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        list[i] =
            (struct heard){.name = count > 1 ? targets[i].name : "", .engine = targets[i].engine};
        fds[i] = (struct pollfd){.fd = engine_fd(list[i].engine), .events = POLLIN};
    }
    if (ok) {
        fds[count] = (struct pollfd){.fd = fd}; /* POLLERR, POLLHUP: nobody reads any more */
        fds[count + 1] = (struct pollfd){.fd = signals_open(), .events = POLLIN};
        ok = listen_to(list, fds, count, &out);
        for (size_t i = 0; i < count; i++) {
            picture_release(list[i].last);
        }
        if (fds[count + 1].fd >= 0) {
            close(fds[count + 1].fd);
        }
    }
    free(list);
    free(fds);
    buf_done(&out);
    return ok ? 0 : 1;
}
