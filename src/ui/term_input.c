/* Keys from the terminal, and what it answers to our questions. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "term_parts.h"

#define ESCAPE_WAIT_MS 50
#define DOUBLE_CLICK_NS (300 * NS_PER_MS)

static bool
check_size(struct term *term, struct term_event *event)
{
    int width = term->width, height = term->height;
    if (!tty_read_size(term, &width, &height) || (width == term->width && height == term->height)) {
        return false;
    }
    term_set_size(term, width, height);
    term->clear_next = true; /* what the terminal made of the old picture is its own */
    *event = (struct term_event){.key = TERM_RESIZE, .x = width, .y = height};
    return true;
}

/* True when there is something new. */
static bool
read_input(struct term *term)
{
    ssize_t n = read(term->fd, term->input + term->input_n, sizeof(term->input) - term->input_n);
    if (n > 0) {
        term->input_n += (size_t)n;
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        term->gone = true;
    }
    return false;
}

/* Escape alone, or the begin of a sequence? Only the time tells, so this waits up to 50 ms. */
static bool
more_comes(struct term *term)
{
    struct pollfd wait = {.fd = term->fd, .events = POLLIN};
    return poll(&wait, 1, ESCAPE_WAIT_MS) > 0 && read_input(term);
}

/* The terminal said what its background is: drawn anew where that changes what is painted. */
static bool
learn_background(struct term *term, bool light, struct term_event *event)
{
    if (!palette_learn_paper(&term->palette, light)) {
        return false;
    }
    term->shown_valid = false;
    *event = (struct term_event){.key = TERM_RESIZE, .x = term->width, .y = term->height};
    return true;
}

/* Answers are for us, and two clicks become a double click. True when the event is for the caller.
 */
static bool
digest(struct term *term, struct term_event *event)
{
    if (event->key == KEYS_SYNC_STATE) {
        term->sync = event->x == 1 || event->x == 2;
        return false;
    }
    if (event->key == KEYS_BACKGROUND) {
        return learn_background(term, event->x == 1, event);
    }
    if (event->key == KEYS_CURSOR) {
        if (event->x > 1) { /* East Asian fonts: the signs would shift every row */
            term->glyphs = GLYPHS_ASCII;
            *event = (struct term_event){.key = TERM_RESIZE, .x = term->width, .y = term->height};
            return true;
        }
        return false;
    }
    if (event->key == TERM_MOUSE && event->button == TERM_CLICK) {
        int64_t now = clock_mono_ns();
        bool again = now - term->click_ns < DOUBLE_CLICK_NS && event->x == term->click_x &&
                     event->y == term->click_y;
        event->button = again ? TERM_DOUBLE_CLICK : TERM_CLICK;
        term->click_ns = again ? 0 : now;
        term->click_x = event->x;
        term->click_y = event->y;
    }
    return event->key != KEY_NONE;
}

static bool
next_event(struct term *term, bool no_more, struct term_event *event)
{
    while (term->input_n > 0) {
        size_t taken = keys_decode((struct str){term->input, term->input_n}, no_more,
                                   term->own_keys, ARRAY_SIZE(term->own_keys), event);
        if (taken == 0) {
            return false;
        }
        term->input_n -= taken;
        memmove(term->input, term->input + taken, term->input_n);
        if (digest(term, event)) {
            return true;
        }
    }
    return false;
}

struct term_event
term_key(struct term *term)
{
    struct term_event event = {.key = KEY_NONE};
    if (!term->open) {
        return event;
    }
    if (next_event(term, false, &event)) {
        return event;
    }
    if (check_size(term, &event)) {
        return event;
    }
    while (!term->gone && read_input(term)) {
        if (next_event(term, term->input_n == sizeof(term->input), &event)) {
            return event;
        }
    }
    while (!term->gone && term->input_n > 0) {
        if (next_event(term, !more_comes(term), &event)) {
            return event;
        }
    }
    event = (struct term_event){.key = term->gone ? TERM_GONE : KEY_NONE};
    return event;
}
