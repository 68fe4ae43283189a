/* Rosters. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "../../src/sources/roster.h"
#include "flametop/base/macros.h"

struct thing {
    struct roster_name name;
    int value;
};

/* Walks `names` (separated by blanks) and answers the values found, new things getting the next of
 * `*serial`. */
static void
walk(struct roster *roster, const char *names, int *serial, char *ret_values, size_t size)
{
    struct str rest = str_from(names), name;
    size_t position = 0, n = 0;
    while (str_word(&rest, &name)) {
        struct thing *thing = roster_place(roster, position, name);
        assert_non_null(thing);
        assert_true(str_is(name, thing->name.text));
        position++;
        thing->value = thing->value != 0 ? thing->value : ++*serial;
        n += (size_t)snprintf(ret_values + n, size - n, "%d ", thing->value);
    }
    roster_end(roster, position);
}

static void
test_roster__remembers_things_in_any_order(void **state)
{
    (void)state;
    static const struct {
        const char *names, *values;
    } rows[] = {
        {"a b c", "1 2 3 "}, {"a b c", "1 2 3 "},         {"a c", "1 3 "}, {"a b c", "1 4 3 "},
        {"c b a", "3 4 1 "}, {"x c y b a", "5 3 6 4 1 "}, {"b", "4 "},     {"x b", "7 4 "},
    };
    struct roster roster;
    int serial = 0;
    char values[64];
    roster_init(&roster, sizeof(struct thing), 16);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        walk(&roster, rows[i].names, &serial, values, sizeof(values));
        assert_string_equal(values, rows[i].values);
    }
    roster_done(&roster);
}

static void
test_roster__refuses_bad_names_and_too_many(void **state)
{
    (void)state;
    char name[ROSTER_NAME_MAX + 2];
    memset(name, 'n', sizeof(name));
    struct roster roster;
    roster_init(&roster, sizeof(struct thing), 2);
    assert_null(roster_place(&roster, 0, (struct str){name, 0}));
    assert_null(roster_place(&roster, 0, (struct str){name, ROSTER_NAME_MAX + 1}));
    assert_non_null(roster_place(&roster, 0, (struct str){name, ROSTER_NAME_MAX}));
    assert_null(roster_place(&roster, 2, STR("gap")));
    assert_non_null(roster_place(&roster, 1, STR("b")));
    assert_null(roster_place(&roster, 2, STR("c")));
    assert_null(roster_place(&roster, 0, STR("c")));
    roster_done(&roster);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roster__remembers_things_in_any_order),
        cmocka_unit_test(test_roster__refuses_bad_names_and_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
