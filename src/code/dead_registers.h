/* Registers whose contents the code ahead does not use: what an earlier call left in them leads to nothing. */
#ifndef SEEP_CODE_DEAD_REGISTERS_H
#define SEEP_CODE_DEAD_REGISTERS_H

#include "code/decode.h"
#include "program/program.h"
#include "target/target.h"

enum {
    DEAD_VECTOR = 16 /* the bit of X0 */
};

/* Of R12, R13 and R15 on amd64 (10, 11 and 13 in Go's order, operation.h) and X0 to X15 (from DEAD_VECTOR on) those in which nothing lies at `pc` that is still needed as a pointer, a
 * bit each. By Go's calling convention no argument, result or g is in these but floating-point numbers, and no call keeps them (cmd/compile/abi-internal.md), but for the few
 * that the compiler knows to (LoweredWB, DUFFZERO and DUFFCOPY in cmd/compile/internal/ssa/_gen/AMD64Ops.go). `func` must be compiled code, not assembly. What can't be
 * followed, and all on arm64, is not dead. The decoder is the caller's. */
uint32_t dead_registers(struct target *target, const struct program *program,
                        struct decoder *decoder, const struct func *func, address pc);

#endif
