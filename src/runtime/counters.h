/* The runtime's own counters: how much heap lived at the last collection, the goal of the next one, how many there were, what is idle, how
 * large the stacks are. Go keeps them in gcController and memstats (runtime/mgcpacer.go, mstats.go), which have neither a symbol nor a type descriptor in a
 * stripped program. They are found by what they must hold, and by each other: see counters.c. Offsets by release: counter_layouts.c. */
#ifndef SEEP_RUNTIME_COUNTERS_H
#define SEEP_RUNTIME_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "target/target.h"

enum {
    COUNTER_UNKNOWN = -1, /* of an offset: this release does not have it */
    HEAP_STATS = 3        /* copies of heapStatsDelta, which add up */
};

/* Where the fields are, from the start of gcController, of memstats, and of a heapStatsDelta. */
struct counter_layout {
    int minor; /* Go 1.minor and later, up to the next layout */
    int16_t percent, limit, minimum, goal, live, marked, in_use, released, free_, mapped;
    int16_t stats_size, stats_released, stats_in_heap,
        stats_stacks; /* memstats.heapStats is first */
    int16_t collections, last_unix;
};

/* The layout of a release; the newest for one that is newer. NULL before Go 1.18. */
const struct counter_layout *counter_layout_of(int minor);

/* Plain data: addresses in the target, 0 where a thing was not found. */
struct counter_places {
    address live, goal, percent, limit; /* of gcController */
    address in_use, idle, released;
    address stacks[HEAP_STATS];
    address collections, last_unix;
};

struct counters { /* bytes; what is unknown has known… false */
    bool known, heap_known, stats_known;
    uint64_t live, goal;             /* goal 0: none */
    int32_t percent;                 /* GOGC; -1: off */
    int64_t limit;                   /* GOMEMLIMIT; INT64_MAX: none */
    uint64_t in_use, idle, released; /* heap_known */
    uint64_t stacks;                 /* stats_known, as what follows */
    uint32_t collections;
    int64_t last_unix_ns; /* end of the last one; 0: none yet */
};

/* One reading of all that has a place: `requests` is to be fulfilled between the two calls, by whatever reads the target. The struct must not be moved meanwhile. */
struct counter_reading {
    struct counters counters;
    uint64_t stacks[HEAP_STATS];
    struct read_request requests[16];
    size_t count;
};
void counter_reading_init(struct counter_reading *reading, const struct counter_places *places);
struct counters counter_reading_result(const struct counter_reading *reading);

struct runtime;

/* Finds them in a running target; all zero if that fails: see `blind_ret`, which gets a constant text that says what is not known, or NULL. */
void counters_find(struct runtime *runtime, struct counter_places *places_ret,
                   const char **blind_ret);

/* Reads them once. */
struct error *counters_read(struct runtime *runtime, const struct counter_places *places,
                            struct counters *counters_ret) NODISCARD;

#endif
