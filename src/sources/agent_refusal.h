/* Why an agent did not do what it was asked for, in its own words where it has some. */
#ifndef FLAMETOP_SOURCES_AGENT_REFUSAL_H
#define FLAMETOP_SOURCES_AGENT_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/net/client.h"

/* A sentence out of the body of a refusal, {"error": "..."}; false when there is none. */
bool agent_refusal(const struct http_answer *answer, char *why, size_t size);

/* Whether the answer is whole and good; else a sentence why not. */
bool agent_gave(const struct http_answer *answer, char *why, size_t size);

#endif
