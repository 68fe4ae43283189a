/* What metrics are made of: counted as it passes through the store. */
#ifndef FLAMETOP_TRACE_REQUESTS_COUNT_H
#define FLAMETOP_TRACE_REQUESTS_COUNT_H

#include "convention.h"
#include "digest.h"
#include "gather.h"

enum digest_family {
    DIGEST_REQUESTS,
    DIGEST_QUERIES,
    DIGEST_WAITS,
    DIGEST_AGENTS,
    DIGEST_CACHES,
    DIGEST_FAMILIES
};

struct requests {
    struct digests families[DIGEST_FAMILIES];
    int64_t first_mono_ns; /* of the first event; 0: none */
};

void requests_init(struct requests *requests);
void requests_done(struct requests *requests);

/* A finished request, once. */
void requests_trace(struct requests *requests, const struct trace *trace, int64_t mono_ns);

/* A span that is new. */
void requests_span(struct requests *requests, const struct gather *gather,
                   const struct gather_span *span, const struct convention *convention,
                   double slow_query_s, int64_t mono_ns);

#endif
