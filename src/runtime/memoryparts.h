/* What the parts of the resident memory consist of: the heap in use of objects and free slots, stacks of those that hold frames and those that are
 * kept, mapped files of the program and others. It goes beyond memorysplit.h, whose sums it keeps to the byte. */
#ifndef SEEP_RUNTIME_MEMORYPARTS_H
#define SEEP_RUNTIME_MEMORYPARTS_H

#include "runtime/internal.h"
#include "runtime/spans.h"

/* A mapping of a file, as the split comes by it. */
void memory_parts_add_file(struct memory_parts *parts, const struct mapping *mappings, size_t count,
                           size_t index);

/* One that Go does not know of. */
void memory_parts_add_outside(struct memory_parts *parts, const struct mapping *mapping);

/* The rest, of an observation whose memory was split just now. */
struct error *memory_parts_find(struct runtime *runtime, struct observation *observation,
                                const struct spans *spans) NODISCARD;

#endif
