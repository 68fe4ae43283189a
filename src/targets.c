/* Targets of the command line. */
#include "targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/sources/guess.h"
#include "flametop/sources/ssh.h"
#include "here.h"
#include "nodes.h"
#include "words.h"

#define SECRET_BYTES_MAX 4096
#define USUAL_PORT ":7711"

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

/* ---- one target ---- */

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

/* What an agent watches is what it receives for, too. */
static bool
serves(const struct cli *cli)
{
    return cli->line.command->id == COMMAND_AGENT;
}

/* Receiving is for this machine: for what else is shown it would be in vain. */
static bool
can_receive(const struct targets *targets, const struct cli *cli)
{
    bool local = !targets->receive.now || serves(cli);
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

static bool
load_tokens(struct targets *targets, const struct cli *cli)
{
    return load_secret(cli, "attach.token_file", "FLAMETOP_TOKEN", false, &targets->token) &&
           load_secret(cli, "attach.change_token_file", "FLAMETOP_CHANGE_TOKEN", false,
                       &targets->change_token);
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
    bool good = (serves(cli) || load_tokens(targets, cli)) &&
                load_secret(cli, "attach.header_file", NULL, true, &targets->headers) &&
                nodes_take_cookie(targets);
    if (good && cli->line.argument_count == 0) {
        return serves(cli) ? targets_add(targets, cli, TARGET_LOCAL, "local") != NULL
                           : here_add(targets, cli);
    }
    for (size_t i = 0; good && i < cli->line.argument_count; i++) {
        good = words_to_targets(targets, cli, cli->line.arguments[i]);
    }
    return good && targets->count > 0 && can_receive(targets, cli);
}

int
targets_refusal(const struct targets *targets)
{
    return targets->unreachable ? EXIT_FAILED : EXIT_USAGE;
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

bool
targets_engine_options(const struct targets *targets, const struct cli *cli,
                       const struct target *target, struct engine_options *ret_options, char *why,
                       size_t why_size)
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
        return false;
    }
    *ret_options =
        (struct engine_options){.collector = collector,
                                .catalog = cli->catalog,
                                .interval_ns = config_integer(cli->config, "interval"),
                                .link = local ? NULL : link,
                                .link_options = link_options,
                                .receiver = local || serves(cli) ? &receiver_network : NULL,
                                .receiver_options = &targets->receive,
                                .tables = targets->tables,
                                .table_count = targets->table_count,
                                .span_ns = config_integer(cli->config, "span")};
    return true;
}

struct engine *
targets_engine_of(const struct targets *targets, const struct cli *cli, const struct target *target,
                  char *why, size_t why_size)
{
    struct engine_options options;
    return targets_engine_options(targets, cli, target, &options, why, why_size)
               ? engine_new(&options, why, why_size)
               : NULL;
}
