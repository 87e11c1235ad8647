/* The edges of a graph by node, in either direction. */
#ifndef SEEP_CODE_ADJACENCY_H
#define SEEP_CODE_ADJACENCY_H

#include "code/flow_graph.h"

/* The neighbours of node n are to[first[n]] … to[first[n + 1] - 1]. */
struct adjacency {
    uint32_t *first;
    uint32_t *to;
};

void adjacency_init(struct adjacency *adjacency, const struct flow_graph *graph, bool backward);
void adjacency_deinit(struct adjacency *adjacency);

#define AUTO_ADJACENCY __attribute__((cleanup(adjacency_deinit)))

#endif
