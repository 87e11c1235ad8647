/* Is a deferred call in a loop, and does that loop end? A proof about machine code ("the loop has
 * no way out") makes the difference between "many deferred calls are pending" and "they will never
 * run". */
#ifndef SEEP_CODE_FLOW_H
#define SEEP_CODE_FLOW_H

#include "code/flow_graph.h"
#include "code/trace.h"
#include "program/program.h"
#include "target/target.h"

/* The facts (flow_graph.h) for the call in func that returns to return_pc, usually one of
 * runtime.deferproc. Normal flow only: panics, recovery and the growing of the stack are no ways
 * out. runtime.Goexit counts as a return, because it runs the deferred calls. May read the target.
 * ERROR_BAD_DATA if return_pc is not in func; ERROR_LIMIT for functions over 4 MiB or a million
 * instructions. */
struct error *flow_defer_loop(struct target *target, const struct program *program,
                              const struct func *func, address return_pc,
                              struct loop_facts *facts_ret) NODISCARD;

/* Follows the function from its first instruction (code/trace.h). The decoder is the caller's, for
 * many functions. */
struct error *flow_function(struct target *target, const struct program *program,
                            const struct func *func, struct decoder *decoder,
                            struct traced *traced_ret) NODISCARD;

#endif
