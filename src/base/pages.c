/* Small ones are calloc's; large ones are mapped at a huge page's boundary, with their size before
 * what the caller sees. */
#include "flametop/base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "flametop/base/macros.h"

#define HUGE_BYTES ((size_t)2 << 20)
#define PAGE_BYTES ((uintptr_t)65536) /* the largest there are */
#define DROP_BYTES ((size_t)4 << 20)
#define HEAD_BYTES ((size_t)64) /* keeps what follows on cache lines of its own */

struct head {
    size_t mapped; /* 0: calloc's */
};

static struct head *
map_pages(size_t bytes, enum pages kind)
{
    size_t whole = (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
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
        madvise(head, whole, kind == PAGES_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
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
    struct head *head = all < HUGE_BYTES ? calloc(1, all) : map_pages(all, kind);
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
