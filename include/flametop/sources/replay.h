/* Replay: sources made of a recording (core/record.h), one for each that was recorded, with the
 * same names.
 *
 * The driver turns the ticks: replay_next, then a tick of the collector, which has the replay's
 * clock and sources. Batches come out as they were recorded, at the times they had; a source that
 * had nothing in a tick says SOURCE_IDLE. Chunks in the stream are passed over. */
#ifndef FLAMETOP_SOURCES_REPLAY_H
#define FLAMETOP_SOURCES_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/clock.h"
#include "flametop/core/record.h"
#include "flametop/core/source.h"

struct replay;

/* Reads the recording once through. The bytes and the tables (definitions to prefer) must outlive
 * the replay. NULL, and a sentence in why, when nothing of it can be used; when it is damaged later
 * on, what stands before the damage is replayed and why says so (otherwise it is ""). */
struct replay *replay_new(struct catalog *catalog, const struct table_def *const *tables,
                          size_t table_count, const void *bytes, size_t n, char *why,
                          size_t why_size);

/* After the collector that has its sources. */
void replay_free(struct replay *replay);

const struct record_hello *replay_hello(const struct replay *replay);
const struct source *const *replay_sources(const struct replay *replay, size_t *ret_count);

/* The time of the newest batch of the tick; of the hello before the first. */
struct clock replay_clock(struct replay *replay);

/* The next tick: the batches up to where a source comes again or half an interval has passed. False
 * at the end. */
bool replay_next(struct replay *replay);

#endif
