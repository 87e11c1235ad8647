/* Lists of address ranges: which memory is meant. Sorted by start once extents_order() was called; then none is empty,
 * none overlaps and none touches its neighbour. */
#ifndef SEEP_TARGET_EXTENTS_H
#define SEEP_TARGET_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/vector.h"
#include "target/address.h"

struct extent {
    address start;
    address end;
};
struct extents VECTOR_OF(struct extent);

/* Empty ones are left out. */
void extents_add(struct extents *extents, address start, address end);
void extents_order(struct extents *extents);

/* Of an ordered list: whether it holds an address, and in *end_ret up to where the answer is the same. */
bool extents_hold(const struct extents *extents, address at, address *end_ret);

/* Of an ordered list: how many of its bytes lie in a range. */
uint64_t extents_measure(const struct extents *extents, address start, address end);

#endif
