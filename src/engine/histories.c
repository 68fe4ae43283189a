/* Histories of a collector. */
#include "histories.h"

/* One after the other: start with 0 and 0; NULL at the end. */
static struct history *
next_history(const struct histories *histories, size_t *feed, size_t *index)
{
    for (; *feed < histories->feed_count; ++*feed, *index = 0) {
        struct history *history = store_history(&histories->feeds[*feed].store, (*index)++);
        if (history != NULL) {
            return history;
        }
    }
    return (*index)++ == 0 ? keep_history(histories->findings) : NULL;
}

/* The bytes of all together, and the one that reaches back furthest; NULL: none does. */
static size_t
sum_histories(const struct histories *histories, struct history **ret_oldest)
{
    size_t bytes = 0, feed = 0, index = 0;
    int64_t oldest = INT64_MAX;
    *ret_oldest = NULL;
    struct history *history;
    while ((history = next_history(histories, &feed, &index)) != NULL) {
        bytes += history->bytes;
        if (history_oldest(history) < oldest) {
            oldest = history_oldest(history);
            *ret_oldest = history;
        }
    }
    return bytes;
}

size_t
histories_bound(const struct histories *histories, size_t bytes_max, int64_t *ret_oldest)
{
    struct history *oldest;
    size_t bytes;
    while ((bytes = sum_histories(histories, &oldest)) > bytes_max && oldest != NULL &&
           history_drop_oldest(oldest)) {
    }
    *ret_oldest = oldest != NULL ? history_oldest(oldest) : INT64_MAX;
    return bytes;
}
