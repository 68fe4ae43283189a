/* A URL of a target: [KIND+]http(s)://[USER@]HOST[:PORT][/PATH][?QUERY] or unix:PATH.
 *
 * KIND names the adapter to use without probing (prometheus+http://...). A password in a URL is
 * refused: it would stand in argv and in logs. IPv6 addresses stand in brackets. */
#ifndef FLAMETOP_NET_URL_H
#define FLAMETOP_NET_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"

enum url_scheme { URL_HTTP, URL_HTTPS, URL_UNIX };

#define URL_HOST_BYTES 256
#define URL_PATH_BYTES 1024

struct url {
    enum url_scheme scheme;
    char kind[24];             /* "" when not given */
    char user[64];             /* "" when not given */
    char host[URL_HOST_BYTES]; /* without brackets; "" for unix */
    unsigned port;             /* 0: not given */
    char path[URL_PATH_BYTES]; /* "/..." with the query, "" when not given; the socket's for unix */
};

/* False, and a sentence in why, when the text is no URL that we speak. "HOST:PORT" is http. */
bool url_parse(struct str text, struct url *ret_url, char *why, size_t why_size);

/* Writes the URL of another path on the same origin: "http://web-01:7711/api/v1/hello". With
 * URL_UNIX the origin is "http://localhost". The user is never written. */
void url_write(const struct url *url, const char *path, struct buf *out);

/* Same scheme, host (ASCII case ignored) and port: credentials may go there. */
bool url_same_origin(const struct url *a, const struct url *b);

/* Appends a text percent-encoded for use in a query. */
void url_escape(struct str text, struct buf *out);

#endif
