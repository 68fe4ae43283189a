/* The buffer: what does not fit is dropped whole. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/buf.h"
#include "flametop/base/macros.h"

static void
test_buf__grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        buf_putc(&buf, (char)('a' + i % 26));
        assert_int_equal(buf.n, i + 1);
        assert_int_equal(buf.data[buf.n], 0);
    }
    assert_false(buf.full);
    buf_putc(&buf, 'x');
    assert_true(buf.full && buf.n == 1000 && buf.capacity <= 1000);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(buf.data[i], 'a' + i % 26);
    }
    buf_clear(&buf);
    assert_true(!buf.full && buf.n == 0 && buf.data[0] == 0);
    buf_done(&buf);
}

static void
test_buf__drops_whole_pieces(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 10);
    buf_puts(&buf, "12345678");
    buf_puts(&buf, "abc");
    assert_string_equal(buf.data, "12345678");
    assert_true(buf.full);
    buf_puts(&buf, "ab");
    assert_string_equal(buf.data, "12345678ab");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_null(buf_reserve(&buf, 1));
    buf_clear(&buf);
    buf_printf(&buf, "%d %s", 12, "3456789");
    assert_string_equal(buf.data, "12 3456789");
    buf_clear(&buf);
    buf_printf(&buf, "%d %s", 12, "34567890");
    assert_true(buf.full && buf.n == 0);
    buf_done(&buf);
}

static void
test_buf__prints_any_length(void **state)
{
    (void)state;
    static const int lengths[] = {1, 254, 255, 256, 257, 511, 5000};
    struct buf buf;
    buf_init(&buf, 10000);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        buf_clear(&buf);
        buf_printf(&buf, "%*d", lengths[i], 7);
        assert_int_equal(buf.n, lengths[i]);
        assert_int_equal(strlen(buf.data), lengths[i]);
        assert_int_equal(buf.data[buf.n - 1], '7');
    }
    buf_done(&buf);
}

static void
test_buf__integers_are_little_endian(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_put_u16(&buf, 0x0102);
    buf_put_u32(&buf, 0x03040506);
    buf_put_u64(&buf, UINT64_C(0x0708090a0b0c0d0e));
    assert_memory_equal(buf.data, "\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07", 14);
    buf_done(&buf);
}

static void
test_buf__varints_are_leb128(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t n;
    } rows[] = {
        {0, "\0", 1},
        {127, "\x7f", 1},
        {128, "\x80\x01", 2},
        {300, "\xac\x02", 2},
        {16384, "\x80\x80\x01", 3},
        {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf buf;
        buf_init(&buf, 100);
        buf_put_varint(&buf, rows[i].value);
        assert_int_equal(buf.n, rows[i].n);
        assert_memory_equal(buf.data, rows[i].bytes, rows[i].n);
        buf_done(&buf);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf__grows_to_its_maximum_and_no_further),
        cmocka_unit_test(test_buf__drops_whole_pieces),
        cmocka_unit_test(test_buf__prints_any_length),
        cmocka_unit_test(test_buf__integers_are_little_endian),
        cmocka_unit_test(test_buf__varints_are_leb128),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
