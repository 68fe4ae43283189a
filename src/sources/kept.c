/* Kept files.
 *
 * Invariant: fd >= 0 exactly while the file is open; the buffer grows to what the file needed and
 * is never given back before kept_close, so that a poll allocates nothing. */
#include "kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/file.h"

#define CAPACITY_FIRST 8192
#define READS_BETWEEN_OPENS 64

static int
open_path(struct kept *kept)
{
    kept->fd = open(kept->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    kept->error = kept->fd < 0 ? errno : 0;
    kept->wait = READS_BETWEEN_OPENS;
    return -kept->error;
}

int
kept_open(struct kept *kept, const char *root, const char *path)
{
    *kept = (struct kept){.fd = -1};
    if (asprintf(&kept->path, "%s/%s", root, path) < 0) {
        kept->path = NULL;
        kept->error = ENOMEM;
        return -ENOMEM;
    }
    return open_path(kept);
}

void
kept_close(struct kept *kept)
{
    if (kept->fd >= 0) {
        close(kept->fd);
    }
    free(kept->path);
    free(kept->data);
    *kept = (struct kept){.fd = -1};
}

static bool
grow(struct kept *kept)
{
    size_t capacity = kept->capacity == 0 ? CAPACITY_FIRST : kept->capacity * 2;
    if (capacity > KEPT_BYTES_MAX) {
        kept->error = EFBIG;
        return false;
    }
    char *data = realloc(kept->data, capacity);
    if (data == NULL) {
        kept->error = ENOMEM;
        return false;
    }
    kept->data = data;
    kept->capacity = capacity;
    return true;
}

static bool
ready(struct kept *kept)
{
    if (kept->fd >= 0) {
        return true;
    }
    if (kept->path == NULL || kept->wait-- > 1) {
        return false;
    }
    return open_path(kept) == 0;
}

bool
kept_read(struct kept *kept, struct str *ret_text)
{
    if (!ready(kept) || (kept->capacity == 0 && !grow(kept))) {
        return false;
    }
    for (;;) {
        ssize_t n = (kept->has_long_records ? file_pread : file_pread_brief)(kept->fd, kept->data,
                                                                             kept->capacity);
        if (n < 0) {
            close(kept->fd);
            kept->fd = -1;
            kept->error = (int)-n;
            kept->wait = READS_BETWEEN_OPENS;
            return false;
        }
        if ((size_t)n + 1 < kept->capacity) {
            *ret_text = (struct str){kept->data, (size_t)n};
            kept->error = 0;
            return true;
        }
        if (!grow(kept)) {
            return false;
        }
    }
}

bool
kept_line(struct str *rest, struct str *ret_line)
{
    const char *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
    if (end == NULL) {
        return false;
    }
    size_t n = (size_t)(end - rest->p);
    *ret_line = (struct str){rest->p, n};
    rest->p += n + 1;
    rest->n -= n + 1;
    return true;
}

struct str
kept_once(char *dst, size_t size, const char *format, ...)
{
    char path[PATH_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    ssize_t n = length > 0 && (size_t)length < sizeof(path)
                    ? file_read_brief_at(AT_FDCWD, path, dst, size)
                    : -1;
    return str_trim((struct str){dst, n > 0 ? (size_t)n : 0});
}

bool
kept_exists(const char *format, ...)
{
    char path[PATH_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0;
}

/* "node12" behind "node": 12. */
static bool
entry_number(struct str name, const char *prefix, unsigned *ret_number)
{
    size_t n = strlen(prefix);
    uint64_t number;
    if (!str_starts(name, prefix)) {
        return false;
    }
    struct str rest = {name.p + n, name.n - n};
    if (!str_u64(&rest, &number) || rest.n > 0 || number > 65535) {
        return false;
    }
    *ret_number = (unsigned)number;
    return true;
}

size_t
kept_numbered(const char *folder, const char *prefix, unsigned *ret_numbers, size_t max)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    for (struct dirent *entry; dir != NULL && count < max && (entry = readdir(dir)) != NULL;) {
        unsigned number;
        if (!entry_number(str_from(entry->d_name), prefix, &number)) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && ret_numbers[at - 1] > number; at--) {
            ret_numbers[at] = ret_numbers[at - 1];
        }
        ret_numbers[at] = number;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}
