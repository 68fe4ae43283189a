/* Callgrind's and Cachegrind's output (valgrind's manual, "Callgrind Format Specification"), which
 * Xdebug and others write as well.
 *
 * It says what each function cost itself and what each of its callees cost on its behalf, not in
 * which stacks. So what a function cost is divided among its callers by their shares, all the way
 * down: exact where a function does the same for whoever calls it. Calls back into what is on the
 * stack already add nothing: their cost is in the first call. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "formats.h"

#define FUNCTIONS_MAX (1u << 22)
#define CALLS_MAX (1u << 23)
#define WORK_MAX (1u << 25) /* calls that are gone through */
#define SHARE_MIN 1e-5      /* of all: less is not divided any further */
#define MEASURES PROFILE_MEASURES_MAX
#define NONE UINT32_MAX

struct costs {
    double of[MEASURES];
};

struct function {
    uint32_t frame;
    uint32_t calls, call_count; /* the first of its list of calls; NONE: none */
    struct costs self;
    bool open, seen; /* on the stack; anywhere */
};

struct call {
    uint32_t callee, next;
    struct costs costs;
};

/* A visit of a function: what of its cost is to be divided here, and among what. */
struct visit {
    uint32_t function, node, next;
    struct costs weight, whole;
};

struct callgrind {
    struct profile *profile;
    const char *end; /* of the text */
    struct function *functions;
    struct call *calls;
    uint32_t function_count, function_capacity, call_count, call_capacity;
    struct map files, objects, names; /* id → rest of the line; of names: function + 1 */
    struct map by_frame, by_pair;     /* frame → function + 1; caller, callee → call + 1 */

    uint32_t measures[MEASURES];
    size_t measure_count, positions;
    struct str file, own_file, object, called_file, called_object;
    uint32_t function, callee; /* NONE: not named yet */
    bool is_call;              /* the next costs are of a call */

    struct visit *stack;
    uint32_t depth, stack_capacity, work;
    struct costs all;
    const char *why; /* NULL: nothing is wrong */
};

static bool
fail(struct callgrind *callgrind, const char *why)
{
    callgrind->why = callgrind->why != NULL ? callgrind->why : why;
    return false;
}

/* ---- names ---- */

/* "(12) name" gives a number to a name, "(12)" is that name, anything else is a name. */
static bool
split_name(struct str text, uint64_t *ret_id, struct str *ret_name)
{
    struct str rest = text;
    *ret_id = 0;
    *ret_name = text;
    if (rest.n < 3 || rest.p[0] != '(' || !isdigit((unsigned char)rest.p[1])) {
        return false;
    }
    rest = (struct str){rest.p + 1, rest.n - 1};
    if (!str_u64(&rest, ret_id) || rest.n == 0 || rest.p[0] != ')') {
        return false;
    }
    *ret_name = str_trim((struct str){rest.p + 1, rest.n - 1});
    return true;
}

/* Names live as long as the text: the map knows where the line goes on behind the number. */
static bool
read_name(struct callgrind *callgrind, struct map *map, struct str text, struct str *ret_name)
{
    uint64_t id;
    struct str name;
    if (!split_name(text, &id, &name)) {
        *ret_name = name;
        return true;
    }
    if (name.n > 0) {
        *ret_name = name;
        return map_put(map, id, (void *)(uintptr_t)name.p) || fail(callgrind, "out of memory");
    }
    const char *begin = map_get(map, id);
    if (begin == NULL) {
        return fail(callgrind, "a number stands for a name that was not given");
    }
    const char *end = memchr(begin, '\n', (size_t)(callgrind->end - begin));
    end = end != NULL ? end : callgrind->end;
    *ret_name = str_trim((struct str){begin, (size_t)(end - begin)});
    return true;
}

static uint32_t
function_of(struct callgrind *callgrind, struct str name, struct str file, struct str object)
{
    struct str module = file.n > 0 && !str_is(file, "???") ? file : object;
    uint32_t frame = profile_frame(callgrind->profile, name, module);
    uintptr_t known = (uintptr_t)map_get(&callgrind->by_frame, frame);
    if (known > 0) {
        return (uint32_t)(known - 1);
    }
    if (callgrind->function_count == callgrind->function_capacity) {
        uint32_t wider = MAX(callgrind->function_capacity * 2, 256u);
        struct function *grown =
            wider <= FUNCTIONS_MAX ? realloc(callgrind->functions, wider * sizeof(*grown)) : NULL;
        if (grown == NULL) {
            fail(callgrind, "it has more functions than can be kept");
            return NONE;
        }
        callgrind->functions = grown;
        callgrind->function_capacity = wider;
    }
    uint32_t number = callgrind->function_count++;
    callgrind->functions[number] = (struct function){.frame = frame, .calls = NONE};
    if (!map_put(&callgrind->by_frame, frame, (void *)((uintptr_t)number + 1))) {
        fail(callgrind, "out of memory");
    }
    return number;
}

/* A function's number knows its file as well: where it was given. */
static uint32_t
read_function(struct callgrind *callgrind, struct str text, struct str file, struct str object)
{
    uint64_t id;
    struct str name;
    bool numbered = split_name(text, &id, &name);
    if (numbered && name.n == 0) {
        uintptr_t known = (uintptr_t)map_get(&callgrind->names, id);
        if (known == 0) {
            fail(callgrind, "a number stands for a function that was not named");
        }
        return known > 0 ? (uint32_t)(known - 1) : NONE;
    }
    uint32_t function = function_of(callgrind, name, file, object);
    if (numbered && function != NONE &&
        !map_put(&callgrind->names, id, (void *)((uintptr_t)function + 1))) {
        fail(callgrind, "out of memory");
    }
    return function;
}

/* ---- costs ---- */

static struct call *
call_of(struct callgrind *callgrind, uint32_t caller, uint32_t callee)
{
    uint64_t key = (uint64_t)caller << 32 | callee;
    uintptr_t known = (uintptr_t)map_get(&callgrind->by_pair, key);
    if (known > 0) {
        return &callgrind->calls[known - 1];
    }
    if (callgrind->call_count == callgrind->call_capacity) {
        uint32_t wider = MAX(callgrind->call_capacity * 2, 256u);
        struct call *grown =
            wider <= CALLS_MAX ? realloc(callgrind->calls, wider * sizeof(*grown)) : NULL;
        if (grown == NULL) {
            fail(callgrind, "it has more calls than can be kept");
            return NULL;
        }
        callgrind->calls = grown;
        callgrind->call_capacity = wider;
    }
    struct call *call = &callgrind->calls[callgrind->call_count++];
    *call = (struct call){.callee = callee, .next = callgrind->functions[caller].calls};
    callgrind->functions[caller].calls = callgrind->call_count - 1;
    callgrind->functions[caller].call_count++;
    if (!map_put(&callgrind->by_pair, key, (void *)(uintptr_t)callgrind->call_count)) {
        fail(callgrind, "out of memory");
    }
    return call;
}

static void
add_costs(struct callgrind *callgrind, struct costs *costs, const double *values, size_t count)
{
    struct profile *profile = callgrind->profile;
    for (size_t i = 0; i < MIN(count, callgrind->measure_count); i++) {
        if (!(values[i] >= 0 && values[i] <= PROFILE_VALUE_MAX)) {
            profile->refused[profile->side]++;
        } else if (callgrind->measures[i] != PROFILE_NONE) {
            costs->of[callgrind->measures[i]] += values[i];
        }
    }
}

/* Positions, then costs; those that are missing are none. */
static bool
read_costs(struct callgrind *callgrind, struct str line)
{
    struct str word;
    double values[MEASURES];
    size_t count = 0;
    for (size_t i = 0; i < callgrind->positions; i++) {
        str_word(&line, &word);
    }
    while (count < MEASURES && str_word(&line, &word)) {
        if (!str_double(&word, &values[count]) || word.n > 0) {
            return fail(callgrind, "a cost is no number");
        }
        count++;
    }
    if (callgrind->function == NONE) {
        return fail(callgrind, "these costs are of no function: fn= is missing before them");
    }
    if (!callgrind->is_call) {
        add_costs(callgrind, &callgrind->functions[callgrind->function].self, values, count);
        return true;
    }
    callgrind->is_call = false;
    if (callgrind->callee == NONE) {
        return fail(callgrind, "a call of no function: cfn= is missing before it");
    }
    struct call *call = callgrind->callee != callgrind->function
                            ? call_of(callgrind, callgrind->function, callgrind->callee)
                            : NULL; /* it called itself */
    if (call != NULL) {
        add_costs(callgrind, &call->costs, values, count);
    }
    callgrind->called_file = callgrind->called_object = (struct str){0};
    return callgrind->why == NULL;
}

/* ---- lines ---- */

static bool
set_events(struct callgrind *callgrind, struct str text)
{
    static const struct {
        const char *event, *name, *unit;
        double scale;
    } rows[] = {{"Time_(10ns)", "time", "s", 1e-8},
                {"Time_(\xC2\xB5s)", "time", "s", 1e-6},
                {"Time", "time", "s", 1e-6},
                {"Memory_(bytes)", "memory", "By", 1},
                {"Memory", "memory", "By", 1}};
    struct str word;
    callgrind->measure_count = 0;
    while (callgrind->measure_count < MEASURES && str_word(&text, &word)) {
        size_t row = 0;
        while (row < ARRAY_SIZE(rows) && !str_is(word, rows[row].event)) {
            row++;
        }
        bool known = row < ARRAY_SIZE(rows);
        callgrind->measures[callgrind->measure_count++] =
            profile_measure(callgrind->profile, known ? str_from(rows[row].name) : word,
                            known ? rows[row].unit : "", known ? rows[row].scale : 1);
    }
    return true;
}

static bool
set_positions(struct callgrind *callgrind, struct str text)
{
    struct str word;
    callgrind->positions = 0;
    while (str_word(&text, &word)) {
        callgrind->positions++;
    }
    return callgrind->positions > 0 || fail(callgrind, "positions: names none");
}

/* Another thread or part: names and numbers begin anew. */
static bool
begin_part(struct callgrind *callgrind, struct str text)
{
    struct map *maps[] = {&callgrind->files, &callgrind->objects, &callgrind->names};
    (void)text;
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        map_done(maps[i]); /* not cleared: there may be many parts after a large one */
    }
    callgrind->function = callgrind->callee = NONE;
    callgrind->file = callgrind->own_file = callgrind->object = (struct str){"", 0};
    callgrind->called_file = callgrind->called_object = (struct str){0};
    return true;
}

static bool
set_file(struct callgrind *callgrind, struct str text)
{
    bool good = read_name(callgrind, &callgrind->files, text, &callgrind->file);
    callgrind->own_file = callgrind->file;
    return good;
}

/* Of code that was inlined: the function stays. */
static bool
set_inlined_file(struct callgrind *callgrind, struct str text)
{
    return read_name(callgrind, &callgrind->files, text, &callgrind->file);
}

static bool
set_object(struct callgrind *callgrind, struct str text)
{
    return read_name(callgrind, &callgrind->objects, text, &callgrind->object);
}

static bool
set_function(struct callgrind *callgrind, struct str text)
{
    callgrind->file = callgrind->own_file;
    callgrind->function = read_function(callgrind, text, callgrind->file, callgrind->object);
    return callgrind->function != NONE;
}

static bool
set_called_file(struct callgrind *callgrind, struct str text)
{
    return read_name(callgrind, &callgrind->files, text, &callgrind->called_file);
}

static bool
set_called_object(struct callgrind *callgrind, struct str text)
{
    return read_name(callgrind, &callgrind->objects, text, &callgrind->called_object);
}

static bool
set_callee(struct callgrind *callgrind, struct str text)
{
    struct str file = callgrind->called_file, object = callgrind->called_object;
    callgrind->callee = read_function(callgrind, text, file.p != NULL ? file : callgrind->file,
                                      object.p != NULL ? object : callgrind->object);
    return callgrind->callee != NONE;
}

static bool
begin_call(struct callgrind *callgrind, struct str text)
{
    (void)text;
    callgrind->is_call = true;
    return true;
}

static const struct {
    const char *key;
    bool (*set)(struct callgrind *callgrind, struct str text);
} keys[] = {
    {"fn=", set_function},       {"cfn=", set_callee},      {"calls=", begin_call},
    {"fl=", set_file},           {"fi=", set_inlined_file}, {"fe=", set_inlined_file},
    {"ob=", set_object},         {"cfi=", set_called_file}, {"cfl=", set_called_file},
    {"cob=", set_called_object}, {"events:", set_events},   {"positions:", set_positions},
    {"part:", begin_part},       {"thread:", begin_part},
};

/* A line that is none of these is passed over when it has the form of one: "key: text", "key=text".
 */
static bool
read_line(struct callgrind *callgrind, struct str line)
{
    char first = line.p[0];
    if (isdigit((unsigned char)first) || first == '+' || first == '-' || first == '*') {
        return read_costs(callgrind, line);
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (str_starts(line, keys[i].key)) {
            size_t n = strlen(keys[i].key);
            return keys[i].set(callgrind, str_trim((struct str){line.p + n, line.n - n}));
        }
    }
    bool has_form = memchr(line.p, ':', line.n) != NULL || memchr(line.p, '=', line.n) != NULL;
    return (isalpha((unsigned char)first) && has_form) ||
           fail(callgrind, "this is no line of callgrind's");
}

static bool
read_lines(struct callgrind *callgrind, struct str text, size_t *ret_number)
{
    struct str line;
    bool good = true;
    for (*ret_number = 1; good && str_line(&text, &line); ++*ret_number) {
        line = str_trim(line);
        good = line.n == 0 || line.p[0] == '#' || read_line(callgrind, line);
    }
    return good && callgrind->why == NULL;
}

/* ---- from calls to stacks ---- */

static void
add_up(struct costs *to, const struct costs *costs)
{
    for (size_t m = 0; m < MEASURES; m++) {
        to->of[m] += costs->of[m];
    }
}

/* What the function and those it calls cost together, apart from those that are open. */
static struct costs
whole_of(const struct callgrind *callgrind, const struct function *function)
{
    struct costs whole = function->self;
    for (uint32_t i = function->calls; i != NONE; i = callgrind->calls[i].next) {
        const struct call *call = &callgrind->calls[i];
        if (!callgrind->functions[call->callee].open) {
            add_up(&whole, &call->costs);
        }
    }
    return whole;
}

/* That much of the weight as `part` is of the whole. */
static struct costs
share_of(const struct visit *visit, const struct costs *part)
{
    struct costs share;
    for (size_t m = 0; m < MEASURES; m++) {
        double whole = visit->whole.of[m];
        share.of[m] = whole > 0 ? visit->weight.of[m] * (part->of[m] / whole) : 0;
    }
    return share;
}

static bool
is_small(const struct callgrind *callgrind, const struct costs *costs)
{
    double most = 0;
    for (size_t m = 0; m < MEASURES; m++) {
        double all = callgrind->all.of[m];
        most = fmax(most, all > 0 ? costs->of[m] / all : 0);
    }
    return most < SHARE_MIN;
}

static void
put_costs(struct callgrind *callgrind, uint32_t node, const struct costs *costs)
{
    for (uint32_t m = 0; m < callgrind->profile->measure_count; m++) {
        profile_put(callgrind->profile, node, m, costs->of[m]);
    }
}

/* Its own cost is put; what it calls follows. */
static bool
open_visit(struct callgrind *callgrind, uint32_t number, uint32_t parent,
           const struct costs *weight)
{
    struct function *function = &callgrind->functions[number];
    uint32_t node = profile_child(callgrind->profile, parent, function->frame);
    bool ends = function->calls == NONE || is_small(callgrind, weight);
    function->seen = true;
    if (ends || function->call_count >= WORK_MAX - callgrind->work) {
        callgrind->profile->cut += !ends;
        put_costs(callgrind, node, weight);
        return true;
    }
    if (callgrind->depth == callgrind->stack_capacity) {
        uint32_t wider = MAX(callgrind->stack_capacity * 2, 64u);
        struct visit *grown = realloc(callgrind->stack, wider * sizeof(*grown));
        if (grown == NULL) {
            return fail(callgrind, "out of memory");
        }
        callgrind->stack = grown;
        callgrind->stack_capacity = wider;
    }
    struct visit *visit = &callgrind->stack[callgrind->depth++];
    function->open = true;
    *visit = (struct visit){number, node, function->calls, *weight, whole_of(callgrind, function)};
    struct costs own = share_of(visit, &function->self);
    for (size_t m = 0; m < MEASURES; m++) { /* calls back alone: all of it is its own */
        own.of[m] = visit->whole.of[m] > 0 ? own.of[m] : weight->of[m];
    }
    put_costs(callgrind, node, &own);
    callgrind->work += function->call_count + 1;
    return true;
}

/* A function that cost something for nobody, or more than its callers know of, is a root. */
static bool
walk(struct callgrind *callgrind, uint32_t root, const struct costs *weight)
{
    bool good = open_visit(callgrind, root, 0, weight);
    while (good && callgrind->depth > 0) {
        struct visit *visit = &callgrind->stack[callgrind->depth - 1];
        if (visit->next == NONE) {
            callgrind->functions[visit->function].open = false;
            callgrind->depth--;
            continue;
        }
        const struct call *call = &callgrind->calls[visit->next];
        visit->next = call->next;
        if (!callgrind->functions[call->callee].open) {
            struct costs share = share_of(visit, &call->costs);
            good = open_visit(callgrind, call->callee, visit->node, &share);
        }
    }
    return good;
}

static bool
build(struct callgrind *callgrind)
{
    uint32_t count = callgrind->function_count;
    struct costs *rest = calloc((size_t)count + 1, sizeof(*rest)); /* less what callers know of */
    bool good = rest != NULL || fail(callgrind, "out of memory");
    for (uint32_t i = 0; good && i < count; i++) {
        struct costs whole = whole_of(callgrind, &callgrind->functions[i]);
        add_up(&rest[i], &whole);
        add_up(&callgrind->all, &callgrind->functions[i].self);
        for (uint32_t c = callgrind->functions[i].calls; c != NONE; c = callgrind->calls[c].next) {
            const struct call *call = &callgrind->calls[c];
            for (size_t m = 0; m < MEASURES; m++) {
                rest[call->callee].of[m] -= call->costs.of[m];
            }
        }
    }
    for (uint32_t i = 0; good && i < count; i++) {
        bool any = false;
        for (size_t m = 0; m < MEASURES; m++) {
            double known = callgrind->all.of[m];
            rest[i].of[m] = rest[i].of[m] > known * 1e-9 ? rest[i].of[m] : 0;
            any |= rest[i].of[m] > 0;
        }
        good = !any || walk(callgrind, i, &rest[i]);
    }
    for (uint32_t i = 0; good && i < count; i++) { /* rings that nobody calls */
        const struct function *function = &callgrind->functions[i];
        if (!function->seen) {
            uint32_t node = profile_child(callgrind->profile, 0, function->frame);
            put_costs(callgrind, node, &function->self);
        }
    }
    free(rest);
    return good;
}

static bool
callgrind_read(struct str text, struct profile *profile, char *why, size_t why_size)
{
    struct callgrind callgrind = {.profile = profile, .end = text.p + text.n, .positions = 1};
    struct map *maps[] = {&callgrind.files, &callgrind.objects, &callgrind.names,
                          &callgrind.by_frame, &callgrind.by_pair};
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        map_init(maps[i], CALLS_MAX);
    }
    size_t number = 0;
    begin_part(&callgrind, STR(""));
    bool read = read_lines(&callgrind, text, &number);
    if (!read) {
        snprintf(why, why_size, "line %zu: %s", number - 1, callgrind.why);
    } else if (!build(&callgrind)) {
        snprintf(why, why_size, "%s", callgrind.why);
        read = false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        map_done(maps[i]);
    }
    free(callgrind.functions);
    free(callgrind.calls);
    free(callgrind.stack);
    return read;
}

/* Says so, or has events and functions. */
static bool
callgrind_is(struct str head, bool whole)
{
    struct str line;
    bool events = false;
    (void)whole;
    if (str_starts(head, "# callgrind format")) {
        return true;
    }
    while (str_line(&head, &line)) {
        if (memchr(line.p, '\0', line.n) != NULL) {
            return false;
        }
        events |= str_starts(line, "events:");
        if (events && (str_starts(line, "fn=") || str_starts(line, "fl="))) {
            return true;
        }
    }
    return false;
}

const struct profile_format profile_format_callgrind = {
    .name = "callgrind",
    .text = "What valgrind's callgrind and cachegrind write, and Xdebug's profiler.",
    .is = callgrind_is,
    .read = callgrind_read,
};
