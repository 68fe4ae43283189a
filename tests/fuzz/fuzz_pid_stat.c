/* The files of one process: whatever the bytes, views stay inside the text and texts stay inside
 * their size. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/proc_pid_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(struct str text, struct str part)
{
    assert(part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, path;
    struct pid_stat stat;
    struct pid_io io;
    struct pid_status status;
    char out[64];
    if (pid_stat_parse(text, &stat)) {
        check_inside(text, stat.name);
    }
    (void)pid_io_parse(text, &io);
    (void)pid_status_parse(text, &status);
    if (pid_cgroup_parse(text, &path)) {
        assert(path.n > 0 && path.p[0] == '/');
    }
    int64_t limit;
    assert(!pid_limits_parse(text, &limit) || limit >= 0);
    assert(cgroup_short_name(text, out, sizeof(out)) == strlen(out));
    assert(pid_cmdline_text(text, out, sizeof(out)) == strlen(out));
    for (const char *p = out; *p != 0; p++) {
        assert((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    return 0;
}
