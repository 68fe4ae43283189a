/* The files of one process. Field numbers are those of proc(5). */
#include "proc_pid_parse.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define PF_KTHREAD 0x00200000u
#define CONTAINER_ID_DIGITS 32 /* Docker and its like use 64, some runtimes 32 */
#define CONTAINER_ID_SHOWN 12

/* Takes the field in front, which must end with a blank: a number that ends where the text ends may
 * be torn. */
static bool
take_field(struct str *rest, struct str *ret_field)
{
    return str_word(rest, ret_field) && rest->n > 0;
}

/* Fields 4-24 as numbers, index 0 is field 4. Saturates; a minus sign is kept by two's complement.
 */
#define STAT_FIRST 4
#define STAT_LAST 24
#define FIELD(number) fields[(number)-STAT_FIRST]

static bool
take_numbers(struct str rest, int64_t fields[STAT_LAST - STAT_FIRST + 1], uint64_t *ret_flags)
{
    for (int number = STAT_FIRST; number <= STAT_LAST; number++) {
        struct str field;
        if (!take_field(&rest, &field) || !str_i64(&field, &FIELD(number)) || field.n > 0) {
            return false;
        }
    }
    *ret_flags = (uint64_t)FIELD(9);
    return true;
}

static uint64_t
natural(int64_t value)
{
    return value < 0 ? 0 : (uint64_t)value;
}

static uint64_t
natural_sum(int64_t a, int64_t b)
{
    return natural(a) + natural(b); /* two times INT64_MAX still fits */
}

bool
pid_stat_parse(struct str text, struct pid_stat *ret_stat)
{
    struct str rest = text;
    struct pid_stat stat = {0};
    const char *close = text.n > 0 ? memrchr(text.p, ')', text.n) : NULL;
    if (close == NULL || !str_i64(&rest, &stat.pid) || rest.n < 2 || rest.p[0] != ' ' ||
        rest.p[1] != '(') {
        return false;
    }
    /* The name may hold anything, also ") R 1 (": only the last parenthesis ends it. */
    const char *open = rest.p + 1;
    if (close < open) {
        return false;
    }
    stat.name = (struct str){open + 1, (size_t)(close - open) - 1};
    rest = (struct str){close + 1, (size_t)(text.p + text.n - close) - 1};
    struct str state;
    if (rest.n == 0 || rest.p[0] != ' ' || !take_field(&rest, &state) || state.n != 1) {
        return false;
    }
    int64_t fields[STAT_LAST - STAT_FIRST + 1];
    uint64_t flags;
    if (!take_numbers(rest, fields, &flags)) {
        return false;
    }
    stat.state = state.p[0];
    stat.parent_pid = FIELD(4);
    stat.kernel = (flags & PF_KTHREAD) != 0;
    stat.minor_faults = natural(FIELD(10));
    stat.children_faults = natural(FIELD(11));
    stat.major_faults = natural(FIELD(12));
    stat.cpu_ticks = natural_sum(FIELD(14), FIELD(15));
    stat.children_cpu_ticks = natural_sum(FIELD(16), FIELD(17));
    stat.nice = FIELD(19);
    stat.threads = FIELD(20);
    stat.start_ticks = natural(FIELD(22));
    stat.virtual_bytes = natural(FIELD(23));
    stat.rss_pages = FIELD(24);
    *ret_stat = stat;
    return true;
}

/* "key: value" lines: the value of each wanted key, found[i] set where it was whole (ended by LF).
 */
struct wanted {
    const char *key;
    uint64_t value;
    unsigned index; /* which number of the line, from 0 */
    bool found;
};

static bool
nth_number(struct str line, unsigned index, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i <= index; i++) {
        if (!str_u64(&line, &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

static bool
find_all(struct str text, struct wanted *wanted, size_t count)
{
    size_t left = count;
    struct str line;
    while (left > 0 && memchr(text.p, '\n', text.n) != NULL && str_line(&text, &line)) {
        struct str key;
        if (!str_until(&line, ':', &key)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            if (!wanted[i].found && str_is(key, wanted[i].key) &&
                nth_number(line, wanted[i].index, &wanted[i].value)) {
                wanted[i].found = true;
                left--;
            }
        }
    }
    return left == 0;
}

bool
pid_io_parse(struct str text, struct pid_io *ret_io)
{
    struct wanted wanted[] = {{.key = "read_bytes"}, {.key = "write_bytes"}};
    if (text.n == 0 || !find_all(text, wanted, ARRAY_SIZE(wanted))) {
        return false;
    }
    *ret_io = (struct pid_io){wanted[0].value, wanted[1].value};
    return true;
}

bool
pid_status_parse(struct str text, struct pid_status *ret_status)
{
    /* Uid: real, effective, saved, file system. The name in the first line is escaped by the
     * kernel. */
    struct wanted wanted[] = {{.key = "Uid", .index = 1},
                              {.key = "voluntary_ctxt_switches"},
                              {.key = "nonvoluntary_ctxt_switches"}};
    if (text.n == 0 || !find_all(text, wanted, ARRAY_SIZE(wanted)) ||
        wanted[0].value > UINT32_MAX) {
        return false;
    }
    *ret_status = (struct pid_status){.effective_uid = (uint32_t)wanted[0].value,
                                      .switches = wanted[1].value + wanted[2].value};
    return true;
}

bool
pid_cgroup_parse(struct str text, struct str *ret_path)
{
    struct str first = {0};
    bool any = false;
    struct str line;
    while (text.n > 0 && memchr(text.p, '\n', text.n) != NULL && str_line(&text, &line)) {
        struct str id, controllers;
        if (!str_until(&line, ':', &id) || !str_until(&line, ':', &controllers) || line.n == 0 ||
            line.p[0] != '/') {
            continue;
        }
        any = true;
        if (line.n > 1 && str_is(id, "0")) {
            *ret_path = line;
            return true;
        }
        if (line.n > 1 && first.n == 0) {
            first = line;
        }
    }
    if (any) {
        *ret_path = first.n > 0 ? first : STR("/");
    }
    return any;
}

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The last run of enough hexadecimal digits in the path. */
static bool
find_container_id(struct str path, struct str *ret_id)
{
    size_t end = path.n;
    while (end > 0) {
        size_t start = end;
        while (start > 0 && is_hex(path.p[start - 1])) {
            start--;
        }
        if (end - start >= CONTAINER_ID_DIGITS) {
            *ret_id = (struct str){path.p + start, CONTAINER_ID_SHOWN};
            return true;
        }
        end = start < end ? start : end - 1;
    }
    return false;
}

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : is_hex(c) ? c - 'a' + 10 : -1;
}

/* systemd writes bytes that are not allowed in a unit's name as \xNN (systemd.unit(5)). */
static size_t
undo_escapes(struct str s, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < size; i++) {
        if (s.p[i] == '\\' && i + 3 < s.n && s.p[i + 1] == 'x' && hex_digit(s.p[i + 2]) >= 0 &&
            hex_digit(s.p[i + 3]) >= 0) {
            dst[n++] = (char)(hex_digit(s.p[i + 2]) * 16 + hex_digit(s.p[i + 3]));
            i += 3;
        } else {
            dst[n++] = s.p[i];
        }
    }
    return n;
}

size_t
cgroup_short_name(struct str path, char *dst, size_t size)
{
    struct str name;
    if (find_container_id(path, &name)) {
        return utf8_clean(name, dst, size);
    }
    while (path.n > 1 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    const char *slash = path.n > 1 ? memrchr(path.p, '/', path.n) : NULL;
    name = slash == NULL ? path : (struct str){slash + 1, (size_t)(path.p + path.n - slash) - 1};
    char plain[256];
    size_t n = undo_escapes(name, plain, sizeof(plain));
    return utf8_clean((struct str){plain, n}, dst, size);
}

size_t
pid_cmdline_text(struct str text, char *dst, size_t size)
{
    while (text.n > 0 && text.p[text.n - 1] == 0) {
        text.n--;
    }
    char joined[4096];
    size_t n = MIN(text.n, sizeof(joined));
    for (size_t i = 0; i < n; i++) {
        joined[i] = text.p[i] == 0 ? ' ' : text.p[i];
    }
    return utf8_clean((struct str){joined, n}, dst, size);
}

bool
pid_limits_parse(struct str text, int64_t *ret_open_files)
{
    static const char name[] = "Max open files";
    struct str line, word;
    while (str_line(&text, &line)) {
        if (!str_starts(line, name)) {
            continue;
        }
        struct str rest = {line.p + sizeof(name) - 1, line.n - (sizeof(name) - 1)};
        if (!take_field(&rest, &word)) {
            return false;
        }
        if (str_is(word, "unlimited")) {
            *ret_open_files = INT64_MAX;
            return true;
        }
        int64_t limit;
        if (!str_i64(&word, &limit) || word.n > 0 || limit < 0) {
            return false;
        }
        *ret_open_files = limit;
        return true;
    }
    return false;
}

bool
pid_parse(const char *name, int64_t *ret_pid)
{
    int64_t pid = 0;
    size_t i = 0;
    for (; name[i] >= '0' && name[i] <= '9' && i < 10; i++) {
        pid = pid * 10 + (name[i] - '0');
    }
    if (i == 0 || name[i] != 0 || name[0] == '0') {
        return false;
    }
    *ret_pid = pid;
    return true;
}
