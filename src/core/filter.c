/* The filter language. Bounded: terms, lengths, and expressions without what makes them take
 * exponential time or memory (counted repeats, repeats of repeats and back references). */
#include "flametop/core/filter.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define TERMS_MAX 16
#define VALUES_MAX 64
#define TEXT_MAX 256
#define REGEX_MAX 128
#define DOUBLINGS_MAX                                                                              \
    3 /* the C library doubles what stands before a plus: (((a+)+)+)+ grows by powers of two */
#define SUBJECT_MAX 2048 /* of a text, bytes that an expression sees */

enum operator{
    OPERATOR_EQUAL,
    OPERATOR_CONTAINS,
    OPERATOR_LESS,
    OPERATOR_LESS_EQUAL,
    OPERATOR_GREATER,
    OPERATOR_GREATER_EQUAL
};

struct value {
    char text[TEXT_MAX];
    double number;
};

struct term {
    bool negated, is_regex;
    int column; /* -1: the searched texts */
    enum operator operator;
    regex_t regex;
    struct value *values;
    size_t value_count;
};

struct filter {
    const struct table_def *def;
    struct term terms[TERMS_MAX];
    size_t count;
    bool costly;
};

static bool
equal_fold(struct str a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/* Whether `part` stands between dots in the name: memory in process.memory.usage. */
static bool
is_part(const char *name, struct str part)
{
    struct str rest = str_from(name), word;
    while (str_until(&rest, '.', &word)) {
        if (word.n == part.n && strncasecmp(word.p, part.p, part.n) == 0) {
            return true;
        }
    }
    return false;
}

int
filter_column(const struct table_def *def, struct str name)
{
    static const struct {
        const char *said, *title;
    } others[] = {{"rss", "MEM"},     {"res", "MEM"},      {"threads", "THR"}, {"comm", "NAME"},
                  {"cmd", "COMMAND"}, {"args", "COMMAND"}, {"owner", "USER"},  {"stat", "S"}};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (equal_fold(name, others[i].said)) {
            name = str_from(others[i].title);
            break;
        }
    }
    for (size_t i = 0; i < def->column_count; i++) {
        if (equal_fold(name, def->columns[i].title) || equal_fold(name, def->columns[i].name)) {
            return (int)i;
        }
    }
    for (size_t i = 0; i < def->column_count; i++) {
        if (is_part(def->columns[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

/* "5", "1G", "2.5M", "10m" as the unit's own numbers: shares are said in per cent. */
static bool
parse_number(struct str text, const char *unit, double *ret_number)
{
    static const struct {
        char suffix;
        double size, time_s, count;
    } suffixes[] = {{'k', 1024, 0, 1e3},
                    {'m', 1048576.0, 60, 1e6},
                    {'g', 1073741824.0, 0, 1e9},
                    {'t', 1099511627776.0, 0, 1e12},
                    {'s', 0, 1, 0},
                    {'h', 0, 3600, 0},
                    {'d', 0, 86400, 0}};
    double number;
    if (!str_double(&text, &number)) {
        return false;
    }
    bool is_size = strncmp(unit, "By", 2) == 0, is_time = strcmp(unit, "s") == 0,
         is_share = strcmp(unit, "1") == 0;
    double factor = 1;
    if (text.n > 0 && is_share && *text.p == '%') {
        text.p++;
        text.n--;
    }
    for (size_t i = 0; i < ARRAY_SIZE(suffixes) && text.n > 0; i++) {
        double by = is_size ? suffixes[i].size : is_time ? suffixes[i].time_s : suffixes[i].count;
        if ((*text.p | 0x20) == suffixes[i].suffix && by > 0 && !is_share) {
            factor = by;
            text.p++;
            text.n--;
            break;
        }
    }
    if (is_size && (equal_fold(text, "B") || equal_fold(text, "iB"))) {
        text.n = 0;
    }
    *ret_number = is_share
                      ? number / 100
                      : number * factor; /* 3.1 / 100 is 0.031 to the last bit, 3.1 * 0.01 is not */
    return text.n == 0;
}

static bool
say(char *why, size_t why_size, const char *what, struct str text)
{
    char shown[64];
    utf8_clean(text, shown, sizeof(shown));
    snprintf(why, why_size, "filter: %s: %s", what, shown);
    return false;
}

static bool
is_operator(char c)
{
    static const char operators[] = {'=', '~', '<', '>'};
    return memchr(operators, c, sizeof(operators)) != NULL;
}

/* '!' turns a term round, and is an operator only before '='. */
static bool
begins_operator(struct str text)
{
    return text.n > 0 && (is_operator(*text.p) || (text.n > 1 && memcmp(text.p, "!=", 2) == 0));
}

static bool
is_repeat(char c)
{
    return c == '*' || c == '+' || c == '?';
}

/* Whether an odd number of backslashes stands before position i. */
static bool
is_escaped(struct str text, size_t i)
{
    size_t n = 0;
    while (n < i && text.p[i - 1 - n] == '\\') {
        n++;
    }
    return n % 2 == 1;
}

static bool
parse_regex(struct term *term, struct str text, char *why, size_t why_size)
{
    char pattern[REGEX_MAX + 1];
    if (text.n == 0 || text.n > REGEX_MAX) {
        return say(why, why_size, "an expression has 1 to 128 characters", text);
    }
    unsigned doublings = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool again =
            i > 0 && is_repeat(text.p[i]) && is_repeat(text.p[i - 1]) && !is_escaped(text, i - 1);
        doublings += text.p[i] == '+' && i > 0 && text.p[i - 1] == ')';
        if (again || doublings > DOUBLINGS_MAX) {
            return say(why, why_size, "repeats of repeats are not understood", text);
        }
        bool reference =
            text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] >= '0' && text.p[i + 1] <= '9';
        if (text.p[i] == '{' || reference) {
            return say(why, why_size, "counted repeats and back references are not understood",
                       text);
        }
    }
    str_copy(text, pattern, sizeof(pattern));
    if (regcomp(&term->regex, pattern, REG_EXTENDED | REG_NOSUB | REG_ICASE) != 0) {
        return say(why, why_size, "not a regular expression", text);
    }
    term->is_regex = true;
    return true;
}

/* The values of a term, separated by '|'. */
static bool
parse_values(struct term *term, struct str text, const struct column *column, char *why,
             size_t why_size)
{
    term->values = calloc(VALUES_MAX, sizeof(*term->values));
    struct str one;
    while (term->values != NULL && str_until(&text, '|', &one)) {
        struct value *value = &term->values[term->value_count];
        if (term->value_count == VALUES_MAX || one.n >= TEXT_MAX) {
            return say(why, why_size, "too long", one);
        }
        str_copy(one, value->text, sizeof(value->text));
        bool is_number = column != NULL && column->type != COLUMN_TEXT;
        if (is_number && !parse_number(one, column->unit, &value->number)) {
            return say(why, why_size, "a number is asked for, not", one);
        }
        term->value_count++;
    }
    return true;
}

/* Where the operator begins and how long it is; false for a bare word. */
static bool
find_operator(struct str word, size_t *ret_at, size_t *ret_n, enum operator* ret_operator,
              bool *ret_negated)
{
    size_t at = 0;
    while (at < word.n && !begins_operator((struct str){word.p + at, word.n - at})) {
        at++;
    }
    struct str rest = {word.p + at, word.n - at};
    static const struct {
        const char *text;
        enum operator operator;
        bool negated;
    } operators[] = {{"!=", OPERATOR_EQUAL, true},          {"<=", OPERATOR_LESS_EQUAL, false},
                     {">=", OPERATOR_GREATER_EQUAL, false}, {"==", OPERATOR_EQUAL, false},
                     {"=", OPERATOR_EQUAL, false},          {"~", OPERATOR_CONTAINS, false},
                     {"<", OPERATOR_LESS, false},           {">", OPERATOR_GREATER, false}};
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
        if (str_starts(rest, operators[i].text)) {
            *ret_at = at;
            *ret_n = strlen(operators[i].text);
            *ret_operator = operators[i].operator;
            *ret_negated = operators[i].negated;
            return true;
        }
    }
    return false;
}

static bool
parse_comparison(struct filter *filter, struct term *term, struct str word, size_t at, size_t n,
                 char *why, size_t why_size)
{
    struct str name = {word.p, at}, value = {word.p + at + n, word.n - at - n};
    term->column = filter_column(filter->def, name);
    if (term->column < 0) {
        return say(why, why_size, "no such column", name);
    }
    if (value.n == 0) {
        return say(why, why_size, "a value is missing", word);
    }
    if (begins_operator(value)) {
        return say(why, why_size, "two operators in a row", word);
    }
    const struct column *column = &filter->def->columns[term->column];
    filter->costly = filter->costly || (column->flags & COLUMN_COSTLY) != 0;
    if (value.n >= 2 && *value.p == '/' && value.p[value.n - 1] == '/' &&
        column->type == COLUMN_TEXT) {
        return parse_regex(term, (struct str){value.p + 1, value.n - 2}, why, why_size);
    }
    if (value.n > 2 && *value.p == '"' && value.p[value.n - 1] == '"') {
        value = (struct str){value.p + 1, value.n - 2};
    }
    return parse_values(term, value, column, why, why_size);
}

static bool
parse_term(struct filter *filter, struct str word, char *why, size_t why_size)
{
    if (filter->count == TERMS_MAX) {
        return say(why, why_size, "more than 16 terms", word);
    }
    struct term *term = &filter->terms[filter->count++];
    *term = (struct term){.column = -1, .operator= OPERATOR_CONTAINS };
    if (*word.p == '!' && !begins_operator(word)) {
        term->negated = true;
        word.p++;
        word.n--;
    }
    if (word.n == 0) {
        return say(why, why_size, "a term is missing after", STR("!"));
    }
    if (begins_operator(word)) {
        return say(why, why_size,
                   "a column is missing in front (quotes search for the text itself)", word);
    }
    if (*word.p == '/') {
        bool closed = word.n > 1 && word.p[word.n - 1] == '/';
        return parse_regex(term, (struct str){word.p + 1, word.n - 1 - closed}, why, why_size);
    }
    if (*word.p == '"') {
        bool closed = word.n > 1 && word.p[word.n - 1] == '"';
        struct str quoted = {word.p + 1, word.n - 1 - closed};
        return quoted.n == 0 ? say(why, why_size, "a text is missing between the quotes", word)
                             : parse_values(term, quoted, NULL, why, why_size);
    }
    size_t at, n;
    bool negated;
    if (find_operator(word, &at, &n, &term->operator, & negated)) {
        term->negated = term->negated != negated;
        return parse_comparison(filter, term, word, at, n, why, why_size);
    }
    return parse_values(term, word, NULL, why, why_size);
}

/* What ends the quotes or slashes that are open after `c`, which stands after `before`; 0: nothing
 * is open. */
static char
closing_after(char closing, char before, char c)
{
    if (closing != '\0') {
        return c == closing ? '\0' : closing;
    }
    static const char openers[] = {' ', '!', '=', '~'}; /* of an expression, before its slash */
    bool opens = c == '"' || (c == '/' && memchr(openers, before, sizeof(openers)) != NULL);
    return opens ? c : '\0';
}

/* Copies the text without the blanks around operators, `cpu > 5` as `cpu>5`, and with one blank for
 * several; what stands in quotes or slashes stays. `dst` holds as many bytes as the text. */
static struct str
squeeze(struct str text, char *dst)
{
    size_t n = 0;
    char closing = '\0';
    text = str_trim(text);
    while (text.n > 0) {
        struct str after = str_trim(text);
        char before = n > 0 ? dst[n - 1] : ' ';
        char c = *text.p;
        if (closing == '\0' && after.p > text.p) {
            bool joins = is_operator(before) || begins_operator(after) ||
                         (before == '!' && (n == 1 || dst[n - 2] == ' '));
            text = after;
            if (joins) {
                continue;
            }
            c = ' ';
        } else {
            text.p++;
            text.n--;
        }
        closing = closing_after(closing, before, c);
        dst[n++] = c;
    }
    return (struct str){dst, n};
}

/* The next term of a squeezed text: blanks inside quotes and slashes belong to it. */
static bool
next_word(struct str *rest, struct str *ret_word)
{
    size_t n = 0;
    char closing = '\0';
    if (rest->n > 0 && *rest->p == ' ') {
        rest->p++;
        rest->n--;
    }
    for (; n < rest->n && (closing != '\0' || rest->p[n] != ' '); n++) {
        closing = closing_after(closing, n > 0 ? rest->p[n - 1] : ' ', rest->p[n]);
    }
    *ret_word = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

struct filter *
filter_new(struct str text, const struct table_def *def, char *why, size_t why_size)
{
    why[0] = '\0';
    if (str_trim(text).n == 0) {
        return NULL;
    }
    struct filter *filter = calloc(1, sizeof(*filter));
    char *squeezed = malloc(text.n);
    if (filter == NULL || squeezed == NULL) {
        snprintf(why, why_size, "filter: out of memory");
        free(squeezed);
        free(filter);
        return NULL;
    }
    filter->def = def;
    struct str rest = squeeze(text, squeezed), word;
    while (filter != NULL && next_word(&rest, &word)) {
        if (!parse_term(filter, word, why, why_size)) {
            filter_free(filter);
            filter = NULL;
        }
    }
    free(squeezed);
    return filter;
}

void
filter_free(struct filter *filter)
{
    if (filter == NULL) {
        return;
    }
    for (size_t i = 0; i < filter->count; i++) {
        if (filter->terms[i].is_regex) {
            regfree(&filter->terms[i].regex);
        }
        free(filter->terms[i].values);
    }
    free(filter);
}

bool
filter_is_costly(const struct filter *filter)
{
    return filter != NULL && filter->costly;
}

static bool
text_matches(const struct term *term, const char *text)
{
    if (text == NULL) {
        return false;
    }
    if (term->is_regex) {
        char subject[SUBJECT_MAX];
        return regexec(&term->regex, str_copy(str_from(text), subject, sizeof(subject)), 0, NULL,
                       0) == 0;
    }
    for (size_t i = 0; i < term->value_count; i++) {
        const char *value = term->values[i].text;
        int order = strcasecmp(text, value);
        bool matches = term->operator== OPERATOR_EQUAL        ? order == 0
                       : term->operator== OPERATOR_CONTAINS   ? strcasestr(text, value) != NULL
                       : term->operator== OPERATOR_LESS       ? order < 0
                       : term->operator== OPERATOR_LESS_EQUAL ? order <= 0
                       : term->operator== OPERATOR_GREATER    ? order > 0
                                                              : order >= 0;
        if (matches) {
            return true;
        }
    }
    return false;
}

static bool
number_matches(const struct term *term, double number)
{
    for (size_t i = 0; i < term->value_count; i++) {
        double value = term->values[i].number;
        bool is_equal = !(number < value) && !(number > value);
        bool matches = term->operator== OPERATOR_LESS            ? number < value
                       : term->operator== OPERATOR_LESS_EQUAL    ? number <= value
                       : term->operator== OPERATOR_GREATER       ? number > value
                       : term->operator== OPERATOR_GREATER_EQUAL ? number >= value
                                                                 : is_equal;
        if (matches) {
            return true;
        }
    }
    return false;
}

static bool
is_searched(const struct table_def *def, size_t i)
{
    const struct column *column = &def->columns[i];
    bool names_it = strcmp(column->title, "NAME") == 0 || strcmp(column->title, "COMMAND") == 0;
    bool has_names = filter_column(def, STR("NAME")) >= 0;
    return column->type == COLUMN_TEXT && (names_it || !has_names);
}

static bool
term_matches(const struct filter *filter, const struct term *term, const union cell *row)
{
    const struct table_def *def = filter->def;
    if (term->column >= 0) {
        const struct column *column = &def->columns[term->column];
        union cell cell = row[term->column];
        return cell_known(column->type, cell) &&
               (column->type == COLUMN_TEXT      ? text_matches(term, cell.text)
                : column->type == COLUMN_INTEGER ? number_matches(term, (double)cell.integer)
                                                 : number_matches(term, cell.real));
    }
    for (size_t i = 0; i < def->column_count; i++) {
        if (is_searched(def, i) && text_matches(term, row[i].text)) {
            return true;
        }
    }
    return false;
}

bool
filter_matches(const struct filter *filter, const union cell *row)
{
    for (size_t i = 0; filter != NULL && i < filter->count; i++) {
        if (term_matches(filter, &filter->terms[i], row) == filter->terms[i].negated) {
            return false;
        }
    }
    return true;
}
