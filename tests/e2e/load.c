/* Loads of a known kind and size, for the tests that start flametop beside them.
 *
 *   load spin THREADS SHARE     each thread uses SHARE (per cent) of a core
 *   load thread COUNT           COUNT threads, one of which spins; its name is "spinner"
 *   load forks RATE             RATE short processes a second
 *   load hold BYTES [FILE]      holds BYTES of touched memory; reads FILE again and again beside it
 *   load grow BYTES             takes BYTES more each second
 *
 * All end by themselves after SECONDS_MAX, and with the process that started them. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MAX 60
#define NS_PER_S INT64_C(1000000000)
#define SLICE_NS (20 * NS_PER_S / 1000)
#define CHUNK_BYTES ((size_t)4 << 20)

static int64_t
now_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void
sleep_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S),
                          .tv_nsec = (long)(at_ns % NS_PER_S)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Uses its share of each slice by CPU time, so that it takes the same when others want the core. */
static void *
spin(void *context)
{
    int64_t share = *(const int64_t *)context, start = now_ns(CLOCK_MONOTONIC);
    for (int64_t slice = start;; slice += SLICE_NS) {
        int64_t until = now_ns(CLOCK_THREAD_CPUTIME_ID) + SLICE_NS * share / 100;
        while (now_ns(CLOCK_THREAD_CPUTIME_ID) < until) {
        }
        sleep_until(slice + SLICE_NS);
    }
    return NULL;
}

static void *
idle(void *context)
{
    (void)context;
    for (;;) {
        pause();
    }
    return NULL;
}

static int
run_spin(int64_t threads, int64_t share)
{
    pthread_t thread;
    for (int64_t i = 1; i < threads; i++) {
        if (pthread_create(&thread, NULL, spin, &share) != 0) {
            return 1;
        }
    }
    spin(&share);
    return 0;
}

static int
run_thread(int64_t count)
{
    int64_t all = 100;
    pthread_t thread;
    for (int64_t i = 2; i < count; i++) {
        if (pthread_create(&thread, NULL, idle, NULL) != 0) {
            return 1;
        }
    }
    if (pthread_create(&thread, NULL, spin, &all) != 0) {
        return 1;
    }
    pthread_setname_np(thread, "spinner");
    idle(NULL);
    return 0;
}

static int
run_forks(int64_t rate)
{
    int64_t start = now_ns(CLOCK_MONOTONIC);
    for (int64_t i = 0;; i++) {
        sleep_until(start + i * NS_PER_S / rate);
        pid_t child = fork();
        if (child == 0) {
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    return 0;
}

static bool
take(size_t size)
{
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    memset(memory, 1, size);
    return true;
}

static int
run_hold(int64_t size, const char *path)
{
    static char chunk[1 << 16];
    for (int64_t held = 0; held < size; held += (int64_t)CHUNK_BYTES) {
        if (!take(CHUNK_BYTES)) {
            return 1;
        }
    }
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        idle(NULL);
    }
    for (off_t at = 0;;) {
        ssize_t n = pread(fd, chunk, sizeof(chunk), at);
        at = n > 0 ? at + n : 0;
    }
    return 0;
}

static int
run_grow(int64_t rate)
{
    int64_t start = now_ns(CLOCK_MONOTONIC);
    for (int64_t i = 0;; i++) {
        sleep_until(start + i * (int64_t)CHUNK_BYTES * NS_PER_S / rate);
        if (!take(CHUNK_BYTES)) {
            return 1;
        }
    }
    return 0;
}

static int64_t
number(int argc, char **argv, int i)
{
    return i < argc ? strtoll(argv[i], NULL, 10) : 1;
}

int
main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SECONDS_MAX);
    if (strcmp(kind, "spin") == 0) {
        return run_spin(number(argc, argv, 2), number(argc, argv, 3));
    }
    if (strcmp(kind, "thread") == 0) {
        return run_thread(number(argc, argv, 2));
    }
    if (strcmp(kind, "forks") == 0) {
        return run_forks(number(argc, argv, 2));
    }
    if (strcmp(kind, "hold") == 0) {
        return run_hold(number(argc, argv, 2), argc > 3 ? argv[3] : NULL);
    }
    if (strcmp(kind, "grow") == 0) {
        return run_grow(number(argc, argv, 2));
    }
    fprintf(stderr, "usage: load spin THREADS SHARE | thread COUNT | forks RATE | hold BYTES "
                    "[FILE] | grow BYTES\n");
    return 2;
}
