/* Other names for metrics and settings: those of the documents flametop was made from. Accepted
 * wherever a name is read; ours are shown. */
#ifndef FLAMETOP_CONFIG_ALIAS_H
#define FLAMETOP_CONFIG_ALIAS_H

#include <stddef.h>

#include "flametop/core/metric.h"

struct name_alias {
    const char *alias, *name;
};

extern const struct name_alias metric_alias_table[];
extern const size_t metric_alias_table_count;
extern const struct name_alias option_alias_table[];
extern const size_t option_alias_table_count;

/* Tells the catalog all of metric_alias_table. An alias of a metric that no source brings names
 * nothing until one does. Once a catalog. */
void alias_add_all(struct catalog *catalog);

/* Our name of a setting; the given one when it is no alias. */
const char *alias_option(const char *name);

#endif
