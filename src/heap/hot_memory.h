/* Arrays that are looked at in no order: zeroed, on large pages where the kernel has them, because most of the time goes into finding the page. */
#ifndef SEEP_HEAP_HOT_MEMORY_H
#define SEEP_HEAP_HOT_MEMORY_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    HUGE_PAGE = 2 << 20
};

/* To be freed with free(); aborts when memory is out. Sizes are seep's own or have been checked. What is in it is not known. */
static inline void *hot_memory_unset(size_t count, size_t size_bytes)
{
    size_t bytes = (count * size_bytes + 63) & ~(size_t)63;
    size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    bytes = (bytes + alignment - 1) & ~(alignment - 1);
    void *block = aligned_alloc(alignment, bytes);
    if (!block)
        abort();
    if (bytes >= HUGE_PAGE)
        madvise(block, bytes, MADV_HUGEPAGE);
    return block;
}

/* The same, zeroed. */
static inline void *hot_memory(size_t count, size_t size_bytes)
{
    return memset(hot_memory_unset(count, size_bytes), 0, count * size_bytes);
}

#endif
