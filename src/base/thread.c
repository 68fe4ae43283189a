/* Threads. The mask is inherited, so it is set before the thread is there: a thread that blocked
 * signals itself would take those that come before it does. */
#include "flametop/base/thread.h"

#include <signal.h>
#include <stddef.h>

#define DETACHED_STACK_BYTES ((size_t)512 << 10)

int
thread_start(void *(*run)(void *context), void *context, pthread_t *ret_thread)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return -error;
    }
    if (ret_thread == NULL) {
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, DETACHED_STACK_BYTES);
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    error = pthread_create(&thread, &attributes, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0 && ret_thread != NULL) {
        *ret_thread = thread;
    }
    return -error;
}
