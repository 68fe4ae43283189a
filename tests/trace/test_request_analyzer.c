/* The diagnosis of requests: who is slow, since when, on what, and what nobody can tell. */
#include "../check.h"

#include "flametop/core/picture.h"
#include "flametop/trace/analyzer.h"
#include "made.h"

#define WALL_NS INT64_C(1785000000000000000)
#define START_NS (1000 * NS_PER_S)

enum shape { SHAPE_QUERY, SHAPE_BLIND };

static struct trace *
request(const char *endpoint, int64_t at_ns, int64_t duration_ns, unsigned flags, enum shape shape)
{
    struct made made = {.endpoint = endpoint, .tool = "", .mono_ns = at_ns, .flags = flags};
    made_span(&made, TRACE_NONE, endpoint, 0, duration_ns);
    int64_t query_ns = shape == SHAPE_QUERY ? duration_ns * 3 / 4 : duration_ns / 10;
    made_span(&made, 0, "auth", 0, duration_ns / 100);
    made_span(&made, 0, "SELECT orders", duration_ns / 100, duration_ns / 100 + query_ns);
    return made_trace(&made);
}

struct scene {
    void *state;
    struct catalog *catalog; /* NULL: no metrics */
    struct trace *traces[4000];
    size_t count;
    uint64_t number;
    struct findings findings;
    struct picture *picture;
};

static struct scene *
scene_new(void)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->state = analyzer_request.open(NULL);
    assert_non_null(scene->state);
    return scene;
}

static void
scene_free(struct scene *scene)
{
    picture_release(scene->picture);
    analyzer_request.close(scene->state);
    catalog_free(scene->catalog);
    for (size_t i = 0; i < scene->count; i++) {
        free(scene->traces[i]);
    }
    free(scene);
}

static void
add(struct scene *scene, struct trace *trace)
{
    scene->traces[scene->count++] = trace;
}

/* The findings at this second. */
static void
look(struct scene *scene, int64_t second)
{
    struct trace *copies[4000];
    size_t count = 0;
    int64_t now_ns = START_NS + second * NS_PER_S;
    for (size_t i = 0; i < scene->count; i++) {
        if (scene->traces[i]->mono_ns <= now_ns) {
            copies[count] = malloc(scene->traces[i]->bytes);
            memcpy(copies[count++], scene->traces[i], scene->traces[i]->bytes);
        }
    }
    picture_release(scene->picture);
    scene->picture = picture_new(scene->catalog, (size_t)1 << 20);
    scene->picture->mono_ns = now_ns;
    scene->picture->wall_ns = WALL_NS + second * NS_PER_S;
    scene->picture->traces = made_list(copies, count, ++scene->number);
    for (int i = 0; i < 40; i++) { /* a little each time: by then it is through */
        scene->findings =
            (struct findings){.arena = &scene->picture->arena, .looked_at = "cpu, memory"};
        analyzer_request.run(scene->state, scene->picture, &scene->findings);
    }
}

/* A second of an endpoint: ten requests, of them so many slow. */
static void
second_of(struct scene *scene, int64_t second, const char *endpoint, int slow, unsigned flags,
          enum shape shape)
{
    for (int i = 0; i < 10; i++) {
        bool is_slow = i < slow;
        add(scene, request(endpoint, START_NS + second * NS_PER_S + i,
                           is_slow ? 3 * NS_PER_S : 100 * NS_PER_MS, is_slow ? flags : 0, shape));
    }
}

static void
test_request_analyzer__names_what_is_slow_and_on_what(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    for (int64_t s = 0; s < 30; s++) {
        second_of(scene, s, "GET /fine", 0, 0, SHAPE_QUERY);
        second_of(scene, s, "POST /buy", s >= 20 ? 5 : 0, TRACE_SLOW, SHAPE_QUERY);
    }
    for (int64_t s = 10; s < 20; s++) {
        look(scene, s);
        assert_int_equal(scene->findings.count, 0);
    }
    assert_string_equal(scene->findings.looked_at, "cpu, memory, requests");
    size_t shown_at = 0;
    for (int64_t s = 20; s < 30; s++) {
        look(scene, s);
        shown_at = shown_at == 0 && scene->findings.count > 0 ? (size_t)s : shown_at;
    }
    assert_in_range(shown_at, 24, 28); /* it must stand for a while */
    assert_int_equal(scene->findings.count, 1);
    const struct finding *finding = &scene->findings.list[0];
    assert_string_equal(finding->id, "requests.slow:POST /buy");
    assert_non_null(strstr(finding->sentence, "POST /buy slow: "));
    assert_non_null(strstr(finding->sentence, "75 % of it in SELECT orders (shop)"));
    assert_string_equal(finding->culprit, "SELECT orders (shop)");
    assert_true(finding->since_wall_ns == WALL_NS + 20 * NS_PER_S);
    assert_true(finding->level == LEVEL_WARNING && finding->impact >= 45);
    assert_int_equal(finding->evidence_count, 6);
    assert_string_equal(finding->evidence[3].label, "p95");
    assert_string_equal(finding->evidence[3].value, "3 s");
    assert_null(finding->evidence[3].metric); /* nobody knows that metric here */
    scene_free(scene);
}

static void
test_request_analyzer__points_to_metrics(void **state)
{
    (void)state;
    static const struct metric duration = {.name = "request.duration",
                                           .unit = "s",
                                           .labels = "service endpoint tool quantile",
                                           .text = "How long requests took."};
    struct scene *scene = scene_new();
    scene->catalog = catalog_new(16);
    catalog_add(scene->catalog, &duration, 1);
    second_of(scene, 0, "GET /a,b", 5, TRACE_SLOW, SHAPE_QUERY);
    look(scene, 1);
    assert_int_equal(scene->findings.count, 1);
    const struct evidence *p95 = &scene->findings.list[0].evidence[3];
    struct str endpoint, quantile;
    assert_string_equal(p95->metric, "request.duration");
    assert_true(labels_get(p95->labels, "endpoint", &endpoint));
    assert_true(str_is(endpoint, "GET /a\\,b"));
    assert_true(labels_get(p95->labels, "quantile", &quantile) && str_is(quantile, "0.95"));
    scene_free(scene);
}

static void
test_request_analyzer__tells_what_no_span_tells(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    second_of(scene, 0, "POST /buy", 5, TRACE_SLOW, SHAPE_BLIND);
    look(scene, 1); /* it was there before us: said at once */
    assert_int_equal(scene->findings.count, 1);
    const struct finding *finding = &scene->findings.list[0];
    assert_non_null(strstr(finding->sentence, "; 89 % of it in no span: cause unknown"));
    assert_null(strstr(finding->sentence, "SELECT"));
    assert_null(finding->culprit);
    assert_non_null(strstr(finding->advice, "Add spans"));
    scene_free(scene);
}

static void
test_request_analyzer__names_what_fails(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    second_of(scene, 0, "GET /x", 9, TRACE_ERROR, SHAPE_QUERY);
    look(scene, 1);
    assert_int_equal(scene->findings.count, 1);
    const struct finding *finding = &scene->findings.list[0];
    assert_string_equal(finding->id, "requests.failing:GET /x");
    assert_string_equal(finding->sentence, "GET /x fails: 90 % of its requests");
    assert_true(finding->level == LEVEL_CRITICAL && finding->impact == 80);
    scene_free(scene);
}

static void
test_request_analyzer__says_what_is_over(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    second_of(scene, 0, "GET /x", 5, TRACE_SLOW, SHAPE_QUERY);
    for (int64_t s = 1; s <= 60; s++) {
        second_of(scene, s, "GET /y", 0, 0, SHAPE_QUERY);
        look(scene, s);
        assert_int_equal(scene->findings.count, 1);
    }
    for (int64_t s = 61; s <= 66; s++) {
        second_of(scene, s, "GET /y", 0, 0, SHAPE_QUERY);
        look(scene, s);
    }
    assert_int_equal(scene->findings.count, 1);
    assert_non_null(strstr(scene->findings.list[0].sentence, "GET /x was slow until "));
    assert_true(scene->findings.list[0].until_wall_ns > 0);
    for (int64_t s = 67; s <= 90; s++) {
        look(scene, s);
    }
    assert_int_equal(scene->findings.count, 0);
    scene_free(scene);
}

static void
test_request_analyzer__few_are_no_pattern(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    second_of(scene, 0, "GET /x", 2, TRACE_SLOW, SHAPE_QUERY); /* two in ten, but two */
    for (int64_t s = 0; s < 30; s++) {
        second_of(scene, s, "GET /y", s % 10 == 9 ? 4 : 0, TRACE_SLOW, SHAPE_QUERY); /* 4 % */
        look(scene, s);
        assert_int_equal(scene->findings.count, 0);
    }
    scene_free(scene);
    scene = scene_new();
    look(scene, 0);
    assert_int_equal(scene->findings.count, 0);
    assert_string_equal(scene->findings.looked_at, "cpu, memory"); /* nobody sends any */
    scene_free(scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_analyzer__names_what_is_slow_and_on_what),
        cmocka_unit_test(test_request_analyzer__points_to_metrics),
        cmocka_unit_test(test_request_analyzer__tells_what_no_span_tells),
        cmocka_unit_test(test_request_analyzer__names_what_fails),
        cmocka_unit_test(test_request_analyzer__says_what_is_over),
        cmocka_unit_test(test_request_analyzer__few_are_no_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
