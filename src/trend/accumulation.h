/* Does a count only ever accumulate? Goroutines of one go statement, deferred calls of one frame: load does not move them, a leak does, and so one is told within
 * minutes, long before bytes can tell. Pure: times come with the counts, on a clock that never runs backwards. */
#ifndef SEEP_TREND_ACCUMULATION_H
#define SEEP_TREND_ACCUMULATION_H

#include <stdbool.h>
#include <stdint.h>

enum accumulation_state {
    ACCUMULATION_QUIET,
    ACCUMULATION_RISES, /* in at least six steps over three minutes, still, and hardly one ever left: enough where a closer look finds that they are stuck */
    ACCUMULATION_STEADY, /* evenly for two hours: enough where what they wait for may come yet */
    ACCUMULATION_LASTS, /* evenly for more than a day, so that no day's load explains it: enough by itself to say that it climbs */
};

enum {
    ACCUMULATION_SLICES = 16
};

struct accumulation {
    int64_t from_ms, last_ms; /* the window; -1: nothing was added yet */
    int64_t rose_ms;          /* the last time that it rose */
    uint32_t count_from, count;
    uint64_t came, went, steps;
    int64_t slice_ms; /* arrivals by time since from_ms; when all slices are full, two become one */
    uint32_t slices[ACCUMULATION_SLICES];
};

void accumulation_init(struct accumulation *rise);

/* `went`: how many of those counted the last time are gone. A fall begins a new window. */
enum accumulation_state accumulation_add(struct accumulation *rise, int64_t at_ms, uint32_t count,
                                         uint32_t went);

/* Arrivals a second with a 95 % interval, as of a Poisson process; all 0 before the second count. */
void accumulation_rate(const struct accumulation *rise, double *rate_ret, double *low_ret,
                       double *high_ret);

/* When it was zero if it always came at this rate; the window's begin if that is not known. May lie before 0. */
int64_t accumulation_since_ms(const struct accumulation *rise);

/* True if it has not risen for so long that it would have, twenty times over: the leak has stopped. */
bool accumulation_stopped(const struct accumulation *rise, int64_t at_ms);

#endif
