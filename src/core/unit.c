/* Numbers for people. */
#include "flametop/core/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"

#define NUMBER_BYTES 32

/* The number with 0 to 2 decimals, below a million; a screen holds hundreds of them, and snprintf
 * takes ten times as long. Answers the end of what was written. */
static char *
fixed(double value, int decimals, char *dst)
{
    static const unsigned tens[] = {1, 10, 100};
    uint64_t scaled_up = (uint64_t)rint(fabs(value) * tens[decimals]);
    char reversed[24];
    size_t n = 0;
    for (int at = 0; at <= decimals || scaled_up > 0; at++) {
        if (at == decimals && decimals > 0) {
            reversed[n++] = '.';
        }
        reversed[n++] = (char)('0' + scaled_up % 10);
        scaled_up /= 10;
    }
    if (value < 0) {
        *dst++ = '-';
    }
    while (n > 0) {
        *dst++ = reversed[--n];
    }
    *dst = 0;
    return dst;
}

/* Beyond what `fixed` can do: three digits and an exponent, with a point in every locale. */
static void
endless(double value, char *dst, size_t size)
{
    snprintf(dst, size, "%.3g", value);
    for (char *p = dst; *p != 0; p++) {
        *p = *p == ',' ? '.' : *p;
    }
}

/* Three significant digits below a thousand, whole numbers above. */
static void
digits(double value, char *dst, size_t size)
{
    double size_of = fabs(value);
    int decimals = size_of >= 99.95 ? 0 : size_of >= 9.995 ? 1 : 2;
    if (value == trunc(value) && size_of < 1000) {
        decimals = 0;
    }
    if (size_of >= 1e6) { /* beyond all suffixes digits would run on */
        endless(value, dst, size);
    } else {
        fixed(value, decimals, dst);
    }
}

/* One decimal is what a glance can use; a second one only for what would look like nothing at all.
 */
static void
percent(double value, char *dst, size_t size)
{
    double size_of = fabs(value);
    int decimals = size_of >= 99.95 || value == trunc(value) ? 0 : size_of >= 0.0995 ? 1 : 2;
    if (size_of > 0 && size_of < 0.005) {
        snprintf(dst, size, "%s", value > 0 ? "<0.01" : "-0");
        return;
    }
    if (size_of >= 1e9) {
        endless(value, dst, size);
    } else {
        fixed(value, decimals, dst);
    }
}

struct scale {
    double from;
    const char *suffix;
};

static const struct scale binary[] = {
    {1125899906842624.0, "PiB"}, {1099511627776.0, "TiB"}, {1073741824.0, "GiB"},
    {1048576.0, "MiB"},          {1024.0, "KiB"},          {1.0, "B"},
};
static const struct scale decimal_bytes[] = {
    {1e15, "PB"}, {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1.0, "B"},
};
static const struct scale plain[] = {
    {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1.0, ""},
};
static const struct scale hertz[] = {
    {1e9, "GHz"},
    {1e6, "MHz"},
    {1e3, "kHz"},
    {1.0, "Hz"},
};
static const struct scale seconds[] = {
    {1.0, "s"},
    {1e-3, "ms"},
    {1e-6, "us"},
    {1e-9, "ns"},
};

/* The largest scale that leaves at least 1; rounding up to the next one is taken into account. */
static void
scaled(double value, const struct scale *scales, size_t count, char *number, size_t size,
       const char **ret_suffix)
{
    double size_of = fabs(value);
    size_t i = 0;
    while (i + 1 < count && size_of < scales[i].from * 0.9995) {
        i++;
    }
    if (size_of == 0 && scales != seconds) {
        i = count - 1;
    } else if (size_of == 0) {
        i = 0;
    }
    digits(value / scales[i].from, number, size);
    *ret_suffix = scales[i].suffix;
}

/* Long times read better as "4 m 31 s". */
static bool
is_age(double value, const char *unit)
{
    return strcmp(unit, "s") == 0 && value >= 120;
}

static void
parts(double value, const char *unit, char *number, size_t size, const char **ret_suffix)
{
    size_t n = strlen(unit);
    bool rate = n >= 2 && strcmp(unit + n - 2, "/s") == 0;
    *ret_suffix = "";
    if (strcmp(unit, "1") == 0) {
        percent(value * 100, number, size);
        *ret_suffix = "%";
    } else if (strcmp(unit, "By") == 0) {
        scaled(value, binary, ARRAY_SIZE(binary), number, size, ret_suffix);
    } else if (strncmp(unit, "By", 2) == 0 && rate) {
        scaled(value, decimal_bytes, ARRAY_SIZE(decimal_bytes), number, size, ret_suffix);
    } else if (strcmp(unit, "s") == 0) {
        scaled(value, seconds, ARRAY_SIZE(seconds), number, size, ret_suffix);
    } else if (strcmp(unit, "Hz") == 0) {
        scaled(value, hertz, ARRAY_SIZE(hertz), number, size, ret_suffix);
    } else if (strcmp(unit, "Cel") == 0) {
        digits(value, number, size);
        *ret_suffix = "C";
    } else if (strcmp(unit, "V") == 0 || strcmp(unit, "W") == 0) {
        digits(value, number, size);
        *ret_suffix = unit[0] == 'V' ? "V" : "W";
    } else {
        scaled(value, plain, ARRAY_SIZE(plain), number, size, ret_suffix);
    }
}

/* A screen holds hundreds of these: no snprintf. */
static char *
join(const char *const *pieces, size_t count, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (const char *p = pieces[i]; *p != 0 && n + 1 < size; p++) {
            dst[n++] = *p;
        }
    }
    dst[n] = 0;
    return dst;
}

char *
unit_format(double value, const char *unit, bool ascii, char *dst, size_t size)
{
    char number[NUMBER_BYTES];
    const char *suffix;
    if (isnan(value)) {
        snprintf(dst, size, "%s", ascii ? "-" : "–");
        return dst;
    }
    if (isinf(value)) {
        snprintf(dst, size, "%s", value > 0 ? "inf" : "-inf");
        return dst;
    }
    if (is_age(value, unit)) {
        return unit_format_age(value, dst, size);
    }
    /* Seconds a second is a share of time. */
    parts(value, strcmp(unit, "s/s") == 0 ? "1" : unit, number, sizeof(number), &suffix);
    if (strcmp(suffix, "us") == 0 && !ascii) {
        suffix = "µs";
    } else if (strcmp(suffix, "C") == 0) {
        suffix = ascii ? "C" : "°C";
    }
    size_t n = strlen(unit);
    bool rate = n >= 2 && strcmp(unit + n - 2, "/s") == 0 && strcmp(unit, "s/s") != 0;
    const char *const pieces[] = {number, suffix[0] != 0 || rate ? " " : "", suffix,
                                  rate ? "/s" : ""};
    return join(pieces, ARRAY_SIZE(pieces), dst, size);
}

char *
unit_format_short(double value, const char *unit, bool ascii, char *dst, size_t size)
{
    if (isfinite(value) && (strcmp(unit, "1") == 0 || strcmp(unit, "s/s") == 0)) {
        /* One decimal, always in the same place. */
        char number[NUMBER_BYTES];
        if (fabs(value) < 1e7) {
            fixed(value * 100, 1, number);
        } else {
            endless(value * 100, number, sizeof(number));
        }
        snprintf(dst, size, "%s", number);
        return dst;
    }
    if (isfinite(value) && (unit[0] == 0 || unit[0] == '{') && fabs(value) < 100000 &&
        value == trunc(value)) {
        snprintf(dst, size, "%.0f", value);
        return dst;
    }
    unit_format(value, unit, ascii, dst, size);
    size_t n = strlen(dst);
    if (n > 2 && strcmp(dst + n - 2, "/s") == 0) {
        dst[n - 2] = 0;
    }
    n = strlen(dst);
    while (n > 0 && dst[n - 1] == ' ') {
        dst[--n] = 0;
    }
    return dst;
}

char *
unit_format_age(double seconds_ago, char *dst, size_t size)
{
    if (!isfinite(seconds_ago)) {
        snprintf(dst, size, "-");
        return dst;
    }
    double whole = floor(fmax(seconds_ago, 0));
    int64_t s = (int64_t)fmin(whole, 1e15);
    if (s >= 86400) {
        snprintf(dst, size, "%lld d %lld h", (long long)(s / 86400), (long long)(s % 86400 / 3600));
    } else if (s >= 3600) {
        snprintf(dst, size, "%lld h %lld m", (long long)(s / 3600), (long long)(s % 3600 / 60));
    } else if (s >= 60) {
        snprintf(dst, size, "%lld m %lld s", (long long)(s / 60), (long long)(s % 60));
    } else {
        snprintf(dst, size, "%lld s", (long long)s);
    }
    return dst;
}
