/* Folded stacks: one a line, `root;caller;callee 12`, as stackcollapse-*.pl and inferno write them.
 * A second number is that of a comparison (difffolded.pl: before, after); '#' begins a comment.
 *
 * Lines that follow each other mostly begin alike, and what is alike is not looked up again. Where
 * lines are in no order, the longest beginning that is known is looked for from its end: it is most
 * of the stack, mostly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "formats.h"

#define DEPTH_MAX 65536u
#define CACHE_SLOTS_MIN 1024u
#define CACHE_SLOTS_MAX (1u << 21)
#define BYTES_A_SLOT 128 /* of the file */

/* A beginning of a stack, by the hash of its frames. */
struct beginning {
    uint64_t hash;
    uint32_t node, depth; /* depth 0: none */
};

struct level {
    uint64_t hash; /* of the stack so far */
    uint32_t node, end;
};

/* The stack of the line before, and beginnings of others. */
struct folded {
    struct profile *profile;
    uint32_t measure;
    struct str line; /* without the number */
    struct level *levels;
    uint32_t depth;
    uint32_t known; /* levels from here on have their node; the others' are its callers */
    struct beginning *cache;
    uint32_t cache_mask;
};

/* The number at the end of a line, taken off it. */
static bool
take_number(struct str *line, double *ret_value)
{
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

/* "stack 3 5" of a comparison: the later counts. A name may end in a number as well ("worker 3"),
 * so there must be a ';' before it or nothing at all. */
static void
trim_end(struct str *line)
{
    while (line->n > 0 && (line->p[line->n - 1] == ' ' || line->p[line->n - 1] == '\t')) {
        line->n--;
    }
}

/* How many frames of the line before this one has too. */
static uint32_t
common_depth(const struct folded *folded, struct str line)
{
    size_t most = MIN(folded->line.n, line.n), n = 0;
    while (n + 8 <= most && memcmp(folded->line.p + n, line.p + n, 8) == 0) {
        n += 8;
    }
    while (n < most && folded->line.p[n] == line.p[n]) {
        n++;
    }
    uint32_t depth = folded->depth;
    while (depth > 0) {
        uint32_t end = folded->levels[depth - 1].end;
        bool ends_here = end == line.n || (end < line.n && line.p[end] == ';');
        if (end <= n && ends_here) {
            break;
        }
        depth--;
    }
    return depth;
}

static struct str
part_of(const struct folded *folded, struct str line, uint32_t level)
{
    size_t from = level > 0 ? folded->levels[level - 1].end + 1 : 0;
    return (struct str){line.p + from, folded->levels[level].end - from};
}

/* Where the frames from `depth` on end, and what they hash to. Answers how many there are. */
static uint32_t
split(struct folded *folded, struct str line, uint32_t depth)
{
    size_t at = depth > 0 ? folded->levels[depth - 1].end + 1 : 0;
    uint64_t hash = depth > 0 ? folded->levels[depth - 1].hash : 0;
    while (at < line.n && depth < DEPTH_MAX) {
        const char *stop = memchr(line.p + at, ';', line.n - at);
        size_t end = stop != NULL ? (size_t)(stop - line.p) : line.n;
        hash = hash_mix(hash, hash_bytes(line.p + at, end - at));
        folded->levels[depth++] = (struct level){.hash = hash, .end = (uint32_t)end};
        at = end + 1;
    }
    folded->profile->cut += at < line.n;
    return depth;
}

static bool
is_frame(const struct profile *profile, uint32_t node, struct str name)
{
    uint32_t number = profile->frame[node];
    const struct profile_frame *frame = &profile->frames[number];
    return frame->name_n == name.n && memcmp(frame->name, name.p, name.n) == 0;
}

/* Each stack has its own node. Where something did not fit, a node may stand for its callers as
 * well, and nothing can be told by it. */
static bool
is_exact(const struct profile *profile)
{
    return profile->cut == 0 && !profile->failed;
}

/* How much of the stack is known, beyond its first `depth` frames that are. Two that hash alike are
 * told apart by the name of their last frame. */
static uint32_t
find_beginning(struct folded *folded, struct str line, uint32_t depth, uint32_t whole,
               uint32_t *ret_node)
{
    for (uint32_t i = whole; is_exact(folded->profile) && i > depth; i--) {
        const struct level *level = &folded->levels[i - 1];
        const struct beginning *found = &folded->cache[level->hash & folded->cache_mask];
        if (found->depth == i && found->hash == level->hash &&
            is_frame(folded->profile, found->node, part_of(folded, line, i - 1))) {
            *ret_node = found->node;
            return i;
        }
    }
    return depth;
}

/* The node of the first `depth` frames of the line before. */
static uint32_t
node_at(struct folded *folded, uint32_t depth)
{
    while (depth > 0 && folded->known >= depth) {
        uint32_t above = folded->profile->parent[folded->levels[folded->known].node];
        folded->levels[--folded->known].node = above;
    }
    return depth > 0 ? folded->levels[depth - 1].node : 0;
}

static void
add_line(struct folded *folded, struct str line, double value)
{
    struct profile *profile = folded->profile;
    uint32_t common = common_depth(folded, line), node = node_at(folded, common);
    uint32_t whole = split(folded, line, common);
    uint32_t depth = find_beginning(folded, line, common, whole, &node);
    if (depth > common) {
        folded->levels[depth - 1].node = node;
        folded->known = depth - 1;
    } else {
        folded->known = MIN(folded->known, common);
    }
    for (; depth < whole; depth++) {
        struct level *level = &folded->levels[depth];
        uint32_t frame = profile_frame(profile, part_of(folded, line, depth), STR(""));
        level->node = node = profile_child(profile, node, frame);
        if (is_exact(profile)) {
            folded->cache[level->hash & folded->cache_mask] =
                (struct beginning){level->hash, node, depth + 1};
        }
    }
    folded->depth = is_exact(profile) ? whole : 0;
    folded->known = folded->depth > 0 ? folded->known : 0;
    folded->line = line;
    profile_put(profile, node, folded->measure, value);
}

static bool
read_lines(struct folded *folded, struct str text, char *why, size_t why_size)
{
    struct str line;
    for (size_t number = 1; str_line(&text, &line); number++) {
        double value;
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        trim_end(&line);
        if (line.n == 0 || line.p[0] == '#') {
            continue;
        }
        if (line.n > UINT32_MAX || !take_number(&line, &value)) {
            snprintf(why, why_size,
                     "line %zu: folded stacks end in a number (root;caller;callee 12)", number);
            return false;
        }
        trim_end(&line);
        add_line(folded, line, value);
    }
    return true;
}

static bool
folded_read(struct str text, struct profile *profile, char *why, size_t why_size)
{
    struct folded folded = {.profile = profile,
                            .measure = profile_measure(profile, STR("samples"), "", 1),
                            .levels = malloc(DEPTH_MAX * sizeof(struct level)),
                            .cache_mask = CACHE_SLOTS_MIN - 1};
    while (folded.cache_mask + 1 < CACHE_SLOTS_MAX && folded.cache_mask < text.n / BYTES_A_SLOT) {
        folded.cache_mask = folded.cache_mask * 2 + 1;
    }
    folded.cache = calloc((size_t)folded.cache_mask + 1, sizeof(struct beginning));
    bool good = folded.levels != NULL && folded.cache != NULL;
    if (!good) {
        snprintf(why, why_size, "out of memory");
    }
    good = good && read_lines(&folded, text, why, why_size);
    free(folded.levels);
    free(folded.cache);
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

const struct profile_format profile_format_folded = {
    .name = "folded",
    .text = "Folded stacks, one a line: root;caller;callee 12.",
    .is = folded_is,
    .read = folded_read,
};
