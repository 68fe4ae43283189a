/* HTTP client: libcurl's multi interface on a libuv loop. libcurl is opened at first use (dlopen);
 * only src/net/client*.c know it.
 *
 * Everything runs on the loop's thread; callbacks come from inside uv_run only, never from inside
 * http_send. Redirects are not followed: the answer is an error that names where it pointed.
 * Credentials go to the origin they were given for and nowhere else. */
#ifndef FLAMETOP_NET_CLIENT_H
#define FLAMETOP_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"
#include "flametop/net/url.h"

struct uv_loop_s;

/* Texts are copied. NULL: not given. Secrets are wiped when freed and never logged. */
struct http_credentials {
    const char *token;           /* Authorization: Bearer */
    const char *user, *password; /* Basic; user alone: password from netrc */
    bool netrc;                  /* look in ~/.netrc */
    const char *headers;         /* more header lines, separated by LF ("X-Scope-OrgID: a") */
    const char *ca_file, *cert_file, *key_file;
    bool insecure; /* do not verify the server (shown red) */
};

struct http_client;

/* For one origin. NULL and a sentence when libcurl is not there. */
struct http_client *http_client_new(struct uv_loop_s *loop, const struct url *origin,
                                    const struct http_credentials *credentials, char *why,
                                    size_t why_size);

/* Ends what is under way without calling back. The loop must turn once more, to close handles. */
void http_client_free(struct http_client *client);

struct http_answer {
    int status;            /* 0: there was none, or not a whole one, see why */
    const char *why;       /* one sentence of what went wrong ("refused the connection"), or "" */
    const char *type;      /* Content-Type, "" when none */
    const char *realm;     /* of WWW-Authenticate, "" when none */
    const char *server;    /* Server: "nginx/1.22.1", "" when it does not say */
    struct str body;       /* whole, decompressed; of streams only a refusal's first 4 KiB */
    int64_t duration_ns;   /* from request to end */
    int64_t first_byte_ns; /* from request to the first byte of the answer */
};

struct http_request {
    const char *path;   /* with its query */
    const char *accept; /* NULL: anything */
    const char *post;   /* a body makes it POST, of content_type; NULL: GET */
    size_t post_size;
    const char *content_type;
    const char *token;  /* instead of the credentials' (the second token); NULL: theirs */
    int64_t timeout_ns; /* of the whole; for a stream: of silence */
    size_t body_max;    /* after decompression; more is an error ("answered more than 64 KiB") */
    void *context;
    /* A stream: bytes as they come, decompressed; false ends it. NULL: the body is collected. When
     * the status is not 2xx there are none. */
    bool (*bytes)(void *context, const void *bytes, size_t n);
    /* Exactly once, last, unless cancelled. The answer is valid during the call. */
    void (*done)(void *context, const struct http_answer *answer);
};

struct http_call;

/* `path` begins with '/'. NULL when it does not, or out of memory. At most 64 at once on one
 * client; more wait their turn. */
struct http_call *http_send(struct http_client *client, const struct http_request *request);

/* Without calling back. NULL is allowed. */
void http_cancel(struct http_call *call);

/* Bytes received, headers included, as they were on the wire. */
uint64_t http_client_received(const struct http_client *client);

#endif
