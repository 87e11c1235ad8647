/* The shortest way by which something is held: pointer by pointer from the root. */
#ifndef SEEP_HEAP_PATH_H
#define SEEP_HEAP_PATH_H

#include "heap/graph.h"

struct path_step {
    uint32_t place;
    uint64_t
        offset; /* in this object, of the pointer to the next step's; of a variable from its start, modulo 2^64 if it stands in an object of the data
                   that belongs to the variable; UINT64_MAX: not told */
};

struct path VECTOR_OF(
    struct
    path_step); /* the first one is a holder below the root, the last one the object that was asked for */

/* Among several shortest ones any. To be freed with VECTOR_DEINIT. */
void path_to(const struct graph *graph, uint32_t place, struct path *path_ret);

#endif
