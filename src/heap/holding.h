/* Who holds what, summed up: the dominator tree with all that has one name under one holder put together. Ten thousand sessions in a map are one line
 * with what they hold. A type that holds more of itself (a list, a tree) is one line as well. */
#ifndef SEEP_HEAP_HOLDING_H
#define SEEP_HEAP_HOLDING_H

#include "heap/graph.h"

enum {
    HOLDING_NONE = UINT32_MAX,
    HOLDINGS_MAX = 1 << 20,
    HOLDING_DEPTH_MAX = 64, /* what is deeper is counted with what is above it */
};

/* A number for what has the same name; the caller of holdings_build() knows the names. With HOLDING_PART it is a part of what has that name, and no member: the
 * buckets of a map. */
typedef uint32_t holding_label;

enum {
    HOLDING_PART = 1 << 30
};

struct holding {
    uint32_t parent;      /* HOLDING_NONE: the whole, which is the first */
    uint32_t first, next; /* child and sibling, most held first; HOLDING_NONE: no more */
    holding_label label;
    uint32_t example;        /* place of its largest member */
    uint64_t members;        /* holders or objects of this name, those put together included */
    uint64_t objects, bytes; /* its own: of members that are objects, and of goroutines' stacks */
    uint64_t held_objects, held_bytes; /* and of all that only they hold */
};

struct holdings {
    struct holding_list VECTOR_OF(struct holding) list; /* a parent before its children */
    uint32_t *of;                                       /* by place */
};

/* `label_of` is asked for each place but the root's. */
void holdings_build(const struct graph *graph,
                    holding_label (*label_of)(void *context, const struct graph *graph,
                                              uint32_t place),
                    void *context, struct holdings *holdings_ret);
void holdings_free(struct holdings *holdings);

#endif
