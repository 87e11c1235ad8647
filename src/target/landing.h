/* A place in Go's own code where a fork can be made so that the guardian may die at any moment of it.
 *
 * Between the change of a thread's registers and their restoring, the thread would run on with wrong
 * ones if its tracer were killed, and a child that is born then would run as a second copy of the
 * program. runtime.clone (sys_linux_amd64.s, the same in Go 1.18 to 1.27) ends both well:
 *
 *     SYSCALL
 *     CMPQ AX, $0
 *     JEQ  3(PC)
 *     MOVL AX, ret+40(FP)    the parent: just how runtime.futex ends, which has its result in the same
 *     RET                    place. So a thread that slept in runtime.futex is woken, with a result
 *                            that nobody looks at: "sleeps may end for no reason" (lock_futex.go)
 *     MOVQ SI, SP            the child
 *     CMPQ R13, $0           0:
 *     JEQ  nog
 *     ...
 * nog: CALL R12              the next instruction:
 *     MOVL $111, DI          it exits
 *     MOVL $SYS_exit, AX
 *     SYSCALL
 *
 * All this is held against the bytes of the code itself, not against a release. On arm64 the child
 * takes what it calls from memory, which would have to be written: there is no such place. */
#ifndef SEEP_TARGET_LANDING_H
#define SEEP_TARGET_LANDING_H

#include "target/internal.h"

struct landing {
    address call; /* the system call's instruction; 0: not found */
    address exit;
};

/* Looks through the executable's code. */
struct landing landing_find(const struct target *target);

/* Whether what follows a thread's own system call is the end of runtime.futex; `bytes` are those after
 * the instruction. */
enum {
    LANDING_FUTEX_BYTES = 5
};
bool landing_fits(const uint8_t bytes[LANDING_FUTEX_BYTES]);

#endif
