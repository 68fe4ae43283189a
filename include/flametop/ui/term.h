/* The terminal: the only part that knows curses. A canvas goes in, keys come out.
 *
 * Everything a refresh changes leaves in one write. Writes never block: when the terminal is
 * behind, frames are dropped and the newest is drawn once it reads again. Only the main thread may
 * call this. */
#ifndef FLAMETOP_UI_TERM_H
#define FLAMETOP_UI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/ui/canvas.h"
#include "flametop/ui/theme.h"

enum key {
    /* Unicode characters are themselves (control keys 1-31, Enter '\r', Tab '\t', Escape 27). */
    KEY_NONE = -1,
    TERM_KEY_FIRST = 0x200000,
    TERM_UP = TERM_KEY_FIRST,
    TERM_DOWN,
    TERM_LEFT,
    TERM_RIGHT,
    TERM_PAGE_UP,
    TERM_PAGE_DOWN,
    TERM_HOME,
    TERM_END,
    TERM_INSERT,
    TERM_DELETE,
    TERM_BACKSPACE,
    TERM_BACK_TAB,
    TERM_F1,
    TERM_F2,
    TERM_F3,
    TERM_F4,
    TERM_F5,
    TERM_F6,
    TERM_F7,
    TERM_F8,
    TERM_F9,
    TERM_F10,
    TERM_F11,
    TERM_F12,
    TERM_MOUSE,  /* event->x, y, button */
    TERM_RESIZE, /* event->x, y: the new size */
    TERM_GONE,   /* the terminal went away: leave */
};

enum term_button {
    TERM_CLICK = 1,
    TERM_DOUBLE_CLICK,
    TERM_WHEEL_UP,
    TERM_WHEEL_DOWN,
    TERM_DRAG,
    TERM_RELEASE
};

struct term_event {
    int32_t key;
    int x, y;
    enum term_button button;
};

enum term_depth {
    TERM_DEPTH_AUTO,
    TERM_DEPTH_MONO,
    TERM_DEPTH_8,
    TERM_DEPTH_16,
    TERM_DEPTH_256,
    TERM_DEPTH_TRUE
};

struct term_options {
    enum term_depth depth;
    int glyphs; /* enum glyphs, or -1: by charset and terminal */
    bool mouse;
    bool plain;
};

struct term;

/* Opens the controlling terminal on stdin/stdout. NULL and a sentence when it cannot. */
struct term *term_open(const struct term_options *options, char *why, size_t why_size);

/* Restores the terminal. Safe to call twice, and from the path of a fatal error: it only writes,
 * and frees nothing. */
void term_close(struct term *term);

/* Closes and frees. NULL is fine. */
void term_free(struct term *term);

void term_size(const struct term *term, int *ret_width, int *ret_height);
enum glyphs term_glyphs(const struct term *term);
enum term_depth term_depth(const struct term *term);
bool term_is_mono(const struct term *term); /* it or its theme has no colours */
bool term_is_slow(const struct term *term); /* a real serial line below 115,200 baud */

/* A theme without a background of its own is painted one where the terminal's is not of its kind
 * (light on dark, dark on light). */
void term_set_theme(struct term *term, const struct theme *theme);

/* Sends what changed since the last frame. Answers the bytes written, 0 when nothing changed or
 * when the frame was dropped because the terminal is behind (term_wants_write says so), or a
 * negative errno when it is gone. */
long term_draw(struct term *term, const struct canvas *canvas);

/* The next key without waiting; key KEY_NONE when there is none. Poll term_fd for input. After an
 * Escape it waits up to 50 ms for the rest of a sequence. TERM_RESIZE also when the glyph set
 * or the background changed. */
struct term_event term_key(struct term *term);
int term_fd(const struct term *term);
bool term_wants_write(const struct term *term); /* poll for POLLOUT as well: a frame is waiting */

/* Gives the terminal back for a stop (Ctrl-Z) and takes it again. */
void term_suspend(struct term *term);
void term_resume(struct term *term);

/* Clears and repaints all with the next frame (Ctrl-L). */
void term_redraw(struct term *term);

/* Puts text on the clipboard (OSC 52). */
void term_copy(struct term *term, struct str text);

#endif
