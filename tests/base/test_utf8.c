/* UTF-8: what is good comes out whole, what is bad byte by byte. */
#include "../check.h"

#include <stdbool.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

static void
test_utf8__every_character_comes_back(void **state)
{
    (void)state;
    for (uint32_t c = 1; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF) {
            continue;
        }
        char bytes[4];
        size_t n = utf8_put(c, bytes);
        struct str rest = {bytes, n};
        assert_true(utf8_next(&rest) == c && rest.n == 0);
        for (size_t cut = 1; cut < n; cut++) {
            rest = (struct str){bytes, cut};
            assert_true(utf8_next(&rest) == UTF8_BAD && rest.n == cut - 1);
        }
    }
}

static void
test_utf8__bad_bytes_come_out_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n, bad;
    } rows[] = {
        {"\x80", 1, 1},
        {"\xff\xfe", 2, 2},
        {"\xc0\x80", 2, 2},
        {"\xc1\xbf", 2, 2},
        {"\xe0\x80\x80", 3, 3},
        {"\xed\xa0\x80", 3, 3},
        {"\xf0\x80\x80\x80", 4, 4},
        {"\xf4\x90\x80\x80", 4, 4},
        {"\xf8\x88\x80\x80\x80", 5, 5},
        {"\xe2\x82", 2, 2},
        {"a\xe2z", 3, 1},
        {"\0", 1, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct str rest = {rows[i].bytes, rows[i].n};
        size_t bad = 0;
        uint32_t c;
        while ((c = utf8_next(&rest)) != 0) {
            bad += c == UTF8_BAD;
        }
        assert_int_equal(bad, rows[i].bad);
    }
}

static void
test_utf8__widths_are_cells(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {{"", 0},   {"abc", 3}, {"ü", 1},      {"u\u0308", 1}, {"日本", 4},
                {"한", 2}, {"😀", 2},   {"\u200b", 0}, {"\u00ad", 0},  {"\x1b[", 1},
                {"…–", 2}, {"▁█", 2},  {"⠿", 1},      {"ｱ", 1}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(utf8_text_width(str_from(rows[i].text)), rows[i].width);
    }
}

static void
test_utf8__cleaning_leaves_nothing_a_terminal_obeys(void **state)
{
    (void)state;
    static const struct {
        const char *dirty, *clean;
    } rows[] = {
        {"plain ü 日", "plain ü 日"},
        {"\x1b[31m", "?[31m"},
        {"a\tb\nc\rd", "a b c d"},
        {"\x7f", "?"},
        {"\xc2\x9b"
         "2J",
         "?2J"},
        {"\u202eevil", "?evil"},
        {"\u2066x\u2069", "?x?"},
        {"\xff\xc3", "??"},
        {"\u2028", "?"},
        {"\ufeff", "?"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char clean[64], again[64];
        assert_int_equal(utf8_clean(str_from(rows[i].dirty), clean, sizeof(clean)),
                         strlen(rows[i].clean));
        assert_string_equal(clean, rows[i].clean);
        utf8_clean(str_from(clean), again, sizeof(again));
        assert_string_equal(again, clean);
    }
}

static void
test_utf8__cleaning_cuts_between_characters(void **state)
{
    (void)state;
    for (size_t size = 0; size < 16; size++) {
        char clean[20];
        memset(clean, 'x', sizeof(clean));
        size_t n = utf8_clean(str_from("aü日😀z"), clean, size);
        assert_true(clean[size] == 'x' && (size == 0 || (n < size && clean[n] == 0)));
        struct str rest = {clean, n};
        uint32_t c;
        while ((c = utf8_next(&rest)) != 0) {
            assert_true(c != UTF8_BAD);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__every_character_comes_back),
        cmocka_unit_test(test_utf8__bad_bytes_come_out_one_by_one),
        cmocka_unit_test(test_utf8__widths_are_cells),
        cmocka_unit_test(test_utf8__cleaning_leaves_nothing_a_terminal_obeys),
        cmocka_unit_test(test_utf8__cleaning_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
