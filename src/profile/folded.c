/* Folded stacks: one a line, `root;caller;callee 12`, as stackcollapse-*.pl and inferno write them.
 * A second number is that of a comparison (difffolded.pl: before, after); '#' begins a comment.
 *
 * Lines that follow each other mostly begin alike, and what is alike is not looked up again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "formats.h"

#define DEPTH_MAX 65536u

/* The stack of the line before: where each of its frames ends, and its node. */
struct folded {
    struct profile *profile;
    uint32_t measure;
    struct str line; /* without the number */
    uint32_t *node, *end, depth;
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
        uint32_t end = folded->end[depth - 1];
        bool ends_here = end == line.n || (end < line.n && line.p[end] == ';');
        if (end <= n && ends_here) {
            break;
        }
        depth--;
    }
    return depth;
}

static void
add_line(struct folded *folded, struct str line, double value)
{
    uint32_t depth = common_depth(folded, line);
    uint32_t node = depth > 0 ? folded->node[depth - 1] : 0;
    size_t at = depth > 0 ? folded->end[depth - 1] + 1 : 0;
    while (at < line.n && depth < DEPTH_MAX) {
        const char *stop = memchr(line.p + at, ';', line.n - at);
        size_t end = stop != NULL ? (size_t)(stop - line.p) : line.n;
        uint32_t frame =
            profile_frame(folded->profile, (struct str){line.p + at, end - at}, STR(""));
        node = profile_child(folded->profile, node, frame);
        folded->node[depth] = node;
        folded->end[depth++] = (uint32_t)end;
        at = end + 1;
    }
    folded->profile->cut += at < line.n;
    folded->depth = depth;
    folded->line = line;
    profile_put(folded->profile, node, folded->measure, value);
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
                            .node = malloc(DEPTH_MAX * sizeof(uint32_t)),
                            .end = malloc(DEPTH_MAX * sizeof(uint32_t))};
    bool good = folded.node != NULL && folded.end != NULL;
    if (!good) {
        snprintf(why, why_size, "out of memory");
    }
    good = good && read_lines(&folded, text, why, why_size);
    free(folded.node);
    free(folded.end);
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
