/* What the compiler's own closures call. `defer rows.Close()` makes a closure main.poll.deferwrap1 (main.poll.func1 up to Go
 * 1.21) whose body is that one call; people want to read main.(*Rows).Close. */
#ifndef SEEP_CODE_WRAPPER_H
#define SEEP_CODE_WRAPPER_H

#include "program/program.h"
#include "target/target.h"

struct wrapped {
    const char *function; /* raw, in place; NULL: it is no wrapper, or calls through a pointer */
    address entry;        /* of the physical function; 0 if the call was inlined */
};

/* Did the compiler make the function at `entry` as such a closure? */
bool wrapper_is_one(const struct program *program, address entry);

/* The function that the wrapper at `entry` calls. Reads code only. */
struct wrapped wrapper_callee(struct target *target, const struct program *program, address entry);

#endif
