/* A directed graph in two arrays: the edges of a node stand together, those of node n at to[first[n]] … to[first[n + 1] - 1]. Four bytes an edge. */
#ifndef SEEP_HEAP_CSR_H
#define SEEP_HEAP_CSR_H

#include <stdint.h>
#include <stdlib.h>

enum {
    CSR_NONE = UINT32_MAX /* no node */
};

struct csr {
    uint32_t *first; /* nodes + 1 of them */
    uint32_t *to;
    uint32_t nodes; /* below CSR_NONE */
};

static inline void csr_free(struct csr *csr)
{
    free(csr->first);
    free(csr->to);
    *csr = (struct csr){0};
}

#endif
