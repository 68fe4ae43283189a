/* All export formats. */
#ifndef FLAMETOP_EXPORT_TABLE_H
#define FLAMETOP_EXPORT_TABLE_H

#include "flametop/core/format.h"

extern const struct format *const format_table[];
extern const size_t format_table_count;

/* By name, or by the extension of a file name; NULL when unknown. */
const struct format *format_by_name(const char *name);
const struct format *format_by_path(const char *path);

#endif
