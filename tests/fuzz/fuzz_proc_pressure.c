/* Pressure files, zram's mm_stat, single numbers of /sys. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/sources/proc_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct pressure_text pressure;
    bool any = parse_pressure(text, &pressure);
    assert(any == (!isnan(pressure.some.total_s) || !isnan(pressure.full.total_s)));
    assert(isnan(pressure.some.avg10) == isnan(pressure.some.total_s));
    double a, b, c;
    if (parse_zram(text, &a, &b, &c)) {
        assert(a >= 0 && b >= 0 && c >= 0);
    }
    assert(!parse_single(text, &a) || (a >= -9.3e18 && a <= 9.3e18));
    return 0;
}
