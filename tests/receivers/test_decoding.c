/* Bodies that are decoded little by little: what arrives, in which order, and who waits for whom.
 */
#include "../../src/receivers/decoding.h"
#include "../check.h"

#include <semaphore.h>
#include <string.h>

#include "flametop/base/clock.h"

#define SPANS 20000
#define BYTES_MAX 65536

/* ---- decoders, and what takes what they read ---- */

struct taken {
    uint64_t count;
    int64_t last_ns;
    bool ordered;
    int64_t each_ns; /* that taking one takes at least */
};

static bool
take(void *context, const struct span *span)
{
    struct taken *taken = context;
    int64_t until_ns = clock_mono_ns() + taken->each_ns;
    taken->ordered = (taken->count == 0 || span->start_ns > taken->last_ns) &&
                     (taken->ordered || taken->count == 0);
    taken->last_ns = span->start_ns;
    taken->count++;
    while (taken->each_ns > 0 && clock_mono_ns() < until_ns) {
    }
    return span->start_ns % 10 != 0; /* some are refused */
}

/* The body is how many spans there are, and the start of the first. */
static bool
read_numbers(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    int64_t numbers[2];
    memcpy(numbers, body.p, sizeof(numbers));
    for (int64_t i = 0; i < numbers[0]; i++) {
        struct span span = {.start_ns = numbers[1] + i};
        delivery->spans++;
        delivery->refused += !sink->span(sink->context, &span);
    }
    str_copy(str_from(numbers[0] < 0 ? "less than none" : ""), delivery->why,
             sizeof(delivery->why));
    return numbers[0] >= 0;
}

struct done {
    unsigned count;
    enum decoded how[4];
    struct delivery delivery[4];
};

static void
on_done(void *context, const struct decoding *decoding, enum decoded how)
{
    struct done *done = context;
    done->how[done->count] = how;
    done->delivery[done->count++] = decoding->delivery;
}

static void
add(struct decodings *decodings, decode_function *decode, const void *body, size_t n,
    struct done *done)
{
    struct decoding decoding = {
        .decode = decode, .body = {body, n}, .done = on_done, .context = done};
    assert_true(decodings_add(decodings, &decoding));
}

/* ---- a loop ---- */

struct fixture {
    uv_loop_t loop;
    uv_prepare_t turn;
    unsigned turns;
    sem_t *release; /* posted at the third turn; NULL: nothing */
    struct taken taken;
    struct span_sink sink;
    struct decodings *decodings;
    struct done done;
};

static void
on_turn(uv_prepare_t *turn)
{
    struct fixture *fixture = turn->data;
    if (++fixture->turns == 3 && fixture->release != NULL) {
        sem_post(fixture->release);
    }
}

static void
begin(struct fixture *fixture)
{
    *fixture = (struct fixture){.turns = 0};
    uv_loop_init(&fixture->loop);
    uv_prepare_init(&fixture->loop, &fixture->turn);
    fixture->turn.data = fixture;
    uv_prepare_start(&fixture->turn, on_turn);
    uv_unref((uv_handle_t *)&fixture->turn);
    fixture->sink = (struct span_sink){&fixture->taken, take, NULL};
    fixture->decodings = decodings_new(&fixture->loop, &fixture->sink, BYTES_MAX);
    assert_non_null(fixture->decodings);
}

static void
end(struct fixture *fixture)
{
    decodings_free(fixture->decodings);
    uv_close((uv_handle_t *)&fixture->turn, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

/* ---- tests ---- */

static void
test_decoding__hands_on_all_in_order(void **state)
{
    static const int64_t body[2] = {SPANS, 100}, wrong[2] = {-1, 0};
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    add(fixture.decodings, read_numbers, body, sizeof(body), &fixture.done);
    add(fixture.decodings, read_numbers, wrong, sizeof(wrong), &fixture.done);
    uv_run(&fixture.loop, UV_RUN_DEFAULT); /* which ends when nothing is left to do */
    assert_int_equal(fixture.done.count, 2);
    assert_int_equal(fixture.done.how[0], DECODED_GOOD);
    assert_int_equal(fixture.done.delivery[0].spans, SPANS);
    assert_int_equal(fixture.done.delivery[0].refused, SPANS / 10);
    assert_int_equal(fixture.done.how[1], DECODED_BAD);
    assert_string_equal(fixture.done.delivery[1].why, "less than none");
    assert_int_equal(fixture.taken.count, SPANS);
    assert_true(fixture.taken.ordered);
    end(&fixture);
}

static void
test_decoding__keeps_the_order_of_bodies(void **state)
{
    static const int64_t first[2] = {500, 0}, second[2] = {500, 1000}, third[2] = {1, 5000};
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    add(fixture.decodings, read_numbers, first, sizeof(first), &fixture.done);
    add(fixture.decodings, read_numbers, second, sizeof(second), &fixture.done);
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    add(fixture.decodings, read_numbers, third, sizeof(third), &fixture.done); /* begun anew */
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture.done.count, 3);
    assert_int_equal(fixture.taken.count, 1001);
    assert_true(fixture.taken.ordered);
    end(&fixture);
}

/* What takes long to take is taken in more than one turn. */
static void
test_decoding__gives_the_loop_its_turn(void **state)
{
    static const int64_t body[2] = {40, 0};
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    fixture.taken.each_ns = DECODING_SLICE_NS / 4;
    add(fixture.decodings, read_numbers, body, sizeof(body), &fixture.done);
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture.taken.count, 40);
    assert_true(fixture.turns >= 10); /* at most four a turn */
    end(&fixture);
}

static sem_t released;

/* Reads for long and finds nothing. */
static bool
read_on(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    (void)body;
    (void)sink;
    delivery->cut = 1;
    while (sem_wait(&released) != 0) {
    }
    return true;
}

static void
test_decoding__does_not_wait_for_who_reads(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    sem_init(&released, 0, 0);
    fixture.release = &released;
    add(fixture.decodings, read_on, "", 0, &fixture.done);
    uv_run(&fixture.loop, UV_RUN_DEFAULT); /* the third turn releases it, so there must be one */
    assert_int_equal(fixture.done.count, 1);
    assert_int_equal(fixture.done.delivery[0].cut, 1);
    assert_true(fixture.turns >= 3);
    end(&fixture);
    sem_destroy(&released);
}

static void
test_decoding__refuses_what_is_too_much(void **state)
{
    static const int64_t body[2] = {1, 0};
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    struct decoding decoding = {.decode = read_numbers,
                                .body = {(const char *)body, BYTES_MAX},
                                .done = on_done,
                                .context = &fixture.done};
    assert_false(decodings_add(fixture.decodings, &decoding));
    decoding.body.n = BYTES_MAX / 2;
    assert_true(decodings_add(fixture.decodings, &decoding));
    assert_false(decodings_add(fixture.decodings, &decoding));
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    assert_true(decodings_add(fixture.decodings, &decoding)); /* there is room again */
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture.done.count, 2);
    end(&fixture);
}

static void
test_decoding__ends_what_is_left(void **state)
{
    static const int64_t body[2] = {SPANS, 0};
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    fixture.taken.each_ns = DECODING_SLICE_NS / 4;
    add(fixture.decodings, read_numbers, body, sizeof(body), &fixture.done);
    add(fixture.decodings, read_numbers, body, sizeof(body), &fixture.done);
    uv_run(&fixture.loop, UV_RUN_NOWAIT);
    assert_in_range(fixture.taken.count, 0, SPANS - 1);
    uint64_t before = fixture.taken.count;
    end(&fixture);
    assert_int_equal(fixture.done.count, 2);
    assert_int_equal(fixture.done.how[0], DECODED_ENDED);
    assert_int_equal(fixture.done.how[1], DECODED_ENDED);
    assert_int_equal(fixture.taken.count, before); /* nobody takes anything any more */
}

/* Reads until it is told that nobody wants it. */
static bool
read_for_ever(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    (void)body;
    (void)sink;
    while (!__atomic_load_n(delivery->ended, __ATOMIC_RELAXED)) {
        delivery->cut = 1;
    }
    return false;
}

static void
test_decoding__ends_who_reads(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    add(fixture.decodings, read_for_ever, "", 0, &fixture.done);
    uv_run(&fixture.loop, UV_RUN_NOWAIT);
    end(&fixture);
    assert_int_equal(fixture.done.count, 1);
    assert_int_equal(fixture.done.how[0], DECODED_ENDED);
    assert_null(fixture.done.delivery[0].ended);
}

struct stop {
    bool ended;
    unsigned taken;
};

static bool
take_and_stop(void *context, const struct span *span)
{
    struct stop *stop = context;
    (void)span;
    stop->ended = ++stop->taken == 2;
    return true;
}

/* Decoders look between spans. */
static void
test_decoding__reads_no_rest(void **state)
{
#define ZIPKIN "{\"traceId\":\"1\",\"id\":\"1\"}"
#define OTLP "{\"traceId\":\"01\",\"spanId\":\"01\"}"
#define JAEGER "{\"traceID\":\"1\",\"spanID\":\"1\"}"
    const struct {
        decode_function *read;
        struct str body;
    } rows[] = {
        {zipkin_read, STR("[" ZIPKIN "," ZIPKIN "," ZIPKIN "," ZIPKIN "]")},
        {otlp_json_read, STR("{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"scope\":{},"
                             "\"spans\":[" OTLP "," OTLP "," OTLP "," OTLP "]}]}]}")},
        {jaeger_read,
         STR("{\"data\":[{\"spans\":[" JAEGER "," JAEGER "," JAEGER "," JAEGER "]}]}")},
        {otlp_traces_read, STR("\x0a\x0a\x12\x08\x12\x00\x12\x00\x12\x00\x12\x00")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stop stop = {.ended = false};
        struct span_sink sink = {&stop, take_and_stop, NULL};
        struct delivery delivery = {.ended = &stop.ended};
        rows[i].read(rows[i].body, &sink, &delivery);
        assert_int_equal(delivery.spans, 2);
        delivery = (struct delivery){.ended = NULL};
        rows[i].read(rows[i].body, &sink, &delivery);
        assert_int_equal(delivery.spans, 4);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding__hands_on_all_in_order),
        cmocka_unit_test(test_decoding__keeps_the_order_of_bodies),
        cmocka_unit_test(test_decoding__gives_the_loop_its_turn),
        cmocka_unit_test(test_decoding__does_not_wait_for_who_reads),
        cmocka_unit_test(test_decoding__refuses_what_is_too_much),
        cmocka_unit_test(test_decoding__ends_what_is_left),
        cmocka_unit_test(test_decoding__ends_who_reads),
        cmocka_unit_test(test_decoding__reads_no_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
