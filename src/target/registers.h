/* General registers as the kernel lays them out, in core files (NT_PRSTATUS) and for a tracer
 * (PTRACE_GETREGSET with NT_PRSTATUS): user_regs_struct on amd64, user_pt_regs on arm64. */
#ifndef SEEP_TARGET_REGISTERS_H
#define SEEP_TARGET_REGISTERS_H

#include "target/target.h"

/* Fills all but the tid; false if the bytes are too few. */
bool registers_decode(bool is_amd64, const uint8_t *bytes, uint64_t size,
                      struct thread_registers *registers_ret);

/* Adds what a thread's registers hold besides: the state that XSAVE writes on amd64 (NT_X86_XSTATE), `old` the 512 bytes of FXSAVE alone (NT_PRFPREG), which lack the
 * upper halves of Y0 to Y15; user_fpsimd_state on arm64 (NT_PRFPREG). */
void registers_decode_vector(bool is_amd64, bool old, const uint8_t *bytes, uint64_t size,
                             struct thread_registers *registers);

/* The entry of a thread in an array that is sorted by tid, or NULL. */
const struct thread_registers *registers_find(const struct thread_registers *threads, size_t count,
                                              pid_t tid);

/* Sorts by tid. */
void registers_sort(struct thread_registers *threads, size_t count);

#endif
