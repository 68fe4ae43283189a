/* Profiles that grow: how many there may be. */
#include "../check.h"

#include <unistd.h>

#include "flametop/profile/live.h"

static struct live *
begin(void)
{
    return live_new(&(struct live_options){
        .pid = (uint32_t)getpid(), .rate_hz = 1, .proc = "/proc", .sys = "/sys"});
}

/* One that was let go counts until its thread has ended. */
static void
test_live__are_a_few_at_a_time(void **state)
{
    struct live *lives[LIVES_MAX], *more = NULL;
    (void)state;
    for (size_t i = 0; i < LIVES_MAX; i++) {
        lives[i] = begin();
        assert_non_null(lives[i]);
    }
    assert_null(begin());
    assert_null(begin()); /* what was refused does not count */
    for (size_t i = 0; i < LIVES_MAX; i++) {
        live_free(lives[i]);
    }
    while ((more = begin()) == NULL) {
        usleep(1000);
    }
    live_free(more);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_live__are_a_few_at_a_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
