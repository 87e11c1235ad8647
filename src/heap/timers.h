/* The timers that the runtime waits for: a heap of them for each P (runtime/time.go; Go 1.18 to 1.22: p.timers is a slice of timers; since 1.23
 * p.timers.heap, of timers with their times, and a channel's timer is in it only while somebody waits on the channel). */
#ifndef SEEP_HEAP_TIMERS_H
#define SEEP_HEAP_TIMERS_H

#include "heap/heap.h"

struct timer {
    address at;   /* of runtime.timer, within the object that has it: a time.Ticker, a time.Timer */
    address list; /* of the array of the P's heap that it was found in */
    address function;  /* what it calls: entry; 0 unknown */
    address argument;  /* the channel of a time.Ticker, the function of time.AfterFunc */
    int64_t period_ns; /* 0: it goes off once */
    int64_t when_ns;   /* CLOCK_MONOTONIC of the target */
};

struct timers VECTOR_OF(struct timer);

/* All timers, at most 2^24. Those whose layout is not known, or that can't be read, are left out. */
void timers_find(struct heap *heap, struct timers *timers_ret);

#endif
