/* The command `snapshot`, and what `s` in the monitor and a monitor without a terminal share with
 * it. */
#ifndef FLAMETOP_SNAPSHOT_COMMAND_H
#define FLAMETOP_SNAPSHOT_COMMAND_H

#include "cli.h"
#include "flametop/core/picture.h"

/* Whether `snapshot` writes this format; a sentence when not. */
bool snapshot_check_format(const char *name, char *why, size_t why_size);

/* The names of all formats, each with a blank before it. */
void snapshot_list_formats(struct buf *out);

/* The exit code. */
int snapshot_run(const struct cli *cli);

/* One picture into a file (written atomically; "-" or "" is standard output), in the named format
 * or by the file's name. 0, or a negative errno and a sentence. */
int snapshot_save(const struct cli *cli, const struct picture *picture, const char *path,
                  const char *format, char *why, size_t why_size);

#endif
