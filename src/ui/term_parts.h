/* Inside of the terminal. Only term.c knows curses. */
#ifndef FLAMETOP_UI_TERM_PARTS_H
#define FLAMETOP_UI_TERM_PARTS_H

#include <stdio.h>
#include <termios.h>

#include "flametop/base/buf.h"
#include "flametop/ui/term.h"
#include "keys.h"
#include "palette.h"

#define INPUT_BYTES 512

#define SYNC_BEGIN "\33[?2026h"
#define SYNC_END "\33[?2026l"

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
    bool sync;

    struct palette palette;
    struct canvas shown; /* what curses was last told */
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
