/* Numbers as people write them: a number, then one suffix of the unit's family. A family is a list
 * of suffixes with what they multiply by; a suffix that only one reader would understand is not in
 * it. */
#include "flametop/core/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

struct suffix {
    const char *text;
    double factor;
};

enum family_flags {
    FAMILY_NO_CASE = 1,    /* suffixes in any case */
    FAMILY_POSITIVE = 2,   /* less than zero makes no sense */
    FAMILY_PER_SECOND = 4, /* "/s" may follow, as the unit has it too */
};

struct family {
    const struct suffix *suffixes;
    size_t count;
    const char *examples;
    unsigned flags;
};

static const struct suffix share_suffixes[] = {{"", 1}, {"%", 0.01}};

static const struct suffix time_suffixes[] = {
    {"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"μs", 1e-6}, {"ms", 1e-3},  {"s", 1},
    {"m", 60},    {"min", 60},  {"h", 3600},  {"d", 86400}, {"w", 604800},
};

static const struct suffix size_suffixes[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"PB", 1e15},
    {"KiB", 1024.0},
    {"MiB", 1048576.0},
    {"GiB", 1073741824.0},
    {"TiB", 1099511627776.0},
    {"PiB", 1125899906842624.0},
    /* A letter alone is a power of 1024, as ps, top, systemd and sort -h have it. */
    {"K", 1024.0},
    {"M", 1048576.0},
    {"G", 1073741824.0},
    {"T", 1099511627776.0},
    {"P", 1125899906842624.0},
};

static const struct suffix frequency_suffixes[] = {
    {"", 1}, {"Hz", 1}, {"kHz", 1e3}, {"MHz", 1e6}, {"GHz", 1e9},
};

static const struct suffix temperature_suffixes[] = {
    {"", 1}, {"C", 1}, {"Cel", 1}, {"°C", 1}, {"℃", 1}};

static const struct suffix plain_suffixes[] = {
    {"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}};

static const struct family family_share = {share_suffixes, ARRAY_SIZE(share_suffixes), "80% or 0.8",
                                           0};
static const struct family family_time = {time_suffixes, ARRAY_SIZE(time_suffixes), "5s or 500ms",
                                          FAMILY_POSITIVE};
static const struct family family_size = {size_suffixes, ARRAY_SIZE(size_suffixes), "512MiB or 3GB",
                                          FAMILY_POSITIVE | FAMILY_NO_CASE};
static const struct family family_flow = {size_suffixes, ARRAY_SIZE(size_suffixes), "10MB/s",
                                          FAMILY_POSITIVE | FAMILY_NO_CASE | FAMILY_PER_SECOND};
static const struct family family_frequency = {frequency_suffixes, ARRAY_SIZE(frequency_suffixes),
                                               "2.4GHz", FAMILY_POSITIVE | FAMILY_NO_CASE};
static const struct family family_temperature = {temperature_suffixes,
                                                 ARRAY_SIZE(temperature_suffixes), "85C", 0};
static const struct family family_plain = {plain_suffixes, ARRAY_SIZE(plain_suffixes), "42 or 12k",
                                           0};
static const struct family family_rate = {plain_suffixes, ARRAY_SIZE(plain_suffixes), "42 or 12k/s",
                                          FAMILY_PER_SECOND};

static const struct family *
family_of(const char *unit)
{
    static const struct {
        const char *unit;
        const struct family *family;
    } families[] = {
        {"1", &family_share},   {"s", &family_time},       {"By", &family_size},
        {"By/s", &family_flow}, {"Hz", &family_frequency}, {"Cel", &family_temperature},
    };
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        if (strcmp(unit, families[i].unit) == 0) {
            return families[i].family;
        }
    }
    return str_ends(str_from(unit), "/s") ? &family_rate : &family_plain;
}

/* What was typed, safe to show and short. */
static const char *
shown(struct str text, char dst[48])
{
    utf8_clean(text, dst, 48);
    return dst;
}

static bool
same(struct str text, const char *suffix, bool no_case)
{
    return text.n == strlen(suffix) &&
           (no_case ? strncasecmp(text.p, suffix, text.n) : memcmp(text.p, suffix, text.n)) == 0;
}

static bool
find_suffix(const struct family *family, struct str text, double *ret_factor)
{
    for (size_t i = 0; i < family->count; i++) {
        if (same(text, family->suffixes[i].text, (family->flags & FAMILY_NO_CASE) != 0)) {
            *ret_factor = family->suffixes[i].factor;
            return true;
        }
    }
    return false;
}

/* A bare number whose two readings a user could both have meant. */
static bool
two_readings(const struct family *family, double number, struct str typed, char *why,
             size_t why_size)
{
    char text[48];
    if (family == &family_time && number != 0) {
        snprintf(why, why_size, "%s: did you mean %ss or %sms?", shown(typed, text), text, text);
        return true;
    }
    if (family == &family_share && number > 1) {
        snprintf(why, why_size, "%s: did you mean %s%% or %.6g%%?", shown(typed, text), text,
                 number * 100);
        return true;
    }
    return false;
}

bool
unit_parse(struct str text, const char *unit, double *ret_value, char *why, size_t why_size)
{
    const struct family *family = family_of(unit);
    char typed[48];
    text = str_trim(text);
    struct str rest = text;
    double number, factor = 1;
    if (!str_double(&rest, &number) || !isfinite(number)) {
        snprintf(why, why_size, "'%s' is not a number (write %s)", shown(text, typed),
                 family->examples);
        return false;
    }
    struct str digits = {text.p, text.n - rest.n};
    rest = str_trim(rest);
    if ((family->flags & FAMILY_PER_SECOND) != 0 && str_ends(rest, "/s")) {
        rest = str_trim((struct str){rest.p, rest.n - 2});
    }
    if (rest.n == 0 && two_readings(family, number, digits, why, why_size)) {
        return false;
    }
    if (!find_suffix(family, rest, &factor) && !(rest.n == 0 && number == 0)) {
        snprintf(why, why_size, "'%s' has no unit that fits (write %s)", shown(text, typed),
                 family->examples);
        return false;
    }
    if ((family->flags & FAMILY_POSITIVE) != 0 && number < 0) {
        snprintf(why, why_size, "%s is less than zero", shown(text, typed));
        return false;
    }
    /* Dividing keeps 5000ms exactly 5: 0.001 has no exact double, 1000 has. */
    *ret_value = factor < 1 ? number / round(1 / factor) : number * factor;
    return true;
}
