/* Names as the Itanium C++ ABI has them (5.1): read once from the left; template arguments are
 * walked over by their brackets alone. */
#include "demangle.h"

#include <stdbool.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "hex.h"

#define ARGUMENTS "<\xe2\x80\xa6>" /* <…> */
#define RUST_HASH_BYTES 17u        /* h and 16 digits */

struct reader {
    struct str rest;
    char *dst;
    size_t n;
    bool failed;
    struct str last; /* component: what a constructor is called like */
};

/* ---- small things ---- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char
peek(const struct reader *reader, size_t at)
{
    return at < reader->rest.n ? reader->rest.p[at] : '\0';
}

static void
skip(struct reader *reader, size_t n)
{
    reader->failed |= n > reader->rest.n;
    n = MIN(n, reader->rest.n);
    reader->rest.p += n;
    reader->rest.n -= n;
}

static void
put(struct reader *reader, const char *text, size_t n)
{
    if (n >= DEMANGLED_BYTES - reader->n) {
        reader->failed = true;
        return;
    }
    memcpy(reader->dst + reader->n, text, n);
    reader->n += n;
}

/* "3foo" */
static struct str
take_source_name(struct reader *reader)
{
    uint64_t n = 0;
    struct str none = {"", 0};
    if (!is_digit(peek(reader, 0)) || !str_u64(&reader->rest, &n) || n == 0 || n > reader->rest.n) {
        reader->failed = true;
        return none;
    }
    struct str name = {reader->rest.p, (size_t)n};
    skip(reader, (size_t)n);
    return name;
}

/* S_, S1A_, T_, T0_, and the numbers of lambdas: up to the underscore. */
static void
skip_sequence(struct reader *reader)
{
    while (is_digit(peek(reader, 0)) || (peek(reader, 0) >= 'A' && peek(reader, 0) <= 'Z')) {
        skip(reader, 1);
    }
    reader->failed |= peek(reader, 0) != '_';
    skip(reader, 1);
}

/* ---- template arguments ---- */

static int skip_piece(struct reader *reader);

/* Lj4E and Lin1E, of a built-in type; LN1a1bE2E, of one with a name, which has no literals in it.
 */
static void
skip_literal(struct reader *reader)
{
    bool named = peek(reader, 1) == 'N';
    char type = peek(reader, 1);
    skip(reader, 2);
    reader->failed |= !named && (type < 'a' || type > 'z');
    for (int depth = named; depth > 0 && !reader->failed;) {
        bool inner = peek(reader, 0) == 'L' && !is_digit(peek(reader, 1));
        reader->failed |= inner || reader->rest.n == 0;
        depth += inner ? 0 : skip_piece(reader);
    }
    while (is_digit(peek(reader, 0)) || peek(reader, 0) == 'n') {
        skip(reader, 1);
    }
    reader->failed |= peek(reader, 0) != 'E';
    skip(reader, 1);
}

/* One piece of what stands between brackets; answers by how much they are deeper after it. */
static int
skip_piece(struct reader *reader)
{
    char c = peek(reader, 0), next = peek(reader, 1);
    if (is_digit(c)) {
        take_source_name(reader);
    } else if (c == 'L' && !is_digit(next)) {
        skip_literal(reader);
    } else if (c == 'S' && next >= 'a' && next <= 'z') {
        skip(reader, 2);
    } else if (c == 'S' || c == 'T' || c == 'A') {
        skip(reader, 1);
        skip_sequence(reader);
    } else if (c == 'D' && (next == 't' || next == 'T')) {
        skip(reader, 2);
        return 1;
    } else if (c == 'D') {
        skip(reader, 2);
    } else if (c == 'N' || c == 'I' || c == 'J' || c == 'F') {
        skip(reader, 1);
        return 1;
    } else if (c == 'E') {
        skip(reader, 1);
        return -1;
    } else if ((c >= 'a' && c <= 'z') || strchr("PROKVCGM", c) != NULL) {
        skip(reader, 1);
    } else {
        reader->failed = true; /* expressions, lambdas and local names */
    }
    return 0;
}

static void
skip_arguments(struct reader *reader)
{
    size_t depth = 1;
    skip(reader, 1);
    while (depth > 0 && !reader->failed) {
        reader->failed |= reader->rest.n == 0;
        depth = (size_t)((int64_t)depth + skip_piece(reader));
    }
    put(reader, ARGUMENTS, sizeof(ARGUMENTS) - 1);
}

/* ---- names ---- */

static const struct {
    char code[3];
    const char *text;
} operators[] = {
    {"nw", " new"}, {"na", " new[]"}, {"dl", " delete"}, {"da", " delete[]"}, {"ps", "+"},
    {"ng", "-"},    {"ad", "&"},      {"de", "*"},       {"co", "~"},         {"pl", "+"},
    {"mi", "-"},    {"ml", "*"},      {"dv", "/"},       {"rm", "%"},         {"an", "&"},
    {"or", "|"},    {"eo", "^"},      {"aS", "="},       {"pL", "+="},        {"mI", "-="},
    {"mL", "*="},   {"dV", "/="},     {"rM", "%="},      {"aN", "&="},        {"oR", "|="},
    {"eO", "^="},   {"ls", "<<"},     {"rs", ">>"},      {"lS", "<<="},       {"rS", ">>="},
    {"eq", "=="},   {"ne", "!="},     {"lt", "<"},       {"gt", ">"},         {"le", "<="},
    {"ge", ">="},   {"ss", "<=>"},    {"nt", "!"},       {"aa", "&&"},        {"oo", "||"},
    {"pp", "++"},   {"mm", "--"},     {"cm", ","},       {"pm", "->*"},       {"pt", "->"},
    {"cl", "()"},   {"ix", "[]"},
};

static bool
take_operator(struct reader *reader)
{
    for (size_t i = 0; i < ARRAY_SIZE(operators) && reader->rest.n >= 2; i++) {
        if (memcmp(reader->rest.p, operators[i].code, 2) == 0) {
            skip(reader, 2);
            put(reader, "operator", 8);
            put(reader, operators[i].text, strlen(operators[i].text));
            return true;
        }
    }
    return false;
}

static const struct {
    char code[3];
    const char *text;
} standards[] = {{"St", "std"},          {"Sa", "std::allocator"}, {"Sb", "std::basic_string"},
                 {"Ss", "std::string"},  {"Si", "std::istream"},   {"So", "std::ostream"},
                 {"Sd", "std::iostream"}};

static void
take_standard(struct reader *reader)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(standards) && !str_starts(reader->rest, standards[i].code)) {
        i++;
    }
    reader->failed |= i == ARRAY_SIZE(standards);
    if (!reader->failed) {
        skip(reader, 2);
        put(reader, standards[i].text, strlen(standards[i].text));
    }
}

static const struct {
    const char *code, *text;
} rust_escapes[] = {{"$SP$", "@"}, {"$BP$", "*"}, {"$RF$", "&"}, {"$LT$", "<"},
                    {"$GT$", ">"}, {"$LP$", "("}, {"$RP$", ")"}, {"$C$", ","}};

/* "$LT$" and "$u20$" of Rust; answers how long it is, 0: none. */
static size_t
put_escape(struct reader *reader, struct str text)
{
    for (size_t i = 0; i < ARRAY_SIZE(rust_escapes); i++) {
        if (str_starts(text, rust_escapes[i].code)) {
            put(reader, rust_escapes[i].text, 1);
            return strlen(rust_escapes[i].code);
        }
    }
    struct str rest = {text.p + 2, text.n > 2 ? text.n - 2 : 0};
    uint64_t c;
    if (str_starts(text, "$u") && hex_take(&rest, &c) && rest.n > 0 && rest.p[0] == '$' &&
        c >= 0x20 && c < 0x7f) {
        char byte = (char)c;
        put(reader, &byte, 1);
        return (size_t)(rest.p + 1 - text.p);
    }
    return 0;
}

static void
put_name(struct reader *reader, struct str name)
{
    if (str_starts(name, "_GLOBAL__N")) {
        put(reader, "(anonymous)", 11);
        return;
    }
    if (str_starts(name, "_$")) { /* a name may not begin with a dollar sign */
        name.p++;
        name.n--;
    }
    while (name.n > 0) {
        size_t n = name.p[0] == '$' ? put_escape(reader, name) : 0;
        if (n == 0 && str_starts(name, "..")) {
            put(reader, "::", 2);
            n = 2;
        } else if (n == 0) {
            put(reader, name.p, 1);
            n = 1;
        }
        name.p += n;
        name.n -= n;
    }
}

static bool
is_rust_hash(const struct reader *reader, struct str name)
{
    bool is = name.n == RUST_HASH_BYTES && name.p[0] == 'h' && peek(reader, 0) == 'E';
    for (size_t i = 1; is && i < name.n; i++) {
        is = is_digit(name.p[i]) || (name.p[i] >= 'a' && name.p[i] <= 'f');
    }
    return is;
}

/* One part of a qualified name, with what separates it from the one before. */
static void
take_component(struct reader *reader)
{
    char c = peek(reader, 0), next = peek(reader, 1);
    size_t before = reader->n;
    if (c == 'I') {
        skip_arguments(reader);
        return;
    }
    if (c == 'B') { /* an ABI tag */
        skip(reader, 1);
        take_source_name(reader);
        return;
    }
    if (before > 0) {
        put(reader, "::", 2);
    }
    if (c == 'S') {
        take_standard(reader);
    } else if (c == 'C' && is_digit(next)) {
        skip(reader, 2);
        put(reader, reader->last.p, reader->last.n);
    } else if (c == 'D' && is_digit(next)) {
        skip(reader, 2);
        put(reader, "~", 1);
        put(reader, reader->last.p, reader->last.n);
    } else if (is_digit(c) || (c == 'L' && is_digit(next))) {
        skip(reader, c == 'L');
        struct str name = take_source_name(reader);
        if (is_rust_hash(reader, name)) {
            reader->n = before;
        } else if (!reader->failed) {
            put_name(reader, name);
            reader->last = name;
        }
    } else if (!take_operator(reader)) {
        reader->failed = true;
    }
}

static void
take_nested(struct reader *reader)
{
    skip(reader, 1);
    while (strchr("rVKRO", peek(reader, 0)) != NULL && reader->rest.n > 0) {
        skip(reader, 1);
    }
    while (peek(reader, 0) != 'E' && !reader->failed) {
        take_component(reader);
    }
    reader->failed |= reader->n == 0;
}

/* ".part.0", ".constprop.0": what the compiler made of it. */
static void
put_suffix(struct reader *reader)
{
    struct str rest = reader->rest;
    const char *dot = rest.n > 0 ? memchr(rest.p, '.', rest.n) : NULL;
    if (dot != NULL) {
        put(reader, " [", 2);
        put(reader, dot + 1, (size_t)(rest.p + rest.n - dot) - 1);
        put(reader, "]", 1);
    }
}

struct str
demangle(struct str name, char dst[DEMANGLED_BYTES])
{
    struct reader reader = {.rest = name, .dst = dst, .last = {"", 0}};
    if (!str_starts(name, "_Z")) {
        return name;
    }
    skip(&reader, 2);
    if (peek(&reader, 0) == 'N') {
        take_nested(&reader);
    } else if (peek(&reader, 0) == 'S' && peek(&reader, 1) == 't') {
        take_component(&reader);
        take_component(&reader);
    } else {
        take_component(&reader);
    }
    if (peek(&reader, 0) == 'I') {
        take_component(&reader);
    }
    put_suffix(&reader);
    return reader.failed ? name : (struct str){dst, reader.n};
}
