/* WebSocket frames: every split point, what the RFC forbids, and the writer against the reader. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/net/websocket.h"

/* What the reader delivered, as text: "1:hello|9:|". */
struct seen {
    struct buf text;
    bool refuse;
};

static bool
see(void *context, enum websocket_opcode opcode, struct str payload)
{
    struct seen *seen = context;
    buf_printf(&seen->text, "%d:%.*s|", (int)opcode, (int)payload.n, payload.p);
    return !seen->refuse;
}

/* Feeds in two parts, the first of `split` bytes (then byte by byte when `drip`). */
static int
read_split(struct str bytes, bool masked, size_t max, size_t split, bool drip, struct buf *ret_text)
{
    struct seen seen = {0};
    buf_init(&seen.text, 1 << 20);
    struct websocket_reader *reader = websocket_reader_new(masked, max, &seen, see);
    assert_non_null(reader);
    int code = websocket_reader_feed(reader, bytes.p, split);
    for (size_t i = split; drip && i < bytes.n && code == 0; i++) {
        code = websocket_reader_feed(reader, bytes.p + i, 1);
    }
    if (!drip && code == 0) {
        code = websocket_reader_feed(reader, bytes.p + split, bytes.n - split);
    }
    assert_int_equal(websocket_reader_feed(reader, "\x81\x00", code != 0 ? 2 : 0), 0);
    websocket_reader_free(reader);
    *ret_text = seen.text;
    return code;
}

static void
expect(struct str bytes, bool masked, size_t max, int code, const char *text)
{
    for (size_t split = 0; split <= bytes.n; split++) {
        for (int drip = 0; drip < 2; drip++) {
            struct buf seen;
            assert_int_equal(read_split(bytes, masked, max, split, drip != 0, &seen), code);
            assert_string_equal(seen.data != NULL ? seen.data : "", text);
            buf_done(&seen);
        }
    }
}

static void
test_websocket__accepts_a_key(void **state)
{
    (void)state;
    char accept[29];
    assert_true(websocket_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept)); /* RFC 6455 §1.3 */
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_false(websocket_accept(STR("dGhlIHNhbXBsZSBub25jZQ="), accept));
    assert_false(websocket_accept(STR("dGhlIHNhbXBsZSBub25jZ\n=="), accept));
    assert_false(websocket_accept(STR(""), accept));
}

static void
test_websocket__reads_frames_split_anywhere(void **state)
{
    (void)state;
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    websocket_write(&bytes, WEBSOCKET_TEXT, STR("gr\xc3\xbc\xc3\x9f"), mask);
    websocket_write(&bytes, WEBSOCKET_PING, STR("p"), mask);
    websocket_write(&bytes, WEBSOCKET_BINARY, STR(""), mask);
    websocket_write(&bytes, WEBSOCKET_CLOSE,
                    STR("\x03\xe8"
                        "bye"),
                    mask);
    websocket_write(&bytes, WEBSOCKET_TEXT, STR("after the end"), mask);
    expect((struct str){bytes.data, bytes.n}, true, 64, 0,
           "1:gr\xc3\xbc\xc3\x9f|9:p|2:|8:\x03\xe8"
           "bye|");
    buf_done(&bytes);
}

static void
test_websocket__joins_fragments_around_control_frames(void **state)
{
    (void)state;
    /* A character is split between fragments: the text is judged as a whole. */
    expect(STR("\x01\x03"
               "a\xe2\x82"
               "\x89\x01!"
               "\x00\x01\xac"
               "\x80\x01z"),
           false, 64, 0, "9:!|1:a\xe2\x82\xacz|");
}

static void
test_websocket__refuses_what_the_rfc_forbids(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        int code;
    } rows[] = {
        {{"\xc1\x00", 2}, 1002},                                  /* reserved bit */
        {{"\x83\x00", 2}, 1002},                                  /* reserved opcode */
        {{"\x8b\x00", 2}, 1002},                                  /* the same, control */
        {{"\x80\x00", 2}, 1002},                                  /* nothing to continue */
        {{"\x01\x00\x81\x00", 4}, 1002},                          /* a new one inside another */
        {{"\x09\x00", 2}, 1002},                                  /* a control frame in parts */
        {{"\x89\x7e\x00\x7e", 4}, 1002},                          /* a long control frame */
        {{"\x81\x7e\x00\x05hello", 9}, 1002},                     /* not the shortest form */
        {{"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10}, 1002}, /* the highest bit */
        {{"\x81\x80\x00\x00\x00\x00", 6}, 1002},                  /* masked by a server */
        {{"\x81\x02\xc3\x28", 4}, 1007},
        {{"\x81\x03\xed\xa0\x80", 5}, 1007}, /* a surrogate */
        {{"\x81\x41", 2}, 1009},             /* 65 of 64 */
        {{"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10}, 1009},
        {{"\x88\x01x", 3}, 1002},
        {{"\x88\x02\x03\xed", 4}, 1002}, /* 1005 is never sent */
        {{"\x88\x03\x03\xe8\xff", 5}, 1007},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        expect(rows[i].bytes, false, 64, rows[i].code, "");
    }
}

static void
test_websocket__bounds_joined_messages(void **state)
{
    (void)state;
    expect(STR("\x01\x04"
               "abcd"
               "\x80\x04"
               "efgh"),
           false, 8, 0, "1:abcdefgh|");
    expect(STR("\x01\x04"
               "abcd"
               "\x80\x05"
               "efghi"),
           false, 8, 1009, "");
}

static void
test_websocket__unmasked_clients_are_refused(void **state)
{
    (void)state;
    expect(STR("\x81\x01x"), true, 64, 1002, "");
}

static void
test_websocket__stops_when_told(void **state)
{
    (void)state;
    struct seen seen = {.refuse = true};
    buf_init(&seen.text, 100);
    struct websocket_reader *reader = websocket_reader_new(false, 64, &seen, see);
    assert_int_equal(websocket_reader_feed(reader, "\x81\x01x\x81\x01y", 6), 0);
    assert_int_equal(websocket_reader_feed(reader, "\x81\x01z", 3), 0);
    assert_string_equal(seen.text.data, "1:x|");
    websocket_reader_free(reader);
    buf_done(&seen.text);
}

static void
test_websocket__writes_each_length(void **state)
{
    (void)state;
    static const struct {
        size_t n, header;
    } rows[] = {{0, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}};
    static char text[65536];
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf bytes, seen;
        buf_init(&bytes, 1 << 20);
        websocket_write(&bytes, WEBSOCKET_BINARY, (struct str){text, rows[i].n}, NULL);
        assert_int_equal(bytes.n, rows[i].n + rows[i].header);
        assert_int_equal(
            read_split((struct str){bytes.data, bytes.n}, false, 65536, 1, false, &seen), 0);
        assert_int_equal(seen.n, rows[i].n + 3);
        buf_done(&seen);
        buf_done(&bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_websocket__accepts_a_key),
        cmocka_unit_test(test_websocket__reads_frames_split_anywhere),
        cmocka_unit_test(test_websocket__joins_fragments_around_control_frames),
        cmocka_unit_test(test_websocket__refuses_what_the_rfc_forbids),
        cmocka_unit_test(test_websocket__bounds_joined_messages),
        cmocka_unit_test(test_websocket__unmasked_clients_are_refused),
        cmocka_unit_test(test_websocket__stops_when_told),
        cmocka_unit_test(test_websocket__writes_each_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
