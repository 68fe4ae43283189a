/* Erlang nodes as targets. A host's nodes are as many targets, so the fleet is the list to pick
 * from; a VM of this machine that cannot be attached is one that says why. */
#include "nodes.h"

#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/macros.h"

#define FOUND_MAX 64
#define COOKIE_BYTES 513

bool
nodes_is_one(const char *word)
{
    struct beam_address address;
    char why[300];
    return strncmp(word, "beam://", 7) == 0 ||
           (strstr(word, "://") == NULL && strchr(word, '/') == NULL &&
            beam_address_parse(word, &address, why, sizeof(why)));
}

bool
nodes_take_cookie(struct targets *targets)
{
    char value[COOKIE_BYTES] = "";
    cli_take_secret("FLAMETOP_COOKIE", value, sizeof(value));
    targets->cookie = value[0] != '\0' ? strdup(value) : NULL;
    explicit_bzero(value, sizeof(value));
    return true;
}

static const char *
option_text(const struct cli *cli, const char *name)
{
    const char *text = config_text(cli->config, name);
    return text[0] != '\0' ? text : NULL;
}

static struct beam_options
options_of(const struct targets *targets, const struct cli *cli)
{
    return (struct beam_options){.cookie_file = option_text(cli, "attach.cookie_file"),
                                 .cookie = targets->cookie,
                                 .roots = machine_roots(cli),
                                 .plain = !config_bool(cli->config, "attach.inject"),
                                 .pools = targets->pools,
                                 .pool_count = targets->pool_count};
}

/* Once for all nodes, where somebody sits. */
static void
ask_for_cookie(struct targets *targets, const struct beam_options *options)
{
    char why[400], question[400], cookie[COOKIE_BYTES] = "";
    if (!beam_is_built() || targets->cookie != NULL || !isatty(STDIN_FILENO) ||
        !isatty(STDERR_FILENO) || beam_has_cookie(options, why, sizeof(why))) {
        return;
    }
    cli_complain("%s", why);
    snprintf(question, sizeof(question), "cookie of %.300s (Enter: none): ", options->target);
    if (readpassphrase(question, cookie, sizeof(cookie), RPP_ECHO_OFF | RPP_REQUIRE_TTY) != NULL &&
        cookie[0] != '\0') {
        targets->cookie = strdup(cookie);
    }
    explicit_bzero(cookie, sizeof(cookie));
}

static struct target *
add(struct targets *targets, const struct cli *cli, const struct beam_address *address)
{
    char name[TARGET_NAME_BYTES], port[16] = "";
    bool six = strchr(address->host, ':') != NULL;
    if (address->port != 0) {
        snprintf(port, sizeof(port), ":%u", address->port);
    }
    snprintf(name, sizeof(name), "beam://%.200s%s%s%.200s%s%s", address->name,
             address->name[0] != '\0' ? "@" : "", six ? "[" : "", address->host, six ? "]" : "",
             port);
    struct target *target = targets_add(targets, cli, TARGET_BEAM, name);
    if (target != NULL) {
        target->beam = options_of(targets, cli);
        target->beam.target = target->name;
        target->beam.address = *address;
    }
    return target;
}

/* All that are found there; those that cannot be attached say why. */
static bool
add_found(struct targets *targets, const struct cli *cli, const struct beam_address *address,
          const char *word)
{
    struct beam_found *found = calloc(FOUND_MAX, sizeof(*found));
    struct beam_options options = options_of(targets, cli);
    char why[400] = "out of memory";
    size_t count =
        found != NULL ? beam_find(address->host, &options, found, FOUND_MAX, why, sizeof(why)) : 0;
    if (count == 0) {
        cli_complain("%s: %s", word, why);
        targets->unreachable = true;
    }
    bool good = count > 0;
    for (size_t i = 0; i < count && good; i++) {
        struct beam_address node = {.port = address->host[0] == '\0' ? found[i].port : 0};
        if (found[i].name[0] != '\0') {
            str_copy(str_from(found[i].name), node.name, sizeof(node.name));
        } else {
            snprintf(node.name, sizeof(node.name), "pid-%lld", (long long)found[i].pid);
        }
        str_copy(str_from(found[i].host), node.host, sizeof(node.host));
        struct target *target = add(targets, cli, &node);
        good = target != NULL;
        if (good && found[i].why[0] != '\0') {
            snprintf(target->hindrance, sizeof(target->hindrance), "%s", found[i].why);
            target->beam.hindrance = target->hindrance;
        }
    }
    free(found);
    return good;
}

bool
nodes_add(struct targets *targets, const struct cli *cli, const char *word)
{
    struct beam_address address;
    char why[300];
    if (!beam_address_parse(word, &address, why, sizeof(why))) {
        cli_complain("%s", why);
        return false;
    }
    if (address.name[0] == '\0' && address.port == 0) {
        return add_found(targets, cli, &address, word);
    }
    struct target *target = add(targets, cli, &address);
    if (target != NULL) {
        ask_for_cookie(targets, &target->beam);
        target->beam.cookie = targets->cookie;
    }
    return target != NULL;
}
