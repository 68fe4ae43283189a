/* External terms: what nodes write, what we write, and what nobody should. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../../src/sources/etf.h"
#include "flametop/base/macros.h"

#define TERM(bytes)                                                                                \
    {                                                                                              \
        bytes, sizeof(bytes) - 1                                                                   \
    }

static const struct {
    struct str term;
    const char *printed;
} terms[] = {
    /* as term_to_binary of OTP 25 writes them */
    {TERM("\x61\x00"), "0"},
    {TERM("\x61\xff"), "255"},
    {TERM("\x62\xff\xff\xff\xff"), "-1"},
    {TERM("\x6e\x06\x00\xcb\x04\xfb\x71\x1f\x01"), "1234567890123"},
    {TERM("\x6e\x08\x01\x00\x00\x00\x00\x00\x00\x00\x40"), "-4611686018427387904"},
    {TERM("\x6e\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), "1.20893e+24"},
    {TERM("\x46\x3f\xf8\x00\x00\x00\x00\x00\x00"), "1.5"},
    {TERM("\x64\x00\x04\x61\x74\x6f\x6d"), "atom"},
    {TERM("\x77\x04\x61\x74\x6f\x6d"), "atom"},
    {TERM("\x64\x00\x11"
          "Elixir.MyApp.Repo"),
     "MyApp.Repo"},
    {TERM("\x64\x00\x03\x61\x20\x62"), "'a b'"},
    {TERM("\x6a"), "[]"},
    {TERM("\x6b\x00\x03\x01\x02\x03"), "[1,2,3]"},
    {TERM("\x6b\x00\x03\x61\x62\x63"), "\"abc\""},
    {TERM("\x6c\x00\x00\x00\x02\x64\x00\x01\x61\x64\x00\x01\x62\x64\x00\x01\x63"), "[a,b|c]"},
    {TERM("\x6c\x00\x00\x00\x02\x62\x00\x00\x03\xe8\x68\x01\x64\x00\x01\x78\x6a"), "[1000,{x}]"},
    {TERM("\x68\x00"), "{}"},
    {TERM("\x68\x02\x64\x00\x01\x61\x68\x02\x64\x00\x01\x62\x6c\x00\x00\x00\x01\x64\x00\x01\x63"
          "\x6a"),
     "{a,{b,[c]}}"},
    {TERM("\x74\x00\x00\x00\x01\x64\x00\x01\x61\x61\x01"), "#{a => 1}"},
    {TERM("\x6d\x00\x00\x00\x03"
          "bin"),
     "\"bin\""},
    {TERM("\x6d\x00\x00\x00\x02\x00\xff"), "<<2 bytes>>"},
    {TERM("\x4d\x00\x00\x00\x01\x03\xa0"), "<<1 bytes>>"},
    {TERM("\x71\x64\x00\x05lists\x64\x00\x03map\x61\x02"), "fun lists:map/2"},
    {TERM("\x58\x64\x00\x01n\x00\x00\x00\x0c\x00\x00\x00\x03\x00\x00\x00\x00"), "<0.12.3>"},
    {TERM("\x78\x77\x01n\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01"), "#Port<0.5>"},
    {TERM("\x5a\x00\x02\x77\x01n\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x09"), "#Ref<0.9.7>"},
    {TERM("\x70\x00\x00\x00\x06\x01\x02"), "#Fun"},
};

static void
test_etf__prints_what_nodes_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(terms); i++) {
        char text[100];
        struct str rest = terms[i].term;
        assert_string_equal(etf_print(terms[i].term, text, sizeof(text)), terms[i].printed);
        assert_true(etf_skip(&rest, NULL));
        assert_int_equal(rest.n, 0);
    }
}

/* Every beginning of a term is none, and nothing is taken of it. */
static void
test_etf__refuses_cut_terms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(terms); i++) {
        for (size_t n = 0; n < terms[i].term.n; n++) {
            struct str rest = {terms[i].term.p, n};
            assert_false(etf_skip(&rest, NULL));
            assert_ptr_equal(rest.p, terms[i].term.p);
            assert_int_equal(rest.n, n);
        }
    }
}

static void
test_etf__refuses_lengths_beyond_the_end(void **state)
{
    (void)state;
    static const struct str bad[] = {
        TERM("\x6c\xff\xff\xff\xff\x6a"),     /* a list of 4 G elements */
        TERM("\x69\x7f\xff\xff\xff\x6a\x6a"), /* a tuple */
        TERM("\x74\xff\xff\xff\xff\x6a\x6a"), /* a map */
        TERM("\x6d\xff\xff\xff\xff"
             "abc"),                                  /* a binary */
        TERM("\x6f\xff\xff\xff\xff\x00\x01"),         /* a large number */
        TERM("\x70\x00\x00\x00\x03\x00"),             /* a fun shorter than its length */
        TERM("\x46\x7f\xf0\x00\x00\x00\x00\x00\x00"), /* infinity */
        TERM("\x00"),
        TERM("\x50\x00\x00\x00\x01"), /* compressed: never sent between nodes */
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct str rest = bad[i];
        char text[32];
        assert_false(etf_skip(&rest, NULL));
        etf_print(bad[i], text, sizeof(text)); /* whatever it says, it ends */
    }
}

/* 100,000 levels: walked, and printed as far as that makes sense. */
static void
test_etf__walks_deep_terms(void **state)
{
    (void)state;
    struct buf term;
    char text[200];
    buf_init(&term, 1 << 20);
    for (int i = 0; i < 100000; i++) {
        etf_put_tuple(&term, 1);
    }
    etf_put_integer(&term, 1);
    struct str rest = {term.data, term.n}, whole;
    assert_true(etf_skip(&rest, &whole));
    assert_int_equal(whole.n, term.n);
    assert_string_equal(etf_print(whole, text, sizeof(text)), "{{{{{{{{{{{{...}}}}}}}}}}}}");
    buf_done(&term);
}

static void
test_etf__reads_what_it_writes(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0,         1,         255,       256,       -1,
                                      INT32_MIN, INT32_MAX, INT64_MAX, -INT64_MAX};
    struct buf term;
    struct etf_list list;
    char text[64];
    buf_init(&term, 4096);
    etf_put_list(&term, ARRAY_SIZE(numbers));
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        etf_put_integer(&term, numbers[i]);
    }
    etf_put_nil(&term);
    etf_put_pid(&term, &(struct etf_pid){"a@b", 7, 8, 9});
    etf_put_string(&term, STR("text"));
    etf_put_string(&term, STR(""));
    etf_put_binary(&term, STR("bytes"));
    struct str rest = {term.data, term.n};
    assert_true(etf_list(&rest, &list));
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int64_t number;
        assert_true(etf_list_integer(&list, &number));
        assert_int_equal(number, numbers[i]);
    }
    struct etf_term pid;
    assert_true(etf_next(&rest, &pid));
    assert_true(pid.type == ETF_PID && pid.integer == 7 && pid.serial == 8 && pid.creation == 9);
    assert_true(str_is(pid.text, "a@b"));
    assert_true(etf_text(rest, text, sizeof(text)));
    assert_string_equal(text, "text");
    assert_true(etf_skip(&rest, NULL) && etf_skip(&rest, NULL));
    assert_true(etf_text(rest, text, sizeof(text)));
    assert_string_equal(text, "bytes");
    buf_done(&term);
}

/* Small numbers arrive as a string of bytes, larger ones as a list. */
static void
test_etf__lists_of_numbers_have_two_forms(void **state)
{
    (void)state;
    static const struct str forms[] = {TERM("\x6b\x00\x02\x07\x08"),
                                       TERM("\x6c\x00\x00\x00\x02\x61\x07\x61\x08\x6a")};
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct str rest = forms[i];
        struct etf_list list;
        int64_t a, b, c;
        assert_true(etf_list(&rest, &list));
        assert_true(etf_list_integer(&list, &a) && etf_list_integer(&list, &b));
        assert_false(etf_list_integer(&list, &c));
        assert_true(a == 7 && b == 8 && rest.n == 0);
    }
}

static void
test_etf__finds_keys(void **state)
{
    (void)state;
    static const struct str both[] = {
        TERM("\x74\x00\x00\x00\x02\x77\x01\x61\x61\x01\x77\x01\x62\x61\x02"),
        TERM("\x6c\x00\x00\x00\x03\x77\x01\x7a\x68\x02\x77\x01\x61\x61\x01\x68\x02\x77\x01\x62\x61"
             "\x02\x6a"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        struct str value;
        double number;
        assert_true(etf_get(both[i], "b", &value) && etf_number(&value, &number));
        assert_true(number == 2);
        assert_false(etf_get(both[i], "c", &value));
    }
}

/* Names come from outside: an escape sequence does not pass. */
static void
test_etf__cleans_texts(void **state)
{
    (void)state;
    char text[64];
    static const struct str harm = TERM("\x77\x05\x1b[31m");
    assert_true(etf_text(harm, text, sizeof(text)));
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(etf_print(harm, text, sizeof(text)), '\x1b'));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_etf__prints_what_nodes_write),
        cmocka_unit_test(test_etf__refuses_cut_terms),
        cmocka_unit_test(test_etf__refuses_lengths_beyond_the_end),
        cmocka_unit_test(test_etf__walks_deep_terms),
        cmocka_unit_test(test_etf__reads_what_it_writes),
        cmocka_unit_test(test_etf__lists_of_numbers_have_two_forms),
        cmocka_unit_test(test_etf__finds_keys),
        cmocka_unit_test(test_etf__cleans_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
