/* The heap as a graph with its holders, at one instant: who keeps what alive, and how many bytes would be free without it. Nodes are the objects, by
 * number, and behind them the holders: each variable, each goroutine, the deferred calls that a goroutine made at one place, groups of
 * goroutines, the runtime's own. What is reached is the same as by marking (mark.h), but that weak pointers do not count.
 *
 * A goroutine that runs, or is about to, passes by: what is reached without it is not held by it, or what a busy program's variables hold would change
 * from one instant to the next.
 *
 * A goroutine's descriptor and its sudogs are the runtime's: they stay when it ends, and wherever they are named that does not hold what hangs on them
 * (hiding.h). The same for the records of deferred calls: they are their frame's. */
#ifndef SEEP_HEAP_GRAPH_H
#define SEEP_HEAP_GRAPH_H

#include "base/vector.h"
#include "heap/csr.h"
#include "heap/heap.h"
#include "heap/visit.h"
#include "program/data_symbols.h"
#include "runtime/groups.h"

enum holder_kind {
    HOLDER_DESCRIPTORS, /* of goroutines, with their sudogs */
    HOLDER_RUNTIME,     /* blocks that tiny objects are put into */
    HOLDER_THREADS,     /* registers and system stacks of threads that run Go code */
    HOLDER_FINALIZERS,  /* what waits to be finalized or cleaned up, or is kept for it only */
    HOLDER_VARIABLE,
    HOLDER_DEFERS,
    HOLDER_GOROUTINE,
    HOLDER_GROUP, /* of goroutines */
    HOLDER_ROOT,  /* all of them */
};

struct graph_holder {
    enum holder_kind kind;
    uint32_t index;       /* of the goroutine, its group */
    address at;           /* of the variable; the pc of the defer statement */
    uint64_t size;        /* of the variable, in bytes; a word if it has no name */
    uint64_t stack_bytes; /* of the goroutine: a part of what it holds */
};

struct graph {
    struct heap *heap;                     /* borrowed */
    const struct observation *observation; /* borrowed */
    const struct data_symbols *symbols;    /* borrowed */
    uint32_t objects;                      /* nodes below this one are objects, by number */
    struct graph_holders VECTOR_OF(struct graph_holder) holders; /* node `objects` + i */
    uint32_t root;                                               /* node; the last one */
    struct visit visit;  /* from the root: what is reached, by place */
    struct csr incoming; /* edges backwards, between places */
    uint32_t *dominator; /* by place */
    uint64_t *
        held; /* by place, in bytes: its own and all that is free without it; of a goroutine its stack too */
    uint64_t reached_objects, reached_bytes; /* without stacks */
    uint64_t edges;
};

/* By an observation of the same instant, with stacks, and its groups; `symbols` names the variables, as far as there are any, and tells which
 * objects of the data belong to them. Borrows the heap, the observation and the symbols. Errors: something could not be read; too many edges (2^32). */
struct error *graph_open(struct heap *heap, const struct observation *observation,
                         const struct group_table *groups, const struct data_symbols *symbols,
                         struct graph **graph_ret) NODISCARD;
void graph_close(struct graph *graph);

/* The place of a node; CSR_NONE if it is not reached. */
static inline uint32_t graph_place(const struct graph *graph, uint32_t node)
{
    return graph->visit.place[node];
}

/* Calls `each` for all objects that are reached, by number. */
void graph_each_object(const struct graph *graph,
                       void (*each)(void *context, uint32_t number, uint32_t place,
                                    uint64_t size_bytes),
                       void *context);

/* The holder at a place, or NULL if an object is there. */
static inline const struct graph_holder *graph_holder_at(const struct graph *graph, uint32_t place)
{
    uint32_t node = graph->visit.node[place];
    return node < graph->objects ? NULL : &graph->holders.at[node - graph->objects];
}

#endif
