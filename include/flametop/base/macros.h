/* The few macros everything shares. */
#ifndef FLAMETOP_BASE_MACROS_H
#define FLAMETOP_BASE_MACROS_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#undef MIN /* <sys/param.h>, which <uv.h> includes, has them too */
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CLAMP(v, low, high) ((v) < (low) ? (low) : (v) > (high) ? (high) : (v))

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

#define PRINTF_LIKE(template, first) __attribute__((format(printf, template, first)))

#endif
