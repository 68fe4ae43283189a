/* Threads: joined or not, and deaf to signals. */
#include "../check.h"

#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>

#include "flametop/base/thread.h"

struct seen {
    sigset_t mask;
    int state; /* of detachment */
    sem_t done;
};

static void *
look(void *context)
{
    struct seen *seen = context;
    pthread_attr_t attributes;
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getdetachstate(&attributes, &seen->state);
    pthread_attr_destroy(&attributes);
    sem_post(&seen->done);
    return seen;
}

static void
check_mask(const struct seen *seen)
{
    assert_int_equal(sigismember(&seen->mask, SIGTERM), 1);
    assert_int_equal(sigismember(&seen->mask, SIGWINCH), 1);
    sigset_t own;
    pthread_sigmask(SIG_SETMASK, NULL, &own);
    assert_int_equal(sigismember(&own, SIGTERM), 0);
    assert_int_equal(sigismember(&own, SIGUSR1), 1);
}

static void
run(bool joined)
{
    struct seen seen = {.state = -1};
    sem_init(&seen.done, 0, 0);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1); /* a mask of the caller's own, to find again */
    pthread_sigmask(SIG_SETMASK, &one, NULL);
    pthread_t thread;
    assert_int_equal(thread_start(look, &seen, joined ? &thread : NULL), 0);
    sem_wait(&seen.done);
    check_mask(&seen);
    assert_int_equal(seen.state, joined ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
    if (joined) {
        void *result = NULL;
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_ptr_equal(result, &seen);
    }
    sem_destroy(&seen.done);
}

static void
test_thread__is_joined(void **state)
{
    (void)state;
    run(true);
}

static void
test_thread__goes_its_own_way(void **state)
{
    (void)state;
    run(false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread__is_joined),
        cmocka_unit_test(test_thread__goes_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
