/* The edges of a walk backwards: who leads to whom. */
#ifndef SEEP_HEAP_INCOMING_H
#define SEEP_HEAP_INCOMING_H

#include "heap/visit.h"

/* By place, where its edges come from, lowest first; those of the root to late places among them. */
void incoming_edges(const struct visit *visit, struct csr *incoming_ret);

#endif
