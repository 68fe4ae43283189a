/* Folded stacks, and which ending means what. */
#include "flametop/profile/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "writers.h"

uint32_t
writer_path(const struct flame *flame, uint32_t node, uint32_t *path)
{
    uint32_t depth = flame_depth(flame, node);
    for (uint32_t i = depth; i > 0; i--, node = flame->parent[node]) {
        path[i - 1] = flame->frame[node];
    }
    return depth;
}

bool
writer_walk(const struct flame *flame, void *context, void (*enter)(void *context, uint32_t node),
            void (*leave)(void *context, uint32_t node))
{
    uint32_t *next = malloc(flame->count * sizeof(uint32_t)), node = 0;
    if (next == NULL) {
        return false;
    }
    enter(context, 0);
    next[0] = flame->first[0];
    for (bool done = false; !done;) {
        if (next[node] < flame->first[node + 1]) {
            node = flame->children[next[node]++];
            next[node] = flame->first[node];
            enter(context, node);
            continue;
        }
        if (leave != NULL) {
            leave(context, node);
        }
        done = node == 0;
        node = done ? 0 : flame->parent[node];
    }
    free(next);
    return true;
}

/* ---- folded stacks ---- */

/* What separates frames, lines and numbers cannot be in a name. */
static void
put_name(const struct profile_frame *frame, struct buf *out)
{
    struct str rest = {frame->name, frame->name_n};
    while (rest.n > 0) {
        size_t plain = 0;
        while (plain < rest.n && rest.p[plain] != ';' && (unsigned char)rest.p[plain] >= ' ') {
            plain++;
        }
        buf_add(out, rest.p, plain);
        if (plain < rest.n) {
            buf_putc(out, rest.p[plain] == ';' ? ':' : ' ');
            plain++;
        }
        rest = (struct str){rest.p + plain, rest.n - plain};
    }
}

static void
put_number(double value, struct buf *out)
{
    char text[32];
    buf_puts(out, json_double_text(value, text));
}

bool
writer_folded(const struct flame *flame, const char *title, struct buf *out)
{
    bool compared = writer_is_compared(flame);
    uint32_t *path = malloc(((size_t)flame->count + 1) * sizeof(uint32_t));
    (void)title;
    for (uint32_t node = 1; path != NULL && node < flame->count && !out->full; node++) {
        bool any = flame->self[0][node] > 0 || (compared && flame->self[1][node] > 0);
        uint32_t depth = any ? writer_path(flame, node, path) : 0;
        for (uint32_t i = 0; i < depth; i++) {
            buf_puts(out, i > 0 ? ";" : "");
            put_name(&flame->profile->frames[path[i]], out);
        }
        if (any && compared) {
            buf_putc(out, ' ');
            put_number(writer_as_measured(flame, 1, flame->self[1][node]), out);
        }
        if (any) {
            buf_putc(out, ' ');
            put_number(flame->self[0][node], out);
            buf_putc(out, '\n');
        }
    }
    free(path);
    return path != NULL;
}

/* ---- the table ---- */

/* The first that fits. */
static const struct {
    const char *ending;
    bool (*write)(const struct flame *flame, const char *title, struct buf *out);
} writers[] = {{".svg", writer_svg},
               {".speedscope.json", writer_speedscope},
               {".json", writer_json},
               {".folded", writer_folded},
               {".txt", writer_folded}};

bool
profile_writes(const char *path, char *why, size_t why_size)
{
    for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
        if (str_ends(str_from(path), writers[i].ending)) {
            return true;
        }
    }
    snprintf(why, why_size,
             "%s: give the file a name that ends in .svg, .speedscope.json, .json or .folded",
             path);
    return false;
}

bool
profile_write(const struct flame *flame, const char *title, const char *path, struct buf *out,
              char *why, size_t why_size)
{
    for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
        if (str_ends(str_from(path), writers[i].ending)) {
            bool good = writers[i].write(flame, title, out) && !out->full;
            if (!good && out->full) {
                snprintf(why, why_size, "%s: it would be larger than %zu MiB", path,
                         out->max >> 20);
            } else if (!good) {
                snprintf(why, why_size, "%s: out of memory", path);
            }
            return good;
        }
    }
    return profile_writes(path, why, why_size);
}
