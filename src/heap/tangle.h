/* The part of a graph where it is not plain who dominates: places to which several others lead, and all from which such a place can be reached. Whatever
 * else there is hangs on one way: it is dominated by its parent, and has no part in what dominates others. Most of a heap is like that. */
#ifndef SEEP_HEAP_TANGLE_H
#define SEEP_HEAP_TANGLE_H

#include "heap/visit.h"

struct tangle {
    uint32_t count;   /* of places in it, the root among them */
    uint32_t *number; /* by place, of those in it: in the order of a walk depth first */
    uint32_t *place;  /* by number */
    uint32_t *parent; /* by number: of the one it was reached from; of the root 0 */
};

/* `incoming` are the walk's edges backwards. */
void tangle_find(const struct visit *visit, const struct csr *incoming, struct tangle *tangle_ret);
void tangle_free(struct tangle *tangle);

#endif
