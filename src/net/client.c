/* HTTP client: libcurl's multi interface, its sockets and its timer on a libuv loop.
 *
 * Invariant: curl is called into from one place at a time. While `inside` is above 0 a callback of
 * ours or of curl's is running: what is sent then waits in the list, what is cancelled or freed
 * then is marked, and leave() does it all when the outermost callback has returned. */
#define CURL_DISABLE_TYPECHECK
#include "flametop/net/client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <uv.h>

#include "flametop/base/arena.h"
#include "flametop/base/buf.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/net/loop.h"

enum {
    CALLS_MAX = 64,
    IDLE_CONNECTIONS_MAX = 16,
    HEADER_LINES_MAX = 24,
    HEADER_BYTES_MAX = 64 << 10, /* received with one answer */
    REQUEST_BYTES_MAX = 64 << 10,
    REFUSAL_BYTES_MAX = 4 << 10, /* of the body of a stream that was refused */
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

static bool
library_open(struct curl_library *curl, char *why, size_t why_size)
{
    const struct {
        const char *name;
        void *at;
    } symbols[] = {
        {"curl_global_init", &curl->global_init},
        {"curl_easy_init", &curl->easy_init},
        {"curl_easy_cleanup", &curl->easy_cleanup},
        {"curl_easy_setopt", &curl->easy_setopt},
        {"curl_easy_getinfo", &curl->easy_getinfo},
        {"curl_multi_init", &curl->multi_init},
        {"curl_multi_cleanup", &curl->multi_cleanup},
        {"curl_multi_setopt", &curl->multi_setopt},
        {"curl_multi_add_handle", &curl->multi_add_handle},
        {"curl_multi_remove_handle", &curl->multi_remove_handle},
        {"curl_multi_socket_action", &curl->multi_socket_action},
        {"curl_multi_assign", &curl->multi_assign},
        {"curl_multi_info_read", &curl->multi_info_read},
    };
    /* Never unloaded: the TLS library below it has handlers that run at exit. */
    curl->handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (curl->handle == NULL) {
        snprintf(why, why_size, "libcurl is not installed: apt install libcurl4");
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
        void *symbol = dlsym(curl->handle, symbols[i].name);
        if (symbol == NULL) {
            snprintf(why, why_size, "libcurl lacks %s: a newer one is needed", symbols[i].name);
            dlclose(curl->handle);
            return false;
        }
        memcpy(symbols[i].at, &symbol, sizeof(symbol));
    }
    if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        snprintf(why, why_size, "libcurl could not be started");
        dlclose(curl->handle);
        return false;
    }
    return true;
}

static void
free_call(uv_handle_t *deadline)
{
    struct http_call *call = deadline->data;
    if (call->text.data != NULL) {
        explicit_bzero(call->text.data, call->text.capacity);
    }
    buf_done(&call->text);
    buf_done(&call->body);
    free(call);
}

static uint64_t
received_by(const struct http_call *call)
{
    curl_off_t body = 0;
    if (call->easy != NULL) {
        call->client->curl.easy_getinfo(call->easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
    }
    return (uint64_t)MAX(body, 0) + call->header_bytes;
}

/* Takes the call out of everything; its memory goes when the loop has closed the timer. */
static void
end_call(struct http_call *call)
{
    struct http_client *client = call->client;
    if (call->easy != NULL) {
        client->received += received_by(call);
        client->curl.multi_remove_handle(client->multi, call->easy);
        client->curl.easy_cleanup(call->easy);
    }
    if (call->active) {
        TAILQ_REMOVE(&client->active, call, link);
        client->active_count--;
    } else {
        TAILQ_REMOVE(&client->waiting, call, link);
    }
    uv_close((uv_handle_t *)&call->deadline, free_call);
}

/* Sentences. */

static void
say_unconnected(const struct http_client *client, int error, char *why)
{
    const char *name = client->name;
    bool local = client->origin.scheme == URL_UNIX;
    if (error == ECONNREFUSED) {
        snprintf(why, WHY_BYTES, local ? "nothing listens at %s" : "%s refused the connection",
                 name);
    } else if (local && error == ENOENT) {
        snprintf(why, WHY_BYTES, "there is no socket %s", name);
    } else if (local && error == EACCES) {
        snprintf(why, WHY_BYTES, "this user may not open %s", name);
    } else if (error == ENETUNREACH || error == EHOSTUNREACH) {
        snprintf(why, WHY_BYTES, "there is no way to %s from here", name);
    } else if (error != 0) {
        snprintf(why, WHY_BYTES, "no connection to %s: %s", name, strerror(error));
    } else {
        snprintf(why, WHY_BYTES, "no connection to %s", name);
    }
}

static void
say_untrusted(const struct http_call *call, char *why)
{
    const struct http_client *client = call->client;
    bool other_name = strcasestr(call->curl_why, "subject name") != NULL ||
                      strcasestr(call->curl_why, "does not match") != NULL;
    if (other_name) {
        snprintf(why, WHY_BYTES, "the certificate of %s is for another name", client->name);
    } else if (strcasestr(call->curl_why, "expired") != NULL) {
        snprintf(why, WHY_BYTES, "the certificate of %s has expired", client->name);
    } else {
        snprintf(why, WHY_BYTES, "the certificate of %s is not trusted: give --cacert FILE",
                 client->name);
    }
}

static void
say_late(const struct http_call *call, char *why)
{
    const char *form = call->first_byte_ns == 0 ? "%s gave no answer within %g s"
                       : call->bytes != NULL    ? "%s has been silent for %g s"
                                                : "%s did not finish its answer within %g s";
    snprintf(why, WHY_BYTES, form, call->client->name, (double)call->timeout_ns / (double)NS_PER_S);
}

static const char *
common_form(CURLcode code)
{
    static const struct {
        CURLcode code;
        const char *form;
    } forms[] = {
        {CURLE_GOT_NOTHING, "%s closed the connection without an answer"},
        {CURLE_PARTIAL_FILE, "%s cut its answer in the middle"},
        {CURLE_RECV_ERROR, "%s cut the connection"},
        {CURLE_SEND_ERROR, "%s cut the connection"},
        {CURLE_HTTP2, "%s broke off the connection"},
        {CURLE_HTTP2_STREAM, "%s broke off its answer"},
        {CURLE_BAD_CONTENT_ENCODING, "the compression of what %s answered is damaged"},
        {CURLE_UNSUPPORTED_PROTOCOL, "%s does not speak HTTP"},
        {CURLE_WEIRD_SERVER_REPLY, "%s does not speak HTTP"},
        {CURLE_SSL_CONNECT_ERROR, "no TLS with %s: does it speak https?"},
        {CURLE_SSL_CERTPROBLEM, "the file given with --cert cannot be used for %s"},
        {CURLE_SSL_CACERT_BADFILE,
         "no certificates to verify %s with: look at --cacert, or install ca-certificates"},
        {CURLE_OUT_OF_MEMORY, "out of memory while asking %s"},
        {CURLE_COULDNT_RESOLVE_PROXY, "the proxy to %s is not known: look at http_proxy"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (forms[i].code == code) {
            return forms[i].form;
        }
    }
    return NULL;
}

static void
say_too_much(const struct http_call *call, char *why)
{
    size_t kib = call->too_long ? call->body_max >> 10 : HEADER_BYTES_MAX >> 10;
    snprintf(why, WHY_BYTES, "%s answered more than %zu %s%s", call->client->name,
             kib > 0 ? kib : call->body_max, kib > 0 ? "KiB" : "bytes",
             call->too_long ? "" : " of headers");
}

static void
say_failure(const struct http_call *call, CURLcode code, char *why)
{
    const struct http_client *client = call->client;
    const char *form = common_form(code);
    long error = 0;
    client->curl.easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &error);
    if (call->too_long || call->too_many_headers) {
        say_too_much(call, why);
    } else if (code == CURLE_COULDNT_RESOLVE_HOST) {
        snprintf(why, WHY_BYTES, "no such host %s", client->origin.host);
    } else if (code == CURLE_COULDNT_CONNECT) {
        say_unconnected(client, (int)error, why);
    } else if (code == CURLE_PEER_FAILED_VERIFICATION) {
        say_untrusted(call, why);
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        say_late(call, why);
    } else if (form != NULL) {
        snprintf(why, WHY_BYTES, form, client->name);
    } else {
        char said[160];
        utf8_clean(str_from(call->curl_why), said, sizeof(said));
        snprintf(why, WHY_BYTES, "%s: %s", client->name, said[0] != '\0' ? said : "failed");
    }
}

static void
say_redirect(const struct http_call *call, char *why)
{
    char *where = NULL, text[256];
    call->client->curl.easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &where);
    utf8_clean(str_from(where != NULL ? where : ""), text, sizeof(text));
    snprintf(why, WHY_BYTES, "%s points to %s, which is not followed: give that URL",
             call->client->name, text[0] != '\0' ? text : "nowhere");
}

/* The end of a call: tells its owner, unless it was cancelled. */
static void
finish(struct http_call *call, CURLcode code)
{
    char why[WHY_BYTES] = "";
    long status = 0;
    struct http_client *client = call->client;
    client->curl.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && !call->stopped) {
        say_failure(call, code, why);
    } else if (status >= 300 && status < 400 && status != 304) {
        say_redirect(call, why);
    }
    bool answered = code == CURLE_OK || call->stopped || (call->bytes != NULL && status != 0);
    int64_t now = clock_mono_ns();
    struct http_answer answer = {
        .status = answered ? (int)status : 0,
        .why = why,
        .type = call->type,
        .realm = call->realm,
        .server = call->server,
        .body = {call->body.data != NULL ? call->body.data : "", call->body.n},
        .duration_ns = now - call->sent_ns,
        .first_byte_ns = (call->first_byte_ns != 0 ? call->first_byte_ns : now) - call->sent_ns,
    };
    if (!call->cancelled) {
        call->cancelled = true; /* the owner has no business with it any more */
        call->done(call->context, &answer);
    }
    end_call(call);
}

/* Callbacks of curl. */

/* The value of a header line by its name; p NULL when it is another one. */
static struct str
header_value(struct str line, const char *name)
{
    size_t n = strlen(name);
    if (line.n <= n || line.p[n] != ':' || strncasecmp(line.p, name, n) != 0) {
        return (struct str){NULL, 0};
    }
    return str_trim((struct str){line.p + n + 1, line.n - n - 1});
}

static void
take_realm(struct http_call *call, struct str value)
{
    static const char key[] = "realm=\"";
    const char *at = memmem(value.p, value.n, key, sizeof(key) - 1);
    if (at != NULL) {
        at += sizeof(key) - 1;
        struct str rest = {at, (size_t)(value.p + value.n - at)};
        struct str realm;
        if (str_until(&rest, '"', &realm)) {
            utf8_clean(realm, call->realm, sizeof(call->realm));
        }
    }
}

static size_t
on_header(char *bytes, size_t size, size_t n, void *context)
{
    struct http_call *call = context;
    struct str line = {bytes, size * n};
    call->header_bytes += line.n;
    if (call->first_byte_ns == 0) {
        call->first_byte_ns = clock_mono_ns();
    }
    if (call->header_bytes > HEADER_BYTES_MAX) {
        call->too_many_headers = true;
        return 0;
    }
    struct str value = header_value(line, "WWW-Authenticate");
    if (value.p != NULL) {
        take_realm(call, value);
    }
    value = header_value(line, "Content-Type");
    if (value.p != NULL) {
        utf8_clean(value, call->type, sizeof(call->type));
    }
    value = header_value(line, "Server");
    if (value.p != NULL) {
        utf8_clean(value, call->server, sizeof(call->server));
    }
    return line.n;
}

static void on_deadline(uv_timer_t *timer);

static void
start_deadline(struct http_call *call)
{
    uint64_t ms = (uint64_t)((call->timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
    uv_timer_start(&call->deadline, on_deadline, ms, 0);
}

static bool
collect(struct http_call *call, const char *bytes, size_t n, size_t max)
{
    if (n > max - call->body.n) {
        return false;
    }
    buf_add(&call->body, bytes, n);
    return !call->body.full;
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_call *call = context;
    size_t n = size * count;
    long status = 0;
    if (call->cancelled) {
        return 0;
    }
    if (call->bytes == NULL) {
        call->too_long = !collect(call, bytes, n, call->body_max);
        return call->too_long ? 0 : n;
    }
    start_deadline(call);
    call->client->curl.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status >= 300) {
        call->stopped = !collect(call, bytes, n, REFUSAL_BYTES_MAX);
    } else {
        call->stopped = !call->bytes(call->context, bytes, n);
    }
    return call->stopped ? 0 : n;
}

static void enter(struct http_client *client);
static void leave(struct http_client *client);

static void
act(struct http_client *client, curl_socket_t socket, int events)
{
    int running;
    enter(client);
    client->curl.multi_socket_action(client->multi, socket, events, &running);
    leave(client);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    uv_os_fd_t fd;
    int curl_events = status < 0 ? CURL_CSELECT_ERR : 0;
    curl_events |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    curl_events |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    if (uv_fileno((uv_handle_t *)poll, &fd) == 0) {
        act(poll->data, fd, curl_events);
    }
}

static void
on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_deadline(uv_timer_t *timer)
{
    struct http_call *call = timer->data;
    struct http_client *client = call->client;
    enter(client);
    finish(call, call->broken ? CURLE_OUT_OF_MEMORY : CURLE_OPERATION_TIMEDOUT);
    leave(client);
}

static uv_poll_t *
poll_new(struct http_client *client, curl_socket_t fd)
{
    uv_poll_t *poll = calloc(1, sizeof(*poll));
    if (poll == NULL || uv_poll_init(client->loop, poll, fd) != 0) {
        free(poll);
        return NULL;
    }
    poll->data = client;
    client->curl.multi_assign(client->multi, fd, poll);
    return poll;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    struct http_client *client = context;
    uv_poll_t *poll = socket_context;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (poll != NULL) {
            client->curl.multi_assign(client->multi, fd, NULL);
            loop_close(poll);
        }
        return 0;
    }
    if (poll == NULL) {
        poll = poll_new(client, fd);
    }
    int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    return poll != NULL && uv_poll_start(poll, events, on_poll) == 0 ? 0 : -1;
}

static int
on_timer_wanted(CURLM *multi, long timeout_ms, void *context)
{
    struct http_client *client = context;
    (void)multi;
    if (timeout_ms < 0) {
        return uv_timer_stop(client->timer);
    }
    return uv_timer_start(client->timer, on_timer, (uint64_t)timeout_ms, 0);
}

/* Starting calls. */

static bool
is_loopback(const struct url *url)
{
    return url->scheme == URL_UNIX || strncmp(url->host, "127.", 4) == 0 ||
           strcmp(url->host, "::1") == 0 || strcasecmp(url->host, "localhost") == 0;
}

static void
set_credentials(const struct http_client *client, CURL *easy)
{
    const struct curl_library *curl = &client->curl;
    const struct http_credentials *credentials = &client->credentials;
    bool local = client->origin.scheme == URL_UNIX;
    if (credentials->ca_file != NULL) { /* NULL would mean that nobody is trusted */
        curl->easy_setopt(easy, CURLOPT_CAINFO, credentials->ca_file);
    }
    curl->easy_setopt(easy, CURLOPT_SSLCERT, credentials->cert_file);
    curl->easy_setopt(easy, CURLOPT_SSLKEY, credentials->key_file);
    curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, credentials->insecure ? 0L : 1L);
    curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, credentials->insecure ? 0L : 2L);
    if (local || credentials->token != NULL) {
        return;
    }
    const char *user = credentials->user;
    curl->easy_setopt(easy, CURLOPT_USERNAME, user);
    curl->easy_setopt(easy, CURLOPT_PASSWORD, credentials->password);
    if (credentials->netrc || (user != NULL && credentials->password == NULL)) {
        curl->easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    }
}

static void
set_callbacks(struct http_call *call, CURL *easy)
{
    const struct curl_library *curl = &call->client->curl;
    curl->easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_why);
}

static void
set_request(struct http_call *call, CURL *easy)
{
    const struct http_client *client = call->client;
    const struct curl_library *curl = &client->curl;
    for (size_t i = 0; i < call->line_count; i++) {
        call->lines[i].data = call->text.data + call->line_at[i];
        call->lines[i].next = i + 1 < call->line_count ? &call->lines[i + 1] : NULL;
    }
    curl->easy_setopt(easy, CURLOPT_URL, call->text.data);
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, call->lines);
    if (call->posts) {
        curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->post_size);
        curl->easy_setopt(easy, CURLOPT_POSTFIELDS, call->text.data + call->post_at);
    }
    if (client->origin.scheme == URL_UNIX) {
        curl->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->origin.path);
    }
    if (is_loopback(&client->origin)) {
        curl->easy_setopt(easy, CURLOPT_PROXY, "");
    }
}

static CURL *
easy_new(struct http_call *call)
{
    const struct curl_library *curl = &call->client->curl;
    CURL *easy = curl->easy_init();
    if (easy == NULL) {
        return NULL;
    }
    set_callbacks(call, easy);
    set_request(call, easy);
    set_credentials(call->client, easy);
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl->easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a mute DNS must not hold the loop */
    curl->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    return easy;
}

static void
start(struct http_call *call)
{
    struct http_client *client = call->client;
    CURL *easy = easy_new(call);
    TAILQ_REMOVE(&client->waiting, call, link);
    TAILQ_INSERT_TAIL(&client->active, call, link);
    client->active_count++;
    call->active = true;
    call->easy = easy;
    call->broken = easy == NULL || client->curl.multi_add_handle(client->multi, easy) != CURLM_OK;
    call->timeout_ns = call->broken ? 0 : call->timeout_ns;
    uv_update_time(client->loop);
    start_deadline(call);
}

static void
start_waiting(struct http_client *client)
{
    while (client->active_count < CALLS_MAX && !TAILQ_EMPTY(&client->waiting)) {
        start(TAILQ_FIRST(&client->waiting));
    }
}

static void
drop_list(struct call_list *list, bool all)
{
    struct http_call *next;
    for (struct http_call *call = TAILQ_FIRST(list); call != NULL; call = next) {
        next = TAILQ_NEXT(call, link);
        if (all || call->cancelled) {
            end_call(call);
        }
    }
}

static void
client_destroy(struct http_client *client)
{
    drop_list(&client->active, true);
    drop_list(&client->waiting, true);
    if (client->multi != NULL) {
        client->curl.multi_cleanup(client->multi);
    }
    loop_close(client->timer);
    arena_wipe(&client->secrets);
    arena_done(&client->secrets);
    dlclose(client->curl.handle);
    free(client);
}

static void
enter(struct http_client *client)
{
    client->inside++;
}

static void
leave(struct http_client *client)
{
    int left;
    CURLMsg *message;
    while (client->inside == 1 && !client->freed &&
           (message = client->curl.multi_info_read(client->multi, &left)) != NULL) {
        struct http_call *call = NULL;
        CURLcode code = message->data.result;
        client->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        if (message->msg == CURLMSG_DONE && call != NULL) {
            finish(call, code);
        }
    }
    if (--client->inside > 0) {
        return;
    }
    if (client->freed) {
        client_destroy(client);
        return;
    }
    drop_list(&client->active, false);
    drop_list(&client->waiting, false);
    start_waiting(client);
}

/* Making a call. */

/* A header line must not bring others along. */
static bool
is_header_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static void
add_line(struct http_call *call, const char *format, const char *value)
{
    if (call->line_count < HEADER_LINES_MAX) {
        call->line_at[call->line_count++] = call->text.n;
        buf_printf(&call->text, format, value);
        buf_putc(&call->text, '\0');
    }
}

static void
add_lines(struct http_call *call, const struct http_request *request)
{
    const struct http_credentials *credentials = &call->client->credentials;
    const char *token = request->token != NULL ? request->token : credentials->token;
    add_line(call, "User-Agent: flametop/%s", FLAMETOP_VERSION);
    add_line(call, "Accept: %s", request->accept != NULL ? request->accept : "*/*");
    if (token != NULL && is_header_text(token)) {
        add_line(call, "Authorization: Bearer %s", token);
    }
    if (request->post != NULL) {
        add_line(call, "Content-Type: %s",
                 request->content_type != NULL ? request->content_type : "application/json");
        add_line(call, "%s", "Expect:"); /* no waiting for 100 Continue */
    }
    struct str rest = str_from(credentials->headers != NULL ? credentials->headers : "");
    for (struct str line; str_line(&rest, &line);) {
        char text[2048];
        str_copy(str_trim(line), text, sizeof(text));
        if (text[0] != '\0') {
            add_line(call, "%s", text);
        }
    }
}

static bool
write_request(struct http_call *call, const struct http_request *request)
{
    buf_init(&call->text, REQUEST_BYTES_MAX + request->post_size);
    url_write(&call->client->origin, request->path, &call->text);
    buf_putc(&call->text, '\0');
    add_lines(call, request);
    call->posts = request->post != NULL;
    call->post_at = call->text.n;
    call->post_size = request->post_size;
    if (call->posts) {
        buf_add(&call->text, request->post, request->post_size);
        buf_putc(&call->text, '\0');
    }
    return !call->text.full && request->path[0] == '/';
}

struct http_call *
http_send(struct http_client *client, const struct http_request *request)
{
    struct http_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->client = client;
    call->context = request->context;
    call->bytes = request->bytes;
    call->done = request->done;
    call->timeout_ns = MAX(request->timeout_ns, NS_PER_MS);
    call->sent_ns = clock_mono_ns();
    call->body_max = request->body_max;
    buf_init(&call->body, MAX(call->body_max, (size_t)REFUSAL_BYTES_MAX) + 1);
    if (!write_request(call, request)) {
        buf_done(&call->text);
        buf_done(&call->body);
        free(call);
        return NULL;
    }
    uv_timer_init(client->loop, &call->deadline);
    call->deadline.data = call;
    TAILQ_INSERT_TAIL(&client->waiting, call, link);
    if (client->inside == 0) {
        start_waiting(client);
    }
    return call;
}

void
http_cancel(struct http_call *call)
{
    if (call == NULL) {
        return;
    }
    struct http_client *client = call->client;
    call->cancelled = true;
    if (client->inside == 0) {
        end_call(call);
        start_waiting(client);
    }
}

/* The client. */

static const char *
copy_secret(struct http_client *client, const char *text)
{
    return text != NULL ? arena_text(&client->secrets, text, strlen(text)) : NULL;
}

static void
copy_credentials(struct http_client *client, const struct http_credentials *from)
{
    client->credentials = (struct http_credentials){
        .token = copy_secret(client, from->token),
        .user = copy_secret(client, from->user),
        .password = copy_secret(client, from->password),
        .netrc = from->netrc,
        .headers = copy_secret(client, from->headers),
        .ca_file = copy_secret(client, from->ca_file),
        .cert_file = copy_secret(client, from->cert_file),
        .key_file = copy_secret(client, from->key_file),
        .insecure = from->insecure,
    };
    if (client->credentials.user == NULL && client->origin.user[0] != '\0') {
        client->credentials.user = copy_secret(client, client->origin.user);
    }
}

static void
name_origin(struct http_client *client)
{
    const struct url *url = &client->origin;
    if (url->scheme == URL_UNIX) {
        utf8_clean(str_from(url->path), client->name, sizeof(client->name));
    } else if (url->port != 0) {
        snprintf(client->name, sizeof(client->name),
                 strchr(url->host, ':') != NULL ? "[%s]:%u" : "%s:%u", url->host, url->port);
    } else {
        str_copy(str_from(url->host), client->name, sizeof(client->name));
    }
}

static bool
open_multi(struct http_client *client)
{
    const struct curl_library *curl = &client->curl;
    client->multi = curl->multi_init();
    if (client->multi == NULL) {
        return false;
    }
    curl->multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl->multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl->multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl->multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl->multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    return true;
}

static bool
judge_credentials(const struct http_credentials *credentials, char *why, size_t why_size)
{
    const struct {
        const char *what, *text;
    } texts[] = {
        {"token", credentials->token},
        {"user name", credentials->user},
        {"password", credentials->password},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i].text != NULL && !is_header_text(texts[i].text)) {
            snprintf(why, why_size, "the %s holds bytes that cannot be sent", texts[i].what);
            return false;
        }
    }
    return true;
}

struct http_client *
http_client_new(struct uv_loop_s *loop, const struct url *origin,
                const struct http_credentials *credentials, char *why, size_t why_size)
{
    static const struct http_credentials none = {0};
    const struct http_credentials *given = credentials != NULL ? credentials : &none;
    if (!judge_credentials(given, why, why_size)) {
        return NULL;
    }
    struct http_client *client = calloc(1, sizeof(*client));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    snprintf(why, why_size, "out of memory");
    if (client == NULL || timer == NULL || !library_open(&client->curl, why, why_size)) {
        free(timer);
        free(client);
        return NULL;
    }
    uv_timer_init(loop, timer);
    timer->data = client;
    client->timer = timer;
    client->loop = loop;
    client->origin = *origin;
    TAILQ_INIT(&client->waiting);
    TAILQ_INIT(&client->active);
    arena_init(&client->secrets, 256 << 10);
    copy_credentials(client, given);
    name_origin(client);
    if (client->secrets.full || !open_multi(client)) {
        client_destroy(client);
        return NULL;
    }
    return client;
}

void
http_client_free(struct http_client *client)
{
    if (client == NULL) {
        return;
    }
    client->freed = true;
    struct http_call *call;
    TAILQ_FOREACH(call, &client->active, link)
    {
        call->cancelled = true;
    }
    if (client->inside == 0) {
        client_destroy(client);
    }
}

uint64_t
http_client_received(const struct http_client *client)
{
    uint64_t sum = client->received;
    const struct http_call *call;
    TAILQ_FOREACH(call, &client->active, link)
    {
        sum += received_by(call);
    }
    return sum;
}
