/* Interest, told to an agent. */
#include "agent_interest.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/json.h"
#include "flametop/base/macros.h"

#define PATIENCE_NS (10 * NS_PER_S)
#define BYTES_MAX ((size_t)64 << 10)

/* By the names of columns: another version may have them in other places. */
static void
write_interest(const struct agent_interest *told, struct json *json)
{
    const struct interest *interest = &told->now;
    const struct table_def *def = agent_stream_table(told->stream, "processes");
    json_object(json);
    json_key(json, "columns");
    json_array(json);
    for (size_t c = 0; def != NULL && c < MIN(def->column_count, (size_t)64); c++) {
        if ((interest->process_columns >> c & 1) != 0) {
            json_text(json, def->columns[c].name);
        }
    }
    json_array_end(json);
    bool sorted = def != NULL && interest->process_sort >= 0 &&
                  (size_t)interest->process_sort < def->column_count;
    json_key(json, "sort");
    json_text(json, sorted ? def->columns[interest->process_sort].name : NULL);
    json_key(json, "filter_costly");
    json_bool(json, interest->process_filter_costly);
    json_key(json, "pids");
    json_array(json);
    for (unsigned i = 0; i < MIN(interest->pid_count, (unsigned)INTEREST_ROWS_MAX); i++) {
        json_int(json, interest->pids[i]);
    }
    json_array_end(json);
    json_key(json, "selected_pid");
    json_int(json, interest->selected_pid);
    json_key(json, "cgroups");
    json_bool(json, interest->cgroups);
    json_key(json, "tables");
    json_array(json);
    for (unsigned i = 0; i < INTEREST_TABLES; i++) {
        if ((interest->tables >> i & 1) != 0) {
            json_text(json, interest_table_names[i]);
        }
    }
    json_array_end(json);
    json_key(json, "node_process");
    json_int(json, interest->node_process);
    json_key(json, "requests");
    json_bool(json, interest->requests);
    json_object_end(json);
}

static void
on_told(void *context, const struct http_answer *answer)
{
    struct agent_interest *interest = context;
    interest->call = NULL;
    if (answer->status == 0) { /* nobody heard it: again, with the next tick */
        interest->told = false;
    } else { /* an agent that does not take it shows what it shows */
        agent_interest_tell(interest);
    }
}

void
agent_interest_tell(struct agent_interest *interest)
{
    if (interest->told || !interest->any || interest->call != NULL) {
        return;
    }
    struct buf out;
    struct json json;
    char path[80];
    buf_init(&out, BYTES_MAX);
    json_init(&json, &out, false);
    write_interest(interest, &json);
    snprintf(path, sizeof(path), "/api/v1/interest?client=%s", interest->id);
    struct http_request request = {.path = path,
                                   .post = out.data,
                                   .post_size = out.n,
                                   .content_type = "application/json",
                                   .timeout_ns = PATIENCE_NS,
                                   .body_max = BYTES_MAX,
                                   .context = interest,
                                   .done = on_told};
    interest->told = true;
    interest->call = out.full ? NULL : http_send(interest->client, &request);
    buf_done(&out);
}

void
agent_interest_set(struct agent_interest *interest, const struct interest *now)
{
    if (!interest->any || memcmp(&interest->now, now, sizeof(*now)) != 0) {
        interest->now = *now;
        interest->any = true;
        interest->told = false;
    }
}

void
agent_interest_lose(struct agent_interest *interest)
{
    http_cancel(interest->call);
    interest->call = NULL;
    interest->told = false;
}
