/* RabbitMQ's management API. */
#include "../check.h"

#include "../../src/sources/adapters.h"
#include "attached.h"

static void
test_rabbitmq__shows_broker_nodes_and_queues(void **state)
{
    (void)state;
    struct reading reading;
    struct str bodies[] = {endpoint_fixture("rabbitmq-3.10-overview.json"),
                           endpoint_fixture("rabbitmq-3.10-nodes.json"),
                           endpoint_fixture("rabbitmq-3.10-queues.json")};
    reading_open(&reading, &adapter_rabbitmq, NULL, 0);
    assert_true(reading_take(&reading, bodies));
    assert_value(&reading.poll, "rabbitmq.messages", "state=ready", 6);
    assert_value(&reading.poll, "rabbitmq.queues", "", 2);
    assert_value(&reading.poll, "rabbitmq.message.operations", "operation=publish", 3);
    assert_unknown(&reading.poll, "rabbitmq.message.operations", "operation=ack"); /* never was */
    assert_value(&reading.poll, "rabbitmq.node.memory.usage", "node=rabbit@localhost", 137211904);
    assert_value(&reading.poll, "rabbitmq.node.memory.alarm", "node=rabbit@localhost", 0);
    assert_value(&reading.poll, "rabbitmq.node.running", "node=rabbit@localhost", 1);
    assert_value(&reading.poll, "rabbitmq.node.uptime", "node=rabbit@localhost", 136.35);
    const struct table *queues = reading_table(&reading, "rabbitmq.queues");
    assert_non_null(queues);
    assert_int_equal(queues->count, 2);
    assert_string_equal(table_cell(queues, 0, "rabbitmq.queue.name").text, "jobs");
    assert_string_equal(table_cell(queues, 0, "rabbitmq.queue").text, "/ jobs");
    assert_true(table_cell(queues, 0, "rabbitmq.queue.ready").real == 6);
    assert_true(table_cell(queues, 0, "rabbitmq.queue.publish.rate").real == 0);
    assert_true(isnan(table_cell(queues, 1, "rabbitmq.queue.publish.rate").real)); /* idle */
    struct host host;
    assert_true(adapter_rabbitmq.host(reading.state, &host));
    assert_string_equal(host.name, "rabbit@vm");
    assert_string_equal(host.system, "RabbitMQ 3.10.8");
    assert_true(adapter_rabbitmq.recognizes(
        &(struct adapter_answer){200, "application/json", "", bodies[0]}));
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        free((char *)bodies[i].p);
    }
    reading_close(&reading);
}

static void
test_rabbitmq__lives_with_less(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_rabbitmq, NULL, 0);
    assert_true(reading_text(&reading, "{\"rabbitmq_version\": \"4\", \"queue_totals\": []}"));
    assert_int_equal(reading.poll.batch.state, SOURCE_DEGRADED);
    assert_null(reading_table(&reading, "rabbitmq.queues"));
    struct str hostile[] = {
        STR("{\"rabbitmq_version\": 3, \"queue_totals\": {\"messages_ready\": \"7\"}}"),
        STR("[{\"name\": \"a,b=\\u001b\", \"mem_used\": 1}, 3, null, []]"),
        STR("[{\"name\": 5, \"messages\": {}}, [], {\"name\": \"\\u0007\", \"messages\": 1e999}]")};
    assert_true(reading_take(&reading, hostile));
    assert_value(&reading.poll, "rabbitmq.messages", "state=ready", 7);
    assert_value(&reading.poll, "rabbitmq.node.memory.usage", "node=a\\,b\\=?", 1);
    const struct table *queues = reading_table(&reading, "rabbitmq.queues");
    assert_int_equal(queues->count, 2);
    assert_null(table_cell(queues, 0, "rabbitmq.queue.name").text);
    assert_true(isnan(table_cell(queues, 0, "rabbitmq.queue.messages").real));
    assert_string_equal(table_cell(queues, 1, "rabbitmq.queue.name").text, "?");
    assert_true(isnan(table_cell(queues, 1, "rabbitmq.queue.messages").real));
    assert_false(reading_text(&reading, "{\"version\": 1}"));
    assert_false(reading_text(&reading, "nonsense"));
    reading_close(&reading);
}

static void
test_rabbitmq__is_known_by_its_realm(void **state)
{
    (void)state;
    assert_true(adapter_rabbitmq.recognizes(
        &(struct adapter_answer){401, "", "RabbitMQ Management", {"", 0}}));
    assert_false(
        adapter_rabbitmq.recognizes(&(struct adapter_answer){401, "", "Something", {"", 0}}));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rabbitmq__shows_broker_nodes_and_queues),
        cmocka_unit_test(test_rabbitmq__lives_with_less),
        cmocka_unit_test(test_rabbitmq__is_known_by_its_realm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
