/* Targets of the command line. */
#include "targets.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/nearest.h"
#include "flametop/net/url.h"
#include "flametop/sources/guess.h"
#include "flametop/sources/ssh.h"
#include "nodes.h"

#define SECRET_BYTES_MAX 4096
#define GROUP_DEPTH_MAX 4
#define USUAL_PORT ":7711"
#define AGENT_SOCKET_SYSTEM "/run/flametop/agent.sock"
#define HERE_PATIENCE_NS (100 * NS_PER_MS)

/* ---- braces ---- */

/* The body between braces is "01..40" or "a,b,c". */
static bool expand_body(struct str before, struct str body, struct str after, size_t max,
                        struct buf *out);

static bool
expand_range(struct str before, struct str body, struct str after, size_t max, struct buf *out,
             bool *ret_is_range)
{
    struct str rest = body, dots;
    uint64_t from, to;
    *ret_is_range = false;
    if (!str_u64(&rest, &from) || !str_starts(rest, "..")) {
        return true;
    }
    int width = rest.p - body.p > 1 && body.p[0] == '0' ? (int)(rest.p - body.p) : 0;
    dots = (struct str){rest.p + 2, rest.n - 2};
    if (!str_u64(&dots, &to) || dots.n > 0) {
        return true;
    }
    *ret_is_range = true;
    char number[24];
    if (to < from || to - from >= max || width >= (int)sizeof(number)) {
        return false;
    }
    for (uint64_t i = from; i <= to; i++) {
        snprintf(number, sizeof(number), "%0*llu", width, (unsigned long long)i);
        if (!expand_body(before, str_from(number), after, max, out)) {
            return false;
        }
    }
    return true;
}

/* One choice put between its neighbours, whose own braces are expanded then. */
static bool
expand_body(struct str before, struct str body, struct str after, size_t max, struct buf *out)
{
    char text[TARGET_NAME_BYTES];
    int n = snprintf(text, sizeof(text), "%.*s%.*s%.*s", (int)before.n, before.p, (int)body.n,
                     body.p, (int)after.n, after.p);
    return n > 0 && (size_t)n < sizeof(text) &&
           targets_expand((struct str){text, (size_t)n}, max, out);
}

static size_t
line_count(const struct buf *text)
{
    size_t count = 0;
    for (size_t i = 0; i < text->n; i++) {
        count += text->data[i] == '\n';
    }
    return count;
}

bool
targets_expand(struct str text, size_t max, struct buf *out)
{
    const char *open = memchr(text.p, '{', text.n);
    if (open == NULL) {
        buf_printf(out, "%.*s\n", (int)text.n, text.p);
        return !out->full && line_count(out) <= max;
    }
    size_t at = (size_t)(open - text.p) + 1;
    const char *close = memchr(text.p + at, '}', text.n - at);
    if (close == NULL) {
        return false;
    }
    struct str before = {text.p, at - 1}, body = {text.p + at, (size_t)(close - text.p) - at};
    struct str after = {close + 1, text.n - at - body.n - 1}, part;
    bool is_range;
    if (body.n == 0 || !expand_range(before, body, after, max, out, &is_range)) {
        return false;
    }
    while (!is_range && str_until(&body, ',', &part)) {
        if (!expand_body(before, part, after, max, out)) {
            return false;
        }
    }
    return true;
}

/* ---- secrets ---- */

/* The first line of a file that only its owner should read; NULL and a sentence when it cannot be.
 */
static char *
read_secret(const char *path, bool whole)
{
    char *text = NULL;
    struct stat info;
    ssize_t n = file_load(path, SECRET_BYTES_MAX, &text);
    if (n < 0) {
        cli_complain("%s: %s", path, strerror((int)-n));
        return NULL;
    }
    if (stat(path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        cli_complain("%s can be read by others: chmod 600 %s", path, path);
    }
    struct str secret = {text, (size_t)n}, line;
    if (!whole && str_line(&secret, &line)) {
        secret = line;
    }
    secret = str_trim(secret);
    memmove(text, secret.p, secret.n);
    text[secret.n] = 0;
    if (secret.n == 0) {
        cli_complain("%s is empty: write the token into it", path);
        free(text);
        return NULL;
    }
    return text;
}

/* From the option's file, else from the variable; a missing file is an error. */
static bool
load_secret(const struct cli *cli, const char *option, const char *variable, bool whole,
            char **ret_secret)
{
    const char *path = config_text(cli->config, option);
    char value[SECRET_BYTES_MAX] = "";
    if (variable != NULL) {
        cli_take_secret(variable, value, sizeof(value));
    }
    *ret_secret = path[0] != 0 ? read_secret(path, whole) : value[0] != 0 ? strdup(value) : NULL;
    explicit_bzero(value, sizeof(value));
    return path[0] == 0 || *ret_secret != NULL;
}

static void
free_secret(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

/* ---- one word ---- */

static const char *
option_text(const struct cli *cli, const char *name)
{
    const char *text = config_text(cli->config, name);
    return text[0] != 0 ? text : NULL;
}

static struct target *
find(const struct targets *targets, enum target_kind kind, const char *name)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->list[i].kind == kind && strcmp(targets->list[i].name, name) == 0) {
            return &targets->list[i];
        }
    }
    return NULL;
}

/* The query of a URL may hold a secret; what is asked of a Prometheus tells targets apart. */
static void
write_shown(const char *name, char dst[TARGET_NAME_BYTES])
{
    static const char *const told[] = {"instance=", "job="};
    const char *mark = strstr(name, "://") != NULL ? strchr(name, '?') : NULL;
    str_copy((struct str){name, mark != NULL ? (size_t)(mark - name) : strlen(name)}, dst,
             TARGET_NAME_BYTES);
    struct str rest = str_from(mark != NULL ? mark + 1 : ""), part;
    size_t n = strlen(dst);
    char between = '?';
    while (str_until(&rest, '&', &part)) {
        for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
            if (str_starts(part, told[i])) {
                dst[n++] = between; /* it is no longer than the name is */
                str_copy(part, dst + n, TARGET_NAME_BYTES - n);
                n += part.n;
                between = '&';
            }
        }
    }
}

/* What groups have in common is there once. */
struct target *
targets_add(struct targets *targets, const struct cli *cli, enum target_kind kind, const char *name)
{
    struct target *same = find(targets, kind, name);
    if (same != NULL) {
        return same;
    }
    if (targets->count == TARGETS_MAX) {
        cli_complain("more than %d targets", TARGETS_MAX);
        return NULL;
    }
    struct target *target = &targets->list[targets->count++];
    target->kind = kind;
    str_copy(str_from(name), target->name, sizeof(target->name));
    if (kind == TARGET_LINK) {
        write_shown(target->name, target->shown);
    } else {
        str_copy(str_from(name), target->shown, sizeof(target->shown));
    }
    target->endpoint = (struct endpoint_options){
        .target = target->name,
        .credentials = {.token = targets->token,
                        .netrc = config_bool(cli->config, "attach.netrc"),
                        .headers = targets->headers,
                        .ca_file = option_text(cli, "attach.ca_file"),
                        .cert_file = option_text(cli, "attach.cert_file"),
                        .key_file = option_text(cli, "attach.key_file"),
                        .insecure = config_bool(cli->config, "attach.insecure")},
        .change_token = targets->change_token,
        .mappings = targets->mappings,
        .mapping_count = targets->mapping_count};
    return target;
}

static bool
has_port(struct str text)
{
    const char *colon = memrchr(text.p, ':', text.n);
    uint64_t port;
    if (colon == NULL) {
        return false;
    }
    struct str rest = {colon + 1, text.n - (size_t)(colon + 1 - text.p)};
    return str_u64(&rest, &port) && (rest.n == 0 || rest.p[0] == '/');
}

static bool
add_url(struct targets *targets, const struct cli *cli, const char *word)
{
    struct url url;
    char why[200] = "";
    if (!url_parse(str_from(word), &url, why, sizeof(why))) {
        char shown[200];
        utf8_clean(str_from(word), shown, sizeof(shown));
        if (strchr(word, '@') != NULL && strstr(why, "netrc") != NULL) {
            str_copy(str_from("the target"), shown, sizeof(shown)); /* it holds a password */
        }
        cli_complain("%s: %s", shown, why);
        return false;
    }
    struct target *target = targets_add(targets, cli, TARGET_LINK, word);
    if (target != NULL) {
        target->guess = guess_wanted(&url);
    }
    return target != NULL;
}

/* What the word could have meant. Who it would be there, and a password, are not repeated. */
static void
explain(const char *word)
{
    char shown[200];
    const char *at = strrchr(word, '@');
    word = at != NULL && at[1] != '\0' ? at + 1 : word;
    utf8_clean(str_from(word), shown, sizeof(shown));
    if (strpbrk(word, "/.") != NULL && word[0] != '.' && strchr(word, '/') == NULL) {
        cli_complain("there is no file %s; if it is a server: http://%s for an agent or another "
                     "monitoring endpoint, ssh://%s to start an agent there",
                     shown, shown, shown);
    } else if (strchr(word, '/') != NULL) {
        cli_complain(
            "there is no file %s: give a snapshot (flametop snapshot -o x.json writes one), "
            "or nothing for this machine",
            shown);
    } else {
        cli_complain("%s is neither a file nor a command: http://%s attaches to a server of that "
                     "name (an agent listens on 7711), ssh://%s starts an agent there, and nothing "
                     "means this machine",
                     shown, shown, shown);
    }
}

static bool add_word(struct targets *targets, const struct cli *cli, const char *word,
                     unsigned depth);

static bool
add_group(struct targets *targets, const struct cli *cli, const char *name, unsigned depth)
{
    size_t count;
    const char *const *members = config_group(cli->config, name, &count);
    if (members == NULL) {
        struct nearest nearest;
        const char *other;
        nearest_init(&nearest, str_from(name));
        for (size_t i = 0; (other = config_group_name(cli->config, i)) != NULL; i++) {
            nearest_try(&nearest, other);
        }
        cli_complain("@%s: there is no such group in the configuration (targets: %s: [...])%s%s%s",
                     name, name, nearest.best != NULL ? "; did you mean @" : "",
                     nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?" : "");
        return false;
    }
    if (count == 0) {
        cli_complain("@%s: there is nothing in this group", name);
        return false;
    }
    if (depth == GROUP_DEPTH_MAX) {
        cli_complain("@%s: groups are nested too deep", name);
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good = add_word(targets, cli, members[i], depth + 1) && good;
    }
    return good;
}

static bool
add_one(struct targets *targets, const struct cli *cli, const char *word, unsigned depth)
{
    struct stat info;
    if (strcmp(word, "local") == 0) {
        return targets_add(targets, cli, TARGET_LOCAL, word) != NULL;
    }
    if (word[0] == '@') {
        return add_group(targets, cli, word + 1, depth);
    }
    if (stat(word, &info) == 0) {
        char url[TARGET_NAME_BYTES];
        snprintf(url, sizeof(url), "unix:%s", word);
        return S_ISSOCK(info.st_mode) ? add_url(targets, cli, url)
                                      : targets_add(targets, cli, TARGET_FILE, word) != NULL;
    }
    if (nodes_is_one(word)) {
        return nodes_add(targets, cli, word);
    }
    if (strncmp(word, "ssh://", 6) == 0) {
        return targets_add(targets, cli, TARGET_SSH, word) != NULL;
    }
    if (strncmp(word, "unix:", 5) == 0 || strstr(word, "://") != NULL || has_port(str_from(word))) {
        return add_url(targets, cli, word);
    }
    explain(word);
    return false;
}

static bool
add_word(struct targets *targets, const struct cli *cli, const char *word, unsigned depth)
{
    struct buf lines;
    struct stat info;
    if (strchr(word, '{') == NULL || stat(word, &info) == 0) {
        return add_one(targets, cli, word, depth);
    }
    buf_init(&lines, (size_t)TARGETS_MAX * TARGET_NAME_BYTES);
    bool good = targets_expand(str_from(word), TARGETS_MAX, &lines);
    if (!good) {
        cli_complain("%s: braces are {01..40} or {a,b}, and stand for at most %d targets", word,
                     TARGETS_MAX);
    }
    struct str rest = {lines.data, lines.n}, line;
    while (good && str_line(&rest, &line)) {
        char one[TARGET_NAME_BYTES];
        good = add_one(targets, cli, str_copy(line, one, sizeof(one)), depth);
    }
    buf_done(&lines);
    return good;
}

/* ---- this machine ---- */

/* A socket of somebody else may show anything. */
static bool
is_trusted(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* Connected, or a negative errno; -ENOENT: nobody said that there is an agent. */
static int
connect_here(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return -ENOENT;
    }
    str_copy(str_from(path), address.sun_path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return fd < 0 ? -errno : fd;
    }
    int error = errno;
    close(fd);
    return -error;
}

/* Whether it answers as an agent does. One that is busy with a reading gets a little more time than
 * one that is there needs. */
static bool
answers(int fd)
{
    static const char request[] =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const char right[] = "HTTP/1.1 200";
    char answer[sizeof(right) - 1];
    size_t n = 0;
    int64_t until_ns = clock_mono_ns() + HERE_PATIENCE_NS;
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1) {
        return false;
    }
    while (n < sizeof(answer)) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ns = until_ns - clock_mono_ns();
        ssize_t got = left_ns > 0 && poll(&ready, 1, (int)(left_ns / NS_PER_MS) + 1) > 0
                          ? recv(fd, answer + n, sizeof(answer) - n, 0)
                          : 0;
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
    }
    return memcmp(answer, right, sizeof(answer)) == 0;
}

/* Whether its process ids mean what ours mean: false as well where it cannot be known. */
static bool
sees_our_processes(int fd)
{
    struct ucred peer;
    struct stat theirs, ours;
    socklen_t n = sizeof(peer);
    char path[64] = "";
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || peer.pid <= 0) {
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)peer.pid);
    return stat(path, &theirs) == 0 && stat("/proc/self/ns/pid", &ours) == 0 &&
           theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

/* `shared`: only root can have made the folder it is in, whoever the agent runs as. */
static bool
is_agent(const char *path, bool shared, bool *ret_here)
{
    int fd = connect_here(path);
    const char *why = fd == -ECONNREFUSED || fd == -EAGAIN ? "nobody listens there"
                      : fd < 0                             ? ""
                      : !shared && !is_trusted(fd)         ? "it is another user's"
                      : !answers(fd)                       ? "there is no answer"
                                                           : NULL;
    *ret_here = why == NULL && sees_our_processes(fd);
    if (fd >= 0) {
        close(fd);
    }
    if (why != NULL && why[0] != '\0') {
        log_warning("the agent at %s is left out: %s; this machine is read without it", path, why);
    }
    return why == NULL;
}

/* An agent that already watches this machine remembers more than we can know. */
static bool
add_here(struct targets *targets, const struct cli *cli)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char urls[2][TARGET_NAME_BYTES] = {"", "unix:" AGENT_SOCKET_SYSTEM};
    bool own_roots = false;
    static const char *const roots[] = {"roots.proc", "roots.sys", "roots.cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        own_roots |= strcmp(config_origin(cli->config, roots[i]), "default") != 0;
    }
    if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < TARGET_NAME_BYTES / 2) {
        snprintf(urls[0], sizeof(urls[0]), "unix:%s/flametop.sock", runtime);
    }
    own_roots |= targets->receive.now; /* what is sent here is shown here */
    for (size_t i = 0; i < ARRAY_SIZE(urls) && !own_roots; i++) {
        bool here;
        if (urls[i][0] != 0 && is_agent(urls[i] + strlen("unix:"), i == 1, &here)) {
            struct target *target = targets_add(targets, cli, TARGET_LINK, urls[i]);
            if (target != NULL) {
                target->endpoint.here = here;
            }
            return target != NULL;
        }
    }
    return targets_add(targets, cli, TARGET_LOCAL, "local") != NULL;
}

/* ---- all of them ---- */

/* What the configuration says of foreign JSON. */
static bool
load_mappings(struct targets *targets, const struct cli *cli)
{
    struct config_mapping mapping;
    size_t count = 0;
    while (config_mapping(cli->config, count, &mapping)) {
        count++;
    }
    targets->mappings = calloc(count + 1, sizeof(*targets->mappings));
    for (size_t i = 0; targets->mappings != NULL && i < count; i++) {
        config_mapping(cli->config, i, &mapping);
        targets->mappings[i] = (struct endpoint_mapping){.pointer = mapping.pointer,
                                                         .name = mapping.name,
                                                         .unit = mapping.unit,
                                                         .kind = mapping.kind,
                                                         .max = mapping.max,
                                                         .warning = mapping.warning,
                                                         .critical = mapping.critical};
        targets->mapping_count = i + 1;
    }
    return targets->mappings != NULL;
}

/* What it says of pools of Erlang nodes. */
static bool
load_pools(struct targets *targets, const struct cli *cli)
{
    struct config_pool pool;
    size_t count = 0;
    bool good = true;
    while (config_pool(cli->config, count, &pool)) {
        count++;
    }
    targets->pools = calloc(count + 1, sizeof(*targets->pools));
    for (size_t i = 0; targets->pools != NULL && i < count; i++) {
        config_pool(cli->config, i, &pool);
        targets->pools[i] = (struct pool_def){.name = pool.name,
                                              .call = pool.call,
                                              .process = pool.process,
                                              .rows = pool.rows,
                                              .pool = pool.pool,
                                              .workers = pool.workers,
                                              .busy = pool.busy,
                                              .available = pool.available,
                                              .queue = pool.queue,
                                              .queue_limit = pool.queue_limit,
                                              .requests = pool.requests,
                                              .errors = pool.errors,
                                              .timeouts = pool.timeouts,
                                              .refused = pool.refused,
                                              .sessions = pool.sessions};
        targets->pool_count = i + 1;
        if (pool.call == NULL || pool.call[0] == '\0') {
            cli_complain("pools.%s has no call: write call: module:function(arguments)", pool.name);
            good = false;
        }
    }
    return good && targets->pools != NULL;
}

/* Receiving is for this machine: for what else is shown it would be in vain. */
static bool
can_receive(const struct targets *targets, const struct cli *cli)
{
    bool local = !targets->receive.now;
    bool asked = strncmp(config_origin(cli->config, "receive.listen"), "--", 2) == 0;
    for (size_t i = 0; i < targets->count; i++) {
        local |= targets->list[i].kind == TARGET_LOCAL;
    }
    if (!local && asked) {
        cli_complain("--receive is for this machine, which is not among the targets: leave it out, "
                     "or name local as well");
    }
    return local || !asked;
}

bool
targets_init(struct targets *targets, const struct cli *cli)
{
    *targets = (struct targets){.list = calloc(TARGETS_MAX, sizeof(struct target))};
    if (targets->list == NULL || !load_mappings(targets, cli)) {
        cli_complain("out of memory");
        return false;
    }
    targets->table_count = machine_tables(targets->tables);
    if (!load_pools(targets, cli)) {
        return false;
    }
    targets->receive = machine_receive(cli);
    bool good = load_secret(cli, "attach.token_file", "FLAMETOP_TOKEN", false, &targets->token) &&
                load_secret(cli, "attach.change_token_file", "FLAMETOP_CHANGE_TOKEN", false,
                            &targets->change_token) &&
                load_secret(cli, "attach.header_file", NULL, true, &targets->headers) &&
                nodes_take_cookie(targets);
    if (good && cli->line.argument_count == 0) {
        return add_here(targets, cli);
    }
    for (size_t i = 0; good && i < cli->line.argument_count; i++) {
        good = add_word(targets, cli, cli->line.arguments[i], 0);
    }
    return good && targets->count > 0 && can_receive(targets, cli);
}

void
targets_done(struct targets *targets)
{
    free_secret(targets->token);
    free_secret(targets->change_token);
    free_secret(targets->headers);
    free_secret(targets->cookie);
    free(targets->list);
    free(targets->mappings);
    free(targets->pools);
    *targets = (struct targets){0};
}

/* "http://web-01:7711" is web-01, "unix:/run/a.sock" a.sock. */
static char *
shorten(const struct target *target, char *dst, size_t size)
{
    const char *scheme = strstr(target->shown, "://"), *slash = strrchr(target->shown, '/');
    bool remote = target->kind != TARGET_LOCAL && target->kind != TARGET_FILE && scheme != NULL;
    if (!remote && slash != NULL && slash[1] != 0) {
        return str_copy(str_from(slash + 1), dst, size);
    }
    struct str name = str_from(remote ? scheme + 3 : target->shown);
    if (remote && name.n > 1 && memchr(name.p, '/', name.n) == name.p + name.n - 1) {
        name.n--;
    }
    if (target->kind == TARGET_LINK && str_ends(name, USUAL_PORT) && name.n > strlen(USUAL_PORT)) {
        name.n -= strlen(USUAL_PORT);
    }
    return str_copy(name, dst, size);
}

char *
targets_short_name(const struct targets *targets, size_t which, char *dst, size_t size)
{
    const struct target *target = &targets->list[which];
    char other[TARGET_NAME_BYTES];
    shorten(target, dst, size);
    for (size_t i = 0; i < targets->count; i++) {
        if (i != which && strcmp(shorten(&targets->list[i], other, sizeof(other)), dst) == 0) {
            return str_copy(str_from(target->shown), dst, size);
        }
    }
    return dst;
}

struct engine *
targets_engine(const struct targets *targets, const struct cli *cli, size_t which, char *why,
               size_t why_size)
{
    return targets_engine_of(targets, cli, &targets->list[which], why, why_size);
}

struct engine *
targets_engine_of(const struct targets *targets, const struct cli *cli, const struct target *target,
                  char *why, size_t why_size)
{
    bool local = target->kind == TARGET_LOCAL;
    bool beam = target->kind == TARGET_BEAM;
    const struct link *link = beam                         ? &link_beam
                              : target->kind == TARGET_SSH ? &link_ssh
                              : target->guess              ? &link_guess
                                                           : &link_endpoint;
    const void *link_options = beam ? (const void *)&target->beam : &target->endpoint;
    struct collector *collector =
        local ? machine_collector(cli) : machine_collector_of(cli, target->shown);
    if (collector == NULL) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    struct engine_options options = {.collector = collector,
                                     .catalog = cli->catalog,
                                     .interval_ns = config_integer(cli->config, "interval"),
                                     .link = local ? NULL : link,
                                     .link_options = link_options,
                                     .receiver = local ? &receiver_network : NULL,
                                     .receiver_options = &targets->receive,
                                     .tables = targets->tables,
                                     .table_count = targets->table_count,
                                     .span_ns = config_integer(cli->config, "span")};
    return engine_new(&options, why, why_size);
}
