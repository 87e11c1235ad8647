/* Where the resident memory is, as far as it can be told from outside. */
#ifndef SEEP_RUNTIME_MEMORYSPLIT_H
#define SEEP_RUNTIME_MEMORYSPLIT_H

#include "runtime/internal.h"
#include "runtime/spans.h"

/* Fills observation->memory; the parts add up to the total. `spans` may be empty: then the heap can't be split and
 * `known` stays false. */
struct error *memory_split(struct runtime *runtime, struct observation *observation,
                           const struct spans *spans) NODISCARD;

#endif
