/* Requests as what the command `flame` opens: of a file of traces, or all that an agent holds. */
#ifndef FLAMETOP_FLAME_REQUESTS_H
#define FLAMETOP_FLAME_REQUESTS_H

#include "targets.h"

/* Whether a word names requests: the address of an agent, or a file of traces. */
bool flame_requests_are_there(const char *word);
bool flame_requests_are_in(const char *path);

/* Whether --filter, --from and --to choose among them, which they must be able to; false as well,
 * and a sentence on stderr, where one of them cannot be read. */
bool flame_requests_are_chosen(const struct cli *cli);
bool flame_requests_check(const struct cli *cli);

/* ", service=shop, from 14:02": which are chosen; "": all. */
void flame_requests_say(const struct cli *cli, char *dst, size_t size);

/* Their flame graph, those that match the configured filter, and of the newer side the times, as a
 * profile document (profile/read.h), for the caller to free; NULL, and a sentence on stderr. */
char *flame_requests_load(const struct cli *cli, const char *path, bool newer, size_t *ret_n);
char *flame_requests_ask(const struct cli *cli, const struct targets *targets, size_t which,
                         bool newer, size_t *ret_n);

#endif
