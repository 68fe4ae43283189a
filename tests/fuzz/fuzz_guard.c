/* What a request must show: Host, Origin, Authorization, and its target. The first byte chooses. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "../../src/net/guard.h"
#include "flametop/base/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"box.example"};

/* What is let in is ours: judged here by other means than there. */
static void
try_host(struct str text)
{
    struct guard_names ours = {names, ARRAY_SIZE(names)};
    if (guard_host(text, "192.0.2.1", ours)) {
        bool named = text.n >= 11 && strncasecmp(text.p, "box.example", 11) == 0 &&
                     (text.n == 11 || text.p[11] == ':');
        bool addressed = memmem(text.p, text.n, "192.0.2.1", 9) != NULL ||
                         (text.p[0] == '[' && memchr(text.p, ']', text.n) != NULL);
        assert(named || addressed);
    }
    if (guard_host(text, "127.0.0.1", (struct guard_names){NULL, 0})) {
        assert(text.p[0] == '[' || text.p[0] == ':' || strncmp(text.p, "127.", 4) == 0 ||
               strncasecmp(text.p, "localhost", 9) == 0);
    }
}

static void
try_origin(struct str text)
{
    if (guard_origin(text, STR("box.example:7711"), (struct guard_names){names, 1})) {
        assert(str_starts(text, "http://box.example") || str_starts(text, "https://box.example") ||
               strncasecmp(memchr(text.p, '/', text.n), "//box.example", 13) == 0);
    }
    assert(!guard_origin(STR("null"), text, (struct guard_names){NULL, 0}));
}

static void
try_secret(struct str text)
{
    struct buf secret;
    buf_init(&secret, 4096);
    if (guard_secret(text, &secret)) {
        assert(secret.n > 0 && secret.n < text.n);
        assert(
            !guard_equal("another secret, not to be guessed", (struct str){secret.data, secret.n}));
    }
    buf_done(&secret);
}

static void
try_target(struct str text)
{
    struct buf out;
    buf_init(&out, 65536);
    if (guard_decode(text, false, &out) && out.n > 0) {
        struct str path = {out.data, out.n};
        assert(out.n <= text.n);
        for (size_t i = 0; i < out.n; i++) {
            assert((unsigned char)out.data[i] >= ' ' && out.data[i] != 0x7f);
        }
        if (guard_path(path)) {
            assert(path.p[0] == '/' && memmem(path.p, path.n, "/../", 4) == NULL);
            assert(!str_ends(path, "/.."));
        }
    }
    buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct str) = {try_host, try_origin, try_secret, try_target};
    if (size > 1) {
        tries[data[0] % 4]((struct str){(const char *)data + 1, size - 1});
    }
    return 0;
}
