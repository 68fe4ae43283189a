/* Queries and paths without what differs from call to call. One pass each, no memory. */
#include <ctype.h>
#include <string.h>

#include "convention.h"
#include "flametop/base/macros.h"

#define SCANNED_MAX 65536 /* of a query: what comes later cannot be seen in the label anyway */

/* ---- SQL ---- */

struct sql {
    struct str rest;
    char *dst;
    size_t n, size;
    bool blank; /* one is due before the next word */
};

/* Of the ASCII ones, whatever the locale. */
static bool
is_letter(char c)
{
    char letter = (char)(c | 0x20);
    return letter >= 'a' && letter <= 'z';
}

static bool
is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
take(struct sql *sql, size_t n)
{
    n = MIN(n, sql->rest.n);
    sql->rest.p += n;
    sql->rest.n -= n;
}

static char
ahead(const struct sql *sql, size_t at)
{
    return at < sql->rest.n ? sql->rest.p[at] : 0;
}

static void
put(struct sql *sql, char c)
{
    if (sql->n + 1 < sql->size) {
        sql->dst[sql->n++] = c;
    }
}

static bool
ends_with(const struct sql *sql, const char *text)
{
    size_t n = strlen(text);
    return sql->n >= n && memcmp(sql->dst + sql->n - n, text, n) == 0;
}

/* A value: one ? for a whole list of them, (?) for a list of rows. */
static void
put_value(struct sql *sql)
{
    if (ends_with(sql, "?,")) {
        sql->n -= 1;
        sql->blank = false;
        return;
    }
    if (sql->blank && sql->n > 0 && !ends_with(sql, "(")) {
        put(sql, ' ');
    }
    sql->blank = false;
    put(sql, '?');
}

/* Past a quoted text; doubled quotes and (where `escapes`) backslashes stay inside. */
static void
skip_quoted(struct sql *sql, char quote, bool escapes)
{
    take(sql, 1);
    while (sql->rest.n > 0) {
        char c = *sql->rest.p;
        take(sql, 1);
        if (c == '\\' && escapes) {
            take(sql, 1);
        } else if (c == quote && ahead(sql, 0) == quote) {
            take(sql, 1);
        } else if (c == quote) {
            return;
        }
    }
}

/* $tag$ ... $tag$; false when it is no such thing. */
static bool
skip_dollars(struct sql *sql)
{
    size_t tag = 1;
    while (is_word(ahead(sql, tag)) && ahead(sql, tag) != '$' && tag < 64) {
        tag++;
    }
    if (ahead(sql, tag) != '$') {
        return false;
    }
    tag++;
    struct str body = {sql->rest.p + tag, sql->rest.n - tag};
    const char *end = memmem(body.p, body.n, sql->rest.p, tag);
    take(sql, end != NULL ? (size_t)(end - sql->rest.p) + tag : sql->rest.n);
    return true;
}

/* True when a comment was passed over. */
static bool
skip_comment(struct sql *sql)
{
    char c = ahead(sql, 0), d = ahead(sql, 1);
    if ((c == '-' && d == '-') || c == '#') {
        const char *end = memchr(sql->rest.p, '\n', sql->rest.n);
        take(sql, end != NULL ? (size_t)(end - sql->rest.p) + 1 : sql->rest.n);
    } else if (c == '/' && d == '*') {
        const char *end =
            sql->rest.n > 4 ? memmem(sql->rest.p + 2, sql->rest.n - 2, "*/", 2) : NULL;
        take(sql, end != NULL ? (size_t)(end - sql->rest.p) + 2 : sql->rest.n);
    } else {
        return false;
    }
    sql->blank = true;
    return true;
}

static void
take_word(struct sql *sql)
{
    if (sql->blank && sql->n > 0) {
        put(sql, ' ');
    }
    sql->blank = false;
    size_t n = 0;
    while (n < sql->rest.n && is_word(sql->rest.p[n])) {
        n++;
    }
    size_t kept = MIN(n, sql->size - 1 - sql->n);
    memcpy(sql->dst + sql->n, sql->rest.p, kept);
    sql->n += kept;
    take(sql, n);
}

static void
take_number(struct sql *sql)
{
    while (sql->rest.n > 0 &&
           (is_word(*sql->rest.p) || *sql->rest.p == '.' ||
            ((*sql->rest.p == '+' || *sql->rest.p == '-') && (sql->rest.p[-1] | 0x20) == 'e'))) {
        take(sql, 1);
    }
    put_value(sql);
}

/* Placeholders: ?, $1, :name, @name, %s. */
static bool
take_placeholder(struct sql *sql)
{
    char c = ahead(sql, 0), d = ahead(sql, 1);
    if (c == '?') {
        take(sql, 1);
    } else if ((c == '$' && isdigit((unsigned char)d)) ||
               (c == ':' && isalnum((unsigned char)d) && (sql->n == 0 || !ends_with(sql, ":"))) ||
               (c == '@' && is_word(d)) || (c == '%' && (d == 's' || d == 'd'))) {
        take(sql, 1);
        while (is_word(ahead(sql, 0))) {
            take(sql, 1);
        }
    } else {
        return false;
    }
    put_value(sql);
    return true;
}

static void
take_sign(struct sql *sql)
{
    char c = *sql->rest.p;
    take(sql, 1);
    bool tight = c == ',' || c == ')' || c == '.' || c == ';';
    if (sql->blank && sql->n > 0 && !tight && !ends_with(sql, "(")) {
        put(sql, ' ');
    }
    sql->blank = false;
    if (c == ')' && ends_with(sql, "(?), (?")) { /* rows of values are one row */
        sql->n -= strlen(", (?");
    } else if (c == ')' && ends_with(sql, "(?),(?")) {
        sql->n -= strlen(",(?");
    } else {
        put(sql, c);
    }
}

size_t
normalise_sql(struct str text, char *dst, size_t size)
{
    struct sql sql = {.rest = {text.p, MIN(text.n, (size_t)SCANNED_MAX)}, .dst = dst, .size = size};
    while (sql.rest.n > 0 && sql.n + 1 < size) {
        char c = *sql.rest.p;
        if (is_blank(c)) {
            sql.blank = true;
            take(&sql, 1);
        } else if (is_letter(c)) { /* most of it */
            take_word(&sql);
        } else if (skip_comment(&sql)) {
            continue;
        } else if (c == '\'') {
            skip_quoted(&sql, c, true);
            put_value(&sql);
        } else if (c == '$' && !isdigit((unsigned char)ahead(&sql, 1)) && skip_dollars(&sql)) {
            put_value(&sql);
        } else if (take_placeholder(&sql)) {
            continue;
        } else if (isdigit((unsigned char)c)) {
            take_number(&sql);
        } else if (is_word(c)) {
            take_word(&sql);
        } else {
            take_sign(&sql);
        }
    }
    while (sql.n > 0 && (dst[sql.n - 1] == ' ' || dst[sql.n - 1] == ';')) {
        sql.n--;
    }
    if (size > 0) {
        dst[sql.n] = 0;
    }
    return sql.n;
}

/* ---- paths ---- */

/* A number, a UUID, a long hexadecimal or mixed token: it names one of many. */
static bool
is_id(struct str segment)
{
    size_t digits = 0, hex = 0, dashes = 0, letters = 0;
    for (size_t i = 0; i < segment.n; i++) {
        unsigned char c = (unsigned char)segment.p[i];
        digits += isdigit(c) != 0;
        hex += isxdigit(c) != 0;
        dashes += c == '-' || c == '_';
        letters += isalpha(c) != 0;
    }
    bool only = hex + dashes == segment.n;
    return segment.n > 0 &&
           ((digits == segment.n) || (only && digits > 0 && hex >= 8) || (only && hex >= 16) ||
            (segment.n >= 20 && digits >= 3 && digits + letters + dashes == segment.n));
}

/* What stands before the path: "https://host:1". */
static struct str
without_host(struct str url)
{
    const char *scheme = memmem(url.p, MIN(url.n, (size_t)16), "://", 3);
    if (scheme == NULL) {
        return url;
    }
    struct str rest = {scheme + 3, url.n - (size_t)(scheme + 3 - url.p)};
    const char *slash = memchr(rest.p, '/', rest.n);
    return slash != NULL ? (struct str){slash, rest.n - (size_t)(slash - rest.p)} : STR("/");
}

size_t
normalise_path(struct str url, char *dst, size_t size)
{
    struct str path = without_host(url), segment;
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '?' || path.p[i] == '#') {
            path.n = i;
        }
    }
    bool slash = path.n > 0 && *path.p == '/';
    if (slash) {
        path.p++;
        path.n--;
    }
    do {
        bool more = memchr(path.p, '/', path.n) != NULL;
        if (!str_until(&path, '/', &segment)) {
            segment = (struct str){"", 0};
        }
        segment = is_id(segment) ? STR("{id}") : segment;
        if (n + segment.n + 2 >= size) {
            break;
        }
        if (slash) {
            dst[n++] = '/';
        }
        memcpy(dst + n, segment.p, segment.n);
        n += segment.n;
        slash = true;
        if (more && path.n == 0 && n + 1 < size) { /* a slash at the end is part of it */
            dst[n++] = '/';
        }
    } while (path.n > 0);
    if (size > 0) {
        dst[n] = 0;
    }
    return n;
}
