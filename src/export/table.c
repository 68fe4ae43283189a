/* All export formats. */
#include "flametop/export/table.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/str.h"

extern const struct format format_csv, format_json, format_openmetrics, format_prometheus;

const struct format *const format_table[] = {
    &format_json,
    &format_csv,
    &format_prometheus,
    &format_openmetrics,
};
const size_t format_table_count = ARRAY_SIZE(format_table);

const struct format *
format_by_name(const char *name)
{
    for (size_t i = 0; i < format_table_count; i++) {
        if (strcmp(format_table[i]->name, name) == 0) {
            return format_table[i];
        }
    }
    return NULL;
}

const struct format *
format_by_path(const char *path)
{
    for (size_t i = 0; i < format_table_count; i++) {
        if (str_ends(str_from(path), format_table[i]->extension)) {
            return format_table[i];
        }
    }
    return NULL;
}
