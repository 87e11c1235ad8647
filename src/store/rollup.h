/* Many samples as fewer points: minimum and maximum survive. */
#ifndef SEEP_STORE_ROLLUP_H
#define SEEP_STORE_ROLLUP_H

#include "store/codec.h"

/* Gathers points of a width from what comes in the order of time. */
struct rollup {
    int64_t step_ms; /* 0: each sample is a point */
    int64_t last_ms; /* of what came last */
    bool any;
    double sum;            /* of the newest point */
    struct points *points; /* borrowed */
};

/* A point of another roll-up, or a sample: then min, max, mean and last are one, and count is 1. What is not newer than what came last is dropped. */
void rollup_add(struct rollup *rollup, const struct point *point);

/* All samples into points of a width. */
void rollup_samples(const struct timed *samples, size_t count, int64_t step_ms,
                    struct points *points_ret);

#endif
