/* How long each key of the requests' view holds the screen: bench_requests [REQUESTS [SPANS]].
 *
 * A screen of 200x50 shows 10,000 requests of about 20 spans, and one of 100,000 spans; keys go
 * through all pages, lists and graphs of both. Prints for each row of keys the one that holds the
 * screen longest, in CPU time between two answers, and the time of all it asked for.
 *
 * Budget: 16 ms of CPU a key. Exits with 1 when it is not kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/ui/app_state.h"
#include "../../src/ui/key.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/picture.h"
#include "requests_made.h"

#define REQUESTS_DEFAULT 10000
#define SPANS_DEFAULT 100000
#define KEY_MAX_MS 16.0

struct screen {
    struct catalog *catalog;
    struct picture *picture;
    struct app *app;
    struct canvas canvas;
    double longest_ms, all_ms; /* of the key at hand */
};

static void
remember(struct screen *screen, int64_t from_ns)
{
    double ms = (double)(clock_thread_cpu_ns() - from_ns) / 1e6;
    screen->longest_ms = MAX(screen->longest_ms, ms);
    screen->all_ms += ms;
}

/* Draws until nothing is left to do. */
static void
settle(struct screen *screen)
{
    do {
        int64_t from_ns = clock_thread_cpu_ns();
        screen->app->again = false;
        app_draw(screen->app, &screen->canvas);
        remember(screen, from_ns);
    } while (screen->app->again);
}

static bool
screen_init(struct screen *screen, struct traces *traces)
{
    *screen = (struct screen){.catalog = catalog_new(4096)};
    screen->picture = screen->catalog != NULL ? picture_new(screen->catalog, 65536) : NULL;
    screen->app = app_new(&(struct app_options){.catalog = screen->catalog, .view = 5});
    canvas_init(&screen->canvas);
    if (screen->picture == NULL || screen->app == NULL ||
        !canvas_resize(&screen->canvas, 200, 50)) {
        return false;
    }
    struct traces_cursor cursor = {0};
    const struct trace *newest = traces_next(traces, &cursor);
    screen->picture->traces = traces_acquire(traces);
    screen->picture->mono_ns = newest->mono_ns + NS_PER_S;
    screen->picture->wall_ns = newest->start_ns + NS_PER_S;
    app_set_picture(screen->app, screen->picture);
    settle(screen);
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

static void
press(struct screen *screen, const char *name)
{
    struct term_event event = {0};
    if (!key_parse(name, &event.key)) {
        fprintf(stderr, "%s is no key\n", name);
        exit(2);
    }
    screen->longest_ms = screen->all_ms = 0;
    int64_t from_ns = clock_thread_cpu_ns();
    app_key(screen->app, &event);
    screen->app->again = false;
    app_draw(screen->app, &screen->canvas);
    remember(screen, from_ns);
    settle(screen);
}

static bool
press_all(struct screen *screen, const char *keys)
{
    struct str rest = str_from(keys), word;
    bool kept = true;
    double worst_ms = 0, all_ms = 0;
    char name[32], worst[32] = "";
    while (str_word(&rest, &word)) {
        str_copy(word, name, sizeof(name));
        press(screen, name);
        kept = kept && screen->longest_ms <= KEY_MAX_MS;
        if (screen->longest_ms > worst_ms) {
            worst_ms = screen->longest_ms;
            all_ms = screen->all_ms;
            str_copy(word, worst, sizeof(worst));
        }
    }
    printf("  %-58.58s %-6s %6.2f ms of %7.1f%s\n", keys, worst, worst_ms, all_ms,
           kept ? "" : " (too long)");
    return kept;
}

static bool
print(const char *what, struct traces *traces)
{
    static const char *const keys[] = {
        "Down Down End Home PgDn PgUp",
        ". Down End Home Enter Down End Home Right Left Esc",
        ". Down . Down . Down . Down . Down .",
        "Tab v Left Left Left Left Down Down Down Enter Esc Esc Tab",
        "Enter Down Down Enter Down PgDn End Home Left Right Enter Esc Esc",
        ". Enter Down Down PgDn End Home Left Right p e n N * Esc Esc",
        "s s s s r / P O S T Enter Esc",
        "F Down Right Enter Esc Esc",
        "5 . D Esc Esc 5 Enter D Esc Esc",
    };
    struct screen screen;
    bool kept = true;
    printf("%s\n", what);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!screen_init(&screen, traces)) {
            fprintf(stderr, "out of memory\n");
            exit(2);
        }
        kept &= press_all(&screen, keys[i]);
        screen_done(&screen);
    }
    return kept;
}

int
main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : REQUESTS_DEFAULT;
    uint32_t spans = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : SPANS_DEFAULT;
    uint64_t seed = 2;
    struct traces *list = requests(count);
    bool kept = print("many requests: the longest hold of the screen, of all for that key", list);
    traces_release(list);
    struct trace *large = request(&seed, spans, 0);
    list = made_list(&large, 1, 1);
    kept &= print("a large request", list);
    traces_release(list);
    return kept ? 0 : 1;
}
