/* Tokens of JSON: what is right is read, what is wrong is refused. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/json_scan.h"
#include "flametop/base/macros.h"

static bool
is_json(struct str text)
{
    struct json_scan scan;
    enum json_token token;
    json_scan_init(&scan, text);
    do {
        token = json_scan_next(&scan);
    } while (token != JSON_END && token != JSON_ERROR);
    return token == JSON_END;
}

static void
test_json_scan__takes_what_is_right(void **state)
{
    (void)state;
    static const char *const texts[] = {"1",
                                        "\"a\"",
                                        "[]",
                                        "{}",
                                        " [ 1 , 2 ] ",
                                        "{\"a\":{\"b\":[null,true,false]}}",
                                        "[[[]]]",
                                        "-1.5e3",
                                        "\"\\\"\\\\\"",
                                        "\xEF\xBB\xBF{}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (!is_json(str_from(texts[i]))) {
            fail_msg("%s", texts[i]);
        }
    }
}

static void
test_json_scan__refuses_what_is_wrong(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "[",        "]",          "[1 2]",
                                        "[1,]", "{\"a\"}",  "{\"a\":}",   "{1:2}",
                                        "{,}",  "[,1]",     "\"a",        "\"\\",
                                        "tru",  "1 2",      "{\"a\":1,}", "[}",
                                        "nul]", "\"a\nb\"", "{\"a\" 1}",  "{\"a\":1 \"b\":2}",
                                        "x"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (is_json(str_from(texts[i]))) {
            fail_msg("%s", texts[i]);
        }
    }
}

static void
test_json_scan__has_a_depth(void **state)
{
    (void)state;
    char text[2 * JSON_SCAN_DEPTH_MAX + 2];
    memset(text, '[', JSON_SCAN_DEPTH_MAX + 1);
    memset(text + JSON_SCAN_DEPTH_MAX + 1, ']', JSON_SCAN_DEPTH_MAX + 1);
    assert_false(is_json((struct str){text, sizeof(text)}));
    assert_true(is_json((struct str){text + 1, sizeof(text) - 2}));
}

static void
test_json_scan__skips_what_is_not_asked_for(void **state)
{
    (void)state;
    struct json_scan scan;
    struct str key, text;
    double number = 0;
    json_scan_init(&scan, STR("{\"a\":{\"b\":[1,{}]},\n\"n\":\"no\",\"n\":2.5,\"t\":\"x\"}"));
    assert_true(json_scan_enter(&scan, JSON_OBJECT));
    assert_true(json_scan_key(&scan, &key) && json_scan_skip(&scan, JSON_KEY));
    assert_true(json_scan_key(&scan, &key) && str_is(key, "n"));
    assert_false(json_scan_number(&scan, &number)); /* a string: skipped */
    assert_int_equal(json_scan_line(&scan), 2);
    assert_true(json_scan_key(&scan, &key) && json_scan_number(&scan, &number) && number == 2.5);
    assert_true(json_scan_key(&scan, &key) && json_scan_string(&scan, &text) && str_is(text, "x"));
    assert_false(json_scan_key(&scan, &key));
    assert_int_equal(json_scan_next(&scan), JSON_END);
}

static void
test_json_scan__unescapes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *meant;
    } rows[] = {{"a\\n\\\"\\\\\\/", "a\n\"\\/"},
                {"\\u00e9\\u2713", "é✓"},
                {"\\ud83d\\ude00", "😀"},
                {"\\ud83dx", "\xEF\xBF\xBDx"},
                {"\\uZZZZ", "\xEF\xBF\xBDZZZZ"}};
    char dst[32];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_scan_unescape(str_from(rows[i].text), dst, sizeof(dst));
        assert_string_equal(dst, rows[i].meant);
    }
    assert_int_equal(json_scan_unescape(STR("abc"), dst, 3), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_scan__takes_what_is_right),
        cmocka_unit_test(test_json_scan__refuses_what_is_wrong),
        cmocka_unit_test(test_json_scan__has_a_depth),
        cmocka_unit_test(test_json_scan__skips_what_is_not_asked_for),
        cmocka_unit_test(test_json_scan__unescapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
