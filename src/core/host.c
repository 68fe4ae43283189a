/* The machine's name and size. */
#include "flametop/core/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/str.h"
#include "flametop/base/utf8.h"

#define PATH_BYTES 512

/* The file below a root, trimmed; empty when it cannot be read. */
static struct str
read_below(const char *root, const char *file, char *dst, size_t size)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", root, file);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return STR("");
    }
    ssize_t got = file_read_at(AT_FDCWD, path, dst, size);
    return got > 0 ? str_trim((struct str){dst, (size_t)got}) : STR("");
}

static const char *
clean_copy(struct str text, struct arena *arena)
{
    char clean[128];
    size_t n = utf8_clean(text, clean, sizeof(clean));
    return arena_text(arena, clean, n);
}

static struct str
unquoted(struct str value)
{
    bool quoted = value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
                  value.p[value.n - 1] == value.p[0];
    return quoted ? (struct str){value.p + 1, value.n - 2} : value;
}

/* os-release(5): NAME and VERSION_ID make "Debian 12"; otherwise PRETTY_NAME. */
static const char *
system_name(struct str text, struct arena *arena)
{
    struct str line, key, name = {"", 0}, version = {"", 0}, pretty = {"", 0};
    while (str_line(&text, &line)) {
        if (!str_until(&line, '=', &key)) {
            continue;
        }
        struct str value = unquoted(str_trim(line));
        if (str_is(key, "NAME")) {
            name = value;
        } else if (str_is(key, "VERSION_ID")) {
            version = value;
        } else if (str_is(key, "PRETTY_NAME")) {
            pretty = value;
        }
    }
    if (str_is(name, "Debian GNU/Linux")) {
        name = STR("Debian");
    }
    if (name.n == 0 || version.n == 0) {
        return clean_copy(pretty.n > 0 ? pretty : name, arena);
    }
    char joined[128];
    snprintf(joined, sizeof(joined), "%.*s %.*s", (int)MIN(name.n, 80u), name.p,
             (int)MIN(version.n, 40u), version.p);
    return clean_copy(str_from(joined), arena);
}

/* Cores in a list such as "0-3,6,8-9". */
static int
count_list(struct str list)
{
    int count = 0;
    struct str part;
    while (str_until(&list, ',', &part)) {
        uint64_t first, last;
        if (!str_u64(&part, &first)) {
            continue;
        }
        last = first;
        if (part.n > 1 && part.p[0] == '-') {
            part.p++;
            part.n--;
            str_u64(&part, &last);
        }
        if (last >= first && last - first < 65536) {
            count += (int)(last - first + 1);
        }
    }
    return count;
}

static const char *
container_kind(const struct roots *roots, struct arena *arena)
{
    static const struct {
        const char *file, *kind;
    } marks[] = {{"/.dockerenv", "docker"}, {"/run/.containerenv", "podman"}};
    char text[4096];
    /* The environment of pid 1 says container=lxc and the like where it may be read. */
    struct str rest = read_below(roots->proc, "1/environ", text, sizeof(text)), one;
    while (str_until(&rest, 0, &one)) {
        if (str_starts(one, "container=")) {
            return clean_copy((struct str){one.p + 10, one.n - 10}, arena);
        }
    }
    for (size_t i = 0; strcmp(roots->proc, "/proc") == 0 && i < ARRAY_SIZE(marks); i++) {
        if (access(marks[i].file, F_OK) == 0) {
            return marks[i].kind;
        }
    }
    return "";
}

bool
host_read(struct host *host, const struct roots *roots, struct arena *arena)
{
    char text[4096];
    struct str found;
    *host = (struct host){.name = "", .system = "", .kernel = "", .virtualization = ""};
    found = read_below(roots->proc, "sys/kernel/hostname", text, sizeof(text));
    host->name = clean_copy(found, arena);
    found = read_below(roots->proc, "sys/kernel/osrelease", text, sizeof(text));
    host->kernel = clean_copy(found, arena);
    found = read_below(strcmp(roots->proc, "/proc") == 0 ? "/" : roots->proc, "etc/os-release",
                       text, sizeof(text));
    host->system = system_name(found, arena);
    found = read_below(roots->sys, "devices/system/cpu/online", text, sizeof(text));
    host->cores = count_list(found);
    if (host->cores == 0 && strcmp(roots->sys, "/sys") == 0) {
        host->cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    }
    found = read_below(roots->proc, "uptime", text, sizeof(text));
    str_double(&found, &host->uptime_s);
    host->virtualization = container_kind(roots, arena);
    return host->name[0] != 0 || host->cores > 0;
}
