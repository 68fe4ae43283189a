/* The link over ssh.
 *
 * One run of ssh at a time: it starts an agent there that ends with its standard input, and carries
 * a unix socket to it. The agent says on its standard output that it serves; from then on the link
 * to the socket, the inner one, has the word. It is opened at the first such moment and kept: its
 * sources are the collector's.
 *
 * When this program dies, whatever kills it, ssh's input ends; so does the agent's, and then ssh.
 */
#include "flametop/sources/ssh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ssh_parts.h"
#include "target_words.h"

#define FOLDER "flametop-ssh-"
#define ENTRIES_MAX 10000
#define FRESH_S 60
#define SOCKET_BYTES 100 /* a socket's address has 108, and ssh makes a longer name at first */

/* ssh expands some characters in the path of a socket. */
static const char *
base_folder(void)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    bool plain = base != NULL && base[0] == '/' &&
                 strlen(base) + strlen("/" FOLDER "XXXXXX/agent.sock") < SOCKET_BYTES &&
                 target_is_of(str_from(base), "/._-");
    return plain ? base : "/tmp";
}

static void
remove_folder(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/agent.sock", folder);
    unlink(path);
    rmdir(folder);
}

/* The folders of those who were killed: nobody has them locked, and they are not just being made.
 */
static void
sweep(const char *base)
{
    DIR *entries = opendir(base);
    const struct dirent *entry;
    for (int i = 0; entries != NULL && i < ENTRIES_MAX && (entry = readdir(entries)) != NULL; i++) {
        char path[PATH_MAX];
        struct stat info;
        if (strncmp(entry->d_name, FOLDER, strlen(FOLDER)) != 0 ||
            strlen(entry->d_name) != strlen(FOLDER "XXXXXX")) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
            time(NULL) - info.st_mtime > FRESH_S && flock(fd, LOCK_EX | LOCK_NB) == 0) {
            remove_folder(path);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
}

static bool
make_folder(struct tunnel *tunnel, char *why, size_t why_size)
{
    const char *base = base_folder();
    uint64_t random[2] = {0};
    snprintf(tunnel->folder, sizeof(tunnel->folder), "%s/" FOLDER "XXXXXX", base);
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        snprintf(why, why_size, "no random numbers: %s", strerror(errno));
        return false;
    }
    sweep(base);
    if (mkdtemp(tunnel->folder) == NULL ||
        (tunnel->lock = open(tunnel->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        flock(tunnel->lock, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, why_size, "cannot make a folder for ssh's socket in %s: %s", base,
                 strerror(errno));
        return false;
    }
    snprintf(tunnel->remote, sizeof(tunnel->remote), "/tmp/flametop-%016llx%016llx",
             (unsigned long long)random[0], (unsigned long long)random[1]);
    snprintf(tunnel->inner_target, sizeof(tunnel->inner_target), "agent+unix:%s/agent.sock",
             tunnel->folder);
    return true;
}

static int
ssh_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    const struct endpoint_options *options = setup->options;
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    if (tunnel == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    tunnel->setup = *setup;
    tunnel->options = options;
    tunnel->back_off_ns = RETRY_FIRST_NS;
    if (!ssh_parse(tunnel, options->target, why, why_size) || !make_folder(tunnel, why, why_size)) {
        free(tunnel);
        return -EINVAL;
    }
    tunnel->inner_options = *options;
    tunnel->inner_options.target = tunnel->inner_target;
    uv_timer_init(setup->loop, &tunnel->timer);
    tunnel->timer.data = tunnel;
    ssh_start(tunnel);
    *ret_state = tunnel;
    return 0;
}

static void
ssh_status(const void *state, struct link_status *ret_status)
{
    const struct tunnel *tunnel = state;
    if (tunnel->inner != NULL) {
        link_endpoint.status(tunnel->inner, ret_status);
    } else {
        *ret_status = (struct link_status){.kind = ""};
    }
    ret_status->target = tunnel->options->target;
    ret_status->offer = "";
    if (tunnel->phase == SERVING && tunnel->inner != NULL) {
        return;
    }
    bool heard = ret_status->heard_mono_ns != 0;
    ret_status->state = tunnel->phase == REFUSED ? LINK_REFUSED
                        : heard                  ? LINK_LOST
                                                 : LINK_CONNECTING;
    ret_status->retry_mono_ns = tunnel->retry_ns;
    ret_status->why = tunnel->phase == COPYING ? "flametop is being copied there"
                      : tunnel->phase == STARTING || tunnel->why[0] == '\0' ? "ssh is connecting"
                                                                            : tunnel->why;
    ret_status->offer = tunnel->phase == REFUSED ? tunnel->offer : "";
}

static void
ssh_interest(void *state, const struct interest *interest)
{
    struct tunnel *tunnel = state;
    tunnel->interest = *interest;
    tunnel->interested = true;
    if (tunnel->inner != NULL) {
        link_endpoint.interest(tunnel->inner, interest);
    }
}

static void
ssh_interval(void *state, int64_t interval_ns)
{
    struct tunnel *tunnel = state;
    tunnel->setup.interval_ns = interval_ns;
    if (tunnel->inner != NULL) {
        link_endpoint.interval(tunnel->inner, interval_ns);
    }
}

static void
ssh_retry(void *state)
{
    struct tunnel *tunnel = state;
    if (tunnel->phase == SERVING && tunnel->inner != NULL) {
        link_endpoint.retry(tunnel->inner);
        return;
    }
    tunnel->back_off_ns = RETRY_FIRST_NS;
    ssh_start(tunnel);
}

static void
ssh_command(void *state, const char *name, const char *arguments, void *context,
            link_answer *answer)
{
    struct tunnel *tunnel = state;
    if (strcmp(name, LINK_ACCEPT) == 0) {
        if (tunnel->phase == REFUSED && tunnel->offer[0] != '\0') {
            ssh_start_copy(tunnel, context, answer);
        } else {
            answer(context, "nothing is offered any more");
        }
    } else if (tunnel->inner != NULL) {
        link_endpoint.command(tunnel->inner, name, arguments, context, answer);
    } else {
        answer(context, "there is no connection");
    }
}

static void
ssh_sample(void *state, const struct sampling_wish *wish)
{
    struct tunnel *tunnel = state;
    if (tunnel->inner != NULL) {
        link_endpoint.sample(tunnel->inner, wish);
    }
}

static void
ssh_ask(void *state, const char *path, void *context, link_document *answer)
{
    struct tunnel *tunnel = state;
    if (tunnel->inner != NULL) {
        link_endpoint.ask(tunnel->inner, path, context, answer);
    } else {
        answer(context, "there is no connection", STR(""));
    }
}

/* Its end closes the agent's input there. */
static void
ssh_close(void *state)
{
    struct tunnel *tunnel = state;
    if (tunnel->inner != NULL) {
        link_endpoint.close(tunnel->inner);
    }
    tunnel->closing = true;
    bool runs = tunnel->phase == STARTING || tunnel->phase == SERVING || tunnel->phase == COPYING;
    if (runs) {
        uv_process_kill(&tunnel->process, SIGTERM);
    }
    tunnel->open++;
    uv_close((uv_handle_t *)&tunnel->timer, ssh_on_closed);
    remove_folder(tunnel->folder);
    close(tunnel->lock);
}

const struct link link_ssh = {
    .name = "ssh",
    .open = ssh_open,
    .status = ssh_status,
    .interest = ssh_interest,
    .interval = ssh_interval,
    .retry = ssh_retry,
    .command = ssh_command,
    .sample = ssh_sample,
    .ask = ssh_ask,
    .close = ssh_close,
};
