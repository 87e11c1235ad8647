/* How often each process's goroutines are counted, so that all together take no more than a share of a core. What one does not need goes to the others.
 *
 * Whoever can be counted every half a minute is: a rise needs six steps over three minutes (trend/accumulation.h), and more often tells it no sooner. What is left
 * then lets the cheap ones be counted more often, up to each sampling. If it does not suffice for that, one waits longer in proportion to the root of what a count of it
 * costs, which makes the waits of all together shortest. */
#ifndef SEEP_AGENT_SHARE_H
#define SEEP_AGENT_SHARE_H

#include <stddef.h>
#include <stdint.h>

/* One waits for pace · √cost, within these bounds. */
struct share {
    double pace, least_ms, most_ms;
};

/* `share`: of a core, for all. `costs_us`: what the last count of each took; 0 of one that was not counted yet. */
struct share share_out(const double *costs_us, size_t count, int64_t interval_ms, double share);

/* How long one waits between two counts; the interval or less: it is counted at each sampling. */
double share_wait_ms(const struct share *share, double cost_us);

#endif
