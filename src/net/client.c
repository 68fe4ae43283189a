/* HTTP client: libcurl's multi interface, its sockets and its timer on a libuv loop.
 *
 * Invariant: curl is called into from one place at a time. While `inside` is above 0 a callback of
 * ours or of curl's is running: what is sent then waits in the list, what is cancelled or freed
 * then is marked, and leave() does it all when the outermost callback has returned. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client_parts.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/net/loop.h"

enum {
    CALLS_MAX = 64,
    IDLE_CONNECTIONS_MAX = 16,
    REFUSAL_BYTES_MAX = 4 << 10, /* of the body of a stream that was refused */
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

/* The end of a call: tells its owner, unless it was cancelled. */
static void
finish(struct http_call *call, CURLcode code)
{
    char why[WHY_BYTES] = "";
    long status = 0;
    struct http_client *client = call->client;
    client->curl.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && !call->stopped) {
        client_say_failure(call, code, why);
    } else if (status >= 300 && status < 400 && status != 304) {
        client_say_redirect(call, why);
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

static CURL *
easy_new(struct http_call *call)
{
    const struct curl_library *curl = &call->client->curl;
    CURL *easy = curl->easy_init();
    if (easy == NULL) {
        return NULL;
    }
    set_callbacks(call, easy);
    client_set_request(call, easy);
    client_set_credentials(call->client, easy);
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
    if (!client_write_request(call, request)) {
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

struct http_client *
http_client_new(struct uv_loop_s *loop, const struct url *origin,
                const struct http_credentials *credentials, char *why, size_t why_size)
{
    static const struct http_credentials none = {0};
    const struct http_credentials *given = credentials != NULL ? credentials : &none;
    if (!client_judge_credentials(given, why, why_size)) {
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
