/* Is a deferred call in a loop, and does that loop end? A proof about machine code ("the loop has
 * no way out") makes the difference between "many deferred calls are pending" and "they will never
 * run". */
#ifndef SEEP_CODE_FLOW_H
#define SEEP_CODE_FLOW_H

#include "code/body.h"
#include "code/flow_graph.h"
#include "code/trace.h"
#include "program/program.h"
#include "target/target.h"

/* The facts (flow_graph.h) for the call in func that returns to return_pc, usually one of
 * runtime.deferproc. Normal flow only: failed checks of the runtime's, recovery and the growing of the
 * stack are no ways out. runtime.Goexit and panic() count as returns, because they run the deferred
 * calls. May read the target.
 * ERROR_BAD_DATA if return_pc is not in func; ERROR_LIMIT for functions over 4 MiB or a million
 * instructions. */
struct error *flow_defer_loop(struct target *target, const struct program *program,
                              const struct func *func, address return_pc,
                              struct loop_facts *facts_ret) NODISCARD;

/* A function's code with what the program's tables know of it, ready for trace_function() and
 * values_follow(). Must not be moved while in use: code.context points to it. */
struct function_code {
    struct target *target;
    const struct program *program;
    struct func func;
    struct body body;
    struct code code;
};

/* The decoder is the caller's, so that many functions share one; NULL: trace_function() makes its
 * own. The target and the program must outlive it. */
struct error *flow_open(struct target *target, const struct program *program,
                        const struct func *func, struct decoder *decoder,
                        struct function_code *function_ret) NODISCARD;
void flow_close(struct function_code *function);

#endif
