/* The JSON writer: doubles that come back, nesting, escapes. */
#include "../check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"

static void
test_json__doubles_are_the_shortest_that_come_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {100, "100"},
        {1e21, "1e+21"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {0.1 + 0.2, "0.30000000000000004"},
        {9007199254740992.0, "9007199254740992"},
        {123456789.125, "123456789.125"},
        {-2.5, "-2.5"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[32];
        assert_string_equal(json_double_text(rows[i].value, text), rows[i].text);
    }
    uint64_t seed = 7;
    for (unsigned i = 0; i < 20000; i++) {
        double value, again;
        char text[32];
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        memcpy(&value, &seed, sizeof(value));
        if (isfinite(value)) {
            again = strtod(json_double_text(value, text), NULL);
            assert_memory_equal(&again, &value, sizeof(value));
        }
    }
}

static void
check(const char *want, bool pretty, void (*write)(struct json *))
{
    struct buf out;
    struct json json;
    buf_init(&out, 10000);
    json_init(&json, &out, pretty);
    write(&json);
    assert_string_equal(out.data, want);
    assert_int_equal(json.depth, 0);
    buf_done(&out);
}

static void
write_nested(struct json *json)
{
    json_object(json);
    json_key(json, "a");
    json_array(json);
    json_int(json, 1);
    json_object(json);
    json_object_end(json);
    json_array(json);
    json_array_end(json);
    json_null(json);
    json_array_end(json);
    json_key(json, "b");
    json_bool(json, true);
    json_object_end(json);
}

static void
write_numbers(struct json *json)
{
    json_array(json);
    json_double(json, NAN);
    json_double(json, INFINITY);
    json_double(json, -INFINITY);
    json_int(json, INT64_C(9007199254740992));
    json_int(json, INT64_C(9007199254740993));
    json_int(json, INT64_MIN);
    json_uint(json, UINT64_C(9007199254740992));
    json_uint(json, UINT64_MAX);
    json_time(json, 0);
    json_array_end(json);
}

static void
write_texts(struct json *json)
{
    json_array(json);
    json_text(json, NULL);
    json_text(json, "\"\\/\b\n\x7f");
    json_text(json, "ü€😀");
    json_text(json, "a\xff\xc3z");
    json_str(json, (struct str){"\0x", 2});
    json_text(json, "\xe2\x80\xa8");
    json_array_end(json);
}

static void
test_json__commas_and_nesting(void **state)
{
    (void)state;
    check("{\"a\":[1,{},[],null],\"b\":true}", false, write_nested);
    check("{\n  \"a\": [\n    1,\n    {},\n    [],\n    null\n  ],\n  \"b\": true\n}", true,
          write_nested);
}

static void
test_json__numbers_lose_nothing(void **state)
{
    (void)state;
    check("[null,null,null,9007199254740992,\"9007199254740993\",\"-9223372036854775808\","
          "9007199254740992,"
          "\"18446744073709551615\",\"1970-01-01T00:00:00.000Z\"]",
          false, write_numbers);
}

static void
test_json__texts_are_escaped_and_valid(void **state)
{
    (void)state;
    check("[null,\"\\\"\\\\/"
          "\\u0008\\u000a\\u007f\",\"ü€😀\",\"a\xef\xbf\xbd\xef\xbf\xbdz\",\"\xef\xbf\xbdx\","
          "\"\\u2028\"]",
          false, write_texts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__doubles_are_the_shortest_that_come_back),
        cmocka_unit_test(test_json__commas_and_nesting),
        cmocka_unit_test(test_json__numbers_lose_nothing),
        cmocka_unit_test(test_json__texts_are_escaped_and_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
