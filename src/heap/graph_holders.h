/* Who holds on to the heap, as nodes of its graph. */
#ifndef SEEP_HEAP_GRAPH_HOLDERS_H
#define SEEP_HEAP_GRAPH_HOLDERS_H

#include "heap/graph.h"
#include "heap/graph_edges.h"

/* What finalizers alone keep: edges of one node, each with the object that the finalizer is of. */
struct finalizer_edges {
    uint32_t node;
    struct numbers owners; /* by edge of the node */
};

/* Gathers all edges, of objects and of holders. `graph` has heap, observation and symbols. `late_ret` are the nodes to which the root leads only for what nothing else
 * reaches: goroutines that run or are about to, which pass by; threads; finalizers, the last one. */
struct error *graph_holders_build(struct graph *graph, const struct group_table *groups,
                                  struct csr *csr_ret, struct numbers *late_ret,
                                  struct finalizer_edges *finalizers_ret) NODISCARD;

#endif
