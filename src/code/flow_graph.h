/* The question about a loop, asked of a bare graph: nodes are instructions, edges are where
 * execution may go next. Knows nothing of machines or Go, so that tests can hold it against a naive
 * enumeration on random graphs.
 *
 * The caller owns everything; nothing here blocks or fails. Time and memory are linear in nodes +
 * edges. */
#ifndef SEEP_CODE_FLOW_GRAPH_H
#define SEEP_CODE_FLOW_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum way_out {
    WAY_OUT_NONE, /* proven: there is none */
    WAY_OUT_EXISTS,
    WAY_OUT_UNKNOWN, /* some of the code on the way could not be followed */
};

/* If the call is in no loop, loop_exit is EXISTS; UNKNOWN if it may be in one by ways that are not
 * known. */
struct loop_facts {
    bool in_loop;           /* the call can be reached again from itself */
    enum way_out loop_exit; /* out of the loop that holds the call */
    enum way_out returns;   /* from the call to a return of the function */
    unsigned undecoded;     /* places on the way whose instruction is not known */
};

/* What a node is beside its edges. Nodes other than NODE_PLAIN usually end a path. */
enum flow_node {
    NODE_PLAIN,
    NODE_RETURNS, /* the function ends: RET, a jump to another function, runtime.Goexit */
    NODE_STOPS,   /* normal code that never goes on: select{} */
    NODE_FAILS,   /* panics, throws, traps: not a way that a program takes on purpose */
    NODE_OPEN,    /* goes on to places that are not known */
};

struct flow_edge {
    uint32_t from;
    uint32_t to;
};

struct flow_graph {
    const uint8_t *nodes; /* enum flow_node each */
    uint32_t node_count;
    const struct flow_edge *edges;
    size_t edge_count;
};

/* The loop around a node, by node: what belongs to it, and after what nothing but failure can
 * come. */
struct loop {
    bool *nodes;
    bool *doomed;
    struct loop_facts facts;
};

struct loop flow_graph_loop(const struct flow_graph *graph, uint32_t call);
void loop_deinit(struct loop *loop);
#define AUTO_LOOP __attribute__((cleanup(loop_deinit)))

/* The facts alone. Fills all but `undecoded`, which becomes 0. The loop is the strongly connected component of
 * `call`. An edge that leaves it is a way out unless all that can come after it is failure; a way
 * into another loop is one. */
struct loop_facts flow_graph_facts(const struct flow_graph *graph, uint32_t call);

#endif
