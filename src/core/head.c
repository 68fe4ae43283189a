/* Layouts and heads. */
#include "flametop/core/head.h"

#include <stdlib.h>
#include <string.h>

#include "dictionary.h"

static uint64_t layout_serials;

static struct layout *
layout_alloc(size_t count)
{
    struct layout *layout = malloc(sizeof(*layout) + count * sizeof(layout->series[0]));
    if (layout == NULL) {
        return NULL;
    }
    layout->refs = 1;
    layout->serial = __atomic_add_fetch(&layout_serials, 1, __ATOMIC_RELAXED);
    layout->texts = NULL;
    layout->count = count;
    return layout;
}

struct layout *
layout_new(const struct series *const *series, size_t count)
{
    struct layout *layout = layout_alloc(count);
    if (layout != NULL && count > 0) {
        memcpy(layout->series, series, count * sizeof(layout->series[0]));
    }
    return layout;
}

struct layout *
layout_new_rows(const struct series *series, size_t count, struct dictionary *texts)
{
    struct layout *layout = layout_alloc(count);
    for (size_t i = 0; layout != NULL && i < count; i++) {
        layout->series[i] = series;
    }
    if (layout != NULL) {
        layout->texts = dictionary_acquire(texts);
    }
    return layout;
}

struct layout *
layout_acquire(struct layout *layout)
{
    __atomic_add_fetch(&layout->refs, 1, __ATOMIC_RELAXED);
    return layout;
}

void
layout_release(struct layout *layout)
{
    if (layout != NULL && __atomic_sub_fetch(&layout->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        dictionary_release(layout->texts);
        free(layout);
    }
}

struct head *
head_new(struct layout *layout, int64_t wall_offset_ns)
{
    struct head *head = malloc(sizeof(*head) + layout->count * CHUNK_TICKS * sizeof(double));
    if (head == NULL) {
        return NULL;
    }
    head->refs = 1;
    head->layout = layout_acquire(layout);
    head->wall_offset_ns = wall_offset_ns;
    return head;
}

struct head *
head_acquire(struct head *head)
{
    __atomic_add_fetch(&head->refs, 1, __ATOMIC_RELAXED);
    return head;
}

void
head_release(struct head *head)
{
    if (head != NULL && __atomic_sub_fetch(&head->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        layout_release(head->layout);
        free(head);
    }
}
