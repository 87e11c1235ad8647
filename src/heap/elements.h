/* How many elements one object holds: a map that has values only, a slice of numbers or the bytes of a buffer are one object, however many there are. */
#ifndef SEEP_HEAP_ELEMENTS_H
#define SEEP_HEAP_ELEMENTS_H

#include "heap/graph.h"
#include "heap/typing.h"

struct elements {
    uint64_t count; /* 0: not known */
    uint64_t since; /* the same at two looks: nobody emptied it between them */
};

/* Of a map as many as it says; of an array as long as the slice is that leads to its start by the shortest way. */
struct elements elements_of(const struct graph *graph, const struct typing *typing, uint32_t place);

#endif
