/* The log. A mutex guards the ring: lines are rare, and a line is one write. */
#include "flametop/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/utf8.h"

static struct {
    pthread_mutex_t lock;
    int fd;
    enum log_level level;
    char lines[LOG_LINES_KEPT][LOG_LINE_BYTES];
    uint64_t count;
    char last[LOG_LINE_BYTES];
    int64_t last_ns;
    unsigned repeats;
} the_log = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .level = LOG_LEVEL_WARNING};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void
log_open(int fd, enum log_level level)
{
    log_set_fd(fd);
    log_set_level(level);
}

void
log_set_fd(int fd)
{
    pthread_mutex_lock(&the_log.lock);
    the_log.fd = fd;
    pthread_mutex_unlock(&the_log.lock);
}

void
log_set_level(enum log_level level)
{
    pthread_mutex_lock(&the_log.lock);
    the_log.level = level;
    pthread_mutex_unlock(&the_log.lock);
}

bool
log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void
emit(enum log_level level, const char *message)
{
    char when[40], line[LOG_LINE_BYTES];
    clock_rfc3339(clock_now(&clock_system).wall_ns, when, sizeof(when));
    int n = snprintf(line, sizeof(line), "time=%s level=%s msg=\"", when, level_names[level]);
    /* A message may hold names of others: cleaned, and cut between characters with room for its
     * end. */
    char clean[LOG_LINE_BYTES];
    utf8_clean(str_from(message), clean, sizeof(clean));
    struct str rest = str_from(clean);
    uint32_t c;
    while ((c = utf8_next(&rest)) != 0 && n < LOG_LINE_BYTES - 8) {
        if (c == '"' || c == '\\') {
            line[n++] = '\\';
        }
        n += (int)utf8_put(c, line + n);
    }
    line[n++] = '"';
    line[n] = 0;
    memcpy(the_log.lines[the_log.count++ % LOG_LINES_KEPT], line, (size_t)n + 1);
    if (the_log.fd >= 0) {
        line[n++] = '\n';
        /* A line that cannot be written now is in the ring; a descriptor that is gone is given up.
         */
        if (write(the_log.fd, line, (size_t)n) < 0 && errno != EINTR && errno != EAGAIN &&
            errno != ENOSPC) {
            the_log.fd = -1;
        }
    }
}

void
log_write(enum log_level level, const char *format, ...)
{
    char message[LOG_LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    int64_t now = clock_mono_ns();
    pthread_mutex_lock(&the_log.lock);
    if (level <= the_log.level) {
        bool same = strcmp(message, the_log.last) == 0;
        if (same && now - the_log.last_ns < NS_PER_S) {
            the_log.repeats++;
        } else {
            if (the_log.repeats > 0) {
                char again[64];
                snprintf(again, sizeof(again), "last message repeated %u times", the_log.repeats);
                emit(LOG_LEVEL_INFO, again);
            }
            the_log.repeats = 0;
            the_log.last_ns = now;
            memcpy(the_log.last, message, sizeof(message));
            emit(level, message);
        }
    }
    pthread_mutex_unlock(&the_log.lock);
}

size_t
log_tail(char (*dst)[LOG_LINE_BYTES], size_t max)
{
    pthread_mutex_lock(&the_log.lock);
    size_t n = the_log.count < LOG_LINES_KEPT ? (size_t)the_log.count : LOG_LINES_KEPT;
    n = MIN(n, max);
    for (size_t i = 0; i < n; i++) {
        memcpy(dst[i], the_log.lines[(the_log.count - n + i) % LOG_LINES_KEPT], LOG_LINE_BYTES);
    }
    pthread_mutex_unlock(&the_log.lock);
    return n;
}
