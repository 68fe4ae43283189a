/* Small files. */
#include "flametop/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BRIEF_BYTES 1024

/* Reads until EOF, or until a first read brought less than `enough`. */
static ssize_t
pread_all(int fd, char *dst, size_t size, size_t enough)
{
    size_t n = 0;
    while (n + 1 < size) {
        ssize_t got = pread(fd, dst + n, size - 1 - n, (off_t)n);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (got == 0) {
            break;
        }
        bool brief = n == 0 && (size_t)got < enough && (size_t)got + 1 < size;
        n += (size_t)got; /* short or not: a seq_file stops before a record that fits no page */
        if (brief) {
            break;
        }
    }
    dst[n] = 0;
    return (ssize_t)n;
}

ssize_t
file_pread(int fd, char *dst, size_t size)
{
    return pread_all(fd, dst, size, 0);
}

ssize_t
file_pread_brief(int fd, char *dst, size_t size)
{
    return pread_all(fd, dst, size, BRIEF_BYTES);
}

ssize_t
file_pread_once(int fd, char *dst, size_t size)
{
    ssize_t got;
    do {
        got = pread(fd, dst, size - 1, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno;
    }
    dst[got] = 0;
    return got;
}

static ssize_t
read_at(int dir_fd, const char *path, char *dst, size_t size, size_t enough)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = pread_all(fd, dst, size, enough);
    close(fd);
    return n;
}

ssize_t
file_read_at(int dir_fd, const char *path, char *dst, size_t size)
{
    return read_at(dir_fd, path, dst, size, 0);
}

ssize_t
file_read_brief_at(int dir_fd, const char *path, char *dst, size_t size)
{
    return read_at(dir_fd, path, dst, size, BRIEF_BYTES);
}

ssize_t
file_load(const char *path, size_t bytes_max, char **ret_data)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    char *data = NULL;
    size_t n = 0, capacity = 0;
    ssize_t result;
    for (;;) {
        if (n + 1 >= capacity) {
            capacity = capacity == 0 ? 4096 : capacity * 2;
            char *grown = realloc(data, capacity);
            if (grown == NULL) {
                result = -ENOMEM;
                break;
            }
            data = grown;
        }
        ssize_t got = read(fd, data + n, capacity - 1 - n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            result = -errno;
            break;
        }
        if (got == 0) {
            result = (ssize_t)n;
            break;
        }
        n += (size_t)got;
        if (n > bytes_max) {
            result = -EFBIG;
            break;
        }
    }
    close(fd);
    if (result < 0) {
        free(data);
        return result;
    }
    data[n] = 0;
    *ret_data = data;
    return result;
}

static int
write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, data, n);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -errno;
        }
        data += put;
        n -= (size_t)put;
    }
    return 0;
}

/* Devices and pipes (/dev/stdout, a FIFO) are written to: renaming over them would replace them. */
static bool
is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int
write_special(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    int error = write_all(fd, data, n);
    close(fd);
    return error;
}

/* What a process of the same number left when it was killed (in a container they are few) is out of
 * the way. */
static int
open_temporary(const char *path, unsigned mode)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(path, flags, (mode_t)mode);
    if (fd < 0 && errno == EEXIST && unlink(path) == 0) {
        fd = open(path, flags, (mode_t)mode);
    }
    return fd;
}

static int
replace(const char *path, const void *data, size_t n, unsigned mode)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
    if (length < 0 || (size_t)length >= sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    int fd = open_temporary(temporary, mode);
    if (fd < 0) {
        return -errno;
    }
    int error = write_all(fd, data, n);
    if (error == 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS) {
        error = -errno;
    }
    if (close(fd) < 0 && error == 0) {
        error = -errno;
    }
    if (error == 0 && rename(temporary, path) < 0) {
        error = -errno;
    }
    if (error != 0) {
        unlink(temporary);
    }
    return error;
}

int
file_write_atomic(const char *path, const void *data, size_t n, unsigned mode)
{
    struct stat st;
    if (is_special(path)) {
        return write_special(path, data, n);
    }
    if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode)) {
        return replace(path, data, n, mode);
    }
    char *target = realpath(path, NULL); /* the link stays and what it leads to is replaced */
    if (target == NULL) {
        return -errno;
    }
    int error = replace(target, data, n, mode);
    free(target);
    return error;
}

static int
may_enter(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;
    if (n >= sizeof(folder)) {
        return -ENAMETOOLONG;
    }
    memcpy(folder, path, n);
    folder[n] = 0;
    const char *name = n > 0 ? folder : slash != NULL ? "/" : ".";
    return access(name, W_OK | X_OK) == 0 ? 0 : -errno;
}

int
file_may_write(const char *path)
{
    struct stat st;
    if (is_special(path)) {
        return access(path, W_OK) == 0 ? 0 : -errno;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return -EISDIR;
    }
    if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode)) {
        return may_enter(path);
    }
    char *target = realpath(path, NULL);
    int error = target != NULL ? may_enter(target) : -errno;
    free(target);
    return error;
}
