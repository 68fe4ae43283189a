#include "../check.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/protobuf.h"

/* 1: varint 300, 2: bytes "ab", 3: 64 bits of 1.5, 4: 32 bits of 7, 5: sint -3. */
static const char message[] = "\x08\xac\x02"
                              "\x12\x02"
                              "ab"
                              "\x19\0\0\0\0\0\0\xf8\x3f"
                              "\x25\x07\0\0\0"
                              "\x28\x05";

static void
test_protobuf__reads_each_type(void **state)
{
    struct str rest = {message, sizeof(message) - 1};
    struct protobuf_field field;
    (void)state;
    assert_true(protobuf_next(&rest, &field) && protobuf_is(&field, 1, PROTOBUF_VARINT));
    assert_int_equal(field.value, 300);
    assert_true(protobuf_next(&rest, &field) && protobuf_is(&field, 2, PROTOBUF_BYTES));
    assert_true(str_is(field.bytes, "ab"));
    assert_true(protobuf_next(&rest, &field) && protobuf_is(&field, 3, PROTOBUF_64));
    assert_true(protobuf_double(field.value) > 1.4 && protobuf_double(field.value) < 1.6);
    assert_true(protobuf_next(&rest, &field) && protobuf_is(&field, 4, PROTOBUF_32));
    assert_int_equal(field.value, 7);
    assert_true(protobuf_next(&rest, &field));
    assert_int_equal(protobuf_zigzag(field.value), -3);
    assert_false(protobuf_next(&rest, &field));
    assert_int_equal(rest.n, 0);
}

static void
test_protobuf__stops_where_it_is_damaged(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {{"\x08", 1},
                {"\x12\x03"
                 "ab",
                 4},
                {"\x19\0\0", 3},
                {"\x0b", 1},
                {"\x00\x01", 2},
                {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
                {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *exact = malloc(rows[i].n);
        assert_non_null(exact);
        memcpy(exact, rows[i].bytes, rows[i].n);
        struct str rest = {exact, rows[i].n};
        struct protobuf_field field;
        assert_false(protobuf_next(&rest, &field));
        assert_int_equal(rest.n, rows[i].n);
        free(exact);
    }
}

static void
test_protobuf__reads_lists_packed_or_not(void **state)
{
    struct protobuf_field packed = {
        .number = 1, .wire = PROTOBUF_BYTES, .bytes = STR("\x01\xac\x02\x80")};
    struct protobuf_field single = {.number = 1, .wire = PROTOBUF_VARINT, .value = 9};
    uint64_t value = 0;
    (void)state;
    assert_true(protobuf_number(&packed, PROTOBUF_VARINT, &value) && value == 1);
    assert_true(protobuf_number(&packed, PROTOBUF_VARINT, &value) && value == 300);
    assert_false(protobuf_number(&packed, PROTOBUF_VARINT, &value)); /* half a number */
    assert_true(protobuf_number(&single, PROTOBUF_VARINT, &value) && value == 9);
    assert_false(protobuf_number(&single, PROTOBUF_VARINT, &value));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protobuf__reads_each_type),
        cmocka_unit_test(test_protobuf__stops_where_it_is_damaged),
        cmocka_unit_test(test_protobuf__reads_lists_packed_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
