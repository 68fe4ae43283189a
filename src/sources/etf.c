/* External terms. A header is read at a time; what belongs to it is counted, not entered: that
 * makes skipping a loop over a number of terms that are still to come. */
#include "etf.h"

#include <math.h>
#include <string.h>

#include "etf_tags.h"
#include "flametop/base/macros.h"

/* ---- bytes ---- */

static bool
take(struct str *rest, size_t n, struct str *ret)
{
    if (rest->n < n) {
        return false;
    }
    *ret = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return true;
}

/* An unsigned number, the highest byte first. */
static bool
take_number(struct str *rest, unsigned bytes, uint64_t *ret)
{
    struct str part;
    uint64_t value = 0;
    if (!take(rest, bytes, &part)) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | (unsigned char)part.p[i];
    }
    *ret = value;
    return true;
}

/* A length and so many bytes. */
static bool
take_counted(struct str *rest, unsigned length_bytes, struct str *ret)
{
    uint64_t n;
    return take_number(rest, length_bytes, &n) && n <= rest->n && take(rest, (size_t)n, ret);
}

/* ---- one term ---- */

static bool
read_atom(struct str *rest, struct str *ret_text)
{
    uint64_t tag;
    if (!take_number(rest, 1, &tag)) {
        return false;
    }
    bool small = tag == TAG_SMALL_ATOM || tag == TAG_SMALL_ATOM_UTF8;
    bool large = tag == TAG_ATOM || tag == TAG_ATOM_UTF8;
    return (small || large) && take_counted(rest, small ? 1 : 2, ret_text);
}

static bool
read_real(struct str *rest, double *ret)
{
    uint64_t bits;
    if (!take_number(rest, 8, &bits)) {
        return false;
    }
    memcpy(ret, &bits, sizeof(bits));
    return isfinite(*ret);
}

/* The old form: 31 bytes of text, ended with NUL. */
static bool
read_real_text(struct str *rest, double *ret)
{
    struct str text;
    if (!take(rest, 31, &text)) {
        return false;
    }
    text.n = strnlen(text.p, text.n);
    return str_double(&text, ret) && isfinite(*ret);
}

static bool
read_big(struct str *rest, unsigned length_bytes, struct etf_term *term)
{
    uint64_t n, sign;
    struct str digits;
    if (!take_number(rest, length_bytes, &n) || !take_number(rest, 1, &sign) || n > rest->n ||
        !take(rest, (size_t)n, &digits)) {
        return false;
    }
    uint64_t low = 0;
    bool fits = true;
    term->real = 0;
    for (size_t i = digits.n; i-- > 0;) {
        unsigned char digit = (unsigned char)digits.p[i];
        term->real = MIN(term->real * 256 + digit, 1e300);
        if (i < sizeof(low)) {
            low = low << 8 | digit;
        } else {
            fits &= digit == 0;
        }
    }
    fits &= low <= (uint64_t)INT64_MAX;
    term->type = fits ? ETF_INTEGER : ETF_BIG;
    term->integer = fits ? (sign != 0 ? -(int64_t)low : (int64_t)low) : 0;
    term->real = sign != 0 ? -term->real : term->real;
    return true;
}

/* A node's name, a number of `bytes`, and the node's creation. */
static bool
read_place(struct str *rest, unsigned bytes, unsigned creation_bytes, struct etf_term *term)
{
    uint64_t number, creation;
    if (!read_atom(rest, &term->text) || !take_number(rest, bytes, &number) ||
        !take_number(rest, creation_bytes, &creation)) {
        return false;
    }
    term->integer = (int64_t)(number & INT64_MAX);
    term->creation = (uint32_t)creation;
    return true;
}

static bool
read_pid(struct str *rest, unsigned creation_bytes, struct etf_term *term)
{
    term->type = ETF_PID;
    if (!read_place(rest, 8, creation_bytes, term)) {
        return false;
    }
    term->serial = (uint32_t)term->integer;
    term->integer = term->integer >> 32 & UINT32_MAX;
    return true;
}

/* Its numbers; the first of them stands for it, the second beside it. */
static bool
read_reference(struct str *rest, unsigned creation_bytes, struct etf_term *term)
{
    uint64_t count, creation, number = 0;
    struct str numbers;
    term->type = ETF_REFERENCE;
    if (!take_number(rest, 2, &count) || count == 0 || !read_atom(rest, &term->text) ||
        !take_number(rest, creation_bytes, &creation) || !take(rest, (size_t)count * 4, &numbers)) {
        return false;
    }
    take_number(&numbers, 4, &number);
    term->integer = (int64_t)number;
    term->serial = take_number(&numbers, 4, &number) ? (uint32_t)number : 0;
    term->creation = (uint32_t)creation;
    return true;
}

/* Each child takes a byte at least: what claims more than there are is none. */
static bool
read_children(struct str *rest, unsigned bytes, uint64_t each, uint64_t more, enum etf_type type,
              struct etf_term *term)
{
    uint64_t count;
    if (!take_number(rest, bytes, &count) || count * each + more > rest->n) {
        return false;
    }
    term->type = type;
    term->children = (uint32_t)(count * each + more);
    return true;
}

static bool
read_text(struct str *rest, unsigned bytes, enum etf_type type, struct etf_term *term)
{
    term->type = type;
    return take_counted(rest, bytes, &term->text);
}

static bool
read_integer(struct str *rest, unsigned bytes, struct etf_term *term)
{
    uint64_t value;
    term->type = ETF_INTEGER;
    if (!take_number(rest, bytes, &value)) {
        return false;
    }
    term->integer = bytes == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value;
    term->real = (double)term->integer;
    return true;
}

/* Bits that are no whole bytes: a length, how many bits the last byte has, the bytes. */
static bool
read_bits(struct str *rest, struct etf_term *term)
{
    uint64_t n, bits;
    term->type = ETF_BINARY;
    return take_number(rest, 4, &n) && take_number(rest, 1, &bits) && n <= rest->n &&
           take(rest, (size_t)n, &term->text);
}

/* Its size counts itself and all that follows. */
static bool
read_fun(struct str *rest, struct etf_term *term)
{
    uint64_t n;
    struct str inside;
    term->type = ETF_FUN;
    return take_number(rest, 4, &n) && n >= 4 && n - 4 <= rest->n &&
           take(rest, (size_t)n - 4, &inside);
}

static bool
read_export(const struct str *rest, struct etf_term *term)
{
    term->type = ETF_FUN;
    term->children = 3;
    return rest->n >= 3;
}

static bool
read_number(enum etf_tag tag, struct str *rest, struct etf_term *term)
{
    term->type = ETF_REAL;
    switch (tag) {
    case TAG_SMALL_INTEGER:
        return read_integer(rest, 1, term);
    case TAG_INTEGER:
        return read_integer(rest, 4, term);
    case TAG_SMALL_BIG:
        return read_big(rest, 1, term);
    case TAG_LARGE_BIG:
        return read_big(rest, 4, term);
    case TAG_NEW_FLOAT:
        return read_real(rest, &term->real);
    default:
        return read_real_text(rest, &term->real);
    }
}

static bool
read_tagged(enum etf_tag tag, struct str *rest, struct etf_term *term)
{
    switch (tag) {
    case TAG_SMALL_INTEGER:
    case TAG_INTEGER:
    case TAG_SMALL_BIG:
    case TAG_LARGE_BIG:
    case TAG_NEW_FLOAT:
    case TAG_FLOAT:
        return read_number(tag, rest, term);
    case TAG_SMALL_ATOM:
    case TAG_SMALL_ATOM_UTF8:
        return read_text(rest, 1, ETF_ATOM, term);
    case TAG_ATOM:
    case TAG_ATOM_UTF8:
        return read_text(rest, 2, ETF_ATOM, term);
    case TAG_BINARY:
        return read_text(rest, 4, ETF_BINARY, term);
    case TAG_BIT_BINARY:
        return read_bits(rest, term);
    case TAG_STRING:
        return read_text(rest, 2, ETF_STRING, term);
    case TAG_NIL:
        term->type = ETF_NIL;
        return true;
    case TAG_SMALL_TUPLE:
        return read_children(rest, 1, 1, 0, ETF_TUPLE, term);
    case TAG_LARGE_TUPLE:
        return read_children(rest, 4, 1, 0, ETF_TUPLE, term);
    case TAG_LIST:
        return read_children(rest, 4, 1, 1, ETF_LIST, term);
    case TAG_MAP:
        return read_children(rest, 4, 2, 0, ETF_MAP, term);
    case TAG_PID:
        return read_pid(rest, 1, term);
    case TAG_NEW_PID:
        return read_pid(rest, 4, term);
    case TAG_PORT:
        term->type = ETF_PORT;
        return read_place(rest, 4, 1, term);
    case TAG_NEW_PORT:
        term->type = ETF_PORT;
        return read_place(rest, 4, 4, term);
    case TAG_V4_PORT:
        term->type = ETF_PORT;
        return read_place(rest, 8, 4, term);
    case TAG_NEW_REFERENCE:
        return read_reference(rest, 1, term);
    case TAG_NEWER_REFERENCE:
        return read_reference(rest, 4, term);
    case TAG_NEW_FUN:
        return read_fun(rest, term);
    case TAG_EXPORT:
        return read_export(rest, term);
    }
    return false;
}

bool
etf_next(struct str *rest, struct etf_term *ret_term)
{
    struct str at = *rest;
    struct etf_term term = {.text = {"", 0}, .real = NAN};
    uint64_t tag;
    if (!take_number(&at, 1, &tag) || !read_tagged((enum etf_tag)tag, &at, &term)) {
        return false;
    }
    *ret_term = term;
    *rest = at;
    return true;
}

bool
etf_skip(struct str *rest, struct str *ret_whole)
{
    struct str at = *rest;
    struct etf_term term;
    for (uint64_t left = 1; left > 0; left += term.children, left--) {
        if (left > at.n || !etf_next(&at, &term)) {
            return false;
        }
    }
    if (ret_whole != NULL) {
        *ret_whole = (struct str){rest->p, rest->n - at.n};
    }
    *rest = at;
    return true;
}

/* ---- terms of one kind ---- */

static bool
take_kind(struct str *rest, enum etf_type type, struct etf_term *ret_term)
{
    struct str at = *rest;
    if (!etf_next(&at, ret_term) || ret_term->type != type) {
        return false;
    }
    *rest = at;
    return true;
}

bool
etf_tuple(struct str *rest, uint32_t arity)
{
    struct str at = *rest;
    struct etf_term term;
    if (!take_kind(&at, ETF_TUPLE, &term) || term.children != arity) {
        return false;
    }
    *rest = at;
    return true;
}

bool
etf_integer(struct str *rest, int64_t *ret_value)
{
    struct etf_term term;
    if (!take_kind(rest, ETF_INTEGER, &term)) {
        return false;
    }
    *ret_value = term.integer;
    return true;
}

bool
etf_number(struct str *rest, double *ret_value)
{
    struct str at = *rest;
    struct etf_term term;
    if (!etf_next(&at, &term) ||
        (term.type != ETF_INTEGER && term.type != ETF_BIG && term.type != ETF_REAL)) {
        return false;
    }
    *ret_value = term.real;
    *rest = at;
    return true;
}

bool
etf_atom(struct str *rest, struct str *ret_text)
{
    struct etf_term term;
    if (!take_kind(rest, ETF_ATOM, &term)) {
        return false;
    }
    *ret_text = term.text;
    return true;
}

bool
etf_is_atom(struct str term, const char *text)
{
    struct str atom;
    return etf_atom(&term, &atom) && str_is(atom, text);
}

/* ---- lists ---- */

bool
etf_list(struct str *rest, struct etf_list *ret_list)
{
    struct str at = *rest;
    struct etf_term term;
    struct etf_list list = {.left = 0};
    if (!etf_next(&at, &term)) {
        return false;
    }
    if (term.type == ETF_STRING) {
        list = (struct etf_list){.rest = term.text, .left = (uint32_t)term.text.n, .bytes = true};
    } else if (term.type == ETF_LIST) {
        list = (struct etf_list){.rest = at, .left = term.children - 1};
        at = *rest;
        if (!etf_skip(&at, NULL)) {
            return false;
        }
    } else if (term.type != ETF_NIL) {
        return false;
    }
    *ret_list = list;
    *rest = at;
    return true;
}

bool
etf_list_next(struct etf_list *list, struct str *ret_term)
{
    if (list->left == 0 || list->bytes || !etf_skip(&list->rest, ret_term)) {
        return false;
    }
    list->left--;
    return true;
}

bool
etf_list_integer(struct etf_list *list, int64_t *ret_value)
{
    struct str term;
    uint64_t byte;
    if (!list->bytes) {
        return etf_list_next(list, &term) && etf_integer(&term, ret_value);
    }
    if (list->left == 0 || !take_number(&list->rest, 1, &byte)) {
        return false;
    }
    *ret_value = (int64_t)byte;
    list->left--;
    return true;
}

bool
etf_get(struct str term, const char *key, struct str *ret_value)
{
    struct etf_term head;
    struct etf_list list;
    struct str pair, atom, at = term;
    if (etf_next(&at, &head) && head.type == ETF_MAP) {
        for (uint32_t i = 0; i < head.children; i += 2) {
            struct str name, value;
            if (!etf_skip(&at, &name) || !etf_skip(&at, &value)) {
                return false;
            }
            if (etf_is_atom(name, key)) {
                *ret_value = value;
                return true;
            }
        }
        return false;
    }
    for (bool is = etf_list(&term, &list); is && etf_list_next(&list, &pair);) {
        if (etf_tuple(&pair, 2) && etf_atom(&pair, &atom) && str_is(atom, key)) {
            return etf_skip(&pair, ret_value);
        }
    }
    return false;
}
