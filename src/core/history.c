/* Histories. Invariant: `bytes` is counted anew whenever the list changes, so it cannot drift from
 * what the list holds. */
#include "flametop/core/history.h"

#include <stdlib.h>
#include <string.h>

#include "dictionary.h"
#include "flametop/base/macros.h"

struct chunk_list *
chunk_list_new(struct chunk *const *chunks, size_t count)
{
    struct chunk_list *list = malloc(sizeof(*list) + count * sizeof(list->chunks[0]));
    if (list == NULL) {
        return NULL;
    }
    list->refs = 1;
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        list->chunks[i] = chunk_acquire(chunks[i]);
    }
    return list;
}

struct chunk_list *
chunk_list_acquire(struct chunk_list *list)
{
    if (list != NULL) {
        __atomic_add_fetch(&list->refs, 1, __ATOMIC_RELAXED);
    }
    return list;
}

void
chunk_list_release(struct chunk_list *list)
{
    if (list != NULL && __atomic_sub_fetch(&list->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        for (size_t i = 0; i < list->count; i++) {
            chunk_release(list->chunks[i]);
        }
        free(list);
    }
}

void
history_done(struct history *history)
{
    layout_release(history->layout);
    head_release(history->head);
    chunk_list_release(history->chunks);
    *history = (struct history){0};
}

/* A dictionary stays as long as chunks refer to it; the one still being written is not history. */
static size_t
count_bytes(const struct history *history)
{
    size_t bytes = 0;
    const struct dictionary *writing = history->layout != NULL ? history->layout->texts : NULL;
    const struct dictionary *counted = writing;
    for (size_t i = 0; i < history->chunks->count; i++) {
        const struct chunk *chunk = history->chunks->chunks[i];
        bytes += chunk_memory(chunk);
        if (chunk->layout->texts != counted) {
            counted = chunk->layout->texts;
            bytes += counted != writing && counted != NULL ? dictionary_memory(counted) : 0;
        }
    }
    return bytes;
}

static size_t
chunk_count(const struct history *history)
{
    return history->chunks != NULL ? history->chunks->count : 0;
}

/* The list with `skip` chunks fewer at the front, and one more at `at`. False, and nothing changed,
 * when out of memory. */
static bool
replace_list(struct history *history, size_t skip, struct chunk *added, size_t at)
{
    size_t count = chunk_count(history);
    struct chunk **chunks = calloc(count + 1, sizeof(*chunks));
    size_t n = 0;
    for (size_t i = skip; chunks != NULL && i <= count; i++) {
        if (added != NULL && i == at) {
            chunks[n++] = added;
        }
        if (i < count) {
            chunks[n++] = history->chunks->chunks[i];
        }
    }
    struct chunk_list *list = chunks != NULL ? chunk_list_new(chunks, n) : NULL;
    free(chunks);
    if (list != NULL) {
        chunk_list_release(history->chunks);
        history->chunks = list;
        history->bytes = count_bytes(history);
    }
    return list != NULL;
}

static void
seal(struct history *history)
{
    struct chunk *chunk =
        history->head_ticks > 0 ? chunk_seal(history->head, history->head_ticks) : NULL;
    if (chunk != NULL) {
        replace_list(history, 0, chunk, chunk_count(history));
        chunk_release(chunk);
    }
    head_release(history->head);
    history->head = NULL;
    history->head_ticks = 0;
}

/* Gives the head's ticks before `at` a chunk of their own, so that something fits between them and
 * the others. False, and nothing changed, when out of memory. */
static bool
split_head(struct history *history, size_t at)
{
    const struct head *head = history->head;
    size_t rest = history->head_ticks - at;
    struct chunk *chunk = chunk_seal(head, at);
    struct head *shorter =
        chunk != NULL && rest > 0 ? head_new(head->layout, head->wall_offset_ns) : NULL;
    bool split = chunk != NULL && (rest == 0 || shorter != NULL) &&
                 replace_list(history, 0, chunk, chunk_count(history));
    chunk_release(chunk);
    if (!split) {
        head_release(shorter);
        return false;
    }
    if (rest > 0) {
        memcpy(shorter->mono_ns, head->mono_ns + at, rest * sizeof(head->mono_ns[0]));
    }
    for (size_t i = 0; rest > 0 && i < head->layout->count; i++) {
        memcpy(shorter->values + i * CHUNK_TICKS, head->values + i * CHUNK_TICKS + at,
               rest * sizeof(head->values[0]));
    }
    head_release(history->head);
    history->head = shorter;
    history->head_ticks = rest;
    return true;
}

/* A chunk of a time when nothing came, between two ticks of the head or behind the last. */
static void
make_room(struct history *history, const struct chunk *chunk)
{
    size_t at = 0;
    while (at < history->head_ticks && history->head->mono_ns[at] < chunk->first_ns) {
        at++;
    }
    if (at > 0 && (at == history->head_ticks || chunk->last_ns < history->head->mono_ns[at])) {
        split_head(history, at);
    }
}

/* Where a chunk belongs; false when it overlaps another, or the head. */
static bool
find_place(const struct history *history, const struct chunk *chunk, size_t *ret_at)
{
    struct chunk *const *chunks = history->chunks != NULL ? history->chunks->chunks : NULL;
    size_t count = chunk_count(history), at = count;
    while (at > 0 && chunks[at - 1]->first_ns > chunk->first_ns) {
        at--;
    }
    *ret_at = at;
    if (at > 0 && chunks[at - 1]->last_ns >= chunk->first_ns) {
        return false;
    }
    if (at < count) {
        return chunk->last_ns < chunks[at]->first_ns;
    }
    return history->head_ticks == 0 || chunk->last_ns < history->head->mono_ns[0];
}

bool
history_add_chunk(struct history *history, struct chunk *chunk)
{
    size_t at;
    make_room(history, chunk);
    return find_place(history, chunk, &at) && replace_list(history, 0, chunk, at);
}

void
history_set_layout(struct history *history, struct layout *layout)
{
    seal(history);
    layout_release(history->layout);
    history->layout = layout_acquire(layout);
}

bool
history_is_due(const struct history *history, struct instant at)
{
    return history->head == NULL || history->head_ticks == CHUNK_TICKS ||
           llabs(at.wall_ns - at.mono_ns - history->head->wall_offset_ns) > NS_PER_S / 2;
}

struct head *
history_begin(struct history *history, struct instant at)
{
    if (history->head != NULL && history_is_due(history, at)) {
        seal(history);
    }
    if (history->head == NULL) {
        history->head = head_new(history->layout, at.wall_ns - at.mono_ns);
    }
    return history->head;
}

void
history_commit(struct history *history, struct instant at)
{
    history->head->mono_ns[history->head_ticks++] = at.mono_ns;
}

int64_t
history_oldest(const struct history *history)
{
    bool any = history->chunks != NULL && history->chunks->count > 0;
    return any ? history->chunks->chunks[0]->first_ns : INT64_MAX;
}

int64_t
history_newest(const struct history *history)
{
    size_t count = chunk_count(history);
    return history->head_ticks > 0 ? history->head->mono_ns[history->head_ticks - 1]
           : count > 0             ? history->chunks->chunks[count - 1]->last_ns
                                   : INT64_MIN;
}

bool
history_drop_oldest(struct history *history)
{
    return history_oldest(history) != INT64_MAX && replace_list(history, 1, NULL, 0);
}
