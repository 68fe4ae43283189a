/* A store for tests of what it keeps. */
#ifndef TESTS_TRACE_STORED_H
#define TESTS_TRACE_STORED_H

#include "generate.h"

/* Of so many bytes; 0: of as many as there are by default. Free it with trace_store_free. */
static inline struct trace_store *
store_of(size_t bytes_max)
{
    struct trace_store_options options = {.bytes_max = bytes_max};
    struct trace_store *store = trace_store_new(&options);
    assert_non_null(store);
    return store;
}

#endif
