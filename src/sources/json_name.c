/* Names and units out of keys. */
#include "json_name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"

enum { KEY_BYTES = 48 };

static const struct suffix {
    const char *end, *unit;
    double scale;
} suffixes[] = {
    {"milliseconds", "s", 1e-3},
    {"microseconds", "s", 1e-6},
    {"nanoseconds", "s", 1e-9},
    {"millis", "s", 1e-3},
    {"micros", "s", 1e-6},
    {"nanos", "s", 1e-9},
    {"seconds", "s", 1},
    {"secs", "s", 1},
    {"sec", "s", 1},
    {"ms", "s", 1e-3},
    {"us", "s", 1e-6},
    {"ns", "s", 1e-9},
    {"s", "s", 1},
    {"bytes", "By", 1},
    {"kb", "By", 1024},
    {"kib", "By", 1024},
    {"mb", "By", 1048576},
    {"mib", "By", 1048576},
    {"gb", "By", 1073741824},
    {"gib", "By", 1073741824},
    {"percent", "1", 0.01},
    {"percentage", "1", 0.01},
    {"pct", "1", 0.01},
    {"ratio", "1", 1},
    {"celsius", "Cel", 1},
    {"mhz", "Hz", 1e6},
    {"hz", "Hz", 1},
};

/* Keys that say nothing of what is below them. */
static const char *const empty[] = {"data",  "stats",  "metrics", "result",  "results", "values",
                                    "items", "status", "body",    "payload", "response"};

static bool
is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

size_t
json_key_name(struct str key, char *dst, size_t size)
{
    size_t n = 0;
    bool lower = false; /* the byte before was a small letter or a digit */
    for (size_t i = 0; i < key.n && n + 2 < size; i++) {
        unsigned char c = (unsigned char)key.p[i];
        bool word = isalnum(c) && c < 0x80;
        if (isupper(c) && lower) {
            dst[n++] = '_';
        }
        if (word) {
            dst[n++] = (char)tolower(c);
        } else if (n > 0 && dst[n - 1] != '_') {
            dst[n++] = '_';
        }
        lower = word && !isupper(c);
    }
    while (n > 0 && dst[n - 1] == '_') {
        n--;
    }
    dst[n] = '\0';
    return n;
}

/* Cuts "_END", or all of it when the key is nothing else. */
static bool
cut_end(char *key, const char *end)
{
    size_t n = strlen(key), end_n = strlen(end);
    if (n < end_n || strcmp(key + n - end_n, end) != 0) {
        return false;
    }
    if (n == end_n) {
        key[0] = '\0';
        return true;
    }
    if (key[n - end_n - 1] != '_') {
        return false;
    }
    key[n - end_n - 1] = '\0';
    return true;
}

static void
take_unit(char *key, struct json_meaning *meaning)
{
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        bool lone = strcmp(key, suffixes[i].end) == 0 && strlen(key) < 3; /* "s" is a name then */
        if (!lone && cut_end(key, suffixes[i].end)) {
            meaning->unit = suffixes[i].unit;
            meaning->scale = suffixes[i].scale;
            return;
        }
    }
}

static bool
says_something(const char *key)
{
    return key[0] != '\0' && !isdigit((unsigned char)key[0]) &&
           !is_one_of(key, empty, ARRAY_SIZE(empty));
}

void
json_mean(const struct str *keys, size_t count, struct json_meaning *ret_meaning)
{
    struct json_meaning meaning = {.unit = "", .scale = 1};
    char leaf[KEY_BYTES] = "", above[KEY_BYTES] = "";
    if (count > 0) {
        json_key_name(keys[count - 1], leaf, sizeof(leaf));
    }
    meaning.perhaps = str_ends(str_from(leaf), "_count");
    if (strcmp(leaf, "total") != 0) {
        meaning.total = cut_end(leaf, "total");
    }
    take_unit(leaf, &meaning);
    for (size_t i = count > 0 ? count - 1 : 0; i > 0 && !says_something(above); i--) {
        json_key_name(keys[i - 1], above, sizeof(above));
    }
    bool alone = !says_something(above);
    bool nameless = leaf[0] == '\0' || isdigit((unsigned char)leaf[0]);
    if (alone) {
        snprintf(meaning.name, sizeof(meaning.name), "json.%s", nameless ? "value" : leaf);
    } else if (nameless) {
        snprintf(meaning.name, sizeof(meaning.name), "json.%s", above);
    } else {
        snprintf(meaning.name, sizeof(meaning.name), "json.%s.%s", above, leaf);
    }
    *ret_meaning = meaning;
}
