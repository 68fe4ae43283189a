/* Secrets. What is in doubt is redacted: a text that is missing costs less than one that leaks. */
#include "redact.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"

#define KEY_MAX 256

/* ---- keys ---- */

/* A key as its words, in lower case, each behind and before a blank: " http request header x api
 * key ". */
static size_t
words_of(struct str key, char *dst, size_t size)
{
    size_t n = 0;
    dst[n++] = ' ';
    for (size_t i = 0; i < key.n && n + 3 < size; i++) {
        unsigned char c = (unsigned char)key.p[i];
        bool starts = isupper(c) && i > 0 && islower((unsigned char)key.p[i - 1]);
        if (!isalnum(c) || starts) {
            n -= dst[n - 1] == ' ';
            dst[n++] = ' ';
        }
        if (isalnum(c)) {
            dst[n++] = (char)tolower(c);
        }
    }
    dst[n++] = ' ';
    dst[n] = 0;
    return n;
}

/* Most keys hold no beginning of any of the words below. */
static bool
may_name_secret(struct str key)
{
    static const char beginnings[][4] = {"aut", "pas", "pwd", "sec", "key", "coo", "tok",
                                         "jwt", "bea", "cre", "ses", "sig", "api"};
    for (size_t i = 0; i + 3 <= key.n; i++) {
        char c[3] = {(char)(key.p[i] | 0x20), (char)(key.p[i + 1] | 0x20),
                     (char)(key.p[i + 2] | 0x20)};
        for (size_t b = 0; b < ARRAY_SIZE(beginnings); b++) {
            if (c[0] == beginnings[b][0] && c[1] == beginnings[b][1] && c[2] == beginnings[b][2]) {
                return true;
            }
        }
    }
    return false;
}

bool
redact_names_secret(struct str key)
{
    static const char *const parts[] = {
        "authorization", "password",    "passwd",      "passphrase",    "secret",
        "apikey",        " api key ",   " cookie ",    " cookies ",     " pwd ",
        " jwt ",         " bearer ",    " credential", " private key ", " access key ",
        " session id ",  "sessionid",   " signature ", " sig ",         "privatekey",
        "accesskey",     " set cookie "};
    static const char *const counts[] = {" token count ", " token type ", " token usage ",
                                         " token limit ", " max token ",  " total token "};
    char words[KEY_MAX + 8];
    if (!may_name_secret(key)) {
        return false;
    }
    words_of(key, words, sizeof(words));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (strstr(words, parts[i]) != NULL) {
            return true;
        }
    }
    if (strstr(words, "token ") == NULL) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        if (strstr(words, counts[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* ---- texts ---- */

static bool
starts_fold(struct str text, const char *prefix)
{
    size_t n = strlen(prefix);
    return text.n >= n && strncasecmp(text.p, prefix, n) == 0;
}

static bool
ends_fold(struct str text, const char *suffix)
{
    size_t n = strlen(suffix);
    return text.n >= n && strncasecmp(text.p + text.n - n, suffix, n) == 0;
}

static bool
is_web_token(struct str text)
{
    return text.n > 20 && str_starts(text, "eyJ") && memchr(text.p, '.', text.n) != NULL;
}

/* A text that is a credential as a whole. */
static bool
is_credential(struct str text)
{
    if (text.n < 7 || ((*text.p | 0x20) != 'b' && *text.p != 'e')) {
        return false;
    }
    return starts_fold(text, "bearer ") || starts_fold(text, "basic ") || is_web_token(text);
}

/* Whether a scheme stands before one of the blanks. */
static bool
has_scheme(struct str text)
{
    const char *blank = text.p;
    while ((blank = memchr(blank, ' ', text.n - (size_t)(blank - text.p))) != NULL) {
        struct str before = {text.p, (size_t)(blank++ - text.p)};
        if (ends_fold(before, "bearer") || ends_fold(before, "basic")) {
            return true;
        }
    }
    return false;
}

bool
redact_may_hold_secret(struct str text)
{
    return text.n > 3 &&
           (memchr(text.p, '=', text.n) != NULL || memchr(text.p, ':', text.n) != NULL ||
            memmem(text.p, text.n, "eyJ", 3) != NULL || has_scheme(text));
}

struct writer {
    char *dst;
    size_t n, size;
};

static void
put(struct writer *out, struct str text)
{
    size_t room = out->size - 1 - out->n, n = MIN(text.n, room);
    if (n < text.n) { /* what is full ends with a whole character */
        while (n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80) {
            n--;
        }
        out->size = out->n + n + 1;
    }
    memcpy(out->dst + out->n, text.p, n);
    out->n += n;
}

/* The key that ends before `at`: a word, or what stands in quotes. */
static struct str
key_before(struct str text, size_t at)
{
    while (at > 0 && (text.p[at - 1] == ' ' || text.p[at - 1] == '"' || text.p[at - 1] == '\\' ||
                      text.p[at - 1] == '\'')) {
        at--;
    }
    size_t from = at;
    while (from > 0 && at - from < 64 &&
           (isalnum((unsigned char)text.p[from - 1]) || strchr("_-.", text.p[from - 1]) != NULL)) {
        from--;
    }
    return (struct str){text.p + from, at - from};
}

/* The bytes of a credential as they stand in headers (RFC 9110, token68). */
static struct str
token_at(struct str text, size_t at)
{
    size_t end = at;
    while (end < text.n && (isalnum((unsigned char)text.p[end]) ||
                            (text.p[end] != 0 && strchr("-._~+/=", text.p[end]) != NULL))) {
        end++;
    }
    return (struct str){text.p + at, end - at};
}

/* Words that follow "bearer" in sentences; anything else is a token. */
static bool
is_plain_word(struct str word)
{
    static const char *const words[] = {
        "token",         "tokens", "auth", "scheme", "of",          "authentication",
        "authorization", "header", "is",   "was",    "credentials", "realm"};
    while (word.n > 0 && word.p[word.n - 1] == '.') {
        word.n--;
    }
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (word.n == strlen(words[i]) && starts_fold(word, words[i])) {
            return true;
        }
    }
    return word.n == 0;
}

/* Whether it is base64 of user:password. */
static bool
is_user_and_password(struct str word)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < word.n && word.p[i] != '='; i++) {
        static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *digit = strchr(digits, word.p[i]);
        if (digit == NULL) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(digit - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            if ((bits >> count & 0xff) == ':') {
                return true;
            }
        }
    }
    return false;
}

/* Behind "Bearer ", "Basic " and their like: the credential is the word that follows. */
static size_t
scheme_end(struct str text, size_t at)
{
    static const char *const schemes[] = {"bearer ", "basic ", "digest ", "negotiate ", "token "};
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        if (starts_fold((struct str){text.p + at, text.n - at}, schemes[i])) {
            at += strlen(schemes[i]);
            while (at < text.n && text.p[at] == ' ') {
                at++;
            }
            return at;
        }
    }
    return at;
}

/* A credential without a key before it: where it ends, and its first byte; 0: there is none.
 * *judged is the end of a word that was found to hold no web token: nor does any part of it, which
 * is not walked again. */
static size_t
bare_end(struct str text, size_t at, size_t *judged, size_t *ret_from)
{
    struct str rest = {text.p + at, text.n - at};
    if (at > 0 && isalnum((unsigned char)text.p[at - 1])) {
        return 0; /* inside of a word */
    }
    bool bearer = starts_fold(rest, "bearer "), basic = starts_fold(rest, "basic ");
    bool web = at >= *judged && str_starts(rest, "eyJ");
    if (!bearer && !basic && !web) {
        return 0;
    }
    *ret_from = scheme_end(text, at);
    struct str token = token_at(text, *ret_from);
    *judged = web ? at + token.n : *judged;
    bool secret = bearer  ? !is_plain_word(token)
                  : basic ? is_user_and_password(token)
                          : is_web_token(token);
    return secret ? *ret_from + token.n : 0;
}

/* Where the value ends that begins at `at`, after blanks; *ret_from is its first byte. Cookies are
 * several: all that follows. */
static size_t
value_end(struct str text, size_t at, bool cookies, size_t *ret_from)
{
    while (at < text.n && text.p[at] == ' ') {
        at++;
    }
    bool escaped = at + 1 < text.n && text.p[at] == '\\' && text.p[at + 1] == '"';
    if (escaped) {
        at++;
    }
    char quote = at < text.n && (text.p[at] == '"' || text.p[at] == '\'') ? text.p[at] : 0;
    at += quote != 0;
    *ret_from = at;
    if (at < text.n && quote == 0 && (text.p[at] == '[' || text.p[at] == '{')) {
        return text.n; /* whatever it holds */
    }
    for (at = quote == 0 ? scheme_end(text, at) : at; at < text.n; at++) {
        char c = text.p[at];
        if (quote != 0 && c == '\\' && !escaped) {
            at++;
        } else if (quote != 0 ? c == quote || (escaped && c == '\\')
                              : strchr(cookies ? "\"'" : "&;,}])\"'# ", c) != NULL) {
            break;
        }
    }
    return MIN(at, text.n);
}

/* user:password@ between "://" at `at` and the host; 0: none. */
static size_t
user_end(struct str text, size_t at)
{
    size_t end = 0;
    for (size_t i = at + 3; i < text.n && i < at + 256; i++) {
        if (text.p[i] == '@') {
            end = i; /* the last: passwords may have some */
        }
        if (strchr("/?# \"", text.p[i]) != NULL) {
            break;
        }
    }
    return end;
}

/* Whether something that is looked at may begin here: a value, or a credential by its first two
 * letters. Most bytes are none of these. */
static inline bool
is_telling(struct str text, size_t at)
{
    static const bool may_be[UCHAR_MAX + 1] = {
        ['='] = true, [':'] = true, ['e'] = true, ['b'] = true, ['B'] = true};
    char c = text.p[at], next;
    if (!may_be[(unsigned char)c]) {
        return false;
    }
    next = at + 1 < text.n ? text.p[at + 1] : 0;
    return c == '=' || c == ':' ||
           (c == 'e' ? next == 'y' : (next | 0x20) == 'e' || (next | 0x20) == 'a');
}

size_t
redact_text(struct str text, char *dst, size_t size, bool *ret_found)
{
    struct writer out = {dst, 0, size};
    bool found = is_credential(text);
    size_t done = found ? text.n : 0, judged = 0;
    if (found) {
        put(&out, STR(REDACTED));
    }
    for (size_t i = done; i < text.n; i++) {
        size_t from = 0, to = 0;
        if (!is_telling(text, i)) {
            continue;
        }
        bool pair = (text.p[i] == '=' || text.p[i] == ':') && i > 0 && i + 1 < text.n;
        struct str key = pair ? key_before(text, i) : (struct str){"", 0};
        if (text.p[i] == ':' && text.n - i > 3 && text.p[i + 1] == '/' && text.p[i + 2] == '/') {
            to = user_end(text, i);
            from = i + 3;
        } else if (pair && redact_names_secret(key)) {
            to = value_end(text, i + 1, text.p[i] == ':' && ends_fold(key, "cookie"), &from);
        } else if (text.p[i] == 'e' || (text.p[i] | 0x20) == 'b') {
            to = bare_end(text, i, &judged, &from);
        }
        bool held = to == from + 1 && text.p[from] == '?'; /* the place of a value, as in SQL */
        if (to > from && from > done && !held) {
            put(&out, (struct str){text.p + done, from - done});
            put(&out, STR(REDACTED));
            done = to;
            i = to - 1;
            found = true;
        }
    }
    put(&out, (struct str){text.p + done, text.n - done});
    dst[out.n] = 0;
    *ret_found = found;
    return out.n;
}
