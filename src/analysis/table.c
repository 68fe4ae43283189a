/* All analyzers. */
#include "flametop/analysis/table.h"

#include "flametop/base/macros.h"

extern const struct analyzer analyzer_alert;
extern const struct analyzer analyzer_bottleneck;

const struct analyzer *const analyzer_table[] = {
    &analyzer_bottleneck,
    &analyzer_alert,
};
const size_t analyzer_table_count = ARRAY_SIZE(analyzer_table);
