/* Bytes from a terminal to keys: xterm's, vt's, linux' and rxvt's sequences, UTF-8, SGR mouse
 * reports and the answers to what tty.c asks. Pure: no I/O, no clock.
 *
 * curses' own getch is not used: it reads from the descriptor that newterm was given, blocks on it,
 * and knows only the one terminal that TERM names, which over SSH is often not the one that is
 * there. */
#ifndef FLAMETOP_UI_KEYS_H
#define FLAMETOP_UI_KEYS_H

#include "flametop/ui/term.h"

/* Answers, as keys that term_input.c keeps to itself. */
enum {
    KEYS_SYNC_STATE = TERM_GONE + 1, /* DECRPM 2026: x is its state */
    KEYS_CURSOR,                     /* DECXCPR: y, x from 0 */
    KEYS_BACKGROUND,                 /* OSC 11: x is 1 when it is light, 0 when it is dark */
};

/* A sequence of the terminal's own (from terminfo). */
struct key_string {
    char bytes[16];
    size_t n; /* 0: none */
    int32_t key;
};

/* Decodes what stands at the front. Answers the bytes it took, or 0 when the sequence is not
 * finished; with `no_more` (nothing came for a while) it always takes something. What means nothing
 * is KEY_NONE. */
size_t keys_decode(struct str bytes, bool no_more, const struct key_string *own, size_t own_count,
                   struct term_event *ret_event);

#endif
