/* URLs of targets (RFC 3986, as far as they name an HTTP server). */
#include "flametop/net/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool
refuse(char *why, size_t why_size, const char *what)
{
    snprintf(why, why_size, "%s", what);
    return false;
}

static bool
is_name(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == '_';
        if (!right) {
            return false;
        }
    }
    return text.n > 0;
}

static bool
is_address6(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("0123456789abcdefABCDEF:.", text.p[i]) == NULL) {
            return false;
        }
    }
    return text.n > 1;
}

/* Cuts `rest` at the first of the bytes, which stays in `rest`. */
static struct str
cut_at(struct str *rest, const char *bytes)
{
    size_t n = 0;
    while (n < rest->n && strchr(bytes, rest->p[n]) == NULL) {
        n++;
    }
    struct str part = {rest->p, n};
    *rest = (struct str){rest->p + n, rest->n - n};
    return part;
}

static bool
parse_scheme(struct str *rest, struct url *url, char *why, size_t why_size)
{
    static const struct {
        const char *prefix;
        enum url_scheme scheme;
    } schemes[] = {{"http://", URL_HTTP}, {"https://", URL_HTTPS}, {"unix:", URL_UNIX}};
    struct str text = *rest;
    struct str kind = {text.p, 0};
    size_t plus = 0;
    while (plus < text.n && text.p[plus] != '+' && text.p[plus] != ':') {
        plus++;
    }
    if (plus < text.n && text.p[plus] == '+') {
        kind.n = plus;
        text = (struct str){text.p + plus + 1, text.n - plus - 1};
        if (!is_name(kind) || kind.n >= sizeof(url->kind)) {
            return refuse(why, why_size,
                          "what stands before + must be the name of a kind of "
                          "server, as in prometheus+http://HOST:PORT");
        }
    }
    str_copy(kind, url->kind, sizeof(url->kind));
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (str_starts(text, schemes[i].prefix)) {
            size_t n = strlen(schemes[i].prefix);
            url->scheme = schemes[i].scheme;
            *rest = (struct str){text.p + n, text.n - n};
            return true;
        }
    }
    if (memmem(text.p, text.n, "://", 3) != NULL) {
        return refuse(why, why_size,
                      "the schemes are http://, https://, ssh://, beam:// and unix:");
    }
    url->scheme = URL_HTTP;
    *rest = text;
    return true;
}

static bool
parse_user(struct str *authority, struct url *url, char *why, size_t why_size)
{
    const char *at = memrchr(authority->p, '@', authority->n);
    if (at == NULL) {
        return true;
    }
    struct str user = {authority->p, (size_t)(at - authority->p)};
    if (memchr(user.p, ':', user.n) != NULL) {
        return refuse(why, why_size,
                      "a password in a URL would be seen by everybody who lists processes: put it "
                      "into ~/.netrc");
    }
    if (!is_name(user) || user.n >= sizeof(url->user)) {
        return refuse(why, why_size, "what stands before @ is no user name");
    }
    str_copy(user, url->user, sizeof(url->user));
    *authority = (struct str){at + 1, authority->n - user.n - 1};
    return true;
}

static bool
parse_port(struct str text, struct url *url, char *why, size_t why_size)
{
    uint64_t port;
    struct str rest = text;
    if (!str_u64(&rest, &port) || rest.n > 0 || port == 0 || port > 65535) {
        return refuse(why, why_size, "a port is a number from 1 to 65535");
    }
    url->port = (unsigned)port;
    return true;
}

static bool
parse_host(struct str authority, struct url *url, char *why, size_t why_size)
{
    struct str host = authority;
    bool bracketed = str_starts(authority, "[");
    if (bracketed) {
        host = (struct str){authority.p + 1, authority.n - 1};
        authority = host;
        host = cut_at(&authority, "]");
        if (authority.n == 0) {
            return refuse(why, why_size, "the ] that ends an IPv6 address is missing");
        }
        authority = (struct str){authority.p + (authority.n > 0), authority.n - (authority.n > 0)};
    } else {
        host = cut_at(&authority, ":");
    }
    if (bracketed ? !is_address6(host) : !is_name(host)) {
        return refuse(why, why_size, "there is no host name in it");
    }
    if (host.n >= sizeof(url->host)) {
        return refuse(why, why_size, "the host name is too long");
    }
    str_copy(host, url->host, sizeof(url->host));
    if (authority.n == 0) {
        return true;
    }
    if (authority.p[0] != ':') {
        return refuse(why, why_size, "only :PORT may follow the host name");
    }
    return parse_port((struct str){authority.p + 1, authority.n - 1}, url, why, why_size);
}

bool
url_parse(struct str text, struct url *ret_url, char *why, size_t why_size)
{
    struct url url = {0};
    struct str rest = text;
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f) {
            return refuse(why, why_size, "a URL holds no blanks");
        }
    }
    if (!parse_scheme(&rest, &url, why, why_size)) {
        return false;
    }
    if (url.scheme != URL_UNIX) {
        struct str authority = cut_at(&rest, "/?#");
        if (!parse_user(&authority, &url, why, why_size) ||
            !parse_host(authority, &url, why, why_size)) {
            return false;
        }
        rest = cut_at(&rest, "#");
    } else if (rest.n == 0) {
        return refuse(why, why_size, "the path of a socket follows unix:");
    }
    if (rest.n >= sizeof(url.path)) {
        return refuse(why, why_size, "the path is too long");
    }
    str_copy(rest, url.path, sizeof(url.path));
    *ret_url = url;
    return true;
}

void
url_write(const struct url *url, const char *path, struct buf *out)
{
    if (url->scheme == URL_UNIX) {
        buf_printf(out, "http://localhost%s", path);
        return;
    }
    bool six = strchr(url->host, ':') != NULL;
    buf_printf(out, "%s://%s%s%s", url->scheme == URL_HTTPS ? "https" : "http", six ? "[" : "",
               url->host, six ? "]" : "");
    if (url->port != 0) {
        buf_printf(out, ":%u", url->port);
    }
    buf_puts(out, path);
}

static unsigned
port_of(const struct url *url)
{
    return url->port != 0 ? url->port : url->scheme == URL_HTTPS ? 443 : 80;
}

bool
url_same_origin(const struct url *a, const struct url *b)
{
    if (a->scheme != b->scheme) {
        return false;
    }
    return a->scheme == URL_UNIX ? strcmp(a->path, b->path) == 0
                                 : strcasecmp(a->host, b->host) == 0 && port_of(a) == port_of(b);
}

void
url_escape(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (is_name((struct str){text.p + i, 1}) || c == '~') {
            buf_putc(out, (char)c);
        } else {
            buf_printf(out, "%%%02X", c);
        }
    }
}
