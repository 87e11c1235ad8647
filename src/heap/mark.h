/* Marking what can be reached: two bits per object, a stack of fixed size, and a queue of spans for what it has no room for. */
#ifndef SEEP_HEAP_MARK_H
#define SEEP_HEAP_MARK_H

#include "heap/pointers.h"
#include "heap/span_queue.h"

struct numbers VECTOR_OF(uint32_t);

enum {
    MARK_STACK_ROOM = 1 << 15 /* objects: little enough to stay in the processor's cache */
};

struct marker {
    struct heap *heap;
    uint64_t *marked; /* a bit per object, as the next two */
    uint64_t *grey;   /* its pointers are to be followed, and the stack had no room for it */
    uint64_t *watched;
    struct object *stack; /* of MARK_STACK_ROOM: their pointers are to be followed */
    size_t depth;
    struct span_queue queue;               /* spans with grey objects */
    uint64_t pointers[POINTERS_AT_A_TIME]; /* not yet looked up */
    size_t pointer_count;
    struct woken VECTOR_OF(
        uint32_t) woken;     /* watched objects that were reached, in any order, perhaps twice */
    uint64_t objects, bytes; /* marked so far; bytes of whole slots */
    struct numbers *
        collected; /* if somebody asks only what is reached at once: objects are added here, perhaps several times, and not marked */
};

void marker_open(struct heap *heap, struct marker *marker_ret);
void marker_close(struct marker *marker);

/* Marks what a pointer points to, if it points into the heap: by the next marker_drain() at the latest. */
void marker_reach(struct marker *marker, uint64_t word);

/* The same for a word that may be no pointer: a free slot is not marked (runtime/mgcmark.go, scanConservative). */
void marker_reach_guess(struct marker *marker, uint64_t word);

/* The same, and a watched object is woken even if it is marked already: the runtime itself may hold it to wake somebody. */
void marker_reach_perhaps(struct marker *marker, uint64_t word);

/* Follows all pointers of what was marked. */
void marker_drain(struct marker *marker);

static inline bool marker_has(const struct marker *marker, uint32_t number)
{
    return marker->marked[number / 64] >> number % 64 & 1;
}

/* From now on, reaching the object adds it to `woken`. */
void marker_watch(struct marker *marker, struct object object);

/* Marks an object without following its pointers and without counting it: what only hangs on it stays unreached until marker_unhide(). */
static inline void marker_hide(struct marker *marker, uint32_t number)
{
    marker->marked[number / 64] |= UINT64_C(1) << number % 64;
}

/* The pointers of the object are followed (perhaps once more), whether it is marked or not. */
void marker_scan(struct marker *marker, struct object object);

/* The same for a hidden one, which is counted now. */
void marker_unhide(struct marker *marker, struct object object);

#endif
