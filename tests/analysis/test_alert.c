/* Findings from the alerts of another end. */
#include "../check.h"

#include <string.h>

#include "flametop/analysis/table.h"
#include "flametop/base/macros.h"
#include "flametop/core/alert.h"
#include "flametop/core/analyzer.h"

static const struct analyzer *
alert_analyzer(void)
{
    for (size_t i = 0; i < analyzer_table_count; i++) {
        if (strcmp(analyzer_table[i]->name, "alert") == 0) {
            return analyzer_table[i];
        }
    }
    fail_msg("there is no analyzer of alerts");
    return NULL;
}

struct row {
    const char *name, *state, *instance, *summary;
    int64_t level, since_s;
};

static void
run(struct picture *picture, const struct row *rows, size_t count, struct findings *findings)
{
    const struct analyzer *analyzer = alert_analyzer();
    struct table *table = table_new(&picture->arena, &alert_table, count);
    for (size_t i = 0; i < count; i++) {
        union cell *row = table_add(table, &picture->arena);
        row[ALERT_KEY].text = rows[i].name;
        row[ALERT_NAME].text = rows[i].name;
        row[ALERT_STATE].text = rows[i].state;
        row[ALERT_INSTANCE].text = rows[i].instance;
        row[ALERT_SUMMARY].text = rows[i].summary;
        row[ALERT_LEVEL].integer = rows[i].level;
        row[ALERT_SINCE].integer = rows[i].since_s;
    }
    picture->tables = arena_news(&picture->arena, struct table *, 1);
    picture->tables[0] = table;
    picture->table_count = 1;
    picture->wall_ns = 5000 * NS_PER_S;
    void *state = analyzer->open(picture->catalog);
    analyzer->run(state, picture, findings);
    analyzer->close(state);
}

static void
test_alert__tells_of_what_fires(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Down", "firing", "web-01", "web-01 is down", LEVEL_CRITICAL, 4000},
        {"Slow", "pending", "web-02", "slow", LEVEL_WARNING, 4000},
        {"Watchdog", "firing", NULL, "always", LEVEL_NORMAL, 4000},
        {"Full", "firing", "web-03", NULL, CELL_UNKNOWN, CELL_UNKNOWN},
        {NULL, NULL, NULL, NULL, 99, INT64_MAX},
        {NULL, "firing", NULL, NULL, 99, INT64_MAX},
    };
    struct catalog *catalog = catalog_new(10);
    struct picture *picture = picture_new(catalog, 1 << 20);
    struct findings findings = {.arena = &picture->arena, .looked_at = "cpu"};
    run(picture, rows, ARRAY_SIZE(rows), &findings);
    assert_int_equal(findings.count, 3);
    assert_string_equal(findings.list[0].sentence, "Down: web-01 is down");
    assert_string_equal(findings.list[0].id, "alert:Down");
    assert_int_equal(findings.list[0].level, LEVEL_CRITICAL);
    assert_int_equal(findings.list[0].since_wall_ns, 4000 * NS_PER_S);
    assert_string_equal(findings.list[1].sentence, "Full at web-03");
    assert_int_equal(findings.list[1].level, LEVEL_WARNING);
    assert_int_equal(findings.list[1].since_wall_ns, 5000 * NS_PER_S);
    assert_string_equal(findings.list[2].sentence, "an alert without a name");
    assert_string_equal(findings.looked_at, "cpu, alerts");
    picture_release(picture);
    catalog_free(catalog);
}

static void
test_alert__says_nothing_without_a_table(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(10);
    struct picture *picture = picture_new(catalog, 1 << 20);
    struct findings findings = {.arena = &picture->arena, .looked_at = ""};
    const struct analyzer *analyzer = alert_analyzer();
    void *own = analyzer->open(catalog);
    analyzer->run(own, picture, &findings);
    analyzer->close(own);
    assert_int_equal(findings.count, 0);
    assert_string_equal(findings.looked_at, "");
    picture_release(picture);
    catalog_free(catalog);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert__tells_of_what_fires),
        cmocka_unit_test(test_alert__says_nothing_without_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
