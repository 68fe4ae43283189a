/* Screens as text beside what they were when they were last looked at: tests/golden/NAME.txt.
 *
 * FLAMETOP_GOLDEN=write in the environment writes the files anew, for review with git diff. */
#ifndef FLAMETOP_TESTS_GOLDEN_H
#define FLAMETOP_TESTS_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/buf.h"
#include "flametop/base/file.h"
#include "flametop/ui/canvas.h"

static inline void
golden_text(const char *name, const struct buf *text)
{
    char path[512];
    const char *source = getenv("FLAMETOP_SOURCE"), *mode = getenv("FLAMETOP_GOLDEN");
    snprintf(path, sizeof(path), "%s/tests/golden/%s.txt", source != NULL ? source : ".", name);
    if (mode != NULL && strcmp(mode, "write") == 0) {
        assert_int_equal(file_write_atomic(path, text->data, text->n, 0644), 0);
        return;
    }
    char *want = NULL;
    ssize_t n = file_load(path, 1 << 20, &want);
    if (n < 0 || (size_t)n != text->n || memcmp(want, text->data, text->n) != 0) {
        fprintf(stderr, "%s differs; it is now:\n%.*s", path, (int)text->n, text->data);
        free(want);
        fail_msg("%s", name);
    }
    free(want);
}

static inline void
golden(const char *name, const struct canvas *canvas)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    canvas_dump(canvas, &out);
    golden_text(name, &out);
    buf_done(&out);
}

#endif
