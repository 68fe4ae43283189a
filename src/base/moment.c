/* Moments and durations as people type them. */
#include "flametop/base/moment.h"

#include <string.h>
#include <time.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/str.h"

#define YEAR_MAX 2200      /* nanoseconds in 64 bits reach to 2262 */
#define DURATION_S_MAX 1e8 /* three years: more is a slip of the finger */

static const struct {
    const char *suffix;
    int64_t ns;
} suffixes[] = {
    {"ms", NS_PER_MS},    {"s", NS_PER_S},        {"min", 60 * NS_PER_S},
    {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"d", 86400 * NS_PER_S},
};

/* One number with its unit; a number without one is refused: seconds or minutes? */
static bool
take_part(struct str *rest, double *sum_ns)
{
    double number;
    if (!str_double(rest, &number) || number < 0 || !(number < DURATION_S_MAX)) {
        return false;
    }
    while (rest->n > 0 && *rest->p == ' ') {
        rest->p++;
        rest->n--;
    }
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        if (str_starts(*rest, suffixes[i].suffix)) {
            size_t n = strlen(suffixes[i].suffix);
            rest->p += n;
            rest->n -= n;
            *sum_ns += number * (double)suffixes[i].ns;
            return true;
        }
    }
    return false;
}

bool
duration_parse(const char *text, int64_t *ret_ns)
{
    struct str rest = str_trim(str_from(text));
    bool negative = str_starts(rest, "-");
    if (negative || str_starts(rest, "+")) {
        rest.p++;
        rest.n--;
    }
    double sum_ns = 0;
    do {
        if (!take_part(&rest, &sum_ns)) {
            return false;
        }
        rest = str_trim(rest);
    } while (rest.n > 0);
    if (sum_ns > DURATION_S_MAX * 1e9) {
        return false;
    }
    *ret_ns = (int64_t)(negative ? -sum_ns : sum_ns);
    return true;
}

static bool
take_clock(struct str *rest, uint64_t limit, int *ret_value)
{
    uint64_t value;
    if (rest->n == 0 || *rest->p < '0' || *rest->p > '9' || !str_u64(rest, &value) ||
        value >= limit) {
        return false;
    }
    *ret_value = (int)value;
    return true;
}

static bool
take_colon(struct str *rest)
{
    bool is = rest->n > 0 && *rest->p == ':';
    rest->p += is;
    rest->n -= is;
    return is;
}

/* "2026-11-21 " in front, also with a T between. */
static bool
take_date(struct str *rest, struct tm *day)
{
    struct str text = *rest;
    uint64_t parts[3];
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        bool is_number =
            text.n > 0 && *text.p >= '0' && *text.p <= '9' && str_u64(&text, &parts[i]);
        if (!is_number || text.n == 0 ||
            (i < 2 ? *text.p != '-' : *text.p != ' ' && *text.p != 'T')) {
            return false;
        }
        text.p++;
        text.n--;
    }
    if (parts[0] < 1970 || parts[0] > YEAR_MAX || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 ||
        parts[2] > 31) {
        return false;
    }
    day->tm_year = (int)parts[0] - 1900;
    day->tm_mon = (int)parts[1] - 1;
    day->tm_mday = (int)parts[2];
    *rest = str_trim(text);
    return true;
}

static time_t
time_of(struct tm *day, bool utc)
{
    day->tm_isdst = -1;
    return utc ? timegm(day) : mktime(day);
}

/* A time of day without a date is the last one that has passed. */
bool
moment_parse(const char *text, int64_t now_wall_ns, int64_t *ret_wall_ns)
{
    int64_t by_ns;
    if (strchr(text, ':') == NULL) {
        bool ok = duration_parse(text, &by_ns);
        if (ok) {
            *ret_wall_ns = now_wall_ns + (by_ns > 0 && text[0] != '+' ? -by_ns : by_ns);
        }
        return ok;
    }
    struct str rest = str_trim(str_from(text));
    bool utc = rest.n > 0 && rest.p[rest.n - 1] == 'Z';
    rest.n -= utc;
    time_t now_s = (time_t)(now_wall_ns / NS_PER_S);
    struct tm day;
    (utc ? gmtime_r : localtime_r)(&now_s, &day);
    day.tm_sec = 0;
    bool dated = take_date(&rest, &day);
    if (!take_clock(&rest, 24, &day.tm_hour) || !take_colon(&rest) ||
        !take_clock(&rest, 60, &day.tm_min) ||
        (take_colon(&rest) && !take_clock(&rest, 60, &day.tm_sec)) || rest.n > 0) {
        return false;
    }
    int month_day = day.tm_mday;
    time_t then_s = time_of(&day, utc);
    if (dated && day.tm_mday != month_day) {
        return false; /* the 31st of a month that has 30 days */
    }
    if (!dated && then_s > now_s) {
        day.tm_mday--;
        then_s = time_of(&day, utc);
    }
    *ret_wall_ns = (int64_t)then_s * NS_PER_S;
    return true;
}
