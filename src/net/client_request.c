/* A request as it is sent: URL, header lines and body, whom it trusts and who it says it is. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "client_parts.h"
#include "flametop/base/macros.h"

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

bool
client_write_request(struct http_call *call, const struct http_request *request)
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

static bool
is_loopback(const struct url *url)
{
    return url->scheme == URL_UNIX || strncmp(url->host, "127.", 4) == 0 ||
           strcmp(url->host, "::1") == 0 || strcasecmp(url->host, "localhost") == 0;
}

void
client_set_request(struct http_call *call, CURL *easy)
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

void
client_set_credentials(const struct http_client *client, CURL *easy)
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

bool
client_judge_credentials(const struct http_credentials *credentials, char *why, size_t why_size)
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
