/* Where cookies are. A place that may not be read is remembered and only told of when no other has
 * one: the file of another user's node is unreadable to most, and some copy it to their own home.
 */
#include "cookie.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beam_local.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/sources/users.h"

#define FILE_BYTES 2048
#define TEXT_BYTES 65536
#define STATUS_BYTES 4096
#define FILE_NAME ".erlang.cookie"

struct search {
    const struct cookie_setup *setup;
    struct cookie *cookie;
    int denied; /* errno of the first place that could not be read; 0 */
    char denied_path[300];
    unsigned denied_uid;
    bool theirs;    /* the place is named by the node's process: only a file of its user is taken */
    unsigned owner; /* that user; UINT_MAX: unknown */
    bool foreign;   /* the first of them is another's */
};

bool
cookie_parse(struct str text, char dst[COOKIE_BYTES])
{
    struct str line;
    if (!str_line(&text, &line)) {
        return false;
    }
    line = str_trim(line);
    for (size_t i = 0; i < line.n; i++) {
        if ((unsigned char)line.p[i] <= ' ' || (unsigned char)line.p[i] >= 127) {
            return false;
        }
    }
    if (line.n == 0 || line.n >= COOKIE_BYTES) {
        return false;
    }
    str_copy(line, dst, COOKIE_BYTES);
    return true;
}

void
cookie_forget(struct cookie *cookie)
{
    explicit_bzero(cookie, sizeof(*cookie));
}

static bool
take(struct search *search, struct str text, const char *from)
{
    if (!cookie_parse(text, search->cookie->text)) {
        return false;
    }
    str_copy(str_from(from), search->cookie->from, sizeof(search->cookie->from));
    return true;
}

/* Of the file, or of the folder it is in where that may not be entered; UINT_MAX: unknown. */
static unsigned
owner_of(const char *path)
{
    char folder[PATH_MAX];
    struct stat info;
    const char *slash = strrchr(path, '/');
    if (stat(path, &info) == 0) {
        return info.st_uid;
    }
    str_copy((struct str){path, slash != NULL ? (size_t)(slash - path) : 0}, folder,
             sizeof(folder));
    return stat(folder, &info) == 0 ? info.st_uid : UINT_MAX;
}

/* Whoever names a place could name any file with a link: what its own user may read is no secret to
 * it, and all else would be told to it in a challenge. */
static bool
may_be_taken(const struct search *search, int fd)
{
    struct stat info;
    return !search->theirs || (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                               search->owner != UINT_MAX && info.st_uid == search->owner);
}

static ssize_t
read_file(const struct search *search, const char *path, char *dst, size_t size, bool *ret_foreign)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    *ret_foreign = !may_be_taken(search, fd);
    ssize_t n = *ret_foreign ? -EPERM : file_pread(fd, dst, size);
    close(fd);
    return n;
}

/* 1: it is there; 0: it is not, or cannot be read; a negative errno: what is there is no cookie. */
static int
try_file(struct search *search, const char *path)
{
    char text[FILE_BYTES];
    bool foreign = false;
    ssize_t n = read_file(search, path, text, sizeof(text), &foreign);
    if (n < 0) {
        if (n != -ENOENT && n != -ENOTDIR && search->denied == 0) {
            search->denied = (int)-n;
            search->foreign = foreign;
            search->denied_uid = owner_of(path);
            str_copy(str_from(path), search->denied_path, sizeof(search->denied_path));
        }
        return 0;
    }
    bool good = take(search, (struct str){text, (size_t)n}, path);
    explicit_bzero(text, sizeof(text));
    if (!good) {
        str_copy(str_from(path), search->denied_path, sizeof(search->denied_path));
    }
    return good ? 1 : -EINVAL;
}

/* ---- the node's own process ---- */

static bool
variable(struct str environment, const char *name, struct str *ret_value)
{
    struct str word;
    size_t n = strlen(name);
    while (str_until(&environment, '\0', &word)) {
        if (word.n > n && memcmp(word.p, name, n) == 0 && word.p[n] == '=') {
            *ret_value = (struct str){word.p + n + 1, word.n - n - 1};
            return true;
        }
    }
    return false;
}

static int
try_under(struct search *search, struct str folder, const char *rest)
{
    char path[PATH_MAX];
    if (folder.n == 0 || folder.p[0] != '/' || folder.n + strlen(rest) + 2 > sizeof(path)) {
        return 0;
    }
    snprintf(path, sizeof(path), "%.*s/%s", (int)folder.n, folder.p, rest);
    return try_file(search, path);
}

static int
try_words(struct search *search, struct str arguments, struct str environment)
{
    struct str value, home;
    if (beam_argument(arguments, "-setcookie", &value) &&
        take(search, value, "-setcookie of the node")) {
        return 1;
    }
    if (variable(environment, "RELEASE_COOKIE", &value) &&
        take(search, value, "RELEASE_COOKIE of the node")) {
        return 1;
    }
    int found = variable(environment, "RELEASE_ROOT", &value)
                    ? try_under(search, value, "releases/COOKIE")
                    : 0;
    if (found == 0 &&
        (beam_argument(arguments, "-home", &home) || variable(environment, "HOME", &home))) {
        found = try_under(search, home, FILE_NAME);
    }
    return found;
}

static ssize_t
read_of(const struct search *search, const char *file, char *dst, size_t size)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%lld/%s", search->setup->proc, (long long)search->setup->pid,
             file);
    ssize_t n = file_read_at(AT_FDCWD, path, dst, size);
    return n > 0 ? n : 0;
}

/* Who has started it, and as whom it runs: the owner of its folder is another where it hides its
 * memory. */
static unsigned
user_of_process(const struct search *search)
{
    char text[STATUS_BYTES];
    size_t n = (size_t)read_of(search, "status", text, sizeof(text));
    struct str rest = {text, n}, line, word;
    uint64_t uids[2];
    while (str_line(&rest, &line)) {
        if (str_word(&line, &word) && str_is(word, "Uid:")) {
            bool same = str_u64(&line, &uids[0]) && str_u64(&line, &uids[1]) && uids[0] == uids[1];
            return same ? (unsigned)MIN(uids[0], UINT_MAX) : UINT_MAX;
        }
    }
    return UINT_MAX;
}

static int
try_process(struct search *search)
{
    char *text = search->setup->pid > 0 ? malloc((size_t)2 * TEXT_BYTES) : NULL;
    if (text == NULL || search->setup->proc == NULL) {
        free(text);
        return 0;
    }
    search->owner = user_of_process(search); /* before what it says */
    struct str arguments = {text, (size_t)read_of(search, "cmdline", text, TEXT_BYTES)};
    char *second = text + TEXT_BYTES;
    struct str environment = {second, (size_t)read_of(search, "environ", second, TEXT_BYTES)};
    search->theirs = true;
    int found = try_words(search, arguments, environment);
    search->theirs = false;
    explicit_bzero(text, (size_t)2 * TEXT_BYTES);
    free(text);
    return found;
}

/* ---- our own ---- */

static int
try_own(struct search *search)
{
    const char *release = getenv("RELEASE_COOKIE"), *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (release != NULL && take(search, str_from(release), "RELEASE_COOKIE")) {
        return 1;
    }
    int found = config != NULL ? try_under(search, str_from(config), "erlang/" FILE_NAME)
                : home != NULL ? try_under(search, str_from(home), ".config/erlang/" FILE_NAME)
                               : 0;
    return found == 0 && home != NULL ? try_under(search, str_from(home), FILE_NAME) : found;
}

/* " or rabbitmq"; "" where nobody is known. */
static const char *
name_owner(unsigned uid, char *dst, size_t size)
{
    struct arena arena;
    struct users *users = uid != UINT_MAX && uid != 0 ? users_new(USERS_FILE) : NULL;
    dst[0] = '\0';
    if (users != NULL) {
        arena_init(&arena, 4096);
        const char *name = users_name(users, uid, &arena, 1);
        snprintf(dst, size, " or %s", name != NULL ? name : "its owner");
        arena_done(&arena);
        users_free(users);
    }
    return dst;
}

static int
explain(const struct search *search, int found, char *why, size_t why_size)
{
    if (found < 0) {
        snprintf(why, why_size,
                 "%s holds no cookie: it is one line of at most 512 letters, digits and signs",
                 search->denied_path);
        return found;
    }
    if (search->foreign) {
        snprintf(why, why_size,
                 "%s, which the node names, does not belong to the user the node runs as: it is "
                 "not taken for the cookie; if it is, give it with --cookie-file FILE",
                 search->denied_path);
        return -search->denied;
    }
    if (search->denied != 0) {
        char owner[64];
        snprintf(why, why_size,
                 "cannot read the cookie in %s (%s): be root%s, or give a copy of it with "
                 "--cookie-file FILE",
                 search->denied_path, strerror(search->denied),
                 name_owner(search->denied_uid, owner, sizeof(owner)));
        return -search->denied;
    }
    snprintf(why, why_size,
             "there is no cookie: copy the node's to ~/" FILE_NAME ", or give its file with "
             "--cookie-file FILE");
    return -ENOENT;
}

int
cookie_find(const struct cookie_setup *setup, struct cookie *ret_cookie, char *why, size_t why_size)
{
    struct search search = {.setup = setup, .cookie = ret_cookie, .denied_uid = UINT_MAX};
    *ret_cookie = (struct cookie){.from = ""};
    if (setup->file != NULL) {
        int found = try_file(&search, setup->file);
        if (found == 0 && search.denied == 0) {
            snprintf(why, why_size,
                     "there is no file %s: give the node's cookie with --cookie-file", setup->file);
            return -ENOENT;
        }
        return found > 0 ? 0 : explain(&search, found, why, why_size);
    }
    if (setup->given != NULL) {
        return take(&search, str_from(setup->given), "FLAMETOP_COOKIE")
                   ? 0
                   : (snprintf(why, why_size, "FLAMETOP_COOKIE holds no cookie"), -EINVAL);
    }
    int found = try_process(&search);
    found = found == 0 ? try_own(&search) : found;
    return found > 0 ? 0 : explain(&search, found, why, why_size);
}
