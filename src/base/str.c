/* Text views. */
#include "flametop/base/str.h"

#include <math.h>
#include <string.h>

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str
str_from(const char *text)
{
    return (struct str){text, strlen(text)};
}

bool
str_is(struct str s, const char *text)
{
    size_t n = strlen(text);
    return s.n == n && (n == 0 || memcmp(s.p, text, n) == 0);
}

bool
str_starts(struct str s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool
str_ends(struct str s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.n >= n && (n == 0 || memcmp(s.p + s.n - n, suffix, n) == 0);
}

struct str
str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

bool
str_until(struct str *rest, char stop, struct str *ret_part)
{
    if (rest->n == 0) {
        return false;
    }
    const char *end = memchr(rest->p, stop, rest->n);
    size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
    *ret_part = (struct str){rest->p, n};
    n += end != NULL;
    rest->p += n;
    rest->n -= n;
    return true;
}

bool
str_line(struct str *rest, struct str *ret_line)
{
    return str_until(rest, '\n', ret_line);
}

static struct str
skip_blanks(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

bool
str_word(struct str *rest, struct str *ret_word)
{
    struct str s = skip_blanks(*rest);
    size_t n = 0;
    while (n < s.n && !is_blank(s.p[n])) {
        n++;
    }
    if (n == 0) {
        return false;
    }
    *ret_word = (struct str){s.p, n};
    *rest = (struct str){s.p + n, s.n - n};
    return true;
}

bool
str_u64(struct str *rest, uint64_t *ret_value)
{
    struct str s = skip_blanks(*rest);
    size_t i = 0;
    uint64_t value = 0;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    if (i == 0) {
        return false;
    }
    *ret_value = value;
    *rest = (struct str){s.p + i, s.n - i};
    return true;
}

bool
str_i64(struct str *rest, int64_t *ret_value)
{
    struct str s = skip_blanks(*rest);
    bool negative = s.n > 0 && s.p[0] == '-';
    if (negative) {
        s.p++;
        s.n--;
    }
    uint64_t value;
    if (s.n == 0 || is_blank(s.p[0]) || !str_u64(&s, &value)) {
        return false;
    }
    if (negative) {
        *ret_value = value > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)value;
    } else {
        *ret_value = value > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)value;
    }
    *rest = s;
    return true;
}

bool
str_double(struct str *rest, double *ret_value)
{
    /* At most 19 significant digits enter an integer; the rest only move the exponent. Values with
     * up to 15 digits and |exponent| <= 22 are exact, which covers what /proc and /sys print. */
    struct str s = skip_blanks(*rest);
    size_t i = 0;
    bool negative = s.n > 0 && s.p[0] == '-';
    i += negative || (s.n > 0 && s.p[0] == '+');
    uint64_t mantissa = 0;
    int exponent = 0;
    bool digits = false, point = false;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') {
            break;
        }
        digits = true;
        if (mantissa < UINT64_C(1000000000000000000)) {
            mantissa = mantissa * 10 + (uint64_t)(c - '0');
            exponent -= point;
        } else {
            exponent += !point;
        }
    }
    if (!digits) {
        return false;
    }
    if (i + 1 < s.n && (s.p[i] | 32) == 'e') {
        size_t j = i + 1;
        bool down = s.p[j] == '-';
        j += down || s.p[j] == '+';
        int e = 0;
        size_t start = j;
        for (; j < s.n && s.p[j] >= '0' && s.p[j] <= '9'; j++) {
            e = e < 100000 ? e * 10 + (s.p[j] - '0') : e;
        }
        if (j > start) {
            exponent += down ? -e : e;
            i = j;
        }
    }
    double value = (double)mantissa;
    if (mantissa != 0) {
        exponent = exponent > 400 ? 400 : exponent < -400 ? -400 : exponent;
        while (exponent > 22) {
            value *= 1e22;
            exponent -= 22;
        }
        while (exponent < -22) {
            value /= 1e22;
            exponent += 22;
        }
        static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
        value = exponent >= 0 ? value * power[exponent] : value / power[-exponent];
    }
    *ret_value = negative ? -value : value;
    *rest = (struct str){s.p + i, s.n - i};
    return true;
}

int
str_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

char *
str_copy(struct str s, char *dst, size_t size)
{
    if (size > 0) {
        size_t n = s.n < size - 1 ? s.n : size - 1;
        if (n > 0) {
            memcpy(dst, s.p, n);
        }
        dst[n] = 0;
    }
    return dst;
}
