/* Requests as what the command `flame` opens: of a file of traces, or all that an agent holds. */
#ifndef FLAMETOP_FLAME_REQUESTS_H
#define FLAMETOP_FLAME_REQUESTS_H

#include "targets.h"

/* Whether a word names requests: the address of an agent, or a file of traces. */
bool flame_requests_are_there(const char *word);
bool flame_requests_are_in(const char *path);

/* Their flame graph, those that match the configured filter, as a profile document
 * (profile/read.h), for the caller to free; NULL, and a sentence on stderr. */
char *flame_requests_load(const struct cli *cli, const char *path, size_t *ret_n);
char *flame_requests_ask(const struct cli *cli, const struct targets *targets, size_t which,
                         size_t *ret_n);

#endif
