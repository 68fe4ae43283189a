/* Folded stacks: one a line, `root;caller;callee 12`, as stackcollapse-*.pl and inferno write them.
 * A second number is that of a comparison (difffolded.pl: before, after); '#' begins a comment.
 *
 * A profile of a million stacks is hundreds of megabytes of beginnings that were there before, in
 * any order. So a line is hashed as a whole, and every stack that is known is in one table by the
 * hash of its text: the longest beginning that is known is looked for from the end, as it is most
 * of the stack mostly, and only what is behind it is new. As each look-up is a miss of the cache,
 * some lines are taken apart ahead and what they will need is fetched meanwhile.
 *
 * Texts with the same 64 bits of hash are taken for the same: of ten million stacks two, in one
 * file of three hundred thousand. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"
#include "formats.h"

#define DEPTH_MAX 65536u
#define AHEAD 8u /* lines */
#define FETCH 5u /* beginnings of each */
#define SLOTS_MIN 4096u
#define BYTES_A_SLOT 64 /* of the file, to begin with */
#define CUT_STOPS 1000  /* in the head of a line whose end is not seen */

/* A stack that is known. */
struct beginning {
    uint64_t hash;
    uint32_t node, depth; /* depth 0: none */
};

/* How far a frame of a line reaches, and the hash of the line up to there. */
struct level {
    uint64_t hash;
    uint32_t end;
};

struct line {
    struct str stack;
    double value;
    struct level *levels;
    uint32_t depth, depth_max;
    bool is_cut; /* it is deeper */
};

struct folded {
    struct profile *profile;
    uint32_t measure;
    bool fresh; /* the profile was empty: what is not in the table is not in it */
    struct line lines[AHEAD];
    unsigned first, waiting;
    struct beginning *table;
    uint32_t mask, count;
    struct map frames; /* hash of a name → frame + 1 */
    const char *end;   /* of the text */
};

/* ---- a line ---- */

static void
trim_end(struct str *line)
{
    while (line->n > 0 && (line->p[line->n - 1] == ' ' || line->p[line->n - 1] == '\t')) {
        line->n--;
    }
}

/* The number at the end of a line, taken off it: a whole one mostly. */
static bool
take_number(struct str *line, double *ret_value)
{
    size_t at = line->n;
    uint64_t value = 0, unit = 1;
    for (; at > 0 && line->n - at < 18 && line->p[at - 1] >= '0' && line->p[at - 1] <= '9'; at--) {
        value += (uint64_t)(line->p[at - 1] - '0') * unit;
        unit *= 10;
    }
    if (at < line->n && at > 0 && line->p[at - 1] == ' ') {
        line->n = at - 1;
        *ret_value = (double)value;
        return true;
    }
    const char *blank = memrchr(line->p, ' ', line->n);
    if (blank == NULL) {
        return false;
    }
    struct str rest = {blank + 1, line->n - (size_t)(blank + 1 - line->p)};
    if (rest.n == 0 || !str_double(&rest, ret_value) || rest.n > 0) {
        return false;
    }
    line->n = (size_t)(blank - line->p);
    return true;
}

__extension__ typedef unsigned __int128 wide;

/* Both halves of the product, as wyhash has it. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define LOW_BITS (EACH_BYTE * 0x7f)
#define WORD_PRIME UINT64_C(0xa0761d6478bd642f)
#define END_PRIME UINT64_C(0xe7037ed1a0b428db)

/* The high bit of each byte that is a ';'. */
static uint64_t
find_stops(uint64_t word)
{
    uint64_t other = word ^ (EACH_BYTE * ';');
    return ~(((other & LOW_BITS) + LOW_BITS) | other | LOW_BITS);
}

/* The bytes of a word that come before the n-th. */
static uint64_t
bytes_before(uint64_t word, unsigned n)
{
    return n > 0 ? word << (64 - 8 * n) >> (64 - 8 * n) : 0;
}

static void
add_level(struct line *line, uint64_t hash, uint64_t rest, size_t end)
{
    if (line->depth == line->depth_max) {
        line->is_cut = true;
        return;
    }
    hash = fold(hash ^ rest ^ END_PRIME, WORD_PRIME ^ end);
    line->levels[line->depth++] = (struct level){hash, (uint32_t)end};
}

/* The first n bytes at p as a word, the first of them the lowest; n is 8 at most. */
static uint64_t
load(const char *p, size_t n, const char *end)
{
    uint64_t word = 0;
    if (end - p >= 8) {
        memcpy(&word, p, 8); /* of a size that is known: one instruction */
        return n < 8 ? bytes_before(le64toh(word), (unsigned)n) : le64toh(word);
    }
    memcpy(&word, p, n);
    return le64toh(word);
}

static uint64_t
hash_name(struct str name, const char *end)
{
    uint64_t hash = END_PRIME ^ name.n;
    for (size_t at = 0; at < name.n; at += 8) {
        hash = fold(hash ^ load(name.p + at, MIN(name.n - at, (size_t)8), end), WORD_PRIME);
    }
    return fold(hash, END_PRIME);
}

static void
split(struct line *line, const char *end)
{
    const char *p = line->stack.p;
    size_t n = line->stack.n;
    uint64_t hash = 0, word = 0;
    line->depth = 0;
    line->is_cut = false;
    for (size_t at = 0; at < n; at += 8) {
        word = load(p + at, MIN(n - at, (size_t)8), end);
        for (uint64_t stops = find_stops(word); stops != 0; stops &= stops - 1) {
            unsigned before = (unsigned)__builtin_ctzll(stops) / 8;
            add_level(line, hash, bytes_before(word, before), at + before);
        }
        if (n - at < 8) {
            break; /* the end is in this one */
        }
        hash = fold(hash ^ word, WORD_PRIME);
        word = 0;
    }
    if (n > 0 && p[n - 1] != ';') {
        add_level(line, hash, word, n);
    }
}

static struct str
part_of(const struct line *line, uint32_t level)
{
    size_t from = level > 0 ? line->levels[level - 1].end + 1 : 0;
    return (struct str){line->stack.p + from, line->levels[level].end - from};
}

/* ---- stacks that are known ---- */

/* Where a beginning is, or where it would go. */
static struct beginning *
find_slot(const struct folded *folded, uint64_t hash, uint32_t depth)
{
    uint32_t at = (uint32_t)hash & folded->mask;
    while (folded->table[at].depth != 0 &&
           (folded->table[at].hash != hash || folded->table[at].depth != depth)) {
        at = (at + 1) & folded->mask;
    }
    return &folded->table[at];
}

static bool
grow(struct folded *folded)
{
    struct beginning *before = folded->table;
    size_t slots = (size_t)folded->mask + 1;
    struct beginning *wider =
        slots <= UINT32_MAX / 4 ? pages_new(slots * 2, sizeof(*wider), PAGES_HUGE) : NULL;
    if (wider == NULL) {
        return false;
    }
    folded->table = wider;
    folded->mask = (uint32_t)(slots * 2 - 1);
    for (size_t i = 0; i < slots; i++) {
        if (before[i].depth != 0) {
            *find_slot(folded, before[i].hash, before[i].depth) = before[i];
        }
    }
    pages_free(before);
    return true;
}

static bool
is_full(const struct folded *folded)
{
    return folded->count > folded->mask / 8 * 5;
}

static void
remember(struct folded *folded, const struct level *level, uint32_t depth, uint32_t node)
{
    *find_slot(folded, level->hash, depth) = (struct beginning){level->hash, node, depth};
    folded->count++;
    if (is_full(folded) && !grow(folded)) {
        folded->profile->failed = true;
    }
}

static uint32_t
frame_of(struct folded *folded, struct str name)
{
    uint64_t hash = hash_name(name, folded->end);
    uintptr_t known = (uintptr_t)map_get(&folded->frames, hash);
    if (known > 0) {
        return (uint32_t)(known - 1);
    }
    uint32_t frame = profile_frame(folded->profile, name, STR(""));
    if (frame != PROFILE_NONE) {
        map_put(&folded->frames, hash, (void *)((uintptr_t)frame + 1));
    }
    return frame;
}

static void
add_line(struct folded *folded, const struct line *line)
{
    struct profile *profile = folded->profile;
    uint32_t depth = line->depth, node = 0;
    for (; depth > 0; depth--) {
        const struct beginning *known = find_slot(folded, line->levels[depth - 1].hash, depth);
        if (known->depth != 0) {
            node = known->node;
            break;
        }
    }
    for (; depth < line->depth; depth++) {
        uint32_t frame = frame_of(folded, part_of(line, depth));
        uint32_t below = folded->fresh ? profile_append(profile, node, frame)
                                       : profile_child(profile, node, frame);
        if (below == node) {
            break; /* no room: the rest of it counts for its caller */
        }
        node = below;
        remember(folded, &line->levels[depth], depth + 1, node);
    }
    profile->cut += line->is_cut;
    profile_put(profile, node, folded->measure, line->value);
}

/* ---- all lines ---- */

/* What add_line is going to read. */
static void
fetch(const struct folded *folded, const struct line *line)
{
    for (uint32_t i = 0; i < MIN(line->depth, FETCH); i++) {
        __builtin_prefetch(
            &folded->table[(uint32_t)line->levels[line->depth - 1 - i].hash & folded->mask]);
    }
}

static void
add_oldest(struct folded *folded)
{
    add_line(folded, &folded->lines[folded->first]);
    folded->first = (folded->first + 1) % AHEAD;
    folded->waiting--;
}

static bool
read_lines(struct folded *folded, struct str text, char *why, size_t why_size)
{
    struct str stack;
    for (size_t number = 1; str_line(&text, &stack); number++) {
        double value;
        stack.n -= stack.n > 0 && stack.p[stack.n - 1] == '\r';
        trim_end(&stack);
        if (stack.n == 0 || stack.p[0] == '#') {
            continue;
        }
        if (stack.n > UINT32_MAX || !take_number(&stack, &value)) {
            snprintf(why, why_size,
                     "line %zu: folded stacks end in a number (root;caller;callee 12)", number);
            return false;
        }
        trim_end(&stack);
        if (folded->waiting == AHEAD) {
            add_oldest(folded);
        }
        struct line *line = &folded->lines[(folded->first + folded->waiting++) % AHEAD];
        line->stack = stack;
        line->value = value;
        split(line, folded->end);
        fetch(folded, line);
    }
    while (folded->waiting > 0) {
        add_oldest(folded);
    }
    return true;
}

static bool
folded_read(struct str text, struct profile *profile, char *why, size_t why_size)
{
    struct folded folded = {.profile = profile,
                            .measure = profile_measure(profile, STR("samples"), "", 1),
                            .fresh = profile->node_count == 1,
                            .mask = SLOTS_MIN - 1,
                            .end = text.p + text.n};
    map_init(&folded.frames, PROFILE_FRAMES_MAX);
    while (folded.mask < text.n / BYTES_A_SLOT) {
        folded.mask = folded.mask * 2 + 1;
    }
    uint32_t depth_max = (uint32_t)MIN(text.n + 1, (size_t)DEPTH_MAX);
    struct level *levels = malloc(AHEAD * (size_t)depth_max * sizeof(*levels));
    folded.table = pages_new((size_t)folded.mask + 1, sizeof(*folded.table), PAGES_HUGE);
    for (unsigned i = 0; levels != NULL && i < AHEAD; i++) {
        folded.lines[i].levels = levels + i * (size_t)depth_max;
        folded.lines[i].depth_max = depth_max;
    }
    bool good = levels != NULL && folded.table != NULL;
    if (!good) {
        snprintf(why, why_size, "out of memory");
    }
    good = good && read_lines(&folded, text, why, why_size);
    free(levels);
    map_done(&folded.frames);
    pages_free(folded.table);
    return good;
}

/* Every whole line ends in a number, and one at least is a stack of several frames. */
static bool
folded_is(struct str head, bool whole)
{
    struct str line;
    bool any = false;
    while (str_line(&head, &line)) {
        double value;
        bool cut = !whole && head.n == 0;
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        trim_end(&line);
        if (line.n == 0 || line.p[0] == '#' || cut) {
            continue;
        }
        if (!take_number(&line, &value) || memchr(line.p, '\0', line.n) != NULL) {
            return false;
        }
        any = any || memchr(line.p, ';', line.n) != NULL;
    }
    return any;
}

/* One with a mistake further down, or with a first stack that is longer than the head. */
bool
profile_begins_folded(struct str head, bool whole)
{
    struct str line = {"", 0};
    double value;
    while (str_line(&head, &line) && (line.n == 0 || line.p[0] == '#')) {
    }
    if (line.n == 0 || line.p[0] == '{' || line.p[0] == '[' || line.p[0] == '<' ||
        memchr(line.p, '\0', line.n) != NULL) {
        return false;
    }
    size_t stops = 0;
    for (size_t i = 0; i < line.n; i++) {
        stops += line.p[i] == ';';
    }
    line.n -= line.p[line.n - 1] == '\r';
    trim_end(&line);
    bool cut = !whole && head.n == 0;
    return stops > 0 && (cut ? stops >= CUT_STOPS : take_number(&line, &value));
}

const struct profile_format profile_format_folded = {
    .name = "folded",
    .text = "Folded stacks, one a line: root;caller;callee 12.",
    .is = folded_is,
    .read = folded_read,
};
