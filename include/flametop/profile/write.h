/* Flame graphs as files: a picture for a browser, and what other programs read. */
#ifndef FLAMETOP_PROFILE_WRITE_H
#define FLAMETOP_PROFILE_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/buf.h"
#include "flametop/core/flame.h"

struct profile_graph {
    const struct profile *profile;
    const struct flame *flame; /* that can be drawn */
    unsigned measure;
    const char *title; /* what it is of; any text */
};

/* Writes by the end of the file's name: .svg (self-contained, can be searched and zoomed into),
 * .json (speedscope's), .folded or .txt (folded stacks; of a comparison the older number first, as
 * difffolded.pl has it). False, and a sentence. */
bool profile_write(const struct profile_graph *graph, const char *path, struct buf *out, char *why,
                   size_t why_size);

/* One of them (src/profile/svg.c). */
void profile_write_svg(const struct profile_graph *graph, struct buf *out);

#endif
