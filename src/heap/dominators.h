/* Who holds what: node d dominates node n if every way from the root to n leads through d. Without d, n would be free. The nearest such node is n's
 * immediate dominator; these make a tree. (Lengauer and Tarjan, "A fast algorithm for finding dominators in a flowgraph", 1979, with simple path
 * compression: at most m log n steps, whatever the graph.) */
#ifndef SEEP_HEAP_DOMINATORS_H
#define SEEP_HEAP_DOMINATORS_H

#include "heap/tangle.h"

/* By place, the place of its immediate dominator, which is always lower; of the root 0. The caller frees. */
uint32_t *dominators_find(const struct visit *visit, const struct csr *incoming,
                          const struct tangle *tangle);

#endif
