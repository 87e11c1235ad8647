#include "code/adjacency.h"

#include <stdlib.h>

#include "base/memory.h"

void adjacency_init(struct adjacency *adjacency, const struct flow_graph *graph, bool backward)
{
    adjacency->first = xcalloc((size_t)graph->node_count + 2, sizeof(uint32_t));
    adjacency->to = xcalloc(graph->edge_count + 1, sizeof(uint32_t));
    /* Counted two places up, so that after filling, first[n] has moved to where node n begins. */
    uint32_t *next = adjacency->first + 1;
    for (size_t i = 0; i < graph->edge_count; i++)
        next[(backward ? graph->edges[i].to : graph->edges[i].from) + 1]++;
    for (uint32_t n = 0; n < graph->node_count; n++)
        next[n + 1] += next[n];
    for (size_t i = 0; i < graph->edge_count; i++) {
        const struct flow_edge *edge = &graph->edges[i];
        uint32_t node = backward ? edge->to : edge->from;
        adjacency->to[next[node]++] = backward ? edge->from : edge->to;
    }
}

void adjacency_deinit(struct adjacency *adjacency)
{
    free(adjacency->first);
    free(adjacency->to);
    *adjacency = (struct adjacency){0};
}
