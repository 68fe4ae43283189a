/* A request and its answer, as libmicrohttpd tells of them.
 *
 * It calls back for each request twice or more: with the raw target, with the header (judged there;
 * a reply at that moment would close the connection, so only refusals that want this are given),
 * then with portions of the body, last with none, when it is answered. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/json.h"
#include "flametop/base/log.h"
#include "inflate.h"
#include "peer.h"
#include "server_parts.h"

/* --- The texts of a request ------------------------------------------------------------------ */

const char *
http_argument(const struct http_message *message, const char *name)
{
    const struct http_exchange *exchange = message->exchange;
    for (size_t i = 0; i < exchange->argument_count; i++) {
        if (strcmp(exchange->arguments[i].name, name) == 0) {
            return exchange->arguments[i].value;
        }
    }
    return NULL;
}

const char *
http_argument_name(const struct http_message *message, size_t i)
{
    const struct http_exchange *exchange = message->exchange;
    return i < exchange->argument_count ? exchange->arguments[i].name : NULL;
}

static const char *
header_of(const struct http_exchange *exchange, const char *name)
{
    return exchange_mhd(exchange)->lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

static struct str
header_text(const struct http_exchange *exchange, const char *name)
{
    const char *value = header_of(exchange, name);
    return value != NULL ? str_from(value) : (struct str){"", 0};
}

const char *
http_header(const struct http_message *message, const char *name)
{
    return header_of(message->exchange, name);
}

bool
http_is_own(const struct http_message *message)
{
    const char *site = http_header(message, "Sec-Fetch-Site");
    uid_t user;
    bool other_page = site != NULL && strcmp(site, "none") != 0 && strcmp(site, "same-origin") != 0;
    return !other_page && peer_user(message->exchange->connection->fd, &user) &&
           (user == 0 || user == geteuid());
}

/* Decodes onto exchange->text; the offset of the text, or SIZE_MAX. */
static size_t
decode_onto(struct http_exchange *exchange, struct str raw, bool plus)
{
    size_t at = exchange->text.n;
    if (!guard_decode(raw, plus, &exchange->text)) {
        return SIZE_MAX;
    }
    buf_putc(&exchange->text, '\0');
    return exchange->text.full ? SIZE_MAX : at;
}

static bool
parse_target(struct http_exchange *exchange, struct str target)
{
    size_t offsets[HTTP_ARGUMENTS_MAX][2], count = 0, path;
    struct str raw, part;
    /* What is decoded is never longer than what it was made from, with a NUL for each separator:
     * the text never moves. */
    if (buf_reserve(&exchange->text, target.n + 2 * HTTP_ARGUMENTS_MAX + 2) == NULL ||
        !str_until(&target, '?', &raw)) {
        return false;
    }
    path = decode_onto(exchange, raw, false);
    if (path == SIZE_MAX || !guard_path((struct str){exchange->text.data, exchange->text.n - 1})) {
        return false;
    }
    while (str_until(&target, '&', &part)) {
        struct str name = {"", 0};
        if (part.n == 0) {
            continue;
        }
        if (count == HTTP_ARGUMENTS_MAX || !str_until(&part, '=', &name)) {
            return false;
        }
        offsets[count][0] = decode_onto(exchange, name, true);
        offsets[count][1] = decode_onto(exchange, part, true);
        if (offsets[count][0] == SIZE_MAX || offsets[count][1] == SIZE_MAX) {
            return false;
        }
        count++;
    }
    exchange->path = exchange->text.data;
    for (size_t i = 0; i < count; i++) {
        exchange->arguments[i] = (struct argument){exchange->text.data + offsets[i][0],
                                                   exchange->text.data + offsets[i][1]};
    }
    exchange->argument_count = count;
    return true;
}

/* --- Answers --------------------------------------------------------------------------------- */

static void
add_header(const struct mhd *mhd, struct MHD_Response *response, const char *name,
           const char *value)
{
    if (mhd->add_response_header(response, name, value) == MHD_NO) {
        log_warning("http: the header %s cannot be added", name);
    }
}

void
exchange_add_headers(const struct http_exchange *exchange, struct MHD_Response *response,
                     const char *type, const char *const *headers)
{
    const struct mhd *mhd = exchange_mhd(exchange);
    if (type != NULL) {
        add_header(mhd, response, "Content-Type", type);
    }
    add_header(mhd, response, "Cache-Control", "no-store");
    add_header(mhd, response, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        char name[64];
        const char *colon = strstr(headers[i], ": ");
        if (colon != NULL && (size_t)(colon - headers[i]) < sizeof(name)) {
            str_copy((struct str){headers[i], (size_t)(colon - headers[i])}, name, sizeof(name));
            add_header(mhd, response, name, colon + 2);
        }
    }
}

void
exchange_wake(struct http_exchange *exchange)
{
    if (exchange->suspended) {
        exchange->suspended = false;
        exchange_mhd(exchange)->resume_connection(exchange->mhd);
        listener_kick(exchange->connection->listener);
    }
}

bool
exchange_answer(struct http_exchange *exchange, int status, struct MHD_Response *response)
{
    const struct mhd *mhd = exchange_mhd(exchange);
    if (exchange->suspended) { /* libmicrohttpd takes it in its next call */
        exchange->response = response;
        exchange->status = status;
        exchange->answered = true;
        exchange->gone = NULL; /* whatever becomes of the answer, who put it off has given it */
        exchange_wake(exchange);
        return true;
    }
    exchange->answered = mhd->queue_response(exchange->mhd, (unsigned)status, response) == MHD_YES;
    mhd->destroy_response(response); /* the connection holds it */
    return exchange->answered;
}

/* False: there is no response, and who made the body still owns it. */
static bool
reply_with(struct http_exchange *exchange, int status, const char *type, struct str body,
           const char *const *headers, enum MHD_ResponseMemoryMode mode)
{
    const struct mhd *mhd = exchange_mhd(exchange);
    struct MHD_Response *response =
        mhd->create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, mode);
    if (response == NULL) {
        exchange->gone = NULL; /* who put it off has done what it could */
        exchange_wake(exchange);
        return false;
    }
    exchange_add_headers(exchange, response, type, headers);
    if (exchange_answer(exchange, status, response)) {
        exchange_server(exchange)->counts.bytes_sent += body.n;
    }
    return true;
}

static void
reply(struct http_exchange *exchange, int status, const char *type, struct str body,
      const char *const *headers)
{
    reply_with(exchange, status, type, body, headers, MHD_RESPMEM_MUST_COPY);
}

static void
reply_sentence(struct http_exchange *exchange, int status, const char *sentence)
{
    static const char *const challenge[] = {
        "WWW-Authenticate: Bearer realm=\"flametop\"",
        "WWW-Authenticate: Basic realm=\"flametop\", charset=\"UTF-8\"", NULL};
    struct buf body;
    struct json json;
    buf_init(&body, 4096);
    json_init(&json, &body, false);
    json_object(&json);
    json_key(&json, "error");
    json_text(&json, sentence);
    json_object_end(&json);
    buf_putc(&body, '\n');
    reply(exchange, status, "application/json", (struct str){body.data, body.n},
          status == 401 ? challenge : NULL);
    buf_done(&body);
}

static struct http_message
message_of(struct http_exchange *exchange)
{
    bool head = strcmp(exchange->method, "HEAD") == 0; /* MHD leaves the body out */
    return (struct http_message){
        .method = head ? "GET" : exchange->method,
        .path = exchange->path != NULL ? exchange->path : "",
        .peer = exchange->connection->peer,
        .body = {exchange->body.data != NULL ? exchange->body.data : "", exchange->body.n},
        .right = exchange->right,
        .exchange = exchange,
    };
}

/* Answers with the refusal that was found. */
static enum MHD_Result
reply_refusal(struct http_exchange *exchange)
{
    const struct http_server_options *options = &exchange_server(exchange)->options;
    struct http_message message = message_of(exchange);
    if (options->refuse != NULL) {
        options->refuse(options->context, &message, exchange->status, exchange->why);
    }
    if (!exchange->answered) {
        reply_sentence(exchange, exchange->status, exchange->why);
    }
    return exchange->answered ? MHD_YES : MHD_NO;
}

void
http_reply(const struct http_message *message, int status, const char *type, struct str body,
           const char *const *headers)
{
    reply(message->exchange, status, type, body, headers);
}

void
http_reply_buf(const struct http_message *message, int status, const char *type, struct buf *body,
               const char *const *headers)
{
    struct str bytes = {body->data, body->n};
    if (reply_with(message->exchange, status, type, bytes, headers, MHD_RESPMEM_MUST_FREE)) {
        buf_init(body, 0); /* the response frees it */
    }
}

void
http_reply_error(const struct http_message *message, int status, const char *format, ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    reply_sentence(message->exchange, status, sentence);
}

/* --- Requests -------------------------------------------------------------------------------- */

static bool
refuse(struct http_exchange *exchange, int status, const char *why)
{
    exchange->status = status;
    exchange->why = why;
    return false;
}

static enum http_right
right_of(const struct http_exchange *exchange)
{
    const struct http_server_options *options = &exchange_server(exchange)->options;
    const char *header = header_of(exchange, "Authorization");
    struct buf secret;
    buf_init(&secret, HTTP_HEADER_BYTES_MAX);
    bool given = header != NULL && guard_secret(str_from(header), &secret);
    struct str text = {given ? secret.data : "", given ? secret.n : 0};
    bool change = guard_equal(options->change_token, text);
    bool read = guard_equal(options->token, text);
    buf_done(&secret);
    bool open = options->token == NULL || exchange->connection->listener->local;
    return change ? RIGHT_CHANGE : read || open ? RIGHT_READ : RIGHT_NONE;
}

static bool
judge_origin(struct http_exchange *exchange, const char *method, struct str host)
{
    const char *origin = header_of(exchange, "Origin");
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const struct http_server *server = exchange_server(exchange);
    if (origin == NULL || (reads && header_of(exchange, "Upgrade") == NULL)) {
        return true; /* what a page of others may ask for, it may not read: there is no CORS */
    }
    if (server->options.pages && guard_origin_is_here(str_from(origin))) {
        return true;
    }
    return guard_origin(str_from(origin), host, server->names) ||
           refuse(exchange, 403, "a page of another origin may not do this");
}

static bool
judge_coding(struct http_exchange *exchange)
{
    struct str coding = header_text(exchange, "Content-Encoding");
    if (coding.n == 0 || str_is(coding, "identity")) {
        return true;
    }
    if (!str_is(coding, "gzip") && !str_is(coding, "deflate")) {
        return refuse(exchange, 415, "the codings of a body are gzip and deflate");
    }
    exchange->inflater = inflater_new();
    return exchange->inflater != NULL || refuse(exchange, 503, "out of memory");
}

/* Host, Origin, sizes. False: refused. */
static bool
judge(struct http_exchange *exchange, const char *method)
{
    struct listener *listener = exchange->connection->listener;
    const union MHD_ConnectionInfo *info = exchange_mhd(exchange)->get_connection_info(
        exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct str host = header_text(exchange, "Host"),
               length = header_text(exchange, "Content-Length");
    uint64_t bytes = 0;
    if (info == NULL || info->header_size > HTTP_HEADER_BYTES_MAX) {
        return refuse(exchange, 431, "the header is larger than 8 KiB");
    }
    if (exchange->path == NULL) {
        return refuse(exchange, 400, "the path is not one that this server reads");
    }
    if (listener->local || listener->server->options.open) {
        host.n = listener->local ? 0 : host.n; /* no page of a browser gets here by a name */
    } else if (!guard_host(host, exchange->connection->address, listener->server->names)) {
        return refuse(exchange, 403,
                      "Host names another server: use the address, or start the agent with "
                      "--allow-host NAME");
    }
    if (str_u64(&length, &bytes) && bytes > listener->server->options.body_max) {
        return refuse(exchange, 413, "the body is too large");
    }
    return judge_origin(exchange, method, host) && judge_coding(exchange);
}

static bool
has_body(const struct http_exchange *exchange)
{
    struct str length = header_text(exchange, "Content-Length");
    uint64_t bytes = 0;
    return header_of(exchange, "Transfer-Encoding") != NULL ||
           (str_u64(&length, &bytes) && bytes > 0);
}

static enum MHD_Result
request_begin(struct http_exchange *exchange, const char *method)
{
    struct http_server *server = exchange_server(exchange);
    server->counts.requests++;
    buf_init(&exchange->body, server->options.body_max);
    exchange->right = right_of(exchange);
    if (!judge(exchange, method)) {
        server->counts.refused++;
        if (has_body(exchange)) { /* not to be read: a reply now closes the connection */
            return reply_refusal(exchange);
        }
    }
    return MHD_YES;
}

/* What all bodies hold together is bounded, too: each alone may be large. */
static void
count_body(struct http_exchange *exchange)
{
    struct http_server *server = exchange_server(exchange);
    size_t max = server->options.bodies_max;
    server->body_bytes += exchange->body.capacity - exchange->counted;
    exchange->counted = exchange->body.capacity;
    if (max > 0 && server->body_bytes > max && exchange->status == 0) {
        refuse(exchange, 503, "other bodies are being read: send it again in a moment");
        buf_done(&exchange->body);
        server->body_bytes -= exchange->counted;
        exchange->counted = 0;
    }
}

static void
request_body(struct http_exchange *exchange, const char *bytes, size_t n)
{
    size_t max = exchange_server(exchange)->options.body_max;
    exchange->received += n;
    if (exchange->received > max && exchange->inflater == NULL) {
        exchange->body.full = true;
    }
    if (exchange->received > 2 * max) {
        exchange->abandoned = true; /* chunks without end: no answer reaches who never listens */
    }
    if (exchange->status != 0) {
        return;
    }
    if (exchange->inflater == NULL) {
        buf_add(&exchange->body, bytes, n);
    } else if (!inflater_feed(exchange->inflater, bytes, n, &exchange->body)) {
        refuse(exchange, 400, "the body is not what Content-Encoding says");
    }
    if (exchange->body.full) {
        refuse(exchange, 413, "the body is too large");
    }
    count_body(exchange);
    exchange_server(exchange)->counts.refused += exchange->status != 0;
}

static enum MHD_Result
request_whole(struct http_exchange *exchange)
{
    struct http_server *server = exchange_server(exchange);
    exchange->connection->waiting = false;
    if (exchange->status == 0 && exchange->inflater != NULL &&
        !inflater_ended(exchange->inflater)) {
        refuse(exchange, 400, "the body ends too early");
    }
    if (exchange->status != 0) {
        return reply_refusal(exchange);
    }
    struct http_message message = message_of(exchange);
    server->options.handle(server->options.context, &message);
    if (exchange->deferred && !exchange->answered) {
        exchange->suspended = true;
        exchange_mhd(exchange)->suspend_connection(exchange->mhd);
        return MHD_YES;
    }
    if (!exchange->answered) {
        reply_sentence(exchange, 500, "there is no answer");
    }
    return exchange->answered ? MHD_YES : MHD_NO;
}

const struct http_message *
http_defer(const struct http_message *message, void *context, void (*gone)(void *context))
{
    struct http_exchange *exchange = message->exchange;
    exchange->deferred = true;
    exchange->later = *message;
    exchange->gone_context = context;
    exchange->gone = gone;
    return &exchange->later;
}

struct buf
http_take_body(const struct http_message *message)
{
    struct http_exchange *exchange = message->exchange;
    struct buf body = exchange->body;
    buf_init(&exchange->body, 0);
    return body;
}

static enum MHD_Result
answer_late(struct http_exchange *exchange)
{
    struct MHD_Response *response = exchange->response;
    exchange->response = NULL;
    return exchange_answer(exchange, exchange->status, response) ? MHD_YES : MHD_NO;
}

enum MHD_Result
exchange_on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                    const char *version, const char *bytes, size_t *n, void **ret_exchange)
{
    struct http_exchange *exchange = *ret_exchange;
    (void)context;
    (void)mhd;
    (void)url;
    (void)version;
    if (exchange == NULL || exchange_server(exchange)->stopping) {
        return MHD_NO;
    }
    exchange->method = method;
    if (!exchange->begun) {
        exchange->begun = true;
        return request_begin(exchange, method);
    }
    if (*n > 0) {
        request_body(exchange, bytes, *n);
        *n = 0;
        return exchange->abandoned ? MHD_NO : MHD_YES;
    }
    if (exchange->response != NULL) {
        return answer_late(exchange);
    }
    return exchange->answered ? MHD_YES : exchange->deferred ? MHD_NO : request_whole(exchange);
}

void
exchange_free(struct http_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    if (exchange->gone != NULL && !exchange->answered) {
        exchange->gone(exchange->gone_context);
    }
    if (exchange->response != NULL) {
        exchange_mhd(exchange)->destroy_response(exchange->response);
    }
    exchange_server(exchange)->body_bytes -= exchange->counted;
    exchange->connection->exchange = NULL;
    inflater_free(exchange->inflater);
    buf_done(&exchange->text);
    buf_done(&exchange->body);
    free(exchange);
}

/* The request line is there: the raw target, before MHD decodes it (it would stop at %00). */
void *
exchange_on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct listener *listener = context;
    const union MHD_ConnectionInfo *info =
        listener->server->mhd.get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL || info == NULL || info->socket_context == NULL) {
        free(exchange);
        return NULL;
    }
    exchange->connection = info->socket_context;
    exchange_free(exchange->connection->exchange);
    exchange->connection->exchange = exchange;
    exchange->mhd = mhd;
    buf_init(&exchange->text, (size_t)2 * HTTP_CONNECTION_BYTES);
    if (!parse_target(exchange, str_from(target))) {
        exchange->path = NULL;
    }
    return exchange;
}

void
exchange_on_completed(void *context, struct MHD_Connection *mhd, void **ret_exchange,
                      enum MHD_RequestTerminationCode code)
{
    struct http_exchange *exchange = *ret_exchange;
    (void)context;
    (void)mhd;
    (void)code;
    *ret_exchange = NULL;
    if (exchange == NULL) {
        return;
    }
    struct http_stream *stream = exchange->stream;
    exchange->connection->waiting = true;
    exchange->connection->since_ns = clock_mono_ns();
    if (stream != NULL) {
        stream_completed(stream);
    }
    exchange_free(exchange);
}
