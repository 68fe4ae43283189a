/* Why a run of ssh ended, and what can be done about it: a copy of the program that runs there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "ssh_parts.h"

static bool
is_file(const char *path, int64_t *ret_bytes)
{
    struct stat info;
    bool is = path[0] != '\0' && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    *ret_bytes = is ? (int64_t)info.st_size : 0;
    return is;
}

/* One that brings its libraries along (src/portable.sh): the file this one was unpacked from, or
 * beside this one, or where it is installed; else this one. */
static void
find_program(struct tunnel *tunnel)
{
    static const char *const places[] = {"/flametop-portable", "/../lib/flametop/flametop-portable",
                                         NULL};
    const char *unpacked = getenv("PORTABLE_FLAMETOP");
    char own[PATH_MAX / 2], *path = tunnel->program;
    int64_t bytes = 0;
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[MAX(n, 0)] = '\0';
    const char *slash = strrchr(own, '/');
    int folder = slash != NULL ? (int)(slash - own) : 0;
    snprintf(path, PATH_MAX, "%s", unpacked != NULL && unpacked[0] == '/' ? unpacked : "");
    bool found = is_file(path, &bytes);
    for (size_t i = 0; i < ARRAY_SIZE(places) && !found; i++) {
        if (places[i] != NULL) {
            snprintf(path, PATH_MAX, "%.*s%s", folder, own, places[i]);
        } else {
            snprintf(path, PATH_MAX, "%s", own);
        }
        found = is_file(path, &bytes);
    }
    path[found ? strlen(path) : 0] = '\0';
    snprintf(tunnel->size, sizeof(tunnel->size), "%.1f MB", (double)bytes / 1e6);
}

/* What follows "ssh" when somebody types it. */
static const char *
command_words(const struct tunnel *tunnel, char dst[HOST_BYTES + 16])
{
    bool port = tunnel->port[0] != '\0';
    snprintf(dst, HOST_BYTES + 16, "%s%s%s%s", port ? "-p " : "", tunnel->port, port ? " " : "",
             tunnel->destination);
    return dst;
}

static void
say_missing(struct tunnel *tunnel, const char *what)
{
    const char *host = tunnel->destination;
    find_program(tunnel);
    snprintf(tunnel->why, sizeof(tunnel->why), "%s on %s", what, host);
    if (tunnel->program[0] == '\0') {
        return;
    }
    size_t n = strlen(tunnel->why);
    char command[HOST_BYTES + 16];
    snprintf(tunnel->why + n, sizeof(tunnel->why) - n,
             "; to put it there: ssh %s 'mkdir -p .local/bin && cat >.local/bin/flametop && "
             "chmod +x .local/bin/flametop' <%s",
             command_words(tunnel, command), tunnel->program);
    snprintf(tunnel->offer, sizeof(tunnel->offer), "copy flametop (%s) to %.80s, ~/.local/bin?",
             tunnel->size, host);
}

/* What ssh says of itself. `refused`: the next try would end alike. */
static const struct {
    const char *said, *form; /* the form is given the host, then what follows "ssh" */
    bool refused;
} known[] = {
    {"Permission denied",
     "%s does not let us in: ssh has no key that it takes and may not ask for a password; try it "
     "with: ssh %s",
     true},
    {"Too many authentication failures",
     "%s does not let us in: ssh has too many keys and none that it takes; try it with: ssh %s",
     true},
    {"IDENTIFICATION HAS CHANGED",
     "the host key of %s is not the one that ssh knows: somebody may pretend to be it, or it was "
     "installed anew; look at what this says: ssh %s",
     true},
    {"Host key verification failed",
     "ssh does not know the host key of %s: see it once, and compare it, with: ssh %s", true},
    {"Could not resolve hostname", "there is no host called %s", false},
    {"Connection refused", "no ssh server listens at %s", false},
    {"Connection timed out", "%s does not answer", false},
    {"not responding", "%s does not answer any more", false},
    {"Broken pipe", "the connection to %s was cut", false},
    {"closed by remote host", "%s closed the connection", false},
    {"Connection reset", "%s cut the connection", false},
    {"Connection closed", "%s closed the connection", false},
};

/* The last line that was said, cleaned; what the agent there logs is not meant for us. */
void
ssh_last_line(const struct tunnel *tunnel, char *dst, size_t size)
{
    struct str rest = {tunnel->said, tunnel->said_n}, line, last = {"", 0};
    while (str_line(&rest, &line)) {
        line = str_trim(line);
        last = line.n > 0 && !str_starts(line, "time=") ? line : last;
    }
    utf8_clean(last, dst, size);
}

static bool
was_said(const struct tunnel *tunnel, const char *words)
{
    return memmem(tunnel->said, tunnel->said_n, words, strlen(words)) != NULL;
}

/* Of ssh itself: it ends with 255. */
enum phase
ssh_explain(struct tunnel *tunnel)
{
    char said[200], command[HOST_BYTES + 16];
    command_words(tunnel, command);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (was_said(tunnel, known[i].said)) {
            snprintf(tunnel->why, sizeof(tunnel->why), known[i].form, tunnel->destination, command);
            return known[i].refused ? REFUSED : WAITING;
        }
    }
    ssh_last_line(tunnel, said, sizeof(said));
    snprintf(tunnel->why, sizeof(tunnel->why), "ssh: %s",
             said[0] != '\0' ? said : "it ended without a word");
    return WAITING;
}

/* Of the shell or the program there. */
enum phase
ssh_explain_program(struct tunnel *tunnel, int64_t code)
{
    char said[200];
    ssh_last_line(tunnel, said, sizeof(said));
    if (code == 127 && was_said(tunnel, "shared libraries")) {
        say_missing(tunnel, "flametop lacks libraries");
        return REFUSED;
    }
    if (code == 126 || code == 127) {
        say_missing(tunnel, code == 126 ? "no flametop that runs" : "there is no flametop");
        return REFUSED;
    }
    if (said[0] != '\0') {
        snprintf(tunnel->why, sizeof(tunnel->why), "on %s: %s", tunnel->destination, said);
    } else {
        snprintf(tunnel->why, sizeof(tunnel->why), "the agent on %s has ended",
                 tunnel->destination);
    }
    return code == 2 ? REFUSED : WAITING; /* 2: it does not know an option: another version */
}
