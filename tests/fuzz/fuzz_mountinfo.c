/* /proc/self/mountinfo: lines, escapes, and what is kept. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct mount mounts[16];
    uint64_t refused = 0;
    size_t count = mounts_select(text, mounts, 16, &refused);
    assert(count <= 16);
    for (size_t i = 0; i < count; i++) {
        assert(mounts[i].point.n > 0 && mounts[i].point.p[0] == '/' &&
               mount_use(&mounts[i]) != MOUNT_LEFT_OUT);
        for (size_t j = 0; j < i; j++) {
            assert(mounts[i].device != mounts[j].device);
        }
        char path[64];
        size_t n = mount_unescape(mounts[i].point, path, sizeof(path));
        assert(n < sizeof(path) && n <= mounts[i].point.n && (n == 0 || strlen(path) == n));
    }
    return 0;
}
