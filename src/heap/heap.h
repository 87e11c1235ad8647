/* Go's heap at one instant, as its collector sees it: objects by number, their bytes, and which of their words are pointers. Only of targets that
 * stand still: a core file, a frozen process. */
#ifndef SEEP_HEAP_HEAP_H
#define SEEP_HEAP_HEAP_H

#include "heap/objects.h"
#include "heap/type_masks.h"
#include "runtime/internal.h"

/* Where the pointers of a span's objects are told (docs/go-runtime.md; runtime/mbitmap.go). */
enum pointer_format {
    POINTERS_NONE,   /* noscan */
    POINTERS_BITS,   /* a bit per word: of the arena up to 1.21, at the span's end since 1.22 */
    POINTERS_HEADER, /* 1.22+: the type stands in the slot's first word */
    POINTERS_LARGE,  /* 1.22+: the type stands in the span */
    POINTERS_ANY,    /* not told: every word may be one */
};

/* What seep holds of a span once it was needed. */
struct span_contents {
    const uint8_t *bytes;
    const uint64_t *bits; /* POINTERS_BITS */
};

struct heap {
    struct runtime *runtime;
    struct target *target;
    struct spans spans;
    struct objects objects;
    struct type_masks masks;
    uint8_t *formats; /* enum pointer_format by span */
    struct span_contents *contents;
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

/* Bytes of a span, read at the first use; NULL where they can't be read, which is counted. */
const struct span_contents *heap_contents(struct heap *heap, uint32_t span);

/* Is the slot allocated? (runtime/mbitmap.go, isFree) What can't be read is. */
bool heap_is_allocated(struct heap *heap, struct object object);

#endif
