/* The prompt. The cursor moves by characters; what does not fit on the row scrolls. */
#include "prompt.h"

#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"

void
prompt_set(struct prompt *prompt, const char *text)
{
    strlcpy(prompt->text, text, sizeof(prompt->text));
    prompt->cursor = strlen(prompt->text);
    prompt->given = false;
}

void
prompt_open(struct prompt *prompt, const char *label, const char *prefill)
{
    strlcpy(prompt->label, label, sizeof(prompt->label));
    prompt_set(prompt, prefill);
    prompt->history_at = 0;
    prompt->given = prefill[0] != '\0';
    strlcpy(prompt->hint, prompt->given ? "type over it, arrows edit it" : "",
            sizeof(prompt->hint));
}

static bool
is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t
before(const struct prompt *prompt)
{
    size_t at = prompt->cursor;
    while (at > 0 && is_continuation(prompt->text[--at])) {
    }
    return at;
}

static size_t
after(const struct prompt *prompt)
{
    size_t at = prompt->cursor;
    if (prompt->text[at] != '\0') {
        at++;
        while (is_continuation(prompt->text[at])) {
            at++;
        }
    }
    return at;
}

static void
erase(struct prompt *prompt, size_t from, size_t to)
{
    memmove(prompt->text + from, prompt->text + to, strlen(prompt->text + to) + 1);
    prompt->cursor = from;
}

static void
insert(struct prompt *prompt, uint32_t c)
{
    char bytes[4];
    size_t n = utf8_put(c, bytes), length = strlen(prompt->text);
    if (length + n >= sizeof(prompt->text)) {
        return;
    }
    char *at = prompt->text + prompt->cursor;
    memmove(at + n, at, length - prompt->cursor + 1);
    memcpy(at, bytes, n);
    prompt->cursor += n;
}

static size_t
word_before(const struct prompt *prompt)
{
    size_t at = prompt->cursor;
    while (at > 0 && prompt->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && prompt->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void
recall(struct prompt *prompt, int step)
{
    if (step > 0 ? prompt->history_at >= prompt->history_count : prompt->history_at == 0) {
        return;
    }
    prompt->history_at = (size_t)((int)prompt->history_at + step);
    prompt_set(prompt, prompt->history_at == 0 ? "" : prompt->history[prompt->history_at - 1]);
}

static void
remember(struct prompt *prompt)
{
    bool again = prompt->history_count > 0 && strcmp(prompt->history[0], prompt->text) == 0;
    if (prompt->text[0] == '\0' || again) {
        return;
    }
    memmove(prompt->history[1], prompt->history[0], sizeof(prompt->history) - PROMPT_BYTES);
    strlcpy(prompt->history[0], prompt->text, PROMPT_BYTES);
    prompt->history_count += prompt->history_count < PROMPT_HISTORY;
}

/* Keys that edit; false for others. */
static bool
edit(struct prompt *prompt, int32_t key)
{
    switch (key) {
    case TERM_BACKSPACE:
    case 127:
    case 8:
        erase(prompt, before(prompt), prompt->cursor);
        return true;
    case TERM_DELETE:
    case 4:
        erase(prompt, prompt->cursor, after(prompt));
        return true;
    case 21: /* Ctrl-U */
        erase(prompt, 0, prompt->cursor);
        return true;
    case 23: /* Ctrl-W */
        erase(prompt, word_before(prompt), prompt->cursor);
        return true;
    case 11: /* Ctrl-K */
        prompt->text[prompt->cursor] = '\0';
        return true;
    default:
        return false;
    }
}

static void
move(struct prompt *prompt, int32_t key)
{
    switch (key) {
    case TERM_LEFT:
    case 2:
        prompt->cursor = before(prompt);
        break;
    case TERM_RIGHT:
    case 6:
        prompt->cursor = after(prompt);
        break;
    case TERM_HOME:
    case 1:
        prompt->cursor = 0;
        break;
    case TERM_END:
    case 5:
        prompt->cursor = strlen(prompt->text);
        break;
    case TERM_UP:
    case 16:
        recall(prompt, 1);
        break;
    case TERM_DOWN:
    case 14:
        recall(prompt, -1);
        break;
    default:
        break;
    }
}

enum prompt_result
prompt_key(struct prompt *prompt, int32_t key)
{
    prompt->hint[0] = '\0';
    if (key == 27 || key == 3 ||
        ((key == TERM_BACKSPACE || key == 127) && prompt->text[0] == '\0')) {
        return PROMPT_CANCELLED;
    }
    if (key == '\r' || key == '\n') {
        remember(prompt);
        return PROMPT_DONE;
    }
    if (key == '\t') {
        return PROMPT_COMPLETE;
    }
    bool typed = key >= ' ' && key < TERM_KEY_FIRST && key != 127;
    if (prompt->given && typed) {
        erase(prompt, 0, strlen(prompt->text));
    }
    prompt->given = false;
    if (typed) {
        insert(prompt, (uint32_t)key);
    } else if (!edit(prompt, key)) {
        move(prompt, key);
    }
    return PROMPT_OPEN;
}

void
prompt_draw(const struct prompt *prompt, struct canvas *canvas, int y)
{
    struct style label = {.fg = ROLE_KEY, .attributes = CELL_BOLD}, plain = {.fg = ROLE_TEXT};
    canvas_fill(canvas, (struct rect){0, y, canvas->width, 1}, ' ', plain);
    int x = canvas_printf(canvas, 0, y, canvas->width / 2 - 2, label, " %s", prompt->label);
    x += canvas_text(canvas, x, y, 2, STR(": "), label);
    int room = MAX(canvas->width - x - 1, 1);
    size_t from = 0;
    while (from < prompt->cursor &&
           (int)utf8_text_width((struct str){prompt->text + from, prompt->cursor - from}) >= room) {
        from++;
        while (is_continuation(prompt->text[from])) {
            from++;
        }
    }
    int used = canvas_text(canvas, x, y, room + 1, str_from(prompt->text + from), plain);
    if (prompt->given) {
        canvas_restyle(canvas, (struct rect){x, y, used, 1},
                       (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
    }
    if (prompt->hint[0] != '\0' && x + used + 3 < canvas->width) {
        canvas_text(canvas, x + used + 2, y, canvas->width - x - used - 2, str_from(prompt->hint),
                    (struct style){.fg = ROLE_DIM});
    }
    canvas->cursor_x =
        x + (int)utf8_text_width((struct str){prompt->text + from, prompt->cursor - from});
    canvas->cursor_y = y;
}
