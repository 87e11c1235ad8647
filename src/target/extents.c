#include "target/extents.h"

#include <stdlib.h>

void extents_add(struct extents *extents, address start, address end)
{
    struct extent *last = extents->length ? &extents->at[extents->length - 1] : NULL;
    if (start >= end)
        return;
    if (last && last->end == start)
        last->end = end;
    else
        VECTOR_PUSH(extents, (struct extent){.start = start, .end = end});
}

static int by_start(const void *left, const void *right)
{
    address a = ((const struct extent *)left)->start;
    address b = ((const struct extent *)right)->start;
    return (a > b) - (a < b);
}

void extents_order(struct extents *extents)
{
    size_t kept = 0;
    if (extents->length)
        qsort(extents->at, extents->length, sizeof(*extents->at), by_start);
    for (size_t i = 0; i < extents->length; i++) {
        struct extent extent = extents->at[i];
        struct extent *last = kept ? &extents->at[kept - 1] : NULL;
        if (last && extent.start <= last->end)
            last->end = extent.end > last->end ? extent.end : last->end;
        else
            extents->at[kept++] = extent;
    }
    extents->length = kept;
}

/* How many start at or before an address. */
static size_t starting_before(const struct extents *extents, address at)
{
    size_t low = 0;
    size_t high = extents->length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (extents->at[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool extents_hold(const struct extents *extents, address at, address *end_ret)
{
    size_t before = starting_before(extents, at);
    if (before && at < extents->at[before - 1].end) {
        *end_ret = extents->at[before - 1].end;
        return true;
    }
    *end_ret = before < extents->length ? extents->at[before].start : UINT64_MAX;
    return false;
}

uint64_t extents_measure(const struct extents *extents, address start, address end)
{
    uint64_t sum = 0;
    size_t before = starting_before(extents, start);
    for (size_t i = before ? before - 1 : 0; i < extents->length && extents->at[i].start < end;
         i++) {
        address from = extents->at[i].start > start ? extents->at[i].start : start;
        address to = extents->at[i].end < end ? extents->at[i].end : end;
        sum += from < to ? to - from : 0;
    }
    return sum;
}
