/* A view of text that somebody else owns, and the small parsers built on it.
 *
 * The parsers consume from the front of `rest`. They never look past its end, never need a NUL, and
 * on failure leave both `rest` and the result untouched. */
#ifndef FLAMETOP_BASE_STR_H
#define FLAMETOP_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

struct str str_from(const char *text);
bool str_is(struct str s, const char *text);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
struct str str_trim(struct str s);

/* The next line, without its LF; false at the end. */
bool str_line(struct str *rest, struct str *ret_line);

/* The next run of non-blanks (blank: space, tab, CR, LF); false when only blanks are left. */
bool str_word(struct str *rest, struct str *ret_word);

/* What stands before the next `stop`, which is consumed as well; the whole rest when there is none.
 * False when the rest is empty. */
bool str_until(struct str *rest, char stop, struct str *ret_part);

/* Numbers, after leading blanks. They stop at the first byte that does not belong to them.
 * str_u64 and str_i64 saturate. str_double reads decimal notation in the C locale. */
bool str_u64(struct str *rest, uint64_t *ret_value);
bool str_i64(struct str *rest, int64_t *ret_value);
bool str_double(struct str *rest, double *ret_value);

/* What a hexadecimal digit of either case stands for; -1: it is none. */
int str_hex_digit(char c);

/* Copies at most size - 1 bytes and a NUL. Answers dst. */
char *str_copy(struct str s, char *dst, size_t size);

#endif
