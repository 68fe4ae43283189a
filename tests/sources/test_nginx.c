/* nginx' stub_status. */
#include "../check.h"

#include "../../src/sources/adapters.h"
#include "attached.h"

static void
test_nginx__reads_stub_status(void **state)
{
    (void)state;
    struct reading reading;
    struct str text = endpoint_fixture("nginx-1.22.txt");
    reading_open(&reading, &adapter_nginx, NULL, 0);
    assert_true(reading_take(&reading, &text));
    assert_value(&reading.poll, "nginx.connections", "state=writing", 1);
    assert_value(&reading.poll, "nginx.connections", "state=waiting", 0);
    assert_value(&reading.poll, "nginx.requests", "", 1);
    assert_true(adapter_nginx.recognizes(&(struct adapter_answer){200, "text/plain", "", text}));
    assert_false(adapter_nginx.recognizes(&(struct adapter_answer){404, "text/plain", "", text}));
    free((char *)text.p);
    assert_true(reading_text(&reading, "Active connections: 291 \n"
                                       "server accepts handled requests request_time\n"
                                       " 16630948 16630946 31070465 3000 \n"
                                       "Reading: 6 Writing: 179 Waiting: 106 \n"));
    assert_value(&reading.poll, "nginx.connections.accepted", "", 16630948);
    assert_value(&reading.poll, "nginx.connections.handled", "", 16630946);
    assert_value(&reading.poll, "nginx.requests", "", 31070465);
    assert_value(&reading.poll, "nginx.connections", "state=reading", 6);
    reading_close(&reading);
}

static void
test_nginx__refuses_half_a_page(void **state)
{
    static const char *const pages[] = {
        "",
        "Active connections:",
        "Active connections: 1\nserver accepts handled requests\n 1 1",
        "Active connections: 1\nserver accepts handled requests\n 1 1 1\nReading: 0 Writing: x",
        "Active connections: 1\nserver\n 1 1 1\nReading: 0 Writing: 1 Waiting: 0\n",
    };
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_nginx, NULL, 0);
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        assert_false(reading_text(&reading, pages[i]));
        assert_int_equal(reading.poll.batch.column_count, 0);
    }
    reading_close(&reading);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nginx__reads_stub_status),
        cmocka_unit_test(test_nginx__refuses_half_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
