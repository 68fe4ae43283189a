/* The frequencies in /proc/cpuinfo. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/sources/proc_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
take(void *context, unsigned cpu, double hz)
{
    (void)context;
    assert(cpu < STAT_CPU_MAX && hz >= 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse_cpuinfo_frequencies((struct str){(const char *)data, size}, take, NULL);
    return 0;
}
