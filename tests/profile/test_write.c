/* Graphs as files: what is written is read back, by us or by another reader of JSON. */
#include "../check.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/profile/read.h"
#include "flametop/profile/write.h"

static struct profile *
read_text(const char *now, const char *before)
{
    char why[200] = "";
    struct profile *profile = profile_new();
    assert_true(profile_read(str_from(now), profile, why, sizeof(why)));
    if (before != NULL) {
        profile_second_side(profile);
        assert_true(profile_read(str_from(before), profile, why, sizeof(why)));
    }
    return profile;
}

/* Of the profile, which the tree keeps. */
static struct flame *
make(struct profile *profile, enum flame_part part)
{
    struct flame_options options = {.part = part};
    struct flame *flame = flame_new(profile, &options);
    assert_non_null(flame);
    assert_true(flame_step(flame, INT64_MAX) && !flame->failed);
    profile_release(profile);
    return flame;
}

static void
write_as(const struct flame *flame, const char *path, struct buf *out)
{
    char why[200] = "";
    buf_init(out, 1 << 20);
    if (!profile_write(flame, "a \"title\" <&> \xff", path, out, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    buf_putc(out, '\0');
    out->n--;
}

static const char folded[] = "main;a;b 3\nmain;c 7\nmain;a 2.5\n";

static void
test_write__folded_is_read_back(void **state)
{
    (void)state;
    struct flame *flame = make(read_text(folded, NULL), FLAME_WHOLE);
    struct buf out;
    write_as(flame, "x.folded", &out);
    assert_string_equal(out.data, "main;a 2.5\nmain;a;b 3\nmain;c 7\n");
    buf_done(&out);
    flame_free(flame);
}

static void
test_write__folded_of_a_comparison_has_both(void **state)
{
    (void)state;
    struct flame *flame = make(read_text("main;a 3\nmain;c 7\n", "main;a 10\nmain;z 10\n"), 0);
    struct buf out;
    write_as(flame, "x.txt", &out);
    assert_string_equal(out.data, "main;a 10 3\nmain;c 0 7\nmain;z 10 0\n");
    buf_done(&out);
    flame_free(flame);
}

static const char evented[] =
    "{\"shared\":{\"frames\":[{\"name\":\"main\"},{\"name\":\"a\",\"file\":\"a.c\"}]},\"profiles\":"
    "[{"
    "\"type\":\"evented\",\"name\":\"t\",\"unit\":\"milliseconds\",\"startValue\":0,\"endValue\":"
    "20,"
    "\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":2},{\"type\":\"O\",\"frame\":1,\"at\":3},"
    "{\"type\":\"C\",\"frame\":1,\"at\":5},{\"type\":\"O\",\"frame\":1,\"at\":7},"
    "{\"type\":\"C\",\"frame\":1,\"at\":9},{\"type\":\"C\",\"frame\":0,\"at\":12}]}]}";

static void
test_write__speedscope_is_read_back(void **state)
{
    (void)state;
    struct flame *flame = make(read_text(folded, NULL), FLAME_WHOLE);
    struct buf out;
    write_as(flame, "x.speedscope.json", &out);
    struct flame *again = make(read_text(out.data, NULL), FLAME_WHOLE);
    assert_int_equal(again->count, flame->count);
    assert_true(again->total[0][0] == 12.5);
    buf_done(&out);
    flame_free(again);
    flame_free(flame);
}

/* Calls stay calls: they come back where they were. */
static void
test_write__speedscope_keeps_the_order_of_time(void **state)
{
    (void)state;
    struct flame *flame = make(read_text(evented, NULL), FLAME_TIMED);
    struct buf out;
    write_as(flame, "x.speedscope.json", &out);
    assert_non_null(strstr(out.data, "\"evented\""));
    struct flame *again = make(read_text(out.data, NULL), FLAME_TIMED);
    assert_int_equal(again->count, 4);
    for (uint32_t i = 1; i < again->count; i++) {
        assert_true(again->start[i] == flame->start[i]);
        assert_true(again->total[0][i] == flame->total[0][i]);
    }
    assert_true(again->total[0][0] == 20);
    buf_done(&out);
    flame_free(again);
    flame_free(flame);
}

static double
number_at(const cJSON *nodes, const char *column, int row)
{
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(nodes, column), row);
    return cJSON_IsNumber(item) ? item->valuedouble : cJSON_IsNull(item) ? -1 : NAN;
}

static const char *
text_at(const cJSON *frames, const char *column, int row)
{
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(frames, column), row);
    return cJSON_IsString(item) ? item->valuestring : cJSON_IsNull(item) ? "null" : "";
}

static void
test_write__json_has_the_tree_by_columns(void **state)
{
    (void)state;
    struct flame *flame = make(read_text(evented, NULL), FLAME_TIMED);
    struct buf out;
    write_as(flame, "x.json", &out);
    cJSON *root = cJSON_Parse(out.data);
    assert_non_null(root);
    assert_string_equal(cJSON_GetObjectItem(root, "format")->valuestring, "flametop-flame");
    assert_string_equal(cJSON_GetObjectItem(root, "title")->valuestring,
                        "a \"title\" <&> \xEF\xBF\xBD");
    assert_string_equal(cJSON_GetObjectItem(root, "unit")->valuestring, "s");
    assert_string_equal(cJSON_GetObjectItem(root, "order")->valuestring, "time");
    const cJSON *frames = cJSON_GetObjectItem(root, "frames");
    const cJSON *nodes = cJSON_GetObjectItem(root, "nodes");
    static const struct {
        double parent, frame, self, total, start;
    } rows[] = {{-1, -1, 0.010, 0.020, 0},
                {0, 0, 0.006, 0.010, 0.002},
                {1, 1, 0.002, 0.002, 0.003},
                {1, 1, 0.002, 0.002, 0.007}};
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(nodes, "parent")), ARRAY_SIZE(rows));
    for (int i = 0; i < (int)ARRAY_SIZE(rows); i++) {
        assert_true(number_at(nodes, "parent", i) == rows[i].parent);
        assert_true(number_at(nodes, "frame", i) == rows[i].frame);
        assert_true(fabs(number_at(nodes, "self", i) - rows[i].self) < 1e-12);
        assert_true(fabs(number_at(nodes, "total", i) - rows[i].total) < 1e-12);
        assert_true(fabs(number_at(nodes, "start", i) - rows[i].start) < 1e-12);
    }
    assert_string_equal(text_at(frames, "name", 0), "main");
    assert_string_equal(text_at(frames, "module", 0), "null");
    assert_string_equal(text_at(frames, "module", 1), "a.c");
    cJSON_Delete(root);
    buf_done(&out);
    flame_free(flame);
}

static void
test_write__json_of_a_comparison_has_both_as_measured(void **state)
{
    (void)state;
    struct flame *flame = make(read_text("main;a 3\nmain;c 7\n", "main;a 10\nmain;z 10\n"), 0);
    struct buf out;
    write_as(flame, "x.json", &out);
    cJSON *root = cJSON_Parse(out.data);
    const cJSON *nodes = cJSON_GetObjectItem(root, "nodes");
    assert_true(number_at(nodes, "total", 0) == 10 && number_at(nodes, "total_before", 0) == 20);
    assert_true(number_at(nodes, "total", 2) == 7 && number_at(nodes, "total_before", 2) == 0);
    assert_true(number_at(nodes, "self", 3) + number_at(nodes, "self", 4) == 3);
    cJSON_Delete(root);
    buf_done(&out);
    flame_free(flame);
}

static void
test_write__svg_escapes_and_shows_every_call(void **state)
{
    (void)state;
    struct flame *flame = make(read_text("main;vector<int>&;\"x\" 3\nmain;c 7\n", NULL), 0);
    struct buf out;
    write_as(flame, "x.svg", &out);
    assert_non_null(strstr(out.data, "data-n=\"vector&lt;int&gt;&amp;\""));
    assert_non_null(strstr(out.data, "data-n=\"&quot;x&quot;\""));
    assert_non_null(strstr(out.data, "a &quot;title&quot; &lt;&amp;&gt;"));
    assert_null(strstr(out.data, "<int>"));
    size_t calls = 0;
    for (const char *at = out.data; (at = strstr(at, "class=\"f\"")) != NULL; at++) {
        calls++;
    }
    assert_int_equal(calls, flame->count);
    buf_done(&out);
    flame_free(flame);
}

static void
test_write__svg_names_what_is_gone(void **state)
{
    (void)state;
    struct flame *flame = make(read_text("main;a 3\nmain;c 7\n", "main;<z> 15\nmain;y 5\n"), 0);
    struct buf out;
    write_as(flame, "x.svg", &out);
    assert_non_null(strstr(out.data, ">gone: &lt;z&gt; 75.0 %, y 25.0 %</text>"));
    buf_done(&out);
    flame_free(flame);
}

static void
test_write__says_what_it_would_be_larger_than(void **state)
{
    (void)state;
    enum { FRAMES = 300, NAME = 4000 };
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1), node = 0;
    for (int i = 0; i < FRAMES; i++) {
        char name[NAME + 1];
        snprintf(name, sizeof(name), "%*d", NAME, i);
        node = profile_child(profile, node, profile_frame(profile, str_from(name), STR("")));
    }
    profile_put(profile, node, measure, 1);
    struct flame *flame = make(profile, FLAME_WHOLE);
    char why[200] = "";
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_false(profile_write(flame, "", "x.folded", &out, why, sizeof(why)));
    assert_string_equal(why, "x.folded: it would be larger than 1 MiB");
    buf_done(&out);
    flame_free(flame);
}

static void
test_write__says_which_endings_there_are(void **state)
{
    (void)state;
    char why[200] = "";
    struct buf out;
    struct flame *flame = make(read_text(folded, NULL), 0);
    buf_init(&out, 1 << 20);
    assert_false(profile_write(flame, "", "x.png", &out, why, sizeof(why)));
    assert_non_null(strstr(why, "x.png: give the file a name that ends in .svg"));
    buf_done(&out);
    flame_free(flame);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write__folded_is_read_back),
        cmocka_unit_test(test_write__folded_of_a_comparison_has_both),
        cmocka_unit_test(test_write__speedscope_is_read_back),
        cmocka_unit_test(test_write__speedscope_keeps_the_order_of_time),
        cmocka_unit_test(test_write__json_has_the_tree_by_columns),
        cmocka_unit_test(test_write__json_of_a_comparison_has_both_as_measured),
        cmocka_unit_test(test_write__svg_escapes_and_shows_every_call),
        cmocka_unit_test(test_write__svg_names_what_is_gone),
        cmocka_unit_test(test_write__says_what_it_would_be_larger_than),
        cmocka_unit_test(test_write__says_which_endings_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
