/* Inside of the HTTP client. */
#ifndef FLAMETOP_NET_CLIENT_PARTS_H
#define FLAMETOP_NET_CLIENT_PARTS_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <sys/queue.h>
#include <uv.h>

#include "flametop/base/arena.h"
#include "flametop/base/buf.h"
#include "flametop/net/client.h"

enum {
    HEADER_LINES_MAX = 24,
    HEADER_BYTES_MAX = 64 << 10, /* received with one answer */
    REQUEST_BYTES_MAX = 64 << 10,
    WHY_BYTES = 400,
};

/* What of libcurl is used. The names are those of its functions without "curl_". */
struct curl_library {
    void *handle;
    CURLcode (*global_init)(long);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_cleanup)(CURLM *);
    CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
    CURLMcode (*multi_add_handle)(CURLM *, CURL *);
    CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
    CURLMcode (*multi_socket_action)(CURLM *, curl_socket_t, int, int *);
    CURLMcode (*multi_assign)(CURLM *, curl_socket_t, void *);
    CURLMsg *(*multi_info_read)(CURLM *, int *);
};

struct http_call {
    TAILQ_ENTRY(http_call) link; /* in waiting or in active */
    struct http_client *client;
    CURL *easy; /* NULL: waits its turn, or broken */
    uv_timer_t deadline;
    bool active; /* in that list */
    bool broken; /* could not be started; the deadline tells, for http_send must not call back */
    bool cancelled, stopped, too_long, too_many_headers;

    void *context;
    bool (*bytes)(void *context, const void *bytes, size_t n);
    void (*done)(void *context, const struct http_answer *answer);
    int64_t timeout_ns, sent_ns, first_byte_ns;
    size_t body_max;

    struct buf text; /* the URL, header lines and body sent, each ended by NUL */
    size_t post_at, post_size;
    bool posts;
    struct curl_slist lines[HEADER_LINES_MAX];
    size_t line_at[HEADER_LINES_MAX], line_count;

    struct buf body;
    size_t header_bytes;
    char realm[96], type[96], server[64];
    char curl_why[CURL_ERROR_SIZE];
};

TAILQ_HEAD(call_list, http_call);

struct http_client {
    struct curl_library curl;
    uv_loop_t *loop;
    uv_timer_t *timer;
    CURLM *multi;
    struct url origin;
    struct http_credentials credentials; /* texts in secrets */
    struct arena secrets;
    char name[URL_HOST_BYTES + 16]; /* "web-01:7711", or the socket's path, for sentences */
    struct call_list waiting, active;
    size_t active_count;
    unsigned inside;
    bool freed;
    uint64_t received; /* by calls that have ended */
};

/* Why a call failed, or that its answer is a redirect: a sentence of WHY_BYTES at most. */
void client_say_failure(const struct http_call *call, CURLcode code, char *why);
void client_say_redirect(const struct http_call *call, char *why);

/* Writes what is sent; false when it is too much, or its path none. */
bool client_write_request(struct http_call *call, const struct http_request *request);

/* Hands that, and who may be trusted with it, to curl. */
void client_set_request(struct http_call *call, CURL *easy);
void client_set_credentials(const struct http_client *client, CURL *easy);

/* False with a sentence when they cannot be sent. */
bool client_judge_credentials(const struct http_credentials *credentials, char *why,
                              size_t why_size);

#endif
