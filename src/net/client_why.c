/* What went wrong with a call, as one sentence. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client_parts.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

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

void
client_say_failure(const struct http_call *call, CURLcode code, char *why)
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

void
client_say_redirect(const struct http_call *call, char *why)
{
    char *where = NULL, text[256];
    call->client->curl.easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &where);
    utf8_clean(str_from(where != NULL ? where : ""), text, sizeof(text));
    snprintf(why, WHY_BYTES, "%s points to %s, which is not followed: give that URL",
             call->client->name, text[0] != '\0' ? text : "nowhere");
}
