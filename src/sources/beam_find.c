/* What there is to attach: the names of targets, the nodes that an epmd knows, and the VMs of this
 * machine. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beam_local.h"
#include "cookie.h"
#include "epmd.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/sources/beam.h"
#include "flametop/sources/users.h"
#include "target_words.h"

#define SCHEME "beam://"
#define PATIENCE_NS (3 * NS_PER_S)
#define PLACES_MAX 8

/* ---- names ---- */

static bool
is_name(struct str text, const char *others)
{
    return text.n < BEAM_NAME_BYTES && target_is_of(text, others);
}

/* As target_split, with the number of the port; 0: without. */
static bool
split_port(struct str *host, unsigned *ret_port)
{
    struct str digits;
    uint64_t port = 0;
    bool split = target_split(host, &digits);
    bool given = split && digits.n > 0;
    if (!split ||
        (given && (!str_u64(&digits, &port) || digits.n > 0 || port == 0 || port > 65535))) {
        return false;
    }
    *ret_port = (unsigned)port;
    return true;
}

bool
beam_address_parse(const char *target, struct beam_address *ret_address, char *why, size_t why_size)
{
    struct str text = str_from(target), name = {"", 0};
    struct beam_address address = {.port = 0};
    char shown[200];
    bool scheme = str_starts(text, SCHEME);
    if (scheme) {
        text = (struct str){text.p + strlen(SCHEME), text.n - strlen(SCHEME)};
    }
    if (text.n > 0 && text.p[text.n - 1] == '/') {
        text.n--;
    }
    const char *at = memchr(text.p, '@', text.n);
    if (at != NULL) {
        name = (struct str){text.p, (size_t)(at - text.p)};
        text = (struct str){at + 1, text.n - name.n - 1};
    }
    if (memchr(name.p, ':', name.n) != NULL) {
        snprintf(why, why_size,
                 "a cookie in a target would be seen by everybody who lists processes: put it into "
                 "~/.erlang.cookie, or give its file with --cookie-file");
        return false;
    }
    utf8_clean(str_from(target), shown, sizeof(shown));
    if (!split_port(&text, &address.port)) {
        snprintf(why, why_size, "%s: a port is a number from 1 to 65535", shown);
        return false;
    }
    if ((at != NULL && !is_name(name, "_-.+")) ||
        ((at != NULL || text.n > 0) && !is_name(text, "._-:%")) || (!scheme && at == NULL) ||
        (address.port != 0 && text.n == 0)) {
        snprintf(why, why_size,
                 "%s: write beam://NAME@HOST, beam://NAME@HOST:PORT without epmd, beam://HOST for "
                 "its nodes, or beam:// for those of this machine",
                 shown);
        return false;
    }
    str_copy(name, address.name, sizeof(address.name));
    str_copy(text, address.host, sizeof(address.host));
    *ret_address = address;
    return true;
}

/* ---- cookies ---- */

bool
beam_has_cookie(const struct beam_options *options, char *why, size_t why_size)
{
    struct cookie cookie;
    struct cookie_setup setup = {
        .file = options->cookie_file,
        .given = options->cookie,
        .proc = options->roots.proc,
        .pid =
            options->roots.proc != NULL
                ? beam_local_pid(options->roots.proc, options->address.name, options->address.port)
                : 0};
    bool has = cookie_find(&setup, &cookie, why, why_size) == 0;
    cookie_forget(&cookie);
    return has;
}

/* ---- what there is ---- */

static int
list_nodes(const char *host, const struct beam_options *options, struct epmd_node *nodes, char *why,
           size_t why_size)
{
    int64_t patience_ns = options->patience_ns > 0 ? options->patience_ns : PATIENCE_NS;
    struct epmd_place places[PLACES_MAX];
    char said[200];
    const char *name = host[0] != '\0' ? host : "localhost";
    size_t count = epmd_resolve(name, places, PLACES_MAX, said, sizeof(said));
    int found = -EHOSTUNREACH;
    if (count == 0) {
        snprintf(why, why_size, "there is no host called %s (%s)", name, said);
        return 0;
    }
    for (size_t i = 0; i < count && found < 0 && found != -ETIMEDOUT; i++) {
        found = epmd_list(&places[i], patience_ns, nodes, EPMD_NODES_MAX);
    }
    if (found == -ECONNREFUSED) {
        snprintf(why, why_size, "no epmd on %s (port %u): no node with a name runs there", name,
                 epmd_port());
    } else if (found < 0) {
        snprintf(why, why_size, "epmd on %s (port %u): %s", name, epmd_port(),
                 found == -ETIMEDOUT
                     ? "no answer: a firewall may be in between, or the host is gone"
                 : found == -EPROTO ? "what answers there is no epmd"
                                    : strerror(-found));
    } else if (found == 0) {
        snprintf(why, why_size, "epmd on %s knows no node", name);
    }
    return MAX(found, 0);
}

static void
name_user(struct beam_found *found, unsigned uid)
{
    struct arena arena;
    struct users *users = users_new(USERS_FILE);
    if (users != NULL) {
        arena_init(&arena, 4096);
        const char *name = users_name(users, uid, &arena, 1);
        str_copy(str_from(name != NULL ? name : ""), found->user, sizeof(found->user));
        arena_done(&arena);
        users_free(users);
    }
}

/* Where its cookie is, or why there is none. */
static void
find_cookie(struct beam_found *found, const struct beam_options *options)
{
    struct cookie cookie;
    char why[400];
    struct cookie_setup setup = {.file = options->cookie_file,
                                 .given = options->cookie,
                                 .proc = options->roots.proc,
                                 .pid = found->pid};
    if (cookie_find(&setup, &cookie, why, sizeof(why)) == 0) {
        str_copy(str_from(cookie.from), found->cookie, sizeof(found->cookie));
    } else {
        str_copy(str_from(why), found->why, sizeof(found->why));
    }
    cookie_forget(&cookie);
}

/* A VM of this machine: its name with the host it gives itself. */
static void
describe(const struct beam_vm *vm, const char *own, const struct beam_options *options,
         struct beam_found *ret)
{
    *ret = (struct beam_found){.port = vm->port, .pid = vm->pid};
    name_user(ret, vm->uid);
    str_copy(str_from(vm->name), ret->name, sizeof(ret->name));
    str_copy(str_from(vm->host[0] != '\0' ? vm->host : own), ret->host, sizeof(ret->host));
    if (vm->name[0] == '\0') {
        snprintf(ret->why, sizeof(ret->why),
                 "it has no name: start it with -sname NAME, or give it one with "
                 "net_kernel:start([NAME, shortnames])");
    } else if (!vm->told) {
        snprintf(ret->why, sizeof(ret->why),
                 "epmd does not know it: it is starting, or runs without epmd; then give its port, "
                 "beam://%s@%s:PORT",
                 ret->name, ret->host);
    } else {
        find_cookie(ret, options);
    }
}

static size_t
find_here(const struct beam_options *options, struct beam_found *ret_found, size_t max, char *why,
          size_t why_size)
{
    struct epmd_node *nodes = calloc(EPMD_NODES_MAX, sizeof(*nodes));
    struct beam_vm *vms = calloc(BEAM_VMS_MAX, sizeof(*vms));
    char own[BEAM_NAME_BYTES] = "localhost", ignored[300];
    size_t count = 0;
    gethostname(own, sizeof(own) - 1);
    own[strcspn(own, ".")] = '\0';
    if (nodes != NULL && vms != NULL) {
        int known = list_nodes("", options, nodes, ignored, sizeof(ignored));
        count =
            beam_local_scan(options->roots.proc, nodes, (size_t)known, vms, MIN(max, BEAM_VMS_MAX));
    }
    for (size_t i = 0; i < count; i++) {
        describe(&vms[i], own, options, &ret_found[i]);
    }
    if (count == 0) {
        snprintf(why, why_size, "no Erlang VM runs on this machine");
    }
    free(nodes);
    free(vms);
    return count;
}

static size_t
find_there(const char *host, const struct beam_options *options, struct beam_found *ret_found,
           size_t max, char *why, size_t why_size)
{
    struct epmd_node *nodes = calloc(EPMD_NODES_MAX, sizeof(*nodes));
    int known = nodes != NULL ? list_nodes(host, options, nodes, why, why_size) : 0;
    size_t count = MIN((size_t)known, max);
    for (size_t i = 0; i < count; i++) {
        ret_found[i] = (struct beam_found){.port = nodes[i].port};
        str_copy(str_from(nodes[i].name), ret_found[i].name, sizeof(ret_found[i].name));
        str_copy(str_from(host), ret_found[i].host, sizeof(ret_found[i].host));
    }
    free(nodes);
    return count;
}

size_t
beam_find(const char *host, const struct beam_options *options, struct beam_found *ret_found,
          size_t max, char *why, size_t why_size)
{
    return host[0] == '\0' ? find_here(options, ret_found, max, why, why_size)
                           : find_there(host, options, ret_found, max, why, why_size);
}
