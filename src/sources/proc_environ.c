/* /proc/PID/environ (proc(5)): variables as the program was started with, separated by NUL. */
#include "flametop/sources/environ.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/file.h"
#include "flametop/base/utf8.h"

#define ENVIRON_BYTES ((size_t)64 * 1024)
#define VARIABLE_BYTES 4096 /* shown of one */

/* A program may write over its environment (setproctitle): what is empty is not a variable. */
static void
add_lines(struct str text, struct buf *lines)
{
    struct str variable;
    while (str_until(&text, '\0', &variable)) {
        char clean[VARIABLE_BYTES];
        if (variable.n > 0) {
            utf8_clean(variable, clean, sizeof(clean));
            buf_printf(lines, "%s\n", clean);
        }
    }
}

int
environ_read(const char *proc, int64_t pid, struct buf *lines)
{
    char path[PATH_MAX];
    if (pid <= 0 || (size_t)snprintf(path, sizeof(path), "%s/%lld/environ", proc, (long long)pid) >=
                        sizeof(path)) {
        return -EINVAL;
    }
    char *text = malloc(ENVIRON_BYTES + 1);
    if (text == NULL) {
        return -ENOMEM;
    }
    ssize_t n = file_read_at(AT_FDCWD, path, text, ENVIRON_BYTES + 1);
    if (n >= 0) {
        add_lines((struct str){text, (size_t)n}, lines);
        buf_puts(lines, (size_t)n == ENVIRON_BYTES ? "…\n" : "");
        explicit_bzero(text, ENVIRON_BYTES + 1);
    }
    free(text);
    return n < 0 ? (int)n : 0;
}
