/* Erlang's external term format (erl_ext_dist, version 131), as nodes send it to each other.
 *
 * The reader walks a text that somebody else owns and that nobody vouches for. It never looks past
 * the end, never recurses, and takes no memory: a claimed length that is longer than what is left
 * is no term. All readers take from the front of `rest` and leave it untouched on failure. */
#ifndef FLAMETOP_SOURCES_ETF_H
#define FLAMETOP_SOURCES_ETF_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"

enum etf_type {
    ETF_INTEGER,
    ETF_BIG, /* an integer beyond 64 bits: real holds it as near as it can */
    ETF_REAL,
    ETF_ATOM,   /* text */
    ETF_BINARY, /* text */
    ETF_STRING, /* a list of bytes: text */
    ETF_NIL,
    ETF_TUPLE, /* children */
    ETF_LIST,  /* children: the elements and the tail */
    ETF_MAP,   /* children: keys and values in turn */
    ETF_PID,
    ETF_PORT,
    ETF_REFERENCE,
    ETF_FUN, /* children: module, name and arity of an external one, none of another */
};

struct etf_term {
    enum etf_type type;
    uint32_t children;         /* terms that follow and belong to it */
    int64_t integer;           /* ETF_INTEGER; of a pid, port or reference its number */
    uint32_t serial, creation; /* of a pid */
    double real;               /* of any number */
    struct str text;           /* of atom, binary and string; of a pid, port, reference the node */
};

/* The next term without its children, which follow in `rest`. */
bool etf_next(struct str *rest, struct etf_term *ret_term);

/* One whole term, children and all; ret_whole may be NULL. */
bool etf_skip(struct str *rest, struct str *ret_whole);

/* Terms of one kind. A tuple's elements follow; `arity` must be as told. */
bool etf_tuple(struct str *rest, uint32_t arity);
bool etf_integer(struct str *rest, int64_t *ret_value);
bool etf_number(struct str *rest, double *ret_value);
bool etf_atom(struct str *rest, struct str *ret_text);
bool etf_is_atom(struct str term, const char *text);

/* A list in any of the forms it is sent in (proper, empty, bytes); its elements one by one. */
struct etf_list {
    struct str rest; /* of the elements */
    uint32_t left;
    bool bytes;
};

/* Takes the whole list, its tail as well. */
bool etf_list(struct str *rest, struct etf_list *ret_list);

/* The next element's bytes; false at the end, and for lists of bytes (etf_list_integer). */
bool etf_list_next(struct etf_list *list, struct str *ret_term);
bool etf_list_integer(struct etf_list *list, int64_t *ret_value);

/* The value of an atom in a list of pairs or a map; false when it is not there. */
bool etf_get(struct str term, const char *key, struct str *ret_value);

/* The text of an atom, binary, or list of characters (up to U+10FFFF): UTF-8, cleaned. False for
 * any other term. */
bool etf_text(struct str term, char *dst, size_t size);

/* A term as Erlang writes it, cleaned and cut to size; atoms of Elixir modules as Elixir does.
 * Deeper than 12 levels "..." stands. Answers dst. */
char *etf_print(struct str term, char *dst, size_t size);

/* ---- writing ---- */

struct etf_pid {
    const char *node;
    uint32_t id, serial, creation;
};

void etf_put_atom(struct buf *out, const char *text);
void etf_put_integer(struct buf *out, int64_t value);
void etf_put_binary(struct buf *out, struct str text);
void etf_put_string(struct buf *out, struct str text); /* a list of bytes, at most 65,535 */
void etf_put_pid(struct buf *out, const struct etf_pid *pid);
void etf_put_tuple(struct buf *out, unsigned arity); /* at most 255; the elements follow */
void etf_put_list(struct buf *out, uint32_t count);  /* elements follow, then etf_put_nil */
void etf_put_nil(struct buf *out);

#endif
