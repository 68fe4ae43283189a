/* All analyzers. */
#include "flametop/analysis/table.h"

const struct analyzer *const analyzer_table[] = {NULL};
const size_t analyzer_table_count = 0;
