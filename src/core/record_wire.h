/* What the two sides of the record stream agree on besides core/record.h: the payloads.
 *
 * hello: varint protocol · varint minimum · i64 mono, wall, boot, interval · texts name, system,
 * kernel, virtualization · varint cores · f64 core limit, memory limit, uptime · text instance
 *
 * names: entries of u8 kind · varint length · what the kind says; the entries of each kind are
 * numbered from 0 in the order they come
 *
 * - metric: texts name, unit, labels, text · u8 kind, better, fold, bits · f64 warning, critical
 *
 * - series: varint metric id · text labels
 *
 * - table: texts name, title, text · varint sort column, kept rows, columns · for each column texts
 * name, title, unit, text · u8 type · varint flags, width
 *
 * - text: the bytes of a text that cells refer to
 *
 * - forget: nothing; the texts so far are forgotten, ids of texts start at 0 again
 *
 * batch: text source · i64 mono, wall, boot · u8 state · text why · varint rejected, dropped,
 * errors · varint columns · their series ids · their values · varint tables · each table behind its
 * length
 *
 * table: varint table id · varint total, rows · each column behind its length: u8 which cells are
 * known (0 all, 1 none, 2 a bitmap of the rows follows), then those: reals and integers as codec
 * columns, texts as varints (0: the text follows; n: text n - 1 of the names)
 *
 * chunk: text source · varint columns · their series ids · the chunk behind its length
 *
 * changes: text source · i64 mono of the batch that it changes · from there as a batch up to errors
 * · varint columns that are new, their series ids, their values · places of the columns that are
 * gone · for each of changed_scales: places, and as many zigzag varints (how much the value * scale
 * grew) · places of the others that changed, and their values · varint tables · each behind its
 * length: u8 0 and a table; or u8 1 · varint table id · varint total, rows ·
 * the row that each was before (-1: new) · each column behind its length: places of the rows that
 * changed, and a column of as many
 *
 * places: varint n · n varints, each the step from the place before (the first from -1), less 1.
 * The places of columns are the order in which they came, new ones at the end.
 *
 * tick: i64 mono, wall, boot, interval · varint number, missed
 *
 * findings: optional looked at, not looked at · varint n · each behind its length: texts id,
 * sentence · optional short, culprit, advice · varint pid · i64 since, until · u8 impact, level ·
 * varint evidence · for each texts label, value · optional metric, labels. Optional: u8 0, or u8 1
 * · text
 *
 * kept: varint table id · varint slots · varint texts · behind their length, for each: varint index
 * · text · the chunk behind its length: for each slot the columns that are keys or kept
 *
 * trace: a trace as it is (core/trace.h)
 *
 * profile: how much a sampling grew (core/sampling.c)
 *
 * link: u8 state · texts target, kind, why · i64 mono heard, mono retry · varint samples · u8 here
 *
 * end: nothing
 *
 * Lists of ids and values are blocks of 1,024, each a column of core/codec.h behind its length.
 * What a payload or an entry holds beyond this is skipped: later versions may add to the end of
 * each. */
#ifndef FLAMETOP_CORE_RECORD_WIRE_H
#define FLAMETOP_CORE_RECORD_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "flametop/core/record.h"
#include "flametop/core/table.h"
#include "wire.h"

#define RECORD_MAGIC "flametop\x01"
#define RECORD_MAGIC_BYTES (sizeof(RECORD_MAGIC) - 1)

enum name_kind { NAME_METRIC = 1, NAME_SERIES, NAME_TABLE, NAME_TEXT, NAME_FORGET };
enum cells_known { CELLS_ALL, CELLS_NONE, CELLS_SOME };

#define METRIC_IDS_MAX 4096
#define SERIES_IDS_MAX ((size_t)1 << 20)
#define TABLE_IDS_MAX 256
#define TABLE_COLUMNS_MAX 256
#define TABLE_ROWS_MAX 65536

/* The texts of one stream: forgotten once there are so many. */
#define TEXT_IDS_MAX 16384
#define TEXT_BYTES_MAX ((size_t)2 << 20)

/* A table's bytes are at least a 64th of its rows (the writer fills up with zeros), so that few
 * bytes cannot make a reader clear much memory. */
#define ROWS_PER_BYTE 64

/* Sources whose last batch is remembered for changes, and the bytes of their tables. */
#define LASTS_MAX 64
#define LAST_BYTES_MAX ((size_t)64 << 20)

/* Most readings that change are decimals: counters of bytes, of ticks, of milliseconds ... */
#define CHANGED_EXPONENTS 5
static const double changed_scales[CHANGED_EXPONENTS] = {1, 1e2, 1e3, 1e6, 1e9};

/* Kept rows. */
#define KEPT_TEXTS_MAX 4096
#define KEPT_SLOTS_MAX 64

#define FINDINGS_MAX 256
#define EVIDENCE_MAX 64

#endif
