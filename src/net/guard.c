#include "guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* The name of "NAME[:PORT]" or "[ADDRESS][:PORT]"; false when it is neither. */
static bool
authority_name(struct str authority, struct str *ret_name)
{
    struct str name = authority, port;
    if (name.n > 0 && name.p[0] == '[') {
        const char *end = memchr(name.p, ']', name.n);
        if (end == NULL) {
            return false;
        }
        name = (struct str){name.p + 1, (size_t)(end - name.p) - 1};
        port = (struct str){end + 1, authority.n - name.n - 2};
    } else {
        const char *colon = memchr(name.p, ':', name.n);
        name.n = colon != NULL ? (size_t)(colon - name.p) : name.n;
        port = (struct str){authority.p + name.n, authority.n - name.n};
    }
    if (name.n == 0 || (port.n > 0 && (port.p[0] != ':' || port.n > 6))) {
        return false;
    }
    for (size_t i = 1; i < port.n; i++) {
        if (port.p[i] < '0' || port.p[i] > '9') {
            return false;
        }
    }
    *ret_name = name;
    return true;
}

static bool
same_name(struct str a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/* The bytes of an address: 4, 16, or 0 when it is none. Mapped IPv4 is IPv4. */
static size_t
address_bytes(struct str text, unsigned char dst[16])
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char copy[INET6_ADDRSTRLEN];
    if (text.n >= sizeof(copy)) {
        return 0;
    }
    str_copy(text, copy, sizeof(copy));
    if (inet_pton(AF_INET, copy, dst) == 1) {
        return 4;
    }
    if (inet_pton(AF_INET6, copy, dst) != 1) {
        return 0;
    }
    if (memcmp(dst, mapped, sizeof(mapped)) == 0) {
        memmove(dst, dst + sizeof(mapped), 4);
        return 4;
    }
    return 16;
}

bool
guard_is_loopback(struct str address)
{
    static const unsigned char one[16] = {[15] = 1};
    unsigned char bytes[16];
    size_t n = address_bytes(address, bytes);
    return n == 4 ? bytes[0] == 127 : n == 16 && memcmp(bytes, one, sizeof(one)) == 0;
}

static bool
is_named(struct str name, struct guard_names names)
{
    for (size_t i = 0; i < names.count; i++) {
        if (same_name(name, names.names[i])) {
            return true;
        }
    }
    return false;
}

bool
guard_host(struct str authority, const char *address, struct guard_names names)
{
    struct str name,
        local = {address, strcspn(address, "%")}; /* without the zone of fe80::1%eth0 */
    unsigned char a[16], b[16];
    if (!authority_name(authority, &name)) {
        return false;
    }
    if (guard_is_loopback(local) && (same_name(name, "localhost") || guard_is_loopback(name))) {
        return true;
    }
    size_t n = address_bytes(name, a);
    return (n > 0 && n == address_bytes(local, b) && memcmp(a, b, n) == 0) || is_named(name, names);
}

/* What follows the scheme; false when there is none of ours. */
static bool
origin_authority(struct str origin, struct str *ret_authority)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        if (str_starts(origin, schemes[i])) {
            size_t n = strlen(schemes[i]);
            *ret_authority = (struct str){origin.p + n, origin.n - n};
            return true;
        }
    }
    return false;
}

bool
guard_origin(struct str origin, struct str authority, struct guard_names names)
{
    struct str rest, name;
    if (!origin_authority(origin, &rest)) {
        return false;
    }
    if (rest.n > 0 && rest.n == authority.n && strncasecmp(rest.p, authority.p, rest.n) == 0) {
        return true;
    }
    return authority_name(rest, &name) && is_named(name, names);
}

bool
guard_origin_is_here(struct str origin)
{
    struct str rest, name;
    return origin_authority(origin, &rest) && authority_name(rest, &name) &&
           (same_name(name, "localhost") || guard_is_loopback(name));
}

static int
base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static bool
base64_decode(struct str text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned n = 0;
    while (text.n > 0 && text.p[text.n - 1] == '=') {
        text.n--;
    }
    for (size_t i = 0; i < text.n; i++) {
        int digit = base64_digit(text.p[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        n += 6;
        if (n >= 8) {
            n -= 8;
            buf_putc(out, (char)(bits >> n & 0xff));
        }
    }
    return !out->full;
}

bool
guard_secret(struct str header, struct buf *dst)
{
    buf_clear(dst);
    if (header.n > 7 && strncasecmp(header.p, "Bearer ", 7) == 0) {
        struct str secret = str_trim((struct str){header.p + 7, header.n - 7});
        buf_add(dst, secret.p, secret.n);
        return secret.n > 0 && !dst->full;
    }
    if (header.n > 6 && strncasecmp(header.p, "Basic ", 6) == 0 &&
        base64_decode(str_trim((struct str){header.p + 6, header.n - 6}), dst)) {
        const char *colon = dst->n > 0 ? memchr(dst->data, ':', dst->n) : NULL;
        if (colon != NULL) {
            dst->n -= (size_t)(colon + 1 - dst->data);
            memmove(dst->data, colon + 1, dst->n);
            return dst->n > 0;
        }
    }
    return false;
}

bool
guard_equal(const char *secret, struct str given)
{
    if (secret == NULL || secret[0] == '\0') {
        return false;
    }
    size_t n = strlen(secret);
    volatile unsigned char different = n != given.n;
    for (size_t i = 0; i < given.n; i++) {
        different |= (unsigned char)(given.p[i] ^ secret[i % n]);
    }
    return different == 0;
}

bool
guard_decode(struct str text, bool plus, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? str_hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? str_hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (unsigned char)(high << 4 | low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (c < ' ' || c == 0x7f) {
            return false;
        }
        buf_putc(out, (char)c);
    }
    return !out->full;
}

bool
guard_path(struct str path)
{
    struct str part;
    if (path.n == 0 || path.p[0] != '/') {
        return false;
    }
    while (str_until(&path, '/', &part)) {
        if (str_is(part, ".") || str_is(part, "..")) {
            return false;
        }
    }
    return true;
}
