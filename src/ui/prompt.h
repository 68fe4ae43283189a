/* A line of input: editing, history and the cursor. */
#ifndef FLAMETOP_SRC_UI_PROMPT_H
#define FLAMETOP_SRC_UI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/ui/canvas.h"

#define PROMPT_BYTES 256 /* FILTER_BYTES_MAX and NUL */
#define PROMPT_HISTORY 32

struct prompt {
    char label[48];
    char text[PROMPT_BYTES];
    char hint[PROMPT_BYTES]; /* what Tab found, beside the text until the next key */
    size_t cursor;           /* byte offset, always at the start of a character */
    bool given;              /* the text is what was in force: what is typed takes its place */
    char history[PROMPT_HISTORY][PROMPT_BYTES]; /* newest first */
    size_t history_count, history_at;           /* 0: the line being typed; i: history[i - 1] */
};

enum prompt_result { PROMPT_OPEN, PROMPT_DONE, PROMPT_CANCELLED, PROMPT_COMPLETE };

/* What is prefilled goes when something is typed; a key that moves or edits keeps it. */
void prompt_open(struct prompt *prompt, const char *label, const char *prefill);

/* PROMPT_COMPLETE: Tab was pressed. */
enum prompt_result prompt_key(struct prompt *prompt, int32_t key);
void prompt_set(struct prompt *prompt, const char *text); /* what is typed goes on from there */

/* Draws in one row and puts the hardware cursor there. */
void prompt_draw(const struct prompt *prompt, struct canvas *canvas, int y);

#endif
