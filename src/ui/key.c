/* Key names, the table of keys, and the presets of other programs. */
#include "key.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "command.h"
#include "view.h"

static const struct {
    const char *name;
    int32_t key;
} key_names[] = {
    {"Space", ' '},
    {"Enter", '\r'},
    {"Tab", '\t'},
    {"Esc", 27},
    {"Up", TERM_UP},
    {"Down", TERM_DOWN},
    {"Left", TERM_LEFT},
    {"Right", TERM_RIGHT},
    {"PgUp", TERM_PAGE_UP},
    {"PgDn", TERM_PAGE_DOWN},
    {"Home", TERM_HOME},
    {"End", TERM_END},
    {"Ins", TERM_INSERT},
    {"Del", TERM_DELETE},
    {"Backspace", TERM_BACKSPACE},
    {"Shift-Tab", TERM_BACK_TAB},
};

struct key_default {
    const char *context, *key, *command;
};

/* The order is that of help. */
static const struct key_default defaults[] = {
    {"", "q", "close"},
    {"", "F10", "quit"},
    {"", "Ctrl-C", "quit"},
    {"", "Esc", "escape"},
    {"", "h", "help"},
    {"", "F1", "help"},
    {"", "?", "help"},
    {"", "0", "view 0"},
    {"", "1", "view 1"},
    {"", "2", "view 2"},
    {"", "3", "view 3"},
    {"", "4", "view 4"},
    {"", "5", "view 5"},
    {"", "6", "view 6"},
    {"", "7", "view 7"},
    {"", "8", "view 8"},
    {"", "9", "view 9"},
    {"", "Tab", "panel.next"},
    {"", "Shift-Tab", "panel.previous"},
    {"", ",", "page.previous"},
    {"", ".", "page.next"},
    {"", "Up", "move.up"},
    {"", "k", "move.up"},
    {"", "Down", "move.down"},
    {"", "j", "move.down"},
    {"", "Left", "move.left"},
    {"", "Right", "move.right"},
    {"", "PgUp", "move.page.up"},
    {"", "PgDn", "move.page.down"},
    {"", "Home", "move.first"},
    {"", "g", "move.first"},
    {"", "End", "move.last"},
    {"", "G", "move.last"},
    {"", "Enter", "open"},
    {"", "/", "search.set"},
    {"", "F3", "search.set"},
    {"", "n", "search.next"},
    {"", "N", "search.previous"},
    {"", "f", "filter.set"},
    {"", "F4", "filter.set"},
    {"", "\\", "filter.set"},
    {"", "Space", "pause"},
    {"", "[", "time.step -1"},
    {"", "]", "time.step 1"},
    {"", "{", "time.skip -1m"},
    {"", "}", "time.skip 1m"},
    {"", "b", "time.go"},
    {"", "r", "live"},
    {"", "w", "span.wider"},
    {"", "W", "span.narrower"},
    {"", "!", "evidence"},
    {"", "y", "copy"},
    {"", "s", "save"},
    {"", "F", "flame.open"},
    {"", ":", "command"},
    {"", "Ctrl-L", "redraw"},
    {"", "Ctrl-Z", "suspend"},
    {"fleet", "<", "sort.previous"},
    {"fleet", ">", "sort.next"},
    {"fleet", "F6", "sort.set"},
    {"fleet", "I", "sort.invert"},
    {"fleet", "C", "columns"},
    {"processes", "<", "sort.previous"},
    {"processes", ">", "sort.next"},
    {"processes", "F6", "sort.set"},
    {"processes", "I", "sort.invert"},
    {"processes", "C", "columns"},
    {"processes", "P", "sort.set CPU"},
    {"processes", "M", "sort.set MEM"},
    {"processes", "t", "tree"},
    {"processes", "F5", "tree"},
    {"processes", "+", "tree.unfold"},
    {"processes", "-", "tree.fold"},
    {"processes", "L", "follow"},
    {"processes", "E", "process.environment"},
    {"processes", "K", "process.signal"},
    {"processes", "F9", "process.signal"},
    {"processes", "F7", "process.nice -1"},
    {"processes", "F8", "process.nice 1"},
    {"requests", "<", "sort.previous"},
    {"requests", ">", "sort.next"},
    {"requests", "F6", "sort.set"},
    {"requests", "I", "sort.invert"},
    {"requests", "C", "columns"},
    {"requests", "o", "request.group"},
    {"requests", "v", "select"},
    {"requests", "m", "mark"},
    {"requests", "d", "compare"},
    {"requests", "D", "compare.before"},
    {"requests", "+", "tree.unfold"},
    {"requests", "-", "tree.fold"},
    {"requests", "c", "request.path"},
    {"requests", "a", "query"},
    {"requests", "e", "export"},
    {"tables", "<", "sort.previous"},
    {"tables", ">", "sort.next"},
    {"tables", "F6", "sort.set"},
    {"tables", "I", "sort.invert"},
    {"tables", "C", "columns"},
    {"metrics", "+", "pin"},
    {"metrics", "-", "unpin"},
    {"node", "<", "sort.previous"},
    {"node", ">", "sort.next"},
    {"node", "F6", "sort.set"},
    {"node", "I", "sort.invert"},
    {"node", "C", "columns"},
    {"node", "P", "sort.set REDS/s"},
    {"node", "M", "sort.set MEM"},
    {"node", "Q", "sort.set MSGQ"},
    {"node", "t", "tree"},
    {"node", "F5", "tree"},
    {"node", "+", "tree.unfold"},
    {"node", "-", "tree.fold"},
    {"node", "L", "follow"},
    {"pools", "<", "sort.previous"},
    {"pools", ">", "sort.next"},
    {"pools", "F6", "sort.set"},
    {"pools", "I", "sort.invert"},
    {"pools", "C", "columns"},
    {"flame", "Backspace", "flame.out"},
    {"flame", "u", "flame.measure"},
    {"flame", "S", "flame.sandwich"},
    {"flame", "c", "flame.collapse"},
    {"flame", "i", "flame.flip"},
    {"flame", "I", "flame.invert"},
    {"flame", "o", "flame.order"},
    {"flame", "x", "flame.hide"},
    {"flame", "X", "flame.keep"},
    {"flame", "U", "flame.undo"},
    {"flame", "t", "flame.wall"},
    {"flame", "d", "flame.swap"},
    {"flame", "D", "compare.before"},
    {"flame", "e", "flame.save"},
    {"flame", "<", "sort.previous"},
    {"flame", ">", "sort.next"},
    {"chart", "+", "zoom.in"},
    {"chart", "-", "zoom.out"},
};

static const struct {
    const char *preset;
    struct key_default row;
} presets[] = {
    {"htop", {"processes", "k", "process.signal"}},
    {"htop", {"processes", "e", "process.environment"}},
    {"htop", {"processes", "t", "tree"}},
    {"htop", {"processes", "F", "follow"}},
    {"htop", {"processes", "T", "sort.set AGE"}},
    {"htop", {"processes", "N", "sort.set PID"}},
    {"htop", {"processes", "u", "filter.set user="}},
    {"htop", {"processes", "S", "columns"}},
    {"vim", {"", "h", "move.left"}},
    {"vim", {"", "l", "move.right"}},
    {"vim", {"", "Ctrl-F", "move.page.down"}},
    {"vim", {"", "Ctrl-B", "move.page.up"}},
    {"vim", {"", "Ctrl-D", "move.page.down"}},
    {"vim", {"", "Ctrl-U", "move.page.up"}},
    {"atop", {"", "t", "time.step 1"}},
    {"atop", {"", "T", "time.step -1"}},
    {"atop", {"processes", "t", "time.step 1"}},
    {"atop", {"processes", "k", "process.signal"}},
    {"atop", {"processes", "M", "sort.set MEM"}},
    {"atop", {"processes", "D", "sort.set WRITE"}},
};

static bool
parse_control(const char *text, int32_t *ret_key)
{
    bool is = strncasecmp(text, "Ctrl-", 5) == 0 && text[5] != '\0' && text[6] == '\0';
    int32_t letter = is ? text[5] & ~0x20 : 0;
    if (letter < 'A' || letter > 'Z') {
        return false;
    }
    *ret_key = letter - 'A' + 1;
    return true;
}

static bool
parse_function(const char *text, int32_t *ret_key)
{
    struct str rest = str_from(text[0] == 'F' || text[0] == 'f' ? text + 1 : "");
    uint64_t number;
    bool is = rest.n > 0 && rest.n <= 2 && str_u64(&rest, &number) && rest.n == 0 && number >= 1 &&
              number <= 12;
    if (is) {
        *ret_key = TERM_F1 + (int32_t)number - 1;
    }
    return is;
}

bool
key_parse(const char *text, int32_t *ret_key)
{
    struct str rest = str_from(text);
    uint32_t c = utf8_next(&rest);
    if (c > ' ' && c != UTF8_BAD && rest.n == 0) {
        *ret_key = (int32_t)c;
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(key_names); i++) {
        if (strcasecmp(key_names[i].name, text) == 0) {
            *ret_key = key_names[i].key;
            return true;
        }
    }
    return parse_control(text, ret_key) || parse_function(text, ret_key);
}

char *
key_name(int32_t key, char dst[KEY_NAME_BYTES])
{
    for (size_t i = 0; i < ARRAY_SIZE(key_names); i++) {
        if (key_names[i].key == key) {
            strlcpy(dst, key_names[i].name, KEY_NAME_BYTES);
            return dst;
        }
    }
    if (key >= TERM_F1 && key <= TERM_F12) {
        snprintf(dst, KEY_NAME_BYTES, "F%d", (int)(key - TERM_F1) + 1);
    } else if (key >= 1 && key < ' ') {
        snprintf(dst, KEY_NAME_BYTES, "Ctrl-%c", (char)('A' + key - 1));
    } else {
        size_t n = key > 0 ? utf8_put((uint32_t)key, dst) : 0;
        dst[n] = '\0';
    }
    return dst;
}

static struct key_row *
find_row(struct keymap *keymap, const char *context, int32_t key)
{
    for (size_t i = 0; i < keymap->count; i++) {
        struct key_row *row = &keymap->rows[i];
        if (row->key == key && strcmp(row->context, context) == 0) {
            return row;
        }
    }
    return NULL;
}

static void
remove_row(struct keymap *keymap, struct key_row *row)
{
    size_t index = (size_t)(row - keymap->rows);
    memmove(row, row + 1, (keymap->count - index - 1) * sizeof(*row));
    keymap->count--;
}

static bool
refuse(char *why, size_t why_size, const char *what, const char *name)
{
    snprintf(why, why_size, "%s “%s”", what, name);
    return false;
}

bool
key_bind(struct keymap *keymap, const char *context, const char *key, const char *command,
         char *why, size_t why_size)
{
    int32_t code;
    if (!key_parse(key, &code)) {
        return refuse(why, why_size, "no such key:", key);
    }
    if (context[0] != '\0' && !view_is_context(context)) {
        return refuse(why, why_size, "no view or panel of that name:", context);
    }
    struct key_row *row = find_row(keymap, context, code);
    if (command[0] == '\0') {
        if (row != NULL) {
            remove_row(keymap, row);
        }
        return true;
    }
    if (!command_check(command, why, why_size)) {
        return false;
    }
    if (strlen(command) >= KEY_COMMAND_BYTES) {
        return refuse(why, why_size, "command too long:", command);
    }
    if (row == NULL) {
        if (keymap->count == KEY_ROWS_MAX) {
            return refuse(why, why_size, "too many keys are bound; no room for", key);
        }
        row = &keymap->rows[keymap->count++];
    }
    *row = (struct key_row){.key = code};
    strlcpy(row->context, context, sizeof(row->context));
    strlcpy(row->command, command, sizeof(row->command));
    return true;
}

static void
add(struct keymap *keymap, const struct key_default *from)
{
    struct key_row *row = &keymap->rows[keymap->count++];
    *row = (struct key_row){.key = KEY_NONE};
    key_parse(from->key, &row->key);
    strlcpy(row->context, from->context, sizeof(row->context));
    strlcpy(row->command, from->command, sizeof(row->command));
}

void
keymap_init(struct keymap *keymap)
{
    static_assert(ARRAY_SIZE(defaults) < KEY_ROWS_MAX, "room for the keys that ship");
    keymap->count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        add(keymap, &defaults[i]);
    }
}

bool
keymap_preset(struct keymap *keymap, const char *name, char *why, size_t why_size)
{
    bool found = false;
    for (size_t i = 0; i < ARRAY_SIZE(presets); i++) {
        if (strcmp(presets[i].preset, name) == 0) {
            const struct key_default *row = &presets[i].row;
            found = true;
            if (!key_bind(keymap, row->context, row->key, row->command, why, why_size)) {
                return false;
            }
        }
    }
    return found || refuse(why, why_size, "htop, vim and atop are known, not", name);
}

void
keymap_presets(struct words *words)
{
    for (size_t i = 0; i < ARRAY_SIZE(presets); i++) {
        words_add(words, presets[i].preset);
    }
}

const char *
keymap_find(const struct keymap *keymap, const char *panel, const char *view, int32_t key)
{
    const char *const contexts[] = {panel, view, ""};
    for (size_t c = 0; c < ARRAY_SIZE(contexts); c++) {
        for (size_t i = 0; i < keymap->count; i++) {
            const struct key_row *row = &keymap->rows[i];
            if (row->key == key && strcmp(row->context, contexts[c]) == 0) {
                return row->command;
            }
        }
    }
    return NULL;
}

int32_t
keymap_key_of(const struct keymap *keymap, const char *panel, const char *view, const char *command)
{
    for (size_t i = 0; i < keymap->count; i++) {
        const struct key_row *row = &keymap->rows[i];
        bool reached = row->context[0] == '\0' || strcmp(row->context, panel) == 0 ||
                       strcmp(row->context, view) == 0;
        if (reached && strcmp(row->command, command) == 0 &&
            keymap_find(keymap, panel, view, row->key) == row->command) {
            return row->key;
        }
    }
    return KEY_NONE;
}
