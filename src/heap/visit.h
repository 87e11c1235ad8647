/* A breadth-first walk over a graph: which nodes can be reached, in what order they were, and the edges between them. The order numbers them densely, a node
 * after its parent; the way by parents is a shortest one. */
#ifndef SEEP_HEAP_VISIT_H
#define SEEP_HEAP_VISIT_H

#include "base/vector.h"
#include "heap/csr.h"

struct visit {
    uint32_t count;      /* of nodes that were reached: places 0 … count - 1 */
    uint32_t *place;     /* by node; CSR_NONE: not reached */
    uint32_t *node;      /* by place */
    uint32_t *parent;    /* by place: place of the node it was reached from; of the root itself 0 */
    struct csr outgoing; /* edges between places; of a node to itself none */
    struct late_places VECTOR_OF(uint32_t) late; /* to which the root leads besides */
    uint32_t settled;                            /* places below were reached by visit_from() */
};

/* Visits all that can be reached from the root. */
void visit_from(const struct csr *csr, uint32_t root, struct visit *visit_ret);

/* From now on the root leads to this node as well: the walk goes on there, if it was not reached. What is reached only now comes late: its edges to what visit_from()
 * reached do not count. */
void visit_more(const struct csr *csr, struct visit *visit, uint32_t node);

void visit_free(struct visit *visit);

#endif
