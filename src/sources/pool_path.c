/* Paths into terms. A term is walked from its front each time: answers are small. */
#include "pool_path.h"

#include <math.h>
#include <string.h>

#include "etf.h"

#define KEY_BYTES 256

static bool
key_is(struct str key, struct str wanted)
{
    char text[KEY_BYTES];
    return etf_text(key, text, sizeof(text)) && str_is(wanted, text);
}

/* The value of a key in a map or a list of pairs. */
static bool
by_key(struct str term, struct str wanted, struct str *ret_value)
{
    struct etf_term head;
    struct str rest = term, key, value;
    if (!etf_next(&rest, &head)) {
        return false;
    }
    if (head.type == ETF_MAP) {
        for (uint32_t i = 0; i + 1 < head.children; i += 2) {
            if (!etf_skip(&rest, &key) || !etf_skip(&rest, &value)) {
                return false;
            }
            if (key_is(key, wanted)) {
                *ret_value = value;
                return true;
            }
        }
        return false;
    }
    struct etf_list list;
    struct str whole = term, element;
    if (!etf_list(&whole, &list)) {
        return false;
    }
    while (etf_list_next(&list, &element)) {
        if (etf_tuple(&element, 2) && etf_skip(&element, &key) && etf_skip(&element, &value) &&
            key_is(key, wanted)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* The element at a place of a tuple or list, from 1. */
static bool
by_place(struct str term, uint64_t place, struct str *ret_value)
{
    struct etf_term head;
    struct etf_list list;
    struct str rest = term, element;
    if (!etf_next(&rest, &head) || place == 0) {
        return false;
    }
    if (head.type == ETF_TUPLE) {
        for (uint64_t i = 1; i <= place && i <= head.children; i++) {
            if (!etf_skip(&rest, &element)) {
                return false;
            }
        }
        *ret_value = element;
        return place <= head.children;
    }
    rest = term;
    if (!etf_list(&rest, &list)) {
        return false;
    }
    for (uint64_t i = 1; etf_list_next(&list, &element); i++) {
        if (i == place) {
            *ret_value = element;
            return true;
        }
    }
    return false;
}

bool
pool_path(struct str term, const char *path, struct str *ret_part)
{
    struct str rest = str_from(path), step;
    while (str_until(&rest, '/', &step)) {
        struct str number = step;
        uint64_t place;
        bool is_place = str_u64(&number, &place) && number.n == 0;
        if (step.n == 0 || str_is(step, ".") || str_is(step, "*")) {
            continue;
        }
        if (!by_key(term, step, &term) && !(is_place && by_place(term, place, &term))) {
            return false;
        }
    }
    *ret_part = term;
    return true;
}

double
pool_number(struct str term, const char *path)
{
    struct str part, rest;
    struct etf_term head;
    double number;
    if (path == NULL || !pool_path(term, path, &part)) {
        return NAN;
    }
    rest = part;
    if (etf_number(&rest, &number)) {
        return number;
    }
    rest = part;
    if (!etf_next(&rest, &head)) {
        return NAN;
    }
    switch (head.type) {
    case ETF_ATOM:
        return str_is(head.text, "true") ? 1 : str_is(head.text, "false") ? 0 : (double)NAN;
    case ETF_NIL:
        return 0;
    case ETF_STRING:
        return (double)head.text.n;
    case ETF_LIST:
        return head.children > 0 ? (double)head.children - 1 : 0;
    default:
        return NAN;
    }
}

bool
pool_rows_begin(struct str term, const char *path, struct pool_rows *ret_rows)
{
    struct str part, rest;
    struct etf_term head;
    struct etf_list list;
    if (!pool_path(term, path, &part)) {
        return false;
    }
    rest = part;
    if (!etf_next(&rest, &head)) {
        return false;
    }
    if (head.type == ETF_MAP || head.type == ETF_TUPLE) {
        bool map = head.type == ETF_MAP;
        *ret_rows = (struct pool_rows){
            .rest = rest, .left = map ? head.children / 2 : head.children, .map = map};
        return true;
    }
    if (!etf_list(&part, &list) || list.bytes) {
        return false;
    }
    *ret_rows = (struct pool_rows){.rest = list.rest, .left = list.left};
    return true;
}

bool
pool_rows_next(struct pool_rows *rows, struct str *ret_key, struct str *ret_row)
{
    if (rows->left == 0) {
        return false;
    }
    rows->left--;
    *ret_key = (struct str){"", 0};
    return (!rows->map || etf_skip(&rows->rest, ret_key)) && etf_skip(&rows->rest, ret_row);
}
