/* The layers, their precedence, and the sentences for what is wrong. */
#include "../check.h"
#include "flametop/base/macros.h"
#include "flametop/config/alias.h"
#include "flametop/config/option.h"
#include "flametop/config/paths.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct metric metrics[] = {
    {.name = "system.cpu.utilization",
     .unit = "1",
     .labels = "",
     .text = "",
     .better = BETTER_LOWER,
     .warning = 0.8,
     .critical = 0.95},
    {.name = "system.disk.io",
     .unit = "By",
     .labels = "device",
     .text = "",
     .kind = METRIC_COUNTER},
    {.name = "cache.hit.ratio", .unit = "1", .labels = "", .text = "", .better = BETTER_HIGHER},
    {.name = "system.disk.io.half",
     .unit = "By/s",
     .labels = "device",
     .text = "",
     .formula = "system.disk.io / 2"},
};

struct world {
    struct catalog *catalog;
    struct config *config;
    struct buf errors;
};

static void
world_init(struct world *world)
{
    world->catalog = catalog_new(16);
    catalog_add(world->catalog, metrics, ARRAY_SIZE(metrics));
    alias_add_all(world->catalog);
    world->config = config_new(world->catalog);
    assert_non_null(world->config);
    buf_init(&world->errors, 65536);
    buf_puts(&world->errors, "");
}

static void
world_done(struct world *world)
{
    config_free(world->config);
    catalog_free(world->catalog);
    buf_done(&world->errors);
}

static void
test_config__says_what_is_wrong_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *errors;
    } rows[] = {
        {"interval: 2s\ntheme: light\n", ""},
        {"", ""},
        {"mappings:\n  /pools/*/busy.now: {name: pool.busy, unit: ms, kind: gauge, max: 50}\n", ""},
        {"mappings:\n  /a: {kind: level}\n",
         "f:2:14: mappings./a.kind: 'level' is none of: gauge counter\n"},
        {"mappings:\n  /a: {nam: b}\n",
         "f:2:13: mappings./a.nam: no such setting of a mapping; did you mean name?\n"},
        {"mappings:\n  a: {name: b}\n",
         "f:2:13: mappings.a.name: a JSON pointer begins with '/': /pools/0/busy\n"},
        {"mappings:\n  /a: b\n", "f:2:7: mappings./a: write mappings: POINTER: {name: value}\n"},
        {"# all of it\n# is commented\n", ""},
        {"thresholds:\n# none\nhistory:\n", ""},
        {"interval: 5\n", "f:1:11: interval: 5: did you mean 5s?\n"},
        {"intervall: 5s\n", "f:1:1: intervall: no such setting; did you mean interval?\n"},
        {"bytes: 1MiB\n", "f:1:1: bytes: no such setting; did you mean traces.bytes?\n"},
        {"history:\n  byte: 1MiB\n",
         "f:2:3: history.byte: no such setting; did you mean history.bytes?\n"},
        {"xyzzy: 1\n", "f:1:1: xyzzy: no such setting\n"},
        {"history: 5\n", "f:1:10: history: has settings below it and no value of its own\n"},
        {"theme:\n", "f:1:7: theme: has no value (leave the line out for the default)\n"},
        {"theme: {a: b}\n", "f:1:8: theme: takes a value, not keys below it\n"},
        {"theme: [a, b]\n", "f:1:8: theme: takes one value, not a list\n"},
        {"processes: {pids: [1, [2]]}\n",
         "f:1:23: processes.pids: an item of the list is not plain text\n"},
        {"theme: a\ntheme: b\n", "f:2:1: theme: is set twice (first on line 1)\n"},
        {"interval: 1s\nrefresh_interval: 2s\n",
         "f:2:19: refresh_interval: is set twice (first on line 1)\n"},
        {"history.bytes: 1MiB\nhistory:\n  bytes: 2MiB\n",
         "f:3:10: history.bytes: is set twice (first on line 1)\n"},
        {"- a\n", "f:1:1: settings are written as key: value\n"},
        {"interval: 5\ntheme: x\nglyphs: y\nmous: no\n",
         "f:1:11: interval: 5: did you mean 5s?\n"
         "f:3:9: glyphs: 'y' is none of: auto ascii blocks braille\n"
         "f:4:1: mous: no such setting; did you mean mouse?\n"},
        {"thresholds:\n  system.cpu.utilization: {warning: 70, critical: 90%}\n",
         "f:2:37: thresholds.system.cpu.utilization.warning: 70: did you mean 70% or 7000%?\n"},
        {"thresholds:\n  system.cpu.utilisation: {warning: 70%}\n",
         "f:2:3: thresholds.system.cpu.utilisation: no such metric; did you mean "
         "system.cpu.utilization?\n"},
        {"thresholds:\n  system.cpu.utilization: {warn: 70%}\n",
         "f:2:34: thresholds.system.cpu.utilization.warn: no such setting of a metric\n"},
        {"thresholds:\n  system.cpu.utilization: 70%\n",
         "f:2:27: thresholds.system.cpu.utilization: write thresholds: METRIC: warning: value\n"},
        {"thresholds:\n  cache.hit.ratio: {warning: 50%, critical: 80%}\n",
         "f:2:45: thresholds.cache.hit.ratio.critical: must not be above the warning\n"},
        {"intervall: 1s\nthresholds:\n  cache.hit.ratio:\n    critical: 80%\n    warning: 50%\n"
         "mous: no\n",
         "f:1:1: intervall: no such setting; did you mean interval?\n"
         "f:4:15: thresholds.cache.hit.ratio.critical: must not be above the warning\n"
         "f:6:1: mous: no such setting; did you mean mouse?\n"},
        {"thresholds:\n  - {warning: 50%}\n",
         "f:2:5: thresholds: an item of the list needs a key metric\n"},
        {"metrics:\n  system.disk.io: {percentiles: [50, 101]}\n",
         "f:2:33: metrics.system.disk.io.percentiles: 101 is out of bounds (0 to 100)\n"},
        {"metrics:\n  system.disk.io: {percentiles: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n",
         "f:2:33: metrics.system.disk.io.percentiles: has more than 8 percentiles\n"},
        {"metrics:\n  system.disk.io.half: {interval: 5s}\n",
         "f:2:35: metrics.system.disk.io.half.interval: is derived and never kept itself; set the "
         "interval of what it "
         "is made of: system.disk.io / 2\n"},
        {"keys:\n  processes: kill\n",
         "f:2:14: keys.processes: write keys: CONTEXT: KEY: command\n"},
        {"theme: \"a\\0b\"\n", "f:1:8: theme: the text contains a NUL character\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct world world;
        world_init(&world);
        bool ok = config_read_text(world.config, str_from(rows[i].text), "f", &world.errors);
        assert_string_equal(world.errors.data, rows[i].errors);
        assert_int_equal(ok, rows[i].errors[0] == 0);
        world_done(&world);
    }
}

static void
test_config__what_is_right_is_set_beside_errors(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    assert_false(
        config_read_text(world.config, STR("interval: 5\ntheme: light\n"), "f", &world.errors));
    assert_true(config_integer(world.config, "interval") == NS_PER_S);
    assert_string_equal(config_text(world.config, "theme"), "light");
    assert_string_equal(config_origin(world.config, "theme"), "f:2");
    assert_string_equal(config_origin(world.config, "interval"), "default");
    world_done(&world);
}

static void
test_config__later_layers_win(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char *environment[] = {(char[]){"HOME=/root"}, (char[]){"FLAMETOP_GLYPHS=ascii"},
                           (char[]){"FLAMETOP_HISTORY_BYTES=8MiB"}, NULL};
    assert_true(config_read_text(world.config, STR("glyphs: blocks\ntheme: light\nspan: 1h\n"),
                                 "etc", &world.errors));
    assert_true(config_read_text(world.config, STR("glyphs: braille\ntheme: mono\n"), "home",
                                 &world.errors));
    assert_true(config_read_environment(world.config, environment, &world.errors));
    assert_true(
        config_set(world.config, "history.bytes", "1MiB", "--history-bytes", &world.errors));
    assert_string_equal(config_text(world.config, "glyphs"), "ascii");
    assert_int_equal(config_integer(world.config, "glyphs"), 1);
    assert_string_equal(config_text(world.config, "theme"), "mono");
    assert_true(config_integer(world.config, "span") == 3600 * NS_PER_S);
    assert_true(config_integer(world.config, "history.bytes") == 1 << 20);
    assert_string_equal(config_origin(world.config, "glyphs"), "FLAMETOP_GLYPHS");
    assert_string_equal(config_origin(world.config, "history.bytes"), "--history-bytes");
    world_done(&world);
}

static void
test_config__no_color_yields_to_the_users_own_words(void **state)
{
    (void)state;
    struct world world;
    char *environment[] = {(char[]){"NO_COLOR=1"}, NULL};
    world_init(&world);
    assert_true(config_read_environment(world.config, environment, &world.errors));
    assert_string_equal(config_text(world.config, "colours"), "mono");
    world_done(&world);
    world_init(&world);
    assert_true(config_read_text(world.config, STR("colours: 16\n"), "f", &world.errors));
    assert_true(config_read_environment(world.config, environment, &world.errors));
    assert_string_equal(config_text(world.config, "colours"), "16");
    world_done(&world);
}

static void
test_config__environment_errors_name_the_variable(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char *environment[] = {(char[]){"FLAMETOP_INTERVAL=5"}, (char[]){"FLAMETOP_THEEM=x"},
                           (char[]){"FLAMETOP_SOURCE=/src"}, NULL};
    assert_false(config_read_environment(world.config, environment, &world.errors));
    assert_string_equal(world.errors.data,
                        "FLAMETOP_INTERVAL: 5: did you mean 5s?\n"
                        "FLAMETOP_THEEM: no such setting; did you mean FLAMETOP_THEME?\n");
    assert_false(config_set(world.config, "thema", "x", "--set", &world.errors));
    assert_non_null(
        strstr(world.errors.data, "--set: thema: no such setting; did you mean theme?\n"));
    world_done(&world);
}

static void
test_config__thresholds_reach_the_catalog(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "thresholds:\n  cpu_percent: {warning: 50%}\n  system.disk.io: {critical: 100MB/s}\n",
        "thresholds.system.cpu.utilization.warning: 0.5\nthresholds.system.disk.io.critical: "
        "100MB\n",
        "thresholds:\n  - {metric: system.cpuUsage, warning: 50, unit: '%', description: busy}\n"
        "  - {metric: system.disk.io, critical: 100, unit: MB}\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct world world;
        double warning, critical;
        world_init(&world);
        config_read_text(world.config, str_from(texts[i]), "f", &world.errors);
        assert_string_equal(world.errors.data, "");
        config_apply(world.config, world.catalog);
        assert_true(catalog_thresholds(world.catalog, &metrics[0], &warning, &critical));
        assert_true(warning == 0.5 && critical == 0.95);
        assert_true(catalog_thresholds(world.catalog, &metrics[1], &warning, &critical));
        assert_true(isnan(warning) && critical == 1e8);
        assert_false(catalog_thresholds(world.catalog, &metrics[2], &warning, &critical));
        world_done(&world);
    }
}

static void
test_config__sections_are_read_back(void **state)
{
    (void)state;
    struct world world;
    struct config_key key;
    world_init(&world);
    assert_true(config_read_text(
        world.config,
        STR("keys:\n  everywhere: {\".\": page.next, Q: quit}\n  processes: {K: signal}\n"
            "metrics:\n  cpu_percent: {interval: 5s, percentiles: [50, 99.9]}\n"),
        "f", &world.errors));
    assert_true(config_key(world.config, 0, &key));
    assert_string_equal(key.context, "everywhere");
    assert_string_equal(key.key, ".");
    assert_string_equal(key.command, "page.next");
    assert_true(config_key(world.config, 2, &key));
    assert_string_equal(key.command, "signal");
    assert_false(config_key(world.config, 3, &key));
    config_apply(world.config, world.catalog);
    struct metric_settings settings = catalog_settings(world.catalog, &metrics[0]);
    assert_true(settings.interval_ns == 5 * NS_PER_S);
    assert_int_equal(settings.percentile_count, 2);
    assert_true(settings.percentiles[0] == 50 && settings.percentiles[1] == 99.9);
    settings = catalog_settings(world.catalog, &metrics[1]);
    assert_true(settings.interval_ns == 0 && settings.percentile_count == 0);
    world_done(&world);
}

static bool
refuse_light(void *context, const char *name, const char *value, char *why, size_t why_size)
{
    (void)context;
    if (strcmp(name, "theme") == 0 && strcmp(value, "light") == 0) {
        snprintf(why, why_size, "too bright");
        return false;
    }
    if (strcmp(name, "keys.processes") == 0) {
        snprintf(why, why_size, "not %s", value);
        return false;
    }
    return true;
}

static void
test_config__upper_layers_check_what_they_know(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    config_set_check(world.config, (struct config_check){refuse_light, NULL});
    assert_false(config_read_text(
        world.config, STR("theme: light\nkeys: {processes: {K: signal}}\n"), "f", &world.errors));
    assert_string_equal(world.errors.data,
                        "f:1:8: theme: too bright\nf:2:23: keys.processes.K: not K signal\n");
    assert_string_equal(config_text(world.config, "theme"), "dark");
    world_done(&world);
}

/* Values without their origins, which differ. */
static void
without_comments(struct buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < text->n; i++) {
        if (text->data[i] == '#' &&
            (i == 0 || text->data[i - 1] == ' ' || text->data[i - 1] == '\n')) {
            while (i < text->n && text->data[i] != '\n') {
                i++;
            }
        }
        text->data[n++] = text->data[i];
    }
    text->n = n;
    text->data[n] = 0;
}

static void
test_config__print_reads_back_the_same(void **state)
{
    (void)state;
    struct world world, again;
    struct buf first, second;
    world_init(&world);
    world_init(&again);
    buf_init(&first, 65536);
    buf_init(&second, 65536);
    assert_true(config_read_text(
        world.config,
        STR("theme: \"it's a \\\"theme\\\" é\\t\\x1b:-\"\ninterval: 250ms\nprocesses: {pids: [1, "
            "2], users: ['a b']}\n"
            "thresholds:\n  system.cpu.utilization: {warning: 55%, critical: none}\n"
            "  system.disk.io: {warning: 3GB/s}\n"
            "metrics: {system.disk.io: {interval: 90s, percentiles: [50, 99.9]}}\n"
            "keys:\n  everywhere: {\".\": page.next, '\"': quit}\n"),
        "f", &world.errors));
    config_print(world.config, &first);
    assert_non_null(strstr(first.data, "interval: 250ms  # f:2\n"));
    assert_non_null(strstr(first.data, "glyphs: auto  # default\n"));
    config_read_text(again.config, (struct str){first.data, first.n}, "printed", &again.errors);
    assert_string_equal(again.errors.data, "");
    config_print(again.config, &second);
    without_comments(&first);
    without_comments(&second);
    assert_string_equal(first.data, second.data);
    buf_done(&first);
    buf_done(&second);
    world_done(&world);
    world_done(&again);
}

static void
test_config__a_missing_file_is_an_error_only_when_required(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    assert_true(config_read_file(world.config, "/nonexistent/config.yml", false, &world.errors));
    assert_string_equal(world.errors.data, "");
    assert_false(config_read_file(world.config, "/nonexistent/config.yml", true, &world.errors));
    assert_string_equal(world.errors.data,
                        "/nonexistent/config.yml: cannot be read: No such file or directory\n");
    world_done(&world);
}

static void
test_config__user_path_follows_xdg(void **state)
{
    (void)state;
    char path[128];
    assert_true(paths_user((char *[]){(char[]){"HOME=/h"}, (char[]){"XDG_CONFIG_HOME=/x"}, NULL},
                           "config.yml", path, sizeof(path)));
    assert_string_equal(path, "/x/flametop/config.yml");
    assert_true(paths_user((char *[]){(char[]){"HOME=/h"}, (char[]){"XDG_CONFIG_HOME=x"}, NULL},
                           "config.yml", path, sizeof(path)));
    assert_string_equal(path, "/h/.config/flametop/config.yml");
    assert_false(paths_user((char *[]){NULL}, "config.yml", path, sizeof(path)));
    assert_false(paths_user((char *[]){(char[]){"HOME=/h"}, NULL}, "config.yml", path, 10));
}

static void
test_config__mappings_come_as_one_for_each_pointer(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    static const char text[] =
        "mappings:\n"
        "  /pools/*/busy.now: {name: pool.busy, unit: ms, max: 50, warning: 40, critical: 45}\n"
        "  /n: {kind: counter}\n";
    struct config_mapping mapping;
    config_read_text(world.config, STR("mappings: {/n: {kind: gauge, max: 7}}\n"), "e",
                     &world.errors);
    config_read_text(world.config, str_from(text), "f", &world.errors);
    assert_true(config_mapping(world.config, 0, &mapping));
    assert_string_equal(mapping.pointer, "/n");
    assert_string_equal(mapping.kind, "counter");
    assert_null(mapping.name);
    assert_true(mapping.max == 7);
    assert_true(config_mapping(world.config, 1, &mapping));
    assert_string_equal(mapping.pointer, "/pools/*/busy.now");
    assert_string_equal(mapping.name, "pool.busy");
    assert_string_equal(mapping.unit, "ms");
    assert_true(mapping.max == 50 && mapping.warning == 40 && mapping.critical == 45);
    assert_false(config_mapping(world.config, 2, &mapping));
    struct config_key key;
    assert_false(config_key(world.config, 0, &key));
    struct buf out;
    buf_init(&out, 1 << 20);
    config_print(world.config, &out);
    assert_non_null(strstr(out.data, "mappings:\n"));
    assert_non_null(strstr(out.data, "    unit: \"ms\"  # f:2\n"));
    buf_done(&out);
    world_done(&world);
}

/* Beside mappings, whose names begin with a slash. */
static void
test_config__pools_come_as_one_for_each_name(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    static const char text[] = "mappings: {/n: {kind: counter}}\n"
                               "pools:\n"
                               "  app.main: {call: 'my:stats()', rows: ., busy: stats/busy}\n"
                               "  rabbitmq: {queue: 2, wrong: 1}\n";
    struct config_pool pool;
    struct config_mapping mapping;
    assert_false(config_read_text(world.config, str_from(text), "f", &world.errors));
    assert_non_null(strstr(world.errors.data, "f:4:31: pools.rabbitmq.wrong: no such setting of a "
                                              "pool"));
    assert_true(config_pool(world.config, 0, &pool));
    assert_string_equal(pool.name, "app.main");
    assert_string_equal(pool.call, "my:stats()");
    assert_string_equal(pool.rows, ".");
    assert_string_equal(pool.busy, "stats/busy");
    assert_null(pool.queue);
    assert_true(config_pool(world.config, 1, &pool));
    assert_string_equal(pool.queue, "2");
    assert_false(config_pool(world.config, 2, &pool));
    assert_true(config_mapping(world.config, 0, &mapping));
    assert_string_equal(mapping.pointer, "/n");
    assert_false(config_mapping(world.config, 1, &mapping));
    world_done(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__pools_come_as_one_for_each_name),
        cmocka_unit_test(test_config__says_what_is_wrong_and_where),
        cmocka_unit_test(test_config__mappings_come_as_one_for_each_pointer),
        cmocka_unit_test(test_config__what_is_right_is_set_beside_errors),
        cmocka_unit_test(test_config__later_layers_win),
        cmocka_unit_test(test_config__no_color_yields_to_the_users_own_words),
        cmocka_unit_test(test_config__environment_errors_name_the_variable),
        cmocka_unit_test(test_config__thresholds_reach_the_catalog),
        cmocka_unit_test(test_config__sections_are_read_back),
        cmocka_unit_test(test_config__upper_layers_check_what_they_know),
        cmocka_unit_test(test_config__print_reads_back_the_same),
        cmocka_unit_test(test_config__a_missing_file_is_an_error_only_when_required),
        cmocka_unit_test(test_config__user_path_follows_xdg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
