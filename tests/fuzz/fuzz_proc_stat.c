/* /proc/stat, /proc/loadavg, /proc/uptime. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/sources/proc_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, rest = text;
    struct stat_core core;
    struct stat_text stat;
    size_t refused = 0;
    while (parse_stat_core(&rest, &core, &refused)) {
        assert(core.cpu < STAT_CPU_MAX);
        for (size_t i = 0; i < STAT_FIELDS; i++) {
            assert(isnan(core.ticks[i]) ? i > STAT_IDLE : core.ticks[i] >= 0);
        }
    }
    parse_stat_rest(rest, &stat);
    assert(isnan(stat.forks) || stat.forks >= 0);
    struct loadavg load;
    if (parse_loadavg(text, &load)) {
        assert(load.load[0] >= 0 && load.load[1] >= 0 && load.load[2] >= 0 && load.threads >= 0);
    }
    double seconds;
    assert(!parse_uptime(text, &seconds) || seconds >= 0);
    return 0;
}
