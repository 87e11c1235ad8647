/* The list of goroutines, read in batches without stopping the program. */
#ifndef SEEP_RUNTIME_GOROUTINES_H
#define SEEP_RUNTIME_GOROUTINES_H

#include "runtime/defers.h"
#include "runtime/internal.h"
#include "runtime/waits.h"

/* What one look gathers goroutine by goroutine. */
struct gathering {
    struct runtime *runtime;
    struct observation *observation;
    struct defer_table *defers;
    struct wait_table *waits;
    enum observe_depth depth;
};

/* Reads allgs and all that hangs on each goroutine into the observation. An error only if the list itself can't be read or
 * the process is gone; a goroutine that can't be read is counted in `unread`. */
struct error *goroutines_read(struct gathering *gathering) NODISCARD;

#endif
