/* How many bytes of the heap are held by a few goroutines, or by deferred calls, and by nothing else: what would be free without them. */
#ifndef SEEP_HEAP_HELD_H
#define SEEP_HEAP_HELD_H

#include "heap/heap.h"

/* Goroutines, or (with defer_pc) the deferred calls that each of them made at one place. */
struct holder {
    const uint32_t *goroutines; /* indices into the observation */
    size_t count;
    address defer_pc; /* 0: the goroutines themselves */
    uint64_t bytes;   /* filled: what only this one holds, or shares with holders behind it */
};

/* Marks all that is reached without the holders, then adds them one after the other. */
struct error *held_measure(struct heap *heap, const struct observation *observation,
                           struct holder *holders, size_t count) NODISCARD;

#endif
