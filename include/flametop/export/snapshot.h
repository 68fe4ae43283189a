/* Reading a snapshot document (flametop-snapshot(5)) back into a picture, with its charts. */
#ifndef FLAMETOP_EXPORT_SNAPSHOT_H
#define FLAMETOP_EXPORT_SNAPSHOT_H

#include <stddef.h>

#include "flametop/base/str.h"
#include "flametop/core/picture.h"
#include "flametop/core/table.h"

#define SNAPSHOT_SCHEMA 1
#define SNAPSHOT_BYTES_MAX ((size_t)64 << 20)

/* A picture with one reference; NULL, and a sentence in why, when the text is no snapshot that this
 * version reads. Metrics the catalog lacks are added to it (their rows live as long as the
 * process). Tables are read when `tables` has their definition, others are left out. */
struct picture *snapshot_read(struct str text, struct catalog *catalog,
                              const struct table_def *const *tables, size_t table_count, char *why,
                              size_t why_size);

#endif
