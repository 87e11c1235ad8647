/* Specials (runtime/mheap.go): each says something of one object: a finalizer, a cleanup, a weak handle, a sample of the profile. They hang on the object's
 * span, in a list by offset. Those that hold a function hold it right behind their common part, in at most three words: a finalizer {fn, nret, fint, ot}, a
 * cleanup {fn, id} or {call, fn, arg}, a weak handle {handle}. */
#ifndef SEEP_HEAP_SPECIALS_H
#define SEEP_HEAP_SPECIALS_H

#include "heap/heap.h"

enum {
    SPECIAL_WORDS = 3
};

enum special_kind {
    SPECIAL_FINALIZER,
    SPECIAL_WEAK,
    SPECIAL_PROFILE, /* the object was sampled by the heap profile; the first word leads to the bucket */
    SPECIAL_OTHER
};

struct special {
    address owner; /* the object's address, as the special tells it */
    enum special_kind kind;
    uint64_t words[SPECIAL_WORDS]; /* what may be pointers */
};

/* Calls `each` for all specials, span by span. Errors: a list can't be read. */
struct error *specials_each(struct heap *heap,
                            void (*each)(void *context, const struct special *special),
                            void *context) NODISCARD;

#endif
