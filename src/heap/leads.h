/* What leads to a few objects: backwards over the heap, holder by holder, up to the program's variables. A pass over the heap for each step, word by
 * word, so that a look-alike of a pointer counts as one. The runtime's own books are left out: descriptors of goroutines and
 * sudogs say nothing about who could use what they name. */
#ifndef SEEP_HEAP_LEADS_H
#define SEEP_HEAP_LEADS_H

#include "base/u64map.h"
#include "heap/heap.h"

enum {
    LEADS_STEPS_MAX = 8, /* a map of structs with a channel, behind a pointer, has seven */
    LEADS_NODES_MAX = 1 << 19,
    LEADS_EDGES_MAX = 1 << 21,
    LEADS_VARIABLE_BYTES =
        128, /* a pointer to a variable, perhaps a struct, leads to what stands so many bytes behind */
    LEADS_HELD_MAX = LEADS_VARIABLE_BYTES / 8
};

/* A heap object, or a word of the program's variables. */
struct lead {
    address at;
    uint32_t size;
    bool variable;
    bool
        near; /* a variable that points a little before another one: that may be a struct, or a neighbour */
};

/* `from` holds a pointer to `to`. */
struct lead_edge {
    uint32_t from, to;
};

enum {
    LEADS_GIBIBYTES_MAX = 8 /* read for one search: a second or two */
};

struct leads {
    struct heap *heap;
    struct u64map index; /* address -> lead; the objects asked for come first, in their order */
    struct lead_list VECTOR_OF(struct lead) list;
    struct lead_edges VECTOR_OF(struct lead_edge) edges; /* by `from` */
    uint64_t read_bytes;                                 /* of the heap, all steps together */
    bool complete; /* false: there were too many; some ways are missing */
};

/* From the objects at these addresses, which may also be variables. Borrows the heap, for as long as leads_held() is asked. Errors: the
 * variables can't be read. */
struct error *leads_find(struct heap *heap, const struct observation *observation,
                         const address *objects, size_t count, struct leads *leads_ret) NODISCARD;
void leads_deinit(struct leads *leads);

/* The leads that a pointer leads to: the object that it points into; the variables that it points to and shortly behind, all of them. Returns
 * how many. */
size_t leads_held(const struct leads *leads, uint64_t word, uint32_t held_ret[LEADS_HELD_MAX]);

/* The edges from a lead: leads->edges.at[first] … [first + count - 1]. */
size_t leads_from(const struct leads *leads, uint32_t lead, size_t *first_ret);

#endif
