/* From machine code to a graph: follows the code of one function, from its first instruction or from
 * a call on, along every way that execution can take on purpose. Works on bytes in place; what lies outside of them is asked
 * of callbacks, so that tests can bring their own. Nothing here blocks but the callbacks. Time and
 * memory are bounded by TRACE_MAX instructions. */
#ifndef SEEP_CODE_TRACE_H
#define SEEP_CODE_TRACE_H

#include "base/vector.h"
#include "code/decode.h"
#include "code/flow_graph.h"

enum {
    TRACE_MAX = 1 << 20,        /* instructions of one function */
    TRACE_BYTES_MAX = 4 << 20,  /* its code */
    TRACE_TABLES_MAX = 1 << 10, /* jump tables */
    TRACE_TABLE_MAX = 1 << 12,  /* entries of one */
    TRACE_RESYNC_MAX = 8,       /* undecodable places behind which it is tried to go on */
};

/* What a call does to the flow, told by the function that is called. */
enum call_effect {
    CALL_RETURNS,
    CALL_DEFERS, /* returns; up to Go 1.24 the test behind it leads to the recovery path */
    CALL_FAILS,  /* panics and throws: what stands behind the call is other code */
    CALL_STOPS,  /* select{}: the same */
    CALL_LEAVES, /* runtime.Goexit and panic(): run the deferred calls, as good as a return */
};

struct code {
    enum architecture arch;
    const uint8_t *bytes;
    size_t size;
    address entry; /* of the first byte */

    /* Each may be NULL: then all calls return; no tables are readable; no instruction is known that
     * starts behind pc (0: none). */
    enum call_effect (*call_effect)(void *context, address callee);
    bool (*read_word)(void *context, address at, uint64_t *value_ret);
    address (*next_known)(void *context, address pc);
    void *context;

    struct decoder *decoder; /* borrowed, so that many functions share one; NULL: one is made */
};

/* One function as a graph: nodes are instructions, found at an offset each; node 0 is the first. */
struct node_ids VECTOR_OF(uint32_t);

struct traced_call {
    uint32_t node;
    address callee; /* 0: through a register or memory */
    address return_pc;
};

struct traced {
    uint32_t *node_at;                            /* by offset: node + 1, 0 if none */
    struct traced_nodes VECTOR_OF(uint8_t) nodes; /* enum flow_node */
    struct traced_nodes conditions; /* enum condition each; the edge taken under it comes first */
    struct node_ids at;             /* by node: its offset */
    struct traced_edges VECTOR_OF(struct flow_edge) edges;
    struct traced_calls VECTOR_OF(struct traced_call) calls;
    unsigned undecoded;
};

void traced_deinit(struct traced *traced);
#define AUTO_TRACED __attribute__((cleanup(traced_deinit)))

/* The graph over the arrays of `traced`, which must outlive it. */
struct flow_graph traced_graph(const struct traced *traced);

/* Follows the function from its first instruction. ERROR_LIMIT if there is more of it than the
 * bounds above. */
struct error *trace_function(const struct code *code, struct traced *traced_ret) NODISCARD;

/* What a function of the runtime's does when it is called, by its name in pclntab. */
enum call_effect call_effect_named(const char *name);

/* The facts for the call that returns to return_pc. ERROR_BAD_DATA if that is not within the code,
 * ERROR_LIMIT if there is more of it than the bounds above. */
struct error *trace_loop(const struct code *code, address return_pc,
                         struct loop_facts *facts_ret) NODISCARD;

#endif
