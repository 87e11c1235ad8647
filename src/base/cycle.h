/* Brent's cycle finding for a linked list in foreign memory: the tortoise waits at steps that are powers of two. Starts as {0}. */
#ifndef SEEP_BASE_CYCLE_H
#define SEEP_BASE_CYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct cycle {
    uint64_t tortoise;
    uint64_t power, steps; /* steps since the tortoise moved */
};

/* True if `at`, the next element (never 0), was met before; then cycle->steps + 1 is the loop's length. */
static inline bool cycle_closes(struct cycle *cycle, uint64_t at)
{
    if (at == cycle->tortoise)
        return true;
    if (++cycle->steps >= cycle->power) {
        cycle->tortoise = at;
        cycle->power = cycle->power ? cycle->power * 2 : 1;
        cycle->steps = 0;
    }
    return false;
}

#endif
