/* Threads. Signals are the main thread's business: every other one starts with all of them blocked,
 * and the caller's own mask stays as it is. */
#ifndef FLAMETOP_BASE_THREAD_H
#define FLAMETOP_BASE_THREAD_H

#include <pthread.h>

/* Starts run(context). With ret_thread the caller joins it. With NULL nobody waits for it, as calls
 * in it may hang for ever: then the context must outlive it (count who holds it; the last frees),
 * and its stack is small (512 KiB). 0, or a negative errno and no thread. */
int thread_start(void *(*run)(void *context), void *context, pthread_t *ret_thread);

#endif
