/* Names and units from outside. */
#include <ctype.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "fold.h"

/* What the mission calls otherwise than we do. */
static const struct {
    const char *theirs, *ours;
} renamed[] = {
    {"worker.performance", "worker.request.duration"},
    {"pool.capacity_utilization", "pool.capacity.utilization"},
    {"request.completed", "request.count"},
    {"request.throughput", "request.count"},
    {"agents.avgResponseTime", "agent.task.duration"},
    {"agents.taskThroughput", "agent.task.rate"},
    {"queries.avgResponseTime", "db.client.operation.duration"},
    {"queries.slowQueries", "db.client.slow_queries"},
    {"queries.cacheHitRate", "cache.hit.ratio"},
};

/* clang-format off */
static const struct {
    const char *theirs, *ours;
    double scale;
} units[] = {
    {"s", "s", 1},          {"ms", "s", 1e-3},         {"us", "s", 1e-6},
    {"\xC2\xB5s", "s", 1e-6}, {"ns", "s", 1e-9},         {"min", "s", 60},
    {"h", "s", 3600},       {"d", "s", 86400},         {"seconds", "s", 1},
    {"milliseconds", "s", 1e-3}, {"microseconds", "s", 1e-6}, {"nanoseconds", "s", 1e-9},
    {"By", "By", 1},        {"B", "By", 1},            {"bytes", "By", 1},
    {"KiBy", "By", 1024},   {"MiBy", "By", 1048576},   {"GiBy", "By", 1073741824},
    {"KiB", "By", 1024},    {"MiB", "By", 1048576},    {"GiB", "By", 1073741824},
    {"kBy", "By", 1e3},     {"MBy", "By", 1e6},        {"GBy", "By", 1e9},
    {"kB", "By", 1e3},      {"MB", "By", 1e6},         {"GB", "By", 1e9},
    {"1", "1", 1},          {"%", "1", 0.01},          {"percent", "1", 0.01},
    {"Hz", "Hz", 1},        {"Cel", "Cel", 1},         {"V", "V", 1},
    {"A", "A", 1},          {"W", "W", 1},             {"J", "J", 1},
};
/* clang-format on */

static void
put(char *dst, size_t *n, char c)
{
    if (*n + 1 < FOLD_NAME_BYTES) {
        dst[(*n)++] = c;
    }
}

/* Words in capitals become parts: "taskQueue" is task_queue, "HTTPServer" httpserver. */
static void
clean(struct str raw, char dst[FOLD_NAME_BYTES])
{
    size_t n = 0;
    bool small = false; /* a small letter or a digit came before */
    for (size_t i = 0; i < raw.n && n + 2 < FOLD_NAME_BYTES; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        bool word = c < 0x80 && isalnum(c);
        char mark = c == '.' || c == '/' ? '.' : '_';
        if (word && isupper(c) && small) {
            put(dst, &n, '_');
        }
        if (word) {
            put(dst, &n, (char)tolower(c));
        } else if (n > 0 && mark == '.' && dst[n - 1] == '_') {
            dst[n - 1] = '.';
        } else if (n > 0 && dst[n - 1] != '.' && dst[n - 1] != '_') {
            put(dst, &n, mark);
        }
        small = word && !isupper(c);
    }
    while (n > 0 && (dst[n - 1] == '_' || dst[n - 1] == '.')) {
        n--;
    }
    dst[n] = '\0';
}

bool
fold_name(struct str raw, char dst[FOLD_NAME_BYTES])
{
    for (size_t i = 0; i < ARRAY_SIZE(renamed); i++) {
        if (str_is(raw, renamed[i].theirs)) {
            str_copy(str_from(renamed[i].ours), dst, FOLD_NAME_BYTES);
            return true;
        }
    }
    clean(raw, dst);
    if (isdigit((unsigned char)dst[0])) { /* a name begins with a letter */
        size_t n = MIN(strlen(dst), (size_t)FOLD_NAME_BYTES - 3);
        memmove(dst + 2, dst, n);
        memcpy(dst, "n_", 2);
        dst[n + 2] = '\0';
    }
    return dst[0] != '\0';
}

/* "{request}": what is counted. */
static bool
is_thing(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        bool edge = i == 0 || i + 1 == raw.n;
        if (edge ? raw.p[i] != (i == 0 ? '{' : '}') : !isalnum((unsigned char)raw.p[i])) {
            return false;
        }
    }
    return raw.n > 2 && raw.n < 24;
}

void
fold_unit(struct str raw, char *dst, size_t size, double *ret_scale)
{
    *ret_scale = 1;
    str_copy(is_thing(raw) ? raw : STR(""), dst, size);
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (str_is(raw, units[i].theirs)) {
            *ret_scale = units[i].scale;
            str_copy(str_from(units[i].ours), dst, size);
        }
    }
}
