/* Secrets in what arrives: they are gone before anything is kept. */
#ifndef FLAMETOP_TRACE_REDACT_H
#define FLAMETOP_TRACE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"

#define REDACTED "[redacted]"

/* Whether a key names a secret: authorization, cookie, password, secret, token, api key and the
 * like as words of it, however they are joined. Counts of tokens are none. */
bool redact_names_secret(struct str key);

/* Whether a text may hold secrets inside (a quick look); then redact_text writes it without them:
 * user information and query parameters of URLs, members of JSON, KEY=VALUE, headers ("Cookie: a=1;
 * b=2"), Bearer and Basic credentials and JSON web tokens wherever they stand. A '?' in the place
 * of a value stays. Answers the bytes written, whole characters and at most size - 1, and whether
 * any were found. */
bool redact_may_hold_secret(struct str text);
size_t redact_text(struct str text, char *dst, size_t size, bool *ret_found);

#endif
