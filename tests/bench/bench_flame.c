/* How long a large profile takes to be seen, and each key after that: bench_flame [STACKS [FILE]].
 *
 * Makes folded stacks of so many distinct ones (a million), as profilers write them: each begins
 * like the one before; once in that order, and once in none. FILE is read instead. Prints for each
 * what reading and the first picture at 200x50 take, and for each key the longest the screen is
 * held, and how long all of what it asked for takes; then how fast the text of perf script is
 * folded.
 *
 * Budgets: 1.5 s to the first picture, 16 ms a key. Exits with 1 when one is not kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/ui/app_state.h"
#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/core/picture.h"
#include "flametop/core/profile.h"
#include "flametop/profile/read.h"

#define STACKS_DEFAULT 1000000u
#define FUNCTIONS 20000u
#define DEPTH_MAX 40u
#define FIRST_MAX_S 1.5
#define KEY_MAX_MS 16.0
#define PERF_SAMPLES 100000u

static uint64_t seed = 42;

static uint32_t
pick(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

/* Names as long as those of C++ and Go mostly are, a few of them most of the time. */
static uint32_t
pick_function(void)
{
    uint32_t wide = pick(FUNCTIONS), narrow = pick(200);
    return pick(3) > 0 ? narrow : wide;
}

static void
put_function(struct buf *out, uint32_t function)
{
    static const char *const parts[] = {"http",  "json", "sched", "table",
                                        "index", "io",   "mem",   "net"};
    buf_printf(out, "%s::%s::call%u", parts[function % 8], parts[function / 8 % 8], function);
}

/* Walks about in a tree of calls: some frames are left, others entered. */
static uint32_t
next_stack(uint32_t stack[DEPTH_MAX], uint32_t depth)
{
    uint32_t leave = 1 + pick(6);
    depth -= MIN(leave, depth);
    for (uint32_t enter = 1 + pick(depth < 12 ? 12 : 5); enter > 0 && depth < DEPTH_MAX; enter--) {
        stack[depth++] = pick_function();
    }
    return depth;
}

static void
make_lines(struct buf *out, uint32_t count, size_t *lines)
{
    uint32_t stack[DEPTH_MAX], depth = 0;
    for (uint32_t i = 0; i < count; i++) {
        lines[i] = out->n;
        depth = next_stack(stack, depth);
        for (uint32_t d = 0; d < depth; d++) {
            buf_puts(out, d > 0 ? ";" : "");
            put_function(out, stack[d]);
        }
        buf_printf(out, " %u\n", 1 + pick(100));
    }
    lines[count] = out->n;
}

static void
shuffle_lines(const struct buf *from, const size_t *lines, uint32_t count, struct buf *out)
{
    uint32_t *order = malloc(count * sizeof(*order));
    for (uint32_t i = 0; order != NULL && i < count; i++) {
        uint32_t at = pick(i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (uint32_t i = 0; order != NULL && i < count; i++) {
        buf_add(out, from->data + lines[order[i]], lines[order[i] + 1] - lines[order[i]]);
    }
    free(order);
}

static double
since_ms(int64_t from_ns)
{
    return (double)(clock_mono_ns() - from_ns) / 1e6;
}

struct screen {
    struct catalog *catalog;
    struct picture *picture;
    struct app *app;
    struct canvas canvas;
    double longest_ms, longest_cpu_ms;
};

static void
remember(struct screen *screen, int64_t from_ns, int64_t from_cpu_ns)
{
    double cpu_ms = (double)(clock_thread_cpu_ns() - from_cpu_ns) / 1e6;
    screen->longest_ms = MAX(screen->longest_ms, since_ms(from_ns));
    screen->longest_cpu_ms = MAX(screen->longest_cpu_ms, cpu_ms);
}

/* Draws until nothing is left to do; remembers the longest time without an answer. */
static void
settle(struct screen *screen)
{
    do {
        int64_t from_ns = clock_mono_ns(), from_cpu_ns = clock_thread_cpu_ns();
        screen->app->again = false;
        app_draw(screen->app, &screen->canvas);
        remember(screen, from_ns, from_cpu_ns);
    } while (screen->app->again);
}

static bool
screen_init(struct screen *screen, const struct profile *profile)
{
    *screen = (struct screen){.catalog = catalog_new(4096)};
    screen->picture = screen->catalog != NULL ? picture_new(screen->catalog, 65536) : NULL;
    screen->app = app_new(&(struct app_options){.catalog = screen->catalog,
                                                .view = VIEW_FLAME,
                                                .profile = profile,
                                                .profile_text = "bench"});
    canvas_init(&screen->canvas);
    if (screen->picture == NULL || screen->app == NULL ||
        !canvas_resize(&screen->canvas, 200, 50)) {
        return false;
    }
    screen->picture->past = true;
    app_set_picture(screen->app, screen->picture);
    return true;
}

static void
screen_done(struct screen *screen)
{
    app_free(screen->app);
    canvas_done(&screen->canvas);
    picture_release(screen->picture);
    catalog_free(screen->catalog);
}

static bool
print_keys(struct screen *screen)
{
    static const char *const commands[] = {
        "move.down",        "move.down",    "move.right", "open",           "flame.out",
        "search.set call1", "search.next",  "search.set", "flame.hide",     "flame.undo",
        "move.last",        "flame.keep",   "flame.undo", "flame.collapse", "flame.undo",
        "flame.flip",       "flame.flip",   "move.last",  "flame.sandwich", "flame.undo",
        "page.next",        "sort.next",    "move.last",  "page.next",      "filter.set !json",
        "flame.undo",       "flame.invert", "move.down",  "open",           "flame.undo"};
    bool kept = true;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        int64_t from_ns = clock_mono_ns(), from_cpu_ns = clock_thread_cpu_ns();
        screen->longest_ms = screen->longest_cpu_ms = 0;
        app_command(screen->app, commands[i]);
        app_draw(screen->app, &screen->canvas);
        remember(screen, from_ns, from_cpu_ns);
        settle(screen);
        bool good = screen->longest_ms <= KEY_MAX_MS;
        printf("  %-18s held for %6.1f ms, %5.1f ms of CPU%s; done in %8.1f ms\n", commands[i],
               screen->longest_ms, screen->longest_cpu_ms, good ? "" : " (too long)",
               since_ms(from_ns));
        kept = kept && good;
    }
    return kept;
}

/* The title says how much all is once there is a graph. */
static bool
is_shown(const struct screen *screen)
{
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    canvas_dump(&screen->canvas, &out);
    buf_putc(&out, '\0');
    bool shown = strstr(out.data, "= 100 %") != NULL;
    buf_done(&out);
    return shown;
}

/* What the program does between the file and the screen. */
static bool
print_profile(const char *what, struct str text)
{
    char why[200] = "";
    struct screen screen;
    struct profile *profile = profile_new();
    int64_t from_ns = clock_mono_ns(), from_cpu_ns = clock_thread_cpu_ns();
    if (profile == NULL || !profile_read(text, profile, why, sizeof(why))) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
    profile_order(profile);
    profile_close(profile);
    double read_ms = since_ms(from_ns);
    bool good = screen_init(&screen, profile);
    while (good && !is_shown(&screen)) {
        app_draw(screen.app, &screen.canvas);
    }
    double first_s = since_ms(from_ns) / 1e3;
    double cpu_s = (double)(clock_thread_cpu_ns() - from_cpu_ns) / 1e9;
    printf("%s: %.0f MB, %u frames in %u calls\n", what, (double)text.n / 1e6, profile->frame_count,
           profile->node_count - 1);
    printf("  read in %.0f ms (%.0f MiB/s), first picture after %.2f s%s, %.2f s of CPU\n", read_ms,
           (double)text.n / 1048576 / (read_ms / 1e3), first_s,
           first_s <= FIRST_MAX_S ? "" : " (too long)", cpu_s);
    settle(&screen);
    good = good && print_keys(&screen) && first_s <= FIRST_MAX_S;
    screen_done(&screen);
    profile_release(profile);
    return good;
}

/* ---- texts ---- */

static void
put_perf_sample(struct buf *out, const uint32_t *stack, uint32_t depth, uint32_t number)
{
    buf_printf(out, "worker %u/%u [%03u] %u.%06u:     250000 cpu-clock:pppH: \n", 800 + number % 4,
               900 + number % 16, number % 8, 100 + number / 4000, number % 4000 * 250);
    while (depth > 0) {
        uint32_t function = stack[--depth];
        buf_printf(out, "\t%16x ", 0x400000 + function * 64);
        put_function(out, function);
        buf_printf(out, "+0x%x (/usr/lib/worker/lib%u.so)\n", function % 60, function % 12);
    }
    buf_puts(out, "\n");
}

static bool
print_perf(void)
{
    char why[200] = "";
    uint32_t stack[DEPTH_MAX], depth = 0;
    struct buf text;
    struct profile *profile = profile_new();
    buf_init(&text, PROFILE_FILE_BYTES_MAX);
    for (uint32_t i = 0; i < PERF_SAMPLES; i++) {
        depth = next_stack(stack, depth);
        put_perf_sample(&text, stack, depth, i);
    }
    int64_t from_ns = clock_mono_ns();
    bool good =
        profile != NULL && profile_read((struct str){text.data, text.n}, profile, why, sizeof(why));
    double ms = since_ms(from_ns);
    printf("perf script: %.0f MB, %u samples, folded in %.0f ms: %.0f MiB/s\n",
           (double)text.n / 1e6, PERF_SAMPLES, ms, (double)text.n / 1048576 / (ms / 1e3));
    profile_release(profile);
    buf_done(&text);
    return good;
}

static bool
print_made(uint32_t count)
{
    struct buf sorted, shuffled;
    size_t *lines = malloc(((size_t)count + 1) * sizeof(*lines));
    buf_init(&sorted, PROFILE_FILE_BYTES_MAX);
    buf_init(&shuffled, PROFILE_FILE_BYTES_MAX);
    bool good = lines != NULL;
    if (good) {
        make_lines(&sorted, count, lines);
        shuffle_lines(&sorted, lines, count, &shuffled);
        good = print_profile("in order", (struct str){sorted.data, sorted.n});
        good &= print_profile("in no order", (struct str){shuffled.data, shuffled.n});
    }
    buf_done(&sorted);
    buf_done(&shuffled);
    free(lines);
    return good;
}

static bool
print_file(const char *path)
{
    struct buf text;
    buf_init(&text, PROFILE_FILE_BYTES_MAX);
    FILE *file = fopen(path, "re");
    char *to;
    size_t n = 0;
    while (file != NULL && (to = buf_reserve(&text, (size_t)1 << 20)) != NULL &&
           (n = fread(to, 1, (size_t)1 << 20, file)) > 0) {
        text.n += n;
    }
    if (file == NULL) {
        perror(path);
        return false;
    }
    fclose(file);
    bool good = print_profile(path, (struct str){text.data, text.n});
    buf_done(&text);
    return good;
}

int
main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : STACKS_DEFAULT;
    bool good = argc > 2 ? print_file(argv[2]) : print_made(MAX(count, 1u));
    good &= print_perf();
    return good ? 0 : 1;
}
