/* Inside of the terminal. Only term.c knows curses. */
#ifndef FLAMETOP_UI_TERM_PARTS_H
#define FLAMETOP_UI_TERM_PARTS_H

#include <stdio.h>
#include <termios.h>

#include "flametop/base/buf.h"
#include "flametop/ui/term.h"
#include "keys.h"

#define PAIRS_MAX 1024
#define INPUT_BYTES 512

#define SYNC_BEGIN "\33[?2026h"
#define SYNC_END "\33[?2026l"

struct pair {
    int fg, bg;
    uint64_t frame; /* the last that used it; 0: free */
};

struct term {
    int fd;           /* the terminal, non-blocking */
    int shared_flags; /* of a descriptor we could not open anew and made non-blocking; -1: ours
                         alone */
    int memory_fd;
    FILE *memory, *null_input;
    struct screen *screen; /* curses' */
    struct termios cooked, raw;
    char enter[128], leave[192];
    size_t enter_n, leave_n;
    bool open, gone, mouse, slow;

    int width, height;
    enum glyphs glyphs;
    bool glyphs_fixed;
    enum term_depth depth;
    bool sync;

    struct theme chosen, theme, mono; /* as given; with what has to be painted; for no colours */
    enum { BACK_UNKNOWN, BACK_DARK, BACK_LIGHT } back; /* what the terminal said of its own */
    bool painted;           /* the theme's background is drawn, not the terminal's left */
    int colour[ROLE_COUNT]; /* curses' number, -1 the terminal's own, COLOUR_UNSET not yet asked for
                             */
    bool faint[ROLE_COUNT]; /* shown by dim instead of a colour the terminal lacks */
    struct pair pairs[PAIRS_MAX];
    int pair_count;
    short pair_of[ROLE_COUNT][ROLE_COUNT];
    uint64_t frame, counted_frame; /* now; and the last whose pairs in use are known */
    const struct canvas *drawing;  /* during put_canvas */
    struct canvas shown;           /* what curses was last told */
    bool shown_valid, clear_next;

    struct buf out;
    size_t out_at;

    char input[INPUT_BYTES];
    size_t input_n;
    struct key_string own_keys[32];
    int64_t click_ns;
    int click_x, click_y;
};

void term_set_size(struct term *term, int width, int height);

/* Whether the theme's background has to be drawn on this terminal. */
bool term_must_paint(const struct term *term, const struct theme *theme);

/* tty.c: false when there is no terminal. */
bool tty_open(struct term *term);
void tty_make_raw(struct term *term);

/* Terminals that print what they do not understand, or have few glyphs. */
bool tty_is_simple(const char *name);
void tty_choose_glyphs(struct term *term, const struct term_options *options, const char *name);
enum term_depth tty_wanted_depth(const struct term_options *options, const char *name);

/* False where the terminal does not know its own size. */
bool tty_read_size(const struct term *term, int *ret_width, int *ret_height);

/* Takes the screen and asks what cannot be known otherwise; gives it back as it was. */
void tty_enter(struct term *term);
void tty_ask(struct term *term);
void tty_restore(struct term *term);

/* Sends what is queued. A negative errno when the terminal is gone. */
long tty_flush(struct term *term);

#endif
