/* Objects that Go's own heap profile sampled, about one in every 512 KiB allocated: where each was made (runtime/mprof.go, bucket; Go 1.18 to 1.27). */
#ifndef SEEP_HEAP_SAMPLES_H
#define SEEP_HEAP_SAMPLES_H

#include "base/text.h"
#include "heap/heap.h"

struct sample {
    uint32_t number; /* of the object */
    address
        pc; /* return address in the innermost function that is not the runtime's; 0: not known */
};

struct samples {
    struct sample_list VECTOR_OF(struct sample) list; /* by number */
};

/* What can't be read is left out. */
void samples_read(struct heap *heap, struct samples *samples_ret);
void samples_deinit(struct samples *samples);

/* NULL if the object was not sampled. */
const struct sample *samples_find(const struct samples *samples, uint32_t number);

/* Adds "main.load (cache.go:31)". */
void sample_place(const struct heap *heap, const struct sample *sample, struct text *place);

#endif
