/* Who may ask, and how requests are decoded. */
#include "../check.h"

#include <string.h>
#include <zlib.h>

#include "../../src/net/guard.h"
#include "../../src/net/inflate.h"
#include "flametop/base/macros.h"

static const char *const own[] = {"web-01.example.net"};
static const struct guard_names names = {own, 1};

static void
test_guard__host_must_name_us(void **state)
{
    (void)state;
    static const struct {
        const char *host, *address;
        bool right;
    } rows[] = {
        {"127.0.0.1:7711", "127.0.0.1", true},
        {"localhost:7711", "127.0.0.1", true},
        {"LocalHost", "::1", true},
        {"[::1]:7711", "::1", true},
        {"127.0.0.9", "127.0.0.1", true},
        {"192.0.2.7:7711", "192.0.2.7", true},
        {"192.0.2.7", "::ffff:192.0.2.7", true},
        {"[2001:db8::1]", "2001:db8::1", true},
        {"[fe80::1]:7711", "fe80::1%eth0", true},
        {"[fe80::2]:7711", "fe80::1%eth0", false},
        {"WEB-01.example.net:80", "192.0.2.7", true},
        {"evil.example", "127.0.0.1", false},
        {"localhost.evil.example", "127.0.0.1", false},
        {"localhost", "192.0.2.7", false},
        {"127.0.0.1", "192.0.2.7", false},
        {"192.0.2.8", "192.0.2.7", false},
        {"127.0.0.1.evil.example", "127.0.0.1", false},
        {"localhost:7711@evil.example", "127.0.0.1", false},
        {"localhost:77x", "127.0.0.1", false},
        {"[::1", "::1", false},
        {"::1", "::1", false},
        {"", "127.0.0.1", false},
        {":7711", "127.0.0.1", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (guard_host(str_from(rows[i].host), rows[i].address, names) != rows[i].right) {
            fail_msg("%s at %s", rows[i].host, rows[i].address);
        }
    }
}

static void
test_guard__origin_must_be_ours(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host;
        bool right;
    } rows[] = {
        {"http://localhost:7711", "localhost:7711", true},
        {"https://LOCALHOST:7711", "localhost:7711", true},
        {"https://web-01.example.net", "10.0.0.1", true},
        {"http://localhost:3000", "localhost:7711", false},
        {"http://localhost", "localhost:7711", false},
        {"http://evil.example", "localhost:7711", false},
        {"http://web-01.example.net.evil.example", "localhost:7711", false},
        {"null", "localhost:7711", false},
        {"file://", "localhost:7711", false},
        {"http://", "", false},
        {"", "", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (guard_origin(str_from(rows[i].origin), str_from(rows[i].host), names) !=
            rows[i].right) {
            fail_msg("%s at %s", rows[i].origin, rows[i].host);
        }
    }
}

static void
test_guard__knows_pages_of_this_machine(void **state)
{
    static const char *const here[] = {"http://localhost:3000", "https://127.0.0.1",
                                       "http://[::1]:8080", "http://LOCALHOST"};
    static const char *const elsewhere[] = {"http://localhost.evil.example",
                                            "http://10.0.0.1",
                                            "null",
                                            "file://",
                                            "http://",
                                            "",
                                            "localhost:3000"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(here); i++) {
        assert_true(guard_origin_is_here(str_from(here[i])));
    }
    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        assert_false(guard_origin_is_here(str_from(elsewhere[i])));
    }
}

static void
test_guard__takes_secrets_out_of_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header, *secret; /* NULL: none */
    } rows[] = {
        {"Bearer abc", "abc"},
        {"bearer  abc ", "abc"},
        {"Basic dXNlcjpwYTpzcw==", "pa:ss"},
        {"Basic dXNlcjpwYTpzcw", "pa:ss"},
        {"Basic dXNlcg==", NULL},
        {"Basic !!!!", NULL},
        {"Basic ====", NULL},
        {"Basic A", NULL},
        {"Bearer ", NULL},
        {"Digest x", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf secret;
        buf_init(&secret, 100);
        bool given = guard_secret(str_from(rows[i].header), &secret);
        assert_int_equal(given, rows[i].secret != NULL);
        if (given) {
            assert_int_equal(secret.n, strlen(rows[i].secret));
            assert_memory_equal(secret.data, rows[i].secret, secret.n);
        }
        buf_done(&secret);
    }
}

static void
test_guard__compares_whole_secrets(void **state)
{
    (void)state;
    assert_true(guard_equal("secret", STR("secret")));
    assert_false(guard_equal("secret", STR("secre")));
    assert_false(guard_equal("secret", STR("secretsecret")));
    assert_false(guard_equal("secret", STR("Secret")));
    assert_false(guard_equal("secret", STR("")));
    assert_false(guard_equal("", STR("")));
    assert_false(guard_equal(NULL, STR("")));
}

static void
test_guard__decodes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *decoded; /* NULL: refused */
    } rows[] = {
        {"/a%20b+c", "/a b+c"}, {"%c3%BC", "\xc3\xbc"}, {"%252e", "%2e"}, {"%", NULL},
        {"%2", NULL},           {"%zz", NULL},          {"a%00b", NULL},  {"%0d%0a", NULL},
        {"a\tb", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf out;
        buf_init(&out, 100);
        bool right = guard_decode(str_from(rows[i].text), false, &out);
        assert_int_equal(right, rows[i].decoded != NULL);
        if (right) {
            assert_string_equal(out.data, rows[i].decoded);
        }
        buf_done(&out);
    }
    struct buf out;
    buf_init(&out, 100);
    assert_true(guard_decode(STR("a+b"), true, &out));
    assert_string_equal(out.data, "a b");
    buf_done(&out);
}

static void
test_guard__paths_do_not_climb(void **state)
{
    (void)state;
    assert_true(guard_path(STR("/")));
    assert_true(guard_path(STR("/api/v1/tables/..x")));
    assert_false(guard_path(STR("/api/../etc")));
    assert_false(guard_path(STR("/..")));
    assert_false(guard_path(STR("/a/./b")));
    assert_false(guard_path(STR("http://evil.example/")));
    assert_false(guard_path(STR("")));
}

/* Compresses n zeros. */
static size_t
bomb(size_t n, unsigned char *dst, size_t size)
{
    static unsigned char zeros[65536];
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = dst;
    z.avail_out = (uInt)size;
    for (size_t done = 0; done < n; done += sizeof(zeros)) {
        z.next_in = zeros;
        z.avail_in = (uInt)MIN(sizeof(zeros), n - done);
        assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
    }
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = size - z.avail_out;
    deflateEnd(&z);
    return made;
}

static void
test_guard__bombs_stop_at_the_limit(void **state)
{
    (void)state;
    static unsigned char packed[65536];
    size_t n = bomb((size_t)16 << 20, packed, sizeof(packed));
    struct buf out;
    buf_init(&out, 100000);
    struct inflater *inflater = inflater_new();
    assert_true(inflater_feed(inflater, packed, n, &out));
    assert_true(out.full);
    assert_in_range(out.n, 90000, 100000);
    inflater_free(inflater);
    buf_done(&out);
}

static void
test_guard__inflates_in_portions(void **state)
{
    (void)state;
    static unsigned char packed[65536];
    size_t n = bomb(20000, packed, sizeof(packed));
    struct buf out;
    buf_init(&out, 100000);
    struct inflater *inflater = inflater_new();
    for (size_t i = 0; i < n; i++) {
        assert_false(inflater_ended(inflater));
        assert_true(inflater_feed(inflater, packed + i, 1, &out));
    }
    assert_true(inflater_ended(inflater));
    assert_int_equal(out.n, 20000);
    assert_false(inflater_feed(inflater, "more", 4, &out));
    inflater_free(inflater);
    inflater = inflater_new();
    assert_false(inflater_feed(inflater, "this is no gzip", 15, &out));
    inflater_free(inflater);
    buf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard__host_must_name_us),
        cmocka_unit_test(test_guard__origin_must_be_ours),
        cmocka_unit_test(test_guard__knows_pages_of_this_machine),
        cmocka_unit_test(test_guard__takes_secrets_out_of_headers),
        cmocka_unit_test(test_guard__compares_whole_secrets),
        cmocka_unit_test(test_guard__decodes),
        cmocka_unit_test(test_guard__paths_do_not_climb),
        cmocka_unit_test(test_guard__bombs_stop_at_the_limit),
        cmocka_unit_test(test_guard__inflates_in_portions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
