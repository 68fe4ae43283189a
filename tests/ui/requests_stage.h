/* The requests view in the application, on requests made up: drawn, and driven by keys and mouse.
 */
#ifndef FLAMETOP_TESTS_UI_REQUESTS_STAGE_H
#define FLAMETOP_TESTS_UI_REQUESTS_STAGE_H

#include <stdio.h>
#include <string.h>

#include "../../src/ui/app_state.h"
#include "fake_traces.h"
#include "flametop/ui/app.h"
#include "machine.h"

#define REQUESTS 600

struct stage {
    struct fake fake;
    struct app *app;
    struct canvas canvas;
};

static char saved[256];

static inline int
save(const struct trace *trace, const char *path, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    snprintf(saved, sizeof(saved), "%s of %u spans", path, trace->span_count);
    return 0;
}

static inline void
draw(struct stage *stage)
{
    do {
        stage->app->again = false;
        app_draw(stage->app, &stage->canvas);
    } while (stage->app->again);
}

static inline void
stage_init(struct stage *stage, int width, int height, enum glyphs glyphs, size_t requests)
{
    machine_init(&stage->fake, 4);
    if (requests > 0) {
        fake_traces(&stage->fake, requests);
    }
    struct app_options options = {.catalog = stage->fake.catalog, .view = 5, .save_trace = save};
    stage->app = app_new(&options);
    app_set_picture(stage->app, fake_picture(&stage->fake));
    canvas_init(&stage->canvas);
    assert_true(canvas_resize(&stage->canvas, width, height));
    stage->canvas.glyphs = glyphs;
    draw(stage);
}

static inline void
stage_done(struct stage *stage)
{
    app_free(stage->app);
    canvas_done(&stage->canvas);
    fake_done(&stage->fake);
}

/* Names of keys; a word in quotes is typed. */
static inline void
press(struct stage *stage, const char *keys)
{
    struct str rest = str_from(keys), word;
    while (str_word(&rest, &word)) {
        char name[128];
        struct term_event event = {0};
        str_copy(word, name, sizeof(name));
        if (name[0] == '\'') {
            for (const char *c = name + 1; *c != '\0'; c++) {
                event.key = *c == '_' ? ' ' : *c;
                app_key(stage->app, &event);
            }
        } else {
            assert_true(key_parse(name, &event.key));
            app_key(stage->app, &event);
        }
        draw(stage);
    }
}

static inline void
click(struct stage *stage, int x, int y, enum term_button button)
{
    struct term_event event = {.key = TERM_MOUSE, .x = x, .y = y, .button = button};
    app_key(stage->app, &event);
    draw(stage);
}

static inline bool
shows(const struct stage *stage, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    canvas_dump(&stage->canvas, &out);
    bool found = strstr(out.data, text) != NULL;
    buf_done(&out);
    return found;
}

#endif
