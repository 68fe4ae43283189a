/* Control groups' files. */
#include "cgroup_parse.h"

#include <math.h>

#include "flametop/base/macros.h"

#define NO_LIMIT 0x1p62 /* v1 says PAGE_COUNTER_MAX in bytes: 2^63 less a page */
#define CPUS_MAX 65536

static const char *const controller_names[CGROUP_CONTROLLER_COUNT] = {
    [CGROUP_CPU] = "cpu",       [CGROUP_CPUACCT] = "cpuacct", [CGROUP_CPUSET] = "cpuset",
    [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids",
};

unsigned
cgroup_controllers(struct str list, char separator)
{
    unsigned bits = 0;
    struct str name;
    while (str_until(&list, separator, &name)) {
        name = str_trim(name);
        for (unsigned i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
            bits |= str_is(name, controller_names[i]) ? 1u << i : 0;
        }
    }
    return bits;
}

bool
cgroup_mount_parse(struct str line, struct cgroup_mount *ret_mount)
{
    /* id parent major:minor root point options [tags...] - type source super-options */
    struct str id, parent, device, options, word, type, source, super;
    struct cgroup_mount mount = {0};
    if (!str_word(&line, &id) || !str_word(&line, &parent) || !str_word(&line, &device) ||
        !str_word(&line, &mount.root) || !str_word(&line, &mount.point) ||
        !str_word(&line, &options)) {
        return false;
    }
    do {
        if (!str_word(&line, &word)) {
            return false;
        }
    } while (!str_is(word, "-"));
    if (!str_word(&line, &type) || !str_word(&line, &source) || !str_word(&line, &super)) {
        return false;
    }
    mount.v2 = str_is(type, "cgroup2");
    mount.controllers = mount.v2 ? 0 : cgroup_controllers(super, ',');
    if (!mount.v2 && (!str_is(type, "cgroup") || mount.controllers == 0)) {
        return false; /* something else, or a named hierarchy without controllers */
    }
    *ret_mount = mount;
    return true;
}

static bool
is_octal(char c)
{
    return c >= '0' && c <= '7';
}

char *
cgroup_unescape(struct str s, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < size; i++) {
        if (s.p[i] == '\\' && i + 3 < s.n && is_octal(s.p[i + 1]) && is_octal(s.p[i + 2]) &&
            is_octal(s.p[i + 3])) {
            dst[n++] =
                (char)((s.p[i + 1] - '0') * 64 + (s.p[i + 2] - '0') * 8 + (s.p[i + 3] - '0'));
            i += 3;
        } else {
            dst[n++] = s.p[i];
        }
    }
    if (size > 0) {
        dst[n] = 0;
    }
    return dst;
}

bool
cgroup_path_of(struct str text, unsigned controllers, struct str *ret_path)
{
    struct str line;
    while (str_line(&text, &line)) {
        struct str id, list;
        if (!str_until(&line, ':', &id) || !str_until(&line, ':', &list) || line.n == 0 ||
            line.p[0] != '/') {
            continue;
        }
        bool match = controllers == 0 ? str_is(id, "0") && list.n == 0
                                      : (cgroup_controllers(list, ',') & controllers) != 0;
        if (match) {
            *ret_path = line;
            return true;
        }
    }
    return false;
}

bool
cgroup_value_parse(struct str text, double *ret_value)
{
    int64_t value;
    text = str_trim(text);
    if (str_is(text, "max")) {
        *ret_value = INFINITY;
        return true;
    }
    if (!str_i64(&text, &value) || text.n > 0) {
        return false;
    }
    *ret_value = value < 0 || (double)value >= NO_LIMIT ? INFINITY : (double)value;
    return true;
}

bool
cgroup_cpu_max_parse(struct str text, double *ret_cores)
{
    struct str quota_word;
    uint64_t period;
    double quota;
    if (!str_word(&text, &quota_word) || !cgroup_value_parse(quota_word, &quota) ||
        !str_u64(&text, &period) || period == 0) {
        return false;
    }
    *ret_cores = quota / (double)period;
    return true;
}

bool
cgroup_key(struct str text, const char *key, uint64_t *ret_value)
{
    struct str line, word;
    while (str_line(&text, &line)) {
        if (str_word(&line, &word) && str_is(word, key)) {
            return str_u64(&line, ret_value);
        }
    }
    return false;
}

bool
cgroup_pressure_parse(struct str text, const char *kind, uint64_t *ret_us)
{
    struct str line, word;
    while (str_line(&text, &line)) {
        if (!str_word(&line, &word) || !str_is(word, kind)) {
            continue;
        }
        while (str_word(&line, &word)) {
            if (str_starts(word, "total=")) {
                word = (struct str){word.p + 6, word.n - 6};
                return str_u64(&word, ret_us);
            }
        }
    }
    return false;
}

size_t
cgroup_cpu_count(struct str list)
{
    size_t count = 0;
    struct str part;
    list = str_trim(list);
    while (str_until(&list, ',', &part)) {
        uint64_t first, last;
        if (!str_u64(&part, &first)) {
            return 0;
        }
        last = first;
        if (part.n > 0 && part.p[0] == '-') {
            part = (struct str){part.p + 1, part.n - 1};
            if (!str_u64(&part, &last)) {
                return 0;
            }
        }
        if (part.n > 0 || last < first || last >= CPUS_MAX) {
            return 0;
        }
        count += (size_t)(last - first) + 1;
    }
    return MIN(count, (size_t)CPUS_MAX);
}
