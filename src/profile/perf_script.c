/* What `perf script` prints: for each sample a line
 *
 *   comm 1234/1235 [000] 5432.123456:     250000 cpu-clock:uhH:
 *
 * then its frames, the callee first, each `\taddress symbol+0x12 (module)`, then an empty line. The
 * comm is the first frame, as two programs that are alike are still two. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "formats.h"

#define DEPTH_MAX 65536u

struct perf {
    struct profile *profile;
    uint32_t samples, period; /* measures */
    char event[48];           /* whose periods are added up: the first */
    struct str comm;
    double weight; /* of the sample's period; 0: none, or of another event */
    bool inside;   /* of a sample */
    uint32_t depth;
};

static bool
is_frame_line(struct str line)
{
    return line.n > 0 && (line.p[0] == '\t' || line.p[0] == ' ') && str_trim(line).n > 0;
}

static bool
is_event(struct str word)
{
    return word.n > 1 && word.p[word.n - 1] == ':' && !isdigit((unsigned char)word.p[0]);
}

/* "5432.123456:" */
static bool
is_time(struct str word)
{
    size_t i = 0;
    while (i < word.n && (isdigit((unsigned char)word.p[i]) || word.p[i] == '.')) {
        i++;
    }
    return i > 0 && i + 1 == word.n && word.p[i] == ':';
}

/* "1234" or "1234/1235" */
static bool
is_pid(struct str word)
{
    size_t slashes = 0;
    for (size_t i = 0; i < word.n; i++) {
        slashes += word.p[i] == '/';
        if (!isdigit((unsigned char)word.p[i]) && !(word.p[i] == '-' && i == 0) &&
            !(word.p[i] == '/' && i > 0)) {
            return false;
        }
    }
    return word.n > 0 && slashes < 2;
}

struct header {
    struct str comm, event;
    double period;
    bool has_period;
};

/* A comm may hold blanks: the pid is the first word after it that is one and has a time, or a CPU
 * and a time, after it. */
static bool
read_header(struct str line, struct header *ret)
{
    struct str rest = line, word, before = {0}, pid = {0};
    *ret = (struct header){0};
    while (str_word(&rest, &word)) {
        if (is_time(word) && pid.n > 0) {
            ret->comm = str_trim((struct str){line.p, (size_t)(pid.p - line.p)});
            break;
        }
        bool cpu = word.p[0] == '[' && word.p[word.n - 1] == ']';
        pid = is_pid(word) ? word : cpu ? pid : (struct str){0};
    }
    if (ret->comm.n == 0) {
        return false;
    }
    while (str_word(&rest, &word)) {
        struct str number = before;
        if (is_event(word)) {
            ret->event = (struct str){word.p, word.n - 1};
            ret->has_period = number.n > 0 && str_double(&number, &ret->period) && number.n == 0;
            return true;
        }
        before = word;
    }
    return true;
}

/* "ffffffff8104f45a native_safe_halt+0xa ([kernel.kallsyms])": name and module. A name may hold
 * blanks and parentheses; the module is in the last ones. */
static bool
read_frame(struct str line, struct str *ret_name, struct str *ret_module)
{
    struct str address;
    line = str_trim(line);
    if (!str_word(&line, &address)) {
        return false;
    }
    line = str_trim(line);
    *ret_module = (struct str){"", 0};
    if (line.n > 1 && line.p[line.n - 1] == ')') {
        size_t open = line.n - 1, depth = 1;
        while (open > 0 && depth > 0) {
            open--;
            depth += line.p[open] == ')';
            depth -= line.p[open] == '(';
        }
        if (depth == 0 && (open == 0 || line.p[open - 1] == ' ')) {
            *ret_module = (struct str){line.p + open + 1, line.n - open - 2};
            line = str_trim((struct str){line.p, open});
        }
    }
    const char *plus = memrchr(line.p, '+', line.n);
    if (plus != NULL && str_starts((struct str){plus, (size_t)(line.p + line.n - plus)}, "+0x")) {
        line.n = (size_t)(plus - line.p);
    }
    *ret_name = line.n > 0 ? line : address;
    return true;
}

/* A frame without a symbol is known by its file alone. */
static uint32_t
intern(struct profile *profile, struct str name, struct str module)
{
    char text[PROFILE_NAME_BYTES_MAX];
    if (str_is(module, "[kernel.kallsyms]") || str_is(module, "[guest.kernel.kallsyms]") ||
        (module.n > 3 && str_ends(module, ".ko"))) {
        module = STR("[kernel]");
    }
    if (!str_is(name, "[unknown]") || module.n == 0 || str_is(module, "[unknown]")) {
        return profile_frame(profile, name, str_is(module, "[unknown]") ? STR("") : module);
    }
    const char *slash = memrchr(module.p, '/', module.n);
    struct str base =
        slash != NULL ? (struct str){slash + 1, (size_t)(module.p + module.n - slash - 1)} : module;
    int n = snprintf(text, sizeof(text), "[%.*s]", (int)MIN(base.n, sizeof(text) - 3), base.p);
    return profile_frame(profile, (struct str){text, (size_t)n}, module);
}

static void
end_sample(struct perf *perf, uint32_t *stack)
{
    if (!perf->inside) {
        return;
    }
    struct profile *profile = perf->profile;
    uint32_t node = profile_child(profile, 0, profile_frame(profile, perf->comm, STR("")));
    for (uint32_t i = perf->depth; i > 0; i--) {
        node = profile_child(profile, node, stack[i - 1]);
    }
    profile_put(profile, node, perf->samples, 1);
    profile_put(profile, node, perf->period, perf->weight);
    perf->inside = false;
}

static void
begin_sample(struct perf *perf, const struct header *header)
{
    perf->inside = true;
    perf->comm = header->comm;
    perf->depth = 0;
    perf->weight = 0;
    if (!header->has_period || header->event.n == 0) {
        return;
    }
    if (perf->event[0] == '\0') {
        str_copy(header->event, perf->event, sizeof(perf->event));
        char name[48];
        str_copy(header->event, name, sizeof(name));
        name[strcspn(name, ":")] = '\0';
        bool clock = strstr(name, "-clock") != NULL;
        perf->period =
            profile_measure(perf->profile, str_from(name), clock ? "s" : "", clock ? 1e-9 : 1);
    }
    perf->weight =
        strncmp(perf->event, header->event.p, MIN(header->event.n, sizeof(perf->event) - 1)) == 0
            ? header->period
            : 0;
}

static bool
perf_read(struct str text, struct profile *profile, char *why, size_t why_size)
{
    struct perf perf = {.profile = profile, .period = PROFILE_NONE};
    uint32_t *stack = malloc(DEPTH_MAX * sizeof(uint32_t));
    struct str line, name, module;
    struct header header;
    bool good = stack != NULL;
    perf.samples = profile_measure(profile, STR("samples"), "", 1);
    snprintf(why, why_size, "out of memory");
    for (size_t number = 1; good && str_line(&text, &line); number++) {
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        if (line.n > 0 && line.p[0] == '#') {
            continue;
        }
        if (str_trim(line).n == 0) {
            end_sample(&perf, stack);
        } else if (perf.inside && is_frame_line(line)) {
            bool is = read_frame(line, &name, &module);
            profile->cut += is && perf.depth == DEPTH_MAX;
            if (is && perf.depth < DEPTH_MAX) {
                stack[perf.depth++] = intern(profile, name, module);
            }
        } else if (read_header(line, &header)) {
            end_sample(&perf, stack);
            begin_sample(&perf, &header);
        } else {
            snprintf(why, why_size,
                     "line %zu: perf script prints a command, a pid and a time there", number);
            good = false;
        }
    }
    if (good) {
        end_sample(&perf, stack);
    }
    free(stack);
    return good;
}

static bool
perf_is(struct str head, bool whole)
{
    struct str line;
    struct header header;
    (void)whole;
    while (str_line(&head, &line)) {
        if (str_trim(line).n > 0 && line.p[0] != '#') {
            return memchr(line.p, '\0', line.n) == NULL && read_header(line, &header);
        }
    }
    return false;
}

const struct profile_format profile_format_perf_script = {
    .name = "perf script",
    .text = "The text that perf script prints.",
    .is = perf_is,
    .read = perf_read,
};
