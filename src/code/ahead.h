/* What a frame can still do: the functions that the code ahead of it calls, or takes the value of (for a go statement, a closure, a callback). */
#ifndef SEEP_CODE_AHEAD_H
#define SEEP_CODE_AHEAD_H

#include "base/vector.h"
#include "code/decode.h"
#include "program/program.h"
#include "target/target.h"

struct ahead_call {
    address callee;    /* entry */
    address return_pc; /* 0: its value is taken */
};

struct ahead_calls VECTOR_OF(struct ahead_call);

/* From `pc` on, to which the innermost frame's call returns, or at which it was interrupted; 0: all of the function. Code that can't be followed counts
 * as ahead. The decoder is the caller's. The caller ends the array with VECTOR_DEINIT. */
void ahead_of(struct target *target, const struct program *program, struct decoder *decoder,
              const struct func *func, address pc, struct ahead_calls *calls_ret);

#endif
