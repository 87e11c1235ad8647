/* Go's heap at one instant, as its collector sees it: objects by number, their bytes, and which of their words are pointers. Only of targets that
 * stand still: a core file, a frozen process. */
#ifndef SEEP_HEAP_HEAP_H
#define SEEP_HEAP_HEAP_H

#include "heap/objects.h"
#include "heap/type_masks.h"
#include "runtime/internal.h"

struct heap {
    struct runtime *runtime;
    struct target *target;
    struct spans spans;
    struct objects objects;
    struct type_masks masks;
    struct arena_bits *arena_bits; /* up to 1.21 */
    struct pool *pool;
    bool inline_marks; /* 1.26+: small spans end with the collector's own marks ("Green Tea") */
    uint64_t unreadable_bytes; /* of objects that were looked at: a hole in the graph */
    uint64_t guessed_objects;  /* whose words all were taken for pointers */
};

/* Borrows the runtime, which must be of a target that stands still. Errors: the list of spans was not found; this release's
 * heap is not known; too large. */
struct error *heap_open(struct runtime *runtime, struct heap **heap_ret) NODISCARD;
void heap_close(struct heap *heap);

/* The span with its bytes, which are read at the first use; NULL where they can't be read, which is counted, and for noscan ones. */
const struct object_span *heap_contents(struct heap *heap, uint32_t span);

/* A bit for each slot of a span, least first: 1 is allocated. The caller frees. */
uint8_t *heap_allocated(struct heap *heap, uint32_t span);

/* Is the slot allocated? (runtime/mbitmap.go, isFree) What can't be read is. */
bool heap_is_allocated(struct heap *heap, struct object object);

#endif
