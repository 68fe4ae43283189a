/* Growth over time. */
#include "growth.h"

#include <math.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define LITTLE 0.05 /* of the value: a fall that is none */
#define BASE_NS (30 * NS_PER_S)

static void
begin(struct growth *growth, double value, int64_t now_ns)
{
    *growth = (struct growth){.since_ns = now_ns,
                              .risen_ns = now_ns,
                              .seen_ns = now_ns,
                              .from = value,
                              .last = value,
                              .base_ns = {now_ns, now_ns},
                              .base = {value, value}};
}

void
growth_step(struct growth *growth, double value, int64_t now_ns, int64_t patience_ns)
{
    if (isnan(value)) {
        return;
    }
    bool first = growth->since_ns == 0, fell = value < growth->last * (1 - LITTLE);
    if (first || fell || now_ns - growth->risen_ns > patience_ns) {
        begin(growth, value, now_ns);
        return;
    }
    if (value > growth->last && growth->rises == 0) { /* until now it stood still */
        double from = growth->last;
        begin(growth, from, growth->seen_ns);
    }
    growth->seen_ns = now_ns;
    if (value > growth->last) {
        growth->last = value;
        growth->risen_ns = now_ns;
        growth->rises++;
    }
    if (now_ns - growth->base_ns[1] >= BASE_NS) {
        growth->base_ns[0] = growth->base_ns[1];
        growth->base[0] = growth->base[1];
        growth->base_ns[1] = now_ns;
        growth->base[1] = growth->last;
    }
}

double
growth_rate(const struct growth *growth, unsigned rises, int64_t span_ns)
{
    int64_t seen_ns = growth->risen_ns - growth->since_ns,
            since_ns = growth->risen_ns - growth->base_ns[0];
    if (growth->rises < rises || seen_ns < span_ns || since_ns <= 0) {
        return 0;
    }
    return (growth->last - growth->base[0]) / ((double)since_ns / 1e9);
}

double
growth_amount(const struct growth *growth)
{
    return growth->last - growth->from;
}
