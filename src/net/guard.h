/* What a request must show before it is answered, and how its text is decoded. Pure. */
#ifndef FLAMETOP_NET_GUARD_H
#define FLAMETOP_NET_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"

/* Names that may stand in Host and Origin besides the address itself. */
struct guard_names {
    const char *const *names;
    size_t count;
};

/* Whether "NAME[:PORT]" of a Host header names us: the address the connection came in by, one of
 * the names, or, when that address is a loopback one, "localhost" and any loopback address. A page
 * whose name was made to resolve to us (DNS rebinding) has none of these. */
bool guard_host(struct str authority, const char *address, struct guard_names names);

/* Whether an Origin header belongs to our own pages (`authority` is what Host said, empty when it
 * was not judged) or to one of the names. "null" does not. */
bool guard_origin(struct str origin, struct str authority, struct guard_names names);

/* Whether an Origin header is that of a page of this machine, whatever its port. */
bool guard_origin_is_here(struct str origin);

/* 127.0.0.0/8, ::1 and the mapped forms. */
bool guard_is_loopback(struct str address);

/* The secret of an Authorization header: after "Bearer ", or the password of "Basic ". False when
 * it holds none. `dst` takes the decoded one. */
bool guard_secret(struct str header, struct buf *dst);

/* Takes as long for a right text as for a wrong one of the same length. NULL equals nothing. */
bool guard_equal(const char *secret, struct str given);

/* Percent-decodes onto `out`. False on a bad escape, a control character or NUL. `plus`: '+' is a
 * blank. */
bool guard_decode(struct str text, bool plus, struct buf *out);

/* A decoded path that begins with '/' and has no "." or ".." in it. */
bool guard_path(struct str path);

#endif
