/* The list of pinned metrics: bounded, without doubles, and as configurations write them. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "../../src/ui/pin.h"

static void
test_pin__comes_and_goes_once(void **state)
{
    (void)state;
    struct pins pins = {0};
    assert_int_equal(pins_add(&pins, STR("a.b"), STR("")), PIN_DONE);
    assert_int_equal(pins_add(&pins, STR("a.b"), STR("")), PIN_UNCHANGED);
    assert_int_equal(pins_add(&pins, STR("a.b"), STR("x=1")), PIN_DONE);
    assert_int_equal(pins.count, 2);
    assert_true(pins_have(&pins, "a.b", "x=1"));
    assert_int_equal(pins_remove(&pins, "a.b", "x=2"), PIN_UNCHANGED);
    assert_int_equal(pins_remove(&pins, "a.b", ""), PIN_DONE);
    assert_false(pins_have(&pins, "a.b", ""));
    assert_string_equal(pins.rows[0].labels, "x=1");
    assert_int_equal(pins.changes, 3);
    assert_false(pins_have(NULL, "a.b", "x=1"));
}

static void
test_pin__has_a_limit(void **state)
{
    (void)state;
    struct pins pins = {0};
    char name[PIN_METRIC_BYTES + 1];
    for (size_t i = 0; i < PINS_MAX; i++) {
        snprintf(name, sizeof(name), "m.%zu", i);
        assert_int_equal(pins_add(&pins, str_from(name), STR("")), PIN_DONE);
    }
    assert_int_equal(pins_add(&pins, STR("more"), STR("")), PIN_FULL);
    memset(name, 'x', sizeof(name));
    assert_int_equal(pins_add(&pins, (struct str){name, sizeof(name)}, STR("")), PIN_TOO_LONG);
    assert_int_equal(pins_add(&pins, STR(""), STR("")), PIN_TOO_LONG);
    assert_int_equal(pins.count, PINS_MAX);
}

static void
test_pin__as_configurations_write_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *metric, *labels, *title;
    } rows[] = {
        {"system.cpu.run_queue", "system.cpu.run_queue", "", "cpu.run_queue"},
        {" system.disk.io{device=sda,direction=read} ", "system.disk.io",
         "device=sda,direction=read", "disk.io sda read"},
        {"a.b{x=1", "a.b", "x=1", "a.b 1"},
        {"evil\33{x=\1}", "evil\33", "x=\1", "evil? ?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pins pins = {0};
        char title[64];
        assert_int_equal(pins_add_text(&pins, str_from(rows[i].text)), PIN_DONE);
        assert_string_equal(pins.rows[0].metric, rows[i].metric);
        assert_string_equal(pins.rows[0].labels, rows[i].labels);
        assert_string_equal(pin_title(&pins.rows[0], title, sizeof(title)), rows[i].title);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pin__comes_and_goes_once),
        cmocka_unit_test(test_pin__has_a_limit),
        cmocka_unit_test(test_pin__as_configurations_write_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
