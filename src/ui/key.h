/* Keys: a table from (context, key) to a command line.
 *
 * A context is "" (everywhere) or the name of a view or panel. A key is looked up in the focused
 * panel's context, then in the view's, then everywhere. In the table that ships no key has two
 * meanings in one view. */
#ifndef FLAMETOP_SRC_UI_KEY_H
#define FLAMETOP_SRC_UI_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_ROWS_MAX 512
#define KEY_NAME_BYTES 16
#define KEY_COMMAND_BYTES 48

struct words;

struct key_row {
    char context[16];
    int32_t key;
    char command[KEY_COMMAND_BYTES];
};

struct keymap {
    struct key_row rows[KEY_ROWS_MAX];
    size_t count;
};

/* The keys that ship. */
void keymap_init(struct keymap *keymap);

/* "q", "Space", "F5", "Ctrl-L", "PgUp", "Shift-Tab" … False when it names no key. */
bool key_parse(const char *text, int32_t *ret_key);

/* The name of a key as key_parse reads it. Answers dst. */
char *key_name(int32_t key, char dst[KEY_NAME_BYTES]);

/* Replaces what the key did in this context. False and a sentence. */
bool key_bind(struct keymap *keymap, const char *context, const char *key, const char *command,
              char *why, size_t why_size);

/* "htop", "vim", "atop": adds that program's habits to the keys that ship. */
bool keymap_preset(struct keymap *keymap, const char *name, char *why, size_t why_size);

/* Their names. */
void keymap_presets(struct words *words);

/* The command line of a key, or NULL. */
const char *keymap_find(const struct keymap *keymap, const char *panel, const char *view,
                        int32_t key);

/* The first key that runs this command line in the contexts, for the footer; KEY_NONE when there is
 * none. */
int32_t keymap_key_of(const struct keymap *keymap, const char *panel, const char *view,
                      const char *command);

#endif
