/* Labels and the catalog. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/metric.h"

static const struct metric metrics[] = {
    {.name = "a", .unit = "s", .labels = "k", .text = "A.", .warning = 0.5, .critical = 0.9},
    {.name = "b", .unit = "By", .labels = "", .text = "B."},
};

static void
test_metric__labels_come_back_whatever_they_hold(void **state)
{
    (void)state;
    static const char *const values[] = {
        "", "plain", "a,b", "a=b", "a\\b", "\\", ",", "=", "\\,=", "two words", "ü", "a,b=c\\d,e=f",
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
            char labels[128] = "", plain[64];
            struct str value, rest, key;
            labels_add(labels, sizeof(labels), "one", str_from(values[i]));
            labels_add(labels, sizeof(labels), "two", str_from(values[j]));
            assert_true(labels_get(labels, "one", &value));
            assert_string_equal(labels_unescape(value, plain, sizeof(plain)), values[i]);
            assert_true(labels_get(labels, "two", &value));
            assert_string_equal(labels_unescape(value, plain, sizeof(plain)), values[j]);
            assert_false(labels_get(labels, "three", &value));
            rest = str_from(labels);
            assert_true(labels_next(&rest, &key, &value) && str_is(key, "one"));
            assert_true(labels_next(&rest, &key, &value) && str_is(key, "two"));
            assert_false(labels_next(&rest, &key, &value));
        }
    }
}

/* Whatever the size: ended, within it, never half an escape. */
static void
test_metric__labels_are_cut_to_size(void **state)
{
    (void)state;
    for (size_t size = 1; size < 24; size++) {
        char labels[32];
        memset(labels, 'x', sizeof(labels));
        labels[0] = 0;
        labels_add(labels, size, "key", STR("a,b=c\\\\d"));
        assert_true(strlen(labels) < size);
        assert_true(labels[size] == 'x');
        size_t slashes = 0, n = strlen(labels);
        while (slashes < n && labels[n - 1 - slashes] == '\\') {
            slashes++;
        }
        assert_true(slashes % 2 == 0);
    }
}

static void
test_metric__hostile_labels_are_read_to_their_end(void **state)
{
    (void)state;
    static const struct {
        const char *labels;
        size_t pairs;
    } rows[] = {{"", 0},     {",", 1},    {",,", 2},        {"=", 1},    {"a", 1},
                {"a=\\", 1}, {"a=1,", 1}, {"\\,=,=\\=", 2}, {"a=b=c", 1}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct str rest = str_from(rows[i].labels), key, value;
        size_t pairs = 0;
        while (labels_next(&rest, &key, &value)) {
            pairs++;
            assert_true(pairs < 10);
        }
        assert_int_equal(pairs, rows[i].pairs);
    }
    char small[1];
    assert_string_equal(labels_unescape(STR("abc"), small, sizeof(small)), "");
}

static void
test_metric__names_and_series_are_interned(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(3);
    catalog_add(catalog, metrics, ARRAY_SIZE(metrics));
    catalog_add(catalog, metrics, ARRAY_SIZE(metrics));
    assert_ptr_equal(catalog_metric_at(catalog, 1), &metrics[1]);
    assert_null(catalog_metric_at(catalog, 2));
    catalog_add_alias(catalog, "alpha", "a");
    assert_ptr_equal(catalog_metric(catalog, "alpha"), &metrics[0]);
    assert_null(catalog_metric(catalog, "beta"));
    const struct series *first = catalog_series(catalog, &metrics[0], "k=1");
    assert_int_equal(first->id, 0);
    assert_ptr_equal(catalog_series(catalog, &metrics[0], "k=1"), first);
    assert_int_equal(catalog_series(catalog, &metrics[1], "k=1")->id, 1);
    assert_int_equal(catalog_series(catalog, &metrics[1], NULL)->id, 2);
    assert_null(catalog_series(catalog, &metrics[0], "k=2"));
    assert_int_equal(catalog_series_refused(catalog), 1);
    assert_int_equal(catalog_series_count(catalog), 3);
    assert_ptr_equal(catalog_series(catalog, &metrics[1], ""),
                     catalog_series(catalog, &metrics[1], NULL));
    catalog_free(catalog);
}

static void
test_metric__define_copies_what_is_unknown(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(3);
    catalog_add(catalog, metrics, ARRAY_SIZE(metrics));
    char name[] = "new", unit[] = "By";
    struct metric like = {.name = name,
                          .unit = unit,
                          .labels = "",
                          .text = "",
                          .formula = "a",
                          .kind = METRIC_COUNTER};
    const struct metric *made = catalog_define(catalog, &like);
    name[0] = unit[0] = 'x';
    assert_ptr_equal(catalog_metric(catalog, "new"), made);
    assert_string_equal(made->unit, "By");
    assert_true(made->kind == METRIC_COUNTER && made->formula == NULL);
    like.name = "a";
    assert_ptr_equal(catalog_define(catalog, &like), &metrics[0]);
    catalog_free(catalog);
}

static void
test_metric__the_catalog_is_bounded(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(3);
    size_t made = 0;
    for (unsigned i = 0; i < 6000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m.%u", i);
        struct metric like = {.name = name, .unit = "", .labels = "", .text = ""};
        made += catalog_define(catalog, &like) != NULL;
    }
    assert_int_equal(made, 4096);
    assert_non_null(catalog_metric(catalog, "m.4095"));
    assert_null(catalog_metric(catalog, "m.4096"));
    catalog_free(catalog);
}

static void
test_metric__thresholds_can_be_overridden(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(3);
    double warning = 7, critical = 7;
    catalog_add(catalog, metrics, ARRAY_SIZE(metrics));
    assert_false(catalog_thresholds(catalog, &metrics[1], &warning, &critical));
    assert_true(warning == 7 && critical == 7);
    assert_true(catalog_thresholds(catalog, &metrics[0], &warning, &critical));
    assert_true(warning == 0.5 && critical == 0.9);
    catalog_set_thresholds(catalog, &metrics[1], 1, 2);
    assert_true(catalog_thresholds(catalog, &metrics[1], &warning, &critical));
    assert_true(warning == 1 && critical == 2);
    catalog_free(catalog);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metric__labels_come_back_whatever_they_hold),
        cmocka_unit_test(test_metric__labels_are_cut_to_size),
        cmocka_unit_test(test_metric__hostile_labels_are_read_to_their_end),
        cmocka_unit_test(test_metric__names_and_series_are_interned),
        cmocka_unit_test(test_metric__define_copies_what_is_unknown),
        cmocka_unit_test(test_metric__the_catalog_is_bounded),
        cmocka_unit_test(test_metric__thresholds_can_be_overridden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
