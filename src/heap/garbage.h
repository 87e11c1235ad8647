/* Garbage that has not been collected: objects that are allocated and that nothing leads to. */
#ifndef SEEP_HEAP_GARBAGE_H
#define SEEP_HEAP_GARBAGE_H

#include "heap/heap.h"

struct garbage {
    uint64_t objects, bytes; /* whole slots */
    uint64_t resident_bytes; /* of these: memory that was never touched costs nothing */
    uint64_t reached_bytes;  /* resident, of the objects that are no garbage */
};

/* How much of the objects of another moment near this one is garbage: garbage comes and goes with collections, what is reached stays. */
static inline uint64_t garbage_among(const struct garbage *garbage, uint64_t objects_bytes)
{
    return objects_bytes > garbage->reached_bytes ? objects_bytes - garbage->reached_bytes : 0;
}

/* By a bit for each object, by number: 1 is reached. Pages are those of the heap's target. */
struct error *garbage_weigh(struct heap *heap, const uint64_t *reached,
                            struct garbage *garbage_ret) NODISCARD;

/* The same after marking all that is reached. The observation is of the same instant, with stacks. */
struct error *garbage_find(struct heap *heap, const struct observation *observation,
                           struct garbage *garbage_ret) NODISCARD;

#endif
