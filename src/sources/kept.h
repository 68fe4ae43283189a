/* A file of /proc or /sys that stays open between polls, and its last text.
 *
 * Reading never fails loudly: a file that is missing, denied or gone is `false` and an errno in
 * `error`, and opening it is tried again every 64 reads, so that what appears later (a module's
 * file) is found. */
#ifndef FLAMETOP_SOURCES_KEPT_H
#define FLAMETOP_SOURCES_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "flametop/base/macros.h"
#include "flametop/base/str.h"

#define KEPT_BYTES_MAX ((size_t)4 << 20)

struct kept {
    char *path;
    char *data;
    size_t capacity;
    int fd;
    int error;             /* positive errno of the last failure; 0: none */
    unsigned wait;         /* reads to let pass before opening is tried again */
    bool has_long_records; /* of 3 KiB and more: set it after opening */
};

/* Opens ROOT/PATH. 0 or a negative errno; also after a failure kept_read may be called, and
 * kept_close must. */
int kept_open(struct kept *kept, const char *root, const char *path);
void kept_close(struct kept *kept);

/* The whole text, owned by `kept` until the next call. */
bool kept_read(struct kept *kept, struct str *ret_text);

/* The next line that ends with LF. What stands behind the last LF is torn and never answered: half
 * a number would read as a counter that fell. */
bool kept_line(struct str *rest, struct str *ret_line);

/* Reads a small file once: the text without blanks around it; empty when it cannot be read. */
struct str kept_once(char *dst, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

/* Whether a path made of the format exists. */
bool kept_exists(const char *format, ...) PRINTF_LIKE(1, 2);

/* The numbers below 65536 of a folder's entries PREFIX0, PREFIX1, …, ascending. Answers how many;
 * at most max. */
size_t kept_numbered(const char *folder, const char *prefix, unsigned *ret_numbers, size_t max);

#endif
