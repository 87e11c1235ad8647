/* Goroutines that still wait as they did when they were looked at: who was judged by what was read later must not have moved meanwhile. */
#ifndef SEEP_RUNTIME_CONFIRM_H
#define SEEP_RUNTIME_CONFIRM_H

#include "runtime/internal.h"

/* still_ret[i] = 1 if the i-th of these goroutines (indices) has the id, state and stack pointer of the observation, else 0. An error if the
 * process is gone. */
struct error *goroutines_confirm(struct runtime *runtime, const struct observation *observation,
                                 const uint32_t *indices, size_t count,
                                 uint8_t *still_ret) NODISCARD;

#endif
