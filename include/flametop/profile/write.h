/* Flame graphs as files: a picture for a browser, and what other programs read. */
#ifndef FLAMETOP_PROFILE_WRITE_H
#define FLAMETOP_PROFILE_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/buf.h"
#include "flametop/core/flame.h"

/* Whether a file of this name can be written. False, and a sentence. */
bool profile_writes(const char *path, char *why, size_t why_size);

/* Writes a tree that can be drawn, by the end of the file's name: .svg (self-contained, can be
 * searched and zoomed into), .speedscope.json (of a tree in the order of time, as events), .json
 * (the tree by columns: flametop-flame(5)), .folded or .txt (folded stacks; of a comparison the
 * older number first, as difffolded.pl has it). `title` says what it is of; any text. False, and a
 * sentence. */
bool profile_write(const struct flame *flame, const char *title, const char *path, struct buf *out,
                   char *why, size_t why_size);

#endif
