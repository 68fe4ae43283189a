/* Parsers for the kernel's system-wide files. */
#include "proc_parse.h"

#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "kept.h"

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool
parse_count(struct str *rest, double *ret_value)
{
    struct str s = *rest;
    uint64_t value;
    if (!str_u64(&s, &value) || value == UINT64_MAX || (s.n > 0 && !is_blank(s.p[0]))) {
        return false;
    }
    *ret_value = (double)value;
    *rest = s;
    return true;
}

bool
parse_single(struct str text, double *ret_value)
{
    struct str s = str_trim(text);
    int64_t value;
    if (!str_i64(&s, &value) || s.n > 0 || value == INT64_MIN || value == INT64_MAX) {
        return false;
    }
    *ret_value = (double)value;
    return true;
}

/* "0 10000 100 …" after "cpu": at least user, nice, system and idle, and nothing but numbers. */
static bool
core_fields(struct str s, struct stat_core *core)
{
    uint64_t cpu;
    if (s.n == 0 || is_blank(s.p[0]) || !str_u64(&s, &cpu) || cpu >= STAT_CPU_MAX) {
        return false;
    }
    core->cpu = (unsigned)cpu;
    size_t count = 0;
    while (count < STAT_FIELDS && s.n > 0 && is_blank(s.p[0]) &&
           parse_count(&s, &core->ticks[count])) {
        count++;
    }
    if (count <= STAT_IDLE || (count < STAT_FIELDS && str_trim(s).n > 0)) {
        return false;
    }
    for (; count < STAT_FIELDS; count++) {
        core->ticks[count] = NAN;
    }
    return true;
}

bool
parse_stat_core(struct str *rest, struct stat_core *ret_core, size_t *refused)
{
    struct str line, at = *rest;
    while (kept_line(&at, &line) && str_starts(line, "cpu")) {
        *rest = at;
        struct str fields = {line.p + 3, line.n - 3};
        if (fields.n > 0 && is_blank(fields.p[0])) {
            continue;
        }
        struct stat_core core;
        if (core_fields(fields, &core)) {
            *ret_core = core;
            return true;
        }
        (*refused)++;
    }
    return false;
}

static void
parse_softirqs(struct str s, double values[STAT_SOFTIRQS])
{
    double total;
    if (!parse_count(&s, &total)) {
        return;
    }
    for (size_t i = 0; i < STAT_SOFTIRQS && parse_count(&s, &values[i]); i++) {
    }
}

void
parse_stat_rest(struct str rest, struct stat_text *ret_text)
{
    struct stat_text text = {
        .interrupts = NAN, .context_switches = NAN, .forks = NAN, .running = NAN, .blocked = NAN};
    for (size_t i = 0; i < STAT_SOFTIRQS; i++) {
        text.softirqs[i] = NAN;
    }
    const struct {
        const char *key;
        double *value;
    } rows[] = {{"intr", &text.interrupts},
                {"ctxt", &text.context_switches},
                {"processes", &text.forks},
                {"procs_running", &text.running},
                {"procs_blocked", &text.blocked}};
    struct str line, word;
    while (kept_line(&rest, &line)) {
        if (!str_word(&line, &word)) {
            continue;
        }
        if (str_is(word, "softirq")) {
            parse_softirqs(line, text.softirqs);
            continue;
        }
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            if (str_is(word, rows[i].key)) {
                parse_count(&line, rows[i].value);
                break;
            }
        }
    }
    *ret_text = text;
}

/* A decimal that ends at a blank or at the line's end. */
static bool
parse_decimal(struct str *rest, double *ret_value)
{
    struct str s = *rest;
    double value;
    if (!str_double(&s, &value) || value < 0 || (s.n > 0 && !is_blank(s.p[0]))) {
        return false;
    }
    *ret_value = value;
    *rest = s;
    return true;
}

bool
parse_loadavg(struct str text, struct loadavg *ret_loadavg)
{
    struct str line, part;
    struct loadavg got;
    if (!kept_line(&text, &line)) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        if (!parse_decimal(&line, &got.load[i])) {
            return false;
        }
    }
    if (!str_until(&line, '/', &part) || !parse_count(&part, &got.runnable) || part.n > 0 ||
        !parse_count(&line, &got.threads)) {
        return false;
    }
    *ret_loadavg = got;
    return true;
}

bool
parse_uptime(struct str text, double *ret_seconds)
{
    struct str line;
    return kept_line(&text, &line) && parse_decimal(&line, ret_seconds);
}

/* "avg10=9.67": the number after the key, which must be the next word. */
static bool
keyed_decimal(struct str *line, const char *key, double *ret_value)
{
    struct str word;
    size_t n = strlen(key);
    if (!str_word(line, &word) || !str_starts(word, key)) {
        return false;
    }
    struct str number = {word.p + n, word.n - n};
    return parse_decimal(&number, ret_value) && number.n == 0;
}

static bool
pressure_fields(struct str line, struct pressure_line *ret_line)
{
    double avg10, avg60, avg300, total_us;
    if (!keyed_decimal(&line, "avg10=", &avg10) || !keyed_decimal(&line, "avg60=", &avg60) ||
        !keyed_decimal(&line, "avg300=", &avg300) || !keyed_decimal(&line, "total=", &total_us)) {
        return false;
    }
    *ret_line = (struct pressure_line){avg10 / 100, avg60 / 100, avg300 / 100, total_us / 1e6};
    return true;
}

bool
parse_pressure(struct str text, struct pressure_text *ret_text)
{
    static const struct pressure_line none = {NAN, NAN, NAN, NAN};
    struct pressure_text got = {none, none};
    bool any = false;
    struct str line, word;
    while (kept_line(&text, &line)) {
        if (!str_word(&line, &word)) {
            continue;
        }
        if (str_is(word, "some")) {
            any |= pressure_fields(line, &got.some);
        } else if (str_is(word, "full")) {
            any |= pressure_fields(line, &got.full);
        }
    }
    *ret_text = got;
    return any;
}

static bool
skip_words(struct str *line, unsigned count)
{
    struct str word;
    for (unsigned i = 0; i < count; i++) {
        if (!str_word(line, &word)) {
            return false;
        }
    }
    return true;
}

/* Splits a line into its key (without ':') and what follows. */
static bool
split_line(struct str line, struct keyed_shape shape, struct str *ret_key, struct str *ret_rest)
{
    if (!skip_words(&line, shape.words_before_key) || !str_word(&line, ret_key)) {
        return false;
    }
    ret_key->n -= ret_key->p[ret_key->n - 1] == ':';
    *ret_rest = line;
    return true;
}

static double
keyed_value(struct str rest, struct keyed_shape shape)
{
    struct str unit;
    double value;
    if (!skip_words(&rest, shape.words_before_value) || !parse_count(&rest, &value)) {
        return NAN;
    }
    if (!str_word(&rest, &unit)) {
        return value;
    }
    return str_is(unit, "kB") && str_trim(rest).n == 0 ? value * 1024 : NAN;
}

static int16_t
find_key(struct str key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(key, keys[i])) {
            return (int16_t)i;
        }
    }
    return -1;
}

static void
forget_values(double *values, bool *seen, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = NAN;
        seen[i] = false;
    }
}

/* Reads by the plan; false when the file is laid out otherwise. */
static bool
read_planned(struct str text, struct keyed_shape shape, const char *const *keys,
             const struct keyed_plan *plan, double *values)
{
    struct str line, key, rest;
    size_t n = 0;
    for (; n < plan->lines && kept_line(&text, &line); n++) {
        int16_t wanted = plan->key_of_line[n];
        if (wanted < 0) {
            continue;
        }
        if (!split_line(line, shape, &key, &rest) || !str_is(key, keys[wanted])) {
            return false;
        }
        values[wanted] = keyed_value(rest, shape);
    }
    return n == plan->lines && (n == KEYED_LINES_MAX || !kept_line(&text, &line));
}

static void
make_plan(struct str text, struct keyed_shape shape, const char *const *keys, size_t count,
          struct keyed_plan *plan, bool *seen)
{
    struct str line, key, rest;
    for (plan->lines = 0; plan->lines < KEYED_LINES_MAX && kept_line(&text, &line); plan->lines++) {
        int16_t wanted = split_line(line, shape, &key, &rest) ? find_key(key, keys, count) : -1;
        if (wanted >= 0 && seen[wanted]) {
            wanted = -1;
        }
        if (wanted >= 0) {
            seen[wanted] = true;
        }
        plan->key_of_line[plan->lines] = wanted;
    }
}

#define KEYED_KEYS_MAX 64

void
parse_keyed(struct str text, struct keyed_shape shape, const char *const *keys, size_t count,
            struct keyed_plan *plan, double *ret_values)
{
    bool seen[KEYED_KEYS_MAX];
    count = MIN(count, KEYED_KEYS_MAX);
    forget_values(ret_values, seen, count);
    if (plan->lines > 0 && read_planned(text, shape, keys, plan, ret_values)) {
        return;
    }
    forget_values(ret_values, seen, count);
    make_plan(text, shape, keys, count, plan, seen);
    read_planned(text, shape, keys, plan, ret_values);
}

void
parse_cpuinfo_frequencies(struct str text, void (*take)(void *context, unsigned cpu, double hz),
                          void *context)
{
    struct str line, key;
    uint64_t cpu = STAT_CPU_MAX;
    double number;
    while (kept_line(&text, &line)) {
        if (!str_until(&line, ':', &key)) {
            continue;
        }
        key = str_trim(key);
        if (str_is(key, "processor")) {
            cpu = parse_single(line, &number) && number >= 0 && number < STAT_CPU_MAX
                      ? (uint64_t)number
                      : STAT_CPU_MAX;
        } else if (cpu < STAT_CPU_MAX && str_is(key, "cpu MHz") && parse_decimal(&line, &number)) {
            take(context, (unsigned)cpu, number * 1e6);
        }
    }
}

bool
parse_zram(struct str text, double *ret_stored, double *ret_compressed, double *ret_memory)
{
    struct str line;
    double stored, compressed, memory;
    if (!kept_line(&text, &line) || !parse_count(&line, &stored) ||
        !parse_count(&line, &compressed) || !parse_count(&line, &memory)) {
        return false;
    }
    *ret_stored = stored;
    *ret_compressed = compressed;
    *ret_memory = memory;
    return true;
}
