/* Loops and the ways out of them. The strongly connected component of one node needs no Tarjan: it
 * is what the node reaches and what reaches the node. Both walks are plain worklists over adjacency
 * arrays, so that the depth of a hostile graph costs nothing. */
#include "code/flow_graph.h"

#include <stdlib.h>

#include "base/memory.h"
#include "code/adjacency.h"

/* Marks what can be reached from `start` by at least one edge: `start` itself only if it is on a
 * cycle. */
static bool *reach(const struct adjacency *adjacency, uint32_t node_count, uint32_t start)
{
    bool *reached = xcalloc(node_count, sizeof(bool));
    AUTO_FREE uint32_t *work = xmalloc((size_t)node_count * sizeof(uint32_t) + sizeof(uint32_t));
    size_t length = 1;
    work[0] = start;
    while (length > 0) {
        uint32_t node = work[--length];
        for (uint32_t i = adjacency->first[node]; i < adjacency->first[node + 1]; i++) {
            uint32_t to = adjacency->to[i];
            if (reached[to])
                continue;
            reached[to] = true;
            if (to != start)
                work[length++] = to;
        }
    }
    return reached;
}

/* Marks the nodes after which nothing but failure can come: the least set that holds NODE_FAILS,
 * and every node all of whose successors are in it. Nodes on a cycle never are. NODE_OPEN counts as
 * failure here: whether it is one is asked apart. */
static bool *doom(const struct flow_graph *graph, const struct adjacency *forward,
                  const struct adjacency *backward)
{
    bool *doomed = xcalloc(graph->node_count, sizeof(bool));
    AUTO_FREE uint32_t *hopes = xcalloc(graph->node_count, sizeof(uint32_t));
    AUTO_FREE uint32_t *work = xcalloc(graph->node_count, sizeof(uint32_t));
    size_t length = 0;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        hopes[n] = forward->first[n + 1] - forward->first[n];
        bool fails = graph->nodes[n] == NODE_FAILS;
        bool open = graph->nodes[n] == NODE_OPEN && hopes[n] == 0;
        if (fails || open) {
            doomed[n] = true;
            work[length++] = n;
        }
    }
    while (length > 0) {
        uint32_t node = work[--length];
        for (uint32_t i = backward->first[node]; i < backward->first[node + 1]; i++) {
            uint32_t from = backward->to[i];
            if (doomed[from] || --hopes[from] > 0)
                continue;
            if (graph->nodes[from] == NODE_PLAIN || graph->nodes[from] == NODE_OPEN) {
                doomed[from] = true;
                work[length++] = from;
            }
        }
    }
    return doomed;
}

static bool leaves_loop(const struct flow_graph *graph, const bool *in_loop, const bool *doomed)
{
    for (size_t i = 0; i < graph->edge_count; i++) {
        const struct flow_edge *edge = &graph->edges[i];
        if (in_loop[edge->from] && !in_loop[edge->to] && !doomed[edge->to])
            return true;
    }
    return false;
}

struct loop flow_graph_loop(const struct flow_graph *graph, uint32_t call)
{
    struct adjacency forward, backward;
    adjacency_init(&forward, graph, false);
    adjacency_init(&backward, graph, true);
    AUTO_FREE bool *after = reach(&forward, graph->node_count, call);
    bool *in_loop = reach(&backward, graph->node_count, call);
    bool *doomed = doom(graph, &forward, &backward);
    adjacency_deinit(&forward);
    adjacency_deinit(&backward);

    bool returns = false, open = false, loop_returns = false;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        in_loop[n] = in_loop[n] && after[n];
        returns |= after[n] && graph->nodes[n] == NODE_RETURNS;
        open |= after[n] && graph->nodes[n] == NODE_OPEN;
        /* A conditional jump to another function goes on and ends in one node. */
        loop_returns |= in_loop[n] && graph->nodes[n] == NODE_RETURNS;
    }
    enum way_out unproven = open ? WAY_OUT_UNKNOWN : WAY_OUT_NONE;
    bool exits = (!after[call] && !open) || loop_returns || leaves_loop(graph, in_loop, doomed);
    return (struct loop){
        .nodes = in_loop,
        .doomed = doomed,
        .facts = {.in_loop = after[call],
                  .loop_exit = exits ? WAY_OUT_EXISTS : unproven,
                  .returns = returns ? WAY_OUT_EXISTS : unproven},
    };
}

void loop_deinit(struct loop *loop)
{
    free(loop->nodes);
    free(loop->doomed);
    *loop = (struct loop){0};
}

struct loop_facts flow_graph_facts(const struct flow_graph *graph, uint32_t call)
{
    AUTO_LOOP struct loop loop = flow_graph_loop(graph, call);
    return loop.facts;
}
