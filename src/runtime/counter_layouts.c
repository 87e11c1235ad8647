/* The one place with offsets of structs that have no type descriptor: gcControllerState (runtime/mgcpacer.go), mstats and heapStatsDelta (runtime/mstats.go).
 * Read from DWARF of builds by each release, for amd64 and arm64, which are alike here. A row is a guess until counters.c has checked what is there. */
#include "base/memory.h"
#include "runtime/counters.h"

enum {
    NO = COUNTER_UNKNOWN
};

static const struct counter_layout layouts[] = {
    {.minor = 18,
     .percent = 0,
     .limit = NO,
     .minimum = 8,
     .goal = 104,
     .live = 120,
     .marked = 168,
     .in_use = NO,
     .released = NO,
     .free_ = NO,
     .mapped = NO,
     .stats_size = NO,
     .stats_released = NO,
     .stats_in_heap = NO,
     .stats_stacks = NO,
     .collections = NO,
     .last_unix = NO},
    {.minor = 19,
     .percent = 0,
     .limit = 8,
     .minimum = 16,
     .goal = 104,
     .live = 136,
     .marked = 184,
     .in_use = 304,
     .released = 312,
     .free_ = 320,
     .mapped = 344,
     .stats_size = 1176,
     .stats_released = 8,
     .stats_in_heap = 16,
     .stats_stacks = 24,
     .collections = 7704,
     .last_unix = 3592},
    {.minor = 20,
     .percent = 0,
     .limit = 8,
     .minimum = 16,
     .goal = 48,
     .live = 80,
     .marked = 128,
     .in_use = 248,
     .released = 256,
     .free_ = 264,
     .mapped = 288,
     .stats_size = 1176,
     .stats_released = 8,
     .stats_in_heap = 16,
     .stats_stacks = 24,
     .collections = 7704,
     .last_unix = 3592},
    {.minor = 21,
     .percent = 0,
     .limit = 8,
     .minimum = 16,
     .goal = 72,
     .live = 104,
     .marked = 152,
     .in_use = 272,
     .released = 280,
     .free_ = 288,
     .mapped = 312,
     .stats_size = 1176,
     .stats_released = 8,
     .stats_in_heap = 16,
     .stats_stacks = 24,
     .collections = 7704,
     .last_unix = 3592},
    {.minor = 25,
     .percent = 0,
     .limit = 8,
     .minimum = 16,
     .goal = 72,
     .live = 104,
     .marked = 152,
     .in_use = 272,
     .released = 280,
     .free_ = 288,
     .mapped = 312,
     .stats_size = 1168,
     .stats_released = 8,
     .stats_in_heap = 16,
     .stats_stacks = 24,
     .collections = 7680,
     .last_unix = 3568},
};

const struct counter_layout *counter_layout_of(int minor)
{
    const struct counter_layout *found = NULL;
    for (size_t i = 0; i < LENGTH_OF(layouts); i++) {
        if (layouts[i].minor <= minor)
            found = &layouts[i];
    }
    return found;
}
