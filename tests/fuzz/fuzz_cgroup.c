/* The files of control groups: whatever the bytes, views stay inside and numbers stay in their
 * range. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/cgroup_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, path;
    struct cgroup_mount mount;
    char out[64];
    uint64_t number;
    double value;
    if (cgroup_mount_parse(text, &mount)) {
        assert(mount.root.n > 0 && mount.point.p + mount.point.n <= text.p + text.n);
        cgroup_unescape(mount.point, out, sizeof(out));
        assert(strlen(out) < sizeof(out));
    }
    for (unsigned controllers = 0; controllers < 1u << CGROUP_CONTROLLER_COUNT; controllers += 3) {
        if (cgroup_path_of(text, controllers, &path)) {
            assert(path.n > 0 && path.p[0] == '/' && path.p + path.n <= text.p + text.n);
        }
    }
    if (cgroup_value_parse(text, &value) || cgroup_cpu_max_parse(text, &value)) {
        assert(value >= 0);
    }
    (void)cgroup_key(text, "nr_throttled", &number);
    (void)cgroup_pressure_parse(text, "some", &number);
    assert(cgroup_cpu_count(text) <= 65536);
    return 0;
}
