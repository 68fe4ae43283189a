/* Metrics in text, line by line. */
#include "exposition_parse.h"

#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

static bool
is_name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

static struct str
take_name(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && is_name_byte(rest->p[n], n == 0)) {
        n++;
    }
    struct str name = {rest->p, n};
    *rest = (struct str){rest->p + n, rest->n - n};
    return name;
}

static void
skip_blanks(struct str *rest)
{
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t')) {
        *rest = (struct str){rest->p + 1, rest->n - 1};
    }
}

/* A quoted text from its opening quote on; false when it does not end. */
static bool
take_quoted(struct str *rest, struct str *ret_value)
{
    for (size_t i = 1; i < rest->n; i++) {
        if (rest->p[i] == '\\') {
            i++;
        } else if (rest->p[i] == '"') {
            *ret_value = (struct str){rest->p + 1, i - 1};
            *rest = (struct str){rest->p + i + 1, rest->n - i - 1};
            return true;
        }
    }
    return false;
}

bool
exposition_label(struct str *rest, struct str *ret_key, struct str *ret_value)
{
    struct str at = *rest, value;
    while (at.n > 0 && (at.p[0] == ',' || at.p[0] == ' ' || at.p[0] == '\t')) {
        at = (struct str){at.p + 1, at.n - 1};
    }
    struct str key = take_name(&at);
    skip_blanks(&at);
    if (key.n == 0 || at.n == 0 || at.p[0] != '=') {
        return false;
    }
    at = (struct str){at.p + 1, at.n - 1};
    skip_blanks(&at);
    if (at.n == 0 || at.p[0] != '"' || !take_quoted(&at, &value)) {
        return false;
    }
    *rest = at;
    *ret_key = key;
    *ret_value = value;
    return true;
}

/* What stands between braces; false when they do not close. */
static bool
take_labels(struct str *rest, struct str *ret_labels)
{
    struct str at = {rest->p + 1, rest->n - 1}, quoted;
    const char *from = at.p;
    while (at.n > 0 && at.p[0] != '}') {
        if (at.p[0] == '"') {
            if (!take_quoted(&at, &quoted)) {
                return false;
            }
        } else {
            at = (struct str){at.p + 1, at.n - 1};
        }
    }
    if (at.n == 0) {
        return false;
    }
    *ret_labels = (struct str){from, (size_t)(at.p - from)};
    *rest = (struct str){at.p + 1, at.n - 1};
    return true;
}

static bool
take_value(struct str *rest, double *ret_value)
{
    static const char *const unknown[] = {"NaN", "+Inf", "-Inf", "Inf", "nan", "inf"};
    skip_blanks(rest);
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        if (str_starts(*rest, unknown[i])) {
            size_t n = strlen(unknown[i]);
            *rest = (struct str){rest->p + n, rest->n - n};
            *ret_value = NAN;
            return true;
        }
    }
    if (rest->n > 0 && rest->p[0] == '+') {
        *rest = (struct str){rest->p + 1, rest->n - 1};
    }
    if (!str_double(rest, ret_value)) {
        return false;
    }
    *ret_value = isfinite(*ret_value) ? *ret_value : NAN;
    return true;
}

static void
take_type(struct exposition *exposition, struct str word)
{
    static const struct {
        const char *word;
        enum exposition_type type;
    } types[] = {
        {"counter", EXPOSITION_COUNTER},     {"gauge", EXPOSITION_GAUGE},
        {"histogram", EXPOSITION_HISTOGRAM}, {"gaugehistogram", EXPOSITION_GAUGE},
        {"summary", EXPOSITION_SUMMARY},     {"info", EXPOSITION_INFO},
        {"stateset", EXPOSITION_GAUGE},
    };
    exposition->type = EXPOSITION_UNTYPED;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (str_is(word, types[i].word)) {
            exposition->type = types[i].type;
        }
    }
}

static void
take_comment(struct exposition *exposition, struct str line)
{
    struct str word, name;
    line = (struct str){line.p + 1, line.n - 1};
    if (!str_word(&line, &word) || !str_word(&line, &name)) {
        return;
    }
    bool type = str_is(word, "TYPE"), help = str_is(word, "HELP"), unit = str_is(word, "UNIT");
    if (!type && !help && !unit) {
        return;
    }
    bool same = name.n == exposition->family.n &&
                (name.n == 0 || memcmp(name.p, exposition->family.p, name.n) == 0);
    if (!same) {
        exposition->family = name;
        exposition->help = exposition->unit = (struct str){"", 0};
        exposition->type = EXPOSITION_UNTYPED;
    }
    if (type) {
        take_type(exposition, str_trim(line));
    } else if (help) {
        exposition->help = str_trim(line);
    } else {
        exposition->unit = str_trim(line);
    }
}

/* Whether a sample of this name belongs to the family of the comments above it. */
static bool
is_of_family(const struct exposition *exposition, struct str name)
{
    static const char *const ends[] = {"",         "_total", "_bucket", "_count", "_sum",
                                       "_created", "_info",  "_gcount", "_gsum"};
    struct str family = exposition->family;
    if (family.n == 0 || name.n < family.n || memcmp(name.p, family.p, family.n) != 0) {
        return false;
    }
    struct str end = {name.p + family.n, name.n - family.n};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (str_is(end, ends[i])) {
            return true;
        }
    }
    return false;
}

static bool
take_sample(const struct exposition *exposition, struct str line,
            struct exposition_sample *ret_sample)
{
    struct exposition_sample sample = {.labels = {"", 0}, .help = {"", 0}};
    const char *from = line.p;
    sample.name = take_name(&line);
    if (sample.name.n == 0) {
        return false;
    }
    sample.series = sample.name;
    skip_blanks(&line);
    if (line.n > 0 && line.p[0] == '{') {
        if (!take_labels(&line, &sample.labels)) {
            return false;
        }
        sample.series.n = (size_t)(line.p - from);
    }
    if (!take_value(&line, &sample.value) ||
        (line.n > 0 && line.p[0] != ' ' && line.p[0] != '\t')) {
        return false;
    }
    if (is_of_family(exposition, sample.name)) {
        sample.type = exposition->type;
        sample.help = exposition->help;
    }
    *ret_sample = sample;
    return true;
}

void
exposition_init(struct exposition *exposition, struct str text)
{
    *exposition =
        (struct exposition){.rest = text, .family = {"", 0}, .help = {"", 0}, .unit = {"", 0}};
}

bool
exposition_next(struct exposition *exposition, struct exposition_sample *ret_sample)
{
    struct str line;
    while (exposition->rest.n > 0) {
        const char *end = memchr(exposition->rest.p, '\n', exposition->rest.n);
        if (end == NULL) {
            exposition->truncated = true;
        }
        if (!str_line(&exposition->rest, &line)) {
            return false;
        }
        line = str_trim(line);
        if (line.n == 0) {
            continue;
        }
        if (end == NULL) { /* half a line is never a value */
            exposition->rejected += line.p[0] != '#';
            return false;
        }
        if (line.p[0] == '#') {
            take_comment(exposition, line);
        } else if (take_sample(exposition, line, ret_sample)) {
            return true;
        } else {
            exposition->rejected++;
        }
    }
    return false;
}

char *
exposition_text(struct str value, char *dst, size_t size)
{
    char plain[1024];
    size_t n = 0;
    for (size_t i = 0; i < value.n && n < sizeof(plain); i++) {
        char c = value.p[i];
        if (c == '\\' && i + 1 < value.n) {
            i++;
            c = value.p[i] == 'n' ? '\n' : value.p[i];
        }
        plain[n++] = c;
    }
    utf8_clean((struct str){plain, n}, dst, size);
    return dst;
}

bool
exposition_is(struct str text)
{
    struct exposition exposition;
    struct exposition_sample sample;
    struct str head = str_trim((struct str){text.p, MIN(text.n, (size_t)4096)});
    exposition_init(&exposition, text);
    if (!str_starts(head, "#") && (head.n == 0 || !is_name_byte(head.p[0], true))) {
        return false;
    }
    return exposition_next(&exposition, &sample) && exposition.rejected == 0;
}
