/* Findings as lines, for screen readers, serial consoles and logs. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "flametop/base/buf.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/app.h"

#define LINE_BYTES 512

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
add_line(const struct picture *picture, const char *word, const char *sentence, struct buf *out)
{
    char clock[16], clean[LINE_BYTES];
    time_t at = (time_t)(picture->wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&at, &day);
    strftime(clock, sizeof(clock), "%H:%M:%S", &day);
    utf8_clean(str_from(sentence), clean, sizeof(clean));
    buf_printf(out, "%s %s: %s\n", clock, word, clean);
}

void
plain_changes(const struct picture *before, const struct picture *now, struct buf *out)
{
    for (size_t i = 0; i < now->finding_count; i++) {
        const struct finding *finding = &now->findings[i], *old = same(before, finding->id);
        if (old == NULL || old->level != finding->level) {
            add_line(now, level_name(finding->level), finding->sentence, out);
        }
    }
    for (size_t i = 0; before != NULL && i < before->finding_count; i++) {
        if (same(now, before->findings[i].id) == NULL) {
            add_line(now, "over", before->findings[i].sentence, out);
        }
    }
    if (is_quiet(now) && !is_quiet(before)) {
        char text[LINE_BYTES];
        snprintf(text, sizeof(text), "nothing unusual; looked at %s", now->looked_at);
        add_line(now, "normal", text, out);
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

/* Reads the newest picture and writes what changed; false when nobody reads any more. */
static bool
step(struct engine *engine, int fd, struct picture **last, struct buf *out)
{
    struct picture *now = engine_latest(engine);
    if (now == NULL || (*last != NULL && now->number == (*last)->number)) {
        if (now != NULL) {
            picture_release(now);
        }
        return true;
    }
    buf_clear(out);
    plain_changes(*last, now, out);
    if (*last != NULL) {
        picture_release(*last);
    }
    *last = now;
    return write_all(fd, out->data, out->n);
}

int
plain_run(struct engine *engine, int fd)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGHUP);
    struct pollfd fds[] = {
        {.fd = engine_fd(engine), .events = POLLIN},
        {.fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN},
        {.fd = fd}, /* POLLERR, POLLHUP: nobody reads any more */
    };
    struct picture *last = NULL;
    struct buf out;
    buf_init(&out, 1 << 16);
    bool ok = true;
    while (ok && fds[1].revents == 0) {
        uint64_t count;
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR) {
            ok = false;
        } else if (fds[2].revents != 0) {
            ok = false;
        } else if ((fds[0].revents & POLLIN) != 0 && read(fds[0].fd, &count, sizeof(count)) > 0) {
            ok = step(engine, fd, &last, &out);
        }
    }
    if (last != NULL) {
        picture_release(last);
    }
    if (fds[1].fd >= 0) {
        close(fds[1].fd);
    }
    buf_done(&out);
    return ok ? 0 : 1;
}
