/* Protocol counters. */
#include "proc_mib.h"

#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "kept.h"

/* "Tcp: 1 2" is of group "Tcp", and so is not "TcpExt: 1 2". Answers what follows the colon. */
static bool
is_of_group(struct str line, const char *group, struct str *ret_rest)
{
    size_t n = strlen(group);
    if (!str_starts(line, group) || line.n <= n || line.p[n] != ':') {
        return false;
    }
    *ret_rest = (struct str){line.p + n + 1, line.n - n - 1};
    return true;
}

static bool
find_group(struct str text, const char *group, struct str *ret_names, struct str *ret_numbers)
{
    struct str line, names, numbers;
    while (kept_line(&text, &line)) {
        if (!is_of_group(line, group, &names)) {
            continue;
        }
        if (!kept_line(&text, &line) || !is_of_group(line, group, &numbers)) {
            return false;
        }
        *ret_names = names;
        *ret_numbers = numbers;
        return true;
    }
    return false;
}

static uint8_t
key_index(const struct mib *mib, struct str word)
{
    for (size_t i = 0; i < MIB_KEYS_MAX && mib->keys[i] != NULL; i++) {
        if (str_is(word, mib->keys[i])) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

static void
learn(struct mib *mib, struct str names)
{
    mib->header_n = names.n <= MIB_HEADER_MAX ? names.n : 0;
    if (mib->header_n > 0) {
        memcpy(mib->header, names.p, names.n);
    }
    mib->word_count = 0;
    size_t word_count = 0;
    for (struct str word; word_count < MIB_WORDS_MAX && str_word(&names, &word); word_count++) {
        mib->key_of_word[word_count] = key_index(mib, word);
        if (mib->key_of_word[word_count] != 0) {
            mib->word_count = word_count + 1;
        }
    }
}

bool
mib_take(struct mib *mib, struct str text, double ret_values[MIB_KEYS_MAX])
{
    struct str names, numbers;
    for (size_t i = 0; i < MIB_KEYS_MAX; i++) {
        ret_values[i] = NAN;
    }
    if (!find_group(text, mib->group, &names, &numbers)) {
        return false;
    }
    if (names.n == 0 || names.n != mib->header_n || memcmp(names.p, mib->header, names.n) != 0) {
        learn(mib, names);
    }
    for (size_t i = 0; i < mib->word_count; i++) {
        int64_t value;
        if (!str_i64(&numbers, &value) || (numbers.n > 0 && numbers.p[0] != ' ')) {
            return false;
        }
        if (mib->key_of_word[i] != 0) {
            ret_values[mib->key_of_word[i] - 1] = (double)value;
        }
    }
    return true;
}

double
mib_line(struct str *rest, const char *key)
{
    struct str walk = *rest;
    for (struct str line; kept_line(&walk, &line);) {
        struct str word;
        uint64_t value;
        if (!str_starts(line, key) || !str_word(&line, &word) || !str_is(word, key)) {
            continue;
        }
        if (!str_u64(&line, &value) || line.n != 0) {
            return NAN;
        }
        *rest = walk;
        return (double)value;
    }
    return NAN;
}

double
mib_pair(struct str text, const char *line_name, const char *name)
{
    for (struct str line, rest, word; kept_line(&text, &line);) {
        if (!is_of_group(line, line_name, &rest)) {
            continue;
        }
        while (str_word(&rest, &word)) {
            int64_t value;
            if (!str_i64(&rest, &value)) {
                return NAN;
            }
            if (str_is(word, name)) {
                return (double)value;
            }
        }
        return NAN;
    }
    return NAN;
}
