/* The link to an agent.
 *
 * Invariant: a moment is handed out in the turn it came in, or later. A turn ends with a tick
 * record; when several ticks come at once (after a stall) the collector is asked for a picture of
 * each, one after the other, so that no reading is lost and none stays behind.
 *
 * Times: the collector runs on the agent's clock: ours plus an offset, which follows what is
 * measured slowly, so that it never runs backwards; forwards it jumps when one of the machines has
 * slept. An agent whose machine was started anew counts from 0: `shift_ns` then puts its times
 * behind those we have, and stays. */
#include "flametop/sources/agent.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/record.h"
#include "flametop/core/trace.h"
#include "flametop/net/loop.h"
#include "agent_ask.h"
#include "agent_far.h"
#include "agent_large.h"
#include "agent_refusal.h"
#include "agent_sampling.h"
#include "remote.h"

#define WAITING_MAX 64
#define TABLES_MAX 256
#define READERS_KEPT 8
#define BACKOFF_FIRST_NS (500 * NS_PER_MS)
#define BACKOFF_LAST_NS (15 * NS_PER_S)
#define SILENCE_EXTRA_NS (2 * NS_PER_S)
#define CONNECT_NS (10 * NS_PER_S)
#define HELLO_EVERY_NS (30 * NS_PER_S)
#define DRAIN_MS 20
#define HISTORY_MS 100
#define ORDERS_MAX 8
#define ANSWER_BYTES_MAX ((size_t)64 << 10)
#define CLOCK_ERROR_MIN_NS NS_PER_S
#define CLOCK_JUMP_NS (5 * NS_PER_S)

struct agent_link {
    struct link_setup setup;
    struct agent_link_options options;
    struct http_client *client;
    struct http_call *stream, *greeting, *telling, *retrying;
    uv_timer_t *timer, *drain;
    char target[400], id[17];

    struct record_reader *reader;
    bool greeted;                                     /* it has said who and when it is */
    struct record_reader *kept_readers[READERS_KEPT]; /* they made definitions that are in use */
    size_t kept_count;
    const struct table_def *tables[TABLES_MAX]; /* to prefer: ours, then those made so far */
    size_t table_count, tables_before;
    struct remotes remotes;
    struct moment *waiting[REMOTE_SOURCES_MAX]; /* oldest first */
    uint64_t turn_open, turn_shown;             /* the one that comes in; the one handed out */
    bool unseen;                                /* history came that no picture has yet */

    enum link_state state;
    char why[240];
    int64_t asked_ns, heard_ns, retry_ns, backoff_ns, round_trip_ns, clock_error_ns;
    int64_t interval_ns;

    char instance[64];
    int64_t newest_ns, shift_ns; /* of the agent's clock */
    int64_t offset_ns, offset_goal_ns, offset_at_ns, wall_offset_ns, boot_offset_ns, best_trip_ns;
    bool clock_set;

    unsigned coming;      /* bits by enum link_coming */
    struct agent_far far; /* what the agent is attached to */

    struct interest interest;
    bool interested, told;
    struct agent_sampling sampling;
    struct agent_ask asking;
    struct agent_large large;
    struct order {           /* a command that waits for its answer */
        link_answer *answer; /* NULL: free */
        void *context;
    } orders[ORDERS_MAX];
};

static void connect_agent(struct agent_link *agent);
static void on_timer(uv_timer_t *timer);
static void tell_interest(struct agent_link *agent);

/* ---- the clock ---- */

/* Moves towards the goal by at most a tenth of the time that passes. */
static int64_t
offset_now(struct agent_link *agent)
{
    int64_t now = clock_mono_ns(), step = (now - agent->offset_at_ns) / 10;
    int64_t left = agent->offset_goal_ns - agent->offset_ns;
    agent->offset_ns += CLAMP(left, -step, step);
    agent->offset_at_ns = now;
    return agent->offset_ns;
}

static struct instant
agent_now(void *context)
{
    struct agent_link *agent = context;
    int64_t mono_ns = clock_mono_ns() + offset_now(agent);
    return (struct instant){mono_ns, mono_ns + agent->wall_offset_ns,
                            mono_ns + agent->boot_offset_ns};
}

/* What the agent's clock shows `now`; `trip_ns` says how sure that is. */
static void
set_offset(struct agent_link *agent, int64_t offset_ns, int64_t trip_ns)
{
    int64_t now = clock_mono_ns();
    if (!agent->clock_set) {
        agent->clock_set = true;
        agent->offset_ns = agent->offset_goal_ns = offset_ns;
        agent->offset_at_ns = now;
        struct clock clock = {agent_now, agent};
        agent->setup.sink.clock(agent->setup.sink.context, &clock);
    } else if (trip_ns <= agent->best_trip_ns * 2 ||
               llabs(offset_ns - agent->offset_goal_ns) > trip_ns) { /* no error of the trip */
        agent->offset_goal_ns = offset_ns;
    }
    if (agent->offset_goal_ns - agent->offset_ns > trip_ns + CLOCK_JUMP_NS) {
        agent->offset_ns = agent->offset_goal_ns;
    }
    agent->best_trip_ns = agent->best_trip_ns == 0 ? trip_ns : MIN(agent->best_trip_ns, trip_ns);
    /* What a long trip says of the clock may be the trip's own time. */
    int64_t ours_ns = clock_now(&clock_system).wall_ns - now;
    int64_t error_ns = agent->offset_goal_ns + agent->wall_offset_ns - ours_ns;
    agent->clock_error_ns =
        llabs(error_ns) < CLOCK_ERROR_MIN_NS + agent->best_trip_ns / 2 ? 0 : error_ns;
}

/* ---- turns ---- */

static struct moment *
take_moment(void *context, struct remote *remote)
{
    struct agent_link *agent = context;
    for (size_t i = 0; i < agent->remotes.count; i++) {
        struct moment *moment = agent->waiting[i];
        if (agent->remotes.list[i] == remote && moment != NULL &&
            moment->turn <= agent->turn_shown) {
            agent->waiting[i] = moment->next;
            return moment;
        }
    }
    return NULL;
}

/* The first turn that has a moment waiting; the open one when no other has. */
static uint64_t
oldest_turn(const struct agent_link *agent)
{
    uint64_t oldest = agent->turn_open;
    for (size_t i = 0; i < agent->remotes.count; i++) {
        if (agent->waiting[i] != NULL) {
            oldest = MIN(oldest, agent->waiting[i]->turn);
        }
    }
    return oldest;
}

static bool
is_behind(const struct agent_link *agent)
{
    return oldest_turn(agent) < agent->turn_open;
}

static void
on_drain(uv_timer_t *timer)
{
    struct agent_link *agent = timer->data;
    bool behind = is_behind(agent);
    if (behind) { /* turns whose moments were dropped are passed over */
        uint64_t next = MAX(agent->turn_shown + 1, oldest_turn(agent));
        agent->turn_shown = MIN(next, agent->turn_open - 1);
        uv_timer_start(timer, on_drain, DRAIN_MS, 0);
    }
    if (behind || agent->unseen) {
        agent->unseen = false;
        agent->setup.sink.tick(agent->setup.sink.context);
    }
}

/* The index of the source, which the collector then has; -1: there are too many. */
static int
source_for(struct agent_link *agent, const char *name)
{
    size_t before = agent->remotes.count;
    int index = remotes_index(&agent->remotes, name);
    if (agent->remotes.count > before) {
        struct remote *remote = agent->remotes.list[index];
        remote->take = take_moment;
        remote->context = agent;
        agent->setup.sink.source(agent->setup.sink.context, &remote->source);
    }
    return index;
}

/* At the end of the source's list; the oldest goes when there are too many. */
static void
put_moment(struct agent_link *agent, size_t index, struct moment *moment)
{
    struct moment **end = &agent->waiting[index];
    size_t count = 0;
    while (*end != NULL) {
        end = &(*end)->next;
        count++;
    }
    *end = moment;
    if (count >= WAITING_MAX) {
        struct moment *oldest = agent->waiting[index];
        agent->waiting[index] = oldest->next;
        oldest->next->batch.dropped += oldest->batch.dropped + 1;
        moment_free(oldest);
    }
}

/* ---- what the stream says ---- */

/* Another agent whose clock stands before what came last: its machine was started anew. */
static void
follow_restart(struct agent_link *agent, const char *instance, int64_t mono_ns)
{
    if (strcmp(instance, agent->instance) != 0 && mono_ns <= agent->newest_ns) {
        agent->shift_ns = clock_mono_ns() + offset_now(agent) - mono_ns;
        agent->newest_ns = 0;
    }
}

static void
on_hello(void *context, const struct record_hello *hello)
{
    struct agent_link *agent = context;
    int64_t trip_ns = clock_mono_ns() - agent->asked_ns;
    int64_t mono_ns = hello->at.mono_ns;
    const char *instance = hello->instance != NULL ? hello->instance : "";
    agent->setup.sink.host(agent->setup.sink.context, &hello->host);
    if (agent->greeted) { /* another host: it came when it changed, which tells no time */
        return;
    }
    agent->greeted = true;
    follow_restart(agent, instance, mono_ns);
    str_copy(str_from(instance), agent->instance, sizeof(agent->instance));
    agent->interval_ns = hello->interval_ns;
    agent->wall_offset_ns = hello->at.wall_ns - mono_ns - agent->shift_ns;
    agent->boot_offset_ns = hello->at.boot_ns - mono_ns - agent->shift_ns;
    set_offset(agent, mono_ns + agent->shift_ns - (clock_mono_ns() - trip_ns / 2), trip_ns);
}

/* Whether the definition stays as long as the link: those that a stream made need its reader, of
 * which so many are kept. */
static bool
keep_table(struct agent_link *agent, const struct table_def *def)
{
    if (tables_have(agent->tables, agent->table_count, def)) {
        return true;
    }
    if (agent->table_count == TABLES_MAX || agent->kept_count == READERS_KEPT) {
        return false;
    }
    agent->tables[agent->table_count++] = def;
    return true;
}

static void
on_batch(void *context, const char *name, const struct batch *whole)
{
    struct agent_link *agent = context;
    struct batch own = *whole, *batch = &own;
    batch->table_count = 0;
    for (size_t i = 0; i < whole->table_count; i++) {
        if (keep_table(agent, whole->tables[i]->def)) {
            batch->tables[batch->table_count++] = whole->tables[i];
        }
    }
    int index = source_for(agent, name);
    struct moment *moment = index >= 0 ? moment_new(batch) : NULL;
    if (moment == NULL) {
        return;
    }
    moment->turn = agent->turn_open;
    moment->batch.at.mono_ns += agent->shift_ns;
    remote_note_tables(agent->remotes.list[index], batch);
    put_moment(agent, (size_t)index, moment);
}

/* History before a restart of the machine cannot be shifted: it is left out. */
static void
on_chunk(void *context, const char *name, struct chunk *chunk)
{
    struct agent_link *agent = context;
    if (agent->shift_ns == 0 && source_for(agent, name) >= 0) {
        agent->setup.sink.chunk(agent->setup.sink.context, name, chunk);
        agent->unseen = true;
        if (!uv_is_active((uv_handle_t *)agent->drain)) {
            uv_timer_start(agent->drain, on_drain, HISTORY_MS, 0);
        }
    }
}

static void
on_kept(void *context, const struct kept_part *part)
{
    struct agent_link *agent = context;
    if (agent->shift_ns == 0 && agent->setup.sink.kept != NULL) {
        agent->setup.sink.kept(agent->setup.sink.context, part);
    }
}

/* With the next tick; what has come to its end is shown soon. */
static void
on_coming(void *context, unsigned coming)
{
    struct agent_link *agent = context;
    agent->unseen |= coming < agent->coming;
    agent->coming = coming;
    if (agent->unseen && !uv_is_active((uv_handle_t *)agent->drain)) {
        uv_timer_start(agent->drain, on_drain, HISTORY_MS, 0);
    }
}

/* Its time is the agent's, as all that comes; `shift_ns` lays it behind what is older. */
static void
on_trace(void *context, const void *bytes, size_t n)
{
    struct agent_link *agent = context;
    struct trace *copy = n >= sizeof(*copy) && n <= TRACE_BYTES_MAX ? malloc(n) : NULL;
    if (copy == NULL || agent->setup.sink.trace == NULL) {
        free(copy);
        return;
    }
    memcpy(copy, bytes, n);
    if (copy->mono_ns > -INT64_MAX / 4 && copy->mono_ns < INT64_MAX / 4) {
        copy->mono_ns += agent->shift_ns;
    }
    agent->setup.sink.trace(agent->setup.sink.context, copy, n);
    if (n == sizeof(*copy)) { /* the head of one that is too large for the stream */
        agent_large_want(&agent->large, copy);
    }
    free(copy);
}

static void
on_findings(void *context, const struct record_findings *findings)
{
    struct agent_link *agent = context;
    agent->setup.sink.findings(agent->setup.sink.context, findings->list, findings->count,
                               findings->looked_at, findings->not_looked_at);
}

static void
on_link(void *context, const struct link_status *status)
{
    struct agent_link *agent = context;
    agent_far_take(&agent->far, status, agent->shift_ns - offset_now(agent));
}

static void
on_tick(void *context, const struct record_tick *tick)
{
    struct agent_link *agent = context;
    agent->turn_open++;
    agent->interval_ns = tick->interval_ns;
    agent->newest_ns = MAX(agent->newest_ns, tick->at.mono_ns);
    agent->state = LINK_LIVE;
    agent->why[0] = '\0';
    agent->backoff_ns = BACKOFF_FIRST_NS;
    agent->retry_ns = 0;
    agent_large_go_on(&agent->large);
    if (!is_behind(agent)) {
        agent->setup.sink.tick(agent->setup.sink.context); /* a tick without readings */
    } else if (!uv_is_active((uv_handle_t *)agent->drain) ||
               uv_timer_get_due_in(agent->drain) > DRAIN_MS) {
        on_drain(agent->drain);
    }
    tell_interest(agent);
}

/* ---- connecting ---- */

static void
arm(struct agent_link *agent, int64_t at_ns)
{
    int64_t wait_ns = MAX(at_ns - clock_mono_ns(), INT64_C(0));
    uv_update_time(agent->setup.loop);
    uv_timer_start(agent->timer, on_timer, (uint64_t)(wait_ns / NS_PER_MS + 1), 0);
}

/* The definitions that this stream made are used by the collector: its reader stays. */
static void
drop_reader(struct agent_link *agent)
{
    if (agent->reader != NULL && agent->table_count > agent->tables_before &&
        agent->kept_count < READERS_KEPT) {
        agent->kept_readers[agent->kept_count++] = agent->reader;
    } else {
        record_reader_free(agent->reader);
    }
    agent->reader = NULL;
}

/* What came of a tick whose end did not: it comes again, as history. */
static void
drop_torn(struct agent_link *agent)
{
    for (size_t i = 0; i < agent->remotes.count; i++) {
        struct moment **at = &agent->waiting[i];
        while (*at != NULL && (*at)->turn < agent->turn_open) {
            at = &(*at)->next;
        }
        while (*at != NULL) {
            struct moment *torn = *at;
            *at = torn->next;
            moment_free(torn);
        }
    }
}

/* Why is a sentence; refused: it is no use to try again. */
static void
lose(struct agent_link *agent, const char *why, bool refused)
{
    http_cancel(agent->stream);
    http_cancel(agent->greeting);
    http_cancel(agent->telling);
    http_cancel(agent->retrying);
    agent->stream = agent->greeting = agent->telling = agent->retrying = NULL;
    agent->told = false;
    agent->far.there = false;
    agent->coming = 0;
    agent_sampling_lose(&agent->sampling);
    agent_large_lose(&agent->large);
    drop_torn(agent);
    drop_reader(agent);
    snprintf(agent->why, sizeof(agent->why), "%s", why);
    bool was_live = agent->state == LINK_LIVE || agent->state == LINK_LOST;
    agent->state = refused ? LINK_REFUSED : was_live ? LINK_LOST : LINK_CONNECTING;
    agent->retry_ns = 0;
    uv_timer_stop(agent->timer);
    if (!refused) {
        int64_t now = clock_mono_ns();
        agent->retry_ns = now + agent->backoff_ns + agent->backoff_ns / 8 * (now / 1000 % 3);
        agent->backoff_ns = MIN(agent->backoff_ns * 2, BACKOFF_LAST_NS);
        arm(agent, agent->retry_ns);
    }
    agent->setup.sink.tick(agent->setup.sink.context); /* so that it is seen */
}

static int64_t
silence_ns(const struct agent_link *agent)
{
    return agent->state == LINK_LIVE
               ? 3 * MAX(agent->interval_ns, agent->setup.interval_ns) + SILENCE_EXTRA_NS
               : CONNECT_NS;
}

static void send_hello(struct agent_link *agent);

static void
on_timer(uv_timer_t *timer)
{
    struct agent_link *agent = timer->data;
    int64_t now = clock_mono_ns();
    if (agent->stream == NULL) {
        connect_agent(agent);
        return;
    }
    int64_t due_ns = MAX(agent->asked_ns, agent->heard_ns) + silence_ns(agent);
    if (now >= due_ns) {
        char why[120];
        snprintf(why, sizeof(why), "it was silent for %" PRId64 " s", silence_ns(agent) / NS_PER_S);
        lose(agent, why, false);
        return;
    }
    if (agent->state == LINK_LIVE) {
        send_hello(agent);
    }
    arm(agent, MIN(due_ns, now + HELLO_EVERY_NS));
}

static bool
on_bytes(void *context, const void *bytes, size_t n)
{
    struct agent_link *agent = context;
    bool first = agent->heard_ns < agent->asked_ns;
    agent->heard_ns = clock_mono_ns();
    if (first) {
        send_hello(agent);
    }
    return record_reader_feed(agent->reader, bytes, n) == 0;
}

static void
say_status(const struct agent_link *agent, const struct http_answer *answer, char *why, size_t size)
{
    switch (answer->status) {
    case 0:
        snprintf(why, size, "%s", answer->why);
        break;
    case 401:
        snprintf(why, size,
                 agent->options.credentials.token != NULL
                     ? "it refused the token: give the right one with --token-file"
                     : "it wants a token: give --token-file");
        break;
    case 404:
        snprintf(why, size, "there is no flametop agent at %s", agent->target);
        break;
    default:
        if (answer->why[0] != '\0') {
            snprintf(why, size, "%s", answer->why);
        } else if (!agent_refusal(answer, why, size)) {
            snprintf(why, size, "it answered with status %d", answer->status);
        }
    }
}

static void
on_stream_done(void *context, const struct http_answer *answer)
{
    struct agent_link *agent = context;
    char why[240];
    const char *damage = record_reader_why(agent->reader);
    int error = record_reader_feed(agent->reader, "", 0);
    agent->stream = NULL;
    if (damage[0] != '\0') {
        snprintf(why, sizeof(why), "%s", damage);
        lose(agent, why, error == -EPROTONOSUPPORT);
    } else if (answer->status / 100 == 2) {
        lose(agent, answer->why[0] != '\0' ? answer->why : "it ended the stream", false);
    } else {
        say_status(agent, answer, why, sizeof(why));
        lose(agent, why, answer->status / 100 == 4 && answer->status != 429);
    }
}

static void
connect_agent(struct agent_link *agent)
{
    struct record_events events = {.context = agent,
                                   .hello = on_hello,
                                   .batch = on_batch,
                                   .chunk = on_chunk,
                                   .kept = on_kept,
                                   .tick = on_tick,
                                   .findings = on_findings,
                                   .trace = on_trace,
                                   .link = on_link,
                                   .coming = on_coming};
    char path[256];
    struct http_request request = {.path = path,
                                   .accept = "application/x-flametop",
                                   .timeout_ns = 600 * NS_PER_S, /* silence is judged here */
                                   .context = agent,
                                   .bytes = on_bytes,
                                   .done = on_stream_done};
    snprintf(path, sizeof(path),
             "/api/v1/stream?version=" FLAMETOP_VERSION "&client=%s&span=%" PRId64
             "s&instance=%s&since=%" PRId64,
             agent->id, agent->setup.span_ns / NS_PER_S, agent->instance, agent->newest_ns);
    agent->tables_before = agent->table_count;
    agent->greeted = false;
    agent->reader = record_reader_new(agent->setup.catalog, &events);
    agent->asked_ns = clock_mono_ns();
    agent->retry_ns = 0;
    if (agent->reader != NULL) {
        record_reader_tables(agent->reader, agent->tables, agent->table_count);
        agent->stream = http_send(agent->client, &request);
    }
    if (agent->stream == NULL) {
        lose(agent, "out of memory", false);
        return;
    }
    arm(agent, agent->asked_ns + CONNECT_NS);
}

/* ---- the clock and the round trip, by hello ---- */

/* Numbers beyond 2^53 are texts. */
static bool
integer_of(const cJSON *object, const char *key, int64_t *ret_value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9e15) {
        *ret_value = (int64_t)item->valuedouble;
        return true;
    }
    uint64_t value = 0;
    struct str rest = str_from(cJSON_IsString(item) ? item->valuestring : "");
    if (!str_u64(&rest, &value) || rest.n > 0 || value > INT64_MAX / 4) {
        return false;
    }
    *ret_value = (int64_t)value;
    return true;
}

static void
on_greeted(void *context, const struct http_answer *answer)
{
    struct agent_link *agent = context;
    agent->greeting = NULL;
    if (answer->status != 200) {
        return;
    }
    int64_t trip_ns = answer->duration_ns, mono_ns;
    agent->round_trip_ns = trip_ns;
    cJSON *hello = cJSON_ParseWithLength(answer->body.p, answer->body.n);
    if (agent->clock_set && integer_of(hello, "monotonic_ns", &mono_ns)) {
        set_offset(agent, mono_ns + agent->shift_ns - (clock_mono_ns() - trip_ns / 2), trip_ns);
    }
    cJSON_Delete(hello);
}

static void
send_hello(struct agent_link *agent)
{
    struct http_request request = {.path = "/api/v1/hello",
                                   .accept = "application/json",
                                   .timeout_ns = CONNECT_NS,
                                   .body_max = ANSWER_BYTES_MAX,
                                   .context = agent,
                                   .done = on_greeted};
    if (agent->greeting == NULL) {
        agent->greeting = http_send(agent->client, &request);
    }
}

/* ---- interest ---- */

static const struct table_def *
processes_def(const struct agent_link *agent)
{
    for (size_t i = 0; i < agent->table_count; i++) {
        if (strcmp(agent->tables[i]->name, "processes") == 0) {
            return agent->tables[i];
        }
    }
    return NULL;
}

/* By the names of columns: another version may have them in other places. */
static void
write_interest(const struct agent_link *agent, struct json *json)
{
    const struct interest *interest = &agent->interest;
    const struct table_def *def = processes_def(agent);
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
    struct agent_link *agent = context;
    (void)answer; /* an agent that does not take it shows what it shows */
    agent->telling = NULL;
    tell_interest(agent);
}

/* One at a time: what changes meanwhile is told when the answer has come. */
static void
tell_interest(struct agent_link *agent)
{
    if (agent->told || !agent->interested || agent->telling != NULL || agent->state != LINK_LIVE) {
        return;
    }
    struct buf out;
    struct json json;
    char path[80];
    buf_init(&out, ANSWER_BYTES_MAX);
    json_init(&json, &out, false);
    write_interest(agent, &json);
    snprintf(path, sizeof(path), "/api/v1/interest?client=%s", agent->id);
    struct http_request request = {.path = path,
                                   .post = out.data,
                                   .post_size = out.n,
                                   .content_type = "application/json",
                                   .timeout_ns = CONNECT_NS,
                                   .body_max = ANSWER_BYTES_MAX,
                                   .context = agent,
                                   .done = on_told};
    agent->told = true;
    agent->telling = out.full ? NULL : http_send(agent->client, &request);
    buf_done(&out);
}

static void
agent_interest(void *state, const struct interest *interest)
{
    struct agent_link *agent = state;
    if (!agent->interested || memcmp(&agent->interest, interest, sizeof(*interest)) != 0) {
        agent->interest = *interest;
        agent->interested = true;
        agent->told = false;
    }
    tell_interest(agent);
}

/* ---- commands ---- */

static void
on_command_done(void *context, const struct http_answer *answer)
{
    struct order *order = context;
    char why[200] = "";
    if (answer->status == 401) {
        snprintf(why, sizeof(why),
                 "the agent does not know this token for changes: look at --change-token-file");
    } else if (answer->status / 100 != 2 && !agent_refusal(answer, why, sizeof(why))) {
        snprintf(why, sizeof(why), "%s", answer->why[0] != '\0' ? answer->why : "it was refused");
    }
    link_answer *tell = order->answer;
    order->answer = NULL;
    tell(order->context, why);
}

static struct order *
free_order(struct agent_link *agent)
{
    for (size_t i = 0; i < ORDERS_MAX; i++) {
        if (agent->orders[i].answer == NULL) {
            return &agent->orders[i];
        }
    }
    return NULL;
}

static void
agent_command(void *state, const char *name, const char *arguments_json, void *context,
              link_answer *answer)
{
    struct agent_link *agent = state;
    char path[128];
    if (agent->options.change_token == NULL) {
        answer(context, "this needs the token for changes: give --change-token-file");
        return;
    }
    if (agent->state != LINK_LIVE) {
        answer(context, "there is no connection");
        return;
    }
    struct order *order = free_order(agent);
    struct http_request request = {.path = path,
                                   .post = arguments_json,
                                   .post_size = strlen(arguments_json),
                                   .content_type = "application/json",
                                   .token = agent->options.change_token,
                                   .timeout_ns = CONNECT_NS,
                                   .body_max = ANSWER_BYTES_MAX,
                                   .context = order,
                                   .done = on_command_done};
    snprintf(path, sizeof(path), "/api/v1/commands/%s", name);
    if (order == NULL || http_send(agent->client, &request) == NULL) {
        answer(context, "too many commands wait for their answer");
    } else {
        *order = (struct order){answer, context};
    }
}

/* ---- as a link ---- */

static void
agent_status(const void *state, struct link_status *ret_status)
{
    const struct agent_link *agent = state;
    *ret_status = (struct link_status){.state = agent->state,
                                       .target = agent->target,
                                       .kind = "agent",
                                       .why = agent->why,
                                       .heard_mono_ns = agent->heard_ns,
                                       .retry_mono_ns = agent->retry_ns,
                                       .clock_error_ns = agent->clock_error_ns,
                                       .round_trip_ns = agent->round_trip_ns,
                                       .may_change = agent->options.change_token != NULL,
                                       .samples = 1U << SAMPLING_MACHINE | 1U << SAMPLING_PROCESS,
                                       .insecure = agent->options.credentials.insecure,
                                       .coming = agent->coming,
                                       .here = true,
                                       .agent = true};
    if (agent->state == LINK_LIVE) {
        agent_far_tell(&agent->far, ret_status);
    }
}

static void
agent_sample(void *state, const struct sampling_wish *wish)
{
    struct agent_link *agent = state;
    agent_sampling_wish(&agent->sampling, wish);
}

static void
agent_ask(void *state, const char *path, void *context, link_document *answer)
{
    struct agent_link *agent = state;
    agent_ask_for(&agent->asking, path, context, answer);
}

static void
agent_interval(void *state, int64_t interval_ns)
{
    struct agent_link *agent = state;
    agent->setup.interval_ns = interval_ns;
}

static void
on_retried(void *context, const struct http_answer *answer)
{
    struct agent_link *agent = context;
    (void)answer; /* the stream says what comes of it */
    agent->retrying = NULL;
}

/* The agent's own link. */
static void
retry_far(struct agent_link *agent)
{
    struct http_request request = {.path = "/api/v1/retry",
                                   .post = "",
                                   .timeout_ns = CONNECT_NS,
                                   .body_max = ANSWER_BYTES_MAX,
                                   .context = agent,
                                   .done = on_retried};
    if (agent->retrying == NULL) {
        agent->retrying = http_send(agent->client, &request);
    }
}

static void
agent_retry(void *state)
{
    struct agent_link *agent = state;
    if (agent->state == LINK_LIVE && agent->far.there && agent->far.status.state != LINK_LIVE) {
        retry_far(agent);
    } else if (agent->stream == NULL) {
        agent->backoff_ns = BACKOFF_FIRST_NS;
        agent->state = agent->state == LINK_REFUSED ? LINK_CONNECTING : agent->state;
        uv_timer_stop(agent->timer);
        connect_agent(agent);
    }
}

static void
close_timer(uv_timer_t *timer)
{
    if (timer != NULL) {
        loop_close(timer);
    }
}

static void
agent_close(void *state)
{
    struct agent_link *agent = state;
    agent_sampling_done(&agent->sampling);
    http_client_free(agent->client);
    close_timer(agent->timer);
    close_timer(agent->drain);
    for (size_t i = 0; i < agent->remotes.count; i++) {
        while (agent->waiting[i] != NULL) {
            struct moment *next = agent->waiting[i]->next;
            moment_free(agent->waiting[i]);
            agent->waiting[i] = next;
        }
    }
    remotes_done(&agent->remotes);
    record_reader_free(agent->reader);
    for (size_t i = 0; i < agent->kept_count; i++) {
        record_reader_free(agent->kept_readers[i]);
    }
    free(agent);
}

static uv_timer_t *
new_timer(struct agent_link *agent)
{
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    if (timer != NULL) {
        uv_timer_init(agent->setup.loop, timer);
        timer->data = agent;
    }
    return timer;
}

static void
make_id(char dst[17])
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
        bits = (uint64_t)clock_mono_ns();
    }
    snprintf(dst, 17, "%016" PRIx64, bits);
}

static void
name_target(struct agent_link *agent)
{
    const struct url *url = &agent->options.url;
    struct buf out;
    buf_init(&out, sizeof(agent->target));
    if (url->scheme == URL_UNIX) {
        buf_printf(&out, "unix:%s", url->path);
    } else {
        url_write(url, "", &out);
    }
    str_copy((struct str){out.data != NULL ? out.data : "", out.n}, agent->target,
             sizeof(agent->target));
    buf_done(&out);
}

static int
agent_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct agent_link *agent = calloc(1, sizeof(*agent));
    if (agent == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    agent->setup = *setup;
    agent->options = *(const struct agent_link_options *)setup->options;
    agent->interval_ns = setup->interval_ns;
    agent->backoff_ns = BACKOFF_FIRST_NS;
    agent->turn_open = 1;
    agent->table_count = MIN(setup->table_count, (size_t)TABLES_MAX);
    for (size_t i = 0; i < agent->table_count; i++) {
        agent->tables[i] = setup->tables[i];
    }
    if (agent->table_count < TABLES_MAX) {
        agent->tables[agent->table_count++] = &finding_table;
    }
    make_id(agent->id);
    name_target(agent);
    agent->client = http_client_new(setup->loop, &agent->options.url, &agent->options.credentials,
                                    why, why_size);
    agent->timer = agent->client != NULL ? new_timer(agent) : NULL;
    agent->drain = agent->timer != NULL ? new_timer(agent) : NULL;
    if (agent->drain == NULL) {
        if (agent->client != NULL) {
            snprintf(why, why_size, "out of memory");
        }
        agent_close(agent);
        return -EIO;
    }
    agent->sampling = (struct agent_sampling){.client = agent->client,
                                              .catalog = setup->catalog,
                                              .token = agent->options.change_token,
                                              .sink = &agent->setup.sink};
    agent->asking.client = agent->client;
    agent->large = (struct agent_large){
        .client = agent->client, .context = agent, .take = on_trace, .newest_ns = INT64_MIN};
    connect_agent(agent);
    *ret_state = agent;
    return 0;
}

const struct link link_agent = {
    .name = "agent",
    .open = agent_open,
    .status = agent_status,
    .interest = agent_interest,
    .interval = agent_interval,
    .retry = agent_retry,
    .command = agent_command,
    .sample = agent_sample,
    .ask = agent_ask,
    .close = agent_close,
};
