/* The filter language: which rows of a table are wanted.
 *
 *   beam cpu>5 user=www rss>1G !sleep /^post.*r$/
 *
 * Terms are joined by "and". A bare word is looked for in the name and the command line (in a table
 * without those, in every text), whatever the case; `/…/` is a POSIX extended regular expression on
 * the same. FIELD OP VALUE compares a column, named by its title (CPU), its metric's name or a part
 * of that (memory): `=` `!=` for equal, `~` for "contains", `<` `<=` `>` `>=` for order. A value
 * may list several: pid=812|990. `!` turns a term round, quotes keep blanks: "my app". Shares are
 * in per cent, sizes know K M G T (1024), times s m h d. */
#ifndef FLAMETOP_CORE_FILTER_H
#define FLAMETOP_CORE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"
#include "flametop/core/table.h"

#define FILTER_BYTES_MAX 255 /* of a text that is typed or given at the start */

struct filter;

/* A new filter for tables of this def (which must outlive it). NULL and a sentence in why; an empty
 * text, too, is NULL, with why empty. */
struct filter *filter_new(struct str text, const struct table_def *def, char *why, size_t why_size);
void filter_free(struct filter *filter);

/* NULL wants every row. A comparison with an unknown value is false. */
bool filter_matches(const struct filter *filter, const union cell *row);

/* Whether it reads a column that is only filled where somebody looks. */
bool filter_is_costly(const struct filter *filter);

/* A column by title, name or part of the name, whatever the case; -1 when there is none. "rss" and
 * "user" are understood where a table calls them MEM and USER. */
int filter_column(const struct table_def *def, struct str name);

#endif
