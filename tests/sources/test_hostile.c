/* Hostile texts in every field of every adapter: nothing of what comes out would hurt a terminal,
 * and nothing is longer than what goes with it allows. The bodies are those of real servers, with
 * each text, key and label value replaced in turn. */
#include "../check.h"

#include <cjson/cJSON.h>

#include "../../src/sources/adapters.h"
#include "attached.h"
#include "flametop/base/utf8.h"

#define TURNS 7 /* so that in each most of a body stays what makes it recognised */
#define TEXT_BYTES_MAX 1024

static char long_name[20001];

static const char *
hostile(size_t which)
{
    static const char *const texts[] = {
        "\x1b]0;owned\x07",   /* a title */
        "\x1b[31mred\x1b[2J", /* colours, a clear */
        "a\xff\xfe\x80z",     /* no UTF-8 */
        "\x9b"
        "2J\xc2\x9b"
        "1m", /* C1, bare and in UTF-8 */
        "\xe2\x80\xae"
        "txt.exe", /* right to left */
        "<script>alert(1)</script>&\"'",
        "a=b,c=d\\,e|f{g}", /* what labels are written with */
        "line\nfeed\r\ttab\x7f",
        "../../etc/passwd%s%n%d",
        "",
        long_name,
    };
    return texts[which % ARRAY_SIZE(texts)];
}

/* Which texts of a body this turn replaces. */
struct turn {
    size_t number, at, replaced;
};

static bool
is_due(struct turn *turn)
{
    bool due = turn->at++ % TURNS == turn->number;
    turn->replaced += due;
    return due;
}

static void
spoil(cJSON *item, struct turn *turn, bool keys)
{
    for (; item != NULL; item = item->next) {
        if (keys && item->string != NULL && is_due(turn)) {
            cJSON_free(item->string);
            item->string = strdup(hostile(turn->at));
        }
        if (!keys && cJSON_IsString(item) && is_due(turn)) {
            cJSON_SetValuestring(item, hostile(turn->at));
        }
        spoil(item->child, turn, keys);
    }
}

static struct str
spoil_json(struct str body, struct turn *turn, bool keys)
{
    cJSON *root = cJSON_ParseWithLength(body.p, body.n);
    assert_non_null(root);
    spoil(root, turn, keys);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    assert_non_null(text);
    return str_from(text);
}

/* What stands in quotes, as it may stand there; keys: the names of metrics and labels. */
static struct str
spoil_exposition(struct str body, struct turn *turn, bool keys)
{
    struct buf out;
    buf_init(&out, (size_t)64 << 20);
    bool quoted = false;
    for (size_t i = 0; i < body.n; i++) {
        bool quote = body.p[i] == '"';
        bool begins = keys ? i > 0 && strchr("\n{,", body.p[i - 1]) != NULL && body.p[i] != '#'
                           : quote && !quoted;
        buf_add(&out, &body.p[i], 1);
        quoted ^= quote;
        if (begins && is_due(turn)) {
            for (const char *c = hostile(turn->at); *c != '\0'; c++) {
                bool escaped = *c == '"' || *c == '\\';
                buf_printf(&out, escaped ? "\\%c" : *c == '\n' ? "\\n" : "%c", *c);
            }
        }
    }
    return (struct str){out.data, out.n};
}

/* ---- what came out ---- */

static void
assert_tame(const char *what, const char *text)
{
    char clean[2 * TEXT_BYTES_MAX];
    if (text == NULL) {
        return;
    }
    if (strlen(text) > TEXT_BYTES_MAX) {
        fail_msg("%s of %zu bytes", what, strlen(text));
    }
    utf8_clean(str_from(text), clean, sizeof(clean));
    if (strcmp(text, clean) != 0) {
        fail_msg("%s \"%s\"", what, clean);
    }
}

static void
assert_tame_table(const struct table *table)
{
    const struct table_def *def = table->def;
    assert_tame("a table's name", def->name);
    assert_tame("a table's title", def->title);
    for (size_t c = 0; c < def->column_count; c++) {
        assert_tame("a column's name", def->columns[c].name);
        assert_tame("a column's title", def->columns[c].title);
        assert_tame("a column's unit", def->columns[c].unit);
        for (size_t row = 0; row < table->count && def->columns[c].type == COLUMN_TEXT; row++) {
            assert_tame(def->columns[c].name, table_row(table, row)[c].text);
        }
    }
}

static void
assert_tame_batch(struct reading *reading)
{
    const struct batch *batch = &reading->poll.batch;
    for (size_t i = 0; i < batch->column_count; i++) {
        const struct metric *metric = batch->columns[i]->metric;
        assert_tame("labels", batch->columns[i]->labels);
        assert_tame("a metric's name", metric->name);
        assert_tame("a metric's unit", metric->unit);
        assert_tame("a metric's labels", metric->labels);
        assert_tame("a metric's sentence", metric->text);
    }
    for (size_t i = 0; i < batch->table_count; i++) {
        assert_tame_table(batch->tables[i]);
    }
    assert_tame("why", batch->why);
    struct host host = {.name = "", .system = "", .kernel = "", .virtualization = ""};
    if (reading->adapter->host != NULL && reading->adapter->host(reading->state, &host)) {
        assert_tame("the host's name", host.name);
        assert_tame("the system", host.system);
        assert_tame("the kernel", host.kernel);
    }
}

/* ---- the table of adapters ---- */

static const struct subject {
    const struct adapter *adapter;
    const char *fixtures[4];
    bool text; /* an exposition, not JSON */
} subjects[] = {
    {&adapter_glances_3, {"glances-3.3.json"}, false},
    {&adapter_glances_4, {"glances-3.3.json"}, false},
    {&adapter_netdata, {"netdata-1.37.json", "netdata-1.37-info.json"}, false},
    {&adapter_rabbitmq,
     {"rabbitmq-3.10-overview.json", "rabbitmq-3.10-nodes.json", "rabbitmq-3.10-queues.json"},
     false},
    {&adapter_exposition, {"node_exporter-1.5.0.txt"}, true},
    {&adapter_json, {"glances-3.3.json"}, false},
    {&adapter_json, {"rabbitmq-3.10-nodes.json"}, false},
};

static void
read_spoiled(const struct subject *subject, const struct str *whole, size_t number, bool keys)
{
    struct reading reading;
    struct turn turn = {.number = number};
    struct str bodies[ADAPTER_REQUESTS_MAX] = {{NULL, 0}};
    reading_open(&reading, subject->adapter, NULL, 0);
    for (size_t i = 0; i < ARRAY_SIZE(subject->fixtures) && subject->fixtures[i] != NULL; i++) {
        bodies[i] = subject->text ? spoil_exposition(whole[i], &turn, keys)
                                  : spoil_json(whole[i], &turn, keys);
    }
    assert_true(turn.replaced > 0);
    for (int again = 0; again < 2; again++) {
        reading_take(&reading, bodies); /* it may refuse: what it has made by then counts */
        assert_tame_batch(&reading);
    }
    reading_close(&reading);
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        free((char *)bodies[i].p);
    }
}

static void
test_hostile__texts_are_tame_in_every_field(void **state)
{
    (void)state;
    memset(long_name, 'A', sizeof(long_name) - 1);
    for (size_t s = 0; s < ARRAY_SIZE(subjects); s++) {
        struct str whole[4] = {{NULL, 0}};
        for (size_t i = 0; i < 4 && subjects[s].fixtures[i] != NULL; i++) {
            whole[i] = endpoint_fixture(subjects[s].fixtures[i]);
        }
        for (size_t number = 0; number < TURNS; number++) {
            read_spoiled(&subjects[s], whole, number, false);
            read_spoiled(&subjects[s], whole, number, true);
        }
        for (size_t i = 0; i < 4; i++) {
            free((char *)whole[i].p);
        }
    }
}

static void
test_hostile__every_adapter_is_in_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < adapter_table_count; i++) {
        /* nginx tells numbers alone; agents and Prometheus' API have tests of their own */
        static const char *const without[] = {"agent", "nginx", "prometheus", "victoriametrics"};
        bool found = false;
        for (size_t w = 0; w < ARRAY_SIZE(without); w++) {
            found |= strcmp(adapter_table[i]->name, without[w]) == 0;
        }
        for (size_t s = 0; s < ARRAY_SIZE(subjects); s++) {
            found |= adapter_table[i] == subjects[s].adapter;
        }
        if (!found) {
            fail_msg("%s is read with no hostile text", adapter_table[i]->name);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile__texts_are_tame_in_every_field),
        cmocka_unit_test(test_hostile__every_adapter_is_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
