/* /api/v1/tables/{name} and /api/v1/findings. */
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/filter.h"
#include "flametop/export/document.h"
#include "parts.h"

#define ROWS 100
#define ROWS_MAX 100000
#define INTEREST_NS (10 * NS_PER_S)

/* What the rows hold is read for these rows in the next seconds, too, where it is costly. */
static void
be_interested(struct agent *agent, const struct table *table, const struct document_row *order,
              size_t rows)
{
    struct interest interest = {.process_columns = UINT64_MAX, .process_sort = -1};
    int key = table_column(table->def, "process.pid");
    if (strcmp(table->def->name, "processes") != 0 || key < 0) {
        return;
    }
    for (size_t i = 0; i < rows && interest.pid_count < INTEREST_ROWS_MAX; i++) {
        interest.pids[interest.pid_count++] = table_row(table, order[i].row)[key].integer;
    }
    agent->interested = true;
    agent->interest_until_ns = clock_mono_ns() + INTEREST_NS;
    hub_also_interest(agent->hub, &interest);
}

static void
write_table(struct json *json, const struct picture *picture, const struct table *table,
            const struct document_row *order, size_t matching, size_t rows)
{
    json_object(json);
    json_key(json, "name");
    json_text(json, table->def->name);
    json_key(json, "time");
    json_time(json, picture->wall_ns);
    json_key(json, "total");
    json_uint(json, MAX(table->total, table->count));
    json_key(json, "matching");
    json_uint(json, matching);
    json_key(json, "rows");
    json_uint(json, rows);
    json_key(json, "columns");
    document_columns(json, table, order, rows);
    json_object_end(json);
}

/* The rows that match, sorted. NULL: the request is answered. */
static struct document_row *
order_rows(const struct http_message *message, const struct table *table, size_t *ret_count)
{
    const char *sort = http_argument(message, "sort"), *text = http_argument(message, "filter");
    bool ascending = sort != NULL && sort[0] == '+';
    sort = sort != NULL && (sort[0] == '+' || sort[0] == '-') ? sort + 1 : sort;
    int column =
        sort != NULL ? filter_column(table->def, str_from(sort)) : (int)table->def->sort_column;
    char why[200] = "";
    if (column < 0) {
        http_reply_error(message, 400, "the table %s has no such column to sort by",
                         table->def->name);
        return NULL;
    }
    struct filter *filter =
        text != NULL ? filter_new(str_from(text), table->def, why, sizeof(why)) : NULL;
    if (why[0] != '\0') {
        http_reply_error(message, 400, "filter: %s", why);
        return NULL;
    }
    struct document_row *order = calloc(table->count + 1, sizeof(*order));
    size_t count = 0;
    for (size_t i = 0; order != NULL && i < table->count; i++) {
        if (filter_matches(filter, table_row(table, i))) {
            order[count++] = (struct document_row){table, i, (size_t)column, ascending};
        }
    }
    filter_free(filter);
    if (order == NULL) {
        http_reply_error(message, 503, "out of memory");
        return NULL;
    }
    document_sort(order, count);
    *ret_count = count;
    return order;
}

void
answer_table(struct agent *agent, const struct http_message *message, const char *name)
{
    struct picture *picture = agent_picture(agent, message);
    const struct table *table = picture != NULL ? picture_table(picture, name) : NULL;
    uint64_t limit;
    size_t count;
    if (picture != NULL && table == NULL) {
        http_reply_error(message, 404, "there is no such table");
    }
    if (table == NULL || !agent_number(message, "limit", ROWS, ROWS_MAX, &limit)) {
        return;
    }
    struct document_row *order = order_rows(message, table, &count);
    if (order == NULL) {
        return;
    }
    size_t rows = MIN(count, (size_t)limit);
    struct buf out;
    struct json json;
    buf_init(&out, AGENT_ANSWER_BYTES_MAX);
    json_init(&json, &out, false);
    write_table(&json, picture, table, order, count, rows);
    agent_reply_json(message, &out);
    be_interested(agent, table, order, rows);
    buf_done(&out);
    free(order);
}

void
answer_findings(struct agent *agent, const struct http_message *message, const char *name)
{
    struct picture *picture = agent_picture(agent, message);
    struct buf out;
    struct json json;
    (void)name;
    if (picture == NULL) {
        return;
    }
    buf_init(&out, AGENT_ANSWER_BYTES_MAX);
    json_init(&json, &out, false);
    json_object(&json);
    json_key(&json, "time");
    json_time(&json, picture->wall_ns);
    json_key(&json, "findings");
    write_findings(picture, false, &json);
    json_key(&json, "looked_at");
    json_text(&json, picture->looked_at);
    json_key(&json, "not_looked_at");
    json_text(&json, picture->not_looked_at);
    json_object_end(&json);
    agent_reply_json(message, &out);
    buf_done(&out);
}
