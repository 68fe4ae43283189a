#include "../check.h"

#include <string.h>

#include "flametop/net/url.h"

static struct url
parsed(const char *text)
{
    struct url url;
    char why[200] = "";
    if (!url_parse(str_from(text), &url, why, sizeof(why))) {
        fail_msg("%s: %s", text, why);
    }
    return url;
}

static void
test_url__reads_every_part(void **state)
{
    (void)state;
    struct url url = parsed("prometheus+https://ops@web-01.example:9090/prom?x=1#top");
    assert_int_equal(url.scheme, URL_HTTPS);
    assert_string_equal(url.kind, "prometheus");
    assert_string_equal(url.user, "ops");
    assert_string_equal(url.host, "web-01.example");
    assert_int_equal(url.port, 9090);
    assert_string_equal(url.path, "/prom?x=1");
}

static void
test_url__short_forms(void **state)
{
    (void)state;
    struct url url = parsed("web-01:7711");
    assert_int_equal(url.scheme, URL_HTTP);
    assert_string_equal(url.host, "web-01");
    assert_int_equal(url.port, 7711);
    url = parsed("http://[::1]:80");
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, 80);
    url = parsed("unix:/run/flametop.sock");
    assert_int_equal(url.scheme, URL_UNIX);
    assert_string_equal(url.path, "/run/flametop.sock");
}

static void
test_url__refuses_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } rows[] = {{"", "host"},
                {"http://", "host"},
                {"http://a:b@c", "netrc"},
                {"http://a:0", "port"},
                {"http://a:65536", "port"},
                {"http://a:8x", "port"},
                {"ftp://a", "beam://"},
                {"http://a b", "blanks"},
                {"http://a\n", "blanks"},
                {"http://[zz]:1", "host"},
                {"http://[::1]x", "PORT"},
                {"http://[::1", "] that ends"},
                {"http://[::1:80", "] that ends"},
                {"a$b+http://x", "kind"},
                {"unix:", "socket"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct url url;
        char why[200] = "";
        assert_false(url_parse(str_from(rows[i].text), &url, why, sizeof(why)));
        if (strstr(why, rows[i].word) == NULL) {
            fail_msg("%s: %s", rows[i].text, why);
        }
    }
}

static void
test_url__writes_another_path_without_the_user(void **state)
{
    (void)state;
    struct url url = parsed("https://ops@[::1]:8443/x");
    struct buf out;
    buf_init(&out, 1000);
    url_write(&url, "/api/v1/hello", &out);
    assert_string_equal(out.data, "https://[::1]:8443/api/v1/hello");
    buf_done(&out);
}

static void
test_url__origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    struct url a = parsed("http://Web"), b = parsed("http://web:80/x"), c = parsed("https://web");
    struct url d = parsed("http://web:81");
    assert_true(url_same_origin(&a, &b));
    assert_false(url_same_origin(&a, &c));
    assert_false(url_same_origin(&a, &d));
}

static void
test_url__escapes_for_a_query(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    url_escape(str_from("a{b=\"c d\"}~\xc3\xa9"), &out);
    assert_string_equal(out.data, "a%7Bb%3D%22c%20d%22%7D~%C3%A9");
    buf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url__reads_every_part),
        cmocka_unit_test(test_url__short_forms),
        cmocka_unit_test(test_url__refuses_with_a_sentence),
        cmocka_unit_test(test_url__writes_another_path_without_the_user),
        cmocka_unit_test(test_url__origin_is_scheme_host_and_port),
        cmocka_unit_test(test_url__escapes_for_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
