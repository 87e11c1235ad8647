/* Pending deferred calls: the chain of records of each goroutine and the open-coded ones of its frames (runtime/panic.go). */
#ifndef SEEP_RUNTIME_DEFERS_H
#define SEEP_RUNTIME_DEFERS_H

#include "runtime/internal.h"
#include "runtime/spans.h"
#include "runtime/unwind.h"

struct defer_table {
    struct u64map
        shared; /* sites over several goroutines, by pc and kind -> index in observation->defers */
    uint64_t steps; /* records read so far */
};

/* Adds all pending calls of one goroutine; `head` is g._defer, `unwound` its frames or NULL. Returns how many there are.
 * A chain that can't be followed to its end is counted in `unread`. */
uint64_t defers_add(struct runtime *runtime, struct observation *observation,
                    struct defer_table *table, uint32_t goroutine, address head,
                    const struct unwound *unwound);

void defer_table_deinit(struct defer_table *table);

/* The heap memory of records and closures, by the size classes of the spans that they lie in. */
void defers_weigh(struct observation *observation, const struct spans *spans);

#endif
