/* Semantic conventions.
 *
 * One table says which attribute plays which role; a rule a system says how its label is made. The
 * first rule that has what it needs wins: what is more telling stands first. */
#include "convention.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"

/* Sorted by key, to be searched in halves. */
static const struct {
    const char *key;
    enum role role;
} roles[] = {
    {"agent.name", ROLE_AGENT_NAME},
    {"cache.hit", ROLE_CACHE_HIT},
    {"db.cassandra.table", ROLE_DB_COLLECTION},
    {"db.client.connection.pool.name", ROLE_POOL_NAME},
    {"db.collection.name", ROLE_DB_COLLECTION},
    {"db.mongodb.collection", ROLE_DB_COLLECTION},
    {"db.name", ROLE_DB_NAMESPACE},
    {"db.namespace", ROLE_DB_NAMESPACE},
    {"db.operation", ROLE_DB_OPERATION},
    {"db.operation.name", ROLE_DB_OPERATION},
    {"db.query.summary", ROLE_DB_SUMMARY},
    {"db.query.text", ROLE_DB_QUERY},
    {"db.sql.table", ROLE_DB_COLLECTION},
    {"db.statement", ROLE_DB_QUERY},
    {"db.system", ROLE_DB_SYSTEM},
    {"db.system.name", ROLE_DB_SYSTEM},
    {"error", ROLE_ERROR},
    {"error.type", ROLE_ERROR},
    {"flametop.resources", ROLE_RESOURCES},
    {"gen_ai.agent.name", ROLE_AGENT_NAME},
    {"gen_ai.operation.name", ROLE_MODEL_OPERATION},
    {"gen_ai.provider.name", ROLE_MODEL_SYSTEM},
    {"gen_ai.request.model", ROLE_MODEL_NAME},
    {"gen_ai.system", ROLE_MODEL_SYSTEM},
    {"gen_ai.tool.name", ROLE_TOOL_NAME},
    {"http.method", ROLE_HTTP_METHOD},
    {"http.path", ROLE_URL_PATH},
    {"http.request.method", ROLE_HTTP_METHOD},
    {"http.response.status_code", ROLE_HTTP_STATUS},
    {"http.route", ROLE_HTTP_ROUTE},
    {"http.status_code", ROLE_HTTP_STATUS},
    {"http.target", ROLE_URL_PATH},
    {"http.url", ROLE_URL_FULL},
    {"mcp.method.name", ROLE_MCP_METHOD},
    {"mcp.tool.name", ROLE_TOOL_NAME},
    {"messaging.destination", ROLE_MESSAGING_DESTINATION},
    {"messaging.destination.name", ROLE_MESSAGING_DESTINATION},
    {"messaging.operation", ROLE_MESSAGING_OPERATION},
    {"messaging.operation.name", ROLE_MESSAGING_OPERATION},
    {"messaging.operation.type", ROLE_MESSAGING_OPERATION},
    {"messaging.system", ROLE_MESSAGING_SYSTEM},
    {"net.peer.name", ROLE_PEER},
    {"peer.service", ROLE_PEER},
    {"pool.name", ROLE_POOL_NAME},
    {"rpc.method", ROLE_RPC_METHOD},
    {"rpc.service", ROLE_RPC_SERVICE},
    {"rpc.system", ROLE_RPC_SYSTEM},
    {"rpc.system.name", ROLE_RPC_SYSTEM},
    {"sampling.probability", ROLE_PROBABILITY},
    {"server.address", ROLE_PEER},
    {"snakepit.command", ROLE_TOOL_NAME},
    {"tool", ROLE_TOOL_NAME},
    {"tool.name", ROLE_TOOL_NAME},
    {"url.full", ROLE_URL_FULL},
    {"url.path", ROLE_URL_PATH},
    {"url.template", ROLE_URL_TEMPLATE},
};

enum role
convention_role(struct str key)
{
    size_t low = 0, high = ARRAY_SIZE(roles);
    while (low < high) {
        size_t middle = (low + high) / 2;
        size_t n = strlen(roles[middle].key);
        int order = memcmp(key.p, roles[middle].key, MIN(key.n, n));
        order = order != 0 ? order : (key.n > n) - (key.n < n);
        if (order == 0) {
            return roles[middle].role;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return ROLE_NONE;
}

/* ---- what a rule works with ---- */

struct subject {
    const struct span *span;
    const struct span_attribute *const *facts;
    struct convention *out;
};

/* The text of a role; empty when it is not there or no text. */
static struct str
said(const struct subject *subject, enum role role)
{
    const struct span_attribute *fact = subject->facts[role];
    return fact != NULL && fact->type == SPAN_TEXT ? fact->text : (struct str){"", 0};
}

static bool
is_said(const struct subject *subject, enum role role)
{
    return subject->facts[role] != NULL;
}

static struct str
first_of(struct str a, struct str b)
{
    return a.n > 0 ? a : b;
}

/* Whether the text is one of these words, whatever the case. */
static bool
is_word_of(struct str text, const struct str *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i].n == text.n && strncasecmp(words[i].p, text.p, text.n) == 0) {
            return true;
        }
    }
    return false;
}
#define IS_ANY(text, words) is_word_of(text, words, ARRAY_SIZE(words))

#define WORD(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct str tool_operations[] = {WORD("execute_tool")};
static const struct str tool_names[] = {WORD("tool.invoke"), WORD("tool.gateway_call"),
                                        WORD("tool_execution")};
static const struct str agent_operations[] = {WORD("invoke_agent"), WORD("create_agent"),
                                              WORD("invoke_workflow")};
static const struct str model_names[] = {WORD("llm.proxy"), WORD("llm.chat")};
static const struct str cache_systems[] = {WORD("redis"),
                                           WORD("valkey"),
                                           WORD("memcached"),
                                           WORD("hazelcast"),
                                           WORD("couchbase-memcached"),
                                           WORD("dragonfly"),
                                           WORD("keydb")};
static const struct str db_names[] = {WORD("database.query"), WORD("database")};
static const struct str cache_names[] = {WORD("cache")};
static const struct str http_names[] = {WORD("HTTP")};
static const struct str methods[] = {WORD("GET"),    WORD("POST"), WORD("PUT"),    WORD("PATCH"),
                                     WORD("DELETE"), WORD("HEAD"), WORD("OPTIONS")};
static const struct str no_errors[] = {WORD("false")};
static const struct str hits[] = {WORD("true"), WORD("hit"), WORD("1"), WORD("yes")};

static void
label_add(struct convention *out, struct str text)
{
    size_t room = sizeof(out->label) - 1 - out->label_n, n = MIN(text.n, room);
    if (n > 0) {
        memcpy(out->label + out->label_n, text.p, n);
    }
    out->label_n += n;
    out->label[out->label_n] = 0;
}

/* "A B", or the one that is there. */
static void
label_two(struct convention *out, struct str a, struct str b)
{
    label_add(out, a);
    if (a.n > 0 && b.n > 0) {
        label_add(out, STR(" "));
    }
    label_add(out, b);
}

static void
label_path(struct convention *out, struct str url)
{
    out->label_n +=
        normalise_path(url, out->label + out->label_n, sizeof(out->label) - out->label_n);
}

/* ---- systems ---- */

/* Names that connection pools give to the wait for a connection or a worker. */
static bool
names_wait(struct str name)
{
    static const char *const waits[] = {"acquire",   "checkout",  "getconnection", "get_connection",
                                        "pool.wait", "pool wait", "queue_wait"};
    const uint32_t beginnings = 1u << 1 | 1u << 3 | 1u << 7 | 1u << 16 | 1u << 17; /* a c g p q */
    for (size_t at = 0; at + 1 < MIN(name.n, (size_t)128); at++) {
        int first = name.p[at] | 0x20, second = name.p[at + 1] | 0x20;
        if ((beginnings >> (first & 31) & 1) == 0) {
            continue; /* most letters begin none of them */
        }
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
            size_t n = strlen(waits[i]);
            if (first == waits[i][0] && second == waits[i][1] && n <= name.n - at &&
                strncasecmp(name.p + at, waits[i], n) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool
of_pool(const struct subject *subject)
{
    struct str name = subject->span->name;
    bool pool =
        names_wait(name) || (is_said(subject, ROLE_POOL_NAME) && !is_said(subject, ROLE_DB_QUERY) &&
                             !is_said(subject, ROLE_DB_OPERATION));
    if (!pool || subject->span->kind == SPAN_SERVER) {
        return false;
    }
    subject->out->system = SYSTEM_POOL;
    subject->out->system_name =
        first_of(said(subject, ROLE_POOL_NAME), said(subject, ROLE_DB_SYSTEM));
    label_add(subject->out, name);
    return true;
}

static bool
of_tool(const struct subject *subject)
{
    struct str operation = said(subject, ROLE_MODEL_OPERATION);
    struct str tool = said(subject, ROLE_TOOL_NAME);
    bool is = IS_ANY(operation, tool_operations) ||
              (tool.n > 0 && subject->span->kind != SPAN_SERVER) ||
              IS_ANY(subject->span->name, tool_names);
    subject->out->tool = tool;
    if (!is || is_said(subject, ROLE_HTTP_METHOD)) {
        return false;
    }
    subject->out->system = SYSTEM_TOOL;
    label_add(subject->out, first_of(tool, subject->span->name));
    return true;
}

static bool
of_agent(const struct subject *subject)
{
    struct str operation = said(subject, ROLE_MODEL_OPERATION);
    struct str agent = said(subject, ROLE_AGENT_NAME);
    subject->out->agent = agent;
    if (!IS_ANY(operation, agent_operations)) {
        return false;
    }
    subject->out->system = SYSTEM_AGENT;
    subject->out->agent = first_of(agent, subject->span->name);
    label_two(subject->out, operation, agent);
    return true;
}

static bool
of_model(const struct subject *subject)
{
    struct str operation = said(subject, ROLE_MODEL_OPERATION);
    struct str model = said(subject, ROLE_MODEL_NAME);
    if (operation.n == 0 && model.n == 0 && !IS_ANY(subject->span->name, model_names)) {
        return false;
    }
    subject->out->system = SYSTEM_MODEL;
    subject->out->system_name = said(subject, ROLE_MODEL_SYSTEM);
    label_two(subject->out, first_of(operation, model.n > 0 ? STR("chat") : subject->span->name),
              model);
    return true;
}

static void
label_of_query(const struct subject *subject)
{
    struct convention *out = subject->out;
    struct str operation = said(subject, ROLE_DB_OPERATION);
    struct str collection = said(subject, ROLE_DB_COLLECTION);
    struct str query = said(subject, ROLE_DB_QUERY);
    if (said(subject, ROLE_DB_SUMMARY).n > 0) {
        label_add(out, said(subject, ROLE_DB_SUMMARY));
    } else if (operation.n > 0 && collection.n > 0) {
        label_two(out, operation, collection);
    } else if (query.n > 0) {
        out->label_n = normalise_sql(query, out->label, sizeof(out->label));
    } else {
        label_add(out, first_of(operation, subject->span->name));
    }
}

static bool
of_db(const struct subject *subject)
{
    struct str system = said(subject, ROLE_DB_SYSTEM);
    struct convention *out = subject->out;
    bool is_cache = IS_ANY(system, cache_systems);
    if (system.n == 0 && !is_said(subject, ROLE_DB_QUERY) &&
        !IS_ANY(subject->span->name, db_names)) {
        return false;
    }
    out->system = is_cache ? SYSTEM_CACHE : SYSTEM_DB;
    out->system_name = system;
    if (is_cache && said(subject, ROLE_DB_OPERATION).n > 0) {
        label_add(out, said(subject, ROLE_DB_OPERATION)); /* keys differ from call to call */
    } else if (is_cache && said(subject, ROLE_DB_QUERY).n > 0) {
        struct str query = said(subject, ROLE_DB_QUERY), word = {"", 0};
        str_word(&query, &word);
        label_add(out, word);
    } else {
        label_of_query(subject);
    }
    return true;
}

static bool
of_cache(const struct subject *subject)
{
    struct str name = subject->span->name;
    if (!is_said(subject, ROLE_CACHE_HIT) && !str_starts(name, "cache.") &&
        !IS_ANY(name, cache_names)) {
        return false;
    }
    subject->out->system = SYSTEM_CACHE;
    label_add(subject->out, name);
    return true;
}

static bool
of_messaging(const struct subject *subject)
{
    if (!is_said(subject, ROLE_MESSAGING_SYSTEM)) {
        return false;
    }
    subject->out->system = SYSTEM_MESSAGING;
    subject->out->system_name = said(subject, ROLE_MESSAGING_SYSTEM);
    struct str operation = said(subject, ROLE_MESSAGING_OPERATION);
    struct str destination = said(subject, ROLE_MESSAGING_DESTINATION);
    if (operation.n > 0 && destination.n > 0) {
        label_two(subject->out, operation, destination);
    } else {
        label_add(subject->out, subject->span->name);
    }
    return true;
}

static bool
of_rpc(const struct subject *subject)
{
    struct str service = said(subject, ROLE_RPC_SERVICE), method = said(subject, ROLE_RPC_METHOD);
    struct str mcp = said(subject, ROLE_MCP_METHOD);
    if (!is_said(subject, ROLE_RPC_SYSTEM) && mcp.n == 0) {
        return false;
    }
    subject->out->system = SYSTEM_RPC;
    subject->out->system_name = first_of(said(subject, ROLE_RPC_SYSTEM), STR("mcp"));
    if (mcp.n > 0) {
        label_two(subject->out, mcp, subject->out->tool);
    } else if (service.n > 0 && method.n > 0) {
        label_add(subject->out, service);
        label_add(subject->out, STR("/"));
        label_add(subject->out, method);
    } else {
        label_add(subject->out, first_of(method, subject->span->name));
    }
    return true;
}

/* What follows the method in the name of a span, "GET /users/{id}", or Zipkin's "get /users/{id}";
 * with the method alone nothing, which is not NULL. */
static struct str
after_method(struct str name, struct str method)
{
    bool begins =
        method.n > 0 && name.n >= method.n && strncasecmp(name.p, method.p, method.n) == 0;
    return begins ? (struct str){name.p + method.n, name.n - method.n} : (struct str){NULL, 0};
}

static bool
of_http(const struct subject *subject)
{
    struct convention *out = subject->out;
    struct str method = said(subject, ROLE_HTTP_METHOD);
    struct str route = first_of(said(subject, ROLE_HTTP_ROUTE), said(subject, ROLE_URL_TEMPLATE));
    struct str url = first_of(said(subject, ROLE_URL_PATH), said(subject, ROLE_URL_FULL));
    if (method.n == 0 && !is_said(subject, ROLE_HTTP_STATUS) && route.n == 0) {
        return false;
    }
    out->system = SYSTEM_HTTP;
    struct str rest = after_method(subject->span->name, method);
    if (route.n > 0) {
        label_two(out, method, route);
    } else if (str_starts(rest, " /")) { /* of few values, where the path may have an id */
        label_two(out, method, STR(""));
        label_add(out, STR(" "));
        label_path(out, str_trim(rest));
    } else if (url.n > 0) {
        label_two(out, method, STR(""));
        label_add(out, method.n > 0 ? STR(" ") : STR(""));
        label_path(out, url);
    } else if (rest.p != NULL) {
        label_add(out, method); /* the name says it all: "GET", "GET x" */
        label_add(out, rest);
    } else {
        label_two(out, method,
                  IS_ANY(subject->span->name, http_names) ||
                          str_starts(subject->span->name, "HTTP ")
                      ? STR("")
                      : subject->span->name);
    }
    return true;
}

/* A name that is no convention's, but looks like a path: "GET /users/17". */
static void
label_of_name(const struct subject *subject)
{
    struct str name = subject->span->name, rest = name, word = {"", 0};
    bool has_method = str_word(&rest, &word) && IS_ANY(word, methods) && rest.n > 0;
    struct str path = has_method ? str_trim(rest) : name;
    if (path.n > 0 && *path.p == '/') {
        label_add(subject->out, has_method ? word : STR(""));
        label_add(subject->out, has_method ? STR(" ") : STR(""));
        label_path(subject->out, path);
    } else {
        label_add(subject->out, name);
    }
}

static bool
says_error(const struct span_attribute *fact)
{
    return fact != NULL && !(fact->type == SPAN_BOOL && fact->integer == 0) &&
           !(fact->type == SPAN_TEXT && IS_ANY(fact->text, no_errors));
}

static int64_t
status_code(const struct span_attribute *fact)
{
    int64_t code = 0;
    if (fact != NULL && fact->type == SPAN_INTEGER) {
        code = fact->integer;
    } else if (fact != NULL && fact->type == SPAN_TEXT) {
        struct str text = fact->text;
        str_i64(&text, &code);
    }
    return code;
}

static int
cache_hit(const struct span_attribute *fact)
{
    if (fact == NULL) {
        return -1;
    }
    if (fact->type == SPAN_TEXT) {
        return IS_ANY(fact->text, hits) ? 1 : 0;
    }
    return fact->type == SPAN_REAL ? fact->real > 0 : fact->integer != 0;
}

void
convention_of(const struct span *span, const struct span_attribute *const facts[ROLES],
              struct convention *out)
{
    static bool (*const rules[])(const struct subject *subject) = {
        of_pool, of_agent, of_tool, of_model, of_db, of_messaging, of_cache, of_rpc, of_http};
    struct subject subject = {span, facts, out};
    int64_t code = status_code(facts[ROLE_HTTP_STATUS]);
    out->system = SYSTEM_OTHER;
    out->tool = out->system_name = out->agent = (struct str){"", 0};
    out->label_n = 0;
    out->label[0] = 0;
    out->cache_hit = cache_hit(facts[ROLE_CACHE_HIT]);
    out->error = says_error(facts[ROLE_ERROR]) || (code >= 500 && code < 600) ||
                 (code >= 400 && span->kind == SPAN_CLIENT);
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(rules) && !known; i++) {
        known = rules[i](&subject);
    }
    if (!known || out->label_n == 0) {
        label_of_name(&subject);
    }
}
