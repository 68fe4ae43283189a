/* The filter language. */
#include "../check.h"

#include "flametop/core/filter.h"
#include "fake_picture.h"

static void
test_filter__table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool beam, nginx, worker;
    } rows[] = {
        {"", true, true, true},
        {"beam", true, false, false},
        {"BEAM", true, false, false},
        {"beam cpu>5", true, false, false},
        {"beam cpu>70", false, false, false},
        {"cpu>=3.1", true, true, false},
        {"cpu<5%", false, true, true},
        {"user=www-data", false, true, false},
        {"user~www", false, true, false},
        {"user!=www-data", true, false, true},
        {"user=www-data|app", true, true, false},
        {"rss>1G", true, false, false},
        {"mem<20M", false, true, false},
        {"!nginx", true, false, true},
        {"/^b.*p$/", true, false, false},
        {"!/ngin[x]/", true, false, true},
        {"name=/^(beam|nginx)/", true, true, false},
        {"\"worker process\"", false, true, false},
        {"pid=812|860", true, false, true},
        {"thr>=32", true, false, false},
        {"age>10d", true, true, true},
        {"write>100M", true, false, false},
        {"write<1", false, true, false}, /* unknown is not less than anything */
        {"process.owner=root", false, false, true},
        {"cpu > 70", false, false, false},
        {"  cpu  >=  3.1  ", true, true, false},
        {"cpu >=3.1", true, true, false},
        {"cpu>= 3.1", true, true, false},
        {"beam cpu > 5 user = app", true, false, false},
        {"user != www-data", true, false, true},
        {"user !=www-data  !beam", false, false, true},
        {"! nginx", true, false, true},
        {"name ~ /^(beam|nginx)/", true, true, false},
        {"\"worker  process\"", false, false, false},
        {"cmd ~ \"worker process\"", false, true, false},
    };
    struct fake *fake = calloc(1, sizeof(*fake));
    fake_init(fake);
    const struct table *table = fake_processes(fake, 6);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char why[160];
        struct filter *filter = filter_new(str_from(rows[i].text), table->def, why, sizeof(why));
        assert_string_equal(why, "");
        bool got[] = {filter_matches(filter, table_row(table, 1)),
                      filter_matches(filter, table_row(table, 3)),
                      filter_matches(filter, table_row(table, 5))};
        if (got[0] != rows[i].beam || got[1] != rows[i].nginx || got[2] != rows[i].worker) {
            print_message("%s: %d %d %d\n", rows[i].text, got[0], got[1], got[2]);
            assert_true(false);
        }
        filter_free(filter);
    }
    fake_done(fake);
    free(fake);
}

static void
test_filter__refuses(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "nosuch>5",   "cpu>",
        "cpu>five",   "cpu>5x",
        "/(/",        "/a{2}/",
        "/(a)\\1/",   "/a++/",
        "/a*+?/",     "/((((a)+)+)+)+/",
        "/",          "//",
        "\"\"",       "a b c d e f g h i j k l m n o p q",
        "cpu > five", "cpu >",
        "> 5",        ">5",
        "cpu > > 5",  "cpu => 5",
        "nosuch = 5", "!",
        "beam !",     "!>5",
        "=",          "user = ~ www",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char why[160] = "";
        struct filter *filter = filter_new(str_from(rows[i]), &fake_process_def, why, sizeof(why));
        if (filter != NULL || why[0] == '\0') {
            print_message("accepted: %s\n", rows[i]);
        }
        assert_null(filter);
        assert_true(why[0] != '\0');
    }
}

static void
test_filter__knows_what_it_costs(void **state)
{
    (void)state;
    char why[160];
    struct filter *cheap = filter_new(STR("beam cpu>5"), &fake_process_def, why, sizeof(why));
    struct filter *costly = filter_new(STR("read>5"), &fake_process_def, why, sizeof(why));
    assert_false(filter_is_costly(cheap));
    assert_true(filter_is_costly(costly));
    assert_false(filter_is_costly(NULL));
    filter_free(cheap);
    filter_free(costly);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter__table),
        cmocka_unit_test(test_filter__refuses),
        cmocka_unit_test(test_filter__knows_what_it_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
