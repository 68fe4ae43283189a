/* What readers look at, read from what they say. */
#include "wishes.h"

#include <string.h>

static uint64_t
columns_of(const struct picture *picture, const cJSON *names, const cJSON *sort, int *ret_sort)
{
    const struct table *table = picture != NULL ? picture_table(picture, "processes") : NULL;
    uint64_t columns = 0;
    const cJSON *name;
    *ret_sort = -1;
    if (table == NULL) {
        return 0;
    }
    cJSON_ArrayForEach(name, names)
    {
        int column = cJSON_IsString(name) ? table_column(table->def, name->valuestring) : -1;
        columns |= column >= 0 && column < 64 ? UINT64_C(1) << column : 0;
    }
    *ret_sort = cJSON_IsString(sort) ? table_column(table->def, sort->valuestring) : -1;
    return columns;
}

static int64_t
pid_of(const cJSON *item)
{
    return cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < 1e15
               ? (int64_t)item->valuedouble
               : 0;
}

static unsigned
tables_of(const cJSON *names)
{
    const cJSON *name;
    unsigned tables = 0;
    cJSON_ArrayForEach(name, names)
    {
        for (unsigned i = 0; i < INTEREST_TABLES && cJSON_IsString(name); i++) {
            tables |= strcmp(name->valuestring, interest_table_names[i]) == 0 ? 1U << i : 0;
        }
    }
    return tables;
}

struct interest
wishes_read(const struct picture *picture, const cJSON *body)
{
    struct interest interest = {0};
    const cJSON *pid;
    interest.process_columns =
        columns_of(picture, cJSON_GetObjectItemCaseSensitive(body, "columns"),
                   cJSON_GetObjectItemCaseSensitive(body, "sort"), &interest.process_sort);
    interest.process_filter_costly =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "filter_costly"));
    interest.cgroups = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "cgroups"));
    interest.selected_pid = pid_of(cJSON_GetObjectItemCaseSensitive(body, "selected_pid"));
    interest.tables = tables_of(cJSON_GetObjectItemCaseSensitive(body, "tables"));
    interest.requests = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "requests"));
    interest.node_process = pid_of(cJSON_GetObjectItemCaseSensitive(body, "node_process"));
    cJSON_ArrayForEach(pid, cJSON_GetObjectItemCaseSensitive(body, "pids"))
    {
        if (interest.pid_count < INTEREST_ROWS_MAX && pid_of(pid) > 0) {
            interest.pids[interest.pid_count++] = pid_of(pid);
        }
    }
    return interest;
}
