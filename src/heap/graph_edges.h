/* The edges of a heap graph while they are gathered: node by node, in order. */
#ifndef SEEP_HEAP_GRAPH_EDGES_H
#define SEEP_HEAP_GRAPH_EDGES_H

#include "heap/csr.h"
#include "heap/mark.h"

/* An edge that no pointer of the object makes, but a special of it. */
struct graph_edge {
    uint32_t from, to;
};
struct graph_edge_list VECTOR_OF(struct graph_edge);

struct graph_edges {
    struct heap *heap;
    const uint64_t *hidden; /* a bit per object: edges to and from it are left out */
    struct numbers first, to;
    bool too_many; /* 2^32: some are missing */
};

void graph_edges_open(struct heap *heap, const uint64_t *hidden, struct graph_edges *edges_ret);

/* An edge between nodes; `from` may not be lower than the last one's. Edges to hidden objects are dropped, as is one that was just added. */
void graph_edges_add(struct graph_edges *edges, uint32_t from, uint32_t to);

/* The same, and none is dropped. */
void graph_edges_add_always(struct graph_edges *edges, uint32_t from, uint32_t to);

bool graph_edges_hide(const struct graph_edges *edges, uint32_t node);

/* All edges from allocated objects. `more` is sorted by `from`. */
void graph_edges_of_objects(struct graph_edges *edges, const struct graph_edge_list *more);

/* Hands them over for `nodes` nodes. ERROR_LIMIT if there were too many. */
struct error *graph_edges_finish(struct graph_edges *edges, uint32_t nodes,
                                 struct csr *csr_ret) NODISCARD;
void graph_edges_close(struct graph_edges *edges);

#endif
