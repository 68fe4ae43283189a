/* The key decoder. One function for each kind of sequence; each answers the bytes it took, or 0 for
 * "more to come". */
#include "keys.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define ESCAPE 27
#define SEQUENCE_MAX 64 /* no key or answer is longer; what is, is garbage */
#define PARAMETERS_MAX 4

static const struct final_row {
    char final;
    int32_t key;
} letter_keys[] = {
    {'A', TERM_UP},  {'B', TERM_DOWN}, {'C', TERM_RIGHT}, {'D', TERM_LEFT},  {'H', TERM_HOME},
    {'F', TERM_END}, {'a', TERM_UP},   {'b', TERM_DOWN},  {'c', TERM_RIGHT}, {'d', TERM_LEFT},
    {'P', TERM_F1},  {'Q', TERM_F2},   {'R', TERM_F3},    {'S', TERM_F4},    {'Z', TERM_BACK_TAB},
};

/* CSI number ~ */
static const struct number_row {
    uint8_t number;
    int32_t key;
} number_keys[] = {
    {1, TERM_HOME},      {2, TERM_INSERT}, {3, TERM_DELETE}, {4, TERM_END},  {5, TERM_PAGE_UP},
    {6, TERM_PAGE_DOWN}, {7, TERM_HOME},   {8, TERM_END},    {11, TERM_F1},  {12, TERM_F2},
    {13, TERM_F3},       {14, TERM_F4},    {15, TERM_F5},    {17, TERM_F6},  {18, TERM_F7},
    {19, TERM_F8},       {20, TERM_F9},    {21, TERM_F10},   {23, TERM_F11}, {24, TERM_F12},
};

/* SS3 letter: the keypad in application mode types what stands on its keys. */
static const struct final_row keypad_keys[] = {
    {'M', '\r'}, {'X', '='}, {'j', '*'}, {'k', '+'}, {'l', ','}, {'m', '-'},
    {'n', '.'},  {'o', '/'}, {'p', '0'}, {'q', '1'}, {'r', '2'}, {'s', '3'},
    {'t', '4'},  {'u', '5'}, {'v', '6'}, {'w', '7'}, {'x', '8'}, {'y', '9'},
};

static int32_t
key_of(const struct final_row *rows, size_t n, char final)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].final == final) {
            return rows[i].key;
        }
    }
    return KEY_NONE;
}

static int32_t
numbered_key(unsigned number)
{
    for (size_t i = 0; i < ARRAY_SIZE(number_keys); i++) {
        if (number_keys[i].number == number) {
            return number_keys[i].key;
        }
    }
    return KEY_NONE;
}

/* Numbers between ';', at most 9999; missing ones are 0. */
static void
parameters(struct str text, unsigned values[PARAMETERS_MAX])
{
    size_t at = 0;
    memset(values, 0, PARAMETERS_MAX * sizeof(values[0]));
    for (size_t i = 0; i < text.n && at < PARAMETERS_MAX; i++) {
        if (text.p[i] == ';') {
            at++;
        } else if (text.p[i] >= '0' && text.p[i] <= '9') {
            values[at] = MIN(values[at] * 10 + (unsigned)(text.p[i] - '0'), 9999u);
        }
    }
}

/* CSI < buttons ; x ; y M or m */
static void
decode_mouse(struct str text, char final, struct term_event *event)
{
    unsigned value[PARAMETERS_MAX];
    parameters(text, value);
    unsigned buttons = value[0] & ~(4u | 8u | 16u); /* Shift, Alt, Ctrl */
    static const struct {
        unsigned buttons;
        char final;
        enum term_button button;
    } rows[] = {{0, 'M', TERM_CLICK},    {0, 'm', TERM_RELEASE},   {32, 'M', TERM_DRAG},
                {32, 'm', TERM_RELEASE}, {64, 'M', TERM_WHEEL_UP}, {65, 'M', TERM_WHEEL_DOWN}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].buttons == buttons && rows[i].final == final && value[1] > 0 && value[2] > 0) {
            *event = (struct term_event){.key = TERM_MOUSE,
                                         .x = (int)value[1] - 1,
                                         .y = (int)value[2] - 1,
                                         .button = rows[i].button};
        }
    }
}

/* CSI ? … : answers. */
static void
decode_answer(struct str text, char final, struct term_event *event)
{
    unsigned value[PARAMETERS_MAX];
    parameters(text, value);
    if (final == 'y' && value[0] == 2026) {
        *event = (struct term_event){.key = KEYS_SYNC_STATE, .x = (int)value[1]};
    } else if (final == 'R' && value[0] > 0 && value[1] > 0) {
        *event =
            (struct term_event){.key = KEYS_CURSOR, .x = (int)value[1] - 1, .y = (int)value[0] - 1};
    }
}

static void
decode_csi_body(struct str body, char final, struct term_event *event)
{
    char first = body.n > 0 ? body.p[0] : 0;
    if (first == '<') {
        decode_mouse((struct str){body.p + 1, body.n - 1}, final, event);
    } else if (first == '?') {
        decode_answer((struct str){body.p + 1, body.n - 1}, final, event);
    } else if (final == '~') {
        unsigned value[PARAMETERS_MAX];
        parameters(body, value);
        event->key = numbered_key(value[0]);
    } else {
        event->key = key_of(letter_keys, ARRAY_SIZE(letter_keys), final);
    }
}

/* ESC [ parameters final. */
static size_t
decode_csi(struct str bytes, struct term_event *event)
{
    if (bytes.n >= 3 && bytes.p[2] == '[') { /* linux: ESC [ [ A for F1 */
        if (bytes.n >= 4 && bytes.p[3] >= 'A' && bytes.p[3] <= 'E') {
            event->key = TERM_F1 + (bytes.p[3] - 'A');
        }
        return bytes.n >= 4 ? 4 : 0;
    }
    if (bytes.n >= 3 && bytes.p[2] == 'M') { /* an old mouse report: three bytes of anything */
        return bytes.n >= 6 ? 6 : 0;
    }
    for (size_t i = 2; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        if (c >= 0x40 && c <= 0x7E) {
            decode_csi_body((struct str){bytes.p + 2, i - 2}, (char)c, event);
            return i + 1;
        }
        if (c < 0x20 || c > 0x7E || i >= SEQUENCE_MAX) {
            return i; /* broken off: the byte belongs to what comes next */
        }
    }
    return 0;
}

/* One part of a colour, "1c" or "1c1c", as a share of its largest value; -1 when it is none. */
static double
colour_part(struct str *rest)
{
    unsigned value = 0, most = 0;
    while (rest->n > 0 && most < 0xFFFF) {
        int digit = str_hex_digit(rest->p[0]);
        if (digit < 0) {
            break;
        }
        value = value * 16 + (unsigned)digit;
        most = most * 16 + 15;
        rest->p++;
        rest->n--;
    }
    if (rest->n > 0 && rest->p[0] == '/') {
        rest->p++;
        rest->n--;
    }
    return most > 0 ? (double)value / most : -1;
}

/* "11;rgb:1c1c/1f1f/2323": the background that was asked for. */
static void
decode_colour(struct str text, struct term_event *event)
{
    static const char before[] = "11;rgb:";
    if (!str_starts(text, before)) {
        return;
    }
    text.p += sizeof(before) - 1;
    text.n -= sizeof(before) - 1;
    double red = colour_part(&text), green = colour_part(&text), blue = colour_part(&text);
    if (red >= 0 && green >= 0 && blue >= 0) {
        double light = 0.2126 * red + 0.7152 * green + 0.0722 * blue; /* Rec. 709 */
        *event = (struct term_event){.key = KEYS_BACKGROUND, .x = light > 0.5};
    }
}

/* ESC ] … BEL or ESC \ and its like: answers, of which one is known. */
static size_t
decode_string(struct str bytes, struct term_event *event)
{
    for (size_t i = 2; i < bytes.n; i++) {
        bool ended =
            bytes.p[i] == 7 || (bytes.p[i] == ESCAPE && i + 1 < bytes.n && bytes.p[i + 1] == '\\');
        if (ended && bytes.p[1] == ']') {
            decode_colour((struct str){bytes.p + 2, i - 2}, event);
        }
        if (bytes.p[i] == 7) {
            return i + 1;
        }
        if (bytes.p[i] == ESCAPE) {
            return i + 1 >= bytes.n ? 0 : ended ? i + 2 : i;
        }
    }
    return bytes.n > SEQUENCE_MAX ? bytes.n : 0;
}

static size_t
decode_escape(struct str bytes, struct term_event *event)
{
    if (bytes.n == 1) {
        return 0;
    }
    switch (bytes.p[1]) {
    case '[':
        return decode_csi(bytes, event);
    case 'O':
        if (bytes.n < 3) {
            return 0;
        }
        event->key = key_of(letter_keys, ARRAY_SIZE(letter_keys), bytes.p[2]);
        if (event->key == KEY_NONE) {
            event->key = key_of(keypad_keys, ARRAY_SIZE(keypad_keys), bytes.p[2]);
        }
        return 3;
    case ']':
    case 'P':
    case '_':
    case '^':
        return decode_string(bytes, event);
    default:
        /* Over a slow line Escape and the next key arrive together; Alt is not used. */
        event->key = ESCAPE;
        return 1;
    }
}

static size_t
utf8_length(unsigned char first)
{
    return first >= 0xF0 && first <= 0xF4  ? 4
           : first >= 0xE0 && first < 0xF0 ? 3
           : first >= 0xC2 && first < 0xE0 ? 2
                                           : 1;
}

static size_t
decode_character(struct str bytes, bool no_more, struct term_event *event)
{
    unsigned char first = (unsigned char)bytes.p[0];
    if (bytes.n < utf8_length(first) && !no_more) {
        return 0;
    }
    struct str rest = bytes;
    uint32_t c = utf8_next(&rest);
    if (first == 0x7F || first == 8) {
        event->key = TERM_BACKSPACE;
    } else if (first == '\n') {
        event->key = '\r';
    } else if (c != UTF8_BAD && (c < 0x80 || c > 0x9F)) {
        event->key = (int32_t)c;
    }
    return bytes.n - rest.n;
}

size_t
keys_decode(struct str bytes, bool no_more, const struct key_string *own, size_t own_count,
            struct term_event *ret_event)
{
    struct term_event event = {.key = KEY_NONE};
    size_t taken = 0;
    if (bytes.n == 0) {
        return 0;
    }
    for (size_t i = 0; i < own_count; i++) {
        if (own[i].n > 1 && own[i].n <= bytes.n && memcmp(own[i].bytes, bytes.p, own[i].n) == 0) {
            *ret_event = (struct term_event){.key = own[i].key};
            return own[i].n;
        }
    }
    if (bytes.p[0] == ESCAPE) {
        taken = decode_escape(bytes, &event);
        if (taken == 0 && no_more) {
            event = (struct term_event){.key = ESCAPE};
            taken = 1;
        }
    } else {
        taken = decode_character(bytes, no_more, &event);
    }
    if (taken > 0) {
        *ret_event = event;
    }
    return taken;
}
