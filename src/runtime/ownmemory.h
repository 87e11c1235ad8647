/* Which anonymous mappings are the Go runtime's own: its descriptors and tables, outside the heap. */
#ifndef SEEP_RUNTIME_OWNMEMORY_H
#define SEEP_RUNTIME_OWNMEMORY_H

#include "runtime/internal.h"
#include "runtime/spans.h"

/* A byte for each of target_mappings() (as they are now): 1 if something of the runtime's leads there. The caller frees. */
uint8_t *own_memory_find(struct runtime *runtime, const struct spans *spans);

#endif
