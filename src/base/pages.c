/* Small ones are calloc's; large ones are mapped at a huge page's boundary, with their size before
 * what the caller sees. */
#include "flametop/base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "flametop/base/macros.h"

#define HUGE_BYTES ((size_t)2 << 20)
#define PAGE_BYTES ((uintptr_t)65536) /* the largest there are */
#define DROP_BYTES ((size_t)4 << 20)
#define HEAD_BYTES ((size_t)64) /* keeps what follows on cache lines of its own */

struct head {
    size_t mapped; /* 0: calloc's */
};

static size_t
whole_pages(size_t bytes)
{
    return (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

/* The last huge page is asked for where all of it is used, now or when it grows. */
static struct head *
map_pages(size_t bytes, enum pages kind, bool grows)
{
    size_t whole = whole_pages(bytes), huge = grows ? whole : bytes & ~(HUGE_BYTES - 1);
    char *mapped = mmap(NULL, whole + HUGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    size_t before = (HUGE_BYTES - (uintptr_t)mapped % HUGE_BYTES) % HUGE_BYTES;
    if (before > 0) {
        munmap(mapped, before);
    }
    munmap(mapped + before + whole, HUGE_BYTES - before);
    struct head *head = (struct head *)(void *)(mapped + before);
    if (kind != PAGES_PLAIN) { /* refused: others do as well */
        madvise(head, kind == PAGES_HUGE ? huge : whole,
                kind == PAGES_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    }
    head->mapped = whole;
    return head;
}

void *
pages_new(size_t count, size_t bytes, enum pages kind)
{
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all) || all > SIZE_MAX / 2) {
        return NULL;
    }
    all += HEAD_BYTES;
    struct head *head = all < HUGE_BYTES ? calloc(1, all) : map_pages(all, kind, false);
    return head != NULL ? (char *)head + HEAD_BYTES : NULL;
}

void
pages_free(void *pages)
{
    struct head *head = pages != NULL ? (struct head *)(void *)((char *)pages - HEAD_BYTES) : NULL;
    if (head != NULL && head->mapped > 0) {
        munmap(head, head->mapped);
    } else {
        free(head);
    }
}

static struct head *
copy_pages(struct head *head, size_t used, size_t bytes)
{
    struct head *to = map_pages(bytes, PAGES_HUGE, true);
    if (to != NULL && head != NULL) {
        memcpy((char *)to + HEAD_BYTES, (char *)head + HEAD_BYTES, used);
        pages_free((char *)head + HEAD_BYTES);
    }
    return to;
}

/* The pages are those that were there, at addresses where there is room behind them. Where the
 * kernel refuses, what was to take them may be gone or not: its addresses are left alone. */
static struct head *
move_pages(struct head *head, size_t used, size_t bytes)
{
    struct head *to = map_pages(bytes, PAGES_HUGE, true);
    size_t whole = whole_pages(bytes), before = head->mapped;
    if (to == NULL) {
        return NULL;
    }
    if (mremap(head, before, whole, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
        return copy_pages(head, used, bytes);
    }
    to->mapped = whole;
    return to;
}

void *
pages_grow(void *pages, size_t used, size_t bytes)
{
    struct head *head = pages != NULL ? (struct head *)(void *)((char *)pages - HEAD_BYTES) : NULL;
    size_t all;
    if (__builtin_add_overflow(bytes, HEAD_BYTES, &all) || all > SIZE_MAX / 2) {
        return NULL;
    }
    if (head != NULL && head->mapped > 0) {
        head = move_pages(head, used, all);
    } else if (all >= HUGE_BYTES) {
        head = copy_pages(head, used, all);
    } else {
        bool is_new = head == NULL;
        head = realloc(head, all);
        if (head != NULL && is_new) {
            head->mapped = 0;
        }
    }
    return head != NULL ? (char *)head + HEAD_BYTES : NULL;
}

size_t
pages_room(size_t bytes)
{
    return bytes + HEAD_BYTES < HUGE_BYTES ? bytes : whole_pages(bytes + HEAD_BYTES) - HEAD_BYTES;
}

size_t
pages_drop(void *array, size_t bytes, size_t from)
{
    uintptr_t base = (uintptr_t)array, end = base + MIN(bytes, from + DROP_BYTES);
    uintptr_t begin = (base + from + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    end &= ~(PAGE_BYTES - 1);
    if (array != NULL && begin < end) {
        madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return array != NULL ? MIN(bytes, from + DROP_BYTES) : bytes;
}
