/* The pointer bits of Go 1.18 to 1.21, which stand in heapArena.bitmap (runtime/mbitmap.go), as one bit per word of a span. */
#ifndef SEEP_HEAP_ARENA_BITS_H
#define SEEP_HEAP_ARENA_BITS_H

#include "heap/pool.h"
#include "runtime/internal.h"
#include "runtime/spans.h"

struct arena_bits;

/* Finds mheap_.arenas by what it holds: heapArena.spans of a known span is that span. */
struct error *arena_bits_open(struct runtime *runtime, const struct spans *spans,
                              struct arena_bits **bits_ret) NODISCARD;
void arena_bits_close(struct arena_bits *bits);

/* One bit per word of the span, set where a pointer is; from the pool. NULL if they can't be read. */
const uint64_t *arena_bits_of(struct arena_bits *bits, struct pool *pool, const struct span *span);

#endif
