/* Digests: what is counted of many events of one kind, by labels, for metrics.
 *
 * Bounded: so many label sets at most. One that is new takes the place of one that was idle for
 * DIGEST_IDLE_NS; when there is none it counts as `other`. Counters only grow while a label set
 * stands; the window is the last DIGEST_WINDOW_NS, in slots that go one by one. */
#ifndef FLAMETOP_TRACE_DIGEST_H
#define FLAMETOP_TRACE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/histogram.h"

#define DIGEST_LABELS 3
#define DIGEST_LABELS_MAX 400 /* bytes, as a series is labelled */
#define DIGEST_COLUMNS 10
#define DIGEST_SLOTS 4
#define DIGEST_SLOT_NS (15 * NS_PER_S)
#define DIGEST_WINDOW_NS (DIGEST_SLOTS * DIGEST_SLOT_NS)
#define DIGEST_IDLE_NS (600 * NS_PER_S)

/* By weight, which a histogram rounds. */
struct digest_sums {
    double count, failed, seconds;
};

struct digest {
    uint64_t key;
    char labels[DIGEST_LABELS_MAX];
    const char *texts[DIGEST_LABELS]; /* in `names` */
    char *names;
    int64_t seen_mono_ns;
    double count, errors, slow; /* by weight */
    struct histogram slots[DIGEST_SLOTS];
    struct digest_sums sums[DIGEST_SLOTS]; /* of them */
    int64_t slot_numbers[DIGEST_SLOTS];
    int columns[DIGEST_COLUMNS]; /* of the batch */
    bool columns_known;
};

struct digests {
    const char *const *label_names; /* DIGEST_LABELS of them, NULL where there are fewer */
    struct digest *list;
    size_t count, max;
    struct map index;
    struct digest other;
    uint64_t beyond; /* events whose label set found no place */
};

struct digest_event {
    const char *texts[DIGEST_LABELS];
    double seconds, weight;
    bool failed, slow;
};

void digests_init(struct digests *digests, const char *const *label_names, size_t max);
void digests_done(struct digests *digests);

/* Counts it. False when out of memory. */
bool digests_add(struct digests *digests, const struct digest_event *event, int64_t mono_ns);

/* Index from 0, `other` last if it was needed; NULL at the end. */
struct digest *digests_at(struct digests *digests, size_t index);

/* Durations of the window, into a histogram that is cleared first; false when there were none. */
bool digest_window(const struct digest *digest, int64_t mono_ns, struct histogram *into);

/* The sums of the window, and when it begins: it is up to a slot shorter than DIGEST_WINDOW_NS. */
struct digest_sums digest_window_sums(const struct digest *digest, int64_t mono_ns);
int64_t digest_window_from(int64_t mono_ns);

/* The durations of all. */
bool digests_window(struct digests *digests, int64_t mono_ns, struct histogram *into);

#endif
